"""The release before and this one on one database, with traffic: no request fails, the books hold (F96, G25)."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from jangbu import embedded
from jangbu.checks.service import run_checks
from kill.checks import all_agree, recovered
from kill.shop import Shop, load, shop_in, sold
from upgrade.previous import unpacked
from upgrade.upgrading import THIS, Upgrading, nothing_failed, previous, upgrading

pytestmark = pytest.mark.kill
CI = bool(os.environ.get("CI"))
SHOPPERS = 4
ORDERS = 40 if CI else 12
"""What is sold in each phase of the upgrade."""
RESTARTS = 5 if CI else 1


async def test_old_and_new_programs_work_side_by_side_and_no_request_fails(
    server: embedded.Embedded, tmp_path: Path
) -> None:
    old = previous(unpacked(tmp_path / "previous"))
    async with upgrading(server, tmp_path) as here:
        await here.prepare(old)
        old_web, old_worker = await here.start_web(old), await here.start_worker(old)
        async with shop_in(here.town) as shop:
            await upgraded(here, shop, old_web=old_web, old_worker=old_worker)


async def upgraded(here: Upgrading, shop: Shop, *, old_web: str, old_worker: str) -> None:
    """Schema, web, worker; then the old ones go; all the time things are sold."""
    async with load(shop, shoppers=SHOPPERS):
        await sold(shop, ORDERS)
        await here.command(THIS, "migrate")
        await sold(shop, ORDERS)
        await here.start_web(THIS)
        await here.start_worker(THIS)
        await sold(shop, ORDERS)
        await here.town[old_worker].drain()
        await here.take_away(old_web)
        await sold(shop, ORDERS)
    nothing_failed(here, shop)
    async with here.town.looking_in() as wired:
        await recovered(here.town, wired)
        await all_agree(here.town, wired, shop)
        checked = await run_checks(wired.checks, run=wired.system, full=True)
        assert [result for result in checked if not result.holds] == []


async def test_web_programs_are_restarted_one_after_the_other_and_nobody_notices(
    server: embedded.Embedded, tmp_path: Path
) -> None:
    """As docs/howto/deploy.md does it: nobody tells the balancer who is about to go."""
    async with upgrading(server, tmp_path) as here:
        await here.prepare(THIS)
        webs = [await here.start_web(THIS, name) for name in ("web", "other web")]
        async with shop_in(here.town) as shop, load(shop, shoppers=SHOPPERS):
            for web in webs * RESTARTS:
                await sold(shop, SHOPPERS)
                exits = len(here.town[web].exits)
                here.town[web].signal(signal.SIGTERM)
                while len(here.town[web].exits) == exits:
                    await asyncio.sleep(0.05)
                await here.town[web].ready()
        assert [here.town[web].exits for web in webs] == [[0] * RESTARTS] * 2
        nothing_failed(here, shop)
