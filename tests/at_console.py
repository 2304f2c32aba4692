"""Somebody at the console: a browser without a screen, signed in with a role, or a stranger's."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import httpx

from jangbu.access.rules import Role
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from kit import TESTER, House

ORIGIN = "http://127.0.0.1:8080"
PASSWORD = "보리차 두 병 주세요"


@asynccontextmanager
async def at_the_console(house: House, role: Role = Role.SUPER_ADMIN) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in, with an account made for it."""
    run = house.wired.request
    email = f"{role.name.lower()}@shop.example"
    await create_admin(email, "김장부", PASSWORD, role=role.value, actor=TESTER, run=run)
    _, cookie = await sign_in(email, PASSWORD, "192.0.2.1", "tests", run=run)
    async with stranger(house) as client:
        client.headers["cookie"] = f"better-auth.session_token={cookie}"
        yield client


@asynccontextmanager
async def stranger(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody we know."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create(house.wired), raise_app_exceptions=False),
        base_url=ORIGIN,
        headers={"origin": ORIGIN, "accept": "text/html"},
    ) as client:
        yield client


async def in_english(console: httpx.AsyncClient, shown: httpx.Response) -> httpx.Response:
    """What the page's own switch leads to."""
    (link,) = re.findall(r'href="([^"]*\blang=en)"', shown.text)
    return await console.get(urljoin(str(shown.url), html.unescape(link)))
