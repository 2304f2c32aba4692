"""The V2 lists beside GET /payments: by cursor, and the attempts of one payment. All of them UNSTABLE (§1.6)."""

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Payment
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.api_v2 import found
from jangbu.sandbox.v2.listing import aware, drift_of, span
from jangbu.sandbox.v2.wire import event_json, payment_json, transaction_json

operations = Operations()
Row = TypeVar("Row")
ROWS_MAX = 1000


class _ByCursor(msgspec.Struct, rename="camel"):
    store_id: str | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    cursor: str | None = None
    size: int | None = None


@operations.add("GET", "/payments-by-cursor")
async def get_payments_by_cursor(call: Call) -> dict[str, Any]:
    """portone-facts §2.13. A payment is where its first attempt began: no change moves it [I: cursor_place]."""
    asked = call.body(_ByCursor)
    store = call.store(asked.store_id)
    begun = [payment for payment in call.world.state.payments.get(store.id, {}).values() if payment.attempts]
    rows = _page(call, asked, begun, lambda payment: (payment.attempts[0].requested_at, payment.id))
    faults, world = call.parts.faults, call.world

    def item(payment: Payment, cursor: str) -> dict[str, Any]:
        return {"payment": faults.bend(call.operation.name, payment_json(world, payment)), "cursor": cursor}

    return {"items": [item(payment, cursor) for payment, cursor in rows]}


@operations.add("GET", "/payment-events-by-cursor")
async def get_payment_events_by_cursor(call: Call) -> dict[str, Any]:
    """portone-facts §2.13: what is nearest to a ledger in V2."""
    asked = call.body(_ByCursor)
    store = call.store(asked.store_id)
    events = [(number, event) for number, event in enumerate(call.world.state.events) if event.store_id == store.id]
    # Of one moment they stay in the order in which they happened.
    rows = _page(call, asked, events, lambda row: (row[1].at, f"{row[0]:012d}"))
    return {"items": [{"paymentEvent": event_json(call.world, event), "cursor": cursor} for (_, event), cursor in rows]}


@operations.add("GET", "/payments/{paymentId}/transactions")
async def get_payment_transactions(call: Call) -> dict[str, Any]:
    """portone-facts §2.13."""
    payment = found(call.world.payment(call.store(call.query("storeId")).id, call.path("paymentId")))
    attempts = payment.attempts
    if not attempts:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    if call.world.inferred.transactions_are_newest_first:
        attempts = attempts[::-1]
    return {"items": [transaction_json(call.world, payment, attempt) for attempt in attempts]}


def _page(
    call: Call, asked: _ByCursor, rows: Iterable[Row], place: Callable[[Row], tuple[datetime, str]]
) -> list[tuple[Row, str]]:
    """The rows after the cursor, each with its own. There is no total: an empty page is the end."""
    size = 10 if asked.size is None else asked.size
    if not 1 <= size <= ROWS_MAX:
        raise ApiError("INVALID_REQUEST", f"size is 1 to {ROWS_MAX}.")
    inferred = call.world.inferred
    since, until = span(asked.from_, asked.until, call.now)
    newest_first = inferred.cursor_lists_are_newest_first
    after = _place_of(asked.cursor) if asked.cursor else None

    def is_wanted(at: datetime) -> bool:
        is_before_end = at <= until if inferred.list_until_is_inclusive else at < until
        return is_before_end and at >= since

    placed = sorted(((*place(row), row) for row in rows if is_wanted(place(row)[0])), key=lambda each: each[:2])
    if newest_first:
        placed.reverse()
    first = 0
    if after is not None:
        first = sum(1 for at, id_, _ in placed if ((at, id_) >= after if newest_first else (at, id_) <= after))
        first = max(first + drift_of(call, is_first=False), 0)
    return [(row, _cursor_at(at, id_)) for at, id_, row in placed[first : first + size]]


def _cursor_at(at: datetime, id_: str) -> str:
    """Opaque to callers."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {id_}".encode()).decode()


def _place_of(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, id_ = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        placed = datetime.fromisoformat(at)
    except (ValueError, binascii.Error):
        raise ApiError("INVALID_REQUEST", "The cursor is not one of ours.") from None
    return aware(placed), id_
