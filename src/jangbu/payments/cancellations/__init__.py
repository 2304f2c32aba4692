"""Giving money back: what is asked, what PortOne says of it, and the adviser before both."""
