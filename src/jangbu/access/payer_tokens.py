"""The tokens by which a shop's backend vouches for its payers (requirements C3): JWS compact, HS256, nothing else.

A token chooses no algorithm: it must say HS256, which is compared and never followed. It says who the payer is in the
shop's own words (`sub`), for whom it was made (`aud`), with which secret (`kid`), and lives for an hour at most. Which
store it is of is the secret's to say, never the token's. Pure.
"""

import binascii
import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

AUDIENCE = "jangbu"
LIFE_MAX_S = 3600
CLOCKS_DIFFER_S = 60
TOKEN_LONGEST = 2000
CUSTOMER_LONGEST = 100

_PART = re.compile(r"[A-Za-z0-9_-]+")
_KID = re.compile(r"jbp_[A-Za-z0-9]{8}")
_HEADER = {"alg", "typ", "kid"}


class Unfit(Exception):  # noqa: N818 (says what is wrong with a token; to the log only)
    """A token we do not take. Its text goes to our log and to nobody else."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A token whose form is right, and nothing more: nobody has looked at its signature. Its repr tells nothing."""

    kid: str
    signed: bytes
    signature: bytes
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return f"Presented({self.kid})"


def looks_like_one(credential: str) -> bool:
    """Whether this is a JWT rather than anything else of ours: three parts. A session's value has two."""
    return credential.count(".") == 2


def read(token: str) -> Presented:
    """The token taken apart. Raises Unfit."""
    parts = token.split(".")
    if len(token) > TOKEN_LONGEST or len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise Unfit("form")
    header, claims = _object(parts[0]), _object(parts[1])
    # A header we do not know may change what the token means (RFC 7515 §4.1.11); alg is compared, never followed.
    if header.get("alg") != "HS256" or header.get("typ", "JWT") != "JWT" or not set(header) <= _HEADER:
        raise Unfit("header")
    kid = header.get("kid")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise Unfit("kid")
    return Presented(kid, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]), claims)


def customer_of(presented: Presented, secret: str, now: datetime) -> str:
    """The payer, once signature, audience and times are right. Raises Unfit."""
    if not hmac.compare_digest(hmac.digest(secret.encode(), presented.signed, hashlib.sha256), presented.signature):
        raise Unfit("signature")
    claims = presented.claims
    if claims.get("aud") != AUDIENCE:
        raise Unfit("aud")
    made, ends = _second(claims, "iat"), _second(claims, "exp")
    begins = _second(claims, "nbf") if "nbf" in claims else made
    at = now.timestamp()
    if not 0 < ends - made <= LIFE_MAX_S:
        raise Unfit("life")
    if max(made, begins) > at + CLOCKS_DIFFER_S:
        raise Unfit("too early")
    if at >= ends:
        raise Unfit("expired")
    customer = claims.get("sub")
    if not isinstance(customer, str) or not 1 <= len(customer) <= CUSTOMER_LONGEST or not customer.isprintable():
        raise Unfit("sub")
    return customer


def _second(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise Unfit(name)
    return value


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(part), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unfit("json") from None
    if not isinstance(value, dict):
        raise Unfit("json")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two names of which each reader believes another one, we believe neither.
    if len({name for name, _ in pairs}) != len(pairs):
        raise Unfit("name twice")
    return dict(pairs)


def _no_constant(_: str) -> Any:
    raise Unfit("json")


def _bytes(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise Unfit("base64") from None
