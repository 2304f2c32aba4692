"""The session cookie in Better Auth's format (tech §8): `encodeURIComponent(token + "." + base64(HMAC-SHA256(token)))`.

Pure functions. A valid signature only says that we (or the main application, which shares the secret) made the value;
whether the session still holds is for the database to say.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import quote, unquote

PLAIN_NAME = "better-auth.session_token"
SECURE_NAME = f"__Secure-{PLAIN_NAME}"
NAMES = (PLAIN_NAME, SECURE_NAME)

_SIGNATURE_CHARACTERS = 44
# What encodeURIComponent leaves alone beyond what Python's quote() does.
_LEFT_ALONE = "!~*'()"


def name_for(url: str) -> str:
    """The cookie's name where people reach us by `url`. Browsers take `__Secure-` over https only."""
    return SECURE_NAME if url.startswith("https://") else PLAIN_NAME


def signed(token: str, secret: str) -> str:
    """The cookie's value for a token."""
    return quote(f"{token}.{_signature(token, secret)}", safe=_LEFT_ALONE)


def token_of(value: str, secret: str) -> str | None:
    """The token in a signed value, percent-encoded or not; None unless the signature is there and right."""
    token, _, signature = unquote(value).rpartition(".")
    if not token or len(signature) != _SIGNATURE_CHARACTERS:
        return None
    # The texts are compared, not the bytes they stand for: base64 has several spellings of the same bytes, and one
    # session is to have one value.
    right = hmac.compare_digest(_signature(token, secret).encode(), signature.encode())
    return token if right else None


def values_in(cookie_headers: Iterable[str]) -> list[str]:
    """Every session cookie in the raw Cookie headers, under either name.

    Read by hand because a parser into a dictionary would silently choose one of two cookies of the same name, and the
    caller is to refuse those (reliability F115).
    """
    found = []
    for header in cookie_headers:
        for pair in header.split(";"):
            name, equals, value = pair.partition("=")
            if equals and name.strip() in NAMES:
                found.append(value.strip())
    return found


def _signature(token: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), token.encode(), hashlib.sha256)).decode()
