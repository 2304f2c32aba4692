"""What a worker does: jobs, schedules and ticks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again: after `first`, then twice as long each time, at most `longest`; `attempts_max` in all."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    attempts_max: int = 8


@dataclass(frozen=True, slots=True)
class Job:
    """A named handler. Its keyword arguments are the JSON values that `enqueue` was given."""

    name: str
    handler: Handler
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job queued by the wall clock (`cron`, UTC), once per tick however many workers there are.

    At worst twice: pgqueuer leaves a tick due that came due while a worker was just asking, and it is taken again.
    """

    cron: str
    job: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Something every worker does each `every_s` seconds, guarded by a lock of its own: the sealer."""

    every_s: float
    act: Callable[[], Awaitable[None]]
