"""The sandbox as a process that never forgets what it said: it writes its world down before each answer and webhook.

`jangbu sandbox --state` writes a little later than it answers, which is right for a developer's PortOne that is not
killed. PortOne itself does not lose a payment it told us of, whatever happens to its machines, and a test in which it
does asks for what no merchant's program could do.

Called with its port, its state file and where webhooks go.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jangbu.sandbox.app import assemble, build, open_world, write_state
from jangbu.sandbox.core.clock import SandboxClock
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.webhooks import HttpDeliver


class Memory:
    """The state file. One writing serves everybody who waits for it."""

    def __init__(self, state_file: Path) -> None:
        self._state_file = state_file
        self._waiting: asyncio.Event | None = None
        self._cost_s = 0.0
        self.parts: Parts | None = None

    async def kept(self) -> None:
        """Return once everything that has happened so far is in the file."""
        if self._waiting is None:
            self._waiting = asyncio.Event()
            # As long again as the last one took: at most half of the time goes into writing.
            asyncio.get_running_loop().call_later(self._cost_s, self._write)
        await self._waiting.wait()

    def _write(self) -> None:
        assert self.parts is not None and self._waiting is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        write_state(self.parts, self._state_file)
        self._cost_s = loop.time() - began
        waiting, self._waiting = self._waiting, None
        waiting.set()


class Remembering:
    """Around the app: an answer leaves once what it tells is kept."""

    def __init__(self, app: ASGIApp, memory: Memory) -> None:
        self._app = app
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._memory.kept()
            await send(message)

        await self._app(scope, receive, send_kept if scope["type"] == "http" else send)


async def serve(port: int, state_file: Path, webhook_url: str) -> None:
    memory, post = Memory(state_file), HttpDeliver()

    async def deliver(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        await memory.kept()
        return await post(url, headers, body)

    clock = SandboxClock()
    world = open_world(clock, seed=1, state_file=state_file, webhook_url=webhook_url)
    memory.parts = parts = assemble(world, clock, deliver)
    app: Any = Remembering(build(parts), memory)
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=1))
    await server.serve(sockets=[listener])
    await post.close()
    write_state(parts, state_file)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    else:
        uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
