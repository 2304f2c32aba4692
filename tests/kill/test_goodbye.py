"""PostgreSQL goes down and says so to connections that asked nothing: a clean "away", never a crash (F92)."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from jangbu import embedded
from jangbu.db import Database, DatabaseAway, Query
from jangbu.wiring import Addresses
from kill.proxy import Wire, error_response, wire_to
from superuser import opened

GOODBYES = {
    "57P01": "terminating connection due to administrator command",
    "57P02": "terminating connection because of crash of another server process",
    "25P03": "terminating connection due to idle-in-transaction timeout",
}
ONE = Query(int, "SELECT 1")


@pytest.fixture
async def wire(server: embedded.Embedded) -> AsyncIterator[Wire]:
    async with wire_to(server.port) as built:
        yield built


@pytest.fixture
async def db(server: embedded.Embedded, wire: Wire, where: Addresses) -> AsyncIterator[Database]:
    async with opened(where.system.replace(f":{server.port}/", f":{wire.port}/"), size_max=1) as database:
        yield database


async def goodbye(wire: Wire, code: str) -> None:
    """The words are on the client's side; the end of the line is still on its way, as it happens under load."""
    for line in wire.lines:
        line.say(error_response(code, GOODBYES[code]))
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("asks_once_more", [True, False], ids=["a statement", "the commit"])
@pytest.mark.parametrize("code", GOODBYES)
async def test_in_a_transaction(db: Database, wire: Wire, code: str, asks_once_more: bool) -> None:
    async def work() -> None:
        async with db.transaction() as tx:
            await tx.one(ONE)
            await goodbye(wire, code)
            if asks_once_more:
                await tx.one(ONE)

    with pytest.raises(DatabaseAway):
        await work()
    assert await db.statement(ONE) == 1


@pytest.mark.parametrize("code", GOODBYES)
async def test_to_a_connection_that_waits_in_the_pool(db: Database, wire: Wire, code: str) -> None:
    assert await db.statement(ONE) == 1
    await goodbye(wire, code)
    with pytest.raises(DatabaseAway):
        await db.statement(ONE)
    assert await db.statement(ONE) == 1, "the connection that is over was handed out again"


async def test_a_connection_used_by_two_at_once_is_a_bug_of_ours(db: Database) -> None:
    """It must not pass for a database that is away."""

    async def work() -> None:
        async with db.transaction() as tx:
            await asyncio.gather(tx.one(ONE), tx.one(ONE))

    with pytest.raises(asyncpg.InterfaceError, match="another operation is in progress"):
        await work()
