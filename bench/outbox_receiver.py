"""A merchant's system that takes every webhook: a process of its own that says its port and ends with stdin."""

import asyncio
import sys

YES = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver(asyncio.Protocol):
    """Answers every whole request with 204, on connections that are kept alive."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (ends := self._got.find(b"\r\n\r\n")) >= 0:
            head = self._got[:ends].lower()
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            whole = ends + 4 + length
            if len(self._got) < whole:
                return
            self._got = self._got[whole:]
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(YES)


async def main() -> None:
    """Listen until stdin ends."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
