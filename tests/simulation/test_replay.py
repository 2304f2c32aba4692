"""A play repeats: the same seed is the same story, down to the last statement that waited for a lock."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from jangbu.simulator.mix import ORDINARY
from jangbu.simulator.play import Ending, Play
from jangbu.simulator.stage import Stage
from jangbu.simulator.swarm import play_settings, quiet

CROWDED = replace(ORDINARY, crash_at_failpoint=0, crash_at_statement=0, pause=300, outage=0, line_lost=0, webs=2)


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


async def test_two_fibers_that_want_one_row_repeat_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Much pausing, no deaths: who waits for a lock is decided by the seed, and not by who is faster to wake up."""
    waits = 0
    for seed in range(5):
        with quiet(), monkeypatch.context() as patched:
            first = await Play(stage, play_settings(), seed=seed, steps=300, mix=CROWDED).run()
            patched.setattr(stage, "is_waiting", slow_to_wake(stage))
            second = await Play(stage, play_settings(), seed=seed, steps=300, mix=CROWDED).run()
        assert first.digest == second.digest
        assert first.statements == second.statements
        assert first.sometimes == second.sometimes
        waits += first.sometimes["waited for another's lock"]
    assert waits > 0


def slow_to_wake(stage: Stage) -> Callable[[int], Awaitable[bool]]:
    """As `Stage.is_waiting`; and whoever does wait is held still for a while, as on a busy machine."""
    look = stage.is_waiting

    async def is_waiting(backend: int) -> bool:
        if not await look(backend):
            return False
        os.kill(backend, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(0.02, os.kill, backend, signal.SIGCONT)
        return True

    return is_waiting
