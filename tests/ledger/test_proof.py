"""`books verify` finds every tampering a superuser with the triggers asleep can think of (F64, F119, I01-I05).

One ledger is made once, with sealed entries and entries that wait; each test damages it, asks for the proof, and puts
it back as it was.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from by_hand import ALL_KEYS_AS_THEY_ARE, AT, entry, post, proof_of
from jangbu import embedded
from jangbu.db import Database, Query
from jangbu.ledger import service, store
from jangbu.ledger.rules import entry_digest
from jangbu.ledger.service import Expectation, Proof
from jangbu.sealing import Head
from jangbu.wiring import Addresses
from kit import fresh_database
from superuser import opened, tampering

TABLES = ("ledger_accounts", "ledger_entries", "ledger_postings", "ledger_unsealed", "ledger_seal", "ledger_snapshots")
SEALED, WAITING = 6, 2


@dataclass(frozen=True)
class Ledger:
    """A sound ledger and the hands of an intruder."""

    db: Database
    intruder: asyncpg.Connection
    head: Head


@pytest.fixture(scope="module")
async def made(server: embedded.Embedded) -> AsyncIterator[Ledger]:
    async with fresh_database(server) as where, opened(where.system) as db, tampering(server, where) as intruder:
        await fill(db)
        await intruder.execute("CREATE SCHEMA saved")
        for table in TABLES:
            await intruder.execute(f"CREATE TABLE saved.{table} AS TABLE {table}")
        yield Ledger(db, intruder, (await proof_of(db)).unaltered.head)


async def fill(db: Database) -> None:
    await post(db, *(entry(number, 1_000 * number) for number in range(1, 4)))
    await service.seal(db=db)
    async with db.transaction() as tx:
        await tx.run(store.TAKE_SNAPSHOT, every=1)
    await post(db, *(entry(number, 1_000 * number) for number in range(4, SEALED + 1)))
    await service.seal(db=db)
    await post(db, *(entry(number, 1_000 * number) for number in range(SEALED + 1, SEALED + WAITING + 1)))


@pytest.fixture
async def ledger(made: Ledger) -> AsyncIterator[Ledger]:
    """The ledger, sound before and put back after."""
    yield made
    async with made.intruder.transaction():
        await made.intruder.execute(f"TRUNCATE {', '.join(TABLES)}")
        for table in TABLES:
            await made.intruder.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE saved.{table}")


async def test_a_sound_ledger_holds(ledger: Ledger) -> None:
    proof = await proof_of(ledger.db)
    assert proof.holds, proof
    assert (proof.unaltered.entries, proof.unaltered.sealed) == (SEALED + WAITING, SEALED)
    assert proof.unaltered.tail.rows == WAITING
    assert proof.unaltered.head.seq == SEALED


OF = "entry_id = (SELECT id FROM ledger_entries WHERE key = 'hand:{}')"
NUMBER = "(SELECT id FROM ledger_entries WHERE key = 'hand:{}')"
CUT = (
    "DELETE FROM ledger_seal WHERE {of}; DELETE FROM ledger_postings WHERE {of}; "
    "DELETE FROM ledger_entries WHERE key = 'hand:{n}'"
)


def cut(number: int) -> str:
    """Remove an entry with everything that knows of it."""
    return CUT.format(of=OF.format(number), n=number)


TAMPERINGS = {
    "amount changed on both sides": f"UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE {OF.format(2)}",
    "amount changed on one side": f"UPDATE ledger_postings SET amount_minor = 1 WHERE {OF.format(2)} AND line = 1",
    "amount changed unsealed": f"UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE {OF.format(8)}",
    "sides swapped": f"UPDATE ledger_postings SET amount_minor = -amount_minor WHERE {OF.format(2)}",
    "posting removed": f"DELETE FROM ledger_postings WHERE {OF.format(3)} AND line = 2",
    "all postings removed": f"DELETE FROM ledger_postings WHERE {OF.format(3)}",
    "postings added": f"INSERT INTO ledger_postings SELECT entry_id, line + 2, account_id, amount_minor "
    f"FROM ledger_postings WHERE {OF.format(3)}",
    "posting moved to another account": "UPDATE ledger_postings SET account_id = (SELECT max(id) FROM ledger_accounts) "
    f"WHERE {OF.format(2)}",
    "posting moved to another entry": f"UPDATE ledger_postings SET entry_id = {NUMBER.format(3)}, line = line + 2 "
    f"WHERE {OF.format(2)}",
    "entry removed": "DELETE FROM ledger_entries WHERE key = 'hand:2'",
    "entry removed with postings and seal": cut(2),
    "last sealed entry removed, seal left": f"DELETE FROM ledger_postings WHERE {OF.format(6)}; "
    "DELETE FROM ledger_entries WHERE key = 'hand:6'",
    "entry inserted without a digest of its own": "INSERT INTO ledger_entries (key, kind, currency, happened_at, "
    "recorded_at, facts, digest) SELECT 'hand:99', kind, currency, happened_at, recorded_at, facts, digest "
    "FROM ledger_entries WHERE key = 'hand:1'; "
    "INSERT INTO ledger_postings SELECT (SELECT max(id) FROM ledger_entries), "
    f"line, account_id, amount_minor FROM ledger_postings WHERE {OF.format(1)}; "
    "INSERT INTO ledger_unsealed (id) SELECT max(id) FROM ledger_entries",
    "account renamed": "UPDATE ledger_accounts SET path = 'liabilities:suspense' WHERE path = 'income:sales'",
    "account given to another store": "UPDATE ledger_accounts SET store_id = 'store-2' WHERE path = 'income:sales'",
    "account given another PG": "UPDATE ledger_accounts SET pg = 'KCP_V2' WHERE path = 'assets:pg_receivable'",
    "account turned into dollars": "UPDATE ledger_accounts SET currency = 'USD' WHERE path = 'income:sales'",
    "account removed": "DELETE FROM ledger_accounts WHERE path = 'income:sales'",
    "facts changed": "UPDATE ledger_entries SET facts = facts || '{\"number\": 3}' WHERE key = 'hand:2'",
    "facts emptied": "UPDATE ledger_entries SET facts = '{}' WHERE key = 'hand:2'",
    "key renamed": "UPDATE ledger_entries SET key = 'hand:two' WHERE key = 'hand:2'",
    "keys of two entries swapped": "UPDATE ledger_entries SET key = 'hand:x' WHERE key = 'hand:2'; "
    "UPDATE ledger_entries SET key = 'hand:2' WHERE key = 'hand:3'; "
    "UPDATE ledger_entries SET key = 'hand:3' WHERE key = 'hand:x'",
    "kind changed": "UPDATE ledger_entries SET kind = 'test.gift' WHERE key = 'hand:2'",
    "currency changed": "UPDATE ledger_entries SET currency = 'USD' WHERE key = 'hand:2'",
    "moved a microsecond": "UPDATE ledger_entries SET happened_at = happened_at + interval '1us' WHERE key = 'hand:2'",
    "recorded a microsecond later": "UPDATE ledger_entries SET recorded_at = recorded_at + interval '1us' "
    "WHERE key = 'hand:2'",
    "digest changed": "UPDATE ledger_entries SET digest = sha256('x') WHERE key = 'hand:2'",
    "first seal removed": "DELETE FROM ledger_seal WHERE seq = 1",
    "middle seal removed": "DELETE FROM ledger_seal WHERE seq = 3",
    "last seal removed": "DELETE FROM ledger_seal WHERE seq = 6",
    "all seals removed": "DELETE FROM ledger_seal",
    "seal's digest changed": "UPDATE ledger_seal SET digest = sha256('x') WHERE seq = 3",
    "last seal's digest changed": "UPDATE ledger_seal SET digest = sha256('x') WHERE seq = 6",
    "seal's previous changed": "UPDATE ledger_seal SET previous = sha256('x') WHERE seq = 3",
    "seals renumbered": "UPDATE ledger_seal SET seq = seq + 100 WHERE seq > 3",
    "two seals swapped": "UPDATE ledger_seal SET seq = -seq WHERE seq IN (2, 3); "
    "UPDATE ledger_seal SET seq = 5 + seq WHERE seq < 0",
    "seal put on another entry": f"DELETE FROM ledger_unsealed WHERE id = {NUMBER.format(7)}; "
    f"UPDATE ledger_seal SET entry_id = {NUMBER.format(7)} WHERE seq = 6",
    "note of what waits removed": f"DELETE FROM ledger_unsealed WHERE id = {NUMBER.format(8)}",
    "note of what waits written again": f"INSERT INTO ledger_unsealed (id) SELECT {NUMBER.format(2)}",
    "snapshot invented": "INSERT INTO ledger_snapshots SELECT 6, id, 1 FROM ledger_accounts",
    "snapshot changed": "UPDATE ledger_snapshots SET balance_minor = balance_minor + 1",
    "snapshot of one account removed": "DELETE FROM ledger_snapshots WHERE balance_minor > 0",
}


@pytest.mark.parametrize("sql", TAMPERINGS.values(), ids=TAMPERINGS.keys())
async def test_every_tampering_is_found(ledger: Ledger, sql: str) -> None:
    before = await state(ledger)
    await ledger.intruder.execute(sql)
    assert await state(ledger) != before, "this tampering changed nothing: it proves nothing"
    found = (await proof_of(ledger.db)).unaltered
    assert not found.holds
    assert found.broken >= 1 and found.problems


async def state(ledger: Ledger) -> list[list[asyncpg.Record]]:
    return [await ledger.intruder.fetch(f"SELECT t::text FROM {table} t ORDER BY 1") for table in TABLES]


async def test_a_forged_digest_is_found_by_the_chain(ledger: Ledger) -> None:
    """The intruder knows how digests are made and mends the entry's own; the seal still remembers the old one."""
    await ledger.intruder.execute(TAMPERINGS["amount changed on both sides"])
    await forge(ledger, "hand:2")
    problems = (await proof_of(ledger.db)).unaltered.problems
    assert any("does not fit hand:2" in problem for problem in problems), problems


async def forge(ledger: Ledger, key: str) -> bytes:
    async with ledger.db.transaction() as tx:
        lie = next(one for one in [one async for one in store.stored(tx)] if one.key == key)
    digest = entry_digest(
        key=lie.key,
        kind=lie.kind,
        currency=lie.currency,
        happened_at=lie.happened_at,
        recorded_at=lie.recorded_at,
        facts=lie.facts,
        postings=[(leg[0], leg[1], leg[2], leg[3], leg[4], leg[5]) for leg in lie.legs],
    )
    await ledger.intruder.execute("UPDATE ledger_entries SET digest = $1 WHERE key = $2", digest, key)
    return digest


async def test_a_chain_rewritten_from_one_entry_on_is_found_by_a_head_kept_elsewhere(ledger: Ledger) -> None:
    """Whoever can rewrite the whole chain fools the chain; not the copy of its head (I20)."""
    await ledger.intruder.execute(TAMPERINGS["amount changed on both sides"])
    await forge(ledger, "hand:2")
    await ledger.intruder.execute("TRUNCATE ledger_seal, ledger_snapshots")
    await ledger.intruder.execute(
        "INSERT INTO ledger_unsealed (id) SELECT id FROM ledger_entries ON CONFLICT DO NOTHING"
    )
    await service.seal(db=ledger.db)
    assert (await proof_of(ledger.db)).holds, "the forgery is not good enough to test with"
    found = await with_head(ledger, ledger.head)
    assert not found.holds and "kept" in found.unaltered.problems[0]


async def with_head(ledger: Ledger, head: Head) -> Proof:
    return await service.verify(db=ledger.db, at=AT, expectations=[ALL_KEYS_AS_THEY_ARE], kept=head)


@pytest.mark.parametrize("tail", [1, 2, 6])
async def test_a_cut_tail_is_found_by_a_head_kept_elsewhere(ledger: Ledger, tail: int) -> None:
    for number in range(SEALED + WAITING, SEALED - tail, -1):
        await ledger.intruder.execute(f"DELETE FROM ledger_unsealed WHERE id = {NUMBER.format(number)}")
        await ledger.intruder.execute(cut(number))
    await ledger.intruder.execute("DELETE FROM ledger_snapshots")
    assert (await proof_of(ledger.db)).holds, "the chain alone cannot know how long it was"
    found = await with_head(ledger, ledger.head)
    assert not found.holds and "kept" in found.unaltered.problems[0]


async def test_a_head_kept_elsewhere_still_fits_when_the_chain_has_grown(ledger: Ledger) -> None:
    assert (await with_head(ledger, ledger.head)).holds
    await service.seal(db=ledger.db)
    grown = await with_head(ledger, ledger.head)
    assert grown.holds and grown.unaltered.head.seq == SEALED + WAITING
    assert (await with_head(ledger, Head(0, bytes(32)))).holds


MISSING = Query(str, "SELECT 'hand:' || n FROM generate_series(1, 9) n")
FEWER = Query(str, "SELECT 'hand:' || n FROM generate_series(1, 7) n")
STRANGE = Query(str, "SELECT 'other:1'")


async def test_an_entry_that_somebody_expects_and_is_not_there_is_named(ledger: Ledger) -> None:
    proof = await service.verify(db=ledger.db, at=AT, expectations=[Expectation("hand", "hand:", MISSING)])
    assert proof.unaltered.holds and not proof.complete.holds and not proof.holds
    assert (proof.complete.expected, proof.complete.missing, proof.complete.unexpected) == (9, ("hand:9",), ())


async def test_an_entry_that_nobody_expects_is_named(ledger: Ledger) -> None:
    proof = await service.verify(db=ledger.db, at=AT, expectations=[Expectation("hand", "hand:", FEWER)])
    assert proof.unaltered.holds and not proof.holds
    assert (proof.complete.missing, proof.complete.unexpected) == ((), ("hand:8",))
    nobody = await service.verify(db=ledger.db, at=AT, expectations=[])
    assert len(nobody.complete.unexpected) == SEALED + WAITING


async def test_a_cut_tail_is_missing_to_whoever_expects_it(ledger: Ledger) -> None:
    await ledger.intruder.execute(f"DELETE FROM ledger_unsealed WHERE id = {NUMBER.format(8)}")
    await ledger.intruder.execute(cut(8))
    eight = Query(str, "SELECT 'hand:' || n FROM generate_series(1, 8) n")
    proof = await service.verify(db=ledger.db, at=AT, expectations=[Expectation("hand", "hand:", eight)])
    assert proof.unaltered.holds and proof.complete.missing == ("hand:8",)


async def test_nobody_may_speak_for_anothers_entries(ledger: Ledger) -> None:
    with pytest.raises(AssertionError, match="left its prefix"):
        await service.verify(db=ledger.db, at=AT, expectations=[Expectation("hand", "hand:", STRANGE)])


async def test_many_problems_are_counted_and_the_first_are_shown(ledger: Ledger) -> None:
    await ledger.intruder.execute("UPDATE ledger_entries SET facts = '{}'")
    await ledger.intruder.execute("DELETE FROM ledger_postings")
    found = (await proof_of(ledger.db)).unaltered
    assert len(found.problems) == service.SHOWN_MAX < found.broken


async def test_an_empty_ledger_holds(where: Addresses) -> None:
    async with opened(where.system) as db:
        proof = await proof_of(db)
    assert proof.holds and proof.unaltered.head == Head(0, bytes(32)) and proof.unaltered.entries == 0


async def test_facts_of_every_json_kind_come_back_as_they_went(where: Addresses) -> None:
    """A digest over facts that PostgreSQL gives back in another spelling would cry wolf for ever."""
    facts = {
        "z": 1,
        "a": {"y": [1, "둘", None, True, {"deep": []}], "b": ""},
        "big": 2**53 + 1,
        "negative": -1,
        "한글": '₩ " \\ \n \t / \u2028',
        "empty": {},
    }
    async with opened(where.system) as db:
        await post(db, entry(1, facts=facts))
        await service.seal(db=db)
        assert (await proof_of(db)).holds
