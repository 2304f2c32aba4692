"""How a payment is paid: what PortOne says of it (portone-facts §2.2), read for people. Pure.

PortOne's own object holds more than anybody here needs: the whole account of a payer, a telephone number, a card's
first digits. What is not in `Method` is shown nowhere: not in the console, the API, the CLI or an event.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jangbu.clock import instant, rfc3339

LAST_DIGITS = 4


class Kind(StrEnum):
    """The ways to pay. PortOne's words of its list filter, which are shorter than those of the object."""

    CARD = "CARD"
    """A card."""
    EASY_PAY = "EASY_PAY"
    """A wallet (`provider`), with a card, an account or its own balance behind it."""
    TRANSFER = "TRANSFER"
    """From the payer's bank account, at once."""
    VIRTUAL_ACCOUNT = "VIRTUAL_ACCOUNT"
    """Into an account that was opened for this payment; the money comes later, or never."""
    MOBILE = "MOBILE"
    """With the telephone bill."""
    GIFT_CERTIFICATE = "GIFT_CERTIFICATE"
    """With a gift certificate."""
    CONVENIENCE_STORE = "CONVENIENCE_STORE"
    """At the counter of a shop (Japan); the money comes later, or never."""
    CRYPTO = "CRYPTO"
    """Triple-A."""
    OTHER = "OTHER"
    """A way that is new to us: PortOne may add some on any day."""


TYPES = {
    Kind.CARD: "PaymentMethodCard",
    Kind.EASY_PAY: "PaymentMethodEasyPay",
    Kind.TRANSFER: "PaymentMethodTransfer",
    Kind.VIRTUAL_ACCOUNT: "PaymentMethodVirtualAccount",
    Kind.MOBILE: "PaymentMethodMobile",
    Kind.GIFT_CERTIFICATE: "PaymentMethodGiftCertificate",
    Kind.CONVENIENCE_STORE: "PaymentMethodConvenienceStore",
    Kind.CRYPTO: "PaymentMethodCrypto",
}
"""PortOne's word of its object for each way that we know (portone-facts §2.2)."""
_KIND_OF = {type_: kind for kind, type_ in TYPES.items()}
PAID_LATER = frozenset({Kind.VIRTUAL_ACCOUNT, Kind.CONVENIENCE_STORE})
"""The payer is given a number first, and brings the money until a day that is named."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as one may know it again. `last` are its last digits as PortOne masks them, at most four."""

    name: str = ""
    issuer: str = ""
    brand: str = ""
    last: str = ""
    months: int = 0


@dataclass(frozen=True, slots=True)
class Deposit:
    """Where the payer has to bring the money, and until when. `number` is the account's, or the counter's."""

    number: str
    holder: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to pay as a person may see it. PortOne's own words where it has any; empty where it says nothing."""

    kind: Kind
    provider: str = ""
    """The wallet, the kind of gift certificate, or the shop's brand."""
    card: Card | None = None
    bank: str = ""
    phone: str = ""
    """Masked: the first three and the last four digits."""
    deposit: Deposit | None = None
    refund_status: str = ""
    """How giving back a deposit stands at the PG: PENDING, PARTIAL_REFUND_FAILED, FAILED, COMPLETED."""


def read(raw: dict[str, Any] | None) -> Method | None:
    """What PortOne says, or None where it says nothing. Whatever it says, this does not fail."""
    if not raw:
        return None
    kind = _KIND_OF.get(_text(raw, "type"), Kind.OTHER)
    match kind:
        case Kind.CARD:
            return Method(kind=kind, card=_card(raw))
        case Kind.EASY_PAY:
            inner = raw.get("easyPayMethod")
            inside = inner if isinstance(inner, dict) else {}
            card = _card(inside) if inside.get("type") == "PaymentMethodCard" else None
            return Method(kind=kind, provider=_text(raw, "provider"), card=card, bank=_text(inside, "bank"))
        case Kind.TRANSFER:
            return Method(kind=kind, bank=_text(raw, "bank"))
        case Kind.VIRTUAL_ACCOUNT:
            deposit = Deposit(_text(raw, "accountNumber"), _text(raw, "remitteeName"), _moment(raw, "expiredAt"))
            return Method(kind=kind, bank=_text(raw, "bank"), deposit=deposit, refund_status=_text(raw, "refundStatus"))
        case Kind.MOBILE:
            return Method(kind=kind, phone=masked_phone(_text(raw, "phoneNumber")))
        case Kind.GIFT_CERTIFICATE:
            return Method(kind=kind, provider=_text(raw, "giftCertificateType"))
        case Kind.CONVENIENCE_STORE:
            number = _text(raw, "receiptNumber") or _text(raw, "confirmationNumber")
            deposit = Deposit(number, "", _moment(raw, "paymentDeadline"))
            return Method(kind=kind, provider=_text(raw, "convenienceStoreBrand"), deposit=deposit)
        case _:
            return Method(kind=kind, provider=_text(raw, "type"))


def view(method: Method | None, *, is_waiting: bool) -> dict[str, Any] | None:
    """The `method` object of the API; what does not apply is left out (docs/reference/payment-methods.md).

    The account a payer has to pay into is told while they have to (`is_waiting`), and no longer.
    """
    if method is None:
        return None
    shown: dict[str, Any] = {"type": method.kind.value}
    for name in ("provider", "bank", "phone"):
        if value := getattr(method, name):
            shown[name] = value
    if method.card is not None:
        card = {name: value for name in ("name", "issuer", "brand", "last") if (value := getattr(method.card, name))}
        shown["card"] = card | {"installmentMonths": method.card.months}
    if method.deposit is not None and is_waiting:
        due_at = method.deposit.due_at
        shown["deposit"] = {
            "number": method.deposit.number,
            "holder": method.deposit.holder,
            "dueAt": None if due_at is None else rfc3339(due_at),
        }
    if method.refund_status:
        shown["refundStatus"] = method.refund_status
    return shown


def due_of(raw: dict[str, Any] | None) -> datetime | None:
    """Until when the payer may bring the money; None where they need not, or nobody said."""
    method = read(raw)
    return None if method is None or method.deposit is None else method.deposit.due_at


def masked_phone(number: str) -> str:
    """The first three and the last four digits of a telephone number; of a short one, nothing but the last two."""
    digits = re.sub(r"\D", "", number)
    if len(digits) < 9:
        return f"***{digits[-2:]}" if digits else ""
    return f"{digits[:3]}-****-{digits[-4:]}"


def _card(raw: dict[str, Any]) -> Card:
    said = raw.get("card")
    card = said if isinstance(said, dict) else {}
    terms = raw.get("installment")
    months = terms.get("month") if isinstance(terms, dict) else 0
    return Card(
        name=_text(card, "name"),
        issuer=_text(card, "issuer") or _text(card, "publisher"),
        brand=_text(card, "brand"),
        # Never more than the end, even where a PG masks nothing.
        last=re.sub(r"[^0-9*]", "", _text(card, "number"))[-LAST_DIGITS:],
        months=months if isinstance(months, int) and not isinstance(months, bool) else 0,
    )


def _text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _moment(raw: dict[str, Any], key: str) -> datetime | None:
    try:
        return instant(_text(raw, key))
    except (ValueError, OverflowError):
        return None
