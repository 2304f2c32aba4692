"""What everybody in a play has in common: where they act, what may come next, and what they note down."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from jangbu.ids import Chance
from jangbu.sandbox.testing import Sandbox
from jangbu.simulator.mix import Mix
from jangbu.simulator.outside import Door, LineToPortOne

Work = Callable[[], Coroutine[Any, Any, None]]
May = Callable[[str, int, Work], None]
"""Adds something that may happen next: its label, its weight beside the others, and how it goes."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that may happen next, and how likely it is beside the others."""

    label: str
    weight: int
    work: Work


@dataclass(frozen=True, slots=True)
class Notes:
    """`say` writes the trace, `sometimes` counts what is rare, `problem` ends the play."""

    say: Callable[[str], None]
    sometimes: Callable[..., None]
    problem: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """What every actor of one play has at hand."""

    mix: Mix
    chance: Chance
    portone: Sandbox
    line: LineToPortOne
    door: Door
    notes: Notes
