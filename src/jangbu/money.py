"""Money: integer minor units with a currency, and the few sums we are allowed to do with them.

No floats, no implicit rounding. KRW and JPY have no minor unit, so their `amount_minor` is whole won or yen
(portone-facts §1.6: PortOne's amounts are int64 in minor units).
"""

import re
from dataclasses import dataclass

from jangbu.errors import Refusal

AMOUNT_MINOR_MAX = 2**53 - 1
"""The largest amount we accept: the largest integer every JSON reader holds exactly (reliability F60)."""

# ISO 4217 minor units of the currencies a store may be opened in. A currency that is not here is refused: guessing an
# exponent would move money by a factor of a hundred.
EXPONENTS: dict[str, int] = {
    "KRW": 0,
    "JPY": 0,
    "VND": 0,
    "USD": 2,
    "EUR": 2,
    "GBP": 2,
    "CNY": 2,
    "TWD": 2,
    "THB": 2,
    "HKD": 2,
    "SGD": 2,
    "AUD": 2,
    "CAD": 2,
    "PHP": 2,
    "IDR": 2,
    "MYR": 2,
}
SYMBOLS = {"KRW": "₩", "JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}
VAT_DIVISOR = 11
"""A Korean price includes 10 % VAT, so the tax is one eleventh of the taxable part (portone-facts §2.3)."""


class UnknownCurrency(Refusal):
    """The currency is not one this installation handles."""

    code = "UNKNOWN_CURRENCY"
    http_status = 422
    ko = "지원하지 않는 통화입니다. 지원 통화: {supported}"
    en = "This currency is not supported. Supported: {supported}"


class AmountOutOfRange(Refusal):
    """An amount is a whole number of minor units, above zero and at most 2^53 - 1."""

    code = "AMOUNT_OUT_OF_RANGE"
    http_status = 422
    ko = "금액은 1 이상 {maximum} 이하의 정수(최소 통화 단위)여야 합니다."
    en = "An amount must be a whole number of minor units from 1 to {maximum}."


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`amount_minor` minor units of `currency` (ISO 4217). May be negative: a posting's sign is its side."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        # bool is an int in Python; True won is a bug, not money.
        assert type(self.amount_minor) is int, f"money is an integer, not {self.amount_minor!r}"
        exponent_of(self.currency)

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.amount_minor < other.amount_minor

    def __le__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.amount_minor <= other.amount_minor

    def __str__(self) -> str:
        return written(self)

    def _same_currency(self, other: "Money") -> None:
        assert self.currency == other.currency, f"{self.currency} and {other.currency} do not mix"


def exponent_of(currency: str) -> int:
    """Digits after the point in `currency`. Raises UnknownCurrency."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency=currency, supported=", ".join(EXPONENTS)) from None


def checked(amount_minor: int, currency: str) -> Money:
    """An amount that somebody may be asked to pay. Raises AmountOutOfRange, UnknownCurrency."""
    exponent_of(currency)
    if type(amount_minor) is not int or not 0 < amount_minor <= AMOUNT_MINOR_MAX:
        raise AmountOutOfRange(maximum=f"{AMOUNT_MINOR_MAX:,}")
    return Money(amount_minor, currency)


def vat_included(total: Money, tax_free: Money) -> Money:
    """The VAT inside a tax-inclusive price: one eleventh of its taxable part, rounded half up.

    PortOne's default is "taxable ÷ 11" (portone-facts §2.3); it does not say how it rounds. Half up is what Korean
    tax invoices use; where PortOne states another `vat`, its figure wins.
    """
    taxable = (total - tax_free).amount_minor
    assert taxable >= 0, "the tax-free part cannot exceed the total"
    return Money((2 * taxable + VAT_DIVISOR) // (2 * VAT_DIVISOR), total.currency)


class AmountUnreadable(Refusal):
    """What was typed is not a sum of money in that currency."""

    code = "AMOUNT_UNREADABLE"
    http_status = 422
    ko = "금액을 읽을 수 없습니다. 숫자만 입력해 주세요(예: {example})."
    en = "This is not an amount. Write it in digits, such as {example}."


_TYPED = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,13})(?:\.([0-9]+))?")


def typed(text: str, currency: str) -> Money:
    """A sum as a person types it: `12,300`, `₩12300`, `12.30`. Raises AmountUnreadable, AmountOutOfRange."""
    exponent = exponent_of(currency)
    example = written(Money(12_300 * 10**exponent, currency))
    bare = text.strip().removeprefix(SYMBOLS.get(currency, currency)).removesuffix("원").strip()
    found = _TYPED.fullmatch(bare)
    if found is None or len(found[2] or "") > exponent:
        raise AmountUnreadable(example=example)
    part = (found[2] or "").ljust(exponent, "0")
    return checked(int(found[1].replace(",", "") + part), currency)


def written(money: Money, *, sign: bool = False) -> str:
    """For people: ₩12,300, $12.30, -₩500. Never parsed again."""
    exponent = exponent_of(money.currency)
    whole, part = divmod(abs(money.amount_minor), 10**exponent)
    digits = f"{whole:,}" + (f".{part:0{exponent}d}" if exponent else "")
    symbol = SYMBOLS.get(money.currency, f"{money.currency} ")
    mark = "-" if money.amount_minor < 0 else "+" if sign and money.amount_minor > 0 else ""
    return f"{mark}{symbol}{digits}"
