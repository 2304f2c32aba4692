"""A table of payments from elsewhere, read line by line: what each line means, and what is wrong with it. No I/O.

Only payments whose money was taken are brought over: nothing is owed for the others. A payment's id at PortOne is its
key, so a file may be given again, whole or in part.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from jangbu import ids
from jangbu.clock import SEOUL
from jangbu.errors import Refusal
from jangbu.money import Money, checked, vat_included
from jangbu.payments.cancellations.fold import Folded, fold
from jangbu.payments.methods import TYPES, Kind
from jangbu.payments.rules import Payment, Status
from jangbu.payments.seen import SeenCancellation

PAYMENT_COLUMNS = ("paymentId", "orderName", "amount", "currency", "createdAt", "paidAt")
PAYMENT_OPTIONAL = (
    "orderId", "transactionId", "taxFreeAmount", "vatAmount", "channelKey", "pg", "method", "storeId", "api",
)  # fmt: skip
REFUND_COLUMNS = ("paymentId", "cancellationId", "amount", "cancelledAt")
REFUND_OPTIONAL = ("taxFreeAmount", "reason")
TEXT_LONGEST = 200
MERCHANT_UID_LONGEST = 40


class ImportRefused(Refusal):
    """A file with problems changes nothing; each is named by its line."""

    code = "IMPORT_REFUSED"
    http_status = 422
    ko = "파일에 문제가 {count}건 있어 아무것도 가져오지 않았습니다. --dry-run으로 줄마다 확인해 주세요."
    en = "The file has {count} problems, so nothing was imported. --dry-run lists them by line."


class FileUnreadable(Refusal):
    """The file is not a CSV table in UTF-8 with the columns that are needed."""

    code = "IMPORT_FILE_UNREADABLE"
    http_status = 422
    ko = "파일을 읽을 수 없습니다: {why}"
    en = "The file cannot be read: {why}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line of a file. Lines count as an editor shows them, the heading being the first."""

    file: str
    line: int
    column: str
    what: str


T = TypeVar("T")


class _Bad(Exception):  # noqa: N818 (carries one problem out of a reader)
    def __init__(self, column: str, what: str) -> None:
        self.column, self.what = column, what


class _Reading:
    """One line while it is read: what is wrong with a cell is noted, and the next is read.

    Whoever mends a file of thousands of lines wants to be told once.
    """

    def __init__(self, file: str, line: int) -> None:
        self._file, self._line = file, line
        self.problems: list[Problem] = []

    def read(self, otherwise: T, how: Callable[..., T], *given: Any, **named: Any) -> T:
        """What `how` reads, or `otherwise`, which stands in until the problems are told."""
        try:
            return how(*given, **named)
        except _Bad as bad:
            problem = Problem(self._file, self._line, bad.column, bad.what)
            if problem not in self.problems:  # two readers may look at one cell
                self.problems.append(problem)
            return otherwise

    def must(self, holds: bool, column: str, what: str) -> None:
        """Something that cells say together. Asked only where each of them could be read."""
        if not holds:
            self.problems.append(Problem(self._file, self._line, column, what))


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One refund of the file."""

    line: int
    portone_payment_id: str
    seen: SeenCancellation


@dataclass(frozen=True, slots=True)
class Imported:
    """A payment as it will stand, with its refunds."""

    line: int
    captured: Payment
    folded: Folded

    @property
    def payment(self) -> Payment:
        return self.folded.payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What this installation adds to a line."""

    stores: tuple[str, ...]
    tax_profile: str
    now: datetime


@dataclass(slots=True)
class Sums:
    """What a file holds, by currency."""

    payments: int = 0
    refunds: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)

    def add(self, one: Payment, refunds: int) -> None:
        """Count a payment in."""
        self.payments += 1
        self.refunds += refunds
        self.taken[one.currency] = self.taken.get(one.currency, 0) + one.amount
        self.returned[one.currency] = self.returned.get(one.currency, 0) + one.cancelled_amount


def missing_columns(found: Iterable[str], needed: tuple[str, ...], optional: tuple[str, ...]) -> str:
    """Why a heading will not do, or ""; a column that nobody knows may be one that is spelt wrong."""
    names = set(found)
    missing = [name for name in needed if name not in names]
    unknown = sorted(names - {*needed, *optional})
    said = [f"missing columns: {', '.join(missing)}"] if missing else []
    if unknown:
        known = ", ".join((*needed, *optional))
        said += [f"unknown columns: {', '.join(unknown)} (there are {known})"]
    return "; ".join(said)


def refund_of(line: int, row: Mapping[str, str], shop: Shop) -> RefundLine | list[Problem]:
    """One line of the file of refunds, or all that is wrong with it."""
    reading = _Reading("refunds", line)
    read = reading.read
    amount = read(1, _amount, row, "amount")
    tax_free = read(0, _amount, row, "taxFreeAmount") if row.get("taxFreeAmount") else 0
    at = read(shop.now, _moment, row, "cancelledAt", shop.now)
    cancellation_id = read("", _text, row, "cancellationId")
    payment_id = read("", _text, row, "paymentId")
    reason = read("", _text, row, "reason", needed=False)
    reading.must(amount > 0, "amount", "a refund is of something")
    if not reading.problems:
        reading.must(tax_free <= amount, "taxFreeAmount", "is more than the refund")
    if reading.problems:
        return reading.problems
    seen = SeenCancellation(
        id=cancellation_id, status="SUCCEEDED", amount=amount, tax_free=tax_free, reason=reason or "가져온 취소",
        trigger="IMPORTED", pg_id=None, requested_at=at, cancelled_at=at,
    )  # fmt: skip
    return RefundLine(line, payment_id, seen)


def payment_of(line: int, row: Mapping[str, str], refunds: list[RefundLine], shop: Shop) -> Imported | list[Problem]:
    """One line of the file of payments, with its refunds; or all that is wrong with it."""
    reading = _Reading("payments", line)
    captured = _captured(row, reading, shop)
    if reading.problems:
        return reading.problems
    assert captured.paid_at is not None
    for refund in refunds:
        assert refund.seen.cancelled_at is not None
        is_later = refund.seen.cancelled_at >= captured.paid_at
        reading.must(is_later, "paidAt", f"is after its refund of line {refund.line}")
    if reading.problems:
        return reading.problems
    folded = fold(captured, [], [refund.seen for refund in refunds], now=shop.now)
    fits = not folded.payment.review and len(folded.changes) == len(refunds)
    reading.must(fits, "amount", "its refunds are more than it, or one of them stands there twice")
    return reading.problems or Imported(line, captured, folded)


def _captured(row: Mapping[str, str], reading: _Reading, shop: Shop) -> Payment:
    read = reading.read
    amount, currency = read(1, _amount, row, "amount"), read("KRW", _text, row, "currency")
    total = read(Money(1, "KRW"), _money, amount, currency)
    tax_free = read(0, _amount, row, "taxFreeAmount") if row.get("taxFreeAmount") else 0
    stated_vat = read(0, _amount, row, "vatAmount") if row.get("vatAmount") else None
    created_at = read(shop.now, _moment, row, "createdAt", shop.now)
    paid_at = read(shop.now, _moment, row, "paidAt", shop.now)
    store_id = read("", _text, row, "storeId", needed=False) or shop.stores[0]
    reading.must(store_id in shop.stores, "storeId", f"{store_id} is no store of this installation")
    method = read("", _text, row, "method", needed=False)
    reading.must(not method or method in TYPES, "method", f"{method} is none of {', '.join(TYPES)}")
    portone_id = read("", _text, row, "paymentId")
    api = read("v2", _api, row, portone_id)
    order_name = read("", _text, row, "orderName")
    api = read("v2", _api, row, portone_id)
    optional = {
        name: read("", _text, row, name, needed=False) or None
        for name in ("orderId", "transactionId", "channelKey", "pg")
    }
    if not reading.problems:
        reading.must(tax_free <= total.amount_minor, "taxFreeAmount", "is more than the amount")
        reading.must(paid_at >= created_at, "paidAt", "is before createdAt")
        reading.must(
            (stated_vat or 0) <= max(total.amount_minor - tax_free, 0), "vatAmount", "is more than the taxed part"
        )
    vat = 0 if reading.problems else _vat(stated_vat, total, tax_free, shop)
    return Payment(
        id=UUID(ids.from_facts("imported payment", store_id, portone_id)),
        store_id=store_id,
        order_id=optional["orderId"],
        api=api,
        provider_order_id=portone_id,
        provider_transaction_id=optional["transactionId"],
        order_name=order_name,
        amount=total.amount_minor,
        tax_free_amount=tax_free,
        currency=total.currency,
        tax_profile=shop.tax_profile,
        vat_amount=vat,
        status=Status.PAID,
        cancellable_amount=total.amount_minor,
        paid_at=paid_at,
        expires_at=paid_at,
        channel_key=optional["channelKey"],
        pg_provider=optional["pg"],
        method={"type": TYPES[Kind(method)]} if method in TYPES else None,
        created_at=created_at,
    )


def differs_from(known: Payment, one: Imported) -> str:
    """Why a payment that is here already is not the one of the file, or ""."""
    ours = one.payment
    for name in ("store_id", "api", "amount", "currency", "paid_at", "cancelled_amount"):
        if getattr(known, name) != getattr(ours, name):
            return f"is here already, with another {name}: {getattr(known, name)}, not {getattr(ours, name)}"
    return ""


def _text(row: Mapping[str, str], column: str, *, needed: bool = True) -> str:
    value = (row.get(column) or "").strip()
    if needed and not value:
        raise _Bad(column, "is empty")
    if len(value) > TEXT_LONGEST or not value.isprintable():
        raise _Bad(column, f"is longer than {TEXT_LONGEST} characters, or has some that cannot be printed")
    return value


def _api(row: Mapping[str, str], portone_id: str) -> str:
    """By which of PortOne's APIs it was made: whatever is asked about it, or given back of it, goes the same way."""
    api = _text(row, "api", needed=False).lower() or "v2"
    if api not in {"v1", "v2"}:
        raise _Bad("api", "is neither v1 nor v2")
    if api == "v1" and not _text(row, "transactionId", needed=False):
        raise _Bad("transactionId", "is empty: of a payment of V1 it is the imp_uid, without which nothing goes back")
    if api == "v1" and len(portone_id) > MERCHANT_UID_LONGEST:
        raise _Bad("paymentId", f"is longer than a merchant_uid of V1, which has {MERCHANT_UID_LONGEST} characters")
    return api


def _amount(row: Mapping[str, str], column: str) -> int:
    text = (row.get(column) or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise _Bad(
            column, f"{text[:40]!r} is no whole number of minor units (write 15000 for ₩15,000, 1999 for $19.99)"
        )
    return int(text)


def _money(amount: int, currency: str) -> Money:
    try:
        return checked(amount, currency)
    except Refusal as refusal:
        raise _Bad("amount", refusal.sentence("en")) from None


def _moment(row: Mapping[str, str], column: str, now: datetime) -> datetime:
    text = (row.get(column) or "").strip()
    try:
        at = datetime.fromisoformat(text)
        # Without an offset it is Korean time, as our own files have it.
        at = (at if at.tzinfo else at.replace(tzinfo=SEOUL)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Bad(column, f"{text[:40]!r} is no time (2026-08-01 12:00:09, or with an offset)") from None
    if at > now:
        raise _Bad(column, "has not come yet")
    return at


def _vat(stated: int | None, total: Money, tax_free: int, shop: Shop) -> int:
    if stated is not None:
        return stated
    if shop.tax_profile != "taxable":
        return 0
    return vat_included(total, Money(tax_free, total.currency)).amount_minor


def without_change(payment: Payment) -> Payment:
    """The row as a new payment begins, to be written and then moved on."""
    return replace(payment, status=Status.REGISTERING)
