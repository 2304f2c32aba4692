"""`/__sandbox__/` in a browser: the sandbox's world, and buttons to bend it."""
