"""Signed links to a payer's history: whoever has one is that payer, for as long as it is good. Pure."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from jangbu.checkout.refusals import HistoryLinkInvalid

TOKEN_LONGEST = 1000
_CONTEXT = b"jangbu checkout history link 1"


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose history a link shows: a customer of one store."""

    store_id: str
    customer_id: str


def token_for(payer: Payer, *, until: datetime, secret: str) -> str:
    """What stands in the link. It holds no personal data, only the shop's own name for the payer."""
    facts = [payer.store_id, payer.customer_id, int(until.timestamp())]
    body = _text(json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode())
    return f"{body}.{_signature(body, secret)}"


def payer_of(token: str, *, now: datetime, secret: str) -> Payer:
    """Whose link this is. Raises HistoryLinkInvalid for one that was altered, cut short or is too old."""
    body, _, signature = token.partition(".")
    is_ours = len(token) <= TOKEN_LONGEST and token.isascii()
    if not is_ours or not hmac.compare_digest(signature, _signature(body, secret)):
        raise HistoryLinkInvalid
    # Signed by us, so it has the form we give it.
    store_id, customer_id, until = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if now >= datetime.fromtimestamp(until, UTC):
        raise HistoryLinkInvalid
    return Payer(store_id, customer_id)


def _signature(body: str, secret: str) -> str:
    # The same secret signs session cookies; the context keeps one from passing for the other.
    key = hmac.new(secret.encode(), _CONTEXT, hashlib.sha256).digest()
    return _text(hmac.new(key, body.encode(), hashlib.sha256).digest())


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
