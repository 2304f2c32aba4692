"""The sandbox: how fast it answers and tells, how large its world grows, how long a year of subscriptions takes."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import perf_counter
from typing import Any

import aiohttp

from bench.figures import Finding, compared, interleaved
from bench.place import ROUNDS, Place
from bench.sandbox_server import CONSTANT_PATH
from bench.sandbox_world import charge, empty
from jangbu.sandbox import API_SECRET
from jangbu.sandbox.core.webhooks import HttpDeliver
from jangbu.sandbox.testing import Sandbox

CONNECTIONS = 32
PAYMENTS = 1_000
SENDINGS = 500
GROWN_TO = 100_000
MILLION = 1_000_000
SMALL_ENOUGH_GIB = 2
SUBSCRIBERS, MONTHS = 1_000, 12
YEAR_S = 60
PATIENCE_S = 600


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    """A sandbox in a process of its own; yields its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sandbox_server", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"payments": PAYMENTS}).encode() + b"\n")
    try:
        said = await process.stdout.readline()
        assert said, "the server did not start; its words are above"
        yield f"http://127.0.0.1:{json.loads(said)['port']}"
    finally:
        process.stdin.close()
        await process.wait()
    assert process.returncode == 0, "the server failed; its words are above"


async def reads(place: Place) -> Finding:
    """GET of one payment among a thousand, against an answer of its size that nobody computes."""
    async with _server() as base, _session() as http:

        async def of_payments() -> float:
            return await _rate(http, place.seconds, lambda number: f"{base}/payments/ord-{number % PAYMENTS:08d}")

        async def of_constants() -> float:
            return await _rate(http, place.seconds, lambda _: base + CONSTANT_PATH)

        rounds = await interleaved(ROUNDS, of_payments, of_constants, neighbours=place.neighbours)
    return compared("sandbox reads", rounds, yardstick_name="constant answer", at_least=0.25)


async def _rate(http: aiohttp.ClientSession, seconds: float, url_of: Any) -> float:
    """Answers a second over so many connections."""
    began = perf_counter()
    count = 0

    async def line() -> None:
        nonlocal count
        while perf_counter() - began < seconds:
            count += 1
            async with http.get(url_of(count)) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

    await asyncio.gather(*(line() for _ in range(CONNECTIONS)))
    return count / (perf_counter() - began)


def _session() -> aiohttp.ClientSession:
    headers = {"authorization": f"PortOne {API_SECRET}"}
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), headers=headers)


async def webhooks(place: Place) -> Finding:
    """Webhooks signed, sent and written down, against bodies of their size that are only sent."""
    async with _server() as base:
        url, deliver = base + CONSTANT_PATH, HttpDeliver()

        async def signed() -> float:
            """Each batch in a world of its own: what is measured is sending, not a world that grows."""
            sent, took_s = 0, 0.0
            while took_s < place.seconds:
                parts = empty(deliver, webhook_url=url)
                for number in range(SENDINGS):
                    charge(parts, f"ord-{number:08d}")
                sent += len(parts.world.state.deliveries)
                began = perf_counter()
                await parts.clock.run_due()
                took_s += perf_counter() - began
                assert all(each.state == "DELIVERED" for each in parts.world.state.deliveries)
            return sent / took_s

        async def plain() -> float:
            headers, body = {"content-type": "application/json"}, b"x" * 250
            sent, began = 0, perf_counter()
            while perf_counter() - began < place.seconds:
                await asyncio.gather(*(deliver(url, headers, body) for _ in range(SENDINGS)))
                sent += SENDINGS
            return sent / (perf_counter() - began)

        try:
            rounds = await interleaved(ROUNDS, signed, plain, neighbours=place.neighbours)
        finally:
            await deliver.close()
    return compared("sandbox webhooks", rounds, yardstick_name="only sent", at_least=0.5)


async def memory(_: Place) -> Finding:
    """What a world of a million payments takes, from one of a hundred thousand."""
    alone = await _bytes_of_a_payment(with_webhooks=False)
    told = await _bytes_of_a_payment(with_webhooks=True)
    gib, told_gib = (each * MILLION / 2**30 for each in (alone, told))
    note = f"{gib:.2f} GiB for a million payments, from {GROWN_TO:,}; {told_gib:.2f} with a webhook for each"
    return Finding(
        "sandbox memory",
        "bytes/payment",
        [alone],
        [],
        "",
        f"< {SMALL_ENOUGH_GIB} GiB for a million, with a webhook each too",
        max(gib, told_gib) < SMALL_ENOUGH_GIB,
        [note],
    )


async def _bytes_of_a_payment(*, with_webhooks: bool) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sandbox_world", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    orders = json.dumps({"payments": GROWN_TO, "webhooks": with_webhooks}).encode()
    said, _ = await asyncio.wait_for(process.communicate(orders), PATIENCE_S)
    assert process.returncode == 0, "the world did not grow; its words are above"
    return float(json.loads(said)["bytes"])


async def year(_: Place) -> Finding:
    """A year of monthly charges by schedules, each made through the API a month before."""
    sandbox = Sandbox()
    began = perf_counter()
    keys = [await sandbox.billing_key() for _ in range(SUBSCRIBERS)]
    for month in range(MONTHS):
        at = sandbox.clock.now() + timedelta(days=30)
        for number, key in enumerate(keys):
            status, answer = await sandbox.schedule(f"sub{number:05d}m{month:02d}", key, at, 9_900)
            assert status == 200, answer
        await sandbox.move(timedelta(days=30))
    took_s = perf_counter() - began
    charged = sum(event.amount_minor for event in sandbox.world.state.events)
    assert charged == SUBSCRIBERS * MONTHS * 9_900, f"{charged} was charged"
    return Finding(
        "sandbox year",
        "s",
        [took_s],
        [],
        "",
        f"< {YEAR_S} s",
        took_s < YEAR_S,
        [f"{SUBSCRIBERS * MONTHS:,} charges of {SUBSCRIBERS:,} subscribers, each scheduled, made at its time"],
    )
