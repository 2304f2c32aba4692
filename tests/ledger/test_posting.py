"""What the ledger takes: balanced entries, each once, from however many at a time (F62, F63)."""

import asyncio
from dataclasses import replace

import pytest

from by_hand import AT, RECEIVABLE, SALES, VAT, entry, post, proof_of, sums
from jangbu.db import Database
from jangbu.ledger import service
from jangbu.ledger.rules import Account, Entry, Posting, credit, debit
from jangbu.money import Money
from jangbu.wiring import Addresses
from superuser import opened

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


@pytest.mark.parametrize("amount", [2**53 - 1, 1])
async def test_the_largest_and_the_smallest_amount_can_be_posted(db: Database, amount: int) -> None:
    assert await post(db, entry(1, amount)) == [True]
    assert await sums(db) == {("assets:pg_receivable", "KRW"): amount, ("income:sales", "KRW"): -amount}


async def test_the_same_entry_twice_is_one(db: Database) -> None:
    assert await post(db, entry(1), entry(1)) == [True, False]
    assert (await proof_of(db)).unaltered.entries == 1
    assert await sums(db) == {("assets:pg_receivable", "KRW"): 11_000, ("income:sales", "KRW"): -11_000}


OTHERS = {
    "amount": entry(1, 11_001),
    "account": entry(1, credited=VAT),
    "dimension": entry(1, debited=replace(RECEIVABLE, pg="KCP_V2")),
    "currency": entry(1, currency="USD"),
    "kind": entry(1, kind="test.given_back"),
    "more lines": replace(entry(1), postings=(*entry(1).postings, *debit(VAT, WON), *credit(SALES, WON))),
    "sides swapped": replace(entry(1), postings=tuple(Posting(leg.account, -leg.amount) for leg in entry(1).postings)),
}


async def test_the_same_key_with_anything_else_in_it_is_an_error(db: Database) -> None:
    await post(db, entry(1))
    for other in OTHERS.values():
        with pytest.raises(AssertionError, match="hand:1 was posted with other figures"):
            await post(db, other)
    assert await sums(db) == {("assets:pg_receivable", "KRW"): 11_000, ("income:sales", "KRW"): -11_000}


async def test_a_key_is_only_itself_whatever_signs_it_holds(db: Database) -> None:
    for key in ("hand:100%", "hand:a_b", "hand:a\\b", "hand:\\", "hand:'\"", "hand:"):
        strange, neighbour = replace(entry(1), key=key), replace(entry(2, 7), key=key + "x")
        assert await post(db, neighbour, strange, strange) == [True, True, False], key


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
    async with opened(where.request, sighted=True) as people, opened(where.system) as system:
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
