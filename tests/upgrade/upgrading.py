"""A town in which two releases live side by side, behind a balancer."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jangbu import embedded
from jangbu.embedded.server import leave_with_parent
from jangbu.settings import load
from jangbu.wiring import Addresses
from kill import town as towns
from kill.shop import Shop
from kill.town import SCOPES, Program, Town
from kit import free_port
from nursery import Life
from upgrade.balancer import Balancer, balancing


@dataclass
class Release:
    """Code that can be run. `more` is what its environment has beyond everybody's."""

    name: str
    more: dict[str, str] = field(default_factory=dict)


THIS = Release("new")


def previous(unpacked: Path) -> Release:
    """The release whose code is in that folder: it comes before the installed one, and its migrations lie beside it."""
    return Release("old", {"PYTHONPATH": str(unpacked / "src")})


class Births:
    """What a town's nursery does, each time with a Python of its own: one release's code is not to be another's."""

    async def start(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> Life:
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=leave_with_parent(signal.SIGKILL),
            )
        life = Life(process.pid)
        ended = asyncio.create_task(process.wait())
        ended.add_done_callback(lambda done: life.ended.set_result(done.result()))
        return life


@dataclass
class Upgrading:
    """The town, its balancer, and how to run something of a release in it."""

    town: Town
    balancer: Balancer
    folder: Path
    environment: dict[str, str]

    async def command(self, release: Release, *words: str) -> str:
        """Run a command to its end; what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jangbu.cli", *words, env={**os.environ, **self.environment, **release.more},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode().strip()

    async def prepare(self, release: Release) -> None:
        """Its schema, and the shop's key."""
        await self.command(release, "migrate")
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        self.town.key = await self.command(release, "keys", "create", "shop", *scopes)

    async def start_web(self, release: Release, name: str = "web") -> str:
        """Start a web program and name it to the balancer once it answers; its name in the town."""
        port = free_port()
        answers = towns._answers(f"http://127.0.0.1:{port}/api/health")
        started = await self._start(release, name, answers, "serve", "--port", str(port))
        self.balancer.ports[started] = port
        return started

    async def start_worker(self, release: Release, name: str = "worker") -> str:
        return await self._start(release, name, towns._is_connected, "worker")

    async def _start(self, release: Release, name: str, is_up: Callable[[int], Awaitable[bool]], *words: str) -> str:
        name = f"{release.name} {name}"
        environment = {**self.environment, **release.more}
        program = Program(name, ("-m", "jangbu.cli", *words), environment, self.folder / f"{name}.log", is_up, Births())
        self.town.programs[name] = program
        program.start()
        await program.ready()
        return name

    async def take_away(self, web: str) -> None:
        """Send nobody there any more, and end it once it has answered."""
        del self.balancer.ports[web]
        await asyncio.sleep(0.5)
        await self.town[web].drain()


@asynccontextmanager
async def upgrading(server: embedded.Embedded, folder: Path) -> AsyncIterator[Upgrading]:
    """An empty database and PortOne, whose webhooks come through the balancer; no program of ours yet."""
    name = "upgraded"
    await embedded.create_database(server, name)
    where = Addresses(*(server.dsn(role, name) for role in ("owner", "system", "request")))
    async with balancing() as balancer:
        portone_port = free_port()
        environment = {
            "JANGBU_MODE": "sandbox", "JANGBU_PORT": str(balancer.port), "JANGBU_SANDBOX_PORT": str(portone_port),
            "DATABASE_URL": where.system, "JANGBU_DATABASE_URL_REQUEST": where.request,
            "JANGBU_DATABASE_URL_OWNER": where.owner, "JANGBU_HOME": str(folder),
            "JANGBU_SWEEP_CRON": "* * * * * */1", "JANGBU_JOB_LEASE_S": "2", "JANGBU_DRAIN_S": "5",
            "JANGBU_LOG_LEVEL": "warning", "JANGBU_LOG_FORMAT": "json",
            "BETTER_AUTH_SECRET": "a-secret-for-tests-only-0123456789",
        }  # fmt: skip
        settings = load(_env_file=None, **environment)
        webhooks = f"{settings.url}/api/portone/webhook"
        argv = (str(towns.HERE / "portone.py"), str(portone_port), str(folder / "portone.json"), webhooks)
        answers = towns._answers(f"{settings.portone_url}/__sandbox__/clock")
        portone = Program("portone", argv, {}, folder / "portone.log", answers, Births())
        # Nobody kills this PostgreSQL, so the town need not know how.
        town = Town(None, where, settings, {}, key="")  # type: ignore[arg-type]
        try:
            portone.start()
            await portone.ready()
            yield Upgrading(town, balancer, folder, environment)
        finally:
            await asyncio.gather(*(program.stop() for program in town.programs.values()))
            await portone.stop()
            await embedded.drop_database(server, name)


def nothing_failed(here: Upgrading, shop: Shop) -> None:
    """Every request of the shop was answered, and as it should be: nobody was away, nothing crashed."""
    assert shop.complaints == []
    assert not [what for what in shop.calls if "no answer" in what or ": 5" in what], shop.calls
    assert here.balancer.lost == 0
    for name, program in here.town.programs.items():
        assert program.said('"level": "error"') + program.said("Traceback") == [], name
