"""What PostgreSQL itself refuses, past Python and whatever Python thinks, under the roles we really have (F63, F64)."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from by_hand import RECEIVABLE, SALES, entry, post
from jangbu import embedded
from jangbu.db import Database
from jangbu.ledger import store
from jangbu.wiring import Addresses
from kit import fresh_database
from superuser import superuser


@pytest.fixture(scope="module")
async def where(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """One database for all of these: what is refused leaves nothing behind."""
    async with fresh_database(server) as addresses:
        yield addresses


INSERT_ENTRY = """
    INSERT INTO ledger_entries (key, kind, currency, happened_at, recorded_at, digest)
    VALUES ($1, 'test', $2, now(), now(), sha256(convert_to($1::text, 'UTF8'))) RETURNING id
"""
INSERT_LINES = """
    INSERT INTO ledger_postings (entry_id, line, account_id, amount_minor)
    SELECT $1, line, account, amount
      FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS leg (account, amount, line)
"""


@pytest.fixture
async def raw(db: Database, where: Addresses) -> AsyncIterator[tuple[asyncpg.Connection, dict[str, int]]]:
    """A bare connection of the system role, and the numbers of two won accounts and a dollar account."""
    async with db.transaction() as tx:
        numbers = {
            "receivable": await store.account_id(tx, RECEIVABLE, "KRW"),
            "sales": await store.account_id(tx, SALES, "KRW"),
            "dollars": await store.account_id(tx, SALES, "USD"),
        }
    connection = await asyncpg.connect(where.system)
    yield connection, numbers
    await connection.close()


Raw = tuple[asyncpg.Connection, dict[str, int]]


async def write(raw: Raw, *lines: tuple[str | int, int], key: str = "raw:1") -> None:
    """An entry with these lines, as one transaction."""
    connection, numbers = raw
    async with connection.transaction():
        number = await connection.fetchval(INSERT_ENTRY, key, "KRW")
        accounts = [numbers[account] if isinstance(account, str) else account for account, _ in lines]
        await connection.execute(INSERT_LINES, number, accounts, [amount for _, amount in lines])


async def entries_there(raw: Raw, key: str = "raw:1") -> int:
    return int(await raw[0].fetchval("SELECT count(*) FROM ledger_entries WHERE key = $1", key))


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ((), "ledger_entry_balances"),
        ((("sales", -5),), "ledger_entry_balances"),
        ((("receivable", 5), ("sales", -4)), "ledger_entry_balances"),
        ((("receivable", 5), ("sales", 5)), "ledger_entry_balances"),
        ((("receivable", 5), ("dollars", -5)), "ledger_postings_fit"),
        ((("receivable", 5), (999_999, -5)), "ledger_postings_fit"),
        ((("receivable", 5), ("sales", -5), ("sales", 0)), "ledger_posting_not_zero"),
    ],
    ids=["no lines", "one line", "off by one", "same sides", "two currencies", "unknown account", "zero"],
)
async def test_postgresql_refuses_what_python_would(raw: Raw, lines: Any, rule: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await write(raw, *lines)
    assert refused.value.constraint_name == rule
    assert await entries_there(raw) == 0


async def test_postgresql_takes_what_is_right(raw: Raw) -> None:
    await write(raw, ("receivable", 5), ("sales", -3), ("sales", -2), key="raw:right")
    assert await entries_there(raw, "raw:right") == 1


async def test_an_old_entry_cannot_grow(raw: Raw) -> None:
    connection, numbers = raw
    await write(raw, ("receivable", 5), ("sales", -5), key="raw:old")
    number = await connection.fetchval("SELECT id FROM ledger_entries WHERE key = 'raw:old'")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(
            "INSERT INTO ledger_postings VALUES ($1, 3, $2, 7), ($1, 4, $3, -7)",
            number,
            numbers["receivable"],
            numbers["sales"],
        )
    assert refused.value.constraint_name == "ledger_postings_fit"


async def test_a_posting_without_an_entry_is_refused(raw: Raw) -> None:
    connection, numbers = raw
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await connection.execute("INSERT INTO ledger_postings VALUES (999999, 1, $1, 7)", numbers["sales"])


@pytest.mark.parametrize("asked", ["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ledger_entry_balances IMMEDIATE"])
async def test_having_the_balance_checked_early_opens_no_gap(raw: Raw, asked: str) -> None:
    """The deferred check looks once per entry; asked to look early, it must not miss what is posted afterwards."""
    connection, numbers = raw

    async def sneak() -> None:
        async with connection.transaction():
            number = await connection.fetchval(INSERT_ENTRY, "raw:1", "KRW")
            await connection.execute(INSERT_LINES, number, [numbers["receivable"], numbers["sales"]], [5, -5])
            await connection.execute(asked)
            await connection.execute(
                "INSERT INTO ledger_postings VALUES ($1, 3, $2, 1_000_000)", number, numbers["receivable"]
            )

    with pytest.raises(asyncpg.CheckViolationError):
        await sneak()
    assert await entries_there(raw) == 0


async def test_the_superuser_cannot_rewrite_an_entry_either(
    server: embedded.Embedded, where: Addresses, db: Database
) -> None:
    await post(db, entry(1))
    async with superuser(server, where) as connection:
        for statement in (
            "UPDATE ledger_postings SET amount_minor = amount_minor * 2",
            "DELETE FROM ledger_entries",
            "TRUNCATE ledger_entries CASCADE",
            """
            INSERT INTO ledger_accounts (path, store_id, channel_key, pg, partner_id, currency)
            SELECT path, store_id, channel_key, pg, partner_id, currency FROM ledger_accounts
                ON CONFLICT ON CONSTRAINT ledger_account_is_one DO UPDATE SET pg = 'x'
            """,
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement)
