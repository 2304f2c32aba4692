"""Jobs: queued in your transaction, run by any worker, retried with backoff, taken over when a worker dies.

pgqueuer does the work (ADR 0006). A job takes ids, never objects; running it twice is running it once. The queue's own
time (leases, backoff) is database time and only ever holds run-now jobs: business due dates are `due_at` columns in our
tables that a schedule looks at with the injected clock (design §4.7).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.buffers import JobStatusLogBuffer
from pgqueuer.core.executors import AbstractEntrypointExecutor, DatabaseRetryEntrypointExecutor
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule as DueSchedule
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JOB_STATUS

from jangbu.connecting import CONNECTION_GONE
from jangbu.db import Database, Query, Tx
from jangbu.failpoints import Crash, failpoint

log = structlog.get_logger()

Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again: after `first`, then twice as long each time, at most `longest`; `attempts_max` in all."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    attempts_max: int = 8


@dataclass(frozen=True, slots=True)
class Job:
    """A named handler. Its keyword arguments are the JSON values that `enqueue` was given."""

    name: str
    handler: Handler
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job queued by the wall clock (`cron`, UTC), once per tick however many workers there are."""

    cron: str
    job: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Something every worker does each `every_s` seconds, guarded by a lock of its own: the sealer."""

    every_s: float
    act: Callable[[], Awaitable[None]]


ENQUEUE_SQL = """INSERT INTO pgqueuer (priority, entrypoint, payload, status, dedupe_key)"""
"""For one-statement hot paths, which complete it with a SELECT of (0, job, payload, 'queued', dedupe key)."""

ENQUEUED_ONCE_SQL = """
    ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL DO NOTHING"""

ENQUEUE = Query(
    type(None),
    f"""
    {ENQUEUE_SQL} VALUES (0, :job, :payload, 'queued', :dedupe_key)
    {ENQUEUED_ONCE_SQL}
    """,
)

ENQUEUE_BEHIND = Query(
    type(None),
    f"""
    WITH held AS (SELECT dedupe_key, status FROM pgqueuer
                   WHERE dedupe_key = ANY(:keys::text[]) AND status IN ('queued', 'picked'))
    INSERT INTO pgqueuer (priority, entrypoint, payload, status, dedupe_key, execute_after)
    SELECT 0, :job, :payload, 'queued', key, now() + :pause::interval FROM unnest(:keys) WITH ORDINALITY o (key, n)
     WHERE NOT EXISTS (SELECT FROM held WHERE status = 'queued') AND key NOT IN (SELECT dedupe_key FROM held)
     ORDER BY n LIMIT 1 {ENQUEUED_ONCE_SQL}
    """,
)
GIVE_BACK = Query(
    type(None),
    """
    UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL, execute_after = now(), updated = now()
     WHERE id = ANY(:ids::bigint[]) AND status = 'picked'
    """,
)


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that failed for good and waits for a person."""

    id: int
    entrypoint: str
    attempts: int
    payload: bytes | None


HELD = Query(HeldJob, "SELECT id, entrypoint, attempts, payload FROM pgqueuer WHERE status = 'failed' ORDER BY id")
LET_GO = Query(type(None), "DELETE FROM pgqueuer WHERE status = 'failed' AND dedupe_key = ANY(:keys::text[])")
OPEN_COUNT = Query(int, "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')")


def payload(**arguments: Any) -> bytes:
    """A job's arguments as it travels."""
    return msgspec.json.encode(arguments)


def arguments_of(job: HeldJob) -> dict[str, Any]:
    """What a held job was given."""
    arguments: dict[str, Any] = msgspec.json.decode(job.payload or b"{}")
    return arguments


async def enqueue(tx: Tx, job: str, *, dedupe_key: str | None = None, **arguments: Any) -> bool:
    """Queue a job with your transaction. With a `dedupe_key`, not (False) while the same key waits or runs."""
    return await tx.run(ENQUEUE, job=job, payload=payload(**arguments), dedupe_key=dedupe_key) > 0


async def enqueue_behind(tx: Tx, job: str, *, dedupe_key: str, pause: timedelta, **arguments: Any) -> bool:
    """Queue a job to begin after `pause`, unless one under the key waits to begin. One that runs does not count: it may
    have looked before what you know of. The caller holds a lock that nobody else under this key passes.
    """
    keys = lanes(dedupe_key)
    return await tx.run(ENQUEUE_BEHIND, job=job, payload=payload(**arguments), keys=keys, pause=pause) > 0


def lanes(dedupe_key: str) -> list[str]:
    """The keys under which jobs of `enqueue_behind` stand: more of one thing do not run at once."""
    return [dedupe_key, f"{dedupe_key}#2", f"{dedupe_key}#3", f"{dedupe_key}#4"]


async def let_go(tx: Tx, *dedupe_keys: str) -> int:
    """Forget the held jobs under these keys: what they were to do was done after all. How many there were."""
    return await tx.run(LET_GO, keys=list(dedupe_keys))


async def held(tx: Tx) -> list[HeldJob]:
    """Jobs that gave up: parked, shown, never lost."""
    return await tx.all(HELD)


async def open_count(tx: Tx) -> int:
    """How many jobs wait or run."""
    return await tx.one(OPEN_COUNT)


class Waker:
    """Tells workers there is work, at most once per `quiet_s` and never inside a transaction of ours.

    NOTIFY takes a database-wide lock at commit, so it is coalesced and sent on its own. Losing one costs a worker's
    polling second, nothing more.
    """

    CHANNEL = "ch_pgqueuer"
    NOTIFY = Query(
        type(None),
        f"""
        SELECT pg_notify('{CHANNEL}', json_build_object('channel', '{CHANNEL}', 'operation', 'insert',
               'sent_at', now(), 'table', 'pgqueuer', 'type', 'table_changed_event')::text)
        """,
    )

    def __init__(self, db: Database, *, quiet_s: float = 0.05) -> None:
        self._db = db
        self._quiet_s = quiet_s
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Call after committing a job."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._notify())

    async def _notify(self) -> None:
        await asyncio.sleep(self._quiet_s)
        try:
            await self._db.statement(self.NOTIFY)
        except Exception as problem:  # noqa: BLE001 (workers poll anyway)
            log.debug("workers were not woken", problem=str(problem))


class _RetryNotNoted(Exception):  # noqa: N818 (it never leaves this module)
    """That a job is to be tried again could not be written down."""


class _Queries(Queries):
    async def log_jobs(self, job_status: list[tuple[QueuedJob, JOB_STATUS, TracebackRecord | None]]) -> None:
        """Write down how jobs ended; one that we broke off has not ended.

        pgqueuer takes a cancelled task for a cancelled job, and would remove it from the queue.
        """
        broken_off = [job.id for job, status, _ in job_status if status == "canceled"]
        if broken_off:
            log.warning("jobs were broken off and wait for the next worker", ids=broken_off)
            await self.driver.execute(GIVE_BACK.sql, broken_off)
        ended = [one for one in job_status if one[1] != "canceled"]
        if ended:
            await super().log_jobs(ended)

    async def retry_job(self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        try:
            await super().retry_job(job, delay, traceback_record)
        except Exception as problem:
            raise _RetryNotNoted from problem


class _Manager(QueueManager):
    """pgqueuer's manager, which parks a job whose retry it could not write down; we let it be taken over instead.

    That write fails when the database goes away for a moment, which is when many jobs fail at once: each would be
    parked at its first try. Left as it is, its heartbeat stops, and the next worker that looks takes it over.
    """

    async def log_failure(
        self, job: QueuedJob, executor: AbstractEntrypointExecutor, exc: Exception, jbuff: JobStatusLogBuffer
    ) -> None:
        if isinstance(exc, _RetryNotNoted):
            log.warning("a retry could not be noted; the job will be taken over", job=job.entrypoint, id=job.id)
            return
        await super().log_failure(job, executor, exc, jbuff)


class Worker:
    """Runs jobs, schedules and ticks until told to stop; survives the database going away and coming back.

    Told to stop, it gives running jobs `drain_s` seconds and hands the others back: the next worker does them again.
    """

    def __init__(
        self,
        db: Database,
        *,
        jobs: list[Job],
        schedules: list[Schedule],
        ticks: list[Tick],
        before_job: Callable[[], Awaitable[None]],
        heartbeat_timeout: timedelta = timedelta(seconds=30),
        drain_s: float = 15,
        observe: Callable[[str, str, float], None] | None = None,
    ) -> None:
        """`observe` hears of every job that ran: name, `done`, `failed` or `broken_off`, and the seconds it took."""
        self._db = db
        self._drain_s = drain_s
        self._observe = observe
        self._jobs = {job.name: job for job in jobs}
        assert len(self._jobs) == len(jobs), "two jobs share a name"
        assert all(schedule.job in self._jobs for schedule in schedules), "a schedule names an unknown job"
        self._schedules = schedules
        self._ticks = ticks
        self._before_job = before_job
        self._heartbeat_timeout = heartbeat_timeout
        self._stopping = asyncio.Event()
        self._running: list[asyncio.Event] = []

    def stop(self) -> None:
        """Take no new job, finish those that run, and return from `run`."""
        self._stopping.set()
        for shutdown in self._running:
            shutdown.set()

    async def run(self) -> None:
        """Work until `stop`, and then for `drain_s` at most."""
        working = asyncio.create_task(self._work())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({working}, timeout=self._drain_s)
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.wait({working})
        if not working.cancelled():
            working.result()

    async def _work(self) -> None:
        await asyncio.gather(self._keep(self._run_queue), *(self._tick(tick) for tick in self._ticks))

    async def _keep(self, part: Callable[[], Awaitable[None]]) -> None:
        pause_s = 0.2
        while not self._stopping.is_set():
            try:
                await part()
                pause_s = 0.2
            except Exception as problem:  # noqa: BLE001 (the worker outlives whatever the queue meets)
                log.warning("the queue stopped and starts again", problem=repr(problem), in_s=pause_s)
                await self._rest(pause_s)
                pause_s = min(pause_s * 2, 10)

    def manager(self) -> QueueManager:
        """pgqueuer's manager with every job entered: `run` lets it loop, the simulator hands it one job at a time."""
        manager = _Manager(_Queries(AsyncpgPoolDriver(self._db.pool)))
        for job in self._jobs.values():
            manager.entrypoint(
                job.name,
                accepts_context=False,
                on_failure="hold",
                executor_factory=partial(
                    DatabaseRetryEntrypointExecutor,
                    # pgqueuer counts the tries after the first.
                    max_attempts=job.backoff.attempts_max - 1,
                    initial_delay=job.backoff.first,
                    max_delay=job.backoff.longest,
                ),
            )(partial(self._execute, job))
        return manager

    async def _run_queue(self) -> None:
        manager = self.manager()
        scheduler = SchedulerManager(manager.queries)
        for schedule in self._schedules:
            scheduler.schedule(schedule.job, schedule.cron, accepts_context=False)(self._queue_scheduled)
        self._running = [manager.shutdown, scheduler.shutdown]
        if self._stopping.is_set():
            return
        halves = [
            asyncio.create_task(
                manager.run(
                    dequeue_timeout=timedelta(seconds=1),
                    batch_size=20,
                    max_concurrent_tasks=100,
                    heartbeat_timeout=self._heartbeat_timeout,
                )
            ),
            asyncio.create_task(scheduler.run()),
        ]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            # Their time to finish is over; what still runs is given back.
            for half in halves:
                half.cancel()
            raise
        finally:
            for shutdown in self._running:
                shutdown.set()
            problems = [
                one for one in await asyncio.gather(*halves, return_exceptions=True) if isinstance(one, Exception)
            ]
        if problems:
            raise problems[0]

    async def _execute(self, job: Job, queued: QueuedJob) -> None:
        await self._before_job()
        failpoint("queue.job.started")
        arguments = msgspec.json.decode(queued.payload or b"{}")
        loop = asyncio.get_running_loop()
        started, outcome = loop.time(), "failed"
        try:
            await job.handler(**arguments)
            outcome = "done"
        except asyncio.CancelledError:
            outcome = "broken_off"
            raise
        except Crash:
            raise
        except CONNECTION_GONE as gone:
            log.info("job will be tried again: the database went away", job=job.name, problem=repr(gone))
            raise
        finally:
            if self._observe is not None:
                self._observe(job.name, outcome, loop.time() - started)
        failpoint("queue.job.handled")

    async def _queue_scheduled(self, due: DueSchedule) -> None:
        await self.queue_scheduled(str(due.entrypoint))

    async def queue_scheduled(self, job: str) -> None:
        """What a schedule does when it is due: queue the job, which runs, retries and shows like any other."""
        async with self._db.transaction() as tx:
            await enqueue(tx, job, dedupe_key=f"schedule:{job}")

    async def _tick(self, tick: Tick) -> None:
        while not self._stopping.is_set():
            try:
                await tick.act()
            except Exception as problem:  # noqa: BLE001 (the next tick tries again)
                log.warning("a tick failed and will be tried again", problem=repr(problem))
            await self._rest(tick.every_s)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
        except TimeoutError:
            return
