"""A play repeats: the same seed is the same story, down to the last statement that waited for a lock."""

import pytest

from jangbu.simulator.mix import ORDINARY
from jangbu.simulator.play import Ending, Play
from jangbu.simulator.stage import Stage
from jangbu.simulator.swarm import play_settings, quiet


async def played(stage: Stage, seed: int, *, steps: int = 300) -> tuple[Ending, list[str]]:
    lines: list[str] = []
    with quiet():
        ending = await Play(stage, play_settings(), seed=seed, steps=steps, trace=lines.append).run()
    return ending, lines


@pytest.mark.parametrize("seed", [3, 4, 5])
async def test_the_same_seed_is_the_same_play(stage: Stage, seed: int) -> None:
    first, told = await played(stage, seed)
    second, told_again = await played(stage, seed)
    assert told == told_again
    assert first.digest == second.digest
    assert first.places == second.places


async def test_another_seed_is_another_play(stage: Stage) -> None:
    first, _ = await played(stage, 3)
    second, _ = await played(stage, 4)
    assert first.digest != second.digest


async def test_two_fibers_that_want_one_row_repeat_too(stage: Stage) -> None:
    """Much pausing, no deaths: lock waits are decided by the seed and not by who is faster."""
    from dataclasses import replace

    waits = 0
    crowded = replace(ORDINARY, crash_at_failpoint=0, crash_at_statement=0, pause=300, outage=0, line_lost=0, webs=2)
    for seed in range(5):
        with quiet():
            plays = [Play(stage, play_settings(), seed=seed, steps=300, mix=crowded) for _ in range(2)]
            first, second = [await play.run() for play in plays]
        assert first.digest == second.digest
        waits += first.sometimes["waited for another's lock"]
    assert waits > 0
