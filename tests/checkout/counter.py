"""A shop whose pages are on a real server, beside the local PortOne whose window its payers pay in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import Page

from jangbu import embedded
from jangbu.app import create
from jangbu.checkout.rules import Session
from jangbu.settings import load
from kit import free_port, fresh_database, house_at

from .shop import Shop, nothing_is_broken


@dataclass
class Counter(Shop):
    """A shop with its pages on a real server."""

    url: str = ""

    async def visit(self, page: Page, session: Session, language: str = "ko") -> None:
        await page.goto(f"{self.url}/pay/{session.session_id}?lang={language}")

    async def later(self) -> None:
        """Time passes; a browser may ask again."""
        await self.house.portone.move(timedelta(seconds=3))


@asynccontextmanager
async def counter_at(server: embedded.Embedded, home: Path, **more: Any) -> AsyncIterator[Counter]:
    """The counter, with `more` settings; at the end nothing of it is broken."""
    port, sandbox_port = free_port(), free_port()
    settings = load(_env_file=None, JANGBU_PORT=port, JANGBU_SANDBOX_PORT=sandbox_port, JANGBU_HOME=home, **more)
    async with (
        fresh_database(server) as where,
        house_at(where, settings) as house,
        served(house.portone.app, sandbox_port),
        served(create(house.wired), port),
    ):
        yield Counter(house, f"http://127.0.0.1:{port}")
        await nothing_is_broken(house)


@asynccontextmanager
async def served(app: Any, port: int) -> AsyncIterator[None]:
    """An application on a port of this machine."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, ws="none", log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), "the server did not start"
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await serving
