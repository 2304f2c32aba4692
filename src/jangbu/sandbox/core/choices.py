"""What a shopper picks within a way to pay: a bank, a card, a telephone company, a kind of gift certificate, what a
wallet pays with (portone-facts §2.2).
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from jangbu.sandbox.core.bank_names import BANK_NAMES, BANKS, CARD_COMPANIES
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Offer
from jangbu.sandbox.core.wallets import INNER, WALLETS

Label = tuple[str, str]
"""What a choice is called in Korean and in English."""


def one_of(words: Iterable[str]) -> msgspec.Meta:
    """Too many words for a Literal."""
    return msgspec.Meta(pattern=rf"^(?:{'|'.join(words)})\Z")


Bank = Annotated[str, one_of(BANKS)]
"""The API's word; the browser's for the same bank may be another (portone-facts §7.1)."""

BANKS_IN_ENGLISH = {
    "SHINHAN": "Shinhan Bank",
    "KOOKMIN": "KB Kookmin Bank",
    "WOORI": "Woori Bank",
    "HANA": "Hana Bank",
    "NONGHYUP": "NH NongHyup Bank",
    "IBK": "Industrial Bank of Korea",
    "POST": "Korea Post",
    "K_BANK": "K bank",
    "KAKAO": "KakaoBank",
    "TOSS": "Toss Bank",
}
COMPANIES_IN_ENGLISH = {
    "SHINHAN_CARD": "Shinhan Card",
    "KOOKMIN_CARD": "KB Kookmin Card",
    "SAMSUNG_CARD": "Samsung Card",
    "HYUNDAI_CARD": "Hyundai Card",
    "LOTTE_CARD": "Lotte Card",
    "HANA_CARD": "Hana Card",
    "WOORI_CARD": "Woori Card",
    "BC_CARD": "BC Card",
    "NH_CARD": "NH Card",
    "KAKAO_BANK": "KakaoBank",
    "K_BANK": "K bank",
    "TOSS_BANK": "Toss Bank",
}
TEST_CARDS = {"4312": "SHINHAN_CARD", "9410": "KOOKMIN_CARD"}
"""The requirements' test cards (D12), by how they begin; all end in 12/25, and the sandbox takes them after it."""
CARRIERS = {
    "SKT": ("SK텔레콤", "SK Telecom"),
    "KT": ("KT", "KT"),
    "LGU": ("LG U+", "LG U+"),
    "HELLO": ("헬로모바일", "Hello Mobile"),
    "KCT": ("티플러스", "Tplus"),
    "SK7": ("SK 7mobile", "SK 7mobile"),
}
OPERATORS = {
    "SKT": ("SK텔레콤", "SK Telecom"),
    "KT": ("KT", "KT"),
    "LGU": ("LG U+", "LG U+"),
    "SKT_MVNO": ("SKT 알뜰폰", "SKT reseller"),
    "KT_MVNO": ("KT 알뜰폰", "KT reseller"),
    "LGU_MVNO": ("LG U+ 알뜰폰", "LG U+ reseller"),
}
"""Who knows a telephone's owner; telephone bills have other words."""
CERTIFICATES = {
    "CULTURELAND": ("컬쳐랜드", "Cultureland"),
    "BOOKNLIFE": ("도서문화상품권", "Booknlife"),
    "SMART_MUNSANG": ("스마트문상", "Smart Munsang"),
    "HAPPYMONEY": ("해피머니", "Happy Money"),
    "CULTUREGIFT": ("문화상품권", "Culture Gift"),
}
USUAL: dict[str, Iterable[str]] = {
    "card": TEST_CARDS,
    "transfer": BANKS_IN_ENGLISH,
    "virtual_account": BANKS_IN_ENGLISH,
    "mobile": CARRIERS,
    "operator": OPERATORS,
    "gift_certificate": CERTIFICATES,
    **{name: wallet.inner for name, wallet in WALLETS.items()},
}
"""What there is to pick where the merchant narrowed nothing; ways to pay that are not here leave nothing to pick."""


def offered(name: str, offer: Offer) -> tuple[str, ...]:
    """What may be picked within this way to pay, the usual one first."""
    return tuple(offer.choices.get(name, USUAL.get(name, ())))


def refuse_others(name: str, choice: str, offer: Offer) -> None:
    """Refuses what is not offered, with the list."""
    known = offered(name, offer)
    if choice not in known:
        raise NotOurs(f"no choice {choice!r} for {name}; known: {', '.join(known) or 'none'}")


def label(name: str, choice: str) -> Label:
    """What a choice within this way to pay is called."""
    if name in WALLETS:
        inner, _, company = choice.partition(":")
        ko, en = next(label for word, label in INNER.items() if word == inner)
        return (f"{ko} · {_company(company)[0]}", f"{en} · {_company(company)[1]}") if company else (ko, en)
    match name:
        case "card" if choice in TEST_CARDS:
            ko, en = _company(TEST_CARDS[choice])
            return f"{ko} {choice}-****-****-****", f"{en} {choice}-****-****-****"
        case "card":
            return _company(choice)
        case "mobile":
            return CARRIERS[choice]
        case "operator":
            return OPERATORS[choice]
        case "gift_certificate":
            return CERTIFICATES[choice]
        case _:
            return bank_label(choice)


def bank_label(bank: str) -> Label:
    ko = BANK_NAMES.get(bank, bank)
    return ko, BANKS_IN_ENGLISH.get(bank, ko)


def card_of(choice: str) -> dict[str, str]:
    """A test card by how it begins, or some card of a company: whose it is, and its first six digits."""
    company = TEST_CARDS.get(choice, choice)
    begins = next((digits for digits, of in TEST_CARDS.items() if of == company), f"9{CARD_COMPANIES[company][0]}")
    return {"publisher": company, "issuer": company, "name": CARD_COMPANIES[company][1], "bin": f"{begins}00"}


def issued_by(number: str) -> dict[str, str]:
    """Whose card it is, as far as a test card's number says so."""
    if number[:4] not in TEST_CARDS:
        return {}
    known = card_of(number[:4])
    return {name: known[name] for name in ("publisher", "issuer", "name")}


def _company(company: str) -> Label:
    ko = CARD_COMPANIES[company][1]
    return ko, COMPANIES_IN_ENGLISH.get(company, ko)
