"""A uvicorn for programs that have more to stop than it, and that go while others come."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GOODBYE_S = 1
"""How long a program that goes still answers who is connected and has not asked yet."""


class Server(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone.

    Its own way is to raise the signal again once it has served, which ends the process at once: before its worker has
    finished its jobs, and with the exit status of a program that was killed.

    And when it goes, it hangs up on nobody who is about to ask: a proxy that has opened a connection, or kept one, may
    be writing its request into it, and will not send a POST a second time.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        config.app = self._last_answers(config.app)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connection, answer for a moment on those there are, then leave uvicorn's way."""
        for server in self.servers:
            server.close()
        if self.server_state.connections and not self.force_exit:
            await asyncio.sleep(GOODBYE_S)
        await super().shutdown(sockets)

    def _last_answers(self, app: Any) -> ASGIApp:
        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_last(message: Message) -> None:
                if message["type"] == "http.response.start" and self.should_exit:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
                await send(message)

            await app(scope, receive, send_last if scope["type"] == "http" else send)

        return answered
