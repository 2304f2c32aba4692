"""A worker that is paused in the middle of a job, long past its lease, and goes on as if nothing was (F46, G12)."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from jangbu.db import Query
from jangbu.wiring import Wired
from kill.checks import PATIENCE_S, all_agree, is_nothing_open, recovered, settled
from kill.postgres import Postgres
from kill.shop import Order, Shop, shop_in
from kill.town import Town, town
from kit import until

pytestmark = pytest.mark.kill

OF_A_WEBHOOK = ("queue.job.started", "inbox.handle.read", "payment.sync.answered", "payment.apply.committed",
                "inbox.handle.handled", "queue.job.handled")  # fmt: skip
OF_A_REFUND = ("payment.cancel.looked", "payment.cancel.answered", "payment.cancel.committed")
HOLDS_THE_ROW = "payment.apply.before_commit"
CI = bool(os.environ.get("CI"))
WAITING_FOR_A_LOCK = Query(
    int,
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
)
CALLS_TO_CANCEL = Query(int, "SELECT count(*) FROM payment_attempts WHERE operation = 'cancel'")


async def is_paused(here: Town, name: str) -> bool:
    return here[name].is_paused()


async def somebody_waits(wired: Wired) -> bool:
    """For what another holds."""
    return (await wired.system.db.statement(WAITING_FOR_A_LOCK) or 0) > 0


async def goes_on(here: Town) -> None:
    """Worker A wakes up, finishes what it thinks is its job, and works on."""
    pid = here["worker A"].pid
    here["worker A"].signal(signal.SIGCONT)
    await asyncio.sleep(2)
    assert (here["worker A"].pid, here["worker A"].exits) == (pid, [])


async def a_payment_is_paid(here: Town, shop: Shop) -> Order:
    """An order whose payer pays, of which one webhook tells: so that the worker is about one job when it pauses."""
    await here.control("faults", [{"name": "webhook_lost", "operation": "Transaction.Ready"}])
    order = await shop.begin()
    order.payer = "pays"
    await shop.pay(order)
    return order


@pytest.mark.parametrize("failpoint", OF_A_WEBHOOK)
async def test_what_another_took_over_is_not_done_again(postgres: Postgres, tmp_path: Path, failpoint: str) -> None:
    paused = {"worker A": f"{failpoint}:1:STOP"}
    async with (
        town(postgres, tmp_path, failpoints=paused, later=("worker B",), JANGBU_SWEEP_CRON="* * * * *") as here,
        shop_in(here, receives=False) as shop,
        here.looking_in() as wired,
    ):
        await a_payment_is_paid(here, shop)
        await until(lambda: is_paused(here, "worker A"), seconds=PATIENCE_S, what=f"worker A pausing at {failpoint}")
        here["worker B"].start()
        await here["worker B"].ready()
        await settled(here, wired, "worker B taking over")
        await goes_on(here)
        await all_agree(here, wired, shop)
        # And it still works, alone.
        await here["worker B"].drain()
        await a_payment_is_paid(here, shop)
        await settled(here, wired, "worker A working on")
        await all_agree(here, wired, shop)


@pytest.mark.parametrize("how_long", ["past its lease", *(["until PostgreSQL throws it out"] if CI else [])])
async def test_one_that_holds_the_payment_keeps_the_other_waiting(
    postgres: Postgres, tmp_path: Path, how_long: str
) -> None:
    """Until PostgreSQL ends its transaction nobody can be wrong, only late."""
    async with (
        town(postgres, tmp_path, failpoints={"worker A": f"{HOLDS_THE_ROW}:1:STOP"}, later=("worker B",)) as here,
        shop_in(here, receives=False) as shop,
        here.looking_in() as wired,
    ):
        order = await a_payment_is_paid(here, shop)
        await until(lambda: is_paused(here, "worker A"), seconds=PATIENCE_S, what="worker A pausing")
        here["worker B"].start()
        await here["worker B"].ready()
        # The shop has not asked yet: whoever waits is worker B, which took the webhook over.
        await until(lambda: somebody_waits(wired), seconds=PATIENCE_S, what="worker B waiting for the payment")
        # This waits for as long as worker B does, and gives up after it.
        status, _ = await shop.call("verify", {"paymentId": order.payment_id})
        assert status == 503, "who asks meanwhile is told to ask again"
        assert not await is_nothing_open(wired)
        if how_long != "past its lease":
            await settled(here, wired, "worker B taking over")
        await goes_on(here)
        await recovered(here, wired)
        await shop.verify(order)
        await all_agree(here, wired, shop)


@pytest.mark.parametrize("failpoint", OF_A_REFUND)
async def test_a_refund_that_another_took_over_is_not_made_again(
    postgres: Postgres, tmp_path: Path, failpoint: str
) -> None:
    """The web program died over it, so it is the workers' to settle: with the same call, under the same key."""
    armed = {"web": "payment.cancel.intended", "worker A": f"{failpoint}:1:STOP"}
    async with (
        town(postgres, tmp_path, failpoints=armed, later=("worker B",)) as here,
        shop_in(here, receives=False) as shop,
        here.looking_in() as wired,
    ):
        order = await a_payment_is_paid(here, shop)
        await shop.verify(order)
        assert not await shop.refund(order, "refund-1", order.amount), "the web program did not die over it"
        await here.let_time_pass(wired)
        await until(lambda: is_paused(here, "worker A"), seconds=PATIENCE_S, what=f"worker A pausing at {failpoint}")
        here["worker B"].start()
        await here["worker B"].ready()
        await settled(here, wired, "worker B taking over")
        await goes_on(here)
        await all_agree(here, wired, shop)
        async with wired.system.db.transaction() as tx:
            assert await tx.one(CALLS_TO_CANCEL) == 1
