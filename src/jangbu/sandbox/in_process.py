"""Calling an ASGI app without a socket."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from jangbu.sandbox.gate import LINE, Line


class InProcess:
    """Calls an ASGI app without a socket.

    A dropped line is a ConnectionResetError, a too slow answer a TimeoutError.
    """

    def __init__(self, app: ASGIApp, *, timeout_s: float = 60) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self.transcript: list[str] = []
        """Each exchange on a line, for comparing two runs."""

    async def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request; `target` is a path with its query, or a URL.

        Answers status, headers (lower case) and body.
        """
        status, answered, chunks, line = 0, {}, bytearray(), Line()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                chunks.extend(message.get("body", b""))

        try:
            scope = {**_scope(method, target, headers or {}), LINE: line}
            await self._app(scope, receive, send)
        except ConnectionResetError:
            self.transcript.append(f"{method} {target} -> dropped")
            raise
        if line.slow_s >= self._timeout_s:
            self.transcript.append(f"{method} {target} -> too slow")
            raise TimeoutError(f"no answer within {self._timeout_s} s")
        self.transcript.append(f"{method} {target} -> {status} {bytes(chunks).decode(errors='replace')}")
        return status, answered, bytes(chunks)


def _scope(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    url = urlsplit(target)
    named = {
        "host": url.netloc or "127.0.0.1:8090",
        **{name.lower(): value for name, value in headers.items()},
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.path.encode("ascii"),
        "query_string": url.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.encode("ascii"), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("sandbox.test", 80),
    }
