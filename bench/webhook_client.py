"""Sends webhooks that were signed beforehand over connections that are kept alive: as little client as possible.

A process of its own. Its orders come as JSON on stdin, its figures go as JSON to stdout.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any, cast

import uvloop

from jangbu.clock import SystemClock
from jangbu.portone import sign

REQUESTS_A_SECOND_MAX = 12_000
"""How many are signed for each second of sending; a server that is faster than this ends its round early."""


def signed(orders: dict[str, Any]) -> list[bytes]:
    """Distinct webhooks as they go over the wire, numbered from `orders["first"]`."""
    requests = []
    now = SystemClock().now()
    for number in range(orders["first"], orders["first"] + int(orders["seconds"] * REQUESTS_A_SECOND_MAX)):
        data = {"paymentId": f"{number:032x}", "storeId": "store-bench", "transactionId": f"tx-{number:032x}"}
        body = json.dumps({"type": "Transaction.Paid", "timestamp": "2026-11-21T03:00:00.000Z", "data": data}).encode()
        lines = {
            "host": f"127.0.0.1:{orders['port']}",
            "user-agent": "PortOne-Webhook",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **sign(orders["secret"], f"msg_{number:027x}", now, body),
        }
        head = f"POST {orders['path']} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        requests.append(head.encode() + b"\r\n" + body)
    return requests


class Line(asyncio.Protocol):
    """One connection: sends the next webhook as soon as the last one is answered, until `until`."""

    def __init__(self, requests: Iterator[bytes], until: float, tallies: dict[str, list[float]]) -> None:
        self._requests = requests
        self._until = until
        self._tallies = tallies
        self._received = b""
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by class.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        self._sent_at = perf_counter()
        if request is None or self._sent_at > self._until:
            self._transport.close()
            return
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        accepted = head.startswith(b"HTTP/1.1 200 ") and b'"duplicate":false' in body
        self._tallies["accepted" if accepted else "refused"].append(perf_counter() - self._sent_at)
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._tallies["refused"].append(0)
        self.done.set_result(None)


async def send(orders: dict[str, Any]) -> dict[str, float]:
    """Send for `seconds`; the rate, the median and the 99th percentile of the waits, and how many were accepted."""
    loop = asyncio.get_running_loop()
    requests = iter(signed(orders))
    tallies: dict[str, list[float]] = {"accepted": [], "refused": []}
    began = perf_counter()
    lines = [
        (await loop.create_connection(lambda: Line(requests, began + orders["seconds"], tallies), *_address(orders)))[1]
        for _ in range(orders["connections"])
    ]
    await asyncio.gather(*(line.done for line in lines))
    took = perf_counter() - began
    waits = statistics.quantiles(tallies["accepted"], n=100)
    return {
        "accepted": len(tallies["accepted"]),
        "refused": len(tallies["refused"]),
        "a_second": len(tallies["accepted"]) / took,
        "median_ms": waits[49] * 1000,
        "p99_ms": waits[98] * 1000,
    }


def _address(orders: dict[str, Any]) -> tuple[str, int]:
    return "127.0.0.1", orders["port"]


if __name__ == "__main__":
    print(json.dumps(uvloop.run(send(json.loads(sys.stdin.read())))))
