"""The paid path, from PortOne's answer to the commit, against pgbench sending the same statements."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench import pgbench
from bench.figures import Finding, compared, interleaved
from bench.place import ROUNDS, WRITERS, Place, profiled, settled, writing
from jangbu import sandbox
from jangbu.audit import Actor
from jangbu.db import Database
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.sync import sync
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.sandbox.testing import Sandbox
from jangbu.wiring import Addresses

BENCH = Actor("bench")
AMOUNT = 12_300
MARK = "0123456789abcdef0123456789abcdef"
WARM_UP_EACH = 30
TABLES = ("ledger_entries", "events", "audit_log")

FILL = """
    INSERT INTO payments (id, store_id, provider_order_id, order_name, amount, tax_free_amount, currency, tax_profile,
                          status, expires_at, due_at, created_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, $1, lpad(to_hex(n), 32, '0'), '보리차', $2, 0, 'KRW', 'taxable', 'READY',
           now() + interval '1 day', now() + interval '2 minutes', now()
      FROM generate_series($3::bigint, $4::bigint) AS n
"""


@dataclass(frozen=True)
class _Paid:
    """A PortOne that answers at once that any payment was paid, in the sandbox's own words."""

    answer: bytes

    async def send(self, _method: str, target: str, *_: Any) -> tuple[int, Mapping[str, str], bytes]:
        asked = target.removeprefix("/payments/").partition("?")[0]
        return 200, {"content-type": "application/json"}, self.answer.replace(MARK.encode(), asked.encode())


@dataclass
class _Bench:
    place: Place
    where: Addresses
    run: Runtime
    portone: PortOne
    each: int = WARM_UP_EACH
    used: int = 0
    ours: int = 0

    async def fresh(self) -> int:
        """Payments that wait to be paid, `each` for every writer; the number of the first."""
        first, count = self.used, self.each * WRITERS
        self.used += count
        connection = await asyncpg.connect(self.where.owner)
        try:
            await connection.execute(FILL, sandbox.STORE_ID, AMOUNT, first, first + count - 1)
        finally:
            await connection.close()
        await settled(self.where)
        return first

    async def through_our_code(self) -> float:
        """Payments a second through `sync`."""
        first = await self.fresh()
        work = [
            [_payment(pgbench.numbered(first + writer * self.each + i), self.run) for i in range(self.each)]
            for writer in range(WRITERS)
        ]
        began = perf_counter()
        await asyncio.gather(*(self._pay(payments) for payments in work))
        took = perf_counter() - began
        self.ours += self.each * WRITERS
        return self.each * WRITERS / took

    async def _pay(self, payments: list[Payment]) -> None:
        for payment in payments:
            after = await sync(payment, actor=BENCH, run=self.run, portone=self.portone)
            assert after.status is Status.PAID, after

    async def through_pgbench(self, script: pgbench.Script) -> float:
        """Payments a second through pgbench, as the same login."""
        first = await self.fresh()
        return await pgbench.run(
            self.place.server.bin_dir,
            self.where.system,
            script,
            self.place.home / "paid.sql",
            clients=WRITERS,
            threads=2,
            each=self.each,
            first=first,
        )


async def measure(place: Place) -> Finding:
    """32 tasks on 32 connections against 32 clients on 2 threads, fresh payments for each."""
    async with place.database("bench_paid") as where, writing(where, place.home) as run:
        portone = PortOne(_Paid(await _answer()), api_secret=sandbox.API_SECRET, store_id=None)
        bench = _Bench(place, where, run, portone)
        # Accounts are made and looked up once in a program's life; the script should not look them up each time.
        await bench.through_our_code()
        script = await _as_sent(bench)
        await bench.through_pgbench(script)
        bench.each = max(WARM_UP_EACH, int(await bench.through_our_code() * place.seconds / WRITERS))
        rounds = await interleaved(
            ROUNDS, bench.through_our_code, lambda: bench.through_pgbench(script), neighbours=place.neighbours
        )
        if place.profile:
            first_used = bench.used
            with profiled("paid"):
                await bench.through_our_code()
            assert bench.used > first_used
        counted = await _counted(where)
    assert set(counted.values()) == {bench.used}, f"{bench.used} payments were paid, but: {counted}"
    return compared(
        "paid",
        rounds,
        yardstick_name="pgbench",
        at_least=0.4,
        notes=[f"{bench.used} payments = PAID rows = entries = events = audit lines, {bench.ours} of them by our code"],
    )


async def _answer() -> bytes:
    """What PortOne's sandbox says of a paid payment whose id is MARK."""
    portone = Sandbox()
    await portone.pre_register(MARK, AMOUNT)
    await portone.pay(MARK)
    headers = {"authorization": f"PortOne {sandbox.API_SECRET}"}
    status, _, body = await portone.transport.send("GET", f"/payments/{MARK}", headers)
    assert status == 200, body
    return body


async def _as_sent(bench: _Bench) -> pgbench.Script:
    """The statements of one payment, as the driver logs them."""
    bench.each = 1
    first = await bench.fresh()
    bench.each = WARM_UP_EACH
    sent: list[tuple[str, list[Any]]] = []
    db = await Database(bench.where.system, name="bench", size_min=1, size_max=1).open()
    run = Runtime(settings=bench.run.settings, db=db, clock=bench.run.clock, ids=bench.run.ids, waker=bench.run.waker)
    try:
        # The first payment looks its accounts up, and fills the caches; the second one is the script.
        await sync(_payment(pgbench.numbered(first), run), actor=BENCH, run=run, portone=bench.portone)
        async with db.pool.acquire() as connection:
            connection.add_query_logger(lambda logged: sent.append((logged.query, list(logged.args))))
        subject = pgbench.numbered(first + 1)
        await sync(_payment(subject, run), actor=BENCH, run=run, portone=bench.portone)
        for number in range(first + 2, bench.used):
            await sync(_payment(pgbench.numbered(number), run), actor=BENCH, run=run, portone=bench.portone)
    finally:
        await db.close()
    script = _first_transaction(sent)
    assert script[0][0].startswith("BEGIN"), "the log does not start with a transaction"
    return pgbench.Script(script, subject)


def _first_transaction(sent: list[tuple[str, list[Any]]]) -> list[tuple[str, list[Any]]]:
    end = next(index for index, (sql, _) in enumerate(sent) if sql.startswith("COMMIT"))
    return sent[: end + 1]


def _payment(payment_id: UUID, run: Runtime) -> Payment:
    """What the service holds of a payment before it is asked about; only its ids are read."""
    now = run.clock.now()
    return Payment(
        id=payment_id,
        store_id=sandbox.STORE_ID,
        order_id=None,
        provider_order_id=payment_id.hex,
        order_name="보리차",
        amount=AMOUNT,
        tax_free_amount=0,
        currency="KRW",
        tax_profile="taxable",
        status=Status.READY,
        expires_at=now + timedelta(days=1),
        created_at=now,
    )


async def _counted(where: Addresses) -> dict[str, int]:
    connection = await asyncpg.connect(where.owner)
    try:
        counted = {"paid": await connection.fetchval("SELECT count(*) FROM payments WHERE status = 'PAID'")}
        for table in TABLES:
            counted[table] = await connection.fetchval(f"SELECT count(*) FROM {table}")
    finally:
        await connection.close()
    return counted
