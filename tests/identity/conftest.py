"""A shop whose customers are verified by the sandbox's PortOne."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from jangbu.access.service.keys import create_api_key
from jangbu.app import create
from jangbu.runtime import Runtime
from jangbu.sandbox import IDENTITY_CHANNEL, STORE_ID
from jangbu.sandbox.core import identity as portones
from jangbu.sandbox.core.records import Failure
from kit import TESTER, House

SCOPES = ("identity:verify", "identity:read", "identity:reveal")
NAME, PHONE, NUMBER = "김하늘", "01087654321", "9003152"
BIRTHDAY = "1990-03-15"


@dataclass(frozen=True)
class Shop:
    """The shop's backend, and the person who sits before the window."""

    house: House
    client: httpx.AsyncClient

    @property
    def run(self) -> Runtime:
        return self.house.run

    async def start(self, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/api/identity/start", json={"channelKey": IDENTITY_CHANNEL} | body)
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def verify(self, begun: dict[str, Any], *, name: str = NAME, channel: str = "", number: str = NUMBER) -> str:
        """What the person does in the window, by the channel that the browser names; their CI."""
        world, now = self.house.portone.world, self.house.portone.clock.now()
        store = world.state.stores[STORE_ID]
        key = channel or begun["sdk"]["channelKey"]
        found = portones.begin(world, store, begun["identityVerificationId"], world.state.channels[key], now)
        found.person = portones.person_of(name, PHONE, number, "SKT")
        portones.verify(world, found, now)
        return portones.ci_of(found.person)

    def fail(self, begun: dict[str, Any], pg_code: str) -> None:
        world, now = self.house.portone.world, self.house.portone.clock.now()
        store, key = world.state.stores[STORE_ID], begun["sdk"]["channelKey"]
        found = portones.begin(world, store, begun["identityVerificationId"], world.state.channels[key], now)
        portones.fail(found, Failure("PGProviderError", f"{NAME}님은 없습니다", pg_code, "x"), now)

    async def confirm(self, begun: dict[str, Any], status: int = 200) -> dict[str, Any]:
        body = {"identityVerificationId": begun["identityVerificationId"]}
        answer = await self.client.post("/api/identity/confirm", json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()["data" if status == 200 else "error"]
        return found

    async def verified(self, **who: Any) -> dict[str, Any]:
        begun = await self.start()
        self.verify(begun, **who)
        return begun | await self.confirm(begun)


@asynccontextmanager
async def calling(house: House, *scopes: str, store_id: str | None = None) -> AsyncIterator[Shop]:
    _, key = await create_api_key("tests", scopes or SCOPES, store_id, actor=TESTER, run=house.run)
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test", headers=headers) as client:
        yield Shop(house, client)


@pytest.fixture
async def shop(house: House) -> AsyncIterator[Shop]:
    """The shop's backend, which may do everything here."""
    async with calling(house) as made:
        yield made
