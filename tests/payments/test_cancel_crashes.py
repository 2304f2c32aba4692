"""Dying at every failpoint of a refund: after recovery the money went back once, and everybody was told (F01, F36)."""

import os
from collections import Counter
from contextlib import suppress

import pytest

from jangbu import embedded
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.payments import store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import Ask, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, settle

PASSES = 3 if os.environ.get("CI") else 1
FAILPOINTS = (
    "payment.cancel.before_intent_commit",
    "payment.cancel.intended",
    "payment.cancel.answered",
    "payment.cancel.entry_posted",
    "payment.cancel.before_commit",
    "payment.cancel.committed",
)


async def paid(house: House) -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await settle(house)
    return await find(str(payment.id), run=house.run)


async def refunds(house: House, payment: Payment, *, is_patient: bool = False) -> None:
    """What a shop does, and does again when it heard nothing: a part, then the rest, each under its own key."""
    for key, amount in (("first", 4_000), ("second", None)):
        ask = Ask(amount=amount, request_key=key)
        await cancel(str(payment.id), ask, who=Authority(TESTER), run=house.run, portone=house.wired.portone)
        if is_patient:
            await settle(house)
    await house.hear()
    await house.work()


async def all_went_back_once(house: House, payment: Payment) -> None:
    """PortOne's own list, our rows, the ledger and the events say the same; nobody is left wondering."""
    assert house.portone.refunds(payment.provider_order_id) == [4_000, 7_000]
    async with house.run.db.transaction() as tx:
        known = await cancellation_store.of_payment(tx, payment.id)
        assert await store.stuck_attempts(tx, house.run.clock.now()) == []
    assert sorted((one.amount, one.status, one.origin) for one in known) == [
        (4_000, CancellationStatus.SUCCEEDED, "ours"),
        (7_000, CancellationStatus.SUCCEEDED, "ours"),
    ]
    found = await books(house)
    assert found.proof.holds, found.proof
    assert set(found.balances.values()) == {0}
    told = [name for name in found.events if "cancel" in name]
    assert told == ["payment.partially_cancelled", "payment.cancelled"]


async def test_a_refund_passes_its_failpoints(house: House) -> None:
    payment = await paid(house)
    seen: Counter[str] = Counter()
    with watched(lambda name: seen.update([name])):
        await refunds(house, payment)
    assert set(FAILPOINTS) <= set(seen), set(FAILPOINTS) - set(seen)
    await all_went_back_once(house, payment)


@pytest.mark.parametrize("answer_lost", [False, True], ids=["", "answer lost"])
@pytest.mark.parametrize("at_pass", range(1, PASSES + 1))
@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_in_a_refund_gives_the_money_back_once(
    server: embedded.Embedded, settings: Settings, name: str, at_pass: int, answer_lost: bool
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings, seed=at_pass) as house:
            payment = await paid(house)
            if answer_lost:
                house.portone.fault("answer_lost", operation="cancel_payment", times=at_pass)
                house.portone.fault("webhook_lost", times=20)
            with armed(name, at_pass=at_pass), suppress(Crash, Refusal):
                await refunds(house, payment)
        async with house_at(where, settings, seed=100 + at_pass, after=house) as reborn:
            await settle(reborn)
            # The shop's own retry, under the keys it used: what was done is found, what was not is done now.
            await refunds(reborn, payment, is_patient=True)
            await settle(reborn)
            await all_went_back_once(reborn, payment)


@pytest.mark.parametrize("name", ["payment.cancel.looked", "payment.sync.answered", "payment.apply.before_commit"])
async def test_dying_while_settling_a_lost_refund_gives_the_money_back_once(
    server: embedded.Embedded, settings: Settings, name: str
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            payment = await paid(house)
            house.portone.fault("answer_lost", operation="cancel_payment", times=1)
            house.portone.fault("webhook_lost", times=20)
            await cancel(
                str(payment.id),
                Ask(amount=4_000, request_key="first"),
                who=Authority(TESTER),
                run=house.run,
                portone=house.wired.portone,
            )
            with armed(name), pytest.raises(Crash):
                await settle(house)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            await settle(reborn)
            await refunds(reborn, payment, is_patient=True)
            await all_went_back_once(reborn, payment)
