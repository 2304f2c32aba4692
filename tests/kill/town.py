"""A town of real processes: PostgreSQL, PortOne, the web program, two workers; each started again whenever it ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from jangbu.access import cli as access_cli
from jangbu.failpoints import ENVIRONMENT_VARIABLE
from jangbu.runtime import SET_CLOCK_OFFSET, follow_sandbox_clock
from jangbu.settings import Settings, load
from jangbu.wiring import Addresses, Wired, build
from kill.postgres import Postgres
from kit import free_port, until
from nursery import Life, Nursery, nursery

HERE = Path(__file__).parent
START_AGAIN_S = 0.05
READY_S = 30
SOCKETS_OF_A_WORKER = 7
"""2 × JANGBU_POOL_MIN, the listener, and the two ends by which the event loop wakes itself."""
DRAIN_S = 20
"""What a program may take to end after SIGTERM (F100)."""
CLOCK_STEP = timedelta(minutes=4)
"""PortOne's signatures are good for five minutes, so the two clocks are never further apart than this."""
SCOPES = ["payments:create", "payments:verify", "payments:cancel", "events:read", "events:manage"]


@dataclass
class Program:
    """One program under a service manager: started again whenever it ends, until `stop`."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    is_up: Callable[[int], Awaitable[bool]]
    nursery: Nursery
    exits: list[int] = field(default_factory=list)
    """Return codes of the lives that ended, -9 for a kill."""
    _life: Life | None = None
    _keeping: asyncio.Task[None] | None = None
    _is_wanted: bool = True

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._is_wanted = True
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while self._is_wanted:
            self._life = await self.nursery.start(self.argv, {**os.environ, **self.environment}, self.log)
            # A failpoint is for the first life only.
            self.environment = {**self.environment, ENVIRONMENT_VARIABLE: ""}
            self.exits.append(await self._life.ended)
            await asyncio.sleep(START_AGAIN_S if self.exits[-1] < 0 else 5 * START_AGAIN_S)

    @property
    def pid(self) -> int:
        assert self._life is not None
        return self._life.pid

    async def ready(self) -> None:
        """Wait until it works (again)."""

        async def works() -> bool:
            life = self._life
            return life is not None and not life.is_over and await self.is_up(life.pid)

        try:
            await until(works, seconds=READY_S, what=f"{self.name} coming up")
        except AssertionError as late:
            raise AssertionError(f"{late}; its last words:\n{self.last_words()}") from None

    def is_paused(self) -> bool:
        """Whether it was stopped by SIGSTOP and lives."""
        with suppress(OSError):
            # The state follows the program's name, which stands in brackets and may hold anything.
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal; nothing when it is just dead."""
        if self._life is not None:
            self._life.signal(sign)

    async def drain(self) -> float:
        """SIGTERM, and do not start it again: the seconds it took to end. Fails above DRAIN_S."""
        self._is_wanted = False
        began = asyncio.get_running_loop().time()
        self.signal(signal.SIGTERM)
        assert self._keeping is not None
        await asyncio.wait_for(asyncio.shield(self._keeping), DRAIN_S)
        return asyncio.get_running_loop().time() - began

    async def stop(self) -> None:
        """End it for good, by force if it must be."""
        if self._keeping is None:
            return
        self.signal(signal.SIGCONT)
        try:
            await self.drain()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._keeping
        self._keeping = None

    def last_words(self, lines: int = 15) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def said(self, words: str) -> list[str]:
        """The lines of its log, of all its lives, that contain `words`."""
        if not self.log.exists():
            return []
        return [line for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines() if words in line]


@dataclass
class Town:
    """Where everything is, and how to make time pass in it."""

    postgres: Postgres
    where: Addresses
    settings: Settings
    programs: dict[str, Program]
    key: str
    moved: timedelta = timedelta()

    @property
    def url(self) -> str:
        return self.settings.url

    @property
    def portone_url(self) -> str:
        return self.settings.portone_url

    def __getitem__(self, name: str) -> Program:
        return self.programs[name]

    async def ready(self) -> None:
        for program in self.programs.values():
            await program.ready()

    @asynccontextmanager
    async def looking_in(self) -> AsyncIterator[Wired]:
        """Connections of our own, past every proxy, for checks once PostgreSQL is up."""
        async with build(self.settings, self.where) as wired:
            await follow_sandbox_clock(wired.system)
            yield wired

    async def control(self, what: str, body: Any = None) -> Any:
        """The sandbox's control API: GET, or POST with a body."""
        async with (
            aiohttp.ClientSession() as http,
            http.request("GET" if body is None else "POST", f"{self.portone_url}/__sandbox__/{what}", json=body) as got,
        ):
            assert got.status == 200, await got.text()
            return await got.json()

    async def let_time_pass(self, wired: Wired) -> None:
        """Both clocks one step forward; what falls due at PortOne on the way happens."""
        self.moved += CLOCK_STEP
        await wired.system.db.statement(SET_CLOCK_OFFSET, offset_s=int(self.moved.total_seconds()))
        await self.control("clock", {"move_s": CLOCK_STEP.total_seconds()})
        await follow_sandbox_clock(wired.system)


@asynccontextmanager
async def town(
    postgres: Postgres,
    folder: Path,
    *,
    through_port: int | None = None,
    failpoints: Mapping[str, str] | None = None,
    workers: tuple[str, ...] = ("worker A", "worker B"),
    later: tuple[str, ...] = (),
    serve: tuple[str, ...] = ("serve",),
    **more: str,
) -> AsyncIterator[Town]:
    """The town, up. `through_port`: web and workers reach PostgreSQL through whoever listens there.

    `failpoints` by program; those in `later` the test starts itself; `more` are settings by the environment's names.
    """
    port, portone_port = free_port(), free_port()
    async with postgres.database() as where, nursery() as nursed:
        seen = where
        if through_port is not None:
            ours, theirs = f":{postgres.port}/", f":{through_port}/"
            seen = Addresses(*(dsn.replace(ours, theirs) for dsn in (where.owner, where.system, where.request)))
        environment = {
            "JANGBU_MODE": "sandbox", "JANGBU_PORT": str(port), "JANGBU_SANDBOX_PORT": str(portone_port),
            "DATABASE_URL": seen.system, "JANGBU_DATABASE_URL_REQUEST": seen.request, "JANGBU_HOME": str(folder),
            "JANGBU_SWEEP_CRON": "* * * * * */1", "JANGBU_JOB_LEASE_S": "2", "JANGBU_DRAIN_S": "5",
            "JANGBU_LOG_LEVEL": "warning", "JANGBU_LOG_FORMAT": "json", "JANGBU_LIMIT_CALLERS": "off",
            "BETTER_AUTH_SECRET": "a-secret-for-tests-only-0123456789", **more,
        }  # fmt: skip
        settings = load(_env_file=None, **environment)
        webhooks = f"{settings.url}/api/portone/webhook"

        def jangbu(name: str, is_up: Callable[[int], Awaitable[bool]], *command: str) -> Program:
            armed = {ENVIRONMENT_VARIABLE: (failpoints or {}).get(name, "")}
            return Program(
                name, ("-m", "jangbu.cli", *command), environment | armed, folder / f"{name}.log", is_up, nursed
            )

        argv = (str(HERE / "portone.py"), str(portone_port), str(folder / "portone.json"), webhooks)
        programs = [
            Program(
                "portone",
                argv,
                {},
                folder / "portone.log",
                _answers(f"{settings.portone_url}/__sandbox__/clock"),
                nursed,
            ),
            jangbu("web", _answers(f"{settings.url}/api/health"), *serve),
            *(jangbu(name, _is_connected, "worker") for name in workers),
        ]
        built = Town(postgres, where, settings, {program.name: program for program in programs}, key="")
        async with built.looking_in() as wired:
            built.key = await access_cli.create_key("shop", SCOPES, run=wired.system)
        try:
            at_once = [program for program in programs if program.name not in later]
            for program in at_once:
                program.start()
            for program in at_once:
                await program.ready()
            yield built
        finally:
            # PortOne last: who drains may still ask it something.
            await asyncio.gather(*(program.stop() for program in programs[1:]))
            await programs[0].stop()


def _answers(url: str) -> Callable[[int], Awaitable[bool]]:
    async def answers(_: int) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http,
                http.get(url) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    return answers


async def _is_connected(pid: int) -> bool:
    """A worker says nothing when it begins to work, but it has its connections then: two pools and a listener."""
    with suppress(OSError):
        links = [link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()]
        return sum(name.startswith("socket:") for name in links) >= SOCKETS_OF_A_WORKER
    return False
