"""Whose turn it is: any number of tasks, of which one runs at a time, each stopping only where the seed says so.

A fiber is an asyncio task that asks at every statement, every call outside and every failpoint what its fate is. Two
fibers in flight interleave in the same way each time they run with the same seed, PostgreSQL's locks included: a fiber
that waits for a row lock gives its turn away, and gets it back after whoever held the lock let go.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any, Protocol

from jangbu.failpoints import Crash

BLOCKED_LOOK_S = 0.003
"""How long a statement may take before we ask PostgreSQL whether it waits for somebody's lock."""

_here: ContextVar["Fiber | None"] = ContextVar("fiber", default=None)


class Fate(Enum):
    """What becomes of a fiber at a point. What a point cannot suffer is never chosen for it."""

    GO = "go"
    PAUSE = "pause"
    CRASH = "crash"
    LOST = "connection lost"
    ANSWER_LOST = "done, then the connection lost"
    BUSY = "deadlock"


class Kind(Enum):
    """Where in the code a fiber is."""

    FAILPOINT = "failpoint"
    STATEMENT = "statement"
    COMMIT = "commit"
    CALL = "call"
    ANSWER = "answer"


class Mortal(Protocol):
    """A process as a fiber sees it."""

    name: str
    is_alive: bool

    def die(self) -> None:
        """Lose everything that is not committed."""
        ...


class Locks(Protocol):
    """PostgreSQL's waiting room as an onlooker sees it."""

    async def is_waiting(self, backend: int) -> bool:
        """Whether this backend waits for somebody else's lock."""
        ...

    async def call_off(self, backend: int) -> None:
        """End its wait: its statement fails."""
        ...


Decide = Callable[["Fiber", Kind, str], Fate]


class Fiber:
    """One thing in progress: a request, a job, a delivery. It may act inside a process, and dies with it."""

    def __init__(self, number: int, label: str, turns: "Turns", work: Coroutine[Any, Any, None]) -> None:
        self.number = number
        self.label = label
        self.process: Mortal | None = None
        self.in_transaction = 0
        self.calls_open = 0
        """Calls on which somebody waits: ours to PortOne, and PortOne's or the shop's to us."""
        self.waits_for: asyncio.Future[Any] | None = None
        """A statement that may be waiting for a lock, and the backend that runs it."""
        self.backend = 0
        self._turns = turns
        self._work: Coroutine[Any, Any, None] | None = work
        self._gate: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        where = f" in {self.process.name}" if self.process is not None else ""
        return f"#{self.number} {self.label}{where}"

    @property
    def is_done(self) -> bool:
        return self._task is not None and self._task.done()

    @property
    def is_blocked(self) -> bool:
        return self.waits_for is not None and not self.waits_for.done()

    @contextmanager
    def inside(self, process: Mortal, *, called: bool) -> Iterator[None]:
        """Act as `process` for a while. `called`: somebody outside waits for the answer meanwhile."""
        before, self.process = self.process, process
        self.calls_open += called
        try:
            yield
        finally:
            self.process = before
            self.calls_open -= called

    def point(self, kind: Kind, name: str) -> Fate:
        """What happens here and now. Raises Crash when this process dies here, or died while we were away."""
        self.live_or_die()
        fate = self._turns.decide(self, kind, name)
        if fate is Fate.CRASH:
            assert self.process is not None
            self.process.die()
            raise Crash(name)
        return fate

    async def stop_at(self, kind: Kind, name: str) -> Fate:
        """The same where waiting is possible: PAUSE gives the turn away, and GO is what comes of it."""
        fate = self.point(kind, name)
        if fate is Fate.PAUSE:
            await self.give_turn()
            return Fate.GO
        return fate

    async def give_turn(self) -> None:
        """Let others act until the scheduler comes back to us."""
        self._gate = asyncio.get_running_loop().create_future()
        self._turns.returned.set()
        await self._gate
        self._gate = None
        self.live_or_die()

    def live_or_die(self) -> None:
        """The other tasks of a dead process learn of its death at their next step, and take no other."""
        if self.process is not None and not self.process.is_alive:
            raise Crash(f"{self.process.name} is dead")

    def go_on(self) -> None:
        """Begin, or go on behind the point where the turn was given away."""
        if self._gate is not None:
            self._gate.set_result(None)
            return
        assert self._work is not None
        work, self._work = self._work, None
        self._task = asyncio.create_task(self._run(work))

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        _here.set(self)
        try:
            await work
        except Crash:
            pass
        finally:
            self._turns.returned.set()

    def result(self) -> None:
        """Raise what the work raised."""
        assert self._task is not None
        self._task.result()

    async def abandon(self) -> None:
        """Throw the rest of the work away: the play is over."""
        if self._task is None:
            assert self._work is not None
            self._work.close()
        elif not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class Turns:
    """Hands the turn to one fiber at a time."""

    def __init__(self, decide: Decide, locks: Locks) -> None:
        self.decide = decide
        self.locks = locks
        self.returned = asyncio.Event()
        self.in_flight: list[Fiber] = []
        self.statements = 0
        self.lock_waits = 0
        self._made = 0

    def fiber(self, label: str, work: Coroutine[Any, Any, None]) -> Fiber:
        """A fiber that has not begun."""
        self._made += 1
        one = Fiber(self._made, label, self, work)
        self.in_flight.append(one)
        return one

    async def give(self, fiber: Fiber) -> None:
        """Let `fiber` act until it pauses, waits for a lock, or is done; then the dead are buried."""
        await self._hand_over(fiber)
        while doomed := [one for one in self.in_flight if self._is_doomed(one)]:
            await self._hand_over(doomed[0])

    async def _hand_over(self, fiber: Fiber) -> None:
        self.returned.clear()
        fiber.go_on()
        await self.returned.wait()
        await self.settle()
        for done in [one for one in self.in_flight if one.is_done]:
            self.in_flight.remove(done)
            done.result()

    @staticmethod
    def _is_doomed(fiber: Fiber) -> bool:
        # A statement that waits for a lock outlives its client in PostgreSQL too: it dies once it has the lock.
        return fiber.process is not None and not fiber.process.is_alive and not fiber.is_blocked and not fiber.is_done

    async def watch(self, fiber: Fiber) -> bool:
        """Wait until it is certain whether the fiber's statement is done or waits for a lock; True when it waits."""
        statement = fiber.waits_for
        assert statement is not None
        while True:
            done, _ = await asyncio.wait({statement}, timeout=BLOCKED_LOOK_S)
            if done:
                return False
            if await self.locks.is_waiting(fiber.backend):
                return True

    async def settle(self) -> None:
        """After locks were let go: return once whoever waited has got its lock, or waits for somebody else's.

        Before anybody acts: else whoever let it go and acts on would race whoever wakes up, and the play not repeat.
        """
        while blocked := [other for other in self.in_flight if other.is_blocked]:
            if all([await self.watch(other) for other in blocked]):
                return

    def somebody_waits(self, *, besides: Fiber) -> bool:
        """Whether a fiber waits for a lock already."""
        return any(other.is_blocked for other in self.in_flight if other is not besides)

    def others_in_transaction(self, fiber: Fiber) -> bool:
        """Whether anybody else could hold a lock."""
        return any(other.in_transaction for other in self.in_flight if other is not fiber)


def here() -> Fiber | None:
    """The fiber that runs this code, or None outside the play."""
    return _here.get()
