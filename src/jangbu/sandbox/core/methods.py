"""What a shopper can pay with, and the `method` object of each (portone-facts §2.2): no expiry of a card anywhere."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jangbu.ids import Ids
from jangbu.sandbox.core.choices import issued_by
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Window
from jangbu.sandbox.core.wallets import OF_PG, WALLETS, Inner, Wallet


def _digits(ids: Ids, count: int) -> str:
    return f"{ids.chance().randrange(10**count):0{count}d}"


@lru_cache(maxsize=256)
def _installment(months: int, *, is_free: bool, by_merchant: bool) -> dict[str, Any]:
    """One for all payments on these terms, so nobody changes it: a world may hold a million of them."""
    shown = {"month": months, "isInterestFree": is_free}
    return shown | {"isInterestFreeFromMerchant": True} if is_free and by_merchant else shown


def card(ids: Ids, *, bin_: str = "433012", last: str | None = None, months: int = 0) -> dict[str, Any]:
    """A Korean credit card, masked."""
    return {
        "type": "PaymentMethodCard",
        "card": {
            "publisher": "SHINHAN_CARD",
            "issuer": "SHINHAN_CARD",
            "brand": "LOCAL",
            "type": "CREDIT",
            "ownerType": "PERSONAL",
            "bin": bin_,
            "name": "신한카드",
            **issued_by(bin_),
            "number": f"{bin_}******{last or _digits(ids, 4)}",
        },
        "approvalNumber": _digits(ids, 8),
        "installment": _installment(months, is_free=False, by_merchant=False),
    }


def on_terms(method: dict[str, Any], *, interest_free: bool, by_merchant: bool, with_points: bool) -> dict[str, Any]:
    """The card payment as the merchant wants it charged: there is no interest where there are no months."""
    months = method["installment"]["month"]
    is_free = (interest_free or by_merchant) and months > 1
    method = method | {"installment": _installment(months, is_free=is_free, by_merchant=by_merchant)}
    return method | ({"pointUsed": True} if with_points else {})


def _transfer(ids: Ids) -> dict[str, Any]:
    return {"type": "PaymentMethodTransfer", "bank": "SHINHAN", "accountNumber": f"110***{_digits(ids, 6)}"}


def easy_pay(wallet: Wallet, inner: Inner | None, ids: Ids) -> dict[str, Any]:
    """A wallet, and what is in it; one that pays as itself has nothing in it."""
    method: dict[str, Any] = {"type": "PaymentMethodEasyPay", "provider": wallet.provider}
    return method if inner is None else {**method, "easyPayMethod": INNER[inner](ids)}


def _usual(wallet: Wallet) -> Callable[[Ids], dict[str, Any]]:
    return lambda ids: easy_pay(wallet, wallet.inner[0] if wallet.inner else None, ids)


def _charge(_: Ids) -> dict[str, Any]:
    return {"type": "PaymentMethodEasyPayMethodCharge"}


def _gift_certificate(ids: Ids) -> dict[str, Any]:
    return {
        "type": "PaymentMethodGiftCertificate",
        "giftCertificateType": "CULTURELAND",
        "approvalNumber": _digits(ids, 10),
    }


def _mobile(ids: Ids) -> dict[str, Any]:
    return {"type": "PaymentMethodMobile", "phoneNumber": f"010{_digits(ids, 8)}"}


def _virtual_account(ids: Ids) -> dict[str, Any]:
    """Without what depends on the order; `accounts.issue` adds it."""
    return {
        "type": "PaymentMethodVirtualAccount",
        "bank": "SHINHAN",
        "accountNumber": f"562{_digits(ids, 11)}",
        "accountType": "NORMAL",
    }


def _convenience_store(ids: Ids) -> dict[str, Any]:
    return {
        "type": "PaymentMethodConvenienceStore",
        "convenienceStoreBrand": "LAWSON",
        "confirmationNumber": _digits(ids, 4),
        "receiptNumber": _digits(ids, 6),
    }


INNER: dict[Inner, Callable[[Ids], dict[str, Any]]] = {"CARD": card, "CHARGE": _charge, "TRANSFER": _transfer}
METHODS: dict[str, Callable[[Ids], dict[str, Any]]] = {
    "card": card,
    **{name: _usual(wallet) for name, wallet in WALLETS.items()},
    "transfer": _transfer,
    "mobile": _mobile,
    "gift_certificate": _gift_certificate,
    "virtual_account": _virtual_account,
    "convenience_store": _convenience_store,
}

OFFERED = {
    "CARD": ("card", "kakaopay"),
    "EASY_PAY": ("card", "kakaopay", "naverpay", "tosspay"),
    "PAYPAL": ("paypal",),
    "ALIPAY": ("alipay",),
    "ALIPAY_PLUS": ("alipay",),
    "TRANSFER": ("transfer",),
    "MOBILE": ("mobile",),
    "GIFT_CERTIFICATE": ("gift_certificate",),
    "VIRTUAL_ACCOUNT": ("virtual_account",),
    "CONVENIENCE_STORE": ("convenience_store",),
}
"""By the browser's payMethod (portone-facts §7.1), the first one being the usual."""

TYPES_LISTED_AS = {
    "PaymentMethodCard": "CARD",
    "PaymentMethodTransfer": "TRANSFER",
    "PaymentMethodVirtualAccount": "VIRTUAL_ACCOUNT",
    "PaymentMethodGiftCertificate": "GIFT_CERTIFICATE",
    "PaymentMethodMobile": "MOBILE",
    "PaymentMethodEasyPay": "EASY_PAY",
    "PaymentMethodConvenienceStore": "CONVENIENCE_STORE",
}
"""The list filter has its own words (portone-facts §2.2)."""


def offered(window: Window, pg_provider: str) -> tuple[str, ...]:
    """What a window on a channel of this PG lets the shopper choose from; the merchant's word comes before ours."""
    usual = (OF_PG[pg_provider],) if pg_provider in OF_PG else OFFERED[window.pay_method]
    return tuple(window.offer.ways) or usual


def named(name: str) -> str:
    """`name` when there is such a method. Refuses others, with the list."""
    if name not in METHODS:
        raise NotOurs(f"no method {name!r}; known: {', '.join(METHODS)}")
    return name


def of(name: str, ids: Ids) -> dict[str, Any]:
    """The `method` object; its discriminators are the schema names."""
    return METHODS[name](ids)
