"""PortOne's webhook over HTTP, written down with its job, against the same route without a database."""

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import asyncpg

from bench.figures import Finding, compared, interleaved
from bench.place import ROUNDS, WRITERS, Place
from bench.webhook_server import BARE_PATH
from jangbu.inbox.api import PATHS
from jangbu.wiring import Addresses

SECRET = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmU="  # noqa: S105 (of a server that lives for a minute)
NUMBERS_A_RUN = 1_000_000
PATIENCE_S = 60
"""How much longer than its sending a client may take to start, sign and count."""


async def measure(place: Place) -> Finding:
    """32 connections, one server process, a client process of its own."""
    async with place.database("bench_webhook") as where:
        async with _server(place, where, profile=False) as port:
            client = _Client(port, place.seconds)
            await client.run(PATHS[0], seconds=1)
            await client.run(BARE_PATH, seconds=1)
            client.p99_ms.clear()
            rounds = await interleaved(
                ROUNDS, lambda: client.run(PATHS[0]), lambda: client.run(BARE_PATH), neighbours=place.neighbours
            )
        if place.profile:
            async with _server(place, where, profile=True) as port:
                client.port = port
                await client.run(PATHS[0])
        rows, jobs = await _written(where)
        assert rows == jobs == client.accepted, f"{client.accepted} accepted, {rows} rows, {jobs} jobs"
    p99_ms = statistics.median(client.p99_ms)
    return compared(
        "webhook",
        rounds,
        yardstick_name="no database",
        at_least=0.45,
        notes=[f"{rows} accepted = rows = jobs; 99 in 100 answered within {p99_ms:.0f} ms"],
    )


class _Client:
    """Runs the client process, with webhooks never sent before."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.accepted = 0
        self.p99_ms: list[float] = []
        self._seconds = seconds
        self._runs = 0

    async def run(self, path: str, *, seconds: float | None = None) -> float:
        """Webhooks a second."""
        self._runs += 1
        seconds = seconds or self._seconds
        orders = {
            "port": self.port,
            "path": path,
            "seconds": seconds,
            "connections": WRITERS,
            "secret": SECRET,
            "first": self._runs * NUMBERS_A_RUN,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.webhook_client", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(json.dumps(orders).encode()), seconds + PATIENCE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, "the client failed; its words are above"
        figures: dict[str, Any] = json.loads(said)
        assert figures["refused"] == 0, f"{figures['refused']} webhooks were not accepted"
        if path == PATHS[0]:
            self.accepted += figures["accepted"]
            self.p99_ms.append(figures["p99_ms"])
        return float(figures["a_second"])


@asynccontextmanager
async def _server(place: Place, where: Addresses, *, profile: bool) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.webhook_server", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    orders = {"home": str(place.home), "secret": SECRET, "where": asdict(where), "profile": profile}
    process.stdin.write(json.dumps(orders).encode() + b"\n")
    try:
        said = await process.stdout.readline()
        assert said, "the server did not start; its words are above"
        yield int(json.loads(said)["port"])
    finally:
        process.stdin.close()
        await process.wait()
    assert process.returncode == 0, "the server failed; its words are above"


async def _written(where: Addresses) -> tuple[int, int]:
    connection = await asyncpg.connect(where.owner)
    try:
        rows = await connection.fetchval("SELECT count(*) FROM webhook_logs WHERE status = 'received'")
        jobs = await connection.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'inbox.handle'")
    finally:
        await connection.close()
    return rows, jobs
