"""SIGTERM in the middle of work: what is begun is finished, nothing is lost, the program ends in time (F100)."""

import asyncio
import signal
from pathlib import Path

import pytest

from jangbu.db import Query
from jangbu.inbox import store as inbox
from jangbu.wiring import Wired
from kill.checks import all_agree, recovered
from kill.postgres import Postgres
from kill.shop import Order, Shop, load, shop_in, sold
from kill.town import DRAIN_S, Program, Town, town
from kit import until

pytestmark = pytest.mark.kill

ORDER = {"amount": 11_000, "orderName": "보리차", "orderId": "order-1"}
PROGRAMS = ("web", "worker A", "worker B")
ROUNDS = 4
SHOPPERS = 4
SLOW_S = 4
DRAIN_LONG_S = 15
"""Longer than PortOne takes: a program that goes before this is over went because its work was done."""
CALLED = Query(int, "SELECT count(*) FROM payment_attempts WHERE state = 'sent'")
AT_WORK = Query(int, "SELECT count(*) FROM pgqueuer WHERE status = 'picked' AND entrypoint = 'inbox.handle'")


async def slow(here: Town, operation: str, seconds: float) -> None:
    """PortOne takes its time for the next call."""
    await here.control("faults", [{"name": "slow", "operation": operation, "seconds": seconds}])


async def portone_was_called(wired: Wired) -> bool:
    """A call to PortOne is written down and has no answer yet."""
    return await wired.system.db.statement(CALLED) == 1


async def being_handled(wired: Wired) -> bool:
    """A webhook is here, and a worker has taken its job, which waits for PortOne."""
    async with wired.system.db.transaction() as tx:
        return (await inbox.open_count(tx), await tx.one(AT_WORK)) == (1, 1)


async def test_the_web_program_answers_what_it_was_asked(postgres: Postgres, tmp_path: Path) -> None:
    async with (
        town(postgres, tmp_path, JANGBU_DRAIN_S=str(DRAIN_LONG_S)) as here,
        shop_in(here) as shop,
        here.looking_in() as wired,
    ):
        await slow(here, "pre_register_payment", SLOW_S)
        asked = asyncio.create_task(shop.call("initialize", ORDER))
        await until(lambda: portone_was_called(wired), what="the call to PortOne")
        took_s = await here["web"].drain()
        assert here["web"].exits == [0]
        assert took_s < DRAIN_LONG_S, "it did not end when the answer was there"
        status, answer = await asked
        assert (status, answer["data"]["status"]) == (200, "READY")
        assert await shop.call("initialize", ORDER) == (0, {})
        await recovered(here, wired)


@pytest.mark.parametrize("serve", [("serve",), ("serve", "--with-worker")], ids=["worker", "serve --with-worker"])
async def test_a_job_that_runs_is_finished(postgres: Postgres, tmp_path: Path, serve: tuple[str, ...]) -> None:
    is_alone = serve == ("serve",)
    workers = ("worker A",) if is_alone else ()
    async with (
        town(postgres, tmp_path, serve=serve, workers=workers, JANGBU_DRAIN_S=str(DRAIN_LONG_S)) as here,
        shop_in(here) as shop,
        here.looking_in() as wired,
    ):
        await slow(here, "get_payment", SLOW_S)
        await a_payment_is_paid(here, shop)
        await until(lambda: being_handled(wired), what="a worker handling the webhook")
        program = here["worker A" if is_alone else "web"]
        took_s = await program.drain()
        assert program.exits == [0]
        assert took_s < DRAIN_LONG_S, "it did not end when the job was done"
        async with wired.system.db.transaction() as tx:
            assert await inbox.open_count(tx) == 0, "the job was dropped"
            assert await tx.one(AT_WORK) == 0, "it was not written down that the job is done"


@pytest.mark.parametrize("name", ["web", "worker A"])
async def test_nobody_waits_for_ever_for_portone(postgres: Postgres, tmp_path: Path, name: str) -> None:
    """PortOne may take its sixty seconds; we have twenty to go. What is left open is found again by who comes next."""
    async with (
        town(postgres, tmp_path, workers=("worker A",)) as here,
        shop_in(here) as shop,
        here.looking_in() as wired,
    ):
        if name == "web":
            await slow(here, "pre_register_payment", 50)
            asked = asyncio.create_task(shop.call("initialize", ORDER))
            await until(lambda: portone_was_called(wired), what="the call to PortOne")
        else:
            await slow(here, "get_payment", 50)
            await a_payment_is_paid(here, shop)
            await until(lambda: being_handled(wired), what="a worker handling the webhook")
        took_s = await here[name].drain()
        assert here[name].exits == [0]
        assert took_s < DRAIN_S
        if name == "web":
            # No answer at all, or a clean "not now": never a yes or a no that nobody knows.
            assert (await asked)[0] in {0, 503}
        here[name].start()
        await here[name].ready()
        if name == "web":
            assert (await shop.call("initialize", ORDER))[0] == 200
        await recovered(here, wired)


async def test_a_rolling_restart_under_load_costs_nothing(postgres: Postgres, tmp_path: Path) -> None:
    async with town(postgres, tmp_path) as here, shop_in(here) as shop:
        async with load(shop, shoppers=SHOPPERS):
            for turn in range(ROUNDS):
                for name in PROGRAMS:
                    await up_again(here[name], after=turn)
                    here[name].signal(signal.SIGTERM)
                    await sold(shop, SHOPPERS)
        for name in PROGRAMS:
            await up_again(here[name], after=ROUNDS)
        async with here.looking_in() as wired:
            await recovered(here, wired)
            await all_agree(here, wired, shop)
        assert [here[name].exits for name in PROGRAMS] == [[0] * ROUNDS] * 3
        # A web program that goes finishes what it was asked; a shop sees only that nobody listens for a moment.
        assert not any("503" in name for name in shop.calls)


async def up_again(program: Program, *, after: int) -> None:
    """Wait until it has ended so often and works again: one that is about to go still looks as if it worked."""

    async def has_gone() -> bool:
        return len(program.exits) >= after

    await until(has_gone, seconds=DRAIN_S, what=f"{program.name} going")
    await program.ready()


async def a_payment_is_paid(here: Town, shop: Shop) -> None:
    """One order up to the payer's yes, of which one webhook tells."""
    await here.control("faults", [{"name": "webhook_lost", "operation": "Transaction.Ready"}])
    status, answer = await shop.call("initialize", ORDER)
    assert status == 200
    order = Order("order-1", 11_000, "pays", verifies=False, plans=(), payment_id=answer["data"]["paymentId"])
    await shop.pay(order)
