"""What PortOne keeps of its webhooks. A world may hold a million of them, so what is the same in many is kept once, and
what is over is packed; who reads one sees nothing of that.
"""

import base64
import sys
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core.records import ChannelType, DeliveryState, uuid_of

USER_AGENT = "PortOne-Sandbox"
MICROSECOND = timedelta(microseconds=1)
_PAYMENT, _TRANSACTION, _TIME = "\x01", "\x02", "\x03"
"""They stand for what a webhook knows of itself. Neither JSON nor a form has such characters as they are."""


class Try(msgspec.Struct):
    """One POST to a webhook URL and what came back."""

    webhook_id: str
    requested_at: datetime
    headers: dict[str, str]
    responded_at: datetime | None = None
    status: int | None = None
    response_headers: dict[str, str] = {}
    response_body: str = ""
    problem: str | None = None


class Delivery(msgspec.Struct, gc=False):
    """One webhook to one URL: up to 1 + 5 tries (portone-facts §4.3)."""

    number: int
    type: str
    payment_id: str
    store_id: str
    transaction_id: str
    payment_status: str
    environment: ChannelType
    url: str
    content_type: str
    form: str = msgspec.field(name="body")
    """The body, marks standing for its ids and its time: `form_of` makes it."""
    triggered_at: datetime
    next_try_at: datetime
    state: DeliveryState = "WAITING"
    open: list[Try] | None = msgspec.field(default=None, name="tries")
    """Tries that are under way."""
    packed: bytes = b""
    """Those that are over."""
    resends: int = 0
    is_twice: bool = False
    is_before_return: bool = False
    trigger: str | None = None
    """Why it was sent, where PortOne says so: MANUAL and what happens elsewhere (portone-facts §2.12)."""
    is_v1: bool = False
    """Unsigned, and tried again only where the merchant asked for that (portone-facts §4.5)."""
    billing_key: str = ""
    """What it is about instead of a payment, whose ids are empty then."""

    @property
    def id(self) -> str:
        """PortOne's `webhook-id`: made of what no other webhook has, so that it need not be kept."""
        said = f"{self.number} {self.transaction_id or self.billing_key} {self.triggered_at.isoformat()}"
        return f"wh_{uuid_of(said)}"

    @property
    def about(self) -> str:
        """The paymentId or billing key it tells of: what a fault is ordered for."""
        return self.billing_key or self.payment_id

    @property
    def body(self) -> str:
        """What is sent."""
        body = self.form.replace(_TIME, rfc3339(self.triggered_at))
        return body.replace(_TRANSACTION, self.transaction_id).replace(_PAYMENT, self.payment_id)

    @property
    def tries(self) -> list[Try]:
        """Every try, oldest first. A fresh list: `begin` adds to it."""
        return [*(_unpacked(self, each) for each in _rows(self.packed)), *(self.open or ())]

    def begin(self, attempt: Try) -> None:
        """One more try."""
        self.open = [*(self.open or ()), attempt]

    def pack(self) -> None:
        """No try is under way any more."""
        rows = [*_rows(self.packed), *(_packed(self, each) for each in self.open or ())]
        self.packed, self.open = msgspec.msgpack.encode(rows) if rows else b"", None

    def whole(self) -> dict[str, Any]:
        """All of it in words of its own, as a person reads it."""
        shown: dict[str, Any] = msgspec.to_builtins(self)
        del shown["packed"]
        return shown | {"id": self.id, "body": self.body, "tries": msgspec.to_builtins(self.tries)}


class ByPayment:
    """Which webhooks tell of a payment, oldest first. Most have one, which needs no list around it."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Delivery | tuple[Delivery, ...]]] = {}

    def add(self, delivery: Delivery) -> None:
        """One more; what tells of no payment is nobody's."""
        if delivery.payment_id:
            of_store = self._rows.setdefault(delivery.store_id, {})
            before = self.of(delivery.store_id, delivery.payment_id)
            of_store[delivery.payment_id] = (*before, delivery) if before else delivery

    def of(self, store_id: str, payment_id: str) -> tuple[Delivery, ...]:
        found = self._rows.get(store_id, {}).get(payment_id, ())
        return found if isinstance(found, tuple) else (found,)


def form_of(body: str, payment_id: str, transaction_id: str, at: datetime) -> str:
    """The body with marks for these three, one for all webhooks that differ in nothing else."""
    for mark, said in ((_PAYMENT, payment_id), (_TRANSACTION, transaction_id), (_TIME, rfc3339(at))):
        if said:
            body = body.replace(said, mark)
    return sys.intern(body)


def _rows(packed: bytes) -> list[list[Any]]:
    rows: list[list[Any]] = msgspec.msgpack.decode(packed) if packed else []
    return rows


def _packed(delivery: Delivery, attempt: Try) -> list[Any]:
    """What cannot be told from the webhook itself: of PortOne's own headers the signature alone."""
    signature = attempt.headers.get("webhook-signature", "")
    is_usual = attempt.headers == headers_of(delivery, attempt.webhook_id, attempt.requested_at, signature)
    return [
        attempt.webhook_id if attempt.webhook_id != delivery.id else None,
        _micros(attempt.requested_at - delivery.triggered_at),
        _digests(signature) if is_usual else attempt.headers,
        _micros(attempt.responded_at - delivery.triggered_at) if attempt.responded_at is not None else None,
        attempt.status,
        attempt.response_headers,
        attempt.response_body,
        attempt.problem,
    ]


def _unpacked(delivery: Delivery, row: list[Any]) -> Try:
    webhook_id, requested_at, headers, responded_at, *came_back = row
    began = delivery.triggered_at
    webhook_id, at = webhook_id or delivery.id, began + requested_at * MICROSECOND
    if not isinstance(headers, dict):
        headers = headers_of(delivery, webhook_id, at, _signature(headers))
    answered_at = began + responded_at * MICROSECOND if responded_at is not None else None
    return Try(webhook_id, at, headers, answered_at, *came_back)


def headers_of(delivery: Delivery, webhook_id: str, at: datetime, signature: str) -> dict[str, str]:
    """What a webhook is sent with (portone-facts §4.2); V1 signs nothing (§4.5)."""
    shown = {"content-type": delivery.content_type, "user-agent": USER_AGENT}
    if delivery.is_v1:
        return shown
    return shown | {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def _digests(signature: str) -> list[bytes] | str:
    """The digests of a header of `v1,<base64>` alone; another header stays as it is."""
    parts = [each.split(",") for each in signature.split(" ")]
    if any(len(part) != 2 or part[0] != "v1" for part in parts):
        return signature
    return [base64.b64decode(digest) for _, digest in parts]


def _signature(kept: list[bytes] | str) -> str:
    if isinstance(kept, str):
        return kept
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in kept)


def _micros(took: timedelta) -> int:
    return took // MICROSECOND
