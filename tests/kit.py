"""What tests share: the house on a PortOne in process, and ways to drive it."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import asyncpg
import httpx

from jangbu import embedded
from jangbu.audit import Actor
from jangbu.db import Database, Query
from jangbu.errors import Refusal
from jangbu.failpoints import Crash
from jangbu.ids import Ids
from jangbu.inbox.service import receive
from jangbu.ledger.service import Proof, balances, seal, verify
from jangbu.mode_guard import Mode
from jangbu.outbox.sender import Sender
from jangbu.runtime import Runtime
from jangbu.sandbox.testing import Sandbox
from jangbu.settings import Settings, load
from jangbu.wiring import EXPECTATIONS, Addresses, Wired, build

TEMPLATE = "jangbu_template"
TESTER = Actor("test")

_made = 0


@asynccontextmanager
async def fresh_database(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """A migrated database nobody else uses, dropped afterwards."""
    global _made
    _made += 1
    name = f"test_{_made}"
    await embedded.create_database(server, name, template=TEMPLATE)
    where = Addresses(*(server.dsn(role, name) for role in ("owner", "system", "request")))
    await settle_in(where)
    yield where
    await embedded.drop_database(server, name)


async def settle_in(where: Addresses) -> None:
    """Let a copy of the template be a database of its own, which even live mode works in."""
    owner = await asyncpg.connect(where.owner)
    await owner.execute("UPDATE installation SET place = database_place()")
    await owner.close()


@dataclass(frozen=True)
class House:
    """The whole house on a PortOne in process, both on one clock that stands still until it is moved."""

    wired: Wired
    portone: Sandbox
    door: "Door"

    @property
    def run(self) -> Runtime:
        return self.wired.system

    async def work(self) -> int:
        """Run every queued job, in order, until none is left; how many. What a job raises is raised here.

        A job is removed after it ran, as a real worker does: one that crashed is there for the next worker.
        """
        jobs = {job.name: job for job in self.wired.jobs}
        done = 0
        while (queued := await self.run.db.statement(NEXT_JOB)) is not None:
            await jobs[queued.name].handler(**queued.arguments)
            await self.run.db.statement(JOB_DONE, id=queued.id)
            done += 1
        return done

    async def hear(self, *, with_retries: bool = False) -> None:
        """Let PortOne deliver what is due. If we died while listening, so does whoever called this."""
        await self.portone.settle_webhooks(with_retries=with_retries)
        if self.door.died is not None:
            died, self.door.died = self.door.died, None
            raise died

    async def move(self, by: timedelta) -> None:
        """Let time pass for PortOne and for us, sweep, and work off what came of it."""
        await self.portone.move(by)
        await jobs_named(self.wired, "payments.sweep")()
        await self.work()


@dataclass(frozen=True)
class QueuedJob:
    """One job as it waits."""

    id: int
    name: str
    arguments: dict[str, Any]


# A test drives jobs one by one in order; the real worker has tests of its own (tests/test_queue.py).
NEXT_JOB = Query(
    QueuedJob,
    """
    SELECT id, entrypoint AS name, convert_from(payload, 'UTF8')::jsonb AS arguments FROM pgqueuer
     WHERE status = 'queued' ORDER BY id LIMIT 1
    """,
)
JOB_DONE = Query(int, "DELETE FROM pgqueuer WHERE id = :id RETURNING id")


def jobs_named(wired: Wired, name: str) -> Callable[[], Awaitable[None]]:
    """The handler of one job."""
    return next(job.handler for job in wired.jobs if job.name == name)


class Door:
    """Where PortOne's webhooks arrive: our inbox while we are up, a refused connection while we are not."""

    def __init__(self) -> None:
        self.run: Runtime | None = None
        self.died: Crash | None = None

    async def __call__(self, url: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.run is None or self.died is not None:
            raise ConnectionRefusedError(url)
        try:
            await receive(headers, body, run=self.run)
        except Crash as crash:
            # PortOne only sees a line that dropped; the death is ours.
            self.died = crash
            raise ConnectionResetError(url) from None
        except Refusal as refusal:
            return refusal.http_status, {}, b""
        return 200, {}, b"{}"


@asynccontextmanager
async def house_at(
    where: Addresses,
    settings: Settings,
    *,
    seed: int = 0,
    after: House | None = None,
    sender: Sender | None = None,
) -> AsyncIterator[House]:
    """A house on `where`, wired to a fresh PortOne whose webhooks come straight to the inbox.

    `sender` takes the events that go out; without one they go over HTTP.

    `after` a crash, give the house that died: the world outside, its PortOne, does not restart with us.
    """
    door = after.door if after else Door()
    portone = after.portone if after else Sandbox(seed=seed, deliver=door)
    ids = Ids(portone.clock, seed)
    async with build(
        settings, where, clock=portone.clock, ids=ids, transport=portone.transport, sender=sender
    ) as wired:
        door.run, door.died = wired.system, None
        yield House(wired, portone, door)
        door.run = None


async def settle(house: House) -> None:
    """Let everything that is on its way arrive: webhooks with their retries, jobs, an hour of sweeps."""
    await house.hear(with_retries=True)
    await house.work()
    for _ in range(4):
        await house.move(timedelta(minutes=16))


@dataclass(frozen=True)
class Books:
    """The ledger as it stands."""

    proof: Proof
    balances: dict[str, int]
    events: list[str]


EVENT_TYPES = Query(str, "SELECT type FROM events ORDER BY xid, id")


async def books(house: House) -> Books:
    """Seal, prove, and add up."""
    return await books_of(house.run)


async def books_of(run: Runtime) -> Books:
    """The same, for a house whose programs run elsewhere."""
    await seal(db=run.db)
    proof = await verify(db=run.db, at=run.clock.now(), expectations=EXPECTATIONS)
    async with run.db.transaction() as tx:
        events = await tx.all(EVENT_TYPES)
    sums = {line.path: line.balance_minor for line in await balances(db=run.db)}
    return Books(proof, sums, events)


REAL = {
    "PORTONE_V2_API_SECRET": "real",
    "PORTONE_WEBHOOK_SECRET": "whsec_cmVhbC1zZWNyZXQtcmVhbC1zZWNyZXQtcmVhbC0zMg==",
    "PORTONE_STORE_ID": "store-real",
    "JANGBU_SECRETS_KEYS": "k1:" + base64.b64encode(bytes(range(32))).decode(),
}
"""What test and live mode want to see; nobody is called with it."""


def settings_in(mode: Mode, **more: Any) -> Settings:
    """Settings of a program in `mode`, from nowhere but here."""
    return load(_env_file=None, JANGBU_MODE=mode, **({} if mode == "sandbox" else REAL), **more)


PORTS = range(20_000, 30_000)
"""Below those that a system gives to whoever connects or asks for any: one could be given away before it is used."""

_ports = count(os.getpid() * 101)


def free_port() -> int:
    """A port nobody listens on just now, far from those that other processes of this test run look at."""
    for number in _ports:
        port = PORTS[number % len(PORTS)]
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("the count has no end")


def with_settings(wired: Wired, **changed: Any) -> Wired:
    """The same house under other settings."""
    settings = wired.settings.model_copy(update=changed)
    runs = {name: replace(getattr(wired, name), settings=settings) for name in ("system", "webhooks", "request")}
    return replace(wired, settings=settings, **runs)


@asynccontextmanager
async def statements_of(db: Database) -> AsyncIterator[list[str]]:
    """What PostgreSQL is asked meanwhile through the connections that are open."""
    told: list[str] = []

    def log(one: asyncpg.connection.LoggedQuery) -> None:
        told.append(one.query)

    held = [await db.pool.acquire() for _ in range(db.pool.get_size())]
    for connection in held:
        connection.add_query_logger(log)
        await db.pool.release(connection)
    yield told
    for connection in [await db.pool.acquire() for _ in range(db.pool.get_size())]:
        connection.remove_query_logger(log)
        await db.pool.release(connection)


async def patiently(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer that is one: whoever is told that there is no database connection for them just now asks again."""
    async with asyncio.timeout(60):
        while "DATABASE_UNAVAILABLE" in (answer := await ask()).text:
            await asyncio.sleep(0.05)
    return answer


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 20, what: str = "it") -> None:
    """Wait for a condition, looking often; fails loudly when it does not come true in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        await asyncio.sleep(0.02)
