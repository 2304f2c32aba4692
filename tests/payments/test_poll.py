"""What no webhook said is found within one cycle (F30), nothing is skipped (F66, F68), and a gap is told (F69)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.payments import poll_store
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service import catch_up
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.poll import poll
from jangbu.payments.service.sync import find
from jangbu.portone import PortOne
from jangbu.sandbox import CARD_CHANNEL
from kit import TESTER, House, books, jobs_named, settle

HOUR = timedelta(hours=1)
ALERTS = Query(str, "SELECT kind FROM admin_alerts ORDER BY created_at")


async def begun(house: House, count: int = 1) -> list[str]:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    made = [await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone) for _ in range(count)]
    return [one.provider_order_id for one in made]


async def ours(house: House, portone_id: str) -> Payment:
    return await find(portone_id, run=house.run)


async def cycle(house: House) -> None:
    """One cycle of what runs by itself: read the list, sweep, work."""
    await jobs_named(house.wired, "payments.poll")()
    await jobs_named(house.wired, "payments.sweep")()
    await house.work()


async def read_until(house: House) -> object:
    async with house.run.db.transaction() as tx:
        marks = await poll_store.read_until(tx)
    return None if marks is None else marks.list_until


async def test_after_six_hours_without_webhooks_everything_is_found_within_one_cycle(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "PAGE_SIZE", 2)
    paid, cancelled, part, declined, never, late = await begun(house, 6)
    for one in (cancelled, part):
        await house.portone.pay(one)
    await settle(house)
    await cycle(house)
    house.door.run = None
    await house.portone.pay(paid)
    await house.portone.cancel_elsewhere(cancelled)
    await house.portone.cancel_elsewhere(part, 3_000)
    await house.portone.decline(declined)
    await house.portone.move(6 * HOUR)
    await house.portone.pay(late)
    await cycle(house)
    found = {one: (await ours(house, one)).status for one in (paid, cancelled, part, declined, never, late)}
    assert found == {
        paid: Status.PAID, cancelled: Status.CANCELLED, part: Status.PARTIAL_CANCELLED, declined: Status.FAILED,
        never: Status.READY, late: Status.PAID,
    }  # fmt: skip
    proof = await books(house)
    assert proof.proof.holds
    assert proof.balances["assets:pg_receivable"] == 11_000 + 8_000 + 11_000


async def test_what_is_known_already_is_not_asked_about_again(house: House) -> None:
    (portone_id,) = await begun(house)
    await house.portone.pay(portone_id)
    await settle(house)
    await cycle(house)
    before = await ours(house, portone_id)
    assert before.status is Status.PAID
    assert await poll(run=house.run, portone=house.wired.portone) == 0
    assert await ours(house, portone_id) == before


async def given_back_in_part_before(house: House) -> str:
    """A payment of which 1,000 went back so long ago that nothing of it is read again."""
    (portone_id,) = await begun(house)
    await house.portone.pay(portone_id)
    await house.portone.cancel_elsewhere(portone_id, 1_000)
    await settle(house)
    await cycle(house)
    await house.portone.move(3 * HOUR)
    await cycle(house)
    return portone_id


@pytest.mark.parametrize("moves", [True, False])
async def test_a_second_partial_cancel_that_moves_no_time_of_the_list_is_found_in_the_feed(
    house: House, moves: bool
) -> None:
    world = house.portone.world
    world.inferred = replace(world.inferred, each_cancel_moves_status_changed_at=moves)
    portone_id = await given_back_in_part_before(house)
    await house.portone.cancel_elsewhere(portone_id, 2_000, is_silent=True)
    await cycle(house)
    assert (await ours(house, portone_id)).cancelled_amount == 3_000


async def test_what_only_the_feed_has_is_found_once_the_feed_is_back(house: House) -> None:
    world = house.portone.world
    world.inferred = replace(world.inferred, each_cancel_moves_status_changed_at=False)
    portone_id = await given_back_in_part_before(house)
    house.portone.fault("status_500", operation="get_payment_events_by_cursor", times=2)
    await house.portone.cancel_elsewhere(portone_id, 2_000, is_silent=True)
    for _ in range(2):
        await cycle(house)
        # Longer than what is read again each time.
        await house.portone.move(HOUR)
    assert (await ours(house, portone_id)).cancelled_amount == 1_000
    await cycle(house)
    assert (await ours(house, portone_id)).cancelled_amount == 3_000


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_two_changes_at_one_instant_of_portones_clock_are_both_found(house: House, api: str) -> None:
    """We looked between the two, and no webhook told of the second: the time alone does not say that there is one."""
    order = Order(amount=11_000, currency="KRW", order_name="보리차", api=api)
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    portone_id = payment.provider_order_id
    if api == "v1":
        await house.portone.v1_pay(portone_id, amount=11_000, channelKey=CARD_CHANNEL)
    else:
        await house.portone.pay(portone_id)
    await cycle(house)
    await house.portone.move(HOUR)
    await house.portone.cancel_elsewhere(portone_id, 3_000, is_silent=True)
    await cycle(house)
    before = await ours(house, portone_id)
    assert before.cancelled_amount == 3_000
    await house.portone.cancel_elsewhere(portone_id, 2_000, is_silent=True)
    assert await poll(run=house.run, portone=house.wired.portone) == 1
    await cycle(house)
    after = await ours(house, portone_id)
    assert (after.cancelled_amount, after.portone_changed_at) == (5_000, before.portone_changed_at)
    assert await poll(run=house.run, portone=house.wired.portone) == 0, "and then there is nothing new"


async def test_without_the_feed_the_list_still_tells_the_rest(house: House) -> None:
    (portone_id,) = await begun(house)
    house.portone.fault("status_500", operation="get_payment_events_by_cursor", times=1)
    await house.portone.pay(portone_id)
    await cycle(house)
    assert (await ours(house, portone_id)).status is Status.PAID
    assert await read_until(house) == house.run.clock.now()


async def test_who_dies_on_the_way_leaves_the_cursor_where_it_was_and_the_next_one_finds_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "PAGE_SIZE", 1)
    await cycle(house)
    stopped_at = await read_until(house)
    ids = await begun(house, 3)
    house.door.run = None
    for portone_id in ids:
        await house.portone.pay(portone_id)
    await house.portone.move(2 * HOUR)
    with armed("payment.poll.page_read", at_pass=2), pytest.raises(Crash):
        await poll(run=house.run, portone=house.wired.portone)
    assert await read_until(house) == stopped_at
    await cycle(house)
    assert {(await ours(house, portone_id)).status for portone_id in ids} == {Status.PAID}
    assert await read_until(house) == house.run.clock.now()


async def test_the_cursor_never_goes_back(house: House) -> None:
    await cycle(house)
    now = house.run.clock.now()
    async with house.run.db.transaction() as tx:
        await poll_store.move_on(tx, now - HOUR, now - HOUR)
    assert await read_until(house) == now


async def test_a_list_that_cannot_be_read_for_an_hour_is_told_once_and_then_read_without_a_gap(house: House) -> None:
    await cycle(house)
    stopped_at = await read_until(house)
    wrong = PortOne(house.portone.transport, api_secret="wrong", store_id=None)
    (portone_id,) = await begun(house)
    house.door.run = None
    await house.portone.pay(portone_id)
    for _ in range(5):
        await house.portone.move(timedelta(minutes=30))
        assert await poll(run=house.run, portone=wrong) == 0
    assert await read_until(house) == stopped_at
    async with house.run.db.transaction() as tx:
        told = await tx.all(ALERTS)
    assert told == ["list_unread"]
    await cycle(house)
    assert (await ours(house, portone_id)).status is Status.PAID


async def test_a_payment_in_the_list_that_cannot_be_read_is_asked_about_until_it_can(house: House) -> None:
    (portone_id,) = await begun(house)
    house.door.run = None
    await house.portone.pay(portone_id)
    answers = house.portone.transport

    class Odd:
        async def send(
            self, method: str, target: str, headers: Mapping[str, str], body: bytes
        ) -> tuple[int, Mapping[str, str], bytes]:
            status, told, said = await answers.send(method, target, headers, body)
            return status, told, said.replace(b'"total":11000', b'"total":11000.5')

    settings = house.run.settings
    odd = PortOne(Odd(), api_secret=settings.v2_api_secret, store_id=settings.portone_store_id)
    assert await poll(run=house.run, portone=odd) == 1
    assert (await ours(house, portone_id)).due_at == house.run.clock.now()
    await cycle(house)
    assert (await ours(house, portone_id)).status is Status.PAID
