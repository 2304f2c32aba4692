"""Reads across capabilities, for people: what waits for somebody today. It writes nothing."""
