"""What jobs left behind, and what lies in the queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from jangbu import embedded, queue
from jangbu.db import Database, Query
from jangbu.queue import Waker
from jangbu.wiring import Addresses
from queue_program import LEAVE, SCHEMA
from superuser import opened, superuser


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing that one job did."""

    at: datetime
    worker: str
    job: str
    what: str


TRACE = Query(Trace, "SELECT at, worker, job, what FROM trace WHERE job = :job ORDER BY id")


@dataclass(frozen=True, slots=True)
class Row:
    """One job as it lies in the queue."""

    entrypoint: str
    status: str
    attempts: int


ROWS = Query(Row, "SELECT entrypoint, status::text AS status, attempts FROM pgqueuer ORDER BY id")


@asynccontextmanager
async def traced(server: embedded.Embedded, where: Addresses) -> AsyncIterator[Database]:
    """The system role's pool, on a database with a place for traces."""
    async with superuser(server, where) as admin:
        await admin.execute(SCHEMA)
    async with opened(where.system, size_max=8) as database:
        yield database


async def traces(db: Database, job: str) -> list[Trace]:
    async with db.transaction() as tx:
        return await tx.all(TRACE, job=job)


async def did(db: Database, job: str) -> list[str]:
    return [trace.what for trace in await traces(db, job)]


async def enough(db: Database, n: int = 0) -> None:
    """Let the job `lasts` end."""
    await db.statement(LEAVE, worker="the test", job=f"lasts {n}", what="enough")


async def rows(db: Database) -> list[Row]:
    async with db.transaction() as tx:
        return await tx.all(ROWS)


async def enqueue(db: Database, job: str, *, dedupe_key: str | None = None, **arguments: object) -> None:
    async with db.transaction() as tx:
        await queue.enqueue(tx, job, dedupe_key=dedupe_key, **arguments)
    Waker(db, quiet_s=0).wake()
