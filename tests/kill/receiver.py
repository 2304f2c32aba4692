"""The merchant's system that hears of everything: whatever dies, each event of the feed arrives, and says the same."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

from kill.town import Town

PAGE = 500
REFUSES = 0.05
FORGETS_TO_SAY_SO = 0.05
"""How often an event that comes for the first time is refused, or kept without an answer."""


class Receiver:
    """Keeps each event under its id, whatever it hears of it again. Not perfect, as nobody's is."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._secret = ""
        self._after = 0
        self._seen: set[str] = set()
        self.kept: dict[str, dict[str, Any]] = {}
        self.arrivals = 0
        self.complaints: list[str] = []

    async def subscribe(self, town: Town, url: str) -> None:
        """Hear of everything from now on."""
        self._after = (await feed_of(town))[-1]
        async with (
            aiohttp.ClientSession(headers=_authorized(town)) as http,
            http.post(f"{town.url}/api/events/endpoints", json={"url": url}) as answer,
        ):
            assert answer.status == 201, await answer.text()
            self._secret = (await answer.json())["data"]["secret"]

    async def take(self, request: web.Request) -> web.Response:
        """One POST of ours."""
        body = await request.read()
        self.arrivals += 1
        message = request.headers["webhook-id"]
        if not self._is_signed(request, body):
            self.complaints.append(f"{message}: the signature is wrong")
        is_new = message not in self._seen
        self._seen.add(message)
        chance = self._chance.random()
        if is_new and chance < REFUSES:
            return web.Response(status=500)
        event = json.loads(body)
        if event["id"] != message:
            self.complaints.append(f"{message}: holds {event['id']}")
        if self.kept.setdefault(message, event) != event:
            self.complaints.append(f"{message}: said two things: {self.kept[message]} and {event}")
        if is_new and chance > 1 - FORGETS_TO_SAY_SO:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=204)

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        key = base64.b64decode(self._secret.removeprefix("whsec_"))
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return request.headers["webhook-signature"] == f"v1,{expected}"

    async def owed(self, town: Town) -> dict[str, dict[str, Any]]:
        """What it should have got: the feed since it subscribed."""
        found, _ = await feed_of(town, after=self._after)
        return {event["id"]: event for event in found}


async def feed_of(town: Town, *, after: int = 0) -> tuple[list[dict[str, Any]], int]:
    """All events after a position, and the position reached."""
    found: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(headers=_authorized(town)) as http:
        while True:
            async with http.get(f"{town.url}/api/events?after={after}&limit={PAGE}") as answer:
                assert answer.status == 200, await answer.text()
                page = (await answer.json())["data"]
            found, after = found + page["events"], page["next"]
            if not page["hasMore"]:
                return found, after


def _authorized(town: Town) -> dict[str, str]:
    return {"Authorization": f"Bearer {town.key}"}


@asynccontextmanager
async def receiver_in(town: Town, chance: Random) -> AsyncIterator[Receiver]:
    """A receiver that has subscribed, for as long as the block lasts."""
    receiver, app = Receiver(chance), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        await receiver.subscribe(town, f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        yield receiver
    finally:
        await runner.cleanup()
