"""What doors and services receive: the frozen bundle of things that are built once, in wiring."""

from dataclasses import dataclass

from jangbu.clock import Clock, SystemClock
from jangbu.db import Database, Query
from jangbu.ids import Ids
from jangbu.queue import Waker
from jangbu.settings import Settings

CLOCK_OFFSET = Query(int, "SELECT offset_s FROM sandbox_clock")
SET_CLOCK_OFFSET = Query(int, "UPDATE sandbox_clock SET offset_s = :offset_s RETURNING offset_s::int")


@dataclass(frozen=True, slots=True)
class Runtime:
    """`run=` in a signature says: I open my own transactions, and may call outside between two (ADR 0009).

    `db` is the pool of the role this door works under: `jangbu_request` for people's requests, `jangbu_system` for the
    webhook route and the workers (design §5).
    """

    settings: Settings
    db: Database
    clock: Clock
    ids: Ids
    waker: Waker


async def follow_sandbox_clock(run: Runtime) -> None:
    """In sandbox mode, take the business clock's offset from its row, so that all programs move together."""
    if run.settings.mode == "sandbox" and isinstance(run.clock, SystemClock):
        offset_s = await run.db.statement(CLOCK_OFFSET)
        run.clock.set_offset(offset_s or 0)
