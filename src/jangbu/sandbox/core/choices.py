"""What a shopper picks within a way to pay: a bank, a test card, a kind of gift certificate (portone-facts §2.2)."""

from typing import Any

from jangbu.sandbox.core.bank_names import BANK_NAMES
from jangbu.sandbox.core.problems import NotOurs

Labels = dict[str, tuple[str, str]]
"""What a choice is called in Korean and in English, by its name."""

_BANKS = {
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
TEST_CARDS = {"4312": ("SHINHAN_CARD", "신한카드"), "9410": ("KOOKMIN_CARD", "KB국민카드")}
"""The requirements' test cards (D12), by how they begin; all end in 12/25, and the sandbox takes them after it."""

_ACCOUNT: Labels = {name: (BANK_NAMES[name], english) for name, english in _BANKS.items()}
CHOICES: dict[str, Labels] = {
    "card": {
        "4312": ("신한카드 4312-****-****-****", "Shinhan Card 4312-****-****-****"),
        "9410": ("KB국민카드 9410-****-****-****", "KB Kookmin Card 9410-****-****-****"),
    },
    "transfer": _ACCOUNT,
    "virtual_account": _ACCOUNT,
    "gift_certificate": {
        "CULTURELAND": ("컬쳐랜드", "Cultureland"),
        "BOOKNLIFE": ("도서문화상품권", "Booknlife"),
        "SMART_MUNSANG": ("스마트문상", "Smart Munsang"),
        "HAPPYMONEY": ("해피머니", "Happy Money"),
        "CULTUREGIFT": ("문화상품권", "Culture Gift"),
    },
}
"""By the method's name; ways to pay that are not here leave nothing to pick."""


def refined(method: dict[str, Any], name: str, choice: str) -> dict[str, Any]:
    """The `method` object of `name` with what was picked. Refuses what is not offered, with the list."""
    offered = CHOICES.get(name, {})
    if choice not in offered:
        raise NotOurs(f"no choice {choice!r} for {name}; known: {', '.join(offered) or 'none'}")
    match name:
        case "card":
            bin_ = f"{choice}00"
            masked = f"{bin_}{method['card']['number'][len(bin_) :]}"
            return {**method, "card": {**method["card"], **issued_by(bin_), "bin": bin_, "number": masked}}
        case "gift_certificate":
            return {**method, "giftCertificateType": choice}
        case _:
            return {**method, "bank": choice}


def issued_by(number: str) -> dict[str, str]:
    """Whose card it is, as far as a test card's number says so."""
    if number[:4] not in TEST_CARDS:
        return {}
    publisher, shown = TEST_CARDS[number[:4]]
    return {"publisher": publisher, "issuer": publisher, "name": shown}
