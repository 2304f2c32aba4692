"""The hands of somebody who may do anything to the database: the intruder and the clumsy administrator of our tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from jangbu import embedded
from jangbu.db import Database
from jangbu.wiring import Addresses


def database_of(where: Addresses) -> str:
    """The name of the database that `where` points at."""
    return urlsplit(where.owner).path.removeprefix("/")


@asynccontextmanager
async def superuser(server: embedded.Embedded, where: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to this test's database."""
    connection = await asyncpg.connect(server.dsn("superuser", database_of(where)))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def tampering(server: embedded.Embedded, where: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """The same with every trigger asleep: what a determined intruder with the superuser's password would use."""
    async with superuser(server, where) as connection:
        await connection.execute("SET session_replication_role = replica")
        yield connection


async def cut_off(server: embedded.Embedded, where: Addresses, *, named: str = "jangbu %") -> int:
    """Terminate the connections of programs whose name is like `named`; how many there were."""
    async with superuser(server, where) as connection:
        rows = await connection.fetch(
            """
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE $1 AND pid <> pg_backend_pid()
            """,
            named,
        )
    return len(rows)


@asynccontextmanager
async def opened(
    dsn: str, *, size_max: int = 4, acquire_timeout_s: float = 10, sighted: bool = False
) -> AsyncIterator[Database]:
    """A pool of our own on `dsn`; `sighted` as the pool for people's requests is."""
    pool = Database(dsn, name="test", size_max=size_max, acquire_timeout_s=acquire_timeout_s, sighted=sighted)
    db = await pool.open()
    try:
        yield db
    finally:
        await db.close()
