"""Deliveries against POSTs of which a row is committed; the head of a long feed against that of a short one."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import asyncpg

from bench.figures import Finding, compared, interleaved
from bench.place import ROUNDS, Place, profiled, settled, writing
from jangbu.audit import Actor
from jangbu.outbox.egress import policy_of
from jangbu.outbox.rules import Endpoint, secret_of, signed_headers
from jangbu.outbox.sender import HttpSender
from jangbu.outbox.service import delivery, endpoints, feed
from jangbu.runtime import Runtime
from jangbu.wiring import Addresses

EVENTS, FEW_EVENTS = 1_000_000, 1_000
READERS = 8
PAGE = 100
BENCH = Actor("bench")

# What a payment announces, as many as wanted, written by the owner past the trigger: filling is not what is measured.
FILL = """
    WITH made AS (
        INSERT INTO events (id, type, subject, store_id, happened_at, data)
        SELECT gen_random_uuid(), 'payment.paid', 'payment:' || n, 'store-bench', now(),
               jsonb_build_object('id', n, 'amount', 11000, 'currency', 'KRW', 'status', 'PAID', 'orderId', 'o-' || n)
          FROM generate_series(1::int, $1::int) AS n
        RETURNING id, type, subject, store_id, happened_at
    )
    INSERT INTO outbox_feed (seq, event_id, type, subject, store_id, happened_at)
    SELECT (SELECT coalesce(max(seq), 0) FROM outbox_feed) + row_number() OVER (), * FROM made
"""


async def measure(place: Place) -> Finding:
    """8 lanes to one receiver on this machine."""
    async with (
        place.database("bench_outbox") as where,
        writing(where, place.home) as run,
        _receiver() as url,
        HttpSender(policy_of("", mode="sandbox")) as sender,
    ):
        bench = _Deliveries(where, run, sender, url)
        await bench.ready()
        await bench.bare()
        bench.each = max(200, int(await bench.delivered() * place.seconds))
        rounds = await interleaved(ROUNDS, bench.delivered, bench.bare, neighbours=place.neighbours)
        if place.profile:
            with profiled("outbox"):
                await bench.delivered()
        connection = await asyncpg.connect(where.owner)
        done = await connection.fetchval("SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'")
        await connection.close()
    assert done == bench.sent, f"{bench.sent} sent, {done} recorded as delivered"
    notes = [f"{done} events sent = deliveries recorded"]
    return compared("outbox", rounds, yardstick_name="POST and a row", at_least=0.4, notes=notes)


class _Deliveries:
    def __init__(self, where: Addresses, run: Runtime, sender: HttpSender, url: str) -> None:
        self._where = where
        self._run = run
        self._sender = sender
        self._url = url
        self._endpoint: Endpoint | None = None
        self.each = 200
        self.sent = 0

    async def ready(self) -> None:
        """Make the endpoint, and the yardstick's table."""
        connection = await asyncpg.connect(self._where.owner)
        await connection.execute("CREATE TABLE bench_done (n bigint)")
        await connection.execute("GRANT INSERT ON bench_done TO jangbu_system")
        await connection.close()
        self._endpoint, _ = await endpoints.create(self._url, types=[], actor=BENCH, run=self._run, sender=self._sender)

    async def delivered(self) -> float:
        """Deliveries a second, from due to recorded."""
        assert self._endpoint is not None
        await _fill(self._where, self.each)
        while await feed.advance(run=self._run):
            pass
        await settled(self._where)
        began, done = perf_counter(), 0
        while done < self.each:
            tried = await delivery.deliver(self._endpoint.id, run=self._run, sender=self._sender)
            assert tried, f"{self.each - done} were due and nothing was sent"
            done += tried
        took = perf_counter() - began
        self.sent += done
        return done / took

    async def bare(self) -> float:
        """Signed POSTs a second, each with a row committed: the least that remembering takes."""
        secret, body = secret_of(bytes(32)), b'{"id":"x","seq":1,"data":{"amount":11000,"currency":"KRW"}}' * 5
        left = self.each

        async def lane() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                headers = signed_headers([secret], "bench", self._run.clock.now(), body)
                answer = await self._sender.post(self._url, headers, body)
                assert answer.outcome == "delivered", answer
                await self._run.db.pool.execute("INSERT INTO bench_done VALUES (1)")

        began = perf_counter()
        await asyncio.gather(*(lane() for _ in range(delivery.LANES)))
        return self.each / (perf_counter() - began)


async def measure_feed(place: Place) -> Finding:
    """8 readers at the head of a million events, and of a thousand."""
    async with (
        place.database("bench_feed_long") as long,
        place.database("bench_feed_short") as short,
        writing(long, place.home) as long_run,
        writing(short, place.home) as short_run,
    ):
        for where, events in ((long, EVENTS), (short, FEW_EVENTS)):
            await _fill(where, events)
            await settled(where)
        await _reads(short_run, 0.5)
        rounds = await interleaved(
            ROUNDS,
            lambda: _reads(long_run, place.seconds),
            lambda: _reads(short_run, place.seconds),
            neighbours=place.neighbours,
        )
    return compared(
        "feed",
        rounds,
        yardstick_name=f"{FEW_EVENTS:,} events",
        at_least=0.8,
        notes=[f"pages of {PAGE} events at the head of {EVENTS:,}"],
    )


async def _reads(run: Runtime, seconds: float) -> float:
    """Pages a second at the head."""
    head = await feed.head(run=run)
    began, read = perf_counter(), 0

    async def reader() -> None:
        nonlocal read
        while perf_counter() - began < seconds:
            page = await feed.read(after=head - PAGE, most=PAGE, run=run)
            assert len(page.events) == PAGE
            read += 1

    await asyncio.gather(*(reader() for _ in range(READERS)))
    return read / (perf_counter() - began)


async def _fill(where: Addresses, events: int) -> None:
    connection = await asyncpg.connect(where.owner)
    try:
        async with connection.transaction():
            await connection.execute("ALTER TABLE events DISABLE TRIGGER wait_for_the_feed")
            await connection.execute(FILL, events, timeout=300)
            await connection.execute("ALTER TABLE events ENABLE TRIGGER wait_for_the_feed")
    finally:
        await connection.close()


@asynccontextmanager
async def _receiver() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.outbox_receiver", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        process.stdin.close()
        await process.wait()
