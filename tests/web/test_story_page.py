"""The shapes behind the two payment pages."""

from datetime import UTC, datetime, timedelta

import pytest

from jangbu.money import Money
from jangbu.payments.story.page import Call, Entry, Figure, Moment, PaymentHead, Posting, StoryPage, called, changed
from jangbu.payments.story.texts import PAYMENT_TEXTS as TEXTS
from jangbu.web.texts import Words

NOON = datetime(2026, 8, 1, 3, 0, 0, tzinfo=UTC)
T = Words("ko", TEXTS)
HEAD = PaymentHead("모자", Money(100, "KRW"), "PAID", NOON, "p", "pp", None, None)


def won(amount: int) -> Money:
    return Money(amount, "KRW")


def story(figures: list[Figure], moments: list[Moment]) -> StoryPage:
    return StoryPage.of(T, HEAD, figures, moments, asked_at=NOON, back_href="/")


def test_moments_are_told_in_order_of_time_and_those_of_one_instant_as_given() -> None:
    late, early, twin = (Moment("state", NOON + timedelta(seconds=at), str(at)) for at in (9, 1, 1))
    assert [step.moment for step in story([], [late, early, twin]).steps] == [early, twin, late]


def test_a_page_whose_moments_are_out_of_order_cannot_be_made() -> None:
    moments = tuple(Moment("state", NOON - timedelta(seconds=at), "") for at in (1, 2))
    with pytest.raises(AssertionError, match="in order"):
        StoryPage(HEAD, (), story([], []).verdict, moments, "/")


def test_a_day_begins_at_midnight_in_seoul() -> None:
    midnight = datetime(2026, 8, 1, 15, 0, tzinfo=UTC)
    moments = [Moment("state", midnight + timedelta(seconds=at), "") for at in (-2, -1, 0, 1)]
    assert [step.new_day for step in story([], moments).steps] == [True, False, True, False]


def test_silence_is_long_from_an_hour_on() -> None:
    moments = [Moment("state", NOON + timedelta(seconds=at), "") for at in (0, 3599, 3599 + 3600)]
    assert [(step.after, step.long_silence) for step in story([], moments).steps] == [
        (None, False),
        (timedelta(seconds=3599), False),
        (timedelta(hours=1), True),
    ]


@pytest.mark.parametrize(
    ("portone", "ours", "ledger", "agreement", "tone"),
    [
        (10, 10, 10, "equal", "good"),
        (11, 10, 10, "unequal", "bad"),
        (10, 11, 10, "unequal", "bad"),
        (10, 10, 11, "unequal", "bad"),
        (None, 10, 10, "unasked", "waiting"),
        (None, 10, 11, "unequal", "bad"),
        (0, 0, 0, "equal", "good"),
        (0, 10, 10, "unequal", "bad"),
    ],
)
def test_three_sources_agree_only_when_all_three_say_the_same(
    portone: int | None, ours: int, ledger: int, agreement: str, tone: str
) -> None:
    figure = Figure("금액", None if portone is None else won(portone), won(ours), won(ledger))
    assert figure.agreement == agreement
    equal = Figure("다른 것", won(1), won(1), won(1))
    assert story([equal, figure], []).verdict.tone == tone


def test_the_same_number_in_another_currency_is_not_the_same_amount() -> None:
    assert Figure("금액", Money(100, "USD"), won(100), won(100)).agreement == "unequal"


def test_a_posting_has_exactly_one_side() -> None:
    with pytest.raises(AssertionError):
        Posting("자산", debit=won(1), credit=won(1))
    with pytest.raises(AssertionError):
        Posting("자산")


def test_an_entry_shows_its_own_sums_and_admits_when_they_differ() -> None:
    legs = (Posting("a", debit=won(64_601)), Posting("b", credit=won(58_728)), Posting("c", credit=won(5_873)))
    assert Entry("k", legs).balances
    assert (Entry("k", legs).debits, Entry("k", legs).credits) == (won(64_601), won(64_601))
    assert not Entry("k", legs[:2]).balances


@pytest.mark.parametrize(
    ("outcome", "tone"), [("succeeded", "neutral"), ("refused", "bad"), ("running", "waiting"), ("unknown", "unknown")]
)
def test_an_unknown_outcome_never_looks_like_a_failure_or_a_success(outcome: str, tone: str) -> None:
    call = Call("POST /x", "key", outcome, NOON, None, None)  # type: ignore[arg-type]
    assert called(T, call, title="").tone == tone


def test_only_being_paid_is_good_news_and_only_failing_is_bad() -> None:
    tones = {after: changed(T, NOON, before="READY", after=after).tone for after in ("PAID", "FAILED", "CANCELLED")}
    assert tones == {"PAID": "good", "FAILED": "bad", "CANCELLED": "neutral"}
