"""What an operator reads when the settings are wrong: a sentence that helps, and never the password."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from jangbu import embedded
from jangbu.connecting import where_it_points
from jangbu.db import Database, Query
from jangbu.errors import SetupProblem
from jangbu.migrate import migrate
from jangbu.wiring import Addresses
from superuser import database_of, superuser

PASSWORD = "hunter2hunter"
ONE = Query(int, "SELECT 1")


async def problem_of(dsn: str) -> str:
    """Opening a pool and migrating must both answer with a sentence; the pool's is returned."""
    said = []
    openers: list[Callable[[], Awaitable[object]]] = [lambda: Database(dsn, name="x").open(), lambda: migrate(dsn)]
    for opener in openers:
        with pytest.raises(SetupProblem) as seen:
            await opener()
        said.append(str(seen.value))
    assert said[0] == said[1]
    return said[0]


def with_password(dsn: str, password: str) -> str:
    before, _, after = dsn.partition("@")
    return before.rpartition(":")[0] + f":{password}@" + after


async def test_a_wrong_password(where: Addresses) -> None:
    said = await problem_of(with_password(where.system, PASSWORD))
    assert "refused the user name or password" in said and "DATABASE_URL" in said
    assert PASSWORD not in said


async def test_a_user_who_does_not_exist(where: Addresses) -> None:
    said = await problem_of(with_password(where.system, PASSWORD).replace("jangbu_system", "nobody_here"))
    assert "refused the user name or password" in said and PASSWORD not in said


async def test_a_database_that_does_not_exist(where: Addresses) -> None:
    said = await problem_of(where.system.replace(database_of(where), "nothing_here"))
    assert "no such database" in said and "nothing_here" in said
    assert where.system.split(":")[2].split("@")[0] not in said


async def test_a_login_that_may_not_connect(server: embedded.Embedded, where: Addresses) -> None:
    async with superuser(server, where) as connection:
        await connection.execute(f"REVOKE CONNECT ON DATABASE {database_of(where)} FROM jangbu_system")
    said = await problem_of(where.system)
    assert "may not connect" in said and database_of(where) in said
    assert where.system.split(":")[2].split("@")[0] not in said


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    said = await problem_of(f"postgresql://jangbu_system:{PASSWORD}@127.0.0.1:{port}/jangbu")
    assert f"127.0.0.1:{port}/jangbu" in said and "Is PostgreSQL running" in said and PASSWORD not in said


async def test_somebody_else_listens() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with web:
        port = web.sockets[0].getsockname()[1]
        said = await problem_of(f"postgresql://jangbu_system:{PASSWORD}@127.0.0.1:{port}/jangbu?sslmode=disable")
    assert f"127.0.0.1:{port}" in said and PASSWORD not in said


async def test_a_program_that_starts_while_postgresql_recovers_waits_for_it(where: Addresses) -> None:
    refused = b"SFATAL\x00VFATAL\x00C57P03\x00Mthe database system is in recovery mode\x00\x00"
    real_port = int(where.system.rpartition("@")[2].partition("/")[0].rpartition(":")[2])
    came = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def recovering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came += 1
        if came <= 2:
            length = int.from_bytes(await reader.readexactly(4))
            await reader.readexactly(length - 4)
            writer.write(b"E" + (len(refused) + 4).to_bytes(4) + refused)
            writer.close()
            return
        there, onwards = await asyncio.open_connection("127.0.0.1", real_port)
        await asyncio.gather(pour(reader, onwards), pour(there, writer))

    server = await asyncio.start_server(recovering, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        db = await Database(where.system.replace(f":{real_port}/", f":{port}/"), name="x").open()
        assert await db.statement(ONE) == 1
        await db.close()
    assert came == 3


# A password with special characters that was not percent-encoded is the commonest mistake of all, and the DSN then
# comes apart in the middle of the password. Each piece of it must stay out of the sentence.
@pytest.mark.parametrize("sign", ["#", "/", "@", "[", "?", ":", "]", "//", "@@", "%zz"])
async def test_a_password_that_was_not_percent_encoded_is_not_shown(sign: str) -> None:
    said = await problem_of(f"postgresql://jangbu_system:hunter{sign}twoosecret@127.0.0.1:1/jangbu")
    assert "hunter" not in said and "twoosecret" not in said
    assert "DATABASE_URL" in said


@pytest.mark.parametrize(
    "dsn",
    [
        f"mysql://jangbu:{PASSWORD}@127.0.0.1/jangbu",
        f"postgresql+asyncpg://jangbu:{PASSWORD}@127.0.0.1/jangbu",
        f"host=127.0.0.1 user=jangbu password={PASSWORD} dbname=jangbu",
        f"//jangbu:{PASSWORD}@127.0.0.1/jangbu",
        f"postgresql://jangbu:{PASSWORD}@127.0.0.1:99999/jangbu",
        f"postgresql://jangbu:{PASSWORD}@127.0.0.1:port/jangbu",
        f"postgresql://jangbu:{PASSWORD}@127.0.0.1/jangbu?sslmode=banana",
        PASSWORD,
    ],
)
async def test_what_is_not_a_postgresql_address_is_named_so(dsn: str) -> None:
    said = await problem_of(dsn)
    assert "DATABASE_URL is not a PostgreSQL address" in said and PASSWORD not in said


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p@db.example.com:5432/books?sslmode=require", "db.example.com:5432/books"),
        ("postgres://db.example.com/books", "db.example.com/books"),
        ("postgresql://u:p@a/ss@db/books", "(nowhere)"),
        ("postgresql://u:p#ss@db/books", "(nowhere)"),
        ("postgresql+asyncpg://u:p@db/books", "(nowhere)"),
        ("postgresql://u:p@one:5432,two:5433/books", "one:5432,two:5433/books"),
        ("postgresql:///books?host=%2Ftmp", "/books"),
        ("postgresql://u:p@[::1]:5432/books", "[::1]:5432/books"),
        ("postgresql://u:secret", "(nowhere)"),
        ("", "(nowhere)"),
    ],
)
def test_only_host_port_and_database_of_an_address_are_shown(dsn: str, shown: str) -> None:
    assert where_it_points(dsn) == shown
