"""The local PortOne itself: what it knows, and every step it can take, whatever door asks for it."""
