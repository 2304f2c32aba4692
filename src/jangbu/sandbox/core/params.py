"""What a shop's page passes to `PortOne.requestPayment`, read strictly and turned into an order
(portone-facts §7.1).
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import msgspec

from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.sandbox.core.countries import CODES
from jangbu.sandbox.core.currencies import EXPONENTS, UNKNOWN
from jangbu.sandbox.core.customers import customer_of
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.methods import OFFERED
from jangbu.sandbox.core.opening import decoded, unreadable
from jangbu.sandbox.core.records import AccountWish, Order, ReceiptWish
from jangbu.sandbox.core.ways import ConvenienceStore, EasyPay, Expiry, Transfer, VirtualAccount, Ways
from jangbu.sandbox.core.world import World

KST = timezone(timedelta(hours=9))


class RequestOrder(Ways, rename="camel", kw_only=True):
    """What every call that pays, or registers what pays, says of it."""

    tax_free_amount: int | None = None
    vat_amount: int | None = None
    notice_urls: list[str] | None = None
    country: str | None = None
    products: list[dict[str, Any]] | None = None
    is_cultural_expense: bool | None = None


class RequestPayment(RequestOrder, rename="camel", kw_only=True):
    """What is read of requestPayment's parameters; `window.parameters` says what becomes of each."""

    payment_id: str
    order_name: str
    total_amount: int
    currency: str
    pay_method: str
    channel_group_id: str | None = None
    is_escrow: bool = False
    confirm_url: str | None = None
    promotion_id: str | None = None


def read(raw: bytes) -> RequestPayment:
    """Refuses, before anything opens, what the SDK would throw: missing or wrong parameters (portone-facts
    §7.1).
    """
    return checked(decoded(raw, RequestPayment))


def checked(asked: RequestPayment) -> RequestPayment:
    """The order as it was asked for. Refuses one that cannot be."""
    if asked.country is not None and asked.country not in CODES:
        raise unreadable("country: two letters of ISO 3166-1")
    if asked.channel_key is None and asked.channel_group_id is None:
        raise unreadable("channelKey | channelGroupId: one of them is required")
    if not asked.payment_id or not asked.order_name:
        raise unreadable("paymentId and orderName must not be empty")
    if asked.currency not in EXPONENTS:
        raise unreadable(UNKNOWN)
    if asked.pay_method not in OFFERED:
        raise unreadable(f"payMethod: one of {', '.join(sorted(OFFERED))}")
    if not 0 < asked.total_amount <= AMOUNT_MINOR_MAX:
        raise unreadable("totalAmount must be above zero")
    tax_free, vat = asked.tax_free_amount or 0, asked.vat_amount or 0
    if tax_free < 0 or vat < 0 or tax_free + vat > asked.total_amount:
        raise unreadable("taxFreeAmount and vatAmount must fit into totalAmount")
    return asked


def order_of(world: World, asked: RequestPayment) -> Order:
    """What is paid for. `customData` is echoed as a string (portone-facts §11)."""
    tax_free = asked.tax_free_amount or 0
    custom = asked.custom_data
    if custom is not None and not isinstance(custom, str):
        custom = msgspec.json.encode(custom).decode()
    vat = asked.vat_amount if asked.vat_amount is not None else world.vat_of(asked.total_amount, tax_free)
    return Order(
        order_name=asked.order_name,
        total_minor=asked.total_amount,
        tax_free_minor=tax_free,
        vat_minor=vat,
        currency=asked.currency,
        customer=customer_of(asked.customer),
        custom_data=custom,
        products=asked.products,
        notice_urls=asked.notice_urls or (),
        country=asked.country,
        is_cultural_expense=asked.is_cultural_expense,
        account=_account(world.inferred, asked),
        is_escrow=asked.is_escrow,
        confirm_url=asked.confirm_url,
        receipt=_receipt(asked),
        promotion_id=asked.promotion_id,
    )


def _receipt(asked: RequestPayment) -> ReceiptWish | None:
    told: dict[str, Transfer | EasyPay | None] = {
        "VIRTUAL_ACCOUNT": asked.virtual_account,
        "TRANSFER": asked.transfer,
        "EASY_PAY": asked.easy_pay,
    }
    wish = told.get(asked.pay_method)
    if wish is None or wish.cash_receipt_type is None:
        return None
    # REST says NO_RECEIPT for ANONYMOUS (§2.11).
    return ReceiptWish(None if wish.cash_receipt_type == "ANONYMOUS" else wish.cash_receipt_type)


def _account(inferred: Inferred, asked: RequestPayment) -> AccountWish | None:
    account = VirtualAccount()
    if asked.pay_method == "CONVENIENCE_STORE":
        counter = asked.convenience_store or ConvenienceStore()
        name, expiry = "convenienceStore.paymentDeadline", counter.payment_deadline
    else:
        account = asked.virtual_account or account
        name, expiry = "virtualAccount.accountExpiry", account.account_expiry
    expiry = expiry or Expiry()
    due_at = None
    if expiry.due_date is not None:
        try:
            due_at = due_of(inferred, expiry.due_date)
        except ValueError:
            raise unreadable(f"{name}.dueDate: not a time") from None
    wish = AccountWish(
        valid_hours=expiry.valid_hours,
        due_at=due_at,
        remittee_name=account.remittee_name,
        is_fixed=account.fixed_option is not None,
        account_number=account.fixed_option.account_number if account.fixed_option is not None else None,
    )
    return wish if wish != AccountWish() else None


def due_of(inferred: Inferred, written: str) -> datetime:
    """A due date (portone-facts §10.15); a day alone is its beginning [I: due_day_alone]. Refuses what is no time."""
    at = datetime.fromisoformat(written)
    try:
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone_of_due_dates(inferred))).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{written} is beyond the years 1 to 9999") from None


def zone_of_due_dates(inferred: Inferred) -> tzinfo:
    """Of those that name no zone [I: due_dates_are_in]."""
    return KST if inferred.due_dates_are_in == "KST" else UTC
