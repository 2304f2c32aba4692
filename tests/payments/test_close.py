"""Closing a virtual account: once, whoever dies; and a deposit that comes first wins (portone-facts §2.9)."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jangbu import embedded
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.payments import store
from jangbu.payments.method_refusals import AccountCloseRefused, AccountNotWaiting
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.close import close
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.payments.service.verify import verify
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, settle


async def issued(house: House) -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id, method="virtual_account", payMethod="VIRTUAL_ACCOUNT")
    await house.hear()
    await house.work()
    return await find(str(payment.id), run=house.run)


async def closes(house: House, payment: Payment, **more: Any) -> Payment:
    return await close(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone, **more)


def closed_at_portone(house: House, payment: Payment) -> bool:
    there = house.portone.payment(payment.provider_order_id)
    return there is not None and there.current is not None and there.current.closed_at is not None


def becomes(house: House, status: str) -> None:
    """PortOne does not say what it makes of a closed account."""
    world = house.portone.world
    world.inferred = replace(world.inferred, closed_account_becomes=status)


async def calls(house: House, payment: Payment) -> list[tuple[str, dict[str, Any] | None]]:
    async with house.run.db.transaction() as tx:
        made = await store.attempts(tx, payment.id)
    return [(one.state, one.outcome) for one in made if one.operation == "close_account"]


@pytest.mark.parametrize("status", ["CANCELLED", "FAILED", "VIRTUAL_ACCOUNT_ISSUED"])
async def test_whatever_portone_makes_of_a_closed_account_nobody_is_to_pay_into_it(house: House, status: str) -> None:
    becomes(house, status)
    payment = await issued(house)
    closed = await closes(house, payment)
    assert closed.status is (Status.FAILED if status == "FAILED" else Status.ABANDONED)
    assert closed_at_portone(house, payment)
    await settle(house)
    after = await find(str(payment.id), run=house.run)
    assert (after.status, after.due_at is None) == (closed.status, status != "FAILED"), "and it stays so"
    assert (await closes(house, payment)).status is closed.status, "asked again, it answers the same"
    assert [state for state, _ in await calls(house, payment)] == ["done"]
    found = await books(house)
    told = {"FAILED": "payment.failed"}.get(status, "payment.expired")
    assert found.events.count(told) == 1


async def test_a_deposit_that_comes_first_wins(house: House) -> None:
    payment = await issued(house)
    house.portone.fault("webhook_lost", times=5)
    await house.portone.deposit(payment.provider_order_id)
    with pytest.raises(AccountNotWaiting) as refused:
        await closes(house, payment)
    assert refused.value.facts["status"] == "PAID"
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID
    assert await calls(house, payment) == [("refused", {"settled": "by reading the payment"})]
    assert "payment.paid" in (await books(house)).events


async def test_money_that_the_bank_has_and_portone_does_not_know_of_keeps_the_account_open(house: House) -> None:
    payment = await issued(house)
    await house.portone.deposit(payment.provider_order_id, known_after_s=3600)
    with pytest.raises(AccountCloseRefused):
        await closes(house, payment)
    assert (await find(str(payment.id), run=house.run)).status is Status.VIRTUAL_ACCOUNT_ISSUED
    await house.move(timedelta(hours=1))
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID


async def test_late_money_on_a_closed_account_is_adopted(house: House) -> None:
    becomes(house, "VIRTUAL_ACCOUNT_ISSUED")
    payment = await issued(house)
    await closes(house, payment)
    there = house.portone.payment(payment.provider_order_id)
    assert there is not None
    assert there.current is not None
    there.current.closed_at = None
    await house.portone.deposit(payment.provider_order_id)
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID


async def test_another_account_of_the_same_payment_waits_for_its_money(house: House) -> None:
    becomes(house, "FAILED")
    payment = await issued(house)
    await closes(house, payment)
    await house.portone.pay(payment.provider_order_id, method="virtual_account", payMethod="VIRTUAL_ACCOUNT")
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.VIRTUAL_ACCOUNT_ISSUED


async def test_a_payment_without_an_account_has_none_to_close(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    with pytest.raises(AccountNotWaiting):
        await closes(house, payment)
    await house.portone.decline(payment.provider_order_id)
    with pytest.raises(AccountNotWaiting):
        await closes(house, payment)
    with pytest.raises(Refusal, match="no such payment"):
        await closes(house, payment, store_id="store-other")


@pytest.mark.parametrize("status", ["CANCELLED", "VIRTUAL_ACCOUNT_ISSUED"])
@pytest.mark.parametrize("fault", ["answer_lost", "not_reached", "status_500", "idempotency_outstanding"])
async def test_a_lost_answer_is_settled_by_looking(house: House, fault: str, status: str) -> None:
    becomes(house, status)
    payment = await issued(house)
    house.portone.fault(fault, operation="close_virtual_account", times=1)
    house.portone.fault("webhook_lost", times=5)
    with suppress(PortOneUnclear):
        await closes(house, payment)
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.ABANDONED
    assert closed_at_portone(house, payment)
    [(state, outcome)] = await calls(house, payment)
    assert state == "done"
    assert outcome is not None
    assert "why" in outcome, "that no answer came is part of the story"


FAILPOINTS = (
    "payment.close.intended",
    "payment.close.answered",
    "payment.close.before_commit",
    "payment.close.committed",
    "payment.apply.row_written",
    "payment.apply.before_commit",
)


async def test_closing_passes_its_failpoints(house: House) -> None:
    payment = await issued(house)
    seen: Counter[str] = Counter()
    with watched(lambda name: seen.update([name])):
        await closes(house, payment)
    assert set(FAILPOINTS) <= set(seen), set(FAILPOINTS) - set(seen)


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_while_closing_closes_it(server: embedded.Embedded, settings: Settings, name: str) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            becomes(house, "VIRTUAL_ACCOUNT_ISSUED")
            payment = await issued(house)
            with armed(name), suppress(Crash):
                await closes(house, payment)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            await settle(reborn)
            assert (await find(str(payment.id), run=reborn.run)).status is Status.ABANDONED
            assert closed_at_portone(reborn, payment)
            assert [state for state, _ in await calls(reborn, payment)] == ["done"]
            verdict = await verify(
                str(payment.id), store_id=None, actor=TESTER, run=reborn.run, portone=reborn.wired.portone
            )
            assert verdict.payment.status is Status.ABANDONED
