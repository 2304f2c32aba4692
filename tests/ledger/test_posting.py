"""What the ledger takes and what it refuses, in Python first and in PostgreSQL whatever Python thinks (F63, F64)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from by_hand import AT, RECEIVABLE, SALES, VAT, entry, post, proof_of, sums
from jangbu import embedded
from jangbu.db import Database
from jangbu.ledger import service, store
from jangbu.ledger.rules import Account, Entry, Posting, credit, debit
from jangbu.money import Money
from jangbu.wiring import Addresses
from superuser import opened, superuser

WON = Money(1_000, "KRW")


@pytest.mark.parametrize(
    "postings",
    [
        (),
        (Posting(SALES, WON),),
        (Posting(SALES, WON), Posting(RECEIVABLE, Money(-999, "KRW"))),
        (Posting(SALES, WON), Posting(RECEIVABLE, Money(-1_000, "USD"))),
        (
            Posting(SALES, WON),
            Posting(RECEIVABLE, -WON),
            Posting(SALES, Money(1, "JPY")),
            Posting(SALES, Money(-1, "JPY")),
        ),
    ],
    ids=["empty", "single line", "unbalanced", "mixed currencies", "mixed but balanced"],
)
def test_such_an_entry_cannot_even_be_made(postings: tuple[Posting, ...]) -> None:
    with pytest.raises(AssertionError):
        Entry("hand:1", "test", AT, postings)


def test_a_posting_of_nothing_is_refused_and_a_leg_of_nothing_left_out() -> None:
    with pytest.raises(AssertionError):
        Posting(SALES, Money(0, "KRW"))
    assert debit(SALES, Money(0, "KRW")) == credit(SALES, Money(0, "KRW")) == ()
    for leg in (debit, credit):
        with pytest.raises(AssertionError):
            leg(SALES, Money(-1, "KRW"))


@pytest.mark.parametrize("path", ["assets:sales", "income:Sales", "assets:bank ", "", "assets:bank;drop"])
def test_an_account_outside_the_chart_is_refused(path: str) -> None:
    with pytest.raises(AssertionError):
        Account(path)


# The same in PostgreSQL, past Python, under the role that workers really have.
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


async def write(raw: Raw, *lines: tuple[str | int, int], currency: str = "KRW", key: str = "raw:1") -> None:
    """An entry with these lines, as one transaction."""
    connection, numbers = raw
    async with connection.transaction():
        number = await connection.fetchval(INSERT_ENTRY, key, currency)
        accounts = [numbers[account] if isinstance(account, str) else account for account, _ in lines]
        await connection.execute(INSERT_LINES, number, accounts, [amount for _, amount in lines])


async def entries_there(raw: Raw) -> int:
    return int(await raw[0].fetchval("SELECT count(*) FROM ledger_entries"))


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
    await write(raw, ("receivable", 5), ("sales", -3), ("sales", -2))
    assert await entries_there(raw) == 1


async def test_an_old_entry_cannot_grow(raw: Raw) -> None:
    connection, numbers = raw
    await write(raw, ("receivable", 5), ("sales", -5))
    number = await connection.fetchval("SELECT id FROM ledger_entries")
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


@pytest.mark.parametrize("amount", [2**53 - 1, 1])
async def test_the_largest_and_the_smallest_amount_can_be_posted(db: Database, amount: int) -> None:
    assert await post(db, entry(1, amount)) == [True]
    assert await sums(db) == {("assets:pg_receivable", "KRW"): amount, ("income:sales", "KRW"): -amount}


async def test_the_same_entry_twice_is_one(db: Database) -> None:
    assert await post(db, entry(1), entry(1)) == [True, False]
    assert (await proof_of(db)).unaltered.entries == 1
    assert await sums(db) == {("assets:pg_receivable", "KRW"): 11_000, ("income:sales", "KRW"): -11_000}


@pytest.mark.parametrize(
    "other",
    [
        entry(1, 11_001),
        entry(1, credited=VAT),
        entry(1, debited=replace(RECEIVABLE, pg="KCP_V2")),
        entry(1, currency="USD"),
        entry(1, kind="test.given_back"),
        replace(entry(1), postings=(*entry(1).postings, *debit(VAT, WON), *credit(SALES, WON))),
        replace(entry(1), postings=tuple(Posting(leg.account, -leg.amount) for leg in entry(1).postings)),
    ],
    ids=["amount", "account", "dimension", "currency", "kind", "more lines", "sides swapped"],
)
async def test_the_same_key_with_anything_else_in_it_is_an_error(db: Database, other: Entry) -> None:
    await post(db, entry(1))
    with pytest.raises(AssertionError, match="hand:1"):
        await post(db, other)
    assert await sums(db) == {("assets:pg_receivable", "KRW"): 11_000, ("income:sales", "KRW"): -11_000}


@pytest.mark.parametrize("key", ["hand:100%", "hand:a_b", "hand:a\\b", "hand:\\", "hand:'\"", "hand:"])
async def test_a_key_is_only_itself_whatever_signs_it_holds(db: Database, key: str) -> None:
    strange, neighbour = replace(entry(1), key=key), replace(entry(2, 7), key=key + "x")
    assert await post(db, neighbour, strange, strange) == [True, True, False]


async def test_twenty_who_post_the_same_at_once_make_one(db: Database) -> None:
    async def one() -> bool:
        async with db.transaction() as tx:
            return await service.post(tx, entry(1), recorded_at=AT)

    posted = await asyncio.gather(*(one() for _ in range(20)))
    assert sorted(posted) == [False] * 19 + [True]
    assert await sums(db) == {("assets:pg_receivable", "KRW"): 11_000, ("income:sales", "KRW"): -11_000}


async def test_thirty_two_at_once_to_one_account_all_land(db: Database) -> None:
    async def one(number: int) -> bool:
        async with db.transaction() as tx:
            return await service.post(tx, entry(number, 1_000 + number), recorded_at=AT)

    assert all(await asyncio.gather(*(one(number) for number in range(32))))
    total = 32 * 1_000 + 31 * 32 // 2
    assert await sums(db) == {("assets:pg_receivable", "KRW"): total, ("income:sales", "KRW"): -total}
    await service.seal(db=db)
    assert (await proof_of(db)).holds


async def test_transactions_that_make_the_same_new_accounts_do_not_deadlock(where: Addresses) -> None:
    """Each pool is a process that knows no account yet; every entry touches three accounts nobody has made."""

    async def one(number: int) -> None:
        async with opened(where.system, size_max=1) as db, db.transaction() as tx:
            new = replace(
                entry(number),
                postings=(
                    *debit(RECEIVABLE, Money(11, "KRW")),
                    *credit((SALES, VAT)[number % 2], Money(10, "KRW")),
                    *credit((VAT, SALES)[number % 2], Money(1, "KRW")),
                ),
            )
            await service.post(tx, new, recorded_at=AT)

    await asyncio.gather(*(one(number) for number in range(12)))
    async with opened(where.system) as db:
        assert (await proof_of(db)).unaltered.entries == 12


async def test_the_request_role_posts_too(where: Addresses) -> None:
    async with opened(where.request) as people, opened(where.system) as system:
        await post(people, entry(1))
        assert await service.seal(db=system) == 1
        assert (await proof_of(system)).holds


async def test_an_entry_of_a_rolled_back_transaction_never_was(db: Database) -> None:
    async def half_way() -> None:
        async with db.transaction() as tx:
            await service.post(tx, entry(1), recorded_at=AT)
            raise KeyError

    with pytest.raises(KeyError):
        await half_way()
    assert await sums(db) == {}
    assert await post(db, entry(1, 5)) == [True]


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
