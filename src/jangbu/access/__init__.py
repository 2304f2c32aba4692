"""Who is asking, and what they may do: API keys, staff, sessions, roles. Every door declares a rule of ours."""
