"""Jangbu (장부, "the books"): a payment back office for merchants on PortOne."""

__version__ = "0.1.0"
