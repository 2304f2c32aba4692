"""A small HTTP/1.1 proxy on loopback, as nginx would stand before us: it adds whom it saw and passes the bytes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def proxy_before(port: int, *, speaks_from: str = "127.0.0.2", proto: str = "https") -> AsyncIterator[int]:
    """A proxy before the program on `port`, which sees it come from `speaks_from`; the proxy's own port."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = writer.get_extra_info("peername")[0]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head[:-4].split(b"\r\n")
            lines = [line for line in lines if not line.lower().startswith((b"connection:", b"x-forwarded-proto:"))]
            lines += [
                b"X-Forwarded-For: " + caller.encode(),
                b"X-Forwarded-Proto: " + proto.encode(),
                b"Connection: close",
            ]
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(speaks_from, 0))
            up_writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
            onward = asyncio.create_task(_pumped(reader, up_writer))
            await _pumped(up_reader, writer)
            onward.cancel()
            await asyncio.gather(onward, return_exceptions=True)
            up_writer.close()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(passed, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()
