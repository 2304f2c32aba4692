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
from jangbu.payments.rules import Event, Payment, Seen, Status, decide
from jangbu.payments.service import sync
from jangbu.runtime import Runtime
from jangbu.wiring import EXPECTATIONS
from kit import TESTER

from .told import NOW, payment, seen

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
    if draw(st.booleans()):
        paid = ["PAID", "PARTIAL_CANCELLED", "CANCELLED"][: draw(st.integers(1, 3))]
        said += [(status, attempts) for status in paid]
    elif not said or said[-1][0] == "SOMETHING_NEW":
        # What the newest answer means must be known; an unknown one keeps whatever status was there.
        said.append(("FAILED", attempts))
    said = said[-6:]
    # The browser may have asked for another amount: then every capture of the history is of that amount.
    total = draw(st.sampled_from([11_000, 11_000, 11_000, 500]))
    at, answers = NOW, []
    for status, attempt in said:
        at += timedelta(milliseconds=draw(st.integers(1, 2)))
        answers.append(seen(status, at=at, attempt=attempt, total=total))
    return answers


def applied(start: Payment, looks: list[Seen]) -> tuple[Payment, list[int]]:
    """The row after these looks, and the VAT of every capture on the way."""
    captured = []
    for look in looks:
        decision = decide(start, look, live=False, now=AFTER)
        if decision.captured_vat_minor is not None:
            captured.append(decision.captured_vat_minor)
        start = decision.payment
    return start, captured


STARTS = st.sampled_from([Status.REGISTERING, Status.READY, Status.REGISTRATION_FAILED, Status.ABANDONED])


@settings(max_examples=400, deadline=None)
@given(histories(), STARTS, st.data())
def test_any_order_of_looks_that_ends_with_the_newest_ends_in_one_row(
    history: list[Seen], status: Status, data: st.DataObject
) -> None:
    start, newest = payment(status), history[-1]
    in_order = applied(start, history)
    looks = data.draw(st.lists(st.sampled_from(history), max_size=8), label="looks")
    assert applied(start, [*looks, newest]) == in_order
    assert applied(start, [newest]) == in_order
    assert applied(start, [*history, newest, *looks]) == in_order, "looks that come late change nothing"


@settings(max_examples=30, deadline=None)
@given(histories(), STARTS)
def test_every_permutation_ends_in_one_row(history: list[Seen], status: Status) -> None:
    start, newest = payment(status), history[-1]
    ends = {repr(applied(start, [*order, newest])) for order in permutations(history)}
    assert len(ends) == 1


@settings(max_examples=100, deadline=None)
@given(histories(), STARTS)
def test_a_look_repeated_changes_nothing(history: list[Seen], status: Status) -> None:
    start = payment(status)
    once, _ = applied(start, history)
    for look in history:
        again = decide(once, look, live=False, now=AFTER)
        assert again.event is None and again.captured_vat_minor is None
        assert again.payment == once


HISTORY = [
    seen("READY", at=NOW),
    seen("FAILED", at=NOW + timedelta(seconds=10)),
    seen("PAID", at=NOW + timedelta(seconds=20), attempt=2),
    seen("PARTIAL_CANCELLED", at=NOW + timedelta(seconds=30), attempt=2),
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
        "assets:pg_receivable": 11_000 * len(orders),
        "income:sales": -10_000 * len(orders),
        "liabilities:vat_payable": -1_000 * len(orders),
    }
    await seal(db=run.db)
    proof = await verify_books(db=run.db, at=AFTER, expectations=EXPECTATIONS)
    assert proof.holds and proof.unaltered.entries == len(orders)


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
    assert applied(start, [seen("READY"), seen("FAILED")])[0].status is Status.FAILED
    assert decide(applied(start, [seen("READY")])[0], seen("PAID"), live=False, now=AFTER).event is Event.CAPTURED
