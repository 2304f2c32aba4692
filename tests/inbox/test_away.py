"""A webhook that cannot be written down is not answered 200: then PortOne sends it again (F28)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from jangbu import embedded
from jangbu.app import create
from jangbu.inbox.api import PATHS, V1
from jangbu.portone import signature
from jangbu.wiring import Addresses
from kit import House, with_settings
from superuser import cut_off, database_of, superuser

from .hooks import PortOneSends, a_body


@pytest.fixture
async def portone(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """PortOne at our door. Not in sandbox mode, whose clock is read from the database before each request."""
    app = create(with_settings(house.wired, mode="test"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@asynccontextmanager
async def database_away(server: embedded.Embedded, where: Addresses) -> AsyncIterator[None]:
    """Every connection of ours breaks, and no new one is let in."""
    async with superuser(server, where) as admin:
        await admin.execute(f"ALTER DATABASE {database_of(where)} CONNECTION LIMIT 0")
        try:
            assert await cut_off(server, where)
            yield
        finally:
            await admin.execute(f"ALTER DATABASE {database_of(where)} CONNECTION LIMIT -1")


@pytest.mark.parametrize("path", PATHS)
async def test_a_webhook_that_could_not_be_written_down_is_503_and_taken_when_it_comes_again(
    server: embedded.Embedded,
    where: Addresses,
    house: House,
    portone: httpx.AsyncClient,
    sends: PortOneSends,
    path: str,
) -> None:
    body = a_body()
    headers = signature.sign(house.run.settings.webhook_secrets[0], "wh-1", house.run.clock.now(), body)
    headers["content-type"] = "application/json"
    async with database_away(server, where):
        answer = await portone.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
    assert (await sends.log(), await sends.jobs()) == ([], [])
    again = await portone.post(path, content=body, headers=headers)
    assert (again.status_code, again.json()["data"]) == (200, {"received": True, "duplicate": False})
    assert [row.webhook_id for row in await sends.log()] == ["wh-1"]
    assert len(await sends.jobs()) == 1


async def test_an_unsigned_webhook_that_could_not_be_looked_up_is_503(
    server: embedded.Embedded, where: Addresses, portone: httpx.AsyncClient
) -> None:
    async with database_away(server, where):
        answer = await portone.post(V1, json={"imp_uid": "imp_1", "merchant_uid": "m-1", "status": "paid"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
