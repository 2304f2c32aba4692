"""No connection left (reliability F93): webhooks are written down all the same, everybody else hears 503 soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import httpx
import pytest

from jangbu import embedded
from jangbu.access import cli as access_cli
from jangbu.app import create
from jangbu.db import Database
from jangbu.inbox.store import open_count
from jangbu.portone import sign
from jangbu.wiring import PEOPLE_WAIT_S, Addresses
from kit import House, until, with_settings
from superuser import database_of, superuser

SOON_S = PEOPLE_WAIT_S + 5
"""On a machine that is busy with other tests; without a limit of their own they would wait for ten."""
ORDER = {"amount": 10_000, "orderName": "보리차", "orderId": "order-1"}


@pytest.fixture
async def shop(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's backend, with a key. Not in sandbox mode, whose clock is read before each request."""
    key = await access_cli.create_key("shop", ["payments:create", "payments:verify"], run=house.run)
    app = create(with_settings(house.wired, mode="test"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://127.0.0.1:8080",
        headers={"authorization": f"Bearer {key}"},
        timeout=30,
    ) as client:
        yield client


@asynccontextmanager
async def exhausted(*databases: Database) -> AsyncIterator[None]:
    """Every connection of these pools is busy with something slow."""
    async with AsyncExitStack() as stack:
        for database in databases:
            for _ in range(database.pool.get_max_size()):
                await stack.enter_async_context(database.transaction())
        yield


async def told_by_portone(house: House, shop: httpx.AsyncClient, number: int) -> httpx.Response:
    body = f'{{"type":"Transaction.Paid","data":{{"paymentId":"payment-{number}"}}}}'.encode()
    headers = sign(house.run.settings.webhook_secrets[0], f"msg_{number}", house.run.clock.now(), body)
    return await shop.post(
        "/api/portone/webhook", content=body, headers={**headers, "content-type": "application/json"}
    )


async def test_webhooks_are_written_down_and_the_shop_hears_503_soon_and_it_recovers_alone(
    house: House, shop: httpx.AsyncClient
) -> None:
    loop = asyncio.get_running_loop()
    async with exhausted(house.wired.system.db, house.wired.request.db):
        began = loop.time()
        orders = [asyncio.create_task(shop.post("/api/portone/initialize", json=ORDER)) for _ in range(30)]
        webhooks = await asyncio.gather(*(told_by_portone(house, shop, number) for number in range(20)))
        assert {answer.status_code for answer in webhooks} == {200}
        answers = await asyncio.gather(*orders)
        assert loop.time() - began < SOON_S
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"]["code"] for answer in answers} == {"DATABASE_UNAVAILABLE"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert (await shop.get("/health")).status_code == 200
        began = loop.time()
        assert (await shop.get("/api/health")).status_code == 503
        assert loop.time() - began < SOON_S
    assert (await shop.get("/api/health")).status_code == 200
    assert (await shop.post("/api/portone/initialize", json=ORDER)).status_code == 200
    async with house.run.db.transaction() as tx:
        assert await open_count(tx) == 20


async def test_a_server_that_takes_no_more_connections_still_has_one_for_webhooks(
    house: House, shop: httpx.AsyncClient, server: embedded.Embedded, where: Addresses
) -> None:
    async with superuser(server, where) as connection:
        await connection.execute(f"ALTER DATABASE {database_of(where)} CONNECTION LIMIT 1")
    await house.wired.request.db.pool.expire_connections()
    answer = await shop.post("/api/portone/initialize", json=ORDER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert (await told_by_portone(house, shop, 1)).status_code == 200
    async with superuser(server, where) as connection:
        await connection.execute(f"ALTER DATABASE {database_of(where)} CONNECTION LIMIT -1")
    assert (await shop.post("/api/portone/initialize", json=ORDER)).status_code == 200


async def test_the_driver_never_closes_a_pools_last_connection_for_being_idle(where: Addresses) -> None:
    """The one for webhooks may be the last that a full server gives. Older releases of asyncpg did close it."""
    async with asyncpg.create_pool(where.system, min_size=1, max_size=2, max_inactive_connection_lifetime=0.05) as pool:
        async with pool.acquire() as first, pool.acquire() as second:
            kept = {await connection.fetchval("SELECT pg_backend_pid()") for connection in (first, second)}

        async def one_is_closed() -> bool:
            return pool.get_size() < 2

        await until(one_is_closed, what="closing an idle connection")
        await asyncio.sleep(0.2)
        assert pool.get_size() == 1
        assert await pool.fetchval("SELECT pg_backend_pid()") in kept
