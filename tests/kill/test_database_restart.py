"""PostgreSQL restarted under load: shops see a clean 503, webhooks come again, all recovers by itself (F91, F92)."""

import asyncio
import os
from pathlib import Path

import pytest

from kill.checks import all_agree, recovered
from kill.postgres import Postgres, Restart
from kill.shop import load, shop_in
from kill.town import town

pytestmark = pytest.mark.kill

MORE: list[tuple[Restart, float]] = [("fast", 8), ("immediate", 0.2)] if os.environ.get("CI") else []


@pytest.mark.parametrize(("mode", "away_s"), [("fast", 0.2), ("immediate", 3), *MORE])
async def test_a_restart_under_load_is_a_pause(
    postgres: Postgres, tmp_path: Path, mode: Restart, away_s: float
) -> None:
    async with town(postgres, tmp_path) as here, shop_in(here) as shop:
        pids = {name: here[name].pid for name in here.programs}
        begun = [await shop.begin() for _ in range(4)]
        async with load(shop, shoppers=6, think_s=0.02):
            await asyncio.sleep(1.5)
            async with asyncio.TaskGroup() as group:
                restarting = group.create_task(postgres.restart(mode, away_s=away_s))
                while not restarting.done():
                    await asyncio.sleep(away_s / 10)
                    # Payers do not know that our database is away, and PortOne tells us of each.
                    if begun:
                        group.create_task(shop.pay(begun.pop()))
            await asyncio.sleep(1)
        assert {name: here[name].pid for name in here.programs} == pids, "a program did not outlive the restart"
        async with here.looking_in() as wired:
            await recovered(here, wired)
            await all_agree(here, wired, shop)
        webhooks = (await here.control("webhooks"))["items"]
    assert any("503 DATABASE_UNAVAILABLE" in name for name in shop.calls), dict(shop.calls)
    # The web program never went away: nobody heard nothing.
    assert not any("no answer" in name for name in shop.calls), dict(shop.calls)
    refused = [attempt["status"] for webhook in webhooks for attempt in webhook["tries"] if attempt["status"] != 200]
    assert set(refused) == {503}, "PortOne heard something else than a clean 'not now', or was never refused"
