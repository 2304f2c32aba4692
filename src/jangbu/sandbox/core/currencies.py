"""The currencies that PortOne takes, with their minor units (portone-facts §1.6, §2.2): far more than Jangbu keeps
books in.
"""

from jangbu.money import SYMBOLS
from jangbu.sandbox.core.problems import ApiError

_WITHOUT_COINS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_OF_A_THOUSAND = "BHD IQD JOD KWD LYD OMR TND"
_OF_TEN_THOUSAND = "CLF UYW"
_OF_A_HUNDRED = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF"
    " CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK"
    " HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR"
    " MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP"
    " SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR"
    " ZMW ZWL"
)
EXPONENTS: dict[str, int] = {
    code: exponent
    for exponent, codes in ((0, _WITHOUT_COINS), (2, _OF_A_HUNDRED), (3, _OF_A_THOUSAND), (4, _OF_TEN_THOUSAND))
    for code in codes.split()
}
"""ISO 4217. Gold, funds and test codes of PortOne's list have no minor unit, and nobody pays in them."""


UNKNOWN = "currency: nobody pays in that"


def refuse_unknown(currency: str) -> None:
    """Refuses INVALID_REQUEST."""
    if currency not in EXPONENTS:
        raise ApiError("INVALID_REQUEST", f"{UNKNOWN}.")


def written(amount_minor: int, currency: str) -> str:
    """For people: ₩12,300, $12.30, CHF 12.30."""
    exponent = EXPONENTS[currency]
    whole, part = divmod(abs(amount_minor), 10**exponent)
    digits = f"{whole:,}" + (f".{part:0{exponent}d}" if exponent else "")
    return f"{'-' if amount_minor < 0 else ''}{SYMBOLS.get(currency, f'{currency} ')}{digits}"
