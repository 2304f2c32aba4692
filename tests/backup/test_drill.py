"""The day it burns: a backup, more business, a restore, and the gap with PortOne closed (reliability F98, G14, I23)."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from backup.elsewhere import Elsewhere, back_up
from jangbu import backup
from jangbu.checks import store as checks_store
from jangbu.clock import SystemClock
from jangbu.errors import Refusal, SetupProblem
from jangbu.ids import Ids
from jangbu.installation import adopt
from jangbu.ledger.service import seal
from jangbu.payments.cancellations.rules import Ask, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.cancellations.service.settle import Outcome
from jangbu.payments.rules import Status
from jangbu.payments.service.catch_up import CaughtUp, catch_up
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.queue import Waker
from jangbu.runtime import Runtime
from jangbu.wiring import Addresses, build
from kit import TESTER, House, books, house_at, settings_in, settle
from outbox.merchant import Receiver, Shop
from superuser import opened


async def begun(house: House, name: str) -> str:
    """A payment whose window is open; PortOne's id of it."""
    order = Order(amount=11_000, currency="KRW", order_name=name, order_id=name)
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    return payment.provider_order_id


async def paid(house: House, portone_id: str) -> None:
    await house.portone.pay(portone_id)
    await house.hear()
    await house.work()


async def test_a_restored_night_is_caught_up_with_portone_and_every_won_is_accounted_for(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    paid_before, waiting, forgotten = [await begun(house, name) for name in ("paid", "waiting", "forgotten")]
    await paid(house, paid_before)
    await seal(db=house.run.db)
    backed_up_at = house.run.clock.now()
    made = await back_up(house, where, tmp_path / "backup")

    # Business goes on, and then the disk dies.
    await paid(house, waiting)
    lost = await begun(house, "ordered after the backup")
    await paid(house, lost)
    given_up = await begun(house, "given up after the backup")
    await house.portone.decline(given_up)
    await house.hear()
    await house.work()
    before = await books(house)
    assert before.balances["assets:pg_receivable"] == 33_000

    restored = await elsewhere.load(house, tmp_path / "backup")
    assert restored.holds
    assert restored.manifest == made

    async with house_at(elsewhere.addresses, house.run.settings, after=house) as again:
        after = await books(again)
        assert after.proof.holds
        assert after.balances["assets:pg_receivable"] == 11_000, "the night is not in the backup"

        found = await close_the_gap(again, backed_up_at)
        assert [payment.provider_order_id for payment in found.changed] == [waiting]
        assert [stranger.id for stranger in found.strangers_with_money] == [lost]
        assert {stranger.id for stranger in found.strangers} == {lost, given_up}
        assert not found.is_clean

        after = await books(again)
        assert after.proof.holds
        assert after.balances["assets:pg_receivable"] == 22_000
        assert (await find(forgotten, run=again.run)).status is Status.READY

        # The stranger is nobody's order here: it is told again each time, and never booked.
        repeated = await close_the_gap(again, backed_up_at)
        assert repeated.changed == ()
        assert repeated.strangers == found.strangers
        await settle(again)
        assert (await books(again)).balances["assets:pg_receivable"] == 22_000


async def close_the_gap(house: House, since: datetime) -> CaughtUp:
    until = house.run.clock.now() + timedelta(minutes=1)
    return await catch_up(since, until, actor=TESTER, run=house.run, portone=house.wired.portone)


async def test_a_restored_live_database_does_nothing_until_it_is_adopted(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """A look at last night's figures beside the running shop: no worker may start on the copy by accident."""
    settings = settings_in("live")
    async with build(settings, where):
        pass
    await backup.make(tmp_path / "backup", owner_dsn=where.owner, settings=settings, clock=house.run.clock)
    assert (await elsewhere.load(house, tmp_path / "backup")).holds, "looking is always possible"
    with pytest.raises(SetupProblem, match="is a copy"):
        async with build(settings, elsewhere.addresses):
            pass
    with pytest.raises(SetupProblem, match="is a copy"):
        async with build(settings_in("sandbox"), elsewhere.addresses):
            pass
    async with opened(elsewhere.addresses.system) as db:
        clock = SystemClock()
        run = Runtime(settings=settings, db=db, clock=clock, ids=Ids(clock), waker=Waker(db))
        await adopt(run=run, actor=TESTER)
    async with build(settings, elsewhere.addresses):
        pass


async def test_refunds_of_the_lost_night_are_booked_from_portones_word_and_made_no_second_time(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """One refund was under way and one not yet asked for when the backup was taken; both went through that night."""
    under_way, whole = [await begun(house, name) for name in ("refund under way", "refunded that night")]
    for portone_id in (under_way, whole):
        await paid(house, portone_id)
    house.portone.cancel_slowly(under_way)
    asked = await give_back(house, under_way, amount=4_000)
    assert asked.cancellation.status is CancellationStatus.REQUESTED
    await seal(db=house.run.db)
    backed_up_at = house.run.clock.now()
    await back_up(house, where, tmp_path / "backup")

    await house.portone.end_cancellation(under_way, succeeds=True)
    await give_back(house, whole)
    await settle(house)
    assert (await books(house)).balances["assets:pg_receivable"] == 7_000

    assert (await elsewhere.load(house, tmp_path / "backup")).holds
    async with house_at(elsewhere.addresses, house.run.settings, after=house) as again:
        assert (await books(again)).balances["assets:pg_receivable"] == 22_000
        found = await close_the_gap(again, backed_up_at)
        assert (sorted(payment.provider_order_id for payment in found.changed), found.is_clean) == (
            sorted((under_way, whole)),
            True,
        )
        await settle(again)
        after = await books(again)
        assert after.proof.holds
        assert after.balances["assets:pg_receivable"] == 7_000
        assert (house.portone.refunds(under_way), house.portone.refunds(whole)) == ([4_000], [11_000])
        with pytest.raises(Refusal) as refusal:
            await give_back(again, whole)
        assert refusal.value.code == "PAYMENT_ALREADY_CANCELLED"


async def give_back(house: House, portone_id: str, **ask: Any) -> Outcome:
    return await cancel(portone_id, Ask(**ask), who=Authority(TESTER), run=house.run, portone=house.wired.portone)


async def test_a_copy_sends_nothing_to_the_merchant_until_it_is_adopted_and_then_what_was_owed(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """What the lost night had sent already arrives again under its old id, by which receivers know it."""
    settings, receiver = settings_in("test"), Receiver()
    async with house_at(where, settings, after=house, sender=receiver) as original:
        shop = Shop(original, receiver)
        await shop.subscribe()
        owed = {await shop.announce(), await shop.announce()}
        await backup.make(tmp_path / "backup", owner_dsn=where.owner, settings=settings, clock=house.run.clock)
        await shop.send()
        assert {UUID(message.id) for message in receiver.got} == owed
    receiver.got.clear()

    assert (await elsewhere.load(house, tmp_path / "backup")).holds
    with pytest.raises(SetupProblem, match="is a copy"):
        async with house_at(elsewhere.addresses, settings, after=house, sender=receiver) as copy:
            await Shop(copy, receiver).send()
    assert receiver.got == []
    async with opened(elsewhere.addresses.system) as db:
        await adopt(run=replace(house.run, settings=settings, db=db, waker=Waker(db)), actor=TESTER)
    async with house_at(elsewhere.addresses, settings, after=house, sender=receiver) as adopted:
        await Shop(adopted, receiver).send()
    assert {UUID(message.id) for message in receiver.got} == owed


async def test_the_minutely_checks_of_a_copy_begin_anew(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """Checkpoints count transactions, and another server's are numbered differently: the next million went unseen."""
    far = 10**12
    for scope in ("new", "all"):
        async with house.run.db.transaction() as tx:
            facts: dict[str, Any] = {"kept": None, "rows_found": 0, "sample": [], "took_ms": 1}
            await checks_store.record(tx, "I15", scope, checkpoint=far, **facts)
    await back_up(house, where, tmp_path / "backup")
    assert (await elsewhere.load(house, tmp_path / "backup")).holds
    async with opened(elsewhere.addresses.system) as db, db.transaction() as tx:
        last = [await checks_store.last(tx, "I15", scope) for scope in ("new", "all")]
    assert [run.checkpoint if run else None for run in last] == [0, far]
