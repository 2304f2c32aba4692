"""`kill -9` of everybody in turns, at moments nobody chose, while shops work (F01, F28; G02, G03, G05)."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from jangbu.ids import Ids
from kill.checks import all_agree, recovered
from kill.postgres import DEATHS, Death, Postgres
from kill.shop import load, shop_in
from kill.town import Town, town

pytestmark = pytest.mark.kill

CI = bool(os.environ.get("CI"))
KILLS, RUNS = (80, 4) if CI else (40, 1)
SHOPPERS = 6
VICTIMS = ("web", "web", "web", "worker A", "worker A", "worker B", "worker B", "portone", *DEATHS)
LONGEST_LIFE_S = 0.8


@pytest.mark.parametrize("seed", range(RUNS))
async def test_whoever_is_killed_no_won_is_lost_or_doubled(postgres: Postgres, tmp_path: Path, seed: int) -> None:
    async with town(postgres, tmp_path) as here, shop_in(here, seed) as shop:
        chance = Ids(seed=seed).chance()
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with load(shop, shoppers=SHOPPERS):
            await kill_in_turns(here, plan(chance), chance)
            took_s = loop.time() - began
        await here.ready()
        async with here.looking_in() as wired:
            recovery_s = await recovered(here, wired)
            books = await all_agree(here, wired, shop)

    hearing = shop.receiver
    assert hearing is not None
    exits = Counter(code for name in here.programs for code in here[name].exits)
    print(
        f"seed {seed}: {KILLS} kills in {took_s:.0f} s ({60 * KILLS / took_s:.0f} a minute), "
        f"{len(shop.orders)} orders, {books.events.count('payment.paid')} paid, "
        f"{sum(refund.given is not None for order in shop.orders for refund in order.refunds.values())} refunds, "
        f"{hearing.arrivals} webhooks of {len(hearing.kept)} events, "
        f"recovery {recovery_s:.0f} s; answers {dict(shop.calls)}; exits {dict(exits)}"
    )
    # The run proves something only where work was cut off.
    assert exits[-signal.SIGKILL] >= KILLS / 2
    assert len(shop.orders) > KILLS
    assert any("no answer" in name for name in shop.calls)
    assert any("503" in name for name in shop.calls)


def plan(chance: Random) -> list[str]:
    """Who dies in which order: everybody at least a few times, as often as `VICTIMS` names them."""
    turns = [*VICTIMS, *chance.choices(VICTIMS, k=KILLS - len(VICTIMS))]
    chance.shuffle(turns)
    return turns


async def kill_in_turns(here: Town, turns: Sequence[str], chance: Random) -> None:
    """Each victim has come up again before its turn, so that it dies at work; the others may still be down."""
    for victim in turns:
        if victim in DEATHS:
            death: Death = next(one for one in DEATHS if one == victim)
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_S))
            await here.postgres.kill(death, chance)
        else:
            await here[victim].ready()
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_S))
            here[victim].signal(signal.SIGKILL)
            await asyncio.sleep(0)
