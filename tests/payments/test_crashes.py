"""Dying at every failpoint of the payment path: after recovery one capture, one entry, nothing lost (F01, F02, F28)."""

import os
from collections import Counter

import pytest

from jangbu import embedded
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.inbox import store as inbox
from jangbu.payments import store
from jangbu.payments.rules import Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.verify import verify
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, settle

ORDER = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")
PASSES = 3 if os.environ.get("CI") else 2


async def whole_life(house: House) -> None:
    """Initialize, pay, webhook, verify, jobs: what a shop and its payer do. Repeatable, as they would repeat it."""
    payment = await initialize(ORDER, actor=TESTER, run=house.run, portone=house.wired.portone)
    if payment.status is Status.READY:
        await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)


async def test_the_payment_path_passes_its_failpoints(house: House) -> None:
    seen: Counter[str] = Counter()
    with watched(lambda name: seen.update([name])):
        await whole_life(house)
    assert set(seen) >= set(FAILPOINTS), f"not reached: {set(FAILPOINTS) - set(seen)}"


FAILPOINTS = (
    "payment.register.intended",
    "payment.register.answered",
    "payment.register.before_commit",
    "inbox.receive.verified",
    "inbox.receive.committed",
    "inbox.handle.read",
    "inbox.handle.handled",
    "payment.sync.answered",
    "payment.apply.row_written",
    "payment.apply.entry_posted",
    "payment.apply.before_commit",
    "payment.apply.committed",
)


@pytest.mark.parametrize("at_pass", range(1, PASSES + 1))
@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_ends_in_one_capture_and_one_entry(
    server: embedded.Embedded, settings: Settings, name: str, at_pass: int
) -> None:
    async with fresh_database(server) as where:
        crashed = False
        async with house_at(where, settings, seed=at_pass) as house:
            with armed(name, at_pass=at_pass):
                try:
                    await whole_life(house)
                except Crash:
                    crashed = True
        if at_pass == 1:
            assert crashed, f"{name} was never passed"
        async with house_at(where, settings, seed=100 + at_pass, after=house) as reborn:
            # The shop's own retry may come, or not: the order decides.
            if at_pass % 2:
                await whole_life(reborn)
            await settle(reborn)
            await exactly_one_of_everything(reborn)


async def test_losing_the_answer_and_then_dying_still_ends_in_one_capture(
    server: embedded.Embedded, settings: Settings
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            house.portone.fault("answer_lost", operation="pre_register_payment", times=1)
            with pytest.raises(Refusal):
                await whole_life(house)
            with armed("payment.register.answered"), pytest.raises(Crash):
                await whole_life(house)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            await whole_life(reborn)
            await settle(reborn)
            await exactly_one_of_everything(reborn)


async def exactly_one_of_everything(house: House) -> None:
    """PortOne's own count, our row, the ledger and the events agree about one payment."""
    async with house.run.db.transaction() as tx:
        counts = await store.counts(tx)
    assert sum(line.count for line in counts) == 1, counts
    paid_at_portone = house.portone.state()["payments"].get("KRW", {}).get("PAID", {"count": 0, "total": 0})
    assert paid_at_portone["count"] <= 1
    paid_here = counts[0].total_minor if counts[0].status == "PAID" else 0
    found = await books(house)
    assert found.proof.holds, found.proof
    assert paid_at_portone["total"] == paid_here == found.balances.get("assets:pg_receivable", 0)
    assert found.events.count("payment.paid") == paid_at_portone["count"]
    # Nobody is left wondering: every call has an outcome, every webhook that came was handled.
    async with house.run.db.transaction() as tx:
        assert await store.stuck_attempts(tx, house.run.clock.now()) == []
        assert await inbox.open_count(tx) == 0
