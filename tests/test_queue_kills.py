"""The real worker as a process: killed, stopped, doubled, and left without its database (F90, F93, F100).

Jobs leave a trace in a table (tests/queue_program.py); nothing of the queue itself is stood in for.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from jangbu import embedded
from jangbu.db import Database, DatabaseAway
from jangbu.wiring import Addresses
from kit import until
from queue_program import HEARTBEAT_TIMEOUT, process
from queue_traces import did, enqueue, rows, traced, traces
from superuser import cut_off, database_of, superuser

pytestmark = pytest.mark.kill


@pytest.fixture
async def db(server: embedded.Embedded, where: Addresses) -> AsyncIterator[Database]:
    async with traced(server, where) as database:
        yield database


async def test_a_job_of_a_killed_worker_is_taken_over(db: Database, where: Addresses) -> None:
    """kill -9 in the middle of a job: nothing is said to anybody, and somebody else finishes it."""

    async def started() -> bool:
        return await did(db, "hang") == ["started"]

    async def finished() -> bool:
        return "finished" in await did(db, "hang")

    async def empty() -> bool:
        return await rows(db) == []

    async with process("first", where.system) as first:
        await enqueue(db, "hang", dedupe_key="k")
        await until(started, what="the first worker starting the job")
        first.send_signal(signal.SIGKILL)
        await first.wait()
    assert [row.status for row in await rows(db)] == ["picked"], "it still looks as if it ran"
    killed_at = (await traces(db, "hang"))[0].at
    async with process("second", where.system):
        await until(finished, what="the second worker finishing it")
        await until(empty, what="the queue hearing of it")
    last = (await traces(db, "hang"))[-1]
    assert (last.worker, last.what) == ("second", "finished")
    assert last.at - killed_at >= HEARTBEAT_TIMEOUT / 2


async def test_a_job_that_runs_longer_than_the_heartbeat_is_left_alone(db: Database, where: Addresses) -> None:
    """A second worker must not take a job for lost because it is slow: the first one's heart still beats."""

    async def finished() -> bool:
        return "finished" in await did(db, "slow")

    seconds = 1.8 * HEARTBEAT_TIMEOUT.total_seconds()
    async with process("first", where.system), process("second", where.system):
        await enqueue(db, "slow", seconds=seconds)
        await until(finished, what="the slow job finishing")
        await asyncio.sleep(HEARTBEAT_TIMEOUT.total_seconds())
    assert await did(db, "slow") == ["started", "finished"]


async def test_sigterm_lets_a_running_job_finish_and_takes_no_new_one(db: Database, where: Addresses) -> None:
    """F100."""

    async def started() -> bool:
        return await did(db, "slow") == ["started"]

    async with process("first", where.system) as first:
        await enqueue(db, "slow", seconds=1)
        await until(started, what="the job starting")
        first.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        await enqueue(db, "note", n=1)
        async with asyncio.timeout(10):
            assert await first.wait() == 0
    assert await did(db, "slow") == ["started", "finished"]
    assert await did(db, "note") == []
    assert [(row.entrypoint, row.status) for row in await rows(db)] == [("note", "queued")]


async def test_an_idle_worker_stops_at_once(db: Database, where: Addresses) -> None:
    async with process("first", where.system) as first:
        await asyncio.sleep(0.5)
        first.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await first.wait() == 0


# Every time a worker takes a tick of the schedule, the moment that tick was due.
WATCH_TICKS = """
    CREATE TABLE ticks (due timestamptz NOT NULL);
    CREATE FUNCTION watch_ticks() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO ticks VALUES (OLD.next_run); RETURN NULL; END $$;
    CREATE TRIGGER watch_ticks AFTER UPDATE ON pgqueuer_schedules FOR EACH ROW
        WHEN (OLD.status = 'queued' AND NEW.status = 'picked') EXECUTE FUNCTION watch_ticks()
"""


async def test_two_workers_keep_one_schedule_once_a_tick(
    server: embedded.Embedded, db: Database, where: Addresses
) -> None:
    async def four_times() -> bool:
        return len(await did(db, "every_second")) >= 4

    async with superuser(server, where) as admin:
        await admin.execute(WATCH_TICKS)
        async with (
            process("first", where.system, every_second=True),
            process("second", where.system, every_second=True),
        ):
            await until(four_times, what="four ticks of the schedule")
        ticks = [row["due"] for row in await admin.fetch("SELECT due FROM ticks")]
    assert len(set(ticks)) == len(ticks), f"taken twice: {sorted(ticks)}"
    # A tick that comes while the job of the one before still waits adds none: on a slow machine there are fewer.
    assert len(await did(db, "every_second")) <= len(ticks)


async def test_a_worker_outlives_the_database_going_away(
    server: embedded.Embedded, db: Database, where: Addresses
) -> None:
    async def noted() -> bool:
        return len(await did(db, "note")) == wanted

    async with process("first", where.system) as first:
        for wanted in (1, 2, 3):
            await enqueue(db, "note", n=wanted)
            await until(noted, what=f"job {wanted}, after {wanted - 1} restarts")
            # All of its connections at once: what it sees of a restart.
            assert await cut_off(server, where, named="jangbu test") >= 1
            await until(lambda: answers(db), what="our own pool coming back")
        wanted = 4
        await enqueue(db, "note", n=wanted)
        await until(noted, what="the last job")
        assert first.returncode is None
    assert await did(db, "note") == ["1", "2", "3", "4"]


async def answers(db: Database) -> bool:
    try:
        await rows(db)
    except DatabaseAway:
        return False
    return True


@asynccontextmanager
async def database_away(server: embedded.Embedded, where: Addresses) -> AsyncIterator[None]:
    """For as long as this lasts nobody of ours is connected or can connect: a restart that takes its time."""
    name = database_of(where)
    admin = await asyncpg.connect(server.dsn("superuser", "postgres"))
    try:
        await admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        await cut_off(server, where)
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
        await admin.close()


@pytest.mark.parametrize("away_s", [0, 2.5])
async def test_a_job_whose_database_went_away_under_it_is_done_in_the_end(
    server: embedded.Embedded, db: Database, where: Addresses, away_s: float
) -> None:
    """It fails because it cannot write, and cannot even write that down. It may be late; it may not be given up."""

    async def started() -> bool:
        return "started" in await did(db, "slow")

    async def finished() -> bool:
        return "finished" in await did(db, "slow") and await rows(db) == []

    async with process("first", where.system):
        await enqueue(db, "slow", seconds=0.5)
        await until(started, what="the job starting")
        async with database_away(server, where):
            await asyncio.sleep(away_s)
        await until(lambda: answers(db), what="our own pool coming back")
        await until(finished, what="the job finishing")
