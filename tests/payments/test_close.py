"""Closing a virtual account: once, whoever dies; and a deposit that comes first wins (portone-facts §2.9)."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jangbu import embedded
from jangbu import sandbox as names
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.payments import store
from jangbu.payments.after.refusals import AccountCloseRefused, AccountNotWaiting
from jangbu.payments.after.service.close import close
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find, told
from jangbu.payments.service.verify import verify
from jangbu.sandbox.core import accounts
from jangbu.sandbox.core.records import Attempt
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, settle

OPERATIONS = {"v1": "v1_close_vbank", "v2": "close_virtual_account"}


async def another_account(house: House, payment: Payment) -> None:
    if payment.api == "v1":
        await house.portone.v1_pay(
            payment.provider_order_id, amount=payment.amount, channelKey=names.CARD_CHANNEL, pay_method="vbank"
        )
    else:
        await house.portone.pay(payment.provider_order_id, method="virtual_account", payMethod="VIRTUAL_ACCOUNT")
    await settle(house)
    await told(payment.provider_order_id, run=house.run, portone=house.wired.portone)


async def issued(house: House, api: str = "v2") -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", api=api)
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await another_account(house, payment)
    found = await find(str(payment.id), run=house.run)
    assert found.status is Status.VIRTUAL_ACCOUNT_ISSUED
    return found


async def closes(house: House, payment: Payment, **more: Any) -> Payment:
    return await close(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone, **more)


def there_of(house: House, payment: Payment) -> Attempt:
    """The latest attempt, as PortOne has it."""
    there = house.portone.payment(payment.provider_order_id)
    assert there is not None and there.current is not None
    return there.current


def closed_at_portone(house: House, payment: Payment) -> bool:
    return there_of(house, payment).closed_at is not None


def becomes(house: House, status: str) -> None:
    """PortOne does not say what it makes of a closed account."""
    world = house.portone.world
    world.inferred = replace(world.inferred, closed_account_becomes=status)


async def calls(house: House, payment: Payment) -> list[tuple[str, dict[str, Any] | None]]:
    async with house.run.db.transaction() as tx:
        made = await store.attempts(tx, payment.id)
    return [(one.state, one.outcome) for one in made if one.operation == "close_account"]


BOTH = pytest.mark.parametrize("api", ["v1", "v2"])


@BOTH
@pytest.mark.parametrize("status", ["CANCELLED", "FAILED", "VIRTUAL_ACCOUNT_ISSUED"])
async def test_whatever_portone_makes_of_a_closed_account_nobody_is_to_pay_into_it(
    house: House, status: str, api: str
) -> None:
    becomes(house, status)
    payment = await issued(house, api)
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


@BOTH
async def test_a_deposit_that_comes_first_wins(house: House, api: str) -> None:
    payment = await issued(house, api)
    house.portone.fault("webhook_lost", times=5)
    await house.portone.deposit(payment.provider_order_id)
    with pytest.raises(AccountNotWaiting) as refused:
        await closes(house, payment)
    assert refused.value.facts["status"] == "PAID"
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID
    assert await calls(house, payment) == [("refused", {"settled": "by reading the payment"})]
    assert "payment.paid" in (await books(house)).events


@BOTH
async def test_money_that_the_bank_has_and_portone_does_not_know_of_keeps_the_account_open(
    house: House, api: str
) -> None:
    payment = await issued(house, api)
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
    there_of(house, payment).closed_at = None
    await house.portone.deposit(payment.provider_order_id)
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID


async def test_another_account_of_the_same_payment_waits_for_its_money(house: House) -> None:
    becomes(house, "FAILED")
    payment = await issued(house)
    await closes(house, payment)
    await another_account(house, payment)
    assert (await find(str(payment.id), run=house.run)).status is Status.VIRTUAL_ACCOUNT_ISSUED


@BOTH
async def test_a_closing_that_was_left_open_closes_no_account_that_the_payer_was_given_since(
    house: House, api: str
) -> None:
    payment = await issued(house, api)
    house.portone.fault("not_reached", operation=OPERATIONS[api], times=1)
    with suppress(PortOneUnclear):
        await closes(house, payment)
    there = house.portone.payment(payment.provider_order_id)
    assert there is not None
    if api == "v2":
        accounts.expire_now(house.portone.world, there, house.portone.clock.now())
    await another_account(house, payment)
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.VIRTUAL_ACCOUNT_ISSUED
    first, second = there.attempts
    assert second.closed_at is None
    assert [state for state, _ in await calls(house, payment)] == ["done" if api == "v1" else "refused"]
    assert first.closed_at is not None
    assert first.has_lapsed == (api == "v2"), "V1 names the account, and this one still took money"


async def test_a_pg_that_wants_a_key_of_its_own_is_not_asked(house: House) -> None:
    payment = await issued(house, "v1")
    assert there_of(house, payment).channel_key
    house.portone.world.channel_of(there_of(house, payment)).pg_provider = "HTML5_INICIS"
    await told(payment.provider_order_id, run=house.run, portone=house.wired.portone)
    with pytest.raises(AccountCloseRefused) as refused:
        await closes(house, payment)
    assert refused.value.facts["type"] == "CLOSED_IN_THE_PGS_CONSOLE"
    assert not any("/vbanks" in line for line in house.portone.transport.transcript)


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


# V1's refusal does not say that an account is closed: there, only the payment can.
@pytest.mark.parametrize(
    ("api", "status"), [("v2", "CANCELLED"), ("v2", "VIRTUAL_ACCOUNT_ISSUED"), ("v1", "CANCELLED"), ("v1", "FAILED")]
)
@pytest.mark.parametrize("fault", ["answer_lost", "not_reached", "status_500", "idempotency_outstanding"])
async def test_a_lost_answer_is_settled_by_looking(house: House, api: str, fault: str, status: str) -> None:
    becomes(house, status)
    payment = await issued(house, api)
    house.portone.fault(fault, operation=OPERATIONS[api], times=1)
    house.portone.fault("webhook_lost", times=5)
    with suppress(PortOneUnclear):
        await closes(house, payment)
    await settle(house)
    after = await find(str(payment.id), run=house.run)
    assert after.status is (Status.FAILED if status == "FAILED" else Status.ABANDONED)
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


@pytest.mark.parametrize(
    ("api", "name"), [*(("v2", name) for name in FAILPOINTS), *(("v1", name) for name in FAILPOINTS[:3])]
)
async def test_dying_anywhere_while_closing_closes_it(
    server: embedded.Embedded, settings: Settings, api: str, name: str
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            becomes(house, "CANCELLED" if api == "v1" else "VIRTUAL_ACCOUNT_ISSUED")
            payment = await issued(house, api)
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
