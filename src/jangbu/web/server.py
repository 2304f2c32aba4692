"""A uvicorn for programs that have more to stop than it, and that go while others come."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GOODBYE_S = 1
"""How long a program that goes still answers who is connected and has not asked yet."""

KEPT_S = 75
"""How long a connection that asks nothing is kept: longer than any proxy keeps one for its next request (nginx 60 s).

Who closes first may close while the other is writing. It must be the proxy, who knows that it has not sent anything;
a POST that meets our end is lost, and the proxy may not send it again.
"""


class Server(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone.

    Its own way is to raise the signal again once it has served, which ends the process at once: before its worker has
    finished its jobs, and with the exit status of a program that was killed.

    And when it goes, it hangs up on nobody who is about to ask: a proxy that has opened a connection, or kept one, may
    be writing its request into it, and will not send a POST a second time.
    """

    def __init__(self, config: uvicorn.Config, *, on_start: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self.on_start = on_start
        config.app = self._last_answers(config.app)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell whoever waits for it once requests are answered."""
        await super().startup(sockets)
        self.on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connection, answer for a moment on those there are, then leave uvicorn's way."""
        waiting = [guest for listener in sockets or () for guest in _let_in(listener)]
        for server in self.servers:
            server.close()
        for guest in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, guest)
        if self.server_state.connections and not self.force_exit:
            await asyncio.sleep(GOODBYE_S)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)  # type: ignore[no-any-return]

    def _last_answers(self, app: Any) -> ASGIApp:
        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_last(message: Message) -> None:
                if message["type"] == "http.response.start" and self.should_exit:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
                await send(message)

            await app(scope, receive, send_last if scope["type"] == "http" else send)

        return answered


def _let_in(listener: socket.socket) -> list[socket.socket]:
    """Whom the kernel has connected and nobody has looked at yet; then the door is shut.

    Closing a listening socket resets the connections in its queue, also those whose request is already there. Nothing
    may be awaited in here: only microseconds lie between the last look and the closed door.
    """
    guests = []
    with contextlib.suppress(OSError):
        listener.setblocking(False)
        while True:
            guests.append(listener.accept()[0])
    with contextlib.suppress(OSError):
        # close() would not do: uvloop still holds the socket, and the kernel goes on connecting until it lets go.
        listener.shutdown(socket.SHUT_RD)
    for guest in guests:
        guest.setblocking(False)
    return guests
