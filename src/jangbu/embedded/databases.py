"""What is inside the server: the logins, the database, and further databases for tests.

Imported only where it is needed, as it brings the driver along, which the keeper should not carry for the
rest of its life.
"""

import re

import asyncpg

from jangbu.connecting import CONNECTION_GONE
from jangbu.embedded.home import DATABASE, LOGINS, Card
from jangbu.errors import SetupProblem

APPLICATION_LOGINS = (LOGINS["owner"], LOGINS["system"], LOGINS["request"])
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
CONNECT_TIMEOUT_S = 5


async def answers(card: Card) -> bool:
    """True when the server lets us in. Asks as the least powerful login, should another program sit there."""
    try:
        connection = await asyncpg.connect(card.dsn("request"), timeout=CONNECT_TIMEOUT_S)
        await connection.close()
    except (*CONNECTION_GONE, asyncpg.PostgresError):
        return False
    return True


async def provision(card: Card) -> None:
    """Create the logins and the database. Idempotent: the next start finishes one that was cut short."""
    connection = await asyncpg.connect(card.dsn("superuser", "postgres"), timeout=CONNECT_TIMEOUT_S)
    try:
        for login in APPLICATION_LOGINS:
            # A role that exists keeps its name only: rights and password are set again either way.
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", login):
                await connection.execute(f"CREATE ROLE {login}")
            await connection.execute(
                f"ALTER ROLE {login} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION "
                f"PASSWORD {_literal(card.passwords[login])}"
            )
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {LOGINS['owner']}")
        await _open_to_our_logins(connection, DATABASE)
        # Nor has anyone but the superuser business in the databases that every server has.
        await connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close()


async def create(card: Card, name: str, template: str | None) -> None:
    """Create a database owned by the owner login, as a copy of `template` if given."""
    _refuse_odd(name)
    copy = ""
    if template is not None:
        # Copying through the log is three times as fast here as STRATEGY FILE_COPY, which waits for two
        # checkpoints: 33 ms against 107 ms for 120 tables with indexes.
        copy = f"TEMPLATE {_refuse_odd(template)} STRATEGY WAL_LOG"
    connection = await asyncpg.connect(card.dsn("superuser", "postgres"), timeout=CONNECT_TIMEOUT_S)
    try:
        await connection.execute(f"CREATE DATABASE {name} OWNER {LOGINS['owner']} {copy}")
        await _open_to_our_logins(connection, name)
    finally:
        await connection.close()


async def drop(card: Card, name: str) -> None:
    """Drop a database, cutting off who is still connected. Does nothing when there is none of that name."""
    if _refuse_odd(name) == DATABASE:
        raise SetupProblem(f"The database {DATABASE!r} holds the books; it is dropped only together with its folder.")
    connection = await asyncpg.connect(card.dsn("superuser", "postgres"), timeout=CONNECT_TIMEOUT_S)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


async def _open_to_our_logins(connection: asyncpg.Connection, name: str) -> None:
    # Rights on a database are not copied from its template, so every new one needs this.
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {', '.join(APPLICATION_LOGINS)}")


def _refuse_odd(name: str) -> str:
    """`name`, safe to stand in a statement as it is, where no parameter can."""
    if not NAME.fullmatch(name):
        raise SetupProblem(f"{name!r} is no database name: use small letters, digits and _, at most 63 of them.")
    return name


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
