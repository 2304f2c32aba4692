"""What may be given back, and what PortOne's list of cancellations does to a payment (B3, B7, F35-F39)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu.errors import Refusal
from jangbu.ids import Ids
from jangbu.payments import postings
from jangbu.payments.cancellations.fold import fold
from jangbu.payments.cancellations.rules import (
    RESEND_WITHIN,
    TRANSITIONS,
    Ask,
    Cancellation,
    CancellationStatus,
    begin,
    given_back,
    may_send,
)
from jangbu.payments.rules import WAITING_CHECKS, Payment, Status, decide
from jangbu.payments.seen import SeenCancellation

from .told import NOW, payment, seen
from .told import given_back as shown

IDS = Ids(seed=9)
S = CancellationStatus


def ours(status: CancellationStatus = S.SENDING, amount: int = 3_000, **changed: Any) -> Cancellation:
    """A cancellation of ours in `status`."""
    facts: dict[str, Any] = {
        "id": IDS.uuid(),
        "payment_id": IDS.uuid(),
        "origin": "ours",
        "status": status,
        "amount": amount,
        "currency": "KRW",
        "cancellable_before": 11_000,
        "reason": "단순 변심",
        "requested_by": "test",
        "sent_at": NOW,
        "cancelled_at": NOW if status is S.SUCCEEDED else None,
        "created_at": NOW,
    }
    return Cancellation(**(facts | changed))


def asked(one: Payment, known: list[Cancellation], **ask: Any) -> Cancellation:
    return begin(one, known, Ask(**ask), new_id=IDS.uuid(), by="test", now=NOW)


REFUSED = {
    "nothing": (payment(Status.PAID), [], {"amount": 0}, "CANCEL_AMOUNT_OUT_OF_RANGE"),
    "less than nothing": (payment(Status.PAID), [], {"amount": -1}, "CANCEL_AMOUNT_OUT_OF_RANGE"),
    "one won too much": (payment(Status.PAID), [], {"amount": 11_001}, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
    "more than is left": (
        payment(Status.PARTIAL_CANCELLED),
        [ours(S.SUCCEEDED, 7_000)],
        {"amount": 4_001},
        "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT",
    ),
    "another currency": (payment(Status.PAID), [], {"amount": 1, "currency": "USD"}, "CANCEL_CURRENCY_DIFFERS"),
    "unpaid": (payment(Status.READY), [], {}, "PAYMENT_NOT_PAID"),
    "failed": (payment(Status.FAILED), [], {}, "PAYMENT_NOT_PAID"),
    "all gone": (payment(Status.CANCELLED), [ours(S.SUCCEEDED, 11_000)], {}, "PAYMENT_ALREADY_CANCELLED"),
    "while one is sent": (payment(Status.PAID), [ours(S.SENDING)], {"amount": 1}, "CANCELLATION_IN_PROGRESS"),
    "while one is at the PG": (payment(Status.PAID), [ours(S.REQUESTED)], {"amount": 1}, "CANCELLATION_IN_PROGRESS"),
    "while one waits": (payment(Status.PAID), [ours(S.WAITING)], {"amount": 1}, "CANCELLATION_IN_PROGRESS"),
    "virtual account": (
        payment(Status.PAID, method={"type": "PaymentMethodVirtualAccount"}),
        [],
        {},
        "REFUND_ACCOUNT_NEEDED",
    ),
    "which goods": (payment(Status.PAID, tax_free_amount=1_000), [], {"amount": 500}, "TAX_FREE_AMOUNT_NEEDED"),
    "more tax-free than there is": (
        payment(Status.PAID, tax_free_amount=1_000),
        [],
        {"amount": 2_000, "tax_free_amount": 1_001},
        "CANCEL_TAX_FREE_AMOUNT_OUT_OF_RANGE",
    ),
    "more taxed than there is": (
        payment(Status.PAID, tax_free_amount=1_000),
        [],
        {"amount": 10_500, "tax_free_amount": 0},
        "CANCEL_TAX_FREE_AMOUNT_OUT_OF_RANGE",
    ),
    "a mismatch that is not ours": (payment(Status.MISMATCH, review="other_store"), [], {}, "PAYMENT_NOT_PAID"),
}


@pytest.mark.parametrize(("one", "known", "ask", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_given_back_is_refused_before_anything_is_sent(
    one: Payment, known: list[Cancellation], ask: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        asked(one, known, **ask)
    assert refused.value.code == code


def test_without_an_amount_all_that_is_left_goes_back() -> None:
    known = [ours(S.SUCCEEDED, 7_000), ours(S.FAILED, 2_000), ours(S.REJECTED, 2_000)]
    one = asked(payment(Status.PARTIAL_CANCELLED), known)
    assert (one.amount, one.cancellable_before, one.status) == (4_000, 4_000, S.SENDING)


def test_the_tax_free_part_is_known_where_only_one_answer_is_possible() -> None:
    mixed = payment(Status.PAID, tax_free_amount=1_000)
    assert asked(mixed, []).tax_free_amount == 1_000
    assert asked(mixed, [ours(S.SUCCEEDED, 10_000)], amount=400).tax_free_amount == 400
    assert asked(mixed, [ours(S.SUCCEEDED, 1_000, tax_free_amount=1_000)], amount=400).tax_free_amount == 0
    assert asked(payment(Status.PAID, tax_free_amount=11_000), [], amount=400).tax_free_amount == 400


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_what_is_left_goes_back_whatever_was_said_of_the_tax_free_part_of_refunds_elsewhere(api: str) -> None:
    """Of 11,000 with 4,000 free of tax, 9,000 went back elsewhere, and nobody said what they were of."""
    mixed = payment(Status.PAID, api=api, tax_free_amount=4_000, vat_amount=636)
    folded = fold(mixed, [], [shown(1, 9_000)], now=NOW)
    known = [change.after for change in folded.changes]
    assert asked(folded.payment, known).tax_free_amount == 2_000
    # V1 says it of none, so there it may have been any part of them.
    for part in (2_000, 500, 0):
        if api == "v1" or part == 2_000:
            assert asked(folded.payment, known, tax_free_amount=part).tax_free_amount == part
            continue
        with pytest.raises(Refusal, match="CANCEL_TAX_FREE_AMOUNT_OUT_OF_RANGE"):
            asked(folded.payment, known, tax_free_amount=part)


def test_the_vat_of_parts_worked_by_hand() -> None:
    """11,000 with 1,000 VAT, given back as 3,300 + 5,500 + 2,200: 300 + 500 + 200 of VAT."""
    one, known, vat = payment(Status.PAID), [], []
    for number, amount in enumerate((3_300, 5_500, 2_200)):
        folded = fold(one, known, [shown(number, amount)], now=NOW)
        one = folded.payment
        known.append(folded.changes[0].after)
        vat.append(known[-1].vat_amount)
    assert vat == [300, 500, 200]
    assert (one.status, one.cancelled_amount, one.cancellable_amount) == (Status.CANCELLED, 11_000, 0)


@given(st.integers(1, 10_000_000), st.data())
def test_however_it_is_split_vat_and_sales_go_back_exactly_and_never_turn_negative(
    total: int, data: st.DataObject
) -> None:
    free = data.draw(st.integers(0, total), label="tax free")
    vat = data.draw(st.integers(0, total - free), label="vat")
    one = payment(
        Status.PAID, amount=total, tax_free_amount=free, vat_amount=vat, cancellable_amount=total, cancelled_amount=0
    )
    known: list[Cancellation] = []
    sales_left, vat_left = total - vat, vat
    while one.cancellable_amount:
        amount = data.draw(st.integers(1, one.cancellable_amount), label="part")
        if len(known) == 5:
            amount = one.cancellable_amount
        tax_free = data.draw(st.integers(0, amount), label="tax free part")
        folded = fold(one, known, [shown(len(known), amount, tax_free=tax_free)], now=NOW)
        one = folded.payment
        [change] = folded.changes
        known.append(change.after)
        entry = postings.cancelled(one, change.after)
        sums = {posting.account.path: posting.amount.amount_minor for posting in entry.postings}
        sales_left -= sums.get("income:sales", 0)
        vat_left -= sums.get("liabilities:vat_payable", 0)
        assert sales_left >= 0 and vat_left >= 0
        assert one.cancelled_amount + one.cancellable_amount == total
    assert (sales_left, vat_left, one.status) == (0, 0, Status.CANCELLED)


def test_a_cancellation_made_elsewhere_is_adopted_once_and_says_who_made_it() -> None:
    one = payment(Status.PAID)
    folded = fold(one, [], [shown(1, 4_000)], now=NOW)
    [change] = folded.changes
    assert (change.after.origin, change.after.requested_by, change.after.trigger) == (
        "elsewhere",
        "portone:console",
        "CONSOLE",
    )
    assert (folded.payment.status, folded.payment.cancellable_amount) == (Status.PARTIAL_CANCELLED, 7_000)
    again = fold(folded.payment, [change.after], [shown(1, 4_000)], now=NOW)
    assert again.changes == () and again.payment == folded.payment


def test_ours_is_known_by_its_mark_and_without_it_by_its_sum() -> None:
    mine = ours(amount=3_000)
    marked = shown(1, 3_000, reason=mine.reason_sent, trigger="API")
    cut_off = shown(1, 3_000, reason=mine.reason, trigger="API")
    for one in (marked, cut_off):
        [change] = fold(payment(Status.PAID), [mine], [one], now=NOW).changes
        assert (change.before, change.after.origin, change.after.status) == (mine, "ours", S.SUCCEEDED)
    for other in (
        replace(cut_off, amount=2_999),
        replace(cut_off, trigger="CONSOLE"),
        replace(cut_off, requested_at=NOW - timedelta(minutes=6)),
    ):
        [change] = fold(payment(Status.PAID), [mine], [other], now=NOW).changes
        assert change.after.origin == "elsewhere"


def test_of_v1_ours_is_known_by_what_a_pg_left_of_its_reason() -> None:
    mine = ours(amount=3_000, reason="단순 변심으로 인한 취소")
    for left in (mine.reason, "단순 변심", mine.reason_sent[:-9]):
        [change] = fold(payment(Status.PAID), [mine], [shown(1, 3_000, reason=left, trigger="")], now=NOW).changes
        assert (change.before, change.after.origin, change.after.status) == (mine, "ours", S.SUCCEEDED)
    for other in (
        {"reason": "고객 요청"},
        {"reason": ""},
        {"reason": "단순 변심", "requested_at": NOW - timedelta(hours=1)},
    ):
        [change] = fold(payment(Status.PAID), [mine], [shown(1, 3_000, **{"trigger": ""} | other)], now=NOW).changes
        assert change.after.origin == "elsewhere"


@pytest.mark.parametrize(
    ("cancellations", "said", "is_clear"),
    [
        ([shown(1, 3_000)], 3_000, True),
        ([shown(1, 3_000)], 5_000, False),
        ([shown(1, 3_000), shown(2, 2_000)], 3_000, False),
        # Whether what is on its way is in the sum is not written down.
        ([shown(1, 3_000), shown(2, 2_000, "REQUESTED")], 3_000, True),
        ([shown(1, 3_000), shown(2, 2_000, "REQUESTED")], 5_000, True),
        ([shown(1, 3_000), shown(2, 2_000, "FAILED")], 5_000, False),
        ([], 0, True),
        ([], 1_000, False),
    ],
)
def test_a_sum_that_is_not_that_of_the_refunds_is_shown_to_a_person(
    cancellations: list[SeenCancellation], said: int, *, is_clear: bool
) -> None:
    status = "PARTIAL_CANCELLED" if cancellations else "PAID"
    folded = fold(payment(Status.PAID, due_at=None), [], cancellations, said=status, sum_said=said, now=NOW).payment
    assert (folded.review, folded.due_at is None) == ("" if is_clear else "cancellation_unclear", is_clear)


def test_more_given_back_than_was_taken_is_never_booked_but_shown() -> None:
    folded = fold(payment(Status.PAID), [], [shown(1, 7_000), shown(2, 7_000, at=NOW + timedelta(1))], now=NOW)
    assert [change.after.amount for change in folded.changes] == [7_000]
    assert (folded.payment.review, folded.payment.cancellable_amount) == ("cancelled_more_than_taken", 4_000)


def test_a_failed_try_made_elsewhere_is_nothing_and_one_of_ours_frees_the_payment() -> None:
    assert fold(payment(Status.PAID), [], [shown(1, 100, "FAILED")], now=NOW).changes == ()
    mine = ours(S.REQUESTED, portone_cancellation_id="c-1")
    folded = fold(payment(Status.PAID), [mine], [shown(1, 3_000, "FAILED")], now=NOW)
    assert (folded.changes[0].after.status, folded.payment.cancellable_amount) == (S.FAILED, 11_000)
    assert asked(folded.payment, [folded.changes[0].after], amount=11_000).amount == 11_000


def test_a_status_new_to_us_is_on_its_way_and_never_a_failure() -> None:
    mine = ours()
    [change] = fold(payment(Status.PAID), [mine], [shown(1, 3_000, "HALF_DONE", reason=mine.tag)], now=NOW).changes
    assert change.after.status is S.REQUESTED and change.after.due_at is not None


def test_cancelled_without_saying_how_much_is_shown_to_a_person() -> None:
    unclear = fold(payment(Status.PAID, due_at=None), [], [], said="CANCELLED", now=NOW).payment
    assert (unclear.review, unclear.due_at) == ("cancellation_unclear", NOW + WAITING_CHECKS[0])
    later = decide(unclear, seen("CANCELLED", at=NOW), live=False, now=NOW).payment
    told = fold(later, [], [shown(1, 11_000)], said="CANCELLED", now=NOW).payment
    assert (told.status, told.review, told.due_at) == (Status.CANCELLED, "", None)


def test_nothing_leaves_succeeded_and_no_unknown_answer_makes_a_failure() -> None:
    assert {before for before, _ in TRANSITIONS}.isdisjoint({S.SUCCEEDED, S.REJECTED})
    for status in S:
        known = ours(status, portone_cancellation_id="c-1")
        for said in ("SUCCEEDED", "REQUESTED", "FAILED", "NEW"):
            folded = fold(payment(Status.PAID), [known], [shown(1, 3_000, said)], now=NOW)
            for change in folded.changes:
                moved = change.after.status is not status
                assert not moved or (status, change.after.status) in TRANSITIONS


def test_a_mismatched_payment_gives_back_what_was_taken_out_of_suspense() -> None:
    one = payment(Status.MISMATCH, review="a person's word", suspense_amount=500, suspense_currency="KRW")
    assert asked(one, []).amount == 500
    folded = fold(one, [], [shown(1, 500)], now=NOW)
    assert (folded.payment.status, folded.payment.review) == (Status.MISMATCH, "returned")
    entry = postings.cancelled(folded.payment, folded.changes[0].after)
    assert [(leg.account.path, leg.amount.amount_minor) for leg in entry.postings] == [
        ("liabilities:suspense", 500),
        ("assets:pg_receivable", -500),
    ]
    assert entry.facts["reverses"] == f"payment:{one.id}:mismatched"
    with pytest.raises(Refusal, match="PAYMENT_ALREADY_CANCELLED"):
        asked(folded.payment, [folded.changes[0].after])


def test_a_call_is_repeated_under_its_key_only_while_portone_remembers_the_key() -> None:
    assert timedelta(hours=3) > RESEND_WITHIN
    mine = ours()
    assert may_send(mine, NOW + RESEND_WITHIN - timedelta(seconds=1))
    assert not may_send(mine, NOW + RESEND_WITHIN)
    assert not may_send(replace(mine, status=S.REQUESTED), NOW)
    assert given_back([mine]) == 0


@pytest.mark.parametrize("first", ["other", "own", "both"])
def test_another_systems_refund_of_the_same_sum_is_not_taken_for_ours(first: str) -> None:
    mine = ours(S.SENDING, 3_000)
    # Theirs was asked for while the PG was slow about ours, and was done before it.
    other = shown(1, 3_000, trigger="API", at=NOW + timedelta(seconds=1))
    own = shown(2, 3_000, trigger="API", reason=mine.reason_sent, at=NOW + timedelta(seconds=2))
    one, rows = payment(Status.PAID), {mine.id: mine}
    for look in ([other] if first == "other" else [own] if first == "own" else [], [other, own]):
        folded = fold(one, list(rows.values()), look, now=NOW)
        one = folded.payment
        rows |= {change.after.id: change.after for change in folded.changes}
    assert one.cancelled_amount == given_back(list(rows.values())) == 6_000
    assert len(rows) == 2
    assert rows[mine.id].status is S.SUCCEEDED
    assert fold(one, list(rows.values()), [other, own], now=NOW).changes == ()


@pytest.mark.parametrize("origin", ["ours", "elsewhere"])
def test_what_is_tax_free_of_a_refund_stays_within_what_portone_gave_back(origin: str) -> None:
    # PostgreSQL takes no row that says otherwise, so every look at such a payment would fail.
    mine = ours(S.REQUESTED, 3_000, tax_free_amount=3_000, origin=origin, portone_cancellation_id="c-1")
    whole = payment(Status.PAID, tax_free_amount=5_000, vat_amount=545)
    [change] = fold(whole, [mine], [shown(1, 2_000, trigger="API")], now=NOW).changes
    assert (change.after.amount, change.after.tax_free_amount) == (2_000, 2_000)
