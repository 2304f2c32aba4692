"""What every call that opens a window says of it, whatever it is opened for (portone-facts §7.1)."""

import re
from typing import Any, Literal, TypeVar

import msgspec

from jangbu.sandbox.core.customers import BrowserCustomer
from jangbu.sandbox.core.problems import UNREADABLE, BrowserRefusal
from jangbu.sandbox.core.records import Offer, Window

MOBILE = re.compile(r"Mobi|Android|iPhone|iPad")
"""What a telephone's browser calls itself."""
PREFIXES = {
    "availableBanks": "BANK_",
    "availableCards": "CARD_COMPANY_",
    "avaliableCarriers": "CARRIER_",
    "bankCode": "BANK_",
    "cardCompany": "CARD_COMPANY_",
    "carrier": "CARRIER_",
    "cashReceiptType": "CASH_RECEIPT_TYPE_",
    "country": "COUNTRY_",
    "currency": "CURRENCY_",
    "easyPayProvider": "EASY_PAY_PROVIDER_",
    "gender": "GENDER_",
    "giftCertificateType": "GIFT_CERTIFICATE_TYPE_",
    "payMethod": "PAY_METHOD_",
}
NOT_OURS = ("bypass", "customData", "products")
"""The merchant's own, or the PG's: words in it are left alone."""
Shape = TypeVar("Shape")
WindowType = Literal["IFRAME", "POPUP", "REDIRECTION", "UI"]


class WindowTypes(msgspec.Struct):
    pc: WindowType | None = None
    mobile: WindowType | None = None


class RequestWindow(msgspec.Struct, rename="camel", kw_only=True):
    """What every call that opens a window says of it."""

    store_id: str
    channel_key: str | None = None
    customer: BrowserCustomer | None = None
    window_type: WindowTypes | None = None
    redirect_url: str | None = None
    force_redirect: bool = False
    locale: str | None = None
    custom_data: Any = None


def decoded(raw: bytes, shape: type[Shape]) -> Shape:
    """What a shop's page gave; enum values may have their old prefixes (portone-facts §7.1).

    Refuses what cannot be read.
    """
    try:
        return msgspec.convert(_without_prefixes(msgspec.json.decode(raw)), shape)
    except UNREADABLE as problem:
        raise unreadable(str(problem)) from None


def _without_prefixes(given: Any, prefix: str = "") -> Any:
    if isinstance(given, str):
        return given.removeprefix(prefix)
    if isinstance(given, list):
        return [_without_prefixes(each, prefix) for each in given]
    if not isinstance(given, dict):
        return given
    return {
        name: value if name in NOT_OURS else _without_prefixes(value, PREFIXES.get(name, ""))
        for name, value in given.items()
    }


def window_of(
    asked: RequestWindow, pay_method: str, *, is_mobile: bool, opener_origin: str | None, offer: Offer | None = None
) -> Window:
    """An overlay by default on a computer, a full redirection on a telephone [I: usual_window].

    Refuses a redirection without a redirectUrl (portone-facts §7.1). A UI window is shown as an overlay.
    """
    kinds = asked.window_type or WindowTypes()
    wanted = (kinds.mobile or "REDIRECTION") if is_mobile else (kinds.pc or "IFRAME")
    if asked.force_redirect:
        wanted = "REDIRECTION"
    if wanted == "REDIRECTION" and not asked.redirect_url:
        raise unreadable("redirectUrl is required when the page is redirected")
    return Window(
        pay_method=pay_method,
        display="IFRAME" if wanted == "UI" else wanted,
        opener_origin=opener_origin,
        redirect_url=asked.redirect_url,
        language="en" if (asked.locale or "").upper().startswith("EN") else "ko",
        offer=offer or Offer(),
    )


def unreadable(why: str) -> BrowserRefusal:
    return BrowserRefusal("RequestParseFailed", why)
