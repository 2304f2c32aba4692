"""The real worker: retries, parks, takes over from the killed, keeps schedules once, outlives the database's absence.

Jobs leave a trace in a table (tests/queue_program.py); nothing of the queue itself is stood in for.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import asyncpg
import pytest

from jangbu import embedded, queue
from jangbu.db import Database, DatabaseAway, Query
from jangbu.queue import Waker
from jangbu.wiring import Addresses
from kit import until
from queue_program import HEARTBEAT_TIMEOUT, QUICK, SCHEMA, process, worker
from superuser import cut_off, database_of, opened, superuser


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


@pytest.fixture
async def db(server: embedded.Embedded, where: Addresses) -> AsyncIterator[Database]:
    """A database with a place for traces."""
    async with superuser(server, where) as admin:
        await admin.execute(SCHEMA)
    async with opened(where.system, size_max=8) as database:
        yield database


async def traces(db: Database, job: str) -> list[Trace]:
    async with db.transaction() as tx:
        return await tx.all(TRACE, job=job)


async def did(db: Database, job: str) -> list[str]:
    return [trace.what for trace in await traces(db, job)]


async def rows(db: Database) -> list[Row]:
    async with db.transaction() as tx:
        return await tx.all(ROWS)


async def enqueue(db: Database, job: str, *, dedupe_key: str | None = None, **arguments: object) -> None:
    async with db.transaction() as tx:
        await queue.enqueue(tx, job, dedupe_key=dedupe_key, **arguments)
    Waker(db, quiet_s=0).wake()


@asynccontextmanager
async def at_work(db: Database, name: str = "inside", **more: object) -> AsyncIterator[queue.Worker]:
    """A worker in this process, stopped at the end as SIGTERM would."""
    one = worker(db, name, **more)  # type: ignore[arg-type]
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        one.stop()
        async with asyncio.timeout(20):
            await running


async def test_a_job_queued_in_a_rolled_back_transaction_never_was(db: Database) -> None:
    async def half_way() -> None:
        async with db.transaction() as tx:
            await queue.enqueue(tx, "note", n=1)
            raise KeyError

    with pytest.raises(KeyError):
        await half_way()
    assert await rows(db) == []


async def test_one_key_is_one_job_while_it_waits_or_runs_and_a_new_one_after(db: Database) -> None:
    for _ in range(3):
        await enqueue(db, "note", dedupe_key="k", n=1)
    await asyncio.gather(*(enqueue(db, "note", dedupe_key="k", n=1) for _ in range(20)))
    await enqueue(db, "note", dedupe_key="other", n=2)
    assert len(await rows(db)) == 2

    async def empty() -> bool:
        return await rows(db) == []

    async with at_work(db):
        await until(empty, what="both jobs running")
        await enqueue(db, "note", dedupe_key="k", n=3)
        await until(empty, what="the third job running")
    assert sorted(await did(db, "note")) == ["1", "2", "3"]


async def test_a_key_is_taken_while_its_job_runs(db: Database) -> None:
    async def started() -> bool:
        return await did(db, "slow") == ["started"]

    async with at_work(db):
        await enqueue(db, "slow", dedupe_key="k", seconds=0.5)
        await until(started, what="the job starting")
        await enqueue(db, "slow", dedupe_key="k", seconds=0)
    assert await did(db, "slow") == ["started", "finished"]
    assert await rows(db) == []


async def test_two_transactions_with_one_key_do_not_fail_each_other(db: Database) -> None:
    async with db.transaction() as one:
        await queue.enqueue(one, "note", dedupe_key="k", n=1)
        second = asyncio.create_task(enqueue(db, "note", dedupe_key="k", n=2))
        await asyncio.sleep(0.1)
        assert not second.done(), "the second waits to see what becomes of the first"
    await second
    assert len(await rows(db)) == 1


async def test_a_failing_job_is_tried_again_and_then_held_for_a_person(db: Database) -> None:
    async def parked() -> bool:
        async with db.transaction() as tx:
            return len(await queue.held(tx)) == 1

    async with at_work(db):
        await enqueue(db, "fails")
        await enqueue(db, "note", n=1)
        await until(parked, what="the job being parked")
    assert await did(db, "note") == ["1"], "others flow past it (F29)"
    assert len(await did(db, "fails")) == QUICK.attempts_max
    (row,) = await rows(db)
    assert (row.entrypoint, row.status) == ("fails", "failed")
    async with db.transaction() as tx:
        (held,) = await queue.held(tx)
        assert (held.entrypoint, held.payload) == ("fails", b"{}")
        assert await queue.open_count(tx) == 0


async def test_the_pauses_between_tries_grow(db: Database) -> None:
    async def parked() -> bool:
        async with db.transaction() as tx:
            return len(await queue.held(tx)) == 1

    async with at_work(db):
        await enqueue(db, "fails")
        await until(parked, what="the job being parked")
    at = [trace.at for trace in await traces(db, "fails")]
    pauses = [after - before for before, after in pairwise(at)]
    assert pauses[0] >= QUICK.first
    assert pauses[1] >= 2 * QUICK.first


async def test_a_job_that_works_the_third_time_is_done_and_gone(db: Database) -> None:
    async def empty() -> bool:
        return await rows(db) == []

    async with at_work(db):
        await enqueue(db, "fails", before_it_works=2)
        await until(empty, what="the job working")
    assert await did(db, "fails") == ["tried", "tried", "tried", "worked"]


# Writing "try this one again later" fails the first time, as it does when the database goes away at that very moment.
BLIP = """
    CREATE SEQUENCE blips;
    GRANT USAGE ON SEQUENCE blips TO jangbu_system;
    CREATE FUNCTION blip() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('blips') = 1 THEN
            RAISE EXCEPTION 'terminating connection due to administrator command' USING ERRCODE = 'admin_shutdown';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER blip BEFORE UPDATE ON pgqueuer FOR EACH ROW
        WHEN (OLD.status = 'picked' AND NEW.status = 'queued') EXECUTE FUNCTION blip()
"""


async def test_a_job_whose_failure_could_not_be_noted_is_not_given_up(
    server: embedded.Embedded, db: Database, where: Addresses
) -> None:
    """It failed once and has tries left; that this could not be written down must not park it for good."""

    async def worked() -> bool:
        return await did(db, "fails") == ["tried", "tried", "worked"] and await rows(db) == []

    async with superuser(server, where) as admin:
        await admin.execute(BLIP)
    async with at_work(db):
        await enqueue(db, "fails", before_it_works=1)
        await until(worked, what="the job being taken up again")


async def test_a_held_job_does_not_stand_in_the_way_of_a_new_one_with_its_key(db: Database) -> None:
    async def parked() -> bool:
        async with db.transaction() as tx:
            return len(await queue.held(tx)) == 1

    async with at_work(db):
        await enqueue(db, "fails", dedupe_key="k")
        await until(parked, what="the job being parked")
        await enqueue(db, "note", dedupe_key="k", n=1)

        async def noted() -> bool:
            return await did(db, "note") == ["1"]

        await until(noted, what="the new job running")


async def test_a_tick_that_fails_ticks_again(db: Database) -> None:
    async def thrice() -> bool:
        return len(await did(db, "tick")) >= 3

    async with at_work(db):
        await until(thrice, what="the third tick")


async def test_a_worker_told_to_stop_before_it_started_stops(db: Database) -> None:
    one = worker(db, "inside")
    one.stop()
    async with asyncio.timeout(5):
        await one.run()


@pytest.mark.kill
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


@pytest.mark.kill
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


@pytest.mark.kill
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


@pytest.mark.kill
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


@pytest.mark.kill
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
    # One job a tick; the last may still have waited when the workers were stopped.
    assert len(ticks) - 1 <= len(await did(db, "every_second")) <= len(ticks)


@pytest.mark.kill
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


@pytest.mark.kill
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
