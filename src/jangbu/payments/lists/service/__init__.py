"""Use cases of lists, one file a verb."""
