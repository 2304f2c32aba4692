"""Which company a PG module belongs to: the lists' `pgCompanies`, beside their `pgProviders` (portone-facts §2.2)."""

from typing import Literal, get_args

PgCompany = Literal[
    "ALIPAY",
    "BLUEWALNUT",
    "CHAI",
    "DANAL",
    "DAOU",
    "EXIMBAY",
    "GALAXIA",
    "HYPHEN",
    "INICIS",
    "INNOPAY",
    "JTNET",
    "KAKAO",
    "KAKAOPAY",
    "KCP",
    "KICC",
    "KPN",
    "KSNET",
    "MOBILIANS",
    "NAVERPAY",
    "NICE",
    "PAYCO",
    "PAYLETTER",
    "PAYMENTWALL",
    "PAYPAL",
    "PAYPLE",
    "SETTLE",
    "SMARTRO",
    "SMILEPAY",
    "SYRUP",
    "TOSSPAY",
    "TOSSPAYMENTS",
    "TRIPLE_A",
    "WELCOME",
]

_UNDER_ANOTHER_NAME = {
    "HECTO_GLOBAL": "SETTLE",
    "HTML5_INICIS": "INICIS",
    "NAVERCO": "NAVERPAY",
    "TOSS_BRANDPAY": "TOSSPAYMENTS",
    "UPLUS": "TOSSPAYMENTS",
}
"""Modules whose name does not begin with their company's [I]: Hecto was Settlebank, Uplus is Toss Payments today."""


def company_of(pg_provider: str) -> str:
    """`KCP`, `KCP_V2` and `KCP_QUICK` are one company's; a module that no company is known of stands for itself."""
    named = (each for each in get_args(PgCompany) if f"{pg_provider}_".startswith(f"{each}_"))
    return _UNDER_ANOTHER_NAME.get(pg_provider) or next(named, pg_provider)
