"""A worker as a process of its own, for tests that kill it: the real `jangbu.queue.Worker`; its jobs leave a trace.

Called with its name and the system role's address; says "ready" when it works, and "stopping" once SIGTERM told it to.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from jangbu.db import Database, Query
from jangbu.queue import Backoff, Job, Schedule, Tick, Worker
from superuser import opened

HEARTBEAT_TIMEOUT = timedelta(seconds=1)
QUICK = Backoff(first=timedelta(milliseconds=50), longest=timedelta(milliseconds=200), attempts_max=3)

SCHEMA = """
    CREATE TABLE trace (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        worker text NOT NULL, job text NOT NULL, what text NOT NULL
    );
    GRANT SELECT, INSERT ON trace TO jangbu_system
"""
LEAVE = Query(int, "INSERT INTO trace (worker, job, what) VALUES (:worker, :job, :what) RETURNING 1")
TIMES = Query(int, "SELECT count(*) FROM trace WHERE job = :job AND what = :what")


def worker(db: Database, name: str, *, schedules: tuple[Schedule, ...] = (), drain_s: float = 15) -> Worker:
    """The real worker with jobs that write down what they do."""

    async def leave(job: str, what: str) -> None:
        await db.statement(LEAVE, worker=name, job=job, what=what)

    async def times(job: str, what: str) -> int:
        return await db.statement(TIMES, job=job, what=what) or 0

    async def note(n: int = 0) -> None:
        await leave("note", str(n))

    async def slow(seconds: float) -> None:
        await leave("slow", "started")
        await asyncio.sleep(seconds)
        await leave("slow", "finished")

    async def lasts(n: int = 0) -> None:
        """Ends when the test says so: `queue_traces.enough`."""
        await leave(f"lasts {n}", "started")
        while not await times(f"lasts {n}", "enough"):
            await asyncio.sleep(0.05)
        await leave(f"lasts {n}", "finished")

    async def hang() -> None:
        """Never ends the first time; whoever takes it over finishes it."""
        await leave("hang", "started")
        if await times("hang", "started") == 1:
            await asyncio.Event().wait()
        await leave("hang", "finished")

    async def fails(before_it_works: int = 1_000_000) -> None:
        await leave("fails", "tried")
        if await times("fails", "tried") <= before_it_works:
            raise ValueError("as told")
        await leave("fails", "worked")

    async def every_second() -> None:
        await leave("every_second", "ran")

    async def tick() -> None:
        await leave("tick", "ticked")
        raise ValueError("a tick that fails must not end the worker")

    async def before_job() -> None:
        return None

    handlers = (note, slow, lasts, hang, fails, every_second)
    return Worker(
        db,
        jobs=[Job(handler.__name__, handler, QUICK) for handler in handlers],
        schedules=list(schedules),
        ticks=[Tick(0.2, tick)],
        before_job=before_job,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        drain_s=drain_s,
    )


@asynccontextmanager
async def process(name: str, dsn: str, *, every_second: bool = False) -> AsyncIterator[asyncio.subprocess.Process]:
    """This program, running; killed at the end if it still is."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        name,
        dsn,
        "every_second" if every_second else "",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # Of the code that is tested here, wherever that was taken from: tests/planted has a copy.
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )
    try:
        await heard(started, "ready")
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        # Its output is read to the end, or its pipe is left for the garbage collector to complain about.
        await started.communicate()


async def heard(program: asyncio.subprocess.Process, word: str) -> None:
    """Return once the program has said it."""
    assert program.stdout is not None
    async with asyncio.timeout(30):
        while (line := await program.stdout.readline()) != f"{word}\n".encode():
            assert line, f"the worker ended before it said {word!r}"


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(name: str, dsn: str, schedule: str) -> None:
    async with opened(dsn, size_max=6) as db:
        working = worker(db, name, schedules=(Schedule("* * * * * *", "every_second"),) if schedule else ())

        def stop() -> None:
            working.stop()
            say("stopping")

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        say("ready")
        await working.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
