"""The seal follows commits, not numbers: nothing is chained that a running transaction could still precede (F70)."""

import asyncio
from dataclasses import dataclass

import asyncpg

from by_hand import AT, entry, post, proof_of
from jangbu import audit, embedded, sealing
from jangbu.audit import Actor
from jangbu.db import Database, Query
from jangbu.ledger import service
from jangbu.wiring import Addresses
from superuser import superuser


@dataclass(frozen=True, slots=True)
class Sealed:
    """One link, by name."""

    seq: int
    key: str


CHAIN = Query(
    Sealed, "SELECT s.seq, e.key FROM ledger_seal s JOIN ledger_entries e ON e.id = s.entry_id ORDER BY s.seq"
)
WAITING = Query(int, "SELECT count(*) FROM ledger_unsealed")
AUDIT_SEALED = Query(int, "SELECT count(*) FROM audit_seal")
TAKE_A_NUMBER = Query(str, "SELECT pg_current_xact_id()::text")


async def chain(db: Database) -> list[str]:
    """The keys in seal order; the numbers must be 1, 2, 3 and so on."""
    async with db.transaction() as tx:
        found = await tx.all(CHAIN)
    assert [link.seq for link in found] == list(range(1, len(found) + 1))
    return [link.key for link in found]


async def waiting(db: Database) -> int:
    found = await db.statement(WAITING)
    assert found is not None
    return found


async def test_an_entry_is_sealed_once_and_then_waits_no_more(db: Database) -> None:
    await post(db, entry(1), entry(2))
    assert await service.seal(db=db) == 2
    assert await service.seal(db=db) == 0
    assert await chain(db) == ["hand:1", "hand:2"]
    assert await waiting(db) == 0


async def test_nothing_is_sealed_past_a_transaction_that_still_runs(db: Database) -> None:
    """The slow one holds a lower transaction number and has written; the fast ones commit before it."""
    await post(db, entry(1))
    async with db.transaction() as slow:
        await service.post(slow, entry(2), recorded_at=AT)
        await post(db, entry(3), entry(4))
        assert await service.seal(db=db) == 1
        assert await chain(db) == ["hand:1"]
        assert await waiting(db) == 2
        assert (await proof_of(db)).unaltered.tail.rows == 2
    assert await service.seal(db=db) == 3
    assert await chain(db) == ["hand:1", "hand:2", "hand:3", "hand:4"]
    assert (await proof_of(db)).holds


async def test_a_number_taken_early_and_used_late_is_waited_for_too(db: Database) -> None:
    """Its entry's id will be higher than the others', its transaction number is lower: the chain goes by the latter."""
    async with db.transaction() as slow:
        await slow.one(TAKE_A_NUMBER)
        await post(db, entry(1), entry(2))
        assert await service.seal(db=db) == 0
        await service.post(slow, entry(3), recorded_at=AT)
    assert await service.seal(db=db) == 3
    assert await chain(db) == ["hand:3", "hand:1", "hand:2"]


async def test_a_rolled_back_transaction_leaves_no_gap(db: Database) -> None:
    async def give_up() -> None:
        async with db.transaction() as tx:
            await service.post(tx, entry(2), recorded_at=AT)
            raise KeyError

    await post(db, entry(1))
    try:
        await give_up()
    except KeyError:
        await post(db, entry(3))
    assert await service.seal(db=db) == 2
    assert await chain(db) == ["hand:1", "hand:3"]


async def test_a_second_sealer_does_nothing_while_the_first_is_at_it(db: Database) -> None:
    await post(db, entry(1), entry(2))
    async with db.transaction() as first:
        assert await service.store.CHAIN.seal(first) == 2
        async with db.transaction() as second:
            assert await service.store.CHAIN.seal(second) == 0
    async with db.transaction() as third:
        assert await service.store.CHAIN.seal(third) == 0
    assert await chain(db) == ["hand:1", "hand:2"]


async def test_many_writers_and_many_sealers_make_one_chain_without_gaps(db: Database) -> None:
    written = asyncio.Event()

    async def write(start: int) -> None:
        for number in range(start, start + 10):
            await post(db, entry(number))

    async def keep_sealing() -> int:
        sealed = 0
        while not written.is_set():
            sealed += await service.seal(db=db)
            await asyncio.sleep(0)
        return sealed

    sealers = [asyncio.create_task(keep_sealing()) for _ in range(3)]
    await asyncio.gather(*(write(start) for start in range(0, 40, 10)))
    written.set()
    sealed = sum(await asyncio.gather(*sealers)) + await service.seal(db=db)
    assert sealed == 40
    assert sorted(await chain(db)) == sorted(f"hand:{number}" for number in range(40))
    assert (await proof_of(db)).holds


async def test_more_than_a_batch_is_sealed_in_several_turns(db: Database) -> None:
    many = sealing.BATCH + 3
    async with db.transaction() as tx:
        # Written past `post`, which would take a minute: only their number matters here.
        await tx.run(MANY, many=many)
    turns = [await service.seal(db=db) for _ in range(3)]
    assert turns == [sealing.BATCH, 3, 0]


MANY = Query(
    type(None),
    """
    WITH line AS (
        INSERT INTO audit_log (at, actor, action, subject, digest)
        SELECT now(), 'test', 'test.done', 'test:' || n, sha256('x') FROM generate_series(1, :many::int) n RETURNING id
    )
    INSERT INTO audit_unsealed (id) SELECT id FROM line
    """,
)


async def test_a_sealer_that_dies_leaves_the_chain_as_it_was(db: Database, where: Addresses) -> None:
    await post(db, entry(1), entry(2))
    connection = await asyncpg.connect(where.system)
    await connection.execute("BEGIN")
    await connection.execute("DELETE FROM ledger_unsealed")
    connection.terminate()
    assert await service.seal(db=db) == 2
    assert await chain(db) == ["hand:1", "hand:2"]


async def test_entries_of_a_restored_database_whose_numbers_lie_ahead_are_sealed(
    server: embedded.Embedded, where: Addresses, db: Database
) -> None:
    """A dump carries transaction numbers of the server it came from; on a fresh server they lie in the future."""
    await post(db, entry(1))
    async with superuser(server, where) as admin:
        await admin.execute("UPDATE ledger_unsealed SET xid = '999999999999'")
    await post(db, entry(2))
    assert await service.seal(db=db) == 2
    assert await chain(db) == ["hand:2", "hand:1"]


async def test_audit_lines_are_sealed_beside_the_entries(db: Database) -> None:
    async with db.transaction() as tx:
        for number in range(3):
            await audit.record(tx, at=AT, actor=Actor("test"), action="test.done", subject=f"test:{number}", n=number)
    assert await service.seal(db=db) == 3
    assert await db.statement(AUDIT_SEALED) == 3
