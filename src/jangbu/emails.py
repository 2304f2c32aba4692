"""What an e-mail address is that mail may be sent to."""

import re

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}")
EMAIL_CHARACTERS_MAX = 254


def is_email(text: str) -> bool:
    """Whether this is one plain e-mail address: ASCII, no display name, nothing that could end a header."""
    return len(text) <= EMAIL_CHARACTERS_MAX and _EMAIL.fullmatch(text) is not None
