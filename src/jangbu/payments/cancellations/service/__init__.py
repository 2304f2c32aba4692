"""Use cases of giving back, one file a verb."""
