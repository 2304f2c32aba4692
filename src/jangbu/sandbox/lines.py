"""The outermost ASGI layer: keeps paths percent-encoded for routing, and drops the line when an answer is to
be lost.
"""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from jangbu.sandbox.gate import LINE, Line


class Lines:
    """Wraps the app.

    In process, a dropped line is a ConnectionResetError; on a socket the connection is aborted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = scope.get(LINE) or Line()
        # A paymentId may hold `/` (portone-facts §1.1): routing must see it as %2F, so handlers decode, not
        # the server.
        inner = {**scope, "path": scope["raw_path"].decode("ascii"), LINE: line}
        await self._app(inner, receive, send)
        if not line.is_dropped:
            return
        transport = _transport_of(send)
        if transport is None:
            raise ConnectionResetError("the sandbox dropped this connection, as ordered")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def _transport_of(send: Any) -> Any:
    """uvicorn's `send` is a method of the request cycle, which knows its transport.

    ASGI has no other way to hang up.
    """
    return getattr(getattr(send, "__self__", None), "transport", None)
