"""Whether writers to one account wait for each other: they must not, or the busiest PG would set everyone's pace."""

import asyncio
from time import perf_counter

from bench.figures import Finding, compared, interleaved
from bench.place import ROUNDS, WRITERS, Place, profiled, settled, writing
from jangbu.ledger.rules import Account, Entry, credit, debit
from jangbu.ledger.service import balances, post
from jangbu.money import Money
from jangbu.runtime import Runtime
from jangbu.wiring import Addresses

WARM_UP_EACH = 50
TOTAL, VAT = Money(11_000, "KRW"), Money(1_000, "KRW")


class _Bench:
    def __init__(self, where: Addresses, run: Runtime) -> None:
        self._where = where
        self._run = run
        self._rounds = 0
        self.each = WARM_UP_EACH
        self.posted = 0

    async def to_one(self) -> float:
        """Entries a second, all to the accounts of one store."""
        return await self._posts(["store-bench"] * WRITERS)

    async def to_many(self) -> float:
        """Entries a second, every writer to the accounts of a store of its own."""
        return await self._posts([f"store-bench-{writer}" for writer in range(WRITERS)])

    async def _posts(self, stores: list[str]) -> float:
        self._rounds += 1
        await settled(self._where)
        began = perf_counter()
        await asyncio.gather(*(self._write(writer, store) for writer, store in enumerate(stores)))
        took = perf_counter() - began
        self.posted += self.each * WRITERS
        return self.each * WRITERS / took

    async def _write(self, writer: int, store: str) -> None:
        for number in range(self.each):
            now = self._run.clock.now()
            entry = Entry(
                key=f"bench:{self._rounds}:{writer}:{number}",
                kind="bench.posted",
                happened_at=now,
                postings=(
                    *debit(Account("assets:pg_receivable", store_id=store), TOTAL),
                    *credit(Account("income:sales", store_id=store), TOTAL - VAT),
                    *credit(Account("liabilities:vat_payable", store_id=store), VAT),
                ),
            )
            async with self._run.db.transaction() as tx:
                assert await post(tx, entry, recorded_at=now), entry.key


async def measure(place: Place) -> Finding:
    """32 writers, a transaction an entry."""
    async with place.database("bench_ledger") as where, writing(where, place.home) as run:
        bench = _Bench(where, run)
        await bench.to_many()
        bench.each = max(WARM_UP_EACH, int(await bench.to_one() * place.seconds / WRITERS))
        rounds = await interleaved(ROUNDS, bench.to_one, bench.to_many, neighbours=place.neighbours)
        if place.profile:
            with profiled("ledger"):
                await bench.to_one()
        owed = sum(line.balance_minor for line in await balances(db=run.db) if line.path == "assets:pg_receivable")
    assert owed == bench.posted * TOTAL.amount_minor, f"{bench.posted} entries posted, but {owed} won are owed"
    return compared(
        "ledger",
        rounds,
        yardstick_name="32 accounts",
        at_least=0.9,
        notes=[f"{bench.posted} entries posted, and the receivables are their sum"],
    )
