"""The line to PostgreSQL breaks during COMMIT: nobody can know whether it happened, and it happens once (F90)."""

import asyncio
import os
from pathlib import Path

import pytest

from kill.checks import all_agree, recovered
from kill.postgres import Postgres
from kill.proxy import Moment, wire_to
from kill.shop import Order, Shop, load, shop_in
from kill.town import town

pytestmark = pytest.mark.kill

BEFORE_PAYING = {
    "the order's intent": "INSERT INTO payments ",
    "the call's intent": "INSERT INTO payment_attempts",
    "the call's outcome": "UPDATE payment_attempts",
}
AFTER_PAYING = {
    "the webhook": "INSERT INTO webhook_logs",
    "a job taken": r"SKIP LOCKED.*UPDATE \S*pgqueuer\s",
    "the capture": "INSERT INTO ledger_entries",
    "the webhook's end": "UPDATE webhook_logs",
    "a job's end": r"DELETE FROM \S*pgqueuer\s",
    "the seal": "INSERT INTO ledger_seal",
    "the schedule's job": r"^\s*INSERT INTO pgqueuer \(",
}
REFUNDING = {
    "the refund's intent": "INSERT INTO payment_cancellations",
    "the refund's outcome": "INSERT INTO ledger_entries",
}
CUTS = 120 if os.environ.get("CI") else 40


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_each_commit_cut_off_happens_once(postgres: Postgres, tmp_path: Path, moment: Moment) -> None:
    async with (
        wire_to(postgres.port) as wire,
        town(postgres, tmp_path, through_port=wire.port, workers=("worker A",)) as here,
        shop_in(here) as shop,
        here.looking_in() as wired,
    ):
        for what, statement in BEFORE_PAYING.items():
            cut = wire.cut(statement, moment)
            order = await begin(shop)
            assert cut.was_made.is_set(), f"nothing was cut at {what}"
            await shop.pay(order)
            await shop.verify(order)
        for statement in AFTER_PAYING.values():
            order = await begin(shop)
            await recovered(here, wired)
            cut = wire.cut(statement, moment)
            await shop.pay(order)
            await cut.made()
        for what, statement in REFUNDING.items():
            order = await begin(shop)
            await shop.pay(order)
            await shop.verify(order)
            await recovered(here, wired)
            cut = wire.cut(statement, moment)
            await shop.refund(order, f"{order.order_id}-refund", order.amount // 2)
            assert cut.was_made.is_set(), f"nothing was cut at {what}"
        assert wire.cuts == []
        await recovered(here, wired)
        await all_agree(here, wired, shop)
        assert sum(len(here[name].exits) for name in ("web", "worker A")) == 0, "a program died of it"


async def test_lines_that_break_at_any_commit_under_load(postgres: Postgres, tmp_path: Path) -> None:
    async with (
        wire_to(postgres.port) as wire,
        town(postgres, tmp_path, through_port=wire.port) as here,
        shop_in(here) as shop,
    ):
        async with load(shop, shoppers=6, think_s=0.02):
            for _ in range(CUTS):
                cut = wire.cut("", shop.chance.choice(["before", "after"]))
                await cut.made()
                await asyncio.sleep(shop.chance.uniform(0, 0.2))
        async with here.looking_in() as wired:
            await recovered(here, wired)
            await all_agree(here, wired, shop)
        assert any("503 DATABASE_UNAVAILABLE" in name for name in shop.calls), dict(shop.calls)


async def begin(shop: Shop) -> Order:
    order = await shop.begin()
    order.payer = "pays"
    return order
