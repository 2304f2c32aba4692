"""Our events to the merchant's own systems: a feed to read, and endpoints that are told."""
