"""A table of payments from elsewhere, read line by line: what each line means, and what is wrong with it. No I/O.

Only payments whose money was taken are brought over: nothing is owed for the others. A payment's id at PortOne is its
key, so a file may be given again, whole or in part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from jangbu import ids
from jangbu.clock import SEOUL
from jangbu.errors import Refusal
from jangbu.money import Money, checked, vat_included
from jangbu.payments.cancellation_fold import Folded, fold
from jangbu.payments.list_rules import METHODS
from jangbu.payments.rules import Payment, Status
from jangbu.payments.seen import SeenCancellation

PAYMENT_COLUMNS = ("paymentId", "orderName", "amount", "currency", "createdAt", "paidAt")
PAYMENT_OPTIONAL = (
    "orderId", "transactionId", "taxFreeAmount", "vatAmount", "channelKey", "pg", "method", "storeId",
)  # fmt: skip
REFUND_COLUMNS = ("paymentId", "cancellationId", "amount", "cancelledAt")
REFUND_OPTIONAL = ("taxFreeAmount", "reason")
TEXT_LONGEST = 200


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


class _Bad(Exception):  # noqa: N818 (carries one problem out of a reader)
    def __init__(self, column: str, what: str) -> None:
        self.column, self.what = column, what


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
    return "; ".join([*said, f"unknown columns: {', '.join(unknown)}"] if unknown else said)


def refund_of(line: int, row: Mapping[str, str], shop: Shop) -> RefundLine | Problem:
    """One line of the file of refunds."""
    try:
        amount = _amount(row, "amount")
        if amount == 0:
            raise _Bad("amount", "a refund is of something")
        tax_free = _amount(row, "taxFreeAmount") if row.get("taxFreeAmount") else 0
        if tax_free > amount:
            raise _Bad("taxFreeAmount", "is more than the refund")
        at = _moment(row, "cancelledAt", shop.now)
        seen = SeenCancellation(
            id=_text(row, "cancellationId"), status="SUCCEEDED", amount=amount, tax_free=tax_free,
            reason=_text(row, "reason", needed=False) or "가져온 취소", trigger="IMPORTED", pg_id=None,
            requested_at=at, cancelled_at=at,
        )  # fmt: skip
        return RefundLine(line, _text(row, "paymentId"), seen)
    except _Bad as bad:
        return Problem("refunds", line, bad.column, bad.what)


def payment_of(line: int, row: Mapping[str, str], refunds: list[RefundLine], shop: Shop) -> Imported | Problem:
    """One line of the file of payments, with its refunds."""
    try:
        return _payment_of(line, row, refunds, shop)
    except _Bad as bad:
        return Problem("payments", line, bad.column, bad.what)


def _payment_of(line: int, row: Mapping[str, str], refunds: list[RefundLine], shop: Shop) -> Imported:
    total = _money(row)
    tax_free = _amount(row, "taxFreeAmount") if row.get("taxFreeAmount") else 0
    if tax_free > total.amount_minor:
        raise _Bad("taxFreeAmount", "is more than the amount")
    created_at, paid_at = _moment(row, "createdAt", shop.now), _moment(row, "paidAt", shop.now)
    if paid_at < created_at:
        raise _Bad("paidAt", "is before createdAt")
    store_id = _text(row, "storeId", needed=False) or shop.stores[0]
    if store_id not in shop.stores:
        raise _Bad("storeId", f"{store_id} is no store of this installation")
    method = _text(row, "method", needed=False)
    if method and method not in METHODS:
        raise _Bad("method", f"{method} is none of {', '.join(METHODS)}")
    portone_id = _text(row, "paymentId")
    captured = Payment(
        id=UUID(ids.from_facts("imported payment", store_id, portone_id)),
        store_id=store_id,
        order_id=_text(row, "orderId", needed=False) or None,
        provider_order_id=portone_id,
        provider_transaction_id=_text(row, "transactionId", needed=False) or None,
        order_name=_text(row, "orderName"),
        amount=total.amount_minor,
        tax_free_amount=tax_free,
        currency=total.currency,
        tax_profile=shop.tax_profile,
        vat_amount=_vat(row, total, tax_free, shop),
        status=Status.PAID,
        cancellable_amount=total.amount_minor,
        paid_at=paid_at,
        expires_at=paid_at,
        channel_key=_text(row, "channelKey", needed=False) or None,
        pg_provider=_text(row, "pg", needed=False) or None,
        method={"type": METHODS[method]} if method else None,
        created_at=created_at,
    )
    for refund in refunds:
        assert refund.seen.cancelled_at is not None
        if refund.seen.cancelled_at < paid_at:
            raise _Bad("paidAt", f"is after its refund of line {refund.line}")
    folded = fold(captured, [], [refund.seen for refund in refunds], now=shop.now)
    if folded.payment.review or len(folded.changes) != len(refunds):
        raise _Bad("amount", "its refunds are more than it, or one of them stands there twice")
    return Imported(line, captured, folded)


def differs_from(known: Payment, one: Imported) -> str:
    """Why a payment that is here already is not the one of the file, or ""."""
    ours = one.payment
    for name in ("store_id", "amount", "currency", "paid_at", "cancelled_amount"):
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


def _amount(row: Mapping[str, str], column: str) -> int:
    text = (row.get(column) or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise _Bad(column, f"{text[:40]!r} is no whole number of minor units")
    return int(text)


def _money(row: Mapping[str, str]) -> Money:
    amount = _amount(row, "amount")
    try:
        return checked(amount, _text(row, "currency"))
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


def _vat(row: Mapping[str, str], total: Money, tax_free: int, shop: Shop) -> int:
    taxable = total.amount_minor - tax_free
    if row.get("vatAmount"):
        vat = _amount(row, "vatAmount")
        if vat > taxable:
            raise _Bad("vatAmount", "is more than the taxed part")
        return vat
    if shop.tax_profile != "taxable":
        return 0
    return vat_included(total, Money(tax_free, total.currency)).amount_minor


def without_change(payment: Payment) -> Payment:
    """The row as a new payment begins, to be written and then moved on."""
    return replace(payment, status=Status.REGISTERING)
