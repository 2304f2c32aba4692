"""The use cases of access, by what they are about: keys, staff, sessions."""
