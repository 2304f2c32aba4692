"""The line between a simulated process and PostgreSQL, which may break at any statement and in the middle of COMMIT.

The connections are real ones, shared by all processes one after the other: a process that dies loses its line, the
server rolls back as it does when a client is gone, and the next process finds the connection clean. That is the same as
opening a new one, because sessions carry no state here (db.py), and a hundred times faster.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

import asyncpg

from jangbu.connecting import prepare_connection
from jangbu.db import Database
from jangbu.failpoints import Crash
from jangbu.sight import Sighted
from jangbu.simulator.turns import Fate, Fiber, Kind, Mortal, Turns, here

T = TypeVar("T")


class Shelf:
    """Open connections of one login, handed out and taken back."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._free: list[asyncpg.Connection] = []
        self._all: list[asyncpg.Connection] = []

    async def take(self) -> asyncpg.Connection:
        """A connection nobody uses."""
        if self._free:
            return self._free.pop()
        connection = await asyncpg.connect(self._dsn, command_timeout=60, connection_class=Sighted)
        await prepare_connection(connection)
        self._all.append(connection)
        return connection

    async def give_back(self, connection: asyncpg.Connection) -> None:
        """Whatever was not committed is rolled back, as when a client is gone."""
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
        self._free.append(connection)

    @property
    def in_use(self) -> int:
        """How many are out. Between two steps of a play, none may be."""
        return len(self._all) - len(self._free)

    async def close(self) -> None:
        for connection in self._all:
            connection.terminate()
        self._all.clear()
        self._free.clear()


class Line:
    """What a pooled connection is to `Database`, with a fate at every statement."""

    def __init__(self, raw: asyncpg.Connection, process: Mortal, turns: Turns) -> None:
        self._raw = raw
        self._process = process
        self._turns = turns
        self._is_lost = False

    def is_closed(self) -> bool:
        return self._is_lost or not self._process.is_alive

    def is_in_transaction(self) -> bool:
        return bool(self._raw.is_in_transaction())

    def get_server_version(self) -> Any:
        return self._raw.get_server_version()

    def terminate(self) -> None:
        self._is_lost = True

    def transaction(self, **options: Any) -> "_Transaction":
        return _Transaction(self, **options)

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        return await self._do(sql, lambda: self._raw.fetchrow(sql, *arguments))

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        return await self._do(sql, lambda: self._raw.fetch(sql, *arguments))

    async def execute(self, sql: str, *arguments: Any) -> Any:
        return await self._do(sql, lambda: self._raw.execute(sql, *arguments))

    def cursor(self, sql: str, *arguments: Any, prefetch: int) -> Any:
        return self._raw.cursor(sql, *arguments, prefetch=prefetch)

    async def _do(self, sql: str, work: Callable[[], Awaitable[T]]) -> T:
        fiber = here()
        if fiber is None:
            return await work()
        if self._is_lost:
            raise asyncpg.InterfaceError("cannot perform operation: connection is closed")
        self._turns.statements += 1
        match await fiber.stop_at(Kind.STATEMENT, in_short(sql)):
            case Fate.LOST:
                self._lose()
            case Fate.ANSWER_LOST:
                await self._wait_for(fiber, work)
                self._lose()
            case Fate.BUSY:
                if self._raw.is_in_transaction():
                    # PostgreSQL's transaction is broken from here on, whatever the client does.
                    with suppress(asyncpg.DivisionByZeroError):
                        await self._raw.execute("SELECT 1 / 0")
                raise asyncpg.DeadlockDetectedError("deadlock detected, as the seed would have it")
        return await self._wait_for(fiber, work)

    async def _wait_for(self, fiber: Fiber, work: Callable[[], Awaitable[T]]) -> T:
        """Run a statement. While it waits for another fiber's lock, the others go on."""
        try:
            return await (self._maybe_blocked(fiber, work) if self._turns.others_in_transaction(fiber) else work())
        finally:
            await self._after_locks()

    async def _maybe_blocked(self, fiber: Fiber, work: Callable[[], Awaitable[T]]) -> T:
        statement = asyncio.ensure_future(work())
        fiber.waits_for, fiber.backend = statement, self._raw.get_server_pid()
        try:
            if await self._turns.watch(fiber):
                if self._turns.somebody_waits(besides=fiber):
                    await self._call_off(fiber, statement)
                self._turns.lock_waits += 1
                await fiber.give_turn()
        except Crash:
            await asyncio.gather(statement, return_exceptions=True)
            raise
        finally:
            fiber.waits_for = None
        return await statement

    async def _call_off(self, fiber: Fiber, statement: "asyncio.Future[T]") -> None:
        """Which of two who wait comes first is PostgreSQL's to say, and it does not always say the same.

        So only one waits. The second is told what it may be told at any statement, and comes again.
        """
        await self._turns.locks.call_off(fiber.backend)
        with suppress(asyncpg.QueryCanceledError):
            await statement
        raise asyncpg.DeadlockDetectedError("deadlock detected: somebody else waits for a lock already")

    async def _after_locks(self) -> None:
        """Outside of a transaction no locks are held any more."""
        if not self._raw.is_in_transaction():
            await self._turns.settle()

    def _lose(self) -> None:
        self._is_lost = True
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async def begin(self, sql: str) -> None:
        await self.execute(sql)

    async def conclude(self) -> None:
        """COMMIT; its answer may be lost after it happened (reliability F90)."""
        fiber = here()
        fate = Fate.GO if fiber is None else await fiber.stop_at(Kind.COMMIT, "COMMIT")
        if fate is Fate.LOST:
            self._lose()
        if fiber is None:
            await self._raw.execute("COMMIT")
            return
        await self._wait_for(fiber, lambda: self._raw.execute("COMMIT"))
        if fate is Fate.ANSWER_LOST:
            self._lose()

    async def roll_back(self) -> None:
        if self._is_lost:
            raise asyncpg.InterfaceError("cannot perform operation: connection is closed")
        await self._raw.execute("ROLLBACK")
        await self._after_locks()


class _Transaction:
    """BEGIN … COMMIT as asyncpg does it, over a line."""

    def __init__(self, line: Line, *, isolation: str = "", readonly: bool = False) -> None:
        self._line = line
        self._begin = "BEGIN"
        if isolation:
            self._begin += f" ISOLATION LEVEL {isolation.replace('_', ' ').upper()}"
        if readonly:
            self._begin += " READ ONLY"
        self._fiber: Fiber | None = None

    async def __aenter__(self) -> None:
        await self._line.begin(self._begin)
        self._fiber = here()
        if self._fiber is not None:
            self._fiber.in_transaction += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self._line.conclude()
            elif not isinstance(raised, Crash):
                # A dead process says nothing any more; the server notices and rolls back (Shelf.give_back).
                await self._line.roll_back()
        finally:
            if self._fiber is not None:
                self._fiber.in_transaction -= 1


class Pool:
    """What asyncpg's pool is to `Database` and to pgqueuer's driver."""

    def __init__(self, shelf: Shelf, process: Mortal, turns: Turns) -> None:
        self._shelf = shelf
        self._process = process
        self._turns = turns

    async def acquire(self, *, timeout: float | None = None) -> Line:  # noqa: ARG002 (asyncpg's signature)
        if not self._process.is_alive:
            raise Crash(self._process.name)
        return Line(await self._shelf.take(), self._process, self._turns)

    async def release(self, line: Line) -> None:
        await self._shelf.give_back(line._raw)  # noqa: SLF001 (the two are one)
        await self._turns.settle()

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        line = await self.acquire()
        try:
            return await line.fetch(sql, *arguments)
        finally:
            await self.release(line)

    async def execute(self, sql: str, *arguments: Any) -> Any:
        line = await self.acquire()
        try:
            return await line.execute(sql, *arguments)
        finally:
            await self.release(line)


class SimulatedDatabase(Database):
    """A process's database: the real class over lines that break."""

    def __init__(self, shelf: Shelf, process: Mortal, turns: Turns, *, name: str) -> None:
        super().__init__("", name=name)
        self._lines = Pool(shelf, process, turns)

    @property
    def pool(self) -> Any:
        return self._lines


def in_short(sql: str) -> str:
    """A statement's verb and table, for the trace."""
    found = _SHORT.get(sql)
    if found is None:
        words = re.sub(r"\s+", " ", sql).strip()
        match = re.search(r"\b(INSERT INTO|UPDATE|DELETE FROM) ([a-z_]+)|\bFROM ([a-z_]+)", words)
        found = f"{match[1] or 'SELECT'} {match[2] or match[3]}" if match else words[:30]
        _SHORT[sql] = found
    return found


_SHORT: dict[str, str] = {}
