"""Recording how a real PortOne answers, and asking a sandbox the same: `jangbu contract record` and `replay`.

It lives with the sandbox because it judges the sandbox, and shares no code with our own client.
"""
