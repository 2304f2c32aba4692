"""Use cases of payments, one file a verb."""
