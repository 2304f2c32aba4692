"""The real worker as a process: killed, stopped, doubled, and left without its database (F90, F93, F100).

Jobs leave a trace in a table (tests/queue_program.py); nothing of the queue itself is stood in for.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import pytest

from jangbu import embedded
from jangbu.db import Database, DatabaseAway, Query
from jangbu.wiring import Addresses
from kit import until
from queue_program import HEARTBEAT_TIMEOUT, heard, process
from queue_traces import did, enough, enqueue, rows, traced, traces
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


# Every beat of a running job's heart, and every time somebody takes a running job: how long its heart had stood still.
# (Who takes a job writes `updated`, a beat does not.)
FEEL_THE_PULSE = """
    CREATE TABLE pulse (gap interval NOT NULL, is_taken boolean NOT NULL);
    CREATE FUNCTION feel_the_pulse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO pulse VALUES (NEW.heartbeat - OLD.heartbeat, NEW.updated <> OLD.updated);
        RETURN NULL;
    END $$;
    CREATE TRIGGER feel_the_pulse AFTER UPDATE ON pgqueuer FOR EACH ROW
        WHEN (OLD.status = 'picked' AND NEW.status = 'picked') EXECUTE FUNCTION feel_the_pulse()
"""
HAS_BEATEN_FOR_LONG = """
    SELECT count(*) FILTER (WHERE NOT is_taken) >= 2 AND coalesce(sum(gap), '0') > $1 FROM pulse
"""
ROUNDS_MOST = 5


async def test_a_job_that_runs_longer_than_the_heartbeat_is_left_alone(
    server: embedded.Embedded, db: Database, where: Addresses
) -> None:
    """A second worker must not take a job for lost because it is slow: the first one's heart still beats.

    On a machine that stands still for half a second a heart stands still too, and a job is rightly taken over. So it
    may be taken then, and only then; and there must be a round in which nobody takes it.
    """

    async def both_work() -> bool:
        return {trace.worker for trace in await traces(db, "tick")} == {"first", "second"}

    async def empty() -> bool:
        return await rows(db) == []

    taken = []
    async with superuser(server, where) as admin:

        async def has_beaten_for_long() -> bool:
            return bool(await admin.fetchval(HAS_BEATEN_FOR_LONG, HEARTBEAT_TIMEOUT))

        await admin.execute(FEEL_THE_PULSE)
        async with process("first", where.system), process("second", where.system):
            await until(both_work, what="both workers working")
            for n in range(ROUNDS_MOST):
                await admin.execute("DELETE FROM pulse")
                await enqueue(db, "lasts", n=n)
                await until(has_beaten_for_long, what="the heart of a job beating for longer than the timeout")
                await enough(db, n)
                await until(empty, what="the long job ending")
                taken = [row["gap"] for row in await admin.fetch("SELECT gap FROM pulse WHERE is_taken")]
                assert all(gap >= HEARTBEAT_TIMEOUT for gap in taken), f"taken though its heart beat: {taken}"
                if not taken:
                    break
    assert taken == [], f"taken over in each of {ROUNDS_MOST} rounds"
    assert await did(db, f"lasts {n}") == ["started", "enough", "finished"]


NOW = Query(datetime, "SELECT clock_timestamp()")
# A worker looks into the queue once a second even if nobody wakes it.
BEAT_ON = Query(
    bool, "SELECT heartbeat > :since::timestamptz + interval '1 second' FROM pgqueuer WHERE entrypoint = 'lasts'"
)


async def heart_beats_on(db: Database) -> None:
    """Wait until the worker of the job `lasts` has lived on for so long that it would have looked into the queue."""
    since = await db.statement(NOW)

    async def beat_on() -> bool:
        return bool(await db.statement(BEAT_ON, since=since))

    await until(beat_on, what="the running job's heart beating on")


async def test_sigterm_lets_a_running_job_finish_and_takes_no_new_one(db: Database, where: Addresses) -> None:
    """F100."""

    async def started() -> bool:
        return "started" in await did(db, "lasts 0")

    async with process("first", where.system) as first:
        await enqueue(db, "lasts")
        await until(started, what="the job starting")
        first.send_signal(signal.SIGTERM)
        await heard(first, "stopping")
        # A look into the queue that was under way may still bring a job: let it come to its end.
        await heart_beats_on(db)
        await enqueue(db, "note", n=1)
        await heart_beats_on(db)
        await enough(db)
        async with asyncio.timeout(10):
            assert await first.wait() == 0
    assert await did(db, "lasts 0") == ["started", "enough", "finished"]
    assert await did(db, "note") == []
    assert [(row.entrypoint, row.status) for row in await rows(db)] == [("note", "queued")]


async def test_an_idle_worker_stops_at_once(db: Database, where: Addresses) -> None:
    async def works() -> bool:
        return await did(db, "tick") != []

    async with process("first", where.system) as first:
        await until(works, what="the worker working")
        first.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await first.wait() == 0


# Every time a worker takes a tick of the schedule: the moment that tick was due, and when the next one is.
WATCH_TICKS = """
    CREATE TABLE ticks (due timestamptz NOT NULL, next timestamptz NOT NULL);
    CREATE FUNCTION watch_ticks() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO ticks VALUES (OLD.next_run, NEW.next_run); RETURN NULL; END $$;
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
        ticks = [(row["due"], row["next"]) for row in await admin.fetch("SELECT due, next FROM ticks")]
    # A worker reckons the next tick a moment before it asks. If a tick comes due within that moment, the next one it
    # reckoned is this very one: the schedule stays where it is, and this tick is taken again.
    moved = [due for due, then in ticks if then > due]
    assert len(set(moved)) == len(moved), f"taken twice: {sorted(ticks)}"
    # A tick that comes while the job of the one before still waits adds none: on a slow machine there are fewer.
    assert len(await did(db, "every_second")) <= len(ticks)


async def test_a_worker_outlives_the_database_going_away(
    server: embedded.Embedded, db: Database, where: Addresses
) -> None:
    async def noted() -> bool:
        # A job whose end was not written down when the database goes away is done again, and rightly so.
        return len(await did(db, "note")) == wanted and await rows(db) == []

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
