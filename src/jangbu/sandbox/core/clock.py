"""The sandbox's clock: real, frozen or moved; what falls due on the way of a move happens, in order, at its
own time.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from jangbu.clock import SystemClock

ZERO = timedelta()


class Agenda(Protocol):
    """Work with a due time. It is kept as data in the world, so it outlives a restart."""

    def next_due(self) -> datetime | None:
        """When the earliest waiting work falls due."""
        ...

    async def run_due(self, now: datetime) -> None:
        """Do all that is due at `now`; afterwards `next_due` is later or None."""
        ...


class ClockState(msgspec.Struct, frozen=True):
    """What the state file keeps of the clock."""

    offset_us: int
    frozen_at: datetime | None


class SandboxClock:
    """Satisfies `jangbu.clock.Clock`. Never runs backwards, except that `restore` sets it as it was saved."""

    def __init__(self, frozen_at: datetime | None = None, offset: timedelta = ZERO) -> None:
        assert frozen_at is None or frozen_at.tzinfo is not None, "time without a zone is not a time"
        self._system = SystemClock()
        self._offset = offset
        self._frozen_at = frozen_at
        self.agendas: list[Agenda] = []

    def now(self) -> datetime:
        return self._frozen_at or self._system.now() + self._offset

    @property
    def is_frozen(self) -> bool:
        return self._frozen_at is not None

    @property
    def offset(self) -> timedelta | None:
        """How far it runs ahead of the machine's time; None while it stands still."""
        return None if self.is_frozen else self._offset

    def freeze(self) -> None:
        """Stand still at the present."""
        self._frozen_at = self.now()

    def run(self) -> None:
        """Run at real speed from the time it shows now."""
        self._offset = self.now() - self._system.now()
        self._frozen_at = None

    async def move(self, by: timedelta) -> datetime:
        """Move forward by `by`, doing what falls due on the way. Answers the new time.

        Work may itself move the clock (a slow answer inside a webhook's receiver does): the later time
        stands.
        """
        assert by >= ZERO, "this clock does not run backwards"
        target = self.now() + by
        while (due := self.next_due()) is not None and due <= target:
            self._set(max(due, self.now()))
            for agenda in self.agendas:
                await agenda.run_due(self.now())
        self._set(max(target, self.now()))
        return self.now()

    async def run_due(self) -> None:
        """Do what is due at the present, without moving."""
        await self.move(ZERO)

    def next_due(self) -> datetime | None:
        """When the earliest waiting work of any agenda falls due."""
        return min((due for agenda in self.agendas if (due := agenda.next_due()) is not None), default=None)

    def _set(self, at: datetime) -> None:
        if self._frozen_at is not None:
            self._frozen_at = at
        else:
            self._offset += max(at - self.now(), ZERO)

    def state(self) -> ClockState:
        """For the state file."""
        return ClockState(self._offset // timedelta(microseconds=1), self._frozen_at)

    def restore(self, state: ClockState) -> None:
        """Go on as the state file says: a frozen clock still stands, a moved one is still ahead."""
        self._offset = timedelta(microseconds=state.offset_us)
        self._frozen_at = state.frozen_at.astimezone(UTC) if state.frozen_at else None


Pause = Callable[[float], Awaitable[None]]
"""How an answer is kept back for some seconds: real ones over HTTP, the clock's own in process."""
