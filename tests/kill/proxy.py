"""A wire to PostgreSQL that can be cut at a chosen moment: it reads what goes by, as far as it must (F90).

The line is cut at the moment a transaction is to be committed: right before the server hears of it, or right after it
did it and before the answer is out. Statements outside a transaction commit with their Sync.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Moment = Literal["before", "after"]


@dataclass
class Cut:
    """One cut to make, at the first commit of a transaction that ran a statement like `statement`."""

    statement: str
    moment: Moment
    was_made: asyncio.Event = field(default_factory=asyncio.Event)

    async def made(self, *, within_s: float = 60) -> None:
        """Wait until it happened."""
        try:
            await asyncio.wait_for(self.was_made.wait(), within_s)
        except TimeoutError:
            raise AssertionError(f"nothing to cut at /{self.statement}/ within {within_s} s") from None


class Wire:
    """Listens, forwards, cuts. `cuts` are those still to be made; `commits` counts what it saw committed."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.port = 0
        self.cuts: list[Cut] = []
        self.commits = 0
        self.lines: set[Line] = set()

    def cut(self, statement: str, moment: Moment) -> Cut:
        """Order a cut; `statement` is a pattern looked for in the SQL."""
        ordered = Cut(statement, moment)
        self.cuts.append(ordered)
        return ordered

    def due(self, statements: list[str]) -> Cut | None:
        """The cut that this commit is to suffer, taken off the list."""
        for cut in self.cuts:
            if any(re.search(cut.statement, sql, re.DOTALL) for sql in statements):
                self.cuts.remove(cut)
                return cut
        return None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side hangs up."""
        try:
            server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.close()
            return
        line = Line(self, (reader, writer), server)
        self.lines.add(line)
        try:
            await line.carry()
        finally:
            self.lines.discard(line)


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """One client's connection, read message by message."""

    def __init__(self, wire: Wire, client: Side, server: Side) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._prepared: dict[bytes, str] = {}
        self._ran: list[str] = []
        """What the transaction that is open has run so far."""
        self._is_in_transaction = False
        self._cut_after: Cut | None = None

    async def carry(self) -> None:
        """Forward both ways until one ends; then both are closed, as a broken line is."""
        ways = {asyncio.create_task(self._to_server()), asyncio.create_task(self._to_client())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.hang_up()

    def hang_up(self) -> None:
        """Cut it now."""
        for _, writer in (self._client, self._server):
            writer.transport.abort()

    def say(self, message: bytes) -> None:
        """Bytes to the client that the server never sent."""
        self._client[1].write(message)

    async def _to_server(self) -> None:
        reader, writer = self._client[0], self._server[1]
        with suppress(asyncio.IncompleteReadError, OSError):
            # The first message has no type: its length, then the rest.
            head = await reader.readexactly(4)
            writer.write(head + await reader.readexactly(struct.unpack("!I", head)[0] - 4))
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
                cut = self._look_at(head[:1], body)
                if cut is not None and cut.moment == "before":
                    cut.was_made.set()
                    return
                self._cut_after = cut or self._cut_after
                writer.write(head + body)
                await writer.drain()

    def _look_at(self, kind: bytes, body: bytes) -> Cut | None:
        """Follow what the client does; the cut to make, when this message commits."""
        if kind == b"P":
            name, sql, _ = body.split(b"\0", 2)
            self._prepared[name] = sql.decode()
        elif kind == b"B":
            self._ran.append(self._prepared.get(body.split(b"\0", 2)[1], ""))
        elif kind == b"Q":
            sql = body.rstrip(b"\0").decode()
            word = sql.lstrip().split(" ", 1)[0].rstrip(";").upper()
            if word == "BEGIN":
                self._is_in_transaction, self._ran = True, []
            elif word in {"COMMIT", "ROLLBACK"}:
                self._is_in_transaction = False
                return self._committing() if word == "COMMIT" else None
            else:
                self._ran.append(sql)
        elif kind == b"S" and not self._is_in_transaction and self._ran:
            return self._committing()
        return None

    def _committing(self) -> Cut | None:
        ran, self._ran = self._ran, []
        self._wire.commits += 1
        return self._wire.due(ran)

    async def _to_client(self) -> None:
        reader, writer = self._server[0], self._client[1]
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
                if self._cut_after is not None:
                    # The answer to the commit: swallowed, up to the server's word that it is ready for the next.
                    if head[:1] == b"Z":
                        self._cut_after.was_made.set()
                        return
                    continue
                writer.write(head + body)
                await writer.drain()


def error_response(code: str, message: str) -> bytes:
    """An ErrorResponse as the server sends it, also unasked when it goes down."""
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", code), (b"M", message)))
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


@asynccontextmanager
async def wire_to(server_port: int) -> AsyncIterator[Wire]:
    """A wire on 127.0.0.1 for as long as the block lasts."""
    wire = Wire(server_port)
    served: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(wire.accept(reader, writer))
        served.add(task)
        task.add_done_callback(served.discard)

    on_connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None] = accept
    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    wire.port = listening.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        listening.close()
        for line in list(wire.lines):
            line.hang_up()
        await asyncio.gather(*served, return_exceptions=True)
        await listening.wait_closed()
