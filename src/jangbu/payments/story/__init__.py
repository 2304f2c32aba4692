"""The whole story of one payment, as the console tells it."""
