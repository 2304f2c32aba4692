"""Who somebody is, by PortOne's word: verified in a window, kept encrypted, forgotten in time (requirements B12)."""
