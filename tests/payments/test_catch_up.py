"""Holding PortOne's list against ours: nothing is missed while it moves, and nothing is made up."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Status
from jangbu.payments.service import catch_up as catching_up
from jangbu.payments.service.catch_up import CaughtUp, catch_up
from jangbu.payments.service.initialize import Order, initialize
from jangbu.portone import PortOne
from kit import TESTER, House, books

HOUR = timedelta(hours=1)
Sent = tuple[int, Mapping[str, str], bytes]


async def begun(house: House, count: int) -> list[str]:
    return [
        (
            await initialize(
                Order(amount=11_000, currency="KRW", order_name="보리차", order_id=f"order-{number}"),
                actor=TESTER, run=house.run, portone=house.wired.portone,
            )
        ).provider_order_id
        for number in range(count)
    ]  # fmt: skip


async def run_it(house: House, portone: PortOne | None = None) -> CaughtUp:
    now = house.run.clock.now()
    return await catch_up(now - HOUR, now + HOUR, actor=TESTER, run=house.run, portone=portone or house.wired.portone)


@dataclass
class Meddled:
    """PortOne's line, where something happens behind our back after a list was answered."""

    house: House
    afterwards: Callable[[int], Awaitable[None]]
    lists: int = 0
    numbers: list[int] = field(default_factory=list)

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
        answer = await self.house.portone.transport.send(method, target, headers, body)
        if target.startswith("/payments?"):
            self.lists += 1
            self.numbers.append(json.loads(parse_qs(urlsplit(target).query)["requestBody"][0])["page"]["number"])
            await self.afterwards(self.lists)
        return answer

    def client(self) -> PortOne:
        settings = self.house.run.settings
        return PortOne(self, api_secret=settings.v2_api_secret, store_id=settings.portone_store_id)


async def test_payments_that_no_webhook_told_of_are_found_on_every_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "PAGE_SIZE", 2)
    ids = await begun(house, 5)
    for portone_id in ids:
        await house.portone.pay(portone_id)
    found = await run_it(house)
    assert {payment.provider_order_id for payment in found.changed} == set(ids)
    assert {payment.status for payment in found.changed} == {Status.PAID}
    assert found.is_clean
    assert (await books(house)).proof.holds
    assert (await run_it(house)).changed == (), "once is enough"


async def test_a_payment_that_slips_to_a_page_already_read_is_not_missed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the first page changes while the second is fetched: what stood behind it moves up by one."""
    monkeypatch.setattr(catching_up, "PAGE_SIZE", 2)
    ids = await begun(house, 6)
    for portone_id in ids[1:]:
        await house.portone.pay(portone_id)
        await house.portone.move(timedelta(seconds=1))
    await house.portone.decline(ids[0])
    now = house.run.clock.now()
    first = await house.wired.portone.list_payments(changed_since=now - HOUR, changed_until=now, number=0, size=2)
    moved = first.value.payments[0].id  # type: ignore[union-attr]

    async def it_leaves(lists: int) -> None:
        if lists == 1:
            await house.portone.move(timedelta(minutes=1))
            house.portone.payment(moved).current.status_changed_at = house.run.clock.now()  # type: ignore[union-attr]

    found = await catch_up(
        now - HOUR, now + timedelta(seconds=1), actor=TESTER, run=house.run,
        portone=Meddled(house, it_leaves).client(),
    )  # fmt: skip
    assert {payment.provider_order_id for payment in found.changed} == set(ids)


async def test_a_shop_that_sells_while_its_list_is_read_is_read_to_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each page that we fetch a payment changes, as where somebody pays every second."""
    monkeypatch.setattr(catching_up, "PAGE_SIZE", 3)
    ids = await begun(house, 20)
    for portone_id in ids[:6]:
        await house.portone.pay(portone_id)
        await house.portone.move(timedelta(seconds=1))

    async def another_pays(lists: int) -> None:
        await house.portone.move(timedelta(seconds=1))
        await house.portone.pay(ids[5 + lists])

    line = Meddled(house, another_pays)
    found = await run_it(house, line.client())
    paid_before_the_last_page = ids[: 5 + line.lists]
    assert line.lists > 3
    assert {payment.provider_order_id for payment in found.changed} >= set(paid_before_the_last_page)


async def test_no_page_but_the_first_is_asked_for_where_times_differ(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many changed: beyond its 60,000th row PortOne shows nothing."""
    monkeypatch.setattr(catching_up, "PAGE_SIZE", 3)
    ids = await begun(house, 9)
    for portone_id in ids:
        await house.portone.pay(portone_id)
        await house.portone.move(timedelta(minutes=5))

    async def nothing(lists: int) -> None: ...

    line = Meddled(house, nothing)
    found = await run_it(house, line.client())
    assert {payment.provider_order_id for payment in found.changed} == set(ids)
    assert len(line.numbers) > 3 and set(line.numbers) == {0}


async def test_what_only_portone_knows_is_told_and_not_booked(house: House) -> None:
    await house.portone.pay("somebody-elses-paid")
    await house.portone.decline("somebody-elses-declined")
    found = await run_it(house)
    assert [stranger.id for stranger in found.strangers_with_money] == ["somebody-elses-paid"]
    assert len(found.strangers) == 2
    assert not found.is_clean
    assert (await books(house)).balances == {}


async def test_a_payment_that_cannot_be_read_is_named_and_hides_no_other(house: House) -> None:
    ids = await begun(house, 2)
    for portone_id in ids:
        await house.portone.pay(portone_id)
    answers = house.portone.transport

    async def odd(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
        status, told, said = await answers.send(method, target, headers, body)
        return status, told, said.replace(b'"total":11000', b'"total":11000.5') if ids[0] in target else said

    class Odd:
        send = staticmethod(odd)

    settings = house.run.settings
    portone = PortOne(Odd(), api_secret=settings.v2_api_secret, store_id=settings.portone_store_id)
    found = await run_it(house, portone)
    assert found.unclear == (ids[0],)
    assert [payment.provider_order_id for payment in found.changed] == [ids[1]]
    assert not found.is_clean


async def test_no_list_no_news(house: House) -> None:
    wrong = replace(house.wired, portone=PortOne(house.portone.transport, api_secret="wrong", store_id=None))
    with pytest.raises(PortOneUnclear):
        await run_it(house, wrong.portone)
