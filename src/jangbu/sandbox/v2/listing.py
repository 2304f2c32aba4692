"""GET /payments: pages, filters and their defaults, many of which every list of V2 has (portone-facts §2.13)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec

from jangbu.sandbox.core.faults import Kind
from jangbu.sandbox.core.methods import TYPES_LISTED_AS
from jangbu.sandbox.core.pg_companies import PgProvider
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt, Payment, Store
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import Call
from jangbu.sandbox.v2 import searching
from jangbu.sandbox.v2.wire import payment_json

Row = TypeVar("Row")
ROWS_MAX = 60_000
WINDOW = timedelta(days=90)
FIRST = datetime.min.replace(tzinfo=UTC)
PLATFORMS = {"PC": "SDK_PC", "MOBILE": "SDK_MOBILE", "API": "API"}

ListedStatus = Literal["READY", "PENDING", "VIRTUAL_ACCOUNT_ISSUED", "PAID", "FAILED", "PARTIAL_CANCELLED", "CANCELLED"]
ListedMethod = Literal[
    "CARD", "TRANSFER", "VIRTUAL_ACCOUNT", "GIFT_CERTIFICATE", "MOBILE", "EASY_PAY", "CONVENIENCE_STORE", "CRYPTO"
]
LISTED_AS = {"PAY_PENDING": "PENDING"}
"""The filter has another word for one status than the payment itself (portone-facts §2.2)."""


class TextSearch(msgspec.Struct, rename="camel"):
    field: searching.TextField
    value: str


class Range(msgspec.Struct):
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None


class PaymentsFilter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The filters there are. An unknown one is refused aloud: ignoring it would list too much."""

    merchant_id: str | None = None
    store_id: str | None = None
    timestamp_type: Literal["CREATED_AT", "STATUS_CHANGED_AT"] | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    status: list[ListedStatus] | None = None
    methods: list[ListedMethod] | None = None
    pg_provider: list[PgProvider] | None = None
    is_test: bool | None = None
    is_scheduled: bool | None = None
    sort_by: Literal["REQUESTED_AT", "STATUS_CHANGED_AT"] | None = None
    sort_order: Literal["DESC", "ASC"] | None = None
    version: Literal["V1", "V2"] | None = None
    platform_type: Literal["SDK_MOBILE", "SDK_PC", "API"] | None = None
    currency: str | None = None
    webhook_status: Literal["SUCCEEDED", "FAILED_NOT_OK_RESPONSE", "FAILED_UNEXPECTED_ERROR"] | None = None
    is_escrow: bool | None = None
    escrow_status: (
        Literal["REGISTERED", "DELIVERED", "CONFIRMED", "REJECTED", "CANCELLED", "REJECT_CONFIRMED"] | None
    ) = None
    card_brand: Literal["LOCAL", "MASTER", "UNIONPAY", "VISA", "JCB", "AMEX", "DINERS"] | None = None
    card_type: Literal["CREDIT", "DEBIT", "GIFT"] | None = None
    card_owner_type: Literal["PERSONAL", "CORPORATE"] | None = None
    gift_certificate_type: Literal["BOOKNLIFE", "SMART_MUNSANG", "CULTURELAND", "HAPPYMONEY", "CULTUREGIFT"] | None = (
        None
    )
    cash_receipt_type: Literal["PERSONAL", "CORPORATE", "NO_RECEIPT"] | None = None
    cash_receipt_status: Literal["ISSUED", "CANCELLED"] | None = None
    cash_receipt_issued_at_range: Range | None = None
    cash_receipt_cancelled_at_range: Range | None = None
    text_search: list[TextSearch] | None = None


class Page(msgspec.Struct):
    number: int | None = None
    size: int | None = None


class PaymentsQuery(msgspec.Struct):
    page: Page = msgspec.field(default_factory=Page)
    filter: PaymentsFilter = msgspec.field(default_factory=PaymentsFilter)


def page_of(call: Call, store: Store, query: PaymentsQuery) -> dict[str, Any]:
    """One page, 0-based, 10 rows by default; nothing beyond row 60,000."""
    start, size, number = bounds_of(query.page)
    rows = _rows(call, store, query.filter)
    faults, world = call.parts.faults, call.world
    first = start + drift_of(call, is_first=number == 0)
    shown = rows[first : first + size]
    return {
        "items": [faults.bend(call.operation.name, payment_json(world, payment)) for payment, _ in shown],
        "page": {"number": number, "size": size, "totalCount": len(rows)},
    }


def bounds_of(page: Page) -> tuple[int, int, int]:
    """The first row, the size and the number of a page."""
    number = page.number if page.number is not None else 0
    size = page.size if page.size is not None else 10
    if number < 0 or size < 1 or (number + 1) * size > ROWS_MAX:
        raise ApiError("INVALID_REQUEST", f"page must lie within the first {ROWS_MAX} rows.")
    return number * size, size, number


def paged(rows: Sequence[Row], page: Page, json_of: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    """One page of all the rows there are, as the lists answer it."""
    first, size, number = bounds_of(page)
    return {
        "items": [json_of(row) for row in rows[first : first + size]],
        "page": {"number": number, "size": size, "totalCount": len(rows)},
    }


def holds(conditions: Iterable[tuple[object, object]]) -> bool:
    """Whether a row is wanted. Each condition is what was asked, and whether the row has it.

    What was not asked says nothing, and no more does an empty list of wanted values [I: empty_filters].
    """
    return all(is_so for asked, is_so in conditions if asked is not None and asked != [])


def drift_of(call: Call, *, is_first: bool) -> int:
    """How many rows the list has shifted since the page before: real lists do when rows come or go."""
    if is_first:
        return 0
    if call.parts.faults.take(Kind.PAGE, call.operation.name, None, "page_repeats") is not None:
        return -1
    return 1 if call.parts.faults.take(Kind.PAGE, call.operation.name, None, "page_skips") is not None else 0


def _rows(call: Call, store: Store, wanted: PaymentsFilter) -> list[tuple[Payment, Attempt]]:
    since, until = span(wanted.from_, wanted.until, call.now)
    inclusive = call.world.inferred.list_until_is_inclusive
    by_creation = wanted.timestamp_type == "CREATED_AT"
    sort_by = wanted.sort_by or call.world.inferred.list_sort_by

    def is_wanted(payment: Payment, attempt: Attempt) -> bool:
        at = attempt.requested_at if by_creation else attempt.status_changed_at
        is_in_time = since <= at <= until if inclusive else since <= at < until
        return is_in_time and _passes(call, wanted, payment, attempt)

    rows = [
        (payment, attempt)
        for payment in call.world.state.payments.get(store.id, {}).values()
        if (attempt := payment.current) is not None and is_wanted(payment, attempt)
    ]
    rows.sort(
        key=lambda row: (
            row[1].requested_at if sort_by == "REQUESTED_AT" else row[1].status_changed_at,
            row[1].transaction_id,
        ),
        reverse=wanted.sort_order != "ASC",
    )
    return rows


def _passes(call: Call, wanted: PaymentsFilter, payment: Payment, attempt: Attempt) -> bool:
    world = call.world
    channel = world.channel_of(attempt)
    card = searching.card_of(attempt) or {}
    gift = (attempt.method or {}).get("giftCertificateType")
    escrow_status = (attempt.escrow_told or {}).get("status")
    status = LISTED_AS.get(attempt.status, attempt.status)
    method = TYPES_LISTED_AS[attempt.method["type"]] if attempt.method else None
    conditions = (
        (wanted.merchant_id, wanted.merchant_id == call.world.state.merchant_id),
        (wanted.status, status in (wanted.status or ())),
        (wanted.methods, method in (wanted.methods or ())),
        (wanted.pg_provider, channel.pg_provider in (wanted.pg_provider or ())),
        (wanted.is_test, wanted.is_test == (channel.type == "TEST")),
        (wanted.is_scheduled, wanted.is_scheduled == (attempt.schedule_id is not None)),
        (wanted.version, wanted.version == attempt.order.version),
        (wanted.platform_type, wanted.platform_type == PLATFORMS[attempt.origin["platformType"]]),
        (wanted.currency, wanted.currency == attempt.order.currency),
        (wanted.webhook_status, _is_told(world, wanted.webhook_status, payment, attempt)),
        (wanted.is_escrow, wanted.is_escrow == attempt.order.is_escrow),
        (wanted.escrow_status, wanted.escrow_status == escrow_status),
        (wanted.card_brand, wanted.card_brand == card.get("brand")),
        (wanted.card_type, wanted.card_type == card.get("type")),
        (wanted.card_owner_type, wanted.card_owner_type == card.get("ownerType")),
        (wanted.gift_certificate_type, wanted.gift_certificate_type == gift),
        *_of_receipt(world, wanted, attempt),
        (wanted.text_search, _has_text(world, wanted.text_search or [], attempt)),
    )
    return holds(conditions)


def _is_told(world: World, status: str | None, payment: Payment, attempt: Attempt) -> bool:
    return status is not None and status == searching.webhook_status_of(world, payment, attempt)


def _of_receipt(world: World, wanted: PaymentsFilter, attempt: Attempt) -> list[tuple[Any, bool]]:
    """Conditions on the cash receipt; NO_RECEIPT is a payment without one [I: no_receipt_filter]."""
    issued, cancelled = wanted.cash_receipt_issued_at_range, wanted.cash_receipt_cancelled_at_range
    if not any((wanted.cash_receipt_type, wanted.cash_receipt_status, issued, cancelled)):
        return []
    receipt = searching.receipt_of(world, attempt)
    type_, status = (receipt.type, receipt.status) if receipt is not None else ("NO_RECEIPT", None)

    def is_in(range_: Range | None, at: datetime | None) -> bool:
        given = range_ or Range()
        return searching.is_within(at, aware_or_none(given.from_), aware_or_none(given.until))

    return [
        (wanted.cash_receipt_type, wanted.cash_receipt_type == type_),
        (wanted.cash_receipt_status, wanted.cash_receipt_status == status),
        (issued, is_in(issued, receipt.issued_at if receipt else None)),
        (cancelled, is_in(cancelled, receipt.cancelled_at if receipt else None)),
    ]


def _has_text(world: World, searches: list[TextSearch], attempt: Attempt) -> bool:
    fields = searching.text_fields(world, attempt) if searches else {}
    for search in searches:
        searched = fields.values() if search.field == "ALL" else [fields[search.field]]
        if not any(text is not None and search.value in text for values in searched for text in values):
            return False
    return True


def aware(at: datetime) -> datetime:
    """In UTC. An RFC 3339 time has an offset (portone-facts §1.6): refuses one that has none."""
    if at.tzinfo is None:
        raise ApiError("INVALID_REQUEST", "A time must have a UTC offset.")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ApiError("INVALID_REQUEST", "A time must lie within the years 1 to 9999.") from None


def aware_or_none(at: datetime | None) -> datetime | None:
    """As `aware`, where a time may be left out."""
    return None if at is None else aware(at)


def span(from_: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """What a list looks at: the 90 days before `until`, which is now, where nothing is said (portone-facts §2.13)."""
    end = aware_or_none(until) or now
    return aware_or_none(from_) or end - min(WINDOW, end - FIRST), end
