"""From initialize to a proven ledger entry, on a real PostgreSQL and the sandbox."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jangbu.db import Query
from jangbu.ledger.service import balances, seal
from jangbu.ledger.service import verify as verify_books
from jangbu.payments import store
from jangbu.payments.refusals import IdempotencyKeyReused, OrderHasOtherTerms, PortOneUnclear, PreRegistrationRefused
from jangbu.payments.rules import FINAL_CHECK_AFTER_EXPIRY, Payment, Status
from jangbu.payments.service.initialize import Order, initialize, portone_id_of
from jangbu.payments.service.sync import _apply as apply
from jangbu.payments.service.sync import find, sync
from jangbu.payments.service.verify import verify
from jangbu.portone import PortOne
from jangbu.wiring import EXPECTATIONS
from kit import TESTER, House, books

from .told import NOW, seen

WAITS = Query(int, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = current_user")
TEA = Order(amount=11_000, currency="KRW", order_name="보리차")


async def start(house: House, order: Order = TEA) -> Payment:
    return await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)


async def ledger(house: House) -> dict[str, int]:
    return {line.path: line.balance_minor for line in await balances(db=house.run.db)}


async def books_hold(house: House) -> bool:
    await seal(db=house.run.db)
    proof = await verify_books(db=house.run.db, at=house.run.clock.now(), expectations=EXPECTATIONS)
    assert proof.holds, proof
    return True


async def test_a_payment_is_ready_before_the_window_may_open(house: House) -> None:
    payment = await start(house)
    assert payment.status is Status.READY
    known = house.portone.payment(payment.provider_order_id)
    assert known is not None and known.preregistration is not None and known.preregistration.total_minor == 11_000


async def test_a_paid_payment_is_captured_once_with_its_vat(house: House) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    paid = await find(str(payment.id), run=house.run)
    assert paid.status is Status.PAID
    assert (paid.cancelled_amount, paid.cancellable_amount) == (0, 11_000)
    assert await ledger(house) == {
        "assets:pg_receivable": 11_000,
        "income:sales": -10_000,
        "liabilities:vat_payable": -1_000,
    }
    assert await books_hold(house)


async def test_webhook_verify_and_sweeper_together_capture_once(house: House) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    verdict = await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert verdict.is_paid
    await house.hear()
    await house.work()
    await house.move(timedelta(hours=1))
    assert (await ledger(house))["assets:pg_receivable"] == 11_000
    assert await books_hold(house)


async def test_a_payment_no_webhook_told_of_is_found_by_the_sweeper(house: House) -> None:
    payment = await start(house)
    house.portone.fault("webhook_lost", payment_id=payment.provider_order_id, times=99)
    await house.portone.pay(payment.provider_order_id)
    await house.hear(with_retries=True)
    assert (await find(str(payment.id), run=house.run)).status is Status.READY
    await house.move(timedelta(minutes=15))
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID


async def test_a_decline_fails_and_a_later_success_is_adopted(house: House) -> None:
    payment = await start(house)
    await house.portone.decline(payment.provider_order_id)
    await house.hear()
    await house.work()
    failed = await find(str(payment.id), run=house.run)
    assert failed.status is Status.FAILED and failed.failure is not None
    await house.move(timedelta(minutes=1))
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID
    assert await books_hold(house)


@pytest.mark.parametrize("fault", ["answer_lost", "not_reached", "status_500", "html_502", "bad_json", "status_429"])
async def test_an_unclear_pre_registration_is_unknown_and_asking_again_continues(house: House, fault: str) -> None:
    order = Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1")
    house.portone.fault(fault, times=1)
    with pytest.raises(PortOneUnclear):
        await start(house, order)
    written = await only(house)
    assert written.status is Status.REGISTERING
    again = await start(house, order)
    assert again.status is Status.READY and again.id == written.id


async def test_the_sweeper_settles_an_unclear_pre_registration(house: House) -> None:
    house.portone.fault("answer_lost", times=1)
    with pytest.raises(PortOneUnclear):
        await start(house, Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1"))
    await house.move(timedelta(minutes=2))
    again = await start(house, Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1"))
    assert again.status is Status.READY
    async with house.run.db.transaction() as tx:
        attempts = await store.attempts(tx, again.id)
    assert [attempt.state for attempt in attempts] == ["done", "done"]
    assert attempts[0].outcome == {"why": "dropped", "httpStatus": None, "settled": "by a later call"}


async def test_one_order_has_one_payment_and_other_terms_are_refused(house: House) -> None:
    first = await start(house, Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1"))
    second = await start(house, Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1"))
    assert first.id == second.id
    with pytest.raises(OrderHasOtherTerms):
        await start(house, Order(amount=50, currency="KRW", order_name="차", order_id="order-1"))


GOODS = [{"id": "tea", "name": "차", "amount": 5_000, "quantity": 1}]


@pytest.mark.parametrize("other", [{"is_escrow": False}, {"products": [GOODS[0] | {"quantity": 2}]}])
async def test_what_was_promised_of_escrow_is_not_changed_by_asking_again(house: House, other: dict[str, Any]) -> None:
    order = Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1", is_escrow=True, products=GOODS)
    assert (await start(house, order)).id == (await start(house, order)).id
    with pytest.raises(OrderHasOtherTerms):
        await start(house, replace(order, **other))
    by_key = replace(order, order_id=None, idempotency_key="shop:key-1")
    assert (await start(house, by_key)).id == (await start(house, by_key)).id
    with pytest.raises(IdempotencyKeyReused):
        await start(house, replace(by_key, **other))


@pytest.mark.parametrize(
    ("fault", "review"),
    [("amount_changed", "other_amount"), ("live_channel", "live_channel"), ("other_store", "other_store")],
)
async def test_paid_but_not_as_asked_is_never_a_sale(house: House, fault: str, review: str) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    house.portone.fault(fault, operation="get_payment", times=9)
    verdict = await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert not verdict.is_paid
    assert verdict.mismatch == review
    assert "income:sales" not in await ledger(house)
    assert await books_hold(house)


async def test_a_status_nobody_heard_of_is_kept_and_shown_to_a_person(house: House) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    house.portone.fault("unknown_status", operation="get_payment", times=1)
    verdict = await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert not verdict.is_paid and verdict.payment.review == "unknown_status"
    verdict = await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert verdict.is_paid


async def test_a_registration_whose_answer_was_lost_is_settled_when_nobody_paid_in_time(house: House) -> None:
    """All that time nobody asked again, and the first who does reads the payment: no call stays open for ever."""
    house.portone.fault("not_reached", times=1)
    with pytest.raises(PortOneUnclear):
        await start(house, replace(TEA, order_id="order-7"))
    await house.portone.move(timedelta(days=3))
    left_open = await find(portone_id_of(house.run.settings.portone_store_id, "order-7"), run=house.run)
    over = await sync(left_open, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert (over.status, over.review) == (Status.ABANDONED, "")
    async with house.run.db.transaction() as tx:
        assert await store.stuck_attempts(tx, house.run.clock.now()) == []


async def test_a_call_that_is_settled_while_the_sweep_waits_for_its_payment_is_not_called_stuck(house: House) -> None:
    house.portone.fault("not_reached", times=1)
    with pytest.raises(PortOneUnclear):
        await start(house, replace(TEA, order_id="order-7"))
    left_open = await find(portone_id_of(house.run.settings.portone_store_id, "order-7"), run=house.run)
    later, now = house.run.clock.now() + timedelta(hours=7), house.run.clock.now()

    async def flagged() -> list[UUID]:
        async with house.run.db.transaction() as tx:
            return await store.flag_stuck(tx, later)

    async with house.run.db.transaction() as tx:
        await store.lock(tx, left_open.id)
        await store.settle_attempts(tx, left_open.id, "pre_register", state="done", outcome={}, at=now)
        waiting = asyncio.create_task(flagged())
        async with asyncio.timeout(20):
            while not await house.run.db.statement(WAITS):
                await asyncio.sleep(0.01)
    assert await waiting == []
    assert (await find(str(left_open.id), run=house.run)).review == ""


async def test_a_payment_nobody_pays_is_abandoned_and_a_late_one_still_adopted(house: House) -> None:
    payment = await start(house)
    for _ in range(60):
        await house.move(timedelta(hours=1))
    assert (await find(str(payment.id), run=house.run)).status is Status.ABANDONED
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID
    assert await books_hold(house)


class No:
    """A PortOne that refuses whatever it is sent."""

    async def send(self, *_: object) -> tuple[int, dict[str, str], bytes]:
        return 400, {}, b'{"type": "INVALID_REQUEST"}'


def refused_by_portone(house: House) -> House:
    refusing = PortOne(No(), api_secret="any", store_id=house.wired.settings.portone_store_id)
    return replace(house, wired=replace(house.wired, portone=refusing))


async def test_a_refused_pre_registration_stops_the_payment(house: House) -> None:
    with pytest.raises(PreRegistrationRefused):
        await start(refused_by_portone(house))


async def test_what_is_paid_in_spite_of_a_refused_registration_is_found_without_a_webhook(house: House) -> None:
    # Whoever knows how ids are made can open a window for an order that PortOne refused to fix the amount of.
    order = Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1")
    with pytest.raises(PreRegistrationRefused):
        await start(refused_by_portone(house), order)
    portone_id = portone_id_of(house.run.settings.portone_store_id, "order-1")
    house.portone.fault("webhook_lost", payment_id=portone_id, times=9)
    await house.portone.pay(portone_id, totalAmount=991, currency="KRW")
    for _ in range(5):
        await house.move(timedelta(hours=1))
    found = await find(portone_id, run=house.run)
    assert (found.status, found.review) == (Status.MISMATCH, "other_amount")
    assert (await ledger(house))["liabilities:suspense"] == -991


async def test_a_refused_registration_that_nobody_pays_is_asked_about_until_a_day_after_expiry(
    house: House,
) -> None:
    with pytest.raises(PreRegistrationRefused):
        await start(refused_by_portone(house), Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1"))
    portone_id = portone_id_of(house.run.settings.portone_store_id, "order-1")
    refused = await find(portone_id, run=house.run)
    while refused.due_at is not None:
        assert refused.due_at < refused.expires_at + FINAL_CHECK_AFTER_EXPIRY + timedelta(hours=2)
        await house.move(timedelta(hours=1))
        refused = await find(portone_id, run=house.run)
    assert refused.status is Status.REGISTRATION_FAILED


async def test_an_outcome_that_stays_unknown_for_six_hours_is_shown_to_a_person_until_it_is_known(house: House) -> None:
    order = Order(amount=5_000, currency="KRW", order_name="차", order_id="order-1")
    house.portone.fault("not_reached", operation="pre_register_payment", times=1_000)
    with pytest.raises(PortOneUnclear):
        await start(house, order)
    await house.move(timedelta(hours=5, minutes=50))
    assert (await only(house)).review == ""
    await house.move(timedelta(minutes=20))
    assert (await only(house)).review == "outcome_unknown"
    house.portone.parts.faults.clear()
    await house.move(timedelta(minutes=16))
    settled = await only(house)
    assert (settled.status, settled.review) == (Status.READY, "")


@pytest.mark.parametrize("who", ["the shop asks again", "the sweeper"])
async def test_what_was_paid_while_its_pre_registration_was_in_doubt_is_a_sale_and_no_refusal(
    house: House, who: str
) -> None:
    """F07: PortOne took the amount, its answer was lost, somebody paid; the second try hears ALREADY_PAID."""
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")
    house.portone.fault("answer_lost", operation="pre_register_payment")
    with pytest.raises(PortOneUnclear):
        await start(house, order)
    in_doubt = await only(house)
    house.portone.fault("webhook_lost", times=99)
    house.portone.fault("webhook_lost", operation="Transaction.Ready", times=99)
    await house.portone.pay(in_doubt.provider_order_id)
    assert (await only(house)).status is Status.REGISTERING
    if who == "the sweeper":
        await house.move(timedelta(minutes=1))
    else:
        assert (await start(house, order)).status is Status.PAID
    settled = await only(house)
    assert (settled.id, settled.status, settled.paid_at is not None) == (in_doubt.id, Status.PAID, True)
    assert any("/pre-register -> 409" in line and "ALREADY_PAID" in line for line in house.portone.transport.transcript)
    async with house.run.db.transaction() as tx:
        attempts = await store.attempts(tx, settled.id)
    assert [attempt.state for attempt in attempts] == ["done", "refused"]
    assert (await ledger(house))["assets:pg_receivable"] == 11_000
    assert await books_hold(house)
    await house.move(timedelta(hours=1))
    assert (await ledger(house))["assets:pg_receivable"] == 11_000


async def test_a_payment_nobody_pays_is_asked_about_less_and_less_often(house: House) -> None:
    """F13: each look is counted, and the next one comes later, until one an hour stays."""
    payment = await start(house)
    for looks, minutes in enumerate((2, 5, 15, 60, 60)):
        waiting = await find(str(payment.id), run=house.run)
        assert (waiting.status, waiting.checks) == (Status.READY, looks)
        assert waiting.due_at is not None
        assert waiting.due_at - house.run.clock.now() == timedelta(minutes=minutes)
        await house.move(waiting.due_at - house.run.clock.now() - timedelta(seconds=1))
        assert (await find(str(payment.id), run=house.run)).checks == looks, "nobody asks before it is time"
        await house.move(timedelta(seconds=1))
    assert (await find(str(payment.id), run=house.run)).checks == 5


ONLY = Query(str, "SELECT id::text FROM payments")


async def only(house: House) -> Payment:
    async with house.run.db.transaction() as tx:
        payment_id = await tx.one(ONLY)
    return await find(payment_id, run=house.run)


async def test_a_mismatch_that_portone_does_not_show_any_more_still_waits_for_a_person(house: House) -> None:
    payment = await start(house)
    house.portone.fault("amount_changed", payment_id=payment.provider_order_id, times=10)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    assert (await find(str(payment.id), run=house.run)).status is Status.MISMATCH
    await house.portone.move(timedelta(days=3))
    # As with a secret of another store, or an answer from before the payment.
    house.portone.world.state.payments.clear()
    verdict = await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
    assert (verdict.payment.status, verdict.mismatch, verdict.is_paid) == (Status.MISMATCH, "other_amount", False)


async def test_an_expired_api_secret_stops_an_order_only_until_it_is_replaced(house: House) -> None:
    expired = PortOne(house.portone.transport, api_secret="expired", store_id=house.wired.settings.portone_store_id)
    order = replace(TEA, order_id="order-1")
    for _ in range(2):
        with pytest.raises(PreRegistrationRefused, match="UNAUTHORIZED"):
            await initialize(order, actor=TESTER, run=house.run, portone=expired)
    assert (await start(house, order)).status is Status.READY


async def test_an_order_that_portone_refused_is_refused_each_time_it_is_asked_for(house: House) -> None:
    order = replace(TEA, order_id="order-1")
    for _ in range(2):
        with pytest.raises(PreRegistrationRefused, match="INVALID_REQUEST"):
            await start(refused_by_portone(house), order)


async def test_money_whose_channel_is_named_later_waits_in_suspense_from_then_on(house: House) -> None:
    payment = await start(house)
    nameless = seen("PAID", store_id=payment.store_id, total=500, is_live=None, channel_key=None, pg_provider=None)
    named = seen("PAID", store_id=payment.store_id, total=500, at=NOW + timedelta(minutes=1))
    for answer, suspense in ((nameless, {}), (named, {"assets:pg_receivable": 500, "liabilities:suspense": -500})):
        for _ in range(2):
            after = await apply(payment.id, answer, actor=TESTER, run=house.run)
        assert after.status is Status.MISMATCH
        assert await ledger(house) == suspense
        assert await books_hold(house)
    assert after.review == "other_amount"
    assert (await books(house)).events.count("payment.mismatched") == 2
