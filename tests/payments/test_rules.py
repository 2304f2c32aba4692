"""The whole square of a payment's states and events, against a table written from PortOne's facts, not from the code.

portone-facts §2.1: one paymentId holds several attempts, at most one succeeds. §2.2 and §10.6: FAILED is not final, "a
later attempt may succeed". §2.2: after PAID only cancellations follow. Design §4.1: a late PAID is always adopted.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu.payments.rules import (
    CALL_A_PERSON_AFTER,
    FINAL_CHECK_AFTER_EXPIRY,
    Event,
    Status,
    decide,
    has_waited_enough,
    mismatch_of,
    next_due,
    next_status,
)

from .told import FAILURE, NOW, payment, seen

# One line a status, one column an event; "." is no change.
TABLE = """
                       registered refused ready pending issued failed captured mismatched gave_up   part    all
REGISTERING            READY      R_FAIL  READY PENDING ISSUED FAILED PAID     MISMATCH   ABANDONED .       .
REGISTRATION_FAILED    .          .       READY PENDING ISSUED FAILED PAID     MISMATCH   ABANDONED .       .
READY                  .          .       .     PENDING ISSUED FAILED PAID     MISMATCH   ABANDONED .       .
PAY_PENDING            .          .       READY .       ISSUED FAILED PAID     MISMATCH   ABANDONED .       .
VIRTUAL_ACCOUNT_ISSUED .          .       READY PENDING .      FAILED PAID     MISMATCH   ABANDONED .       .
FAILED                 .          .       READY PENDING ISSUED .      PAID     MISMATCH   ABANDONED .       .
ABANDONED              .          .       READY PENDING ISSUED FAILED PAID     MISMATCH   .         .       .
MISMATCH               .          .       .     .       .      .      PAID     .          .         .       .
PAID                   .          .       .     .       .      .      .        .          .         PARTIAL CANCELLED
PARTIAL_CANCELLED      .          .       .     .       .      .      .        .          .         .       CANCELLED
CANCELLED              .          .       .     .       .      .      .        .          .         .       .
"""
SHORT = {
    "R_FAIL": Status.REGISTRATION_FAILED,
    "PENDING": Status.PAY_PENDING,
    "ISSUED": Status.VIRTUAL_ACCOUNT_ISSUED,
    "PARTIAL": Status.PARTIAL_CANCELLED,
}
COLUMNS = {
    "registered": Event.REGISTERED,
    "refused": Event.REGISTRATION_REFUSED,
    "ready": Event.SEEN_READY,
    "pending": Event.SEEN_PENDING,
    "issued": Event.SEEN_ACCOUNT_ISSUED,
    "failed": Event.SEEN_FAILED,
    "captured": Event.CAPTURED,
    "mismatched": Event.MISMATCHED,
    "gave_up": Event.GAVE_UP_WAITING,
    "part": Event.PART_CANCELLED,
    "all": Event.ALL_CANCELLED,
}


def square() -> dict[tuple[Status, Event], Status | None]:
    head, *lines = TABLE.strip().splitlines()
    events = [COLUMNS[name] for name in head.split()]
    expected: dict[tuple[Status, Event], Status | None] = {}
    for line in lines:
        name, *cells = line.split()
        for event, cell in zip(events, cells, strict=True):
            expected[Status(name), event] = None if cell == "." else SHORT.get(cell) or Status(cell)
    return expected


def test_the_table_has_every_state_and_every_event() -> None:
    assert set(square()) == {(status, event) for status in Status for event in Event}


@pytest.mark.parametrize("status", Status)
def test_every_change_is_the_one_in_the_table(status: Status) -> None:
    for event in Event:
        assert next_status(status, event) == square()[status, event], f"{status} on {event}"


CAPTURED = (Status.PAID, Status.PARTIAL_CANCELLED, Status.CANCELLED)
UNPAID = tuple(status for status in Status if status not in {*CAPTURED, Status.MISMATCH})
AT_PORTONE = ("READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "PAID", "FAILED", "PARTIAL_CANCELLED", "CANCELLED")
LATER = NOW + timedelta(minutes=1)


@pytest.mark.parametrize("status", [*UNPAID, Status.MISMATCH])
def test_paid_is_adopted_after_anything_unpaid(status: Status) -> None:
    before = payment(status, failure=FAILURE, failed_at=NOW, review="other_amount", portone_changed_at=NOW)
    decision = decide(before, seen("PAID", at=LATER), live=False, now=LATER)
    after = decision.payment
    assert (decision.event, after.vat_amount, decision.is_stale) == (Event.CAPTURED, 1_000, False)
    assert (after.status, after.paid_at) == (Status.PAID, NOW - timedelta(minutes=30))
    assert (after.cancelled_amount, after.cancellable_amount) == (0, 11_000)
    assert (after.failure, after.failed_at, after.review, after.due_at) == (None, None, "", None)
    assert (after.provider_transaction_id, after.channel_key, after.pg_provider) == ("tx-1", "channel-1", "INICIS_V2")
    assert after.portone_changed_at == LATER


@pytest.mark.parametrize("status", CAPTURED)
@pytest.mark.parametrize("said", [*AT_PORTONE, "DISPUTED"])
def test_nothing_portone_says_undoes_a_capture(status: Status, said: str) -> None:
    before = payment(status)
    decision = decide(before, seen(said, at=LATER, attempt=2), live=False, now=LATER)
    after = decision.payment
    assert (decision.event, after.vat_amount) == (None, before.vat_amount)
    assert (after.status, after.paid_at, after.cancellable_amount) == (status, before.paid_at, 11_000)
    assert after.due_at is None
    assert (after.review == "unknown_status") == (said == "DISPUTED")


@pytest.mark.parametrize("said", ["READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "FAILED"])
def test_what_is_unpaid_again_at_portone_is_shown_to_a_person_until_it_is_paid_there(said: str) -> None:
    paid = payment(Status.PAID, portone_changed_at=NOW)
    slow = decide(paid, seen(said, at=NOW), live=False, now=LATER).payment
    assert (slow.status, slow.review) == (Status.PAID, ""), "of the same moment: it may have been on its way for long"
    taken_back = decide(paid, seen(said, at=LATER), live=False, now=LATER).payment
    assert (taken_back.status, taken_back.review) == (Status.PAID, "unpaid_at_portone")
    again = decide(taken_back, seen(said, at=LATER), live=False, now=LATER).payment
    assert again.review == "unpaid_at_portone", "however often one looks"
    assert decide(again, seen("PAID", at=LATER), live=False, now=LATER).payment.review == ""


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("said", [*AT_PORTONE, "SOMETHING_NEW"])
def test_an_answer_older_than_the_one_we_applied_changes_nothing(status: Status, said: str) -> None:
    before = payment(status, portone_changed_at=NOW)
    decision = decide(before, seen(said, at=NOW - timedelta(milliseconds=1)), live=False, now=LATER)
    assert decision.is_stale and decision.payment == before and decision.event is None


@pytest.mark.parametrize("said", ["PARTIAL_CANCELLED", "CANCELLED"])
def test_a_payment_first_seen_when_it_was_already_given_back_is_captured_first(said: str) -> None:
    """The money was taken and given back before we looked: the capture is booked, then what went back (fold)."""
    decision = decide(payment(), seen(said), live=False, now=NOW)
    assert (decision.payment.status, decision.event) == (Status.PAID, Event.CAPTURED)
    assert (decision.payment.review, decision.payment.cancellable_amount) == ("", 11_000)


def test_the_time_of_capture_is_the_best_one_portone_gives() -> None:
    paid = seen("PAID")
    assert decide(payment(), paid, live=False, now=LATER).payment.paid_at == paid.paid_at
    assert decide(payment(), replace(paid, paid_at=None), live=False, now=LATER).payment.paid_at == paid.changed_at
    neither = replace(paid, paid_at=None, changed_at=None)
    assert decide(payment(), neither, live=False, now=LATER).payment.paid_at == LATER


@pytest.mark.parametrize(
    ("changed", "live", "reason"),
    [
        ({}, False, ""),
        ({"is_live": True}, True, ""),
        ({"is_live": None}, False, "unknown_channel"),
        ({"total": 10_999}, False, "other_amount"),
        ({"total": 11_001}, False, "other_amount"),
        ({"currency": "USD"}, False, "other_currency"),
        ({"currency": "XAU"}, False, "unhandled_currency"),
        ({"total": 0}, False, "no_amount"),
        ({"total": 1, "is_live": True}, False, "live_channel"),
        ({"store_id": "store-2"}, False, "other_store"),
        ({"store_id": ""}, False, "other_store"),
        ({"is_live": False}, True, "test_channel"),
        ({"is_live": True}, False, "live_channel"),
        ({"total": 1, "currency": "USD", "store_id": "store-2", "is_live": True}, False, "other_store"),
    ],
)
def test_what_is_not_what_we_asked_for_is_never_a_sale(changed: dict[str, object], live: bool, reason: str) -> None:
    for said in ("PAID", "PARTIAL_CANCELLED", "CANCELLED"):
        answer = seen(said, **changed)
        decision = decide(payment(), answer, live=live, now=NOW)
        assert mismatch_of(payment(), answer, live=live) == reason
        assert (decision.event is Event.CAPTURED) != bool(reason)
        if reason:
            assert (decision.payment.status, decision.event) == (Status.MISMATCH, Event.MISMATCHED)
            assert (decision.payment.review, decision.payment.paid_at, decision.payment.due_at) == (reason, None, None)


def test_promotions_that_make_the_payer_pay_less_are_no_mismatch() -> None:
    """portone-facts §10.1: `paid` is smaller than `total` then; only `total` is what was asked for."""
    assert decide(payment(), seen("PAID", total=11_000), live=False, now=NOW).event is Event.CAPTURED


@pytest.mark.parametrize("status", UNPAID)
def test_a_status_nobody_heard_of_moves_nothing_and_is_asked_about_again(status: Status) -> None:
    decision = decide(payment(status), seen("PAY_DEFERRED"), live=False, now=NOW)
    assert (decision.event, decision.payment.status) == (None, status)
    assert decision.payment.review == "unknown_status"
    if status not in {Status.ABANDONED, Status.REGISTRATION_FAILED}:
        assert decision.payment.due_at is not None


def test_a_status_nobody_heard_of_takes_no_other_reason_off_a_persons_desk() -> None:
    mismatched = decide(payment(), seen("PAID", total=12_000), live=False, now=NOW).payment
    later = decide(mismatched, seen("PAY_DEFERRED", at=LATER), live=False, now=NOW).payment
    assert (later.status, later.review, later.due_at) == (Status.MISMATCH, "other_amount", None)


@pytest.mark.parametrize("said", ["READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "FAILED", "PAID"])
def test_a_status_we_know_again_takes_it_off_a_persons_desk(said: str) -> None:
    unknown = decide(payment(), seen("PAY_DEFERRED"), live=False, now=NOW).payment
    assert decide(unknown, seen(said, at=LATER), live=False, now=LATER).payment.review == ""


def test_a_failure_is_kept_until_something_else_happens() -> None:
    failed = decide(payment(), seen("FAILED"), live=False, now=NOW).payment
    assert (failed.status, failed.failure, failed.failed_at) == (Status.FAILED, FAILURE, NOW)
    for said in ("READY", "PAID"):
        after = decide(failed, seen(said, at=LATER, attempt=2), live=False, now=LATER).payment
        assert (after.failure, after.failed_at) == (None, None)


WAITING = (Status.READY, Status.PAY_PENDING, Status.VIRTUAL_ACCOUNT_ISSUED, Status.FAILED)


@given(st.integers(0, 1_000))
def test_an_unknown_outcome_is_asked_about_within_fifteen_minutes(checks: int) -> None:
    due = next_due(payment(Status.REGISTERING, checks=checks), NOW)
    assert due is not None and NOW < due <= NOW + timedelta(minutes=15)
    assert timedelta(minutes=15) < CALL_A_PERSON_AFTER


@given(st.sampled_from(WAITING), st.integers(0, 1_000))
def test_a_payment_that_waits_for_its_payer_is_asked_about_within_the_hour(status: Status, checks: int) -> None:
    due = next_due(payment(status, checks=checks), NOW)
    assert due is not None and NOW < due <= NOW + timedelta(hours=1)


@pytest.mark.parametrize("status", [*UNPAID, Status.MISMATCH])
def test_the_first_look_comes_soon_and_later_ones_never_sooner(status: Status) -> None:
    due = [next_due(payment(status, checks=checks), NOW) for checks in range(10)]
    if due[0] is not None:
        assert due[0] <= NOW + timedelta(minutes=2)
        assert due == sorted(one for one in due if one is not None)
    else:
        assert set(due) == {None}


@pytest.mark.parametrize("status", [*CAPTURED, Status.MISMATCH, Status.ABANDONED])
def test_what_is_settled_is_not_asked_about(status: Status) -> None:
    assert next_due(payment(status), NOW) is None


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED])
def test_nobody_is_asked_about_for_ever(status: Status) -> None:
    """Until expiry + 24 h (design §4.1): a payer who opened the window and left costs no call an hour for ever."""
    enough = payment(status).expires_at + FINAL_CHECK_AFTER_EXPIRY
    assert next_due(payment(status), enough - timedelta(seconds=1)) is not None
    assert next_due(payment(status), enough) is None
    late = decide(payment(status), seen(status.value, at=enough), live=False, now=enough).payment
    assert late.due_at is None
    # Late money is still adopted: from a webhook, or when somebody asks.
    assert decide(late, seen("PAID", at=enough), live=False, now=enough).event is Event.CAPTURED


def test_an_order_whose_registration_was_refused_is_asked_about_as_long_as_one_that_waits() -> None:
    """Its amount was never fixed, so whoever knows its id can pay any sum for it, and no webhook may tell."""
    refused = payment(Status.REGISTRATION_FAILED)
    enough = refused.expires_at + FINAL_CHECK_AFTER_EXPIRY
    assert next_due(refused, enough - timedelta(seconds=1)) is not None
    assert next_due(refused, enough) is None


@pytest.mark.parametrize("status", [Status.PAY_PENDING, Status.VIRTUAL_ACCOUNT_ISSUED])
def test_money_that_may_still_be_on_its_way_is_asked_about_past_the_expiry(status: Status) -> None:
    """An account number outlives our own expiry, and its deposit may bring no webhook (portone-facts §4.3)."""
    assert next_due(payment(status), NOW + timedelta(days=30)) is not None


def test_waiting_ends_a_day_after_the_expiry_and_never_for_a_captured_payment() -> None:
    end = payment().expires_at + FINAL_CHECK_AFTER_EXPIRY
    assert not has_waited_enough(payment(), end - timedelta(microseconds=1))
    assert has_waited_enough(payment(), end)
    assert not has_waited_enough(payment(Status.PAID), end)


@pytest.mark.parametrize("first", [{}, {"channel_key": None, "pg_provider": None}])
def test_money_in_the_books_keeps_the_attempt_and_the_channel_it_came_by(first: dict[str, Any]) -> None:
    booked = decide(payment(), seen("PAID", **first), live=False, now=NOW).payment
    renamed = {**first, "at": NOW + timedelta(hours=1), "channel_key": "channel-renamed", "pg_provider": "INICIS_V3"}
    later = decide(booked, seen("PARTIAL_CANCELLED", attempt=2, **renamed), live=False, now=NOW).payment
    for name in ("provider_transaction_id", "channel_key", "pg_provider"):
        assert getattr(later, name) == getattr(booked, name)


@pytest.mark.parametrize("never", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-09:00"])
def test_an_account_without_an_end_is_waited_for(never: str) -> None:
    account = {"type": "PaymentMethodVirtualAccount", "accountNumber": "1", "expiredAt": never}
    for now in (NOW, NOW + timedelta(days=365)):
        waits = decide(payment(), seen("VIRTUAL_ACCOUNT_ISSUED", method=account), live=False, now=now).payment
        assert (waits.status, waits.deadline) == (Status.VIRTUAL_ACCOUNT_ISSUED, waits.expires_at)
        assert waits.due_at is not None
