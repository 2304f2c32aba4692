"""An hour without PortOne: a clean 503, nothing fails for it, few calls, and all comes right (F13, F101)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from jangbu.db import Query
from jangbu.runtime import SET_CLOCK_OFFSET
from jangbu.wiring import Wired
from kill.checks import all_agree, recovered
from kill.postgres import Postgres
from kill.shop import Order, Shop, shop_in
from kill.town import Town, town
from kit import until

pytestmark = pytest.mark.kill

AWAY = timedelta(hours=1)
STEP = timedelta(minutes=10)
CHECKS_AN_HOUR = 6
"""After one minute, five, and then every fifteen."""
TRIES = 3
READ = 2
"""Connections that one reading takes at most: a GET that was hung up on is asked once more by the HTTP client."""
STATES = Query(str, "SELECT DISTINCT status FROM payments UNION SELECT DISTINCT status FROM payment_cancellations")
OPEN_ATTEMPTS = Query(int, "SELECT count(*) FROM payment_attempts WHERE state IN ('sent', 'unknown')")


class HangsUp:
    """Who answers at PortOne's address now: takes every call, counts it, and hangs up without a word."""

    def __init__(self) -> None:
        self.calls = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            self.calls += 1
        writer.transport.abort()


@asynccontextmanager
async def portone_away(here: Town) -> AsyncIterator[HangsUp]:
    await here["portone"].drain()
    instead = HangsUp()
    server = await asyncio.start_server(instead.take, "127.0.0.1", here.settings.sandbox_port)
    try:
        yield instead
    finally:
        server.close()
        await server.wait_closed()
    here["portone"].start()
    await here["portone"].ready()


async def hour_passes(here: Town, wired: Wired) -> timedelta:
    """Our clock alone; what falls due on the way is asked."""
    for step in range(1, AWAY // STEP + 1):
        moved = int((here.moved + step * STEP).total_seconds())
        await wired.system.db.statement(SET_CLOCK_OFFSET, offset_s=moved)
        # The sweep comes once a second, and what it queues is done well within another.
        await asyncio.sleep(1.6)
    return AWAY


async def refused(shop: Shop, verb: str, body: dict[str, object]) -> None:
    """Every try of a shop that does not give up: 503, PORTONE_OUTCOME_UNKNOWN and Retry-After (`call` insists)."""
    for _ in range(TRIES):
        status, answer = await shop.call(verb, body)
        assert (status, answer["error"]["code"]) == (503, "PORTONE_OUTCOME_UNKNOWN")


async def a_paid_one(shop: Shop) -> Order:
    order = await shop.begin()
    order.payer = "pays"
    await shop.pay(order)
    await shop.verify(order)
    return order


async def test_an_hour_without_portone_fails_nothing(postgres: Postgres, tmp_path: Path) -> None:
    async with town(postgres, tmp_path) as here, shop_in(here) as shop, here.looking_in() as wired:
        waiting = [await shop.begin() for _ in range(2)]
        paid = [await a_paid_one(shop) for _ in range(2)]
        await recovered(here, wired)
        async with portone_away(here) as instead:
            begun = [shop.next_order() for _ in range(3)]
            for order in begun:
                body = {"amount": order.amount, "orderName": "보리차", "orderId": order.order_id}
                await refused(shop, "initialize", body)
            for order in waiting:
                await refused(shop, "verify", {"paymentId": order.payment_id})
            for order in paid:
                assert not await shop.refund(order, f"{order.order_id}-refund", order.amount // 2)
            by_shops = instead.calls
            assert by_shops <= TRIES * (len(begun) + READ * len(waiting)) + len(paid)
            passed = await hour_passes(here, wired)
            assert await wired.system.db.statement(OPEN_ATTEMPTS) >= len(begun) + len(paid)
            found = await seen(wired)
            assert found == {"REGISTERING", "READY", "PAID", "SENDING"}, "nobody knows, so nothing may be said to fail"
            by_us = instead.calls - by_shops
            things = len(begun) + len(waiting) + len(paid)
            assert things <= by_us <= READ * CHECKS_AN_HOUR * things, f"{by_us} calls for {things} things"
        here.moved += passed
        await here.control("clock", {"move_s": passed.total_seconds()})
        # A verdict was asked for in vain; now each order goes its way.
        for order in begun:
            status, answer = await shop.call("initialize", {
                "amount": order.amount, "orderName": "보리차", "orderId": order.order_id})  # fmt: skip
            assert status == 200
            order.payment_id = answer["data"]["paymentId"]
        for order in [*begun, *waiting]:
            order.payer = "pays"
            await shop.pay(order)
            await shop.verify(order)
        await recovered(here, wired)
        await all_agree(here, wired, shop)
        # Programs alive throughout: being alone is no reason to end.
        await until(lambda: still_there(here), what="the programs living on")


async def seen(wired: Wired) -> set[str]:
    async with wired.system.db.transaction() as tx:
        return set(await tx.all(STATES))


async def still_there(here: Town) -> bool:
    return all(here[name].exits == [] for name in ("web", "worker A", "worker B"))
