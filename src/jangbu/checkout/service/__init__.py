"""The use cases of checkout, by verb."""
