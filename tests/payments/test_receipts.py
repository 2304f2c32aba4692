"""Cash receipts: issued once, taken back with the money, and nobody's number is kept longer than it is needed."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jangbu import embedded
from jangbu.db import Query
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.payments import store
from jangbu.payments.after import receipt_store
from jangbu.payments.after.receipt_rules import Receipt, ReceiptStatus, Wish, checked, learn
from jangbu.payments.after.refusals import (
    ReceiptInProgress,
    ReceiptIssuedAlready,
    ReceiptNotIssued,
    ReceiptNotPossible,
    ReceiptNumberUnfit,
    ReceiptRefused,
)
from jangbu.payments.after.service import receipts
from jangbu.payments.after.service.receipt_record import RETURNED
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority
from jangbu.payments.cancellations.service.cancel import cancel as give_back
from jangbu.payments.refusals import OrderHasOtherTerms, PortOneUnclear
from jangbu.payments.rules import Payment, Status
from jangbu.payments.seen import SeenReceipt
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sweep import sweep
from jangbu.payments.service.sync import find
from jangbu.settings import Settings
from kit import TESTER, House, fresh_database, house_at, jobs_named, settle

from .told import NOW
from .told import payment as made_payment

PHONE = "01012345678"
WISH = Wish("PERSONAL", PHONE)
S = ReceiptStatus
TOLD = Query(dict, "SELECT facts FROM admin_alerts WHERE kind = 'receipt_failed' ORDER BY created_at, id")
NOT_MANUAL = {"transfer": {"cashReceiptType": "PERSONAL"}}


async def ordered(house: House, wish: Wish | None = WISH) -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", receipt=wish)
    return await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)


async def paid(house: House, wish: Wish | None = WISH, method: str = "TRANSFER", **more: Any) -> Payment:
    payment = await ordered(house, wish)
    await house.portone.pay(payment.provider_order_id, method=method.lower(), payMethod=method, **more)
    await heard(house)
    return await find(str(payment.id), run=house.run)


async def heard(house: House) -> None:
    await house.hear()
    await house.work()


async def receipt_of(house: House, payment: Payment) -> Receipt | None:
    async with house.run.db.transaction() as tx:
        return await receipt_store.of_payment(tx, payment.id)


async def status_of(house: House, payment: Payment) -> ReceiptStatus | None:
    found = await receipt_of(house, payment)
    return None if found is None else found.status


def at_portone(house: House, payment: Payment) -> list[tuple[str, bool]]:
    rows = house.portone.world.state.cash_receipts
    return [(row.status, row.is_manual) for row in rows if row.payment_id == payment.provider_order_id]


async def issues(house: House, payment: Payment, wish: Wish = WISH) -> Receipt:
    return await receipts.issue(str(payment.id), wish, actor=TESTER, run=house.run, portone=house.wired.portone)


async def takes_back(house: House, payment: Payment) -> Receipt:
    return await receipts.cancel(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)


async def gives_back(house: House, payment: Payment, amount: int | None = None) -> None:
    await give_back(
        str(payment.id), Ask(amount=amount), who=Authority(TESTER), run=house.run, portone=house.wired.portone
    )
    await heard(house)


async def told(house: House) -> list[tuple[str, str]]:
    """What a person was told of receipts: the operation, and why."""
    async with house.run.db.transaction() as tx:
        return [(facts["operation"], facts["why"]) for facts in await tx.all(TOLD)]


async def nowhere_but_masked(house: House) -> None:
    """Not in a row, a job, an event, an audit line or the intent log: the number is gone but for its last digits."""
    async with house.run.db.pool.acquire() as connection:
        for table in ("payment_receipts", "payment_attempts", "pgqueuer", "events", "audit_log", "payments"):
            rows = await connection.fetch(f"SELECT to_jsonb(t)::text AS told FROM {table} t")
            assert not any(PHONE in row["told"] for row in rows), table


async def test_what_was_asked_for_is_issued_once_paid_and_the_number_is_dropped(house: House) -> None:
    payment = await ordered(house)
    wanted = await receipt_of(house, payment)
    assert wanted is not None
    assert (wanted.status, wanted.number_shown) == (S.WANTED, "*******5678")
    assert wanted.number_encrypted is not None
    await nowhere_but_masked(house)
    await house.portone.pay(payment.provider_order_id, method="transfer", payMethod="TRANSFER")
    await heard(house)
    issued = await receipt_of(house, payment)
    assert issued is not None
    assert (issued.status, issued.number_encrypted, issued.number_shown) == (S.ISSUED, None, "*******5678")
    assert issued.issue_number
    assert at_portone(house, payment) == [("ISSUED", True)]
    await settle(house)
    assert at_portone(house, payment) == [("ISSUED", True)]
    await nowhere_but_masked(house)


async def test_a_card_needs_none_and_its_number_is_dropped(house: House) -> None:
    payment = await paid(house, method="CARD")
    found = await receipt_of(house, payment)
    assert found is not None
    assert (found.status, found.number_encrypted) == (S.NOT_NEEDED, None)
    with pytest.raises(ReceiptNotPossible):
        await issues(house, payment)


async def test_what_nobody_pays_for_needs_none(house: House) -> None:
    payment = await ordered(house)
    await house.move(timedelta(hours=49))
    await house.move(timedelta(hours=2))
    found = await receipt_of(house, payment)
    assert found is not None
    assert (found.status, found.number_encrypted) == (S.NOT_NEEDED, None)


async def test_the_newest_wish_counts_until_somebody_has_paid(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")

    async def asks(wish: Wish | None) -> Payment:
        return await initialize(replace(order, receipt=wish), actor=TESTER, run=house.run, portone=house.wired.portone)

    # First none, then another; and a page that says nothing of receipts takes no wish back.
    for wish in (None, Wish("CORPORATE", "1234567890"), WISH, None):
        payment = await asks(wish)
    await house.portone.pay(payment.provider_order_id, method="transfer", payMethod="TRANSFER")
    await heard(house)
    assert await status_of(house, payment) is S.ISSUED
    assert [row.type for row in house.portone.world.state.cash_receipts] == ["PERSONAL"]
    assert (await asks(WISH)).id == payment.id
    assert at_portone(house, payment) == [("ISSUED", True)]


async def test_a_wish_that_comes_after_the_money_is_refused_and_not_forgotten(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")
    given: dict[str, Any] = {"actor": TESTER, "run": house.run, "portone": house.wired.portone}
    payment = await initialize(order, **given)
    await house.portone.pay(payment.provider_order_id, method="transfer", payMethod="TRANSFER")
    await heard(house)
    with pytest.raises(OrderHasOtherTerms):
        await initialize(replace(order, receipt=WISH), **given)
    assert (await issues(house, payment)).status is S.ISSUED


async def test_whose_number_was_dropped_is_told_when_the_money_comes_after_all(house: House) -> None:
    payment = await ordered(house)
    await house.move(timedelta(hours=49))
    await house.move(timedelta(hours=2))
    assert await status_of(house, payment) is S.NOT_NEEDED
    await house.portone.pay(payment.provider_order_id, method="transfer", payMethod="TRANSFER")
    await heard(house)
    found = await receipt_of(house, payment)
    assert found is not None
    assert (found.status, found.failure) == (S.FAILED, {"type": "NUMBER_DROPPED"})
    assert await told(house) == [("issue_receipt", "NUMBER_DROPPED")]
    assert (await issues(house, payment)).status is S.ISSUED


async def test_one_that_the_pg_issued_with_the_payment_is_not_issued_again(house: House) -> None:
    payment = await paid(house, **NOT_MANUAL)
    assert await status_of(house, payment) is S.ISSUED
    assert at_portone(house, payment) == [("ISSUED", False)]
    with pytest.raises(ReceiptIssuedAlready):
        await issues(house, payment)


async def test_by_hand_it_is_issued_taken_back_and_issued_for_what_is_left(house: House) -> None:
    payment = await paid(house, None)
    with pytest.raises(ReceiptNotIssued):
        await takes_back(house, payment)
    assert (await issues(house, payment)).status is S.ISSUED
    await gives_back(house, payment, 4_000)
    assert await status_of(house, payment) is S.ISSUED, "PortOne says nothing of receipts and parts: a person decides"
    assert (await takes_back(house, payment)).status is S.CANCELLED
    assert (await issues(house, payment, Wish("CORPORATE", "1234567890"))).status is S.ISSUED
    assert [row.total_minor for row in house.portone.world.state.cash_receipts] == [11_000, 7_000]
    await settle(house)
    assert await status_of(house, payment) is S.ISSUED


@pytest.mark.parametrize("more", [{}, NOT_MANUAL], ids=["by hand", "with the payment"])
async def test_when_all_the_money_went_back_so_does_the_receipt(house: House, more: dict[str, Any]) -> None:
    payment = await paid(house, None if more else WISH, **more)
    await gives_back(house, payment)
    await settle(house)
    assert await status_of(house, payment) is S.CANCELLED
    assert [status for status, _ in at_portone(house, payment)] == ["CANCELLED"]


async def test_what_the_pg_refuses_is_said_and_may_be_tried_again(house: House) -> None:
    payment = await paid(house, None)
    house.portone.fault("receipt_fails", times=1)
    with pytest.raises(ReceiptRefused):
        await issues(house, payment)
    failed = await receipt_of(house, payment)
    assert failed is not None
    assert (failed.status, failed.number_encrypted) == (S.FAILED, None)
    assert (await issues(house, payment)).status is S.ISSUED
    house.portone.fault("receipt_fails", times=1)
    with pytest.raises(ReceiptRefused):
        await takes_back(house, payment)
    assert await status_of(house, payment) is S.ISSUED
    assert (await takes_back(house, payment)).status is S.CANCELLED


@pytest.mark.parametrize("fault", ["answer_lost", "not_reached", "status_500"])
async def test_a_lost_answer_is_settled_by_looking(house: House, fault: str) -> None:
    payment = await paid(house, None)
    house.portone.fault(fault, operation="issue_cash_receipt", times=1)
    assert (await issues(house, payment)).status is S.ISSUING
    # What was done without an answer is seen at the next look.
    with pytest.raises(ReceiptIssuedAlready if fault == "answer_lost" else ReceiptInProgress):
        await issues(house, payment)
    await settle(house)
    assert await status_of(house, payment) is S.ISSUED
    house.portone.fault(fault, operation="cancel_cash_receipt", times=1)
    assert (await takes_back(house, payment)).status is S.CANCELLING
    await settle(house)
    assert await status_of(house, payment) is S.CANCELLED
    assert at_portone(house, payment) == [("CANCELLED", True)]
    async with house.run.db.transaction() as tx:
        made = [one for one in await store.attempts(tx, payment.id) if one.operation.endswith("receipt")]
    assert [(one.operation, one.state) for one in made] == [("issue_receipt", "done"), ("cancel_receipt", "done")]


async def test_a_call_that_never_arrived_is_not_made_any_more_after_hours(house: House) -> None:
    payment = await paid(house, None)
    house.portone.fault("not_reached", operation="issue_cash_receipt", times=99)
    await issues(house, payment)
    for _ in range(4):
        await house.move(timedelta(hours=1))
    failed = await receipt_of(house, payment)
    assert failed is not None
    assert (failed.status, failed.failure, failed.number_encrypted) == (S.FAILED, {"type": "NOT_DONE"}, None)
    assert await told(house) == [("issue_receipt", "NOT_DONE")]


async def test_a_call_that_was_open_for_long_waits_for_nobody_once_it_is_given_up(house: House) -> None:
    """Found by the simulator: of the payment itself nothing is due any more, so no look took the mark off."""
    payment = await paid(house, None)
    house.portone.fault("not_reached", operation="issue_cash_receipt", times=99)
    await issues(house, payment)
    await house.portone.move(timedelta(hours=7))
    await sweep(run=house.run)
    assert (await find(str(payment.id), run=house.run)).review == "outcome_unknown"
    for _ in range(3):
        await house.move(timedelta(hours=1))
    assert await status_of(house, payment) is S.FAILED
    assert (await find(str(payment.id), run=house.run)).review == ""


async def test_who_asked_for_a_receipt_with_the_order_and_gets_none_is_told_to_a_person(house: House) -> None:
    house.portone.fault("receipt_fails", times=1)
    payment = await paid(house)
    assert await status_of(house, payment) is S.FAILED
    [(operation, why)] = await told(house)
    assert operation == "issue_receipt" and why
    await issues(house, payment)
    house.portone.fault("receipt_fails", times=1)
    await gives_back(house, payment)
    assert await status_of(house, payment) is S.ISSUED
    assert [operation for operation, _ in await told(house)] == ["issue_receipt", "cancel_receipt"]


PICKED = Query(str, "UPDATE pgqueuer SET status = 'picked' RETURNING entrypoint")


async def test_a_receipt_issued_while_all_the_money_went_back_is_taken_back_too(house: House) -> None:
    payment = await paid(house, None)
    house.portone.fault("not_reached", operation="issue_cash_receipt", times=1)
    assert (await issues(house, payment)).status is S.ISSUING
    await give_back(str(payment.id), Ask(), who=Authority(TESTER), run=house.run, portone=house.wired.portone)
    # A worker takes the receipt's job, finds it still being issued, and is not yet done with the job when it was.
    assert await house.run.db.statement(PICKED) == RETURNED
    await jobs_named(house.wired, RETURNED)(payment_id=str(payment.id))
    await house.move(timedelta(minutes=1))
    await settle(house)
    assert [status for status, _ in at_portone(house, payment)] == ["CANCELLED"]
    assert await status_of(house, payment) is S.CANCELLED


async def test_taking_a_receipt_back_is_tried_for_as_long_as_portone_may_be_away(house: House) -> None:
    patience = next(job.backoff for job in house.wired.jobs if job.name == RETURNED)
    tries = range(patience.attempts_max - 1)
    assert sum((min(patience.first * 2**n, patience.longest) for n in tries), timedelta()) > timedelta(hours=6)
    payment = await paid(house, None)
    await issues(house, payment)
    house.portone.fault("status_500", operation="get_payment", times=1)
    await give_back(str(payment.id), Ask(), who=Authority(TESTER), run=house.run, portone=house.wired.portone)
    with pytest.raises(PortOneUnclear):
        await jobs_named(house.wired, RETURNED)(payment_id=str(payment.id))
    await jobs_named(house.wired, RETURNED)(payment_id=str(payment.id))
    assert [status for status, _ in at_portone(house, payment)] == ["CANCELLED"]


@pytest.mark.parametrize("status", [S.CANCELLED, S.ISSUING])
def test_an_answer_from_before_a_receipt_was_taken_back_is_not_the_next_one(status: S) -> None:
    of = made_payment(Status.PAID)
    row = Receipt(
        id=of.id, payment_id=of.id, status=status, issue_number="1", cancelled_at=NOW, created_at=NOW,
        number_encrypted="sealed" if status is S.ISSUING else None,
    )  # fmt: skip
    before, after = (SeenReceipt("ISSUED", "PERSONAL", number, "", NOW, None) for number in ("1", "2"))
    assert learn(row, before, of, new_id=of.id, now=NOW) == row
    assert learn(row, after, of, new_id=of.id, now=NOW).status is S.ISSUED


@pytest.mark.parametrize(
    ("type_", "number", "fits"),
    [
        ("PERSONAL", "010-1234-5678", True),
        ("PERSONAL", "０１０ 1234 5678", True),
        ("PERSONAL", "123456789012345678", True),
        ("PERSONAL", "8001011234567", False),
        ("PERSONAL", "1234567890", False),
        ("CORPORATE", "123-45-67890", True),
        ("CORPORATE", PHONE, False),
        ("PERSONAL", "", False),
        ("PERSONAL", "٠١٠١٢٣٤٥٦٧٨", False),
    ],
)
def test_only_numbers_that_receipts_are_issued_for_are_taken(type_: str, number: str, fits: bool) -> None:
    if fits:
        assert checked(type_, number).masked.endswith(number[-4:])
        assert number not in repr(checked(type_, number))
        return
    with pytest.raises(ReceiptNumberUnfit) as refused:
        checked(type_, number)
    assert not number or number not in refused.value.sentence("ko")


FAILPOINTS = (
    "payment.receipt.before_intent_commit",
    "payment.receipt.intended",
    "payment.receipt.answered",
    "payment.receipt.before_commit",
)


async def life(house: House, payment: Payment) -> None:
    """Paid, so issued; given back, so taken back. Done again, nothing is done twice."""
    if house.portone.captured(payment.provider_order_id) == 0:
        await house.portone.pay(payment.provider_order_id, method="transfer", payMethod="TRANSFER")
    await heard(house)
    if not house.portone.refunds(payment.provider_order_id):
        await gives_back(house, payment)
    await heard(house)


async def test_a_receipt_passes_its_failpoints(house: House) -> None:
    payment = await ordered(house)
    seen: Counter[str] = Counter()
    with watched(lambda name: seen.update([name])):
        await life(house, payment)
    assert set(FAILPOINTS) <= set(seen), set(FAILPOINTS) - set(seen)
    assert at_portone(house, payment) == [("CANCELLED", True)]


@pytest.mark.parametrize("at_pass", [1, 2])
@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_issues_one_and_takes_it_back(
    server: embedded.Embedded, settings: Settings, name: str, at_pass: int
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            payment = await ordered(house)
            with armed(name, at_pass=at_pass), suppress(Crash, Refusal):
                await life(house, payment)
        async with house_at(where, settings, seed=at_pass, after=house) as reborn:
            await settle(reborn)
            await life(reborn, payment)
            await settle(reborn)
            assert [status for status, _ in at_portone(reborn, payment)] == ["CANCELLED"]
            assert await status_of(reborn, payment) is S.CANCELLED
            async with reborn.run.db.transaction() as tx:
                assert await store.stuck_attempts(tx, reborn.run.clock.now()) == []
            await nowhere_but_masked(reborn)
