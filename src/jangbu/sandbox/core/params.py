"""What a shop's page passes to `PortOne.requestPayment`, read strictly and turned into an order
(portone-facts §7.1).
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, TypeVar

import msgspec

from jangbu.money import AMOUNT_MINOR_MAX, EXPONENTS
from jangbu.sandbox.core.countries import CODES
from jangbu.sandbox.core.methods import OFFERED
from jangbu.sandbox.core.problems import UNREADABLE, BrowserRefusal
from jangbu.sandbox.core.records import AccountWish, Order, ReceiptWish, Window
from jangbu.sandbox.core.world import World

MOBILE = re.compile(r"Mobi|Android|iPhone|iPad")
"""What a telephone's browser calls itself."""
KST = timezone(timedelta(hours=9))
PREFIXES = {
    "cashReceiptType": "CASH_RECEIPT_TYPE_",
    "country": "COUNTRY_",
    "currency": "CURRENCY_",
    "gender": "GENDER_",
    "payMethod": "PAY_METHOD_",
}
HOLDERS = ("address", "customer", "transfer", "virtualAccount")
"""What such values are in. The merchant's own `customData` and `products` are left alone."""
Shape = TypeVar("Shape")
WindowType = Literal["IFRAME", "POPUP", "REDIRECTION", "UI"]


class BrowserAddress(msgspec.Struct):
    """A customer's address as the browser gives it."""

    line1: str | None = msgspec.field(default=None, name="addressLine1")
    line2: str | None = msgspec.field(default=None, name="addressLine2")
    city: str | None = None
    province: str | None = None
    country: str | None = None


class BrowserCustomer(msgspec.Struct, rename="camel"):
    """Browser names differ from REST's: `customerId` and `fullName` against `id` and `name`."""

    customer_id: str | None = None
    full_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone_number: str | None = None
    email: str | None = None
    address: BrowserAddress | None = None
    zipcode: str | None = None
    gender: str | None = None
    birth_year: str | None = None
    birth_month: str | None = None
    birth_day: str | None = None


class WindowTypes(msgspec.Struct):
    pc: WindowType | None = None
    mobile: WindowType | None = None


class AccountExpiry(msgspec.Struct, rename="camel"):
    valid_hours: int | None = None
    due_date: str | None = None


class BrowserReceipt(msgspec.Struct, rename="camel"):
    """The cash receipt that a transfer or deposit is to have; REST says NO_RECEIPT for ANONYMOUS (§2.11)."""

    cash_receipt_type: Literal["PERSONAL", "CORPORATE", "ANONYMOUS"] | None = None


class BrowserAccount(BrowserReceipt, rename="camel"):
    """What the merchant says of a virtual account to be issued."""

    account_expiry: AccountExpiry | None = None
    remittee_name: str | None = None


class BrowserCounter(msgspec.Struct, rename="camel"):
    """Until when a convenience store takes the money."""

    payment_deadline: AccountExpiry | None = None


class RequestPayment(msgspec.Struct, rename="camel"):
    """The parameters the sandbox reads; others are ignored."""

    store_id: str
    payment_id: str
    order_name: str
    total_amount: int
    currency: str
    pay_method: str
    channel_key: str | None = None
    channel_group_id: str | None = None
    tax_free_amount: int | None = None
    vat_amount: int | None = None
    customer: BrowserCustomer | None = None
    window_type: WindowTypes | None = None
    redirect_url: str | None = None
    force_redirect: bool = False
    notice_urls: list[str] | None = None
    locale: str | None = None
    custom_data: Any = None
    country: str | None = None
    products: list[dict[str, Any]] | None = None
    is_cultural_expense: bool | None = None
    virtual_account: BrowserAccount | None = None
    transfer: BrowserReceipt | None = None
    convenience_store: BrowserCounter | None = None
    is_escrow: bool = False
    confirm_url: str | None = None
    promotion_id: str | None = None


def decoded(raw: bytes, shape: type[Shape]) -> Shape:
    """What a shop's page gave; enum values may have their old prefixes (portone-facts §7.1).

    Refuses what cannot be read.
    """
    try:
        return msgspec.convert(_without_prefixes(msgspec.json.decode(raw)), shape)
    except UNREADABLE as problem:
        raise _unreadable(str(problem)) from None


def _without_prefixes(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    plain = {name: _without_prefixes(value) if name in HOLDERS else value for name, value in given.items()}
    for name, prefix in PREFIXES.items():
        if isinstance(plain.get(name), str):
            plain[name] = plain[name].removeprefix(prefix)
    return plain


def read(raw: bytes) -> RequestPayment:
    """Refuses, before anything opens, what the SDK would throw: missing or wrong parameters (portone-facts
    §7.1).
    """
    return checked(decoded(raw, RequestPayment))


def checked(asked: RequestPayment) -> RequestPayment:
    """The order as it was asked for. Refuses one that cannot be."""
    if asked.country is not None and asked.country not in CODES:
        raise _unreadable("country: two letters of ISO 3166-1")
    if asked.channel_key is None:
        what = "the sandbox has no channel groups" if asked.channel_group_id else "one of them is required"
        raise _unreadable(f"channelKey | channelGroupId: {what}")
    if not asked.payment_id or not asked.order_name:
        raise _unreadable("paymentId and orderName must not be empty")
    if asked.currency not in EXPONENTS:
        raise _unreadable(f"currency: the sandbox knows {', '.join(EXPONENTS)}")
    if asked.pay_method not in OFFERED:
        raise _unreadable(f"payMethod: one of {', '.join(sorted(OFFERED))}")
    if not 0 < asked.total_amount <= AMOUNT_MINOR_MAX:
        raise _unreadable("totalAmount must be above zero")
    tax_free, vat = asked.tax_free_amount or 0, asked.vat_amount or 0
    if tax_free < 0 or vat < 0 or tax_free + vat > asked.total_amount:
        raise _unreadable("taxFreeAmount and vatAmount must fit into totalAmount")
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
        customer=_customer(asked.customer or BrowserCustomer()),
        custom_data=custom,
        products=asked.products,
        notice_urls=asked.notice_urls or (),
        country=asked.country,
        is_cultural_expense=asked.is_cultural_expense,
        account=_account(asked),
        is_escrow=asked.is_escrow,
        confirm_url=asked.confirm_url,
        receipt=_receipt(asked),
        promotion_id=asked.promotion_id,
    )


def _receipt(asked: RequestPayment) -> ReceiptWish | None:
    wish = asked.virtual_account if asked.pay_method == "VIRTUAL_ACCOUNT" else asked.transfer
    if wish is None or wish.cash_receipt_type is None:
        return None
    return ReceiptWish(None if wish.cash_receipt_type == "ANONYMOUS" else wish.cash_receipt_type)


def _account(asked: RequestPayment) -> AccountWish | None:
    if asked.pay_method == "CONVENIENCE_STORE":
        name, account = "convenienceStore.paymentDeadline", BrowserAccount()
        expiry = (asked.convenience_store or BrowserCounter()).payment_deadline
    else:
        name, account = "virtualAccount.accountExpiry", asked.virtual_account or BrowserAccount()
        expiry = account.account_expiry
    due_at = None
    if expiry is not None and expiry.due_date is not None:
        try:
            due_at = due_of(expiry.due_date)
        except ValueError:
            raise _unreadable(f"{name}.dueDate: not a time") from None
    valid_hours = expiry.valid_hours if expiry is not None else None
    if due_at is None and valid_hours is None and account.remittee_name is None:
        return None
    return AccountWish(valid_hours=valid_hours, due_at=due_at, remittee_name=account.remittee_name)


def due_of(written: str) -> datetime:
    """A due date. Which zone one without an offset is in is not stated: KST [I] (portone-facts §10.15, §14.12)."""
    at = datetime.fromisoformat(written)
    try:
        return (at if at.tzinfo is not None else at.replace(tzinfo=KST)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{written} is beyond the years 1 to 9999") from None


def window_of(asked: RequestPayment, *, is_mobile: bool, opener_origin: str | None) -> Window:
    """An overlay by default on a computer, a full redirection where asked for or on a phone (portone-facts
    §7.1).

    Refuses a redirection without a redirectUrl. A POPUP or UI window is shown as an overlay.
    """
    kinds = asked.window_type or WindowTypes()
    wanted = (kinds.mobile or "REDIRECTION") if is_mobile else (kinds.pc or "IFRAME")
    is_redirection = asked.force_redirect or wanted == "REDIRECTION"
    if is_redirection and not asked.redirect_url:
        raise _unreadable("redirectUrl is required when the page is redirected")
    return Window(
        pay_method=asked.pay_method,
        display="REDIRECTION" if is_redirection else "IFRAME",
        opener_origin=opener_origin,
        redirect_url=asked.redirect_url,
        language="en" if (asked.locale or "").upper().startswith("EN") else "ko",
    )


def _customer(given: BrowserCustomer) -> dict[str, Any]:
    """The output shape: `name` is one string, absent fields are left out (portone-facts §2.2, §2.3)."""
    name = given.full_name or " ".join(part for part in (given.first_name, given.last_name) if part)
    shown: dict[str, Any] = {
        "id": given.customer_id,
        "name": name or None,
        "birthYear": given.birth_year,
        "birthMonth": given.birth_month,
        "birthDay": given.birth_day,
        "gender": given.gender,
        "email": given.email,
        "phoneNumber": given.phone_number,
        "address": _address(given.address) if given.address else None,
        "zipcode": given.zipcode,
    }
    return {field: value for field, value in shown.items() if value}


def _address(given: BrowserAddress) -> dict[str, str]:
    parts = (given.line1, given.line2, given.city, given.province, given.country)
    return {"type": "ONE_LINE", "oneLine": " ".join(part for part in parts if part)}


def _unreadable(why: str) -> BrowserRefusal:
    return BrowserRefusal("RequestParseFailed", why)
