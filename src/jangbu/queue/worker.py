"""The worker: runs what the queue holds."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import msgspec
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule as DueSchedule

from jangbu.connecting import CONNECTION_GONE
from jangbu.db import Database
from jangbu.failpoints import Crash, failpoint
from jangbu.queue.kinds import Job, Schedule, Tick
from jangbu.queue.manager import OurManager, OurQueries
from jangbu.queue.waiting import enqueue

log = structlog.get_logger()


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
        manager = OurManager(OurQueries(AsyncpgPoolDriver(self._db.pool)))
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
