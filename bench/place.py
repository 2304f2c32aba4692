"""Where it is measured: a throwaway PostgreSQL with fsync on, and a migrated database for every benchmark."""

import cProfile
import io
import pstats
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.figures import OUTPUT
from bench.neighbours import Neighbours, family, parent_of
from jangbu import embedded
from jangbu.clock import SystemClock
from jangbu.db import Database
from jangbu.ids import Ids
from jangbu.migrate import migrate
from jangbu.queue import Waker
from jangbu.runtime import Runtime
from jangbu.settings import Settings, load
from jangbu.wiring import Addresses

ROUNDS = 5
WRITERS = 32
PROFILE_LINES = 40


@dataclass(frozen=True)
class Place:
    """The server, and how long one measurement takes."""

    server: embedded.Embedded
    home: Path
    seconds: float
    profile: bool
    neighbours: Neighbours

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[Addresses]:
        """A migrated database of one's own, dropped afterwards."""
        await embedded.create_database(self.server, name)
        where = Addresses(*(self.server.dsn(role, name) for role in ("owner", "system", "request")))
        await migrate(where.owner)
        yield where
        await embedded.drop_database(self.server, name)


@asynccontextmanager
async def opened(*, seconds: float, profile: bool) -> AsyncIterator[Place]:
    """A server from nothing, gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="jangbu-bench-"))
    try:
        with await embedded.ensure(home) as server:
            connection = await asyncpg.connect(server.dsn("system"))
            postmaster = parent_of(connection.get_server_pid())
            await connection.close()
            yield Place(server, home, seconds, profile, Neighbours(family(postmaster)))
    finally:
        await embedded.remove(home)


@asynccontextmanager
async def writing(where: Addresses, home: Path) -> AsyncIterator[Runtime]:
    """The runtime of the workers, on a pool with a connection for every writer."""
    settings: Settings = load(_env_file=None, JANGBU_MODE="sandbox", JANGBU_HOME=home)
    db = await Database(where.system, name="bench", size_min=WRITERS, size_max=WRITERS).open()
    clock = SystemClock()
    try:
        yield Runtime(settings=settings, db=db, clock=clock, ids=Ids(clock), waker=Waker(db))
    finally:
        await db.close()


async def settled(where: Addresses) -> None:
    """Bring statistics and visibility up to date after filling tables, so that autovacuum has no reason to."""
    connection = await asyncpg.connect(where.owner)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


@contextmanager
def profiled(name: str) -> Iterator[None]:
    """Profile what runs inside; the costliest functions go to bench-output/<name>.txt. It slows it down."""
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        OUTPUT.mkdir(exist_ok=True)
        words = io.StringIO()
        statistics = pstats.Stats(profile, stream=words)
        for order in ("tottime", "cumtime"):
            statistics.sort_stats(order).print_stats(PROFILE_LINES)
        (OUTPUT / f"{name}.txt").write_text(words.getvalue(), "utf-8")
