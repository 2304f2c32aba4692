"""A server that answers the very bytes it is told to, hangs, trickles or hangs up, as networks do."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

Act = Callable[[asyncio.StreamWriter], Awaitable[bool]]


def http(status: int, body: object = None, *, headers: str = "", raw: bytes | None = None) -> bytes:
    """A whole HTTP answer. `body` goes out as JSON, `raw` as it is."""
    payload = json.dumps(body).encode() if raw is None else raw
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(payload)}\r\n{headers}\r\n"
    return head.encode() + payload


@dataclass
class Received:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawServer:
    """Plays one act a request, in order; the last one is played again for any further request."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    _acts: deque[bytes | Act] = field(default_factory=deque)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def plays(self, *acts: bytes | Act) -> None:
        self._acts = deque(acts)

    async def hang(self, _writer: asyncio.StreamWriter) -> bool:
        await self._over.wait()
        return False

    async def hang_up(self, _writer: asyncio.StreamWriter) -> bool:
        return False

    def half(self, answer: bytes) -> Act:
        """All but the last byte, then silence from a closed line."""

        async def act(writer: asyncio.StreamWriter) -> bool:
            writer.write(answer[:-1])
            await writer.drain()
            return False

        return act

    def then_close(self, answer: bytes) -> Act:
        """The whole answer, and the connection is gone although it was to be kept."""

        async def act(writer: asyncio.StreamWriter) -> bool:
            writer.write(answer)
            await writer.drain()
            return False

        return act

    def trickle(self, answer: bytes, every_s: float) -> Act:
        async def act(writer: asyncio.StreamWriter) -> bool:
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), every_s)
                if self._over.is_set():
                    return False
            return True

        return act

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("Content-Length", "0")))
                self.received.append(Received(head[0], headers, body))
                act = self._acts.popleft() if len(self._acts) > 1 else self._acts[0]
                if isinstance(act, bytes):
                    writer.write(act)
                    await writer.drain()
                elif not await act(writer):
                    break
        self._open.discard(writer)
        writer.close()

    def stop(self) -> None:
        self._over.set()
        for writer in list(self._open):
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    raw = RawServer()
    listening = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = listening.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        raw.stop()
        listening.close()
        await listening.wait_closed()


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@pytest.fixture
def answer() -> Callable[..., bytes]:
    return http


@pytest.fixture
def paid() -> dict[str, object]:
    """portone-facts §13.1: the smallest useful PAID payment, which PortOne's own SDK can read."""
    return {
        "status": "PAID",
        "id": "ord20260801a1",
        "transactionId": "01900000-0000-7000-8000-000000000001",
        "merchantId": "merchant-0",
        "storeId": "store-00000000-0000-4000-8000-000000000000",
        "version": "V2",
        "method": {
            "type": "PaymentMethodCard",
            "card": {
                "publisher": "SHINHAN_CARD",
                "brand": "LOCAL",
                "type": "CREDIT",
                "ownerType": "PERSONAL",
                "number": "433012******1234",
            },
            "approvalNumber": "00000001",
            "installment": {"month": 0, "isInterestFree": False},
        },
        "channel": {
            "type": "TEST",
            "id": "channel-id-0",
            "key": "channel-key-0",
            "name": "card",
            "pgProvider": "TOSSPAYMENTS",
            "pgMerchantId": "pg-mid-0",
        },
        "requestedAt": "2026-08-01T03:00:00Z",
        "updatedAt": "2026-08-01T03:00:09Z",
        "statusChangedAt": "2026-08-01T03:00:09Z",
        "orderName": "Tea",
        "currency": "KRW",
        "amount": {
            "total": 11000,
            "taxFree": 0,
            "vat": 1000,
            "supply": 10000,
            "discount": 0,
            "paid": 11000,
            "cancelled": 0,
            "cancelledTaxFree": 0,
        },
        "customer": {"name": "김민지"},
        "origin": {"platformType": "PC", "ipAddress": "203.0.113.5"},
        "paidAt": "2026-08-01T03:00:09Z",
        "disputes": [],
    }
