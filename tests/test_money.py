"""Money is whole minor units of one currency; ids made from facts cannot be confused."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jangbu.ids import from_facts
from jangbu.money import (
    AMOUNT_MINOR_MAX,
    EXPONENTS,
    AmountOutOfRange,
    AmountUnreadable,
    Money,
    UnknownCurrency,
    checked,
    exponent_of,
    typed,
    vat_included,
    written,
)

CURRENCIES = st.sampled_from(sorted(EXPONENTS))
AMOUNTS = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
PAYABLE = st.integers(1, AMOUNT_MINOR_MAX)


class WonByAnotherName(int):
    """An int that is not an int: what a careless enum or a numpy scalar looks like."""


@given(AMOUNTS, AMOUNTS, AMOUNTS, CURRENCIES)
def test_money_adds_like_whole_numbers(a: int, b: int, c: int, currency: str) -> None:
    one, two, three = (Money(amount, currency) for amount in (a, b, c))
    assert (one + two).amount_minor == a + b
    assert (one - two).amount_minor == a - b
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + -one == Money(0, currency)
    assert (one < two, one <= two, one > two, one >= two) == (a < b, a <= b, a > b, a >= b)


@given(AMOUNTS, CURRENCIES, CURRENCIES)
def test_currencies_never_mix(amount: int, one: str, other: str) -> None:
    assume(one != other)
    for mix in (
        lambda: Money(amount, one) + Money(amount, other),
        lambda: Money(amount, one) - Money(amount, other),
        lambda: Money(amount, one) < Money(amount, other),
        lambda: Money(amount, one) <= Money(amount, other),
    ):
        with pytest.raises(AssertionError):
            mix()
    assert Money(amount, one) != Money(amount, other)


@pytest.mark.parametrize("amount", [True, False, 1.0, "1", None, Fraction(1), WonByAnotherName(1), 1e3])
def test_only_an_integer_is_money(amount: Any) -> None:
    with pytest.raises(AssertionError):
        Money(amount, "KRW")
    with pytest.raises(AmountOutOfRange):
        checked(amount, "KRW")


@given(st.one_of(st.integers(max_value=0), st.integers(min_value=AMOUNT_MINOR_MAX + 1)), CURRENCIES)
def test_nothing_and_too_much_cannot_be_asked_for(amount: int, currency: str) -> None:
    with pytest.raises(AmountOutOfRange):
        checked(amount, currency)


@given(PAYABLE, CURRENCIES)
def test_everything_between_can_be_asked_for(amount: int, currency: str) -> None:
    assert checked(amount, currency) == Money(amount, currency)


@pytest.mark.parametrize("currency", ["krw", "", "BTC", "KRW ", "XXX", "₩", "KWD"])
def test_a_currency_whose_minor_unit_we_do_not_know_is_refused(currency: str) -> None:
    for attempt in (lambda: Money(1, currency), lambda: checked(1, currency), lambda: exponent_of(currency)):
        with pytest.raises(UnknownCurrency):
            attempt()


@given(st.data(), CURRENCIES)
def test_vat_is_the_eleventh_part_of_the_taxable_part_rounded_half_up(data: st.DataObject, currency: str) -> None:
    total = data.draw(PAYABLE)
    tax_free = data.draw(st.integers(0, total))
    vat = vat_included(Money(total, currency), Money(tax_free, currency)).amount_minor
    exact = Fraction(total - tax_free, 11)
    # Half up, said without the implementation's own formula: the nearest whole number, and the upper one of two.
    assert vat - Fraction(1, 2) <= exact < vat + Fraction(1, 2)
    assert 0 <= vat <= total - tax_free


@pytest.mark.parametrize(
    ("total", "tax_free", "vat"),
    [
        (11_000, 0, 1_000),
        (10_000, 0, 909),  # 909.09
        (1_000, 0, 91),  # 90.909
        (11_000, 5_500, 500),
        (11_000, 11_000, 0),
        (5, 0, 0),  # 0.4545
        (6, 0, 1),  # 0.5454
        (1, 0, 0),
        (11, 0, 1),
        (AMOUNT_MINOR_MAX, 0, 818_836_295_885_545),
    ],
)
def test_vat_worked_out_by_hand(total: int, tax_free: int, vat: int) -> None:
    assert vat_included(Money(total, "KRW"), Money(tax_free, "KRW")) == Money(vat, "KRW")


def test_vat_of_a_larger_tax_free_part_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        vat_included(Money(10, "KRW"), Money(11, "KRW"))


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(12_300, "KRW"), "₩12,300"),
        (Money(-500, "KRW"), "-₩500"),
        (Money(0, "KRW"), "₩0"),
        (Money(1_230, "USD"), "$12.30"),
        (Money(-5, "USD"), "-$0.05"),
        (Money(1_234_567, "EUR"), "€12,345.67"),
        (Money(1_000, "JPY"), "¥1,000"),
        (Money(150, "THB"), "THB 1.50"),
        (Money(-150, "THB"), "-THB 1.50"),
    ],
)
def test_money_is_written_as_people_write_it(money: Money, text: str) -> None:
    assert written(money) == str(money) == text


def test_a_plus_sign_is_written_only_when_asked_for() -> None:
    assert written(Money(500, "KRW"), sign=True) == "+₩500"
    assert written(Money(0, "KRW"), sign=True) == "₩0"
    assert written(Money(-500, "KRW"), sign=True) == "-₩500"


@given(AMOUNTS, CURRENCIES)
def test_written_money_can_be_read_back_exactly(amount: int, currency: str) -> None:
    shown = written(Money(amount, currency))
    digits = "".join(character for character in shown if character.isdigit())
    assert (-int(digits) if shown.startswith("-") else int(digits)) == amount
    assert ("." in shown) == (exponent_of(currency) > 0)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12,500", "KRW", 12_500), ("₩12500", "KRW", 12_500), ("1.2", "USD", 120), ("$1,234.56", "USD", 123_456)],
)
def test_a_typed_sum_is_read_to_the_last_minor_unit(text: str, currency: str, minor: int) -> None:
    assert typed(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"), [("12.5", "KRW"), ("12.0", "KRW"), ("₩1,000.00", "KRW"), ("100.5", "JPY"), ("1.234", "USD")]
)
def test_digits_that_the_currency_does_not_have_are_refused_and_not_run_together(text: str, currency: str) -> None:
    """F61: ₩12.5 is not ₩125."""
    with pytest.raises(AmountUnreadable):
        typed(text, currency)


TEXTS = st.lists(st.text(max_size=12), max_size=4)


@given(TEXTS, TEXTS)
def test_other_facts_give_another_id(one: list[str], other: list[str]) -> None:
    assert (from_facts(*one) == from_facts(*other)) == (one == other)


@given(st.text(min_size=2, max_size=20), st.data())
def test_moving_the_border_between_two_facts_gives_another_id(text: str, data: st.DataObject) -> None:
    """`("order", "ab", "c")` and `("order", "a", "bc")` are two orders; joining them plainly would make one."""
    at = data.draw(st.integers(1, len(text) - 1))
    assert from_facts(text[:at], text[at:]) != from_facts(text)
    assert from_facts(text[:at], text[at:]) != from_facts(text[: at - 1], text[at - 1 :])


@given(TEXTS)
def test_an_id_from_facts_is_always_the_same_32_hex_digits(facts: list[str]) -> None:
    found = from_facts(*facts)
    assert found == from_facts(*facts)
    assert len(found) == 32 and int(found, 16) >= 0 and found == found.lower()


def test_ids_from_facts_stay_what_they_are_for_ever() -> None:
    """A release that made other ids would charge every open order a second time. Computed apart from our code."""
    assert from_facts("order", "store-1", "order-1") == ORDER_ONE


ORDER_ONE = "41ef0a0ea8d7bf683de1c2ab591f03d8"
