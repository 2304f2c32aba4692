"""PortOne's V2 operations on cash receipts."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.sandbox.core import cash_receipts
from jangbu.sandbox.core.currencies import refuse_unknown
from jangbu.sandbox.core.inputs import ProductType
from jangbu.sandbox.core.pg_companies import PgCompany, company_of
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import CashReceipt
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.listing import Page, holds, paged, span
from jangbu.sandbox.v2.wire import receipt_json

operations = Operations()
LISTED_AS = {"ISSUED": "ISSUED", "CANCELLED": "CANCELLED", "ISSUE_FAILED": "FAILED"}
"""The filter has another word for one status than the receipt itself (portone-facts §2.11)."""

TimeField = Literal["ISSUED_AT", "CANCELLED_AT", "STATUS_UPDATED_AT"]


class _Amount(msgspec.Struct, rename="camel"):
    total: int
    tax_free: int = 0
    vat: int | None = None


class _Customer(msgspec.Struct, rename="camel"):
    """Read and forgotten: whose receipt it is, is nobody's business here."""

    identity_number: str
    identity_number_type: Literal["PHONE", "CARD", "BUSINESS"] | None = None
    name: str | None = None
    email: str | None = None
    phone_number: str | None = None


class _Issue(msgspec.Struct, rename="camel"):
    payment_id: str
    channel_key: str
    type: Literal["PERSONAL", "CORPORATE"]
    order_name: str
    currency: str
    amount: _Amount
    customer: _Customer
    store_id: str | None = None
    product_type: ProductType | None = None
    paid_at: datetime | None = None
    business_registration_number: str | None = None
    payment_method: Literal["TRANSFER", "VIRTUAL_ACCOUNT"] | None = None


class _Sort(msgspec.Struct):
    by: TimeField = "ISSUED_AT"
    order: Literal["DESC", "ASC"] = "DESC"


class _Filter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The filters the sandbox has. One that it lacks is refused aloud: ignoring it would list too much."""

    store_id: str | None = None
    time_range_field: TimeField = "ISSUED_AT"
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    payment_id: str | None = None
    order_name: str | None = None
    statuses: list[Literal["ISSUED", "CANCELLED", "FAILED"]] | None = None
    types: list[Literal["PERSONAL", "CORPORATE"]] | None = None
    is_manual: bool | None = None
    pg_receipt_id: str | None = None
    pg_merchant_id: str | None = None
    pg_providers: list[str] | None = None
    pg_companies: list[PgCompany] | None = None
    is_test: bool | None = None
    version: Literal["V1", "V2"] | None = None


class _List(msgspec.Struct):
    page: Page = msgspec.field(default_factory=Page)
    sort: _Sort = msgspec.field(default_factory=_Sort)
    filter: _Filter = msgspec.field(default_factory=_Filter)


@operations.add(
    "POST",
    "/cash-receipts",
    to_pg="`productType`, `paidAt`, `businessRegistrationNumber`, `paymentMethod`, and whose it is",
)
async def issue_cash_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §2.11."""
    asked = call.body(_Issue)
    store = call.store(asked.store_id)
    channel = call.world.state.channels.get(asked.channel_key)
    if channel is None or channel.store_id != store.id:
        raise ApiError("CHANNEL_NOT_FOUND", "The channel is not found.")
    fails = cash_receipts.is_failing(call.parts.faults, asked.payment_id)
    receipt = cash_receipts.issue(
        call.world, store.id, asked.payment_id, channel.key, _content(call, asked), call.now, fails=fails
    )
    if receipt.issue_number is None:
        raise cash_receipts.refusal()
    return {
        "cashReceipt": {
            "issueNumber": receipt.issue_number,
            "url": cash_receipts.url_of(receipt),
            "pgReceiptId": receipt.pg_receipt_id,
        }
    }


@operations.add("GET", "/payments/{paymentId}/cash-receipt")
async def get_cash_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §2.11."""
    store = call.store(call.query("storeId"))
    receipt = cash_receipts.of_payment(call.world, store.id, call.path("paymentId"))
    if receipt is None:
        raise ApiError("CASH_RECEIPT_NOT_FOUND", "The cash receipt is not found.")
    return receipt_json(call.world, receipt)


@operations.add("POST", "/payments/{paymentId}/cash-receipt/cancel")
async def cancel_cash_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §2.11."""
    store = call.store(call.query("storeId"))
    payment_id = call.path("paymentId")
    fails = cash_receipts.is_failing(call.parts.faults, payment_id, cash_receipts.CANCEL)
    receipt = cash_receipts.cancel(call.world, store.id, payment_id, call.now, fails=fails)
    return {"cancelledAmount": receipt.total_minor, "cancelledAt": rfc3339(call.now)}


@operations.add("GET", "/cash-receipts")
async def get_cash_receipts(call: Call) -> dict[str, Any]:
    """portone-facts §2.11: pages like those of GET /payments."""
    asked = call.body(_List)
    store = call.store(asked.filter.store_id)
    times = span(asked.filter.from_, asked.filter.until, call.now)
    rows = [
        row
        for row in call.world.state.cash_receipts
        if row.store_id == store.id and _is_of(times, asked, row) and _passes(call, asked, row)
    ]
    rows.sort(
        key=lambda row: (_at(row, asked.sort.by) or row.status_updated_at, row.number),
        reverse=asked.sort.order == "DESC",
    )
    return paged(rows, asked.page, lambda row: receipt_json(call.world, row))


def _content(call: Call, asked: _Issue) -> cash_receipts.Content:
    amount, vat = asked.amount, asked.amount.vat
    refuse_unknown(asked.currency)
    is_whole = 0 < amount.total <= AMOUNT_MINOR_MAX and amount.tax_free >= 0 and (vat or 0) >= 0
    if not is_whole or amount.tax_free + (vat or 0) > amount.total:
        raise ApiError("INVALID_REQUEST", "amount.total must be above zero, and the parts fit into it.")
    computed = call.world.vat_of(amount.total, amount.tax_free) if vat is None else vat
    return cash_receipts.Content(asked.type, asked.order_name, asked.currency, amount.total, amount.tax_free, computed)


def _is_of(times: tuple[datetime, datetime], asked: _List, row: CashReceipt) -> bool:
    # One that was never issued has no time of issue: its change of state speaks for it [I: failed_receipt_time].
    at = _at(row, asked.filter.time_range_field) or (row.status_updated_at if row.status == "ISSUE_FAILED" else None)
    return at is not None and times[0] <= at <= times[1]


def _passes(call: Call, asked: _List, row: CashReceipt) -> bool:
    wanted = asked.filter
    channel = call.world.state.channels[row.channel_key]
    conditions = (
        (wanted.payment_id, wanted.payment_id == row.payment_id),
        (wanted.order_name, wanted.order_name == row.order_name),
        (wanted.statuses, LISTED_AS[row.status] in (wanted.statuses or ())),
        (wanted.types, row.type in (wanted.types or ())),
        (wanted.is_manual, wanted.is_manual == row.is_manual),
        (wanted.is_test, wanted.is_test == (channel.type == "TEST")),
        (wanted.pg_receipt_id, wanted.pg_receipt_id == row.pg_receipt_id),
        (wanted.version, wanted.version == _version_of(call, row)),
        (wanted.pg_merchant_id, wanted.pg_merchant_id == channel.pg_merchant_id),
        (wanted.pg_providers, channel.pg_provider in (wanted.pg_providers or ())),
        (wanted.pg_companies, company_of(channel.pg_provider) in (wanted.pg_companies or ())),
    )
    return holds(conditions)


def _version_of(call: Call, row: CashReceipt) -> str:
    """That of the payment it is of; one without a payment here came through this API."""
    payment = call.world.payment(row.store_id, row.payment_id)
    attempt = payment.current if payment is not None else None
    return attempt.order.version if attempt is not None else "V2"


def _at(row: CashReceipt, field: TimeField) -> datetime | None:
    match field:
        case "ISSUED_AT":
            return row.issued_at
        case "CANCELLED_AT":
            return row.cancelled_at
        case "STATUS_UPDATED_AT":
            return row.status_updated_at
