"""A balance is the sum of its postings, whichever way it is added up (I03, I04), and as of any moment."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from by_hand import AT, RECEIVABLE, SALES, VAT, entry, post, proof_of, sums
from jangbu.db import Database, Query
from jangbu.ledger import service, store
from jangbu.ledger.rules import Account, shown_balance
from jangbu.ledger.store import Balance
from jangbu.money import Money

FULL_SUM = Query(
    Balance,
    """
    SELECT a.path, a.store_id, a.channel_key, a.pg, a.partner_id, a.currency,
           sum(p.amount_minor)::bigint AS balance_minor
      FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
     GROUP BY a.path, a.store_id, a.channel_key, a.pg, a.partner_id, a.currency
     ORDER BY a.path, a.store_id, a.currency, a.pg, a.channel_key, a.partner_id
    """,
)
SNAPSHOTS = Query(int, "SELECT count(DISTINCT through_seq) FROM ledger_snapshots")


async def take_snapshot(db: Database, every: int = 1) -> int:
    """Take one if it is time; how many there are then."""
    async with db.transaction() as tx:
        await tx.run(store.TAKE_SNAPSHOT, every=every)
    found = await db.statement(SNAPSHOTS)
    assert found is not None
    return found


async def all_ways_agree(db: Database) -> list[Balance]:
    """Snapshot and tail, the full sum, and everything up to the end of time."""
    async with db.transaction(snapshot=True) as tx:
        full = await tx.all(FULL_SUM)
    assert await service.balances(db=db) == full
    assert await service.balances(db=db, at=AT + timedelta(days=36_500)) == full
    return full


async def test_every_stage_between_posting_and_snapshot_gives_the_same_balances(db: Database) -> None:
    await post(db, *(entry(number, 1_000 + number) for number in range(5)))
    unsealed = await all_ways_agree(db)
    await service.seal(db=db)
    assert await all_ways_agree(db) == unsealed
    assert await take_snapshot(db) == 1
    assert await all_ways_agree(db) == unsealed

    await post(db, *(entry(number, 7, currency="USD", debited=Account("assets:bank")) for number in range(5, 8)))
    await post(db, *(entry(number, 10, credited=VAT) for number in range(8, 11)))
    grown = await all_ways_agree(db)
    assert grown != unsealed
    await service.seal(db=db)
    assert await all_ways_agree(db) == grown
    assert await take_snapshot(db) == 2
    assert await all_ways_agree(db) == grown
    assert (await proof_of(db)).holds


async def test_a_snapshot_is_taken_when_it_is_time_and_only_then(db: Database) -> None:
    assert await take_snapshot(db) == 0
    await post(db, entry(1))
    assert await take_snapshot(db) == 0, "nothing is sealed yet"
    await service.seal(db=db)
    assert await take_snapshot(db, every=2) == 0
    assert await take_snapshot(db, every=1) == 1
    assert await take_snapshot(db, every=1) == 1, "the same snapshot twice would count everything twice"
    await all_ways_agree(db)


async def test_balances_as_of_a_past_moment(db: Database) -> None:
    await post(db, *(entry(number, 100) for number in (1, 2, 3)))
    await service.seal(db=db)
    await take_snapshot(db)
    await post(db, entry(4, 100))
    receivable = ("assets:pg_receivable", "KRW")
    at = [AT + timedelta(minutes=number) for number in range(6)]
    assert [(await sums(db, one)).get(receivable, 0) for one in at] == [0, 100, 200, 300, 400, 400]
    just_before = at[2] - timedelta(microseconds=1)
    assert (await sums(db, just_before))[receivable] == 100


async def test_an_entry_of_yesterday_posted_today_is_in_yesterdays_balance(db: Database) -> None:
    await post(db, entry(5, 100))
    await service.seal(db=db)
    await take_snapshot(db)
    await post(db, entry(1, 30))
    assert (await sums(db, AT + timedelta(minutes=2)))["assets:pg_receivable", "KRW"] == 30
    assert (await sums(db))["assets:pg_receivable", "KRW"] == 130


async def test_dimensions_and_currencies_are_told_apart(db: Database) -> None:
    other_store = Account("income:sales", store_id="store-2")
    await post(
        db,
        entry(1, 10),
        entry(2, 20, credited=other_store),
        entry(3, 30, currency="USD"),
        entry(4, 40, debited=Account("assets:pg_receivable", store_id="store-1", channel_key="channel-2", pg="KCP_V2")),
    )
    found = {
        (line.path, line.store_id, line.channel_key, line.currency): line.balance_minor
        for line in await service.balances(db=db)
    }
    assert found == {
        ("assets:pg_receivable", "store-1", "channel-1", "KRW"): 30,
        ("assets:pg_receivable", "store-1", "channel-1", "USD"): 30,
        ("assets:pg_receivable", "store-1", "channel-2", "KRW"): 40,
        ("income:sales", "store-1", "", "KRW"): -50,
        ("income:sales", "store-1", "", "USD"): -30,
        ("income:sales", "store-2", "", "KRW"): -20,
    }


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("post"), st.integers(1, 2**40), st.sampled_from(["KRW", "USD"])),
            st.tuples(st.just("seal"), st.just(0), st.just("")),
            st.tuples(st.just("snapshot"), st.just(0), st.just("")),
        ),
        max_size=14,
    )
)
async def test_in_whatever_order_posting_sealing_and_snapshots_come(
    db: Database, steps: list[tuple[str, int, str]]
) -> None:
    """One growing ledger over all examples: balances are right after every step, and currencies sum to zero."""
    for step, amount, currency in steps:
        if step == "post":
            number = await db.statement(NEXT_NUMBER)
            await post(db, entry(number or 0, amount, currency=currency))
        elif step == "seal":
            await service.seal(db=db)
        else:
            await take_snapshot(db)
        for currency_there in ("KRW", "USD"):
            lines = [line.balance_minor for line in await all_ways_agree(db) if line.currency == currency_there]
            assert sum(lines) == 0


NEXT_NUMBER = Query(int, "SELECT count(*) FROM ledger_entries")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("assets:bank", 5),
        ("expenses:pg_fee", 5),
        ("liabilities:vat_payable", -5),
        ("income:sales", -5),
        ("equity:opening", -5),
    ],
)
def test_a_balance_is_shown_positive_on_the_side_where_its_account_grows(path: str, shown: int) -> None:
    assert shown_balance(path, Money(5, "KRW")) == Money(shown, "KRW")


async def test_the_journal_holds_its_borders_and_its_prefix(db: Database) -> None:
    await post(db, *(entry(number, 100) for number in (1, 2, 3)))
    minute = [AT + timedelta(minutes=number) for number in range(5)]
    found = await service.journal(db=db, since=minute[1], until=minute[3])
    assert [(line.key, line.line, line.amount_minor) for line in found] == [
        ("hand:1", 1, 100),
        ("hand:1", 2, -100),
        ("hand:2", 1, 100),
        ("hand:2", 2, -100),
    ]
    assert found[0].path == RECEIVABLE.path and found[1].path == SALES.path
    assert await service.journal(db=db, since=minute[1], until=minute[1]) == []
    assert await service.journal(db=db, since=minute[0], until=minute[4], prefix="hand:2%") == []
    assert len(await service.journal(db=db, since=minute[0], until=minute[4], prefix="hand:2")) == 2
