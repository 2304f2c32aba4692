"""The real worker in this process: dedupe, retries, parking, ticks.

Jobs leave a trace in a table (tests/queue_program.py); nothing of the queue itself is stood in for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from jangbu import embedded, queue
from jangbu.db import Database, Query
from jangbu.wiring import Addresses
from kit import until
from queue_program import QUICK, worker
from queue_traces import Row, did, enough, enqueue, rows, traced, traces
from superuser import superuser

TAKEN = Query(int, "SELECT count(*) FROM pgqueuer WHERE queue_manager_id IS NOT NULL")


@pytest.fixture
async def db(server: embedded.Embedded, where: Addresses) -> AsyncIterator[Database]:
    async with traced(server, where) as database:
        yield database


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
        return await did(db, "lasts 0") == ["started"]

    async def empty() -> bool:
        return await rows(db) == []

    async with at_work(db):
        await enqueue(db, "lasts", dedupe_key="k")
        await until(started, what="the job starting")
        await enqueue(db, "lasts", dedupe_key="k")
        assert await rows(db) == [Row("lasts", "picked", 0)], "there is the one that runs and no other"
        await enough(db)
        await until(empty, what="the job ending")
    assert await did(db, "lasts 0") == ["started", "enough", "finished"]


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

    async def noted() -> bool:
        return await did(db, "note") == ["1"]

    async def only_the_parked_one() -> bool:
        return [row.entrypoint for row in await rows(db)] == ["fails"]

    async with at_work(db):
        await enqueue(db, "fails")
        await enqueue(db, "note", n=1)
        await until(noted, what="another job flowing past it (F29)")
        await until(parked, what="the job being parked")
        await until(only_the_parked_one, what="the queue hearing of the other's end")
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


async def test_a_schedule_that_is_due_while_its_job_still_waits_queues_no_second_one(db: Database) -> None:
    """F45: after a night without a worker there is one job to do, not one for every minute of it."""
    idle = worker(db, "inside")
    for _ in range(3):
        await idle.queue_scheduled("note")
    await idle.queue_scheduled("every_second")
    assert await rows(db) == [Row("note", "queued", 0), Row("every_second", "queued", 0)]

    async def empty() -> bool:
        return await rows(db) == []

    async with at_work(db) as one:
        await until(empty, what="both jobs running")
        await one.queue_scheduled("note")
        await until(empty, what="the next one running")
    assert await did(db, "note") == ["0", "0"]


async def test_a_job_that_outlasts_the_workers_time_is_left_for_the_next_worker(db: Database) -> None:
    """F100: told to stop, the worker breaks it off after `drain_s`; broken off is not over."""

    async def started() -> bool:
        return await did(db, "hang") == ["started"]

    async def finished() -> bool:
        return await rows(db) == []

    async with at_work(db, "first", drain_s=0.2):
        await enqueue(db, "hang")
        await until(started, what="the job starting")
    assert await rows(db) == [Row("hang", "queued", 0)]
    assert await db.statement(TAKEN) == 0, "a job that is given back is nobody's"
    async with at_work(db, "second"):
        await until(finished, what="the next worker finishing it")
    assert [(trace.worker, trace.what) for trace in await traces(db, "hang")] == [
        ("first", "started"),
        ("second", "started"),
        ("second", "finished"),
    ]


async def test_a_worker_told_to_stop_before_it_started_stops(db: Database) -> None:
    one = worker(db, "inside")
    one.stop()
    async with asyncio.timeout(5):
        await one.run()
