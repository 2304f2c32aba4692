"""PortOne's API V2 (api.portone.io): each operation as a door to the core."""
