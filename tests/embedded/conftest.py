"""Homes that are cleared away, programs that can be killed, and waiting that is bounded."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jangbu.connecting import CONNECTION_GONE
from jangbu.embedded import Embedded, ensure, remove, stop
from jangbu.embedded.home import Home

DEADLINE_S = 20.0
PROGRAM = Path(__file__).with_name("program.py")


class Process:
    """Another process that runs program.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def told(self) -> dict[str, Any]:
        """What it says once the server answers it, or the problem it has."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_S)
        assert line, "the program ended without a word"
        return json.loads(line)

    async def finish(self) -> None:
        """Let it close its share and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), DEADLINE_S)

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await asyncio.wait_for(self.process.wait(), DEADLINE_S)


@pytest.fixture
async def program() -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts program.py on a home; what still runs at the end of the test is killed."""
    started: list[Process] = []

    async def start(home: Path, *, before: tuple[str, ...] = (), python: str = sys.executable) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(*before, python, str(PROGRAM), str(home)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        started.append(Process(process))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            await one.kill()
        one.process._transport.close()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Path]:
    """A home that does not exist yet, below a folder that only we may enter; its name is not plain ASCII."""
    folder = tmp_path / "김 사장" / ".jangbu"
    yield folder
    if Home(folder).was_used():
        await until(lambda: not Home(folder).is_in_use(), "the programs let go of the home")
        await remove(folder)


@pytest.fixture(scope="session")
async def made_once(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A home to start and stop again and again: making one costs more than the rest of most tests."""
    folder = tmp_path_factory.mktemp("made") / "김 사장" / ".jangbu"
    (await ensure(folder)).close()
    await stop(folder)
    yield folder
    await remove(folder)


@pytest.fixture
async def made(made_once: Path) -> AsyncIterator[Path]:
    """A home that was used before and is stopped. Tests may damage its small files: they are put back."""
    small = [made_once / name for name in ("server.json", "pgdata/PG_VERSION", "pgdata/postgresql.conf")]
    kept = {path: path.read_bytes() for path in small}
    yield made_once
    await until(lambda: not Home(made_once).is_in_use(), "the programs let go of the home")
    await stop(made_once)
    for path, text in kept.items():
        path.write_bytes(text)


@pytest.fixture(scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    """One running server for the tests that do not harm it."""
    folder = tmp_path_factory.mktemp("shared") / "home"
    embedded = await ensure(folder)
    yield embedded
    embedded.close()
    await remove(folder)


async def until(holds: Callable[[], bool | Awaitable[bool]], what: str, *, pause_s: float = 0.02) -> None:
    """Wait until `holds()`; fail when it does not within the deadline."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert asyncio.get_running_loop().time() < deadline, f"never happened: {what}"
        await asyncio.sleep(pause_s)


def is_alive(pid: int) -> bool:
    """True for a process that exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def rows(dsn: str) -> list[int] | None:
    """What `remember` wrote, over a connection of its own; None while the server cannot be reached."""
    try:
        connection = await asyncpg.connect(dsn, timeout=2)
    except (*CONNECTION_GONE, asyncpg.PostgresError):
        return None
    try:
        return [row["n"] for row in await connection.fetch("SELECT n FROM remembered ORDER BY n")]
    except (*CONNECTION_GONE, asyncpg.PostgresError):
        return None
    finally:
        connection.terminate()


async def remember(dsn: str, *numbers: int) -> None:
    """Commit some rows, in place of those of an earlier test."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP TABLE IF EXISTS remembered; CREATE TABLE remembered (n int PRIMARY KEY)")
    await connection.executemany("INSERT INTO remembered VALUES ($1)", [(number,) for number in numbers])
    await connection.close()


class Tools:
    """The helpers above, for test files (which cannot import this one)."""

    until = staticmethod(until)
    is_alive = staticmethod(is_alive)
    rows = staticmethod(rows)
    remember = staticmethod(remember)

    @staticmethod
    def pids(home: Path) -> tuple[int, int]:
        """The keeper's and the server's process id."""
        card = Home(home).read_card()
        assert card is not None
        assert card.keeper_pid is not None
        assert card.postgres_pid is not None
        return card.keeper_pid, card.postgres_pid

    @staticmethod
    async def pids_once_ready(home: Path) -> tuple[int, int]:
        """The same, once the keeper has written them down: a new server answers a moment before that."""

        def ready() -> bool:
            card = Home(home).read_card()
            return card is not None and card.ready and card.postgres_pid is not None

        await until(ready, "the keeper said that its server is up")
        return Tools.pids(home)

    @staticmethod
    async def until_read(dsn: str, *expected: int) -> None:
        """Wait until the server answers and has these rows."""

        async def read() -> bool:
            return await rows(dsn) == list(expected)

        await until(read, f"the rows can be read: {expected}")

    @staticmethod
    async def until_stopped(home: Path) -> None:
        """Wait until the keeper and the server are gone."""

        def gone() -> bool:
            lock = Home(home).become_keeper()
            if lock is not None:
                os.close(lock)
            return lock is not None

        await until(gone, "the keeper left")


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    return Tools
