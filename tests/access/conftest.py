"""What the tests of access share.

The fixtures `run` and `request_run`, with the server under them, are only here until the project's own replace them.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

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
from jangbu.errors import Refusal
from jangbu.runtime import Runtime

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
