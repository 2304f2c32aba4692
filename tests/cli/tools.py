"""Calling the real command line, and programs for it to meet."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from jangbu.clock import SystemClock, rfc3339
from jangbu.errors import Refusal
from jangbu.inbox.service import receive
from jangbu.runtime import Runtime
from nursery import Nursery

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV")
TIMEOUT_S = 60


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Jangbu:
    """Calls `python -m jangbu.cli` in a folder, with these settings and no others."""

    folder: Path
    programs: Nursery
    environment: dict[str, str] = field(default_factory=dict)

    def given(self, **environment: str) -> "Jangbu":
        return replace(self, environment=self.environment | environment)

    def without(self, *names: str) -> "Jangbu":
        return replace(self, environment={k: v for k, v in self.environment.items() if k not in names})

    async def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        with TemporaryDirectory(prefix="jangbu-said-") as made:
            hears, says, log = (Path(made) / name for name in ("in", "out", "err"))
            hears.write_text(stdin)
            program = await self.programs.start(
                ("-m", "jangbu.cli", *arguments),
                self.all_variables(),
                log,
                folder=self.folder,
                hears=hears,
                says=says,
            )
            try:
                # Shielded: whoever listens to the nursery still sets it when we no longer wait.
                code = await asyncio.wait_for(asyncio.shield(program.ended), TIMEOUT_S)
            except BaseException:
                program.signal(signal.SIGKILL)
                raise
            ran = Ran(code, says.read_text(), log.read_text())
        assert "Traceback" not in ran.err, ran.err
        return ran

    def all_variables(self) -> dict[str, str]:
        return {name: os.environ[name] for name in INHERITED if name in os.environ} | self.environment


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """`app` on a free port of this machine; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


def inbox_at(run: Runtime) -> Starlette:
    """The inbox behind its route, in the envelope of the web program, on the machine's own clock."""
    run = replace(run, clock=SystemClock())

    async def webhook(request: Request) -> Response:
        try:
            new = await receive(request.headers, await request.body(), run=run)
        except Refusal as refusal:
            return JSONResponse({"error": {"code": refusal.code}}, refusal.http_status)
        at = rfc3339(run.clock.now())
        return JSONResponse({"data": {"received": True, "duplicate": not new}, "message": "", "timestamp": at})

    return Starlette(routes=[Route("/api/portone/webhook", webhook, methods=["POST"])])


def answering(answer: Callable[[Request], Response | Awaitable[Response]]) -> Starlette:
    """A program that is not ours, answering every POST so."""
    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
