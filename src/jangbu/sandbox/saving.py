"""The whole of a sandbox in one file: to go on with after a restart, or to begin from in another sandbox."""

import msgspec

from jangbu.sandbox.core.clock import ClockState
from jangbu.sandbox.core.default import default_state
from jangbu.sandbox.core.inferred import switched
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, NotOurs
from jangbu.sandbox.core.state import State

FORMAT = 1


class Saved(msgspec.Struct):
    """The state file."""

    clock: ClockState
    world: State
    format: int = FORMAT


def saved(parts: Parts) -> bytes:
    """The world and its clock, as they stand."""
    return msgspec.json.encode(Saved(parts.clock.state(), parts.world.state))


def load(parts: Parts, raw: bytes) -> None:
    """Become what `saved` wrote, clock included. Refuses anything else, and then nothing has changed."""
    try:
        found = msgspec.json.decode(raw, type=Saved)
    except UNREADABLE as problem:
        raise NotOurs(f"this is not a saved sandbox: {problem}") from None
    if found.format != FORMAT:
        raise NotOurs("this was saved by another version of the sandbox")
    switched(parts.world.assumed, found.world.switches)
    parts.clock.restore(found.clock)
    _become(parts, found.world, found.world.lives)


def reset(parts: Parts, seed: int | None = None) -> None:
    """A fresh default world that keeps what was set: where webhooks go, channels, switches. Faults are forgotten, the
    clock stays.

    Its ids are of another life of the same seed, or the first of the `seed` that is given.
    """
    old = parts.world.state
    fresh = default_state(old.seed if seed is None else seed)
    fresh.channels |= old.channels
    fresh.switches = old.switches
    for store_id in fresh.stores:
        if store_id in old.stores:
            fresh.stores[store_id].webhooks = old.stores[store_id].webhooks
            fresh.stores[store_id].v1 = old.stores[store_id].v1
    if seed is None:
        _become(parts, fresh, 0)
        return
    parts.world.load(fresh)
    _reload(parts)


def _become(parts: Parts, state: State, lives: int) -> None:
    # Two worlds of one sandbox never hand out the same id: a shop that has seen both would take them for one.
    state.lives = max(lives, parts.world.state.lives) + 1
    parts.world.load(state)
    _reload(parts)


def _reload(parts: Parts) -> None:
    parts.faults.waiting = parts.world.state.faults
    parts.courier.reload()
