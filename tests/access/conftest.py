"""What the tests of access share.

The fixtures `run` and `request_run`, with the server under them, are only here until the project's own replace them.
"""

import getpass
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from jangbu.access import api, pages
from jangbu.access.guard import install
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.audit import Actor
from jangbu.clock import ManualClock
from jangbu.db import Database
from jangbu.errors import Refusal
from jangbu.ids import Ids
from jangbu.migrate import migrate
from jangbu.queue import Waker
from jangbu.runtime import Runtime
from jangbu.settings import load

BIN = Path("/usr/lib/postgresql/15/bin")
ROLES = ("jangbu_owner", "jangbu_system", "jangbu_request")
_made = 0


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str, str], str]]:
    """The addresses of a PostgreSQL 15 of this test run, by role and database."""
    folder = Path(tempfile.mkdtemp(prefix="jangbu-access-", dir="/tmp"))
    user = "nobody" if os.getuid() == 0 else getpass.getuser()
    shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    data = folder / "data"
    as_user: dict[str, Any] = {"user": user} if os.getuid() == 0 else {}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "check": True, "cwd": folder, **as_user}
    subprocess.run([BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"], **quiet)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    subprocess.run([BIN / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
    yield lambda role, database: f"postgresql://{role}@127.0.0.1:{port}/{database}"
    subprocess.run([BIN / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def template(server: Callable[[str, str], str]) -> str:
    """A migrated database to copy."""
    connection = await asyncpg.connect(server("postgres", "postgres"))
    for role in ROLES:
        await connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS")
    await connection.execute("CREATE DATABASE template_access OWNER jangbu_owner")
    await connection.close()
    await migrate(server("jangbu_owner", "template_access"))
    return "template_access"


@pytest.fixture
async def database(server: Callable[[str, str], str], template: str) -> AsyncIterator[Callable[[str], str]]:
    """This test's own database, by role."""
    global _made
    _made += 1
    name = f"access_{_made}"
    connection = await asyncpg.connect(server("postgres", "postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER jangbu_owner")
    yield lambda role: server(role, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def run(database: Callable[[str], str], tmp_path: Path) -> AsyncIterator[Runtime]:
    """A runtime under the system role, on a clock that stands still."""
    settings = load(_env_file=None, JANGBU_HOME=tmp_path)
    clock = ManualClock(datetime(2026, 8, 1, 3, 0, tzinfo=UTC))
    async with AsyncExitStack() as stack:
        db = await Database(database("jangbu_system"), name="tests", size_max=8).open()
        stack.push_async_callback(db.close)
        yield Runtime(settings, db, clock, Ids(clock, seed=1), Waker(db))


@pytest.fixture
async def request_run(database: Callable[[str], str], run: Runtime) -> AsyncIterator[Runtime]:
    """The same under the request role."""
    async with AsyncExitStack() as stack:
        db = await Database(database("jangbu_request"), name="tests", size_max=8).open()
        stack.push_async_callback(db.close)
        yield replace(run, db=db)


TESTER = Actor("test")
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
URL = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Office:
    """One installation with a Super Admin, seen from the doors: what people's requests run under, on our own clock."""

    run: Runtime
    clock: ManualClock

    async def cookie(self, email: str = EMAIL, password: str = PASSWORD, ip: str = "192.0.2.1") -> str:
        """Sign in; the value of the cookie."""
        _, value = await sign_in(email, password, ip, "tests", run=self.run)
        return value

    def app(self, **settings: Any) -> FastAPI:
        """The pages and the API of access, with a plain look."""
        run = replace(self.run, settings=self.run.settings.model_copy(update=settings))
        app = FastAPI(openapi_url=None)
        app.add_exception_handler(Refusal, _refused)
        app.include_router(pages.routes(run, render=_plain))
        app.include_router(api.routes(run))
        install(app, run)
        return app


@pytest.fixture
async def office(request_run: Runtime) -> Office:
    """An installation with one Super Admin."""
    clock = ManualClock(datetime(2026, 8, 1, 3, 0, tzinfo=UTC))
    office = Office(replace(request_run, clock=clock), clock)
    await create_admin(EMAIL, "김장부", PASSWORD, actor=TESTER, run=office.run)
    return office


@asynccontextmanager
async def calling(app: FastAPI, url: str = URL) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app` that keeps no cookies of its own accord and follows nothing."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=url) as client:
        yield client


@pytest.fixture
def scrypts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What scrypt was asked to do; quick, and still telling passwords apart."""
    asked: list[dict[str, Any]] = []

    def quick(password: bytes, **parameters: Any) -> bytes:
        asked.append({name: value for name, value in parameters.items() if name != "salt"})
        return hashlib.sha512(parameters["salt"] + password).digest()

    monkeypatch.setattr(hashlib, "scrypt", quick)
    return asked


@pytest.fixture
def call() -> Callable[..., Any]:
    """`calling`, for tests, which cannot import from here."""
    return calling


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    retry_after_s = getattr(refusal, "retry_after_s", None)
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return JSONResponse({"error": {"code": refusal.code}}, status_code=refusal.http_status, headers=headers)


def _plain(request: Request, email: str, wanted: str, problem: Refusal | None) -> Response:
    words = ["sign in", f"email={email}", f"next={wanted}", f"problem={problem.code if problem else ''}"]
    return HTMLResponse("\n".join(words))
