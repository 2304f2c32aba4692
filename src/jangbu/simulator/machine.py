"""The processes of the play: web programs and workers, each with its own memory, dying and starting again."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
from pgqueuer.core.buffers import HeartbeatBuffer, JobStatusLogBuffer
from pgqueuer.domain.models import Context

from jangbu.clock import Clock
from jangbu.errors import Refusal
from jangbu.ids import Ids
from jangbu.outbox.sender import Sender
from jangbu.outbox.service import delivery, feed
from jangbu.portone import PortOne, PortOneV1, Transport
from jangbu.queue import Job, Waker
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.simulator.turns import Turns
from jangbu.simulator.wire import Shelf, SimulatedDatabase
from jangbu.wiring import Wired, wire

LIVES_MAX = 100_000
V1_ROOT = "/v1"
PATIENCE_WITHOUT_END_S = 1e9


class SilentWaker(Waker):
    """Wakes nobody: workers look by themselves, and a task on the side would act out of turn."""

    def wake(self) -> None:
        pass


class Process:
    """One life of a program, from its start to its death."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.wired: Wired
        self.surprises: list[str] = []
        """What its jobs raised that no job may raise."""

    def die(self) -> None:
        """Everything in memory is gone; its connections roll back."""
        self.is_alive = False


@dataclass(frozen=True, slots=True)
class Site:
    """What all programs of one play run on, and with what they are wired."""

    seed: int
    settings: Settings
    shelves: tuple[Shelf, Shelf]
    turns: Turns
    clock: Clock
    transport: Transport
    sender: Sender


class Machine:
    """A place where a program runs: as long as somebody restarts it, there is a next life."""

    def __init__(self, number: int, name: str, site: Site) -> None:
        self.name = name
        self._number = number
        self._site = site
        self._lives = 0
        self._is_mourned = False
        self._desk: Desk | None = None
        self.process = self._born()

    @property
    def is_up(self) -> bool:
        return self.process.is_alive

    def died(self) -> bool:
        """Whether its process died since this was last asked."""
        if self.is_up or self._is_mourned:
            return False
        self._is_mourned = True
        return True

    def start(self) -> None:
        """Start the program again, with an empty memory."""
        assert not self.is_up, f"{self.name} runs already"
        self.process = self._born()

    def _born(self) -> Process:
        self._lives += 1
        self._is_mourned = False
        self._desk = None
        process = Process(f"{self.name}.{self._lives}")
        site, settings = self._site, self._site.settings
        ids = Ids(site.clock, (site.seed * 100 + self._number) * LIVES_MAX + self._lives)

        def runtime(shelf: Shelf, role: str) -> Runtime:
            db = SimulatedDatabase(shelf, process, site.turns, name=role)
            return Runtime(settings=settings, db=db, clock=site.clock, ids=ids, waker=SilentWaker(db))

        portone = PortOne(site.transport, api_secret=settings.v2_api_secret, store_id=settings.portone_store_id)
        portone.v1 = _v1(site)
        system, request = site.shelves
        wired = wire(runtime(system, "system"), runtime(request, "request"), portone, site.sender)
        jobs = [_in_one_lane(job, wired) if job.name == feed.DELIVER else job for job in wired.jobs]
        process.wired = replace(wired, jobs=[_observed(job, process) for job in jobs])
        return process

    @property
    def desk(self) -> "Desk":
        """Where the worker takes its jobs from."""
        if self._desk is None:
            self._desk = Desk(self.process, timedelta(seconds=self._site.settings.job_lease_s))
        return self._desk


def _v1(site: Site) -> PortOneV1:
    key, secret = site.settings.v1_credentials
    store_id = site.settings.portone_store_id
    v1 = PortOneV1(site.transport, api_key=key, api_secret=secret, store_id=store_id, root=V1_ROOT)
    # Two who want a token at once would wait for each other outside of the turns that a play gives.
    v1._renewing = nullcontext()  # type: ignore[assignment]  # noqa: SLF001
    return v1


def _in_one_lane(job: Job, wired: Wired) -> Job:
    """Deliveries one after the other, and all of them: side by side, the quicker answer would choose the story."""

    async def deliver(endpoint_id: str) -> None:
        await delivery.deliver(
            UUID(endpoint_id), run=wired.system, sender=wired.sender, lanes=1, patience_s=PATIENCE_WITHOUT_END_S
        )

    return replace(job, handler=deliver)


def _observed(job: Job, process: Process) -> Job:
    """The job, with a note of what it raises beside refusals: the queue would only try it again, and hide it."""

    async def handler(**arguments: Any) -> None:
        try:
            await job.handler(**arguments)
        except Refusal:
            raise
        except Exception as surprise:
            process.surprises.append(f"{job.name}{arguments} raised {surprise!r}")
            raise

    return replace(job, handler=handler)


class Desk:
    """pgqueuer's manager, taken one job at a time: the loop around it is real time and has tests of its own."""

    def __init__(self, process: Process, lease: timedelta) -> None:
        self._process = process
        self._lease = lease
        self.worker = process.wired.worker()
        self._manager = self.worker.manager()
        self._log = JobStatusLogBuffer(max_size=1_000, repository=self._manager.queries)
        self._beats = HeartbeatBuffer(max_size=1_000, timeout=lease, repository=self._manager.queries)

    async def one_job(self) -> str | None:
        """Take one job, run it and say what came of it; the job's name, or None when there is none."""
        jobs = self._manager.fetch_jobs(1, None, self._lease)
        job = await anext(jobs, None)
        await jobs.aclose()
        if job is None:
            return None
        if job.id in self._manager.job_context:
            # Ours already, and paused for longer than its lease: pgqueuer's own loop skips it as well.
            return f"{job.entrypoint} (running here)"
        context = Context(cancellation=anyio.CancelScope(), resources=self._manager.resources)
        self._manager.job_context[job.id] = context
        try:
            await self._manager._dispatch(job, self._log, self._beats, self._lease)  # noqa: SLF001
        finally:
            self._manager.job_context.pop(job.id, None)
        await self._log.flush()
        return str(job.entrypoint)
