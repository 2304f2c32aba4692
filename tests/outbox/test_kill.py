"""Real workers killed as `kill -9` would, with a real receiver at the other end: every event arrives (F28 likewise)."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import Response

from cli.tools import Jangbu, answering, serving
from jangbu.clock import SystemClock
from jangbu.db import Database
from jangbu.ids import Ids
from jangbu.outbox import feed_store
from jangbu.outbox.egress import policy_of
from jangbu.outbox.sender import HttpSender
from jangbu.outbox.service import delivery, endpoints, feed
from jangbu.queue import Waker
from jangbu.runtime import SET_CLOCK_OFFSET, Runtime
from jangbu.settings import Settings
from jangbu.wiring import Addresses
from kit import TESTER, until
from nursery import Life, Nursery

pytestmark = pytest.mark.kill

FAILPOINTS = (
    "outbox.advance.before_commit",
    "outbox.advance.committed",
    "outbox.deliver.claimed",
    "outbox.deliver.answered",
    "outbox.deliver.recorded",
)


@pytest.fixture
def jangbu(tmp_path_factory: pytest.TempPathFactory, where: Addresses, programs: Nursery) -> Jangbu:
    return Jangbu(
        tmp_path_factory.mktemp("shop"),
        programs,
        {
            "DATABASE_URL": where.system,
            "JANGBU_DATABASE_URL_REQUEST": where.request,
            "BETTER_AUTH_SECRET": "a secret for a test that lasts a minute",
            "JANGBU_JOB_LEASE_S": "2",
        },
    )


@pytest.fixture
async def run(where: Addresses, settings: Settings) -> AsyncIterator[Runtime]:
    db = await Database(where.system, name="test").open()
    clock = SystemClock()
    yield Runtime(settings, db, clock, Ids(clock), Waker(db))
    await db.close()


@asynccontextmanager
async def worker(jangbu: Jangbu, **environment: str) -> AsyncIterator[Life]:
    program = await jangbu.programs.start(
        ("-m", "jangbu.cli", "worker"),
        jangbu.all_variables() | environment,
        jangbu.folder / "worker.log",
        folder=jangbu.folder,
    )
    try:
        yield program
    finally:
        program.signal(signal.SIGTERM)
        await asyncio.wait_for(program.ended, 30)


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_a_killed_worker_loses_no_event(jangbu: Jangbu, run: Runtime, name: str) -> None:
    got: list[str] = []

    async def receive(request: Request) -> Response:
        got.append(request.headers["webhook-id"])
        return Response(status_code=204)

    async with serving(answering(receive)) as url:
        async with HttpSender(policy_of("", mode="sandbox")) as sender:
            await endpoints.create(url, types=[], actor=TESTER, run=run, sender=sender)
        wanted = {str(await feed.trigger("payment.paid", run=run)) for _ in range(3)}
        async with worker(jangbu, JANGBU_FAILPOINT=name) as doomed:
            assert await asyncio.wait_for(doomed.ended, 30) == -9
        # Business time is what leases of deliveries are made of; it only ever moves forward.
        await run.db.statement(SET_CLOCK_OFFSET, offset_s=int(delivery.LEASE.total_seconds()) + 1)
        async with worker(jangbu):

            async def all_there() -> bool:
                return set(got) == wanted

            await until(all_there, seconds=40, what="every event's arrival")

            async def all_recorded() -> bool:
                run.clock.set_offset(10_000)  # type: ignore[attr-defined]
                async with run.db.transaction() as tx:
                    return await feed_store.astray(tx, before=run.clock.now()) == []

            await until(all_recorded, seconds=20, what="every arrival's record")
