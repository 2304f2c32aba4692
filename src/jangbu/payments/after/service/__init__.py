"""Use cases of what comes with a payment, one file a verb."""
