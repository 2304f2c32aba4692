"""What stands before several web programs: it gives each connection to one that takes it, as nginx would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Balancer:
    """`ports` are the programs it knows, by name, tried in turns; `lost` counts callers whom none of them took."""

    port: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    _turn: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one caller for as long as both sides stay."""
        task = asyncio.create_task(self._joined(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def end(self) -> None:
        """Hang up on everybody: who keeps a connection for later would keep it for ever."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up = await self._taken()
            if up is None:
                self.lost += 1
                return
            up_reader, up_writer = up
            onward = asyncio.create_task(_pumped(reader, up_writer))
            try:
                await _pumped(up_reader, writer)
            finally:
                onward.cancel()
                up_writer.close()
        finally:
            writer.close()

    async def _taken(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self._turn += 1
        ports = list(self.ports.values())
        first = self._turn % len(ports)
        for port in ports[first:] + ports[:first]:
            with suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def balancing() -> AsyncIterator[Balancer]:
    """One that listens, and knows no program yet."""
    balancer = Balancer()
    listener = await asyncio.start_server(balancer.take, "127.0.0.1", 0, backlog=1024)
    async with listener:
        balancer.port = listener.sockets[0].getsockname()[1]
        yield balancer
        await balancer.end()
