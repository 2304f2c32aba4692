"""What `IMP.request_pay` says of its window: the way to pay, the cards and their months (portone-facts §7.2)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from jangbu.sandbox.core.bank_names import CARD_COMPANIES
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.opening import unreadable
from jangbu.sandbox.core.params import zone_of_due_dates
from jangbu.sandbox.core.records import Offer
from jangbu.sandbox.core.wallets import Inner

COMPANIES = {code: company for company, (code, _) in CARD_COMPANIES.items()}
ANY = "*"


class Way(NamedTuple):
    """A `pay_method` in V2's words."""

    pay_method: str
    way: str = ""
    """The one wallet, or the one kind of certificate, that it is."""
    inner: tuple[Inner, ...] = ()


WALLETS_BY_NAME = (
    "kakaopay",
    "naverpay",
    "tosspay",
    "payco",
    "lpay",
    "ssgpay",
    "samsungpay",
    "applepay",
    "kpay",
    "chai",
    "pinpay",
    "skpay",
    "wechat",
    "toss_brandpay",
)
PAY_METHODS = {
    "card": Way("CARD"),
    "unionpay": Way("CARD", "card"),
    "trans": Way("TRANSFER"),
    "vbank": Way("VIRTUAL_ACCOUNT"),
    "phone": Way("MOBILE"),
    "cvs": Way("CONVENIENCE_STORE"),
    "paypal": Way("PAYPAL"),
    "alipay": Way("ALIPAY"),
    "cultureland": Way("GIFT_CERTIFICATE", "CULTURELAND"),
    "smartculture": Way("GIFT_CERTIFICATE", "SMART_MUNSANG"),
    "culturegift": Way("GIFT_CERTIFICATE", "CULTUREGIFT"),
    "happymoney": Way("GIFT_CERTIFICATE", "HAPPYMONEY"),
    "booknlife": Way("GIFT_CERTIFICATE", "BOOKNLIFE"),
    "samsung": Way("EASY_PAY", "samsungpay"),
    "naverpay_card": Way("EASY_PAY", "naverpay", ("CARD",)),
    "naverpay_point": Way("EASY_PAY", "naverpay", ("CHARGE",)),
    "tosspay_card": Way("EASY_PAY", "tosspay", ("CARD",)),
    "tosspay_money": Way("EASY_PAY", "tosspay", ("TRANSFER", "CHARGE")),
    "ssgpay_bank": Way("EASY_PAY", "ssgpay", ("TRANSFER",)),
    **{name: Way("EASY_PAY", name) for name in WALLETS_BY_NAME},
}


class Display(msgspec.Struct):
    card_quota: list[int] | None = None


class Direct(msgspec.Struct):
    code: str
    quota: int | None = None


class Detail(msgspec.Struct):
    """Of one company, or with `*` of all that no other row names."""

    card_code: str
    enabled: bool | None = None
    max_month: int | None = None


class Card(msgspec.Struct):
    direct: Direct | None = None
    detail: list[Detail] = []


def offer_of(way: Way, display: Display | None, card: Card | None, *, pays_interest: bool) -> Offer:
    """What the window leaves to choose from. Refuses a card company that is none."""
    if way.pay_method == "EASY_PAY":
        return Offer(ways=[way.way], choices={way.way: list(way.inner)} if way.inner else {})
    if way.pay_method == "GIFT_CERTIFICATE":
        return Offer(choices={"gift_certificate": [way.way]})
    offer = Offer(ways=[way.way] if way.way else [])
    if way.pay_method != "CARD":
        return offer
    card = card or Card()
    if display is not None and display.card_quota is not None:
        offer.months = [0, *(each for each in display.card_quota if each > 1)]
    if companies := _companies(card.detail):
        offer.choices["card"] = companies
    months = {_company(each.card_code): each.max_month for each in card.detail if each.max_month is not None}
    offer.free_months = {company: list(range(2, most + 1)) for company, most in months.items()} if pays_interest else {}
    offer.pays_interest = pays_interest and not months
    if card.direct is not None:
        offer.ways, offer.choices["card"] = ["card"], [_company(card.direct.code)]
        if card.direct.quota is not None:
            offer.months = [card.direct.quota]
    return offer


def _companies(detail: Sequence[Detail]) -> list[str]:
    """Those that are shown, where some are not; `*` is the word for the rest."""
    said = {each.card_code: each.enabled for each in detail if each.enabled is not None}
    rest = said.pop(ANY, True)
    known = {_company(code): enabled for code, enabled in said.items()}
    if rest and all(known.values()):
        return []
    return [company for company in COMPANIES.values() if known.get(company, rest)]


def _company(code: str) -> str:
    if code not in COMPANIES:
        raise unreadable(f"card: no company {code}")
    return COMPANIES[code]


def due_of(inferred: Inferred, vbank_due: str) -> datetime:
    """`YYYY-MM-DD`, `YYYYMMDD`, and either with a time of day; a day alone lasts to its end [I: due_day_alone].

    Refuses what is no time.
    """
    digits = "".join(each for each in vbank_due if each.isdecimal())
    try:
        at = datetime.strptime(digits if len(digits) > 8 else f"{digits}235959", "%Y%m%d%H%M%S")  # noqa: DTZ007
        return at.replace(tzinfo=zone_of_due_dates(inferred)).astimezone(UTC)
    except ValueError:
        raise unreadable("vbank_due: not a time") from None
