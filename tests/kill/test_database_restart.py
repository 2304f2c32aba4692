"""PostgreSQL restarted under load: shops see a clean 503, webhooks come again, all recovers by itself (F91, F92)."""

import asyncio
import os
from pathlib import Path

import pytest

from kill.checks import all_agree, recovered
from kill.postgres import Postgres, Restart
from kill.shop import Shop, load, shop_in, sold
from kill.town import Town, town
from kit import until

pytestmark = pytest.mark.kill

SHOPPERS = 6
MORE: list[tuple[Restart, float]] = [("fast", 8), ("immediate", 0.2)] if os.environ.get("CI") else []


@pytest.mark.parametrize(("mode", "away_s"), [("fast", 0.2), ("immediate", 3), *MORE])
async def test_a_restart_under_load_is_a_pause(
    postgres: Postgres, tmp_path: Path, mode: Restart, away_s: float
) -> None:
    async with town(postgres, tmp_path) as here, shop_in(here) as shop:
        pids = {name: here[name].pid for name in here.programs}
        begun = [await shop.begin() for _ in range(4)]
        async with load(shop, shoppers=SHOPPERS, think_s=0.02):
            await sold(shop, SHOPPERS)
            async with postgres.restart(mode):
                # Payers do not know that our database is away, and PortOne tells us of each.
                await asyncio.gather(*(shop.pay(order) for order in begun))
                await asyncio.sleep(away_s)
                await until(lambda: all_were_refused(here, shop), what="a shop and a webhook refused meanwhile")
            await sold(shop, SHOPPERS)
        assert {name: here[name].pid for name in here.programs} == pids, "a program did not outlive the restart"
        async with here.looking_in() as wired:
            await recovered(here, wired)
            await all_agree(here, wired, shop)
        refused = await refusals(here)
    # The web program never went away: nobody heard nothing.
    assert not any("no answer" in name for name in shop.calls), dict(shop.calls)
    assert refused == {503}, "PortOne heard something else than a clean 'not now'"


async def all_were_refused(here: Town, shop: Shop) -> bool:
    """Whether a shop and PortOne's webhooks have both met the house without its database."""
    was_refused = any("503 DATABASE_UNAVAILABLE" in name for name in shop.calls)
    return was_refused and await refusals(here) - {None} != set()


async def refusals(here: Town) -> set[int | None]:
    """What PortOne heard when a webhook of its was not taken; None stands for no answer, or for none yet."""
    webhooks = (await here.control("webhooks"))["items"]
    return {attempt["status"] for webhook in webhooks for attempt in webhook["tries"]} - {200}
