"""What PortOne's answers mean to us: the narrow part we read, and everything else kept as it came.

PortOne may add fields, enum values and union members on any day (portone-facts §1.6), so a status, a method
or a channel type is a plain string and nothing unknown is refused. Two things are strict: an answer must say
what it is about (id, status, currency), and money must be whole. An amount that is missing, a float or a
string makes the whole answer unreadable, because a guessed amount is worse than none.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from jangbu.clock import instant
from jangbu.money import AMOUNT_MINOR_MAX

Minor = Annotated[int, msgspec.Meta(ge=-AMOUNT_MINOR_MAX, le=AMOUNT_MINOR_MAX)]
"""Minor units of the payment's own currency, small enough for every JSON reader and for a bigint."""


class Unreadable(ValueError):  # noqa: N818 (a fact about an answer)
    """The bytes are not an answer we can believe. The message names the place, never the content."""


class PaymentStatus(StrEnum):
    """The statuses PortOne documents (portone-facts §2.2). `Payment.status` may hold another one."""

    READY = "READY"
    PAY_PENDING = "PAY_PENDING"
    VIRTUAL_ACCOUNT_ISSUED = "VIRTUAL_ACCOUNT_ISSUED"
    PAID = "PAID"
    FAILED = "FAILED"
    PARTIAL_CANCELLED = "PARTIAL_CANCELLED"
    CANCELLED = "CANCELLED"


class Amount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment's sums, in minor units. Compare orders with `total`: promotions make `paid` smaller."""

    total: Minor
    tax_free: Minor
    discount: Minor
    paid: Minor
    cancelled: Minor
    cancelled_tax_free: Minor
    vat: Minor | None = None
    supply: Minor | None = None


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """The way into a PG that the payer took. `type`, LIVE or TEST, decides whether the money is real."""

    type: str | None
    key: str | None
    id: str | None
    name: str | None
    pg_provider: str | None
    pg_merchant_id: str | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed, in the words of PortOne and of the PG."""

    reason: str | None
    pg_code: str | None
    pg_message: str | None


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """One giving back of money. SUCCEEDED, REQUESTED (not given back yet), FAILED, or a status new to us.

    The amounts are None only where PortOne left them out, which it does for none of the statuses it
    documents.
    """

    status: str
    id: str | None
    total_amount: int | None
    tax_free_amount: int | None
    vat_amount: int | None
    reason: str | None
    trigger: str | None
    pg_cancellation_id: str | None
    requested_at: datetime | None
    cancelled_at: datetime | None
    receipt_url: str | None
    raw: dict[str, Any]

    def __repr__(self) -> str:
        return f"Cancellation(id={self.id!r}, status={self.status!r}, total_amount={self.total_amount!r})"


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A payer's complaint at the PG: UNRESOLVED, RESOLVED, or a status new to us. No amount, and no outcome."""

    status: str
    reason: str | None
    pg_dispute_id: str | None
    created_at: datetime | None
    resolved_at: datetime | None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as PortOne has it now. `raw` is the whole answer, with personal data: never log it."""

    id: str
    status: str
    transaction_id: str | None
    store_id: str | None
    merchant_id: str | None
    version: str | None
    channel: Channel | None
    amount: Amount
    currency: str
    order_name: str | None
    method: dict[str, Any] | None
    requested_at: datetime | None
    updated_at: datetime | None
    status_changed_at: datetime | None
    paid_at: datetime | None
    failed_at: datetime | None
    cancelled_at: datetime | None
    failure: Failure | None
    cancellations: list[Cancellation]
    disputes: list[Dispute]
    pg_tx_id: str | None
    receipt_url: str | None
    raw: dict[str, Any]
    also_paid: list[str] = []
    """Other attempts that took money too: V2 lets one through, V1 shows all that there are."""

    def __repr__(self) -> str:
        total = f"{self.amount.total} {self.currency}"
        return f"Payment(id={self.id!r}, status={self.status!r}, total={total!r})"


class PaymentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list. `unreadable` are the ids of payments in it whose rest we cannot believe ("" without an id)."""

    payments: list[Payment]
    unreadable: list[str]
    total: int


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was paid and given back: of which payment, and when. `cursor` is where the next one begins."""

    events: list[tuple[str, datetime | None]]
    cursor: str


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises Unreadable for anything else, including JSON nested without end.

    U+0000 becomes U+FFFD: a payer can put it into a name, and PostgreSQL stores it neither in text nor in
    jsonb, so one such answer would otherwise fail every job that tries to record it.
    """
    try:
        decoded = msgspec.json.decode(body)
        if b"\\u0000" in body:
            decoded = without_nul(decoded)
    except (ValueError, RecursionError) as failure:
        raise Unreadable(f"not JSON ({type(failure).__name__})") from None
    if not isinstance(decoded, dict):
        raise Unreadable("JSON, but not an object")
    return decoded


def without_nul(value: Any) -> Any:
    """The same JSON value with every U+0000 replaced by U+FFFD."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return value


def text(raw: dict[str, Any], key: str) -> str | None:
    """A string, or None where it is absent, null or of another kind."""
    value = raw.get(key)
    return value if isinstance(value, str) else None


def moment(raw: dict[str, Any], key: str) -> datetime | None:
    """An aware UTC time, or None where it is absent, null or not an RFC 3339 time."""
    value = raw.get(key)
    if not isinstance(value, str):
        return None
    try:
        return instant(value)
    except (ValueError, OverflowError):
        return None


def read_payment(raw: dict[str, Any]) -> Payment:
    """Raises Unreadable when the answer does not say which payment, in what state, or for how much."""
    return Payment(
        id=required(raw, "id"),
        status=required(raw, "status"),
        transaction_id=text(raw, "transactionId"),
        store_id=text(raw, "storeId"),
        merchant_id=text(raw, "merchantId"),
        version=text(raw, "version"),
        channel=read_channel(raw.get("channel")),
        amount=_amount(raw.get("amount")),
        currency=required(raw, "currency"),
        order_name=text(raw, "orderName"),
        method=_object(raw.get("method")),
        requested_at=moment(raw, "requestedAt"),
        updated_at=moment(raw, "updatedAt"),
        status_changed_at=moment(raw, "statusChangedAt"),
        paid_at=moment(raw, "paidAt"),
        failed_at=moment(raw, "failedAt"),
        cancelled_at=moment(raw, "cancelledAt"),
        failure=_failure(raw.get("failure")),
        cancellations=_cancellations(raw.get("cancellations")),
        disputes=_disputes(raw.get("disputes")),
        pg_tx_id=text(raw, "pgTxId"),
        receipt_url=text(raw, "receiptUrl"),
        # Who bought is kept encrypted, for as long as it may be (checkout/service/buyers.py), and so in no other place.
        raw={name: value for name, value in raw.items() if name != "customer"},
    )


def read_event_page(raw: dict[str, Any]) -> EventPage:
    """Raises Unreadable when it is no page. An event that names no payment is left out: there is nothing to ask."""
    items = raw.get("items")
    if not isinstance(items, list):
        raise Unreadable("not a page of events")
    objects = [item for item in items if isinstance(item, dict)]
    events = [_object(item.get("paymentEvent")) or {} for item in objects]
    named = [(name, moment(event, "createdAt")) for event in events if (name := text(event, "paymentId"))]
    return EventPage(events=named, cursor=text(objects[-1], "cursor") or "" if objects else "")


def read_payment_page(raw: dict[str, Any]) -> PaymentPage:
    """Raises Unreadable when it is no page."""
    page = _object(raw.get("page")) or {}
    return payment_page(raw.get("items"), page.get("totalCount"), read=read_payment, id_key="id")


def payment_page(rows: Any, total: Any, *, read: Callable[[dict[str, Any]], Payment], id_key: str) -> PaymentPage:
    """Raises Unreadable when it is no page. One odd payment does not hide the others."""
    if not isinstance(rows, list) or not isinstance(total, int) or isinstance(total, bool):
        raise Unreadable("not a page of payments")
    payments, unreadable = [], []
    for row in (_object(row) or {} for row in rows):
        try:
            payments.append(read(row))
        except Unreadable:
            unreadable.append(text(row, id_key) or "")
    return PaymentPage(payments=payments, unreadable=unreadable, total=total)


def required(raw: dict[str, Any], key: str) -> str:
    """A string that must be there. Raises Unreadable."""
    value = text(raw, key)
    if not value:
        raise Unreadable(f"no {key}")
    return value


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _amount(value: Any) -> Amount:
    try:
        return msgspec.convert(value, Amount)
    except msgspec.ValidationError as failure:
        raise Unreadable(f"amount: {failure}") from None


def _minor(raw: dict[str, Any], key: str) -> int | None:
    try:
        return msgspec.convert(raw.get(key), Minor | None)
    except msgspec.ValidationError as failure:
        raise Unreadable(f"{key}: {failure}") from None


def read_channel(value: Any) -> Channel | None:
    """A channel, or None where there is none."""
    raw = _object(value)
    if raw is None:
        return None
    return Channel(
        type=text(raw, "type"),
        key=text(raw, "key"),
        id=text(raw, "id"),
        name=text(raw, "name"),
        pg_provider=text(raw, "pgProvider"),
        pg_merchant_id=text(raw, "pgMerchantId"),
    )


def _failure(value: Any) -> Failure | None:
    raw = _object(value)
    if raw is None:
        return None
    return Failure(reason=text(raw, "reason"), pg_code=text(raw, "pgCode"), pg_message=text(raw, "pgMessage"))


def _cancellations(value: Any) -> list[Cancellation]:
    if value is None:
        return []
    # Leaving out an entry we cannot read would hide a refund, and the same money could be given back twice.
    if not isinstance(value, list):
        raise Unreadable("cancellations is not a list")
    return [read_cancellation(item) for item in value]


def read_cancellation(value: Any) -> Cancellation:
    """Raises Unreadable when it does not say what state it is in, or states an amount that is none."""
    raw = _object(value)
    if raw is None:
        raise Unreadable("a cancellation is not an object")
    return Cancellation(
        status=required(raw, "status"),
        id=text(raw, "id"),
        total_amount=_minor(raw, "totalAmount"),
        tax_free_amount=_minor(raw, "taxFreeAmount"),
        vat_amount=_minor(raw, "vatAmount"),
        reason=text(raw, "reason"),
        trigger=text(raw, "trigger"),
        pg_cancellation_id=text(raw, "pgCancellationId"),
        requested_at=moment(raw, "requestedAt"),
        cancelled_at=moment(raw, "cancelledAt"),
        receipt_url=text(raw, "receiptUrl"),
        raw=raw,
    )


def _disputes(value: Any) -> list[Dispute]:
    # One that we cannot read names no money either: it does not hide the payment.
    return [
        Dispute(
            status=text(item, "status") or "",
            reason=text(item, "reason"),
            pg_dispute_id=text(item, "pgDisputeId"),
            created_at=moment(item, "createdAt"),
            resolved_at=moment(item, "resolvedAt"),
        )
        for item in (value if isinstance(value, list) else [])
        if isinstance(item, dict)
    ]
