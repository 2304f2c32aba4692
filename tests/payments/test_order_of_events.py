"""Order of arrival means nothing: every order of looks at one PortOne history ends in one row (F22, G10)."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jangbu.ledger.service import balances, seal
from jangbu.ledger.service import verify as verify_books
from jangbu.payments import store
from jangbu.payments.cancellations.fold import fold
from jangbu.payments.cancellations.rules import Cancellation
from jangbu.payments.rules import Event, Payment, Status, decide
from jangbu.payments.seen import Seen, SeenCancellation
from jangbu.payments.service import sync
from jangbu.runtime import Runtime
from jangbu.wiring import EXPECTATIONS
from kit import TESTER

from .told import NOW, given_back, payment, seen

AFTER = NOW + timedelta(hours=3)


@st.composite
def histories(draw: st.DrawFn) -> list[Seen]:
    """What PortOne would have answered about one payment over time, oldest first, at most six answers.

    Attempts that open, wait and fail; perhaps one that succeeds; perhaps given back after that.
    """
    said: list[tuple[str, int]] = []
    attempts = draw(st.integers(1, 2))
    for attempt in range(1, attempts + 1):
        opened = draw(st.sampled_from([[], ["READY"], ["READY", "PAY_PENDING"], ["READY", "VIRTUAL_ACCOUNT_ISSUED"]]))
        said += [(status, attempt) for status in opened]
        if attempt < attempts or draw(st.booleans()):
            said.append(("FAILED", attempt))
        if draw(st.integers(0, 4)) == 0:
            said.append(("SOMETHING_NEW", attempt))
    gone: list[list[SeenCancellation]] = []
    if draw(st.booleans()):
        said.append(("PAID", attempts))
        gone = draw(cancellations())
        said += [(status_of(shown), attempts) for shown in gone]
    elif not said or said[-1][0] == "SOMETHING_NEW":
        # What the newest answer means must be known; an unknown one keeps whatever status was there.
        said.append(("FAILED", attempts))
    said = said[-6:]
    gone = gone[-6:]
    # The browser may have asked for another amount: then every capture of the history is of that amount.
    total = draw(st.sampled_from([11_000, 11_000, 11_000, 500]))
    at, answers = NOW, []
    for number, (status, attempt) in enumerate(said):
        at += timedelta(milliseconds=draw(st.integers(1, 2)))
        later = number - (len(said) - len(gone))
        shown = tuple(gone[later]) if later >= 0 else ()
        answers.append(seen(status, at=at, attempt=attempt, total=total, cancellations=shown))
    return answers


@st.composite
def cancellations(draw: st.DrawFn) -> list[list[SeenCancellation]]:
    """PortOne's list of cancellations as it grows: each is on its way first, or is done or failed at once."""
    listed: list[SeenCancellation] = []
    lists: list[list[SeenCancellation]] = []
    for number in range(draw(st.integers(0, 3))):
        amount = draw(st.sampled_from([100, 3_000]))
        end = draw(st.sampled_from(["SUCCEEDED", "SUCCEEDED", "FAILED"]))
        if draw(st.booleans()):
            lists.append([*listed, given_back(number, amount, "REQUESTED")])
        listed = [*listed, given_back(number, amount, end, at=NOW + timedelta(seconds=number))]
        lists.append(listed)
    return lists


def status_of(shown: list[SeenCancellation]) -> str:
    """What PortOne calls a payment of 11,000 (or 500) with these cancellations."""
    return "PARTIAL_CANCELLED" if any(one.status == "SUCCEEDED" for one in shown) else "PAID"


Row = tuple[Payment, tuple[Cancellation, ...]]


def applied(start: Payment, looks: list[Seen]) -> tuple[Row, list[int]]:
    """The row and its cancellations after these looks, and every sum that was booked on the way."""
    return applied_to((start, ()), looks)


def applied_to(row: Row, looks: list[Seen]) -> tuple[Row, list[int]]:
    """The same, from somewhere on the way."""
    payment, known = row[0], {one.id: one for one in row[1]}
    booked = []
    for look in looks:
        decision = decide(payment, look, live=False, now=AFTER)
        if decision.is_stale:
            continue
        if decision.event is Event.CAPTURED:
            booked.append(decision.payment.amount)
        folded = fold(decision.payment, list(known.values()), look.cancellations, said=look.status, now=AFTER)
        payment = folded.payment
        for change in folded.changes:
            known[change.after.id] = change.after
            if change.event:
                booked.append(-change.after.amount)
    return (payment, tuple(sorted(known.values(), key=lambda one: one.id))), booked


STARTS = st.sampled_from([Status.REGISTERING, Status.READY, Status.REGISTRATION_FAILED, Status.ABANDONED])


@settings(max_examples=400)
@given(histories(), STARTS, st.data())
def test_any_order_of_looks_that_ends_with_the_newest_ends_in_one_row(
    history: list[Seen], status: Status, data: st.DataObject
) -> None:
    start, newest = payment(status), history[-1]
    in_order = end_of(applied(start, history))
    looks = data.draw(st.lists(st.sampled_from(history), max_size=8), label="looks")
    assert end_of(applied(start, [*looks, newest])) == in_order
    assert end_of(applied(start, [newest])) == in_order
    assert end_of(applied(start, [*history, newest, *looks])) == in_order, "looks that come late change nothing"


def end_of(result: tuple[Row, list[int]]) -> tuple[Payment, list[Cancellation], list[int]]:
    """What must not depend on the order: the row, what was given back, and every sum that was booked, each once.

    When we first heard of a cancellation that is on its way or failed does depend on it.
    """
    (payment, known), booked = result
    return payment, [given for given in known if given.status == "SUCCEEDED"], sorted(booked)


@settings(max_examples=30)
@given(histories(), STARTS)
def test_every_permutation_ends_in_one_row(history: list[Seen], status: Status) -> None:
    start, newest = payment(status), history[-1]
    ends = {repr(end_of(applied(start, [*order, newest]))) for order in permutations(history)}
    assert len(ends) == 1


@settings(max_examples=100)
@given(histories(), STARTS)
def test_a_look_repeated_changes_nothing(history: list[Seen], status: Status) -> None:
    start = payment(status)
    once, _ = applied(start, history)
    for look in history:
        assert applied_to(once, [look]) == (once, [])


HISTORY = [
    seen("READY", at=NOW),
    seen("FAILED", at=NOW + timedelta(seconds=10)),
    seen("PAID", at=NOW + timedelta(seconds=20), attempt=2),
    seen("PARTIAL_CANCELLED", at=NOW + timedelta(seconds=30), attempt=2, cancellations=(given_back(1, 1_100),)),
]


async def test_in_the_database_every_order_makes_the_same_row_entry_and_announcement(run: Runtime) -> None:
    rows: set[str] = set()
    orders = list(permutations(HISTORY))
    for number, order in enumerate(orders):
        one = payment(Status.REGISTERING, id=run.ids.uuid(), provider_order_id=f"p-{number}", store_id="store-1")
        async with run.db.transaction() as tx:
            assert await store.insert(tx, one)
        for look in (*order, HISTORY[-1], *order):
            await sync._apply(one.id, look, actor=TESTER, run=run)
        async with run.db.transaction() as tx:
            after = await store.lock(tx, one.id)
        rows.add(repr(replace(after, id=HISTORY_ID, provider_order_id="")))
    assert len(rows) == 1
    found = {line.path: line.balance_minor for line in await balances(db=run.db)}
    assert found == {
        "assets:pg_receivable": 9_900 * len(orders),
        "income:sales": -9_000 * len(orders),
        "liabilities:vat_payable": -900 * len(orders),
    }
    await seal(db=run.db)
    proof = await verify_books(db=run.db, at=AFTER, expectations=EXPECTATIONS)
    assert proof.holds and proof.unaltered.entries == 2 * len(orders)


HISTORY_ID = payment().id


async def registered(run: Runtime, **changed: object) -> Payment:
    one = payment(Status.READY, id=run.ids.uuid(), **changed)
    async with run.db.transaction() as tx:
        assert await store.insert(tx, one)
    return one


async def books(run: Runtime) -> dict[tuple[str, str], int]:
    """Balances that are not zero, of books that must hold."""
    proof = await verify_books(db=run.db, at=AFTER, expectations=EXPECTATIONS)
    assert proof.holds, proof
    return {(line.path, line.currency): line.balance_minor for line in await balances(db=run.db) if line.balance_minor}


WRONG = {
    "other amount": {"total": 500},
    "other currency": {"currency": "USD"},
    "other store": {"store_id": "store-2"},
    "live channel": {"is_live": True},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_mismatch_that_is_put_right_is_one_sale_and_leaves_nothing_in_suspense(
    run: Runtime, wrong: dict[str, object]
) -> None:
    """PortOne's word changes, or our settings do: the money that waited becomes the sale, and not a second one."""
    one = await registered(run)
    await sync._apply(one.id, seen("PAID", at=NOW, **wrong), actor=TESTER, run=run)
    in_suspense = await books(run)
    assert ("income:sales", "KRW") not in in_suspense
    after = await sync._apply(one.id, seen("PAID", at=NOW + timedelta(minutes=1)), actor=TESTER, run=run)
    assert after.status is Status.PAID
    assert await books(run) == {
        ("assets:pg_receivable", "KRW"): 11_000,
        ("income:sales", "KRW"): -10_000,
        ("liabilities:vat_payable", "KRW"): -1_000,
    }


async def test_a_mismatch_whose_reason_changes_keeps_complete_books(run: Runtime) -> None:
    """Other store first, other amount then: what is expected of the ledger is what was booked when it was decided."""
    for first, then in permutations(WRONG.values(), 2):
        one = await registered(run, provider_order_id=str(run.ids.uuid()))
        await sync._apply(one.id, seen("PAID", at=NOW, **first), actor=TESTER, run=run)
        await sync._apply(one.id, seen("PAID", at=NOW + timedelta(minutes=1), **then), actor=TESTER, run=run)
        await books(run)


def test_the_newest_answer_of_equal_age_wins() -> None:
    start = payment(Status.REGISTERING)
    assert applied(start, [seen("READY"), seen("FAILED")])[0][0].status is Status.FAILED
    assert decide(applied(start, [seen("READY")])[0][0], seen("PAID"), live=False, now=AFTER).event is Event.CAPTURED


ACCOUNT = {"type": "PaymentMethodVirtualAccount", "accountNumber": "1", "expiredAt": "2026-08-04T03:00:00Z"}


@pytest.mark.parametrize("ends_with", ["PAID", "FAILED", "CANCELLED", "VIRTUAL_ACCOUNT_ISSUED"])
def test_every_order_of_looks_at_accounts_that_come_and_go_ends_in_one_row(ends_with: str) -> None:
    """Two accounts one after the other, closed or paid: the day to pay until is that of the newest look as well."""
    unpaid = {"method": ACCOUNT, "paid_at": None}
    later = ACCOUNT | {"expiredAt": "2026-08-09T03:00:00Z"}
    paid = {"method": later, "paid_at": NOW if ends_with == "PAID" else None}
    history = [
        seen("READY", at=NOW),
        seen("VIRTUAL_ACCOUNT_ISSUED", at=NOW + timedelta(seconds=1), **unpaid),
        seen("CANCELLED", at=NOW + timedelta(seconds=2), **unpaid),
        seen("READY", at=NOW + timedelta(seconds=3), attempt=2),
        seen("VIRTUAL_ACCOUNT_ISSUED", at=NOW + timedelta(seconds=4), attempt=2, method=later, paid_at=None),
        seen(ends_with, at=NOW + timedelta(seconds=5), attempt=2, **paid),
    ]
    start = payment(Status.REGISTERING)
    ends = [applied(start, [*order, history[-1]]) for order in permutations(history)]
    assert len({repr(end_of(end)) for end in ends}) == 1
    assert {tuple(booked) for _, booked in ends} == {(11_000,) if ends_with == "PAID" else ()}
