"""The shop's channels at PortOne: which PG, which methods, test or live."""
