"""The workers of a play: what they do by the second and by the minute, one job after the other."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from jangbu.checks.service import run_checks
from jangbu.connecting import CONNECTION_GONE
from jangbu.db import TOO_BUSY
from jangbu.errors import Unavailable
from jangbu.simulator.machine import Machine
from jangbu.simulator.script import May, Scene
from jangbu.simulator.turns import here

CHECKING = 0.1
JOBS_IN_A_ROW = (1, 2, 5, 8)


class Crew:
    """All workers. They share nothing but the database."""

    def __init__(self, scene: Scene, workers: Sequence[Machine]) -> None:
        self._chance = scene.chance
        self._workers = workers
        self._say = scene.notes.say
        self._sometimes = scene.notes.sometimes
        self._problem = scene.notes.problem
        self.idle_looks = 0
        """How often a worker looked for a job and found none."""

    def choices(self, may: May) -> None:
        """What may happen now."""
        for worker in self._workers:
            if worker.is_up:
                may(f"{worker.name}: job", 16, partial(self.jobs, worker))
                may(f"{worker.name}: second", 7, partial(self.second, worker))
                may(f"{worker.name}: minute", 6, partial(self.minute, worker))

    async def job(self, worker: Machine) -> None:
        """Take one job and run it."""
        await self._as(worker, self._one_job)

    async def jobs(self, worker: Machine) -> None:
        """Take a few jobs, one after the other."""

        async def takes(machine: Machine) -> None:
            for _ in range(self._chance.choice(JOBS_IN_A_ROW)):
                looks = self.idle_looks
                await self._one_job(machine)
                if looks != self.idle_looks:
                    return

        await self._as(worker, takes)

    async def second(self, worker: Machine) -> None:
        """What comes with every second, and what it wakes."""
        await self.tick(worker)
        if worker.is_up:
            await self.jobs(worker)

    async def minute(self, worker: Machine) -> None:
        """What comes with every minute, and what there is to do then."""
        await self.schedule(worker)
        if worker.is_up:
            await self.jobs(worker)

    async def some_minute(self) -> None:
        """The same at whichever worker is up."""
        if up := [one for one in self._workers if one.is_up]:
            await self.minute(self._chance.choice(up))

    async def _one_job(self, machine: Machine) -> None:
        name = await machine.desk.one_job()
        self.idle_looks += name is None
        self._say(f"{machine.name}: {name or 'no job'}")

    async def tick(self, worker: Machine) -> None:
        """What every worker does each second."""

        async def ticks(machine: Machine) -> None:
            for one in machine.process.wired.ticks:
                await one.act()

        await self._as(worker, ticks)

    async def schedule(self, worker: Machine) -> None:
        """What every worker queues each minute, once however many do."""

        # The checks read everything there is: now and then is often enough, and once at the end (Play._settle).
        is_checking = self._chance.random() < CHECKING

        async def queues(machine: Machine) -> None:
            for one in machine.process.wired.schedules:
                if is_checking or not one.job.startswith("checks."):
                    await machine.desk.worker.queue_scheduled(one.job)

        await self._as(worker, queues)

    async def ask_checks(self, worker: Machine) -> None:
        """What the house asks of itself each night: nothing may be broken."""

        async def asks(machine: Machine) -> None:
            wired = machine.process.wired
            # Who keeps the clock of the schedules is real time, and not played.
            checks = [one for one in wired.checks if one.id != "I24"]
            for result in await run_checks(checks, run=wired.system, full=True):
                if not result.holds:
                    self._problem(f"{result.check.id} ({result.check.en}): {result.problem or result.found}")

        await self._as(worker, asks)

    async def _as(self, worker: Machine, work: Callable[[Machine], Coroutine[Any, Any, None]]) -> None:
        fiber = here()
        assert fiber is not None
        process = worker.process
        try:
            with fiber.inside(process, called=False):
                await work(worker)
        except (Unavailable, *CONNECTION_GONE, *TOO_BUSY) as gone:
            # The loop around it tries again (queue.Worker).
            self._sometimes("the queue lost its database")
            self._say(f"{worker.name}: {type(gone).__name__}")
        while process.surprises:
            self._problem(process.surprises.pop())
