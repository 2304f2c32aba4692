"""What is in the server: who may do what, and databases for tests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from jangbu.connecting import CONNECTION_GONE
from jangbu.embedded import Embedded, create_database, drop_database, ensure, stop
from jangbu.embedded.home import Home
from jangbu.errors import SetupProblem

APPLICATION = ("owner", "system", "request")


@pytest.fixture
async def template(shared: Embedded) -> AsyncIterator[str]:
    await create_database(shared, "the_template")
    connection = await asyncpg.connect(shared.dsn("owner", "the_template"))
    await connection.execute("CREATE TABLE account (name text); INSERT INTO account VALUES ('장부')")
    await connection.close()
    yield "the_template"
    await drop_database(shared, "the_template")


async def test_no_login_of_ours_is_more_than_it_needs(shared: Embedded) -> None:
    for role in APPLICATION:
        connection = await asyncpg.connect(shared.dsn(role))
        may = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolname"
            "  FROM pg_roles WHERE rolname = current_user"
        )
        assert tuple(may) == (False, False, False, False, False, f"jangbu_{role}")
        await connection.close()


async def test_the_owner_makes_tables_and_the_others_do_not(shared: Embedded) -> None:
    owner = await asyncpg.connect(shared.dsn("owner"))
    assert await owner.fetchval("SELECT datdba::regrole::text FROM pg_database WHERE datname = 'jangbu'") == (
        "jangbu_owner"
    )
    await owner.execute("CREATE TABLE only_the_owner (n int)")
    for role in ("system", "request"):
        connection = await asyncpg.connect(shared.dsn(role))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (n int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM only_the_owner")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TEMPORARY TABLE mine (n int)")
        await connection.close()
    await owner.execute("DROP TABLE only_the_owner")
    await owner.close()


@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_our_logins_enter_no_other_database(shared: Embedded, database: str) -> None:
    for role in APPLICATION:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(shared.dsn(role, database))


async def test_copies_of_a_template_are_whole_and_apart(shared: Embedded, template: str) -> None:
    names = [f"copy_{number}" for number in range(3)]
    await asyncio.gather(*(create_database(shared, name, template=template) for name in names))
    for name in names:
        connection = await asyncpg.connect(shared.dsn("owner", name))
        assert await connection.fetchval("SELECT name FROM account") == "장부"
        await connection.execute("DELETE FROM account")
        await connection.close()
        for role in ("system", "request"):
            await (await asyncpg.connect(shared.dsn(role, name))).close()
        grants = await acl(shared, name)
        assert not any(grant.startswith("=") for grant in grants), "PUBLIC may still connect"
    original = await asyncpg.connect(shared.dsn("owner", template))
    assert await original.fetchval("SELECT count(*) FROM account") == 1
    await original.close()
    for name in names:
        await drop_database(shared, name)


async def test_dropping_cuts_off_who_is_connected_and_may_be_repeated(shared: Embedded) -> None:
    await create_database(shared, "short_lived")
    connection = await asyncpg.connect(shared.dsn("owner", "short_lived"))
    await drop_database(shared, "short_lived")
    with pytest.raises((*CONNECTION_GONE, asyncpg.PostgresError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()
    await drop_database(shared, "short_lived")


async def test_the_books_are_not_dropped_and_odd_names_go_nowhere(shared: Embedded) -> None:
    with pytest.raises(SetupProblem, match="holds the books"):
        await drop_database(shared, "jangbu")
    for name in ("", "Upper", "a b", 'x"; DROP DATABASE jangbu; --', "1st", "a" * 64, "books\n"):
        with pytest.raises(SetupProblem, match="no database name"):
            await create_database(shared, name)
        with pytest.raises(SetupProblem, match="no database name"):
            await create_database(shared, "fine", template=name)
        with pytest.raises(SetupProblem, match="no database name"):
            await drop_database(shared, name)


async def test_a_first_start_cut_short_between_roles_and_database_is_finished_by_the_next(
    made: Path,
) -> None:
    """What a kill in the midst of provisioning leaves: some roles, no database, a card not marked."""
    home = Home(made)
    with await ensure(made) as embedded:
        connection = await asyncpg.connect(embedded.dsn("superuser", "postgres"))
        await connection.execute("DROP DATABASE jangbu WITH (FORCE)")
        await connection.execute("DROP ROLE jangbu_request")
        await connection.execute("ALTER ROLE jangbu_system PASSWORD 'another' CREATEDB")
        await connection.close()
    await stop(made)
    card = home.read_card()
    assert card is not None
    home.write_card(replace(card, provisioned=False))
    with await ensure(made) as embedded:
        for role in APPLICATION:
            await (await asyncpg.connect(embedded.dsn(role))).close()


async def acl(shared: Embedded, name: str) -> list[str]:
    connection = await asyncpg.connect(shared.dsn("superuser", "postgres"))
    grants: list[str] = await connection.fetchval("SELECT datacl::text[] FROM pg_database WHERE datname = $1", name)
    await connection.close()
    return grants
