"""What happens around every request: an id, safe headers, a bounded body, and a last resort.

Five small ASGI layers, outermost first: `Identified`, `Headed`, `Crossable`, `LastResort`, `Bounded`. None of them
buffers anything.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jangbu.errors import SetupProblem, Unavailable
from jangbu.ids import Ids
from jangbu.web.errors import REQUEST_ID, BodyTooLarge, ErrorAnswers, OriginNotAllowed, QueryTooLong

BODY_BYTES_MAX = 1_000_000
QUERY_BYTES_MAX = 16_000
"""Longer than any honest query. Taking megabytes of one apart would block everybody else for as long."""
REQUEST_ID_HEADER = "x-request-id"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_HSTS = "max-age=31536000"
_PREFLIGHT_S = 600
_DROPPED_BYTES_MAX = 32_000_000
_DROPPING_S = 5
_CROSS_METHODS = "GET, POST, PUT, PATCH, DELETE"
_CROSS_HEADERS = "authorization, content-type, idempotency-key, x-request-id"
_CROSS_EXPOSED = "x-request-id, retry-after, idempotency-replayed"


class Identified:
    """Gives the request an id that the log, the answer and the caller share."""

    def __init__(self, app: ASGIApp, *, ids: Ids) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope[REQUEST_ID] = self._id_for(Headers(scope=scope))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)

    def _id_for(self, headers: Headers) -> str:
        given = headers.getlist(REQUEST_ID_HEADER)
        # Ids from outside end up in our logs: nothing that could forge a line or grow one gets in.
        if len(given) == 1 and _SAFE_ID.fullmatch(given[0]):
            return given[0]
        return self._ids.uuid().hex


class Headed:
    """Security headers on every answer (reliability §5, Console). A route that needs other values sets its own."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": CONTENT_SECURITY_POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "strict-origin-when-cross-origin",
            "cross-origin-opener-policy": "same-origin",
            # What is not known to be public is not to be kept: pages and answers show people's payments.
            "cache-control": "no-store",
        }
        if https:
            self._headers["strict-transport-security"] = _HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_headed)


class Crossable:
    """CORS for `/api/`: an exact list of origins, with credentials. The console is for its own origin only."""

    def __init__(self, app: ASGIApp, *, allowed_origins: Sequence[str], answers: ErrorAnswers) -> None:
        self._app = app
        self._allowed = frozenset(checked_origins(allowed_origins))
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        origins = request.headers.getlist("origin")
        origin = origins[0] if len(origins) == 1 and origins[0] in self._allowed else None

        async def send_crossable(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # On refusals too, and on answers to nobody in particular: a shared cache must never mix them up.
                headers.add_vary_header("Origin")
                if origin is not None:
                    headers["access-control-allow-origin"] = origin
                    headers["access-control-allow-credentials"] = "true"
                    headers["access-control-expose-headers"] = _CROSS_EXPOSED
            await send(message)

        if scope["method"] == "OPTIONS" and origins and "access-control-request-method" in request.headers:
            await self._preflight(request, origin)(scope, receive, send_crossable)
            return
        await self._app(scope, receive, send_crossable)

    def _preflight(self, request: Request, origin: str | None) -> Response:
        if origin is None:
            return self._answers.refusal(request, OriginNotAllowed())
        headers = {
            "access-control-allow-methods": _CROSS_METHODS,
            "access-control-allow-headers": _CROSS_HEADERS,
            "access-control-max-age": str(_PREFLIGHT_S),
        }
        return Response(status_code=204, headers=headers)


class LastResort:
    """Answers what nobody else caught. Inside the layers above, so that a crash has safe headers and can be read."""

    def __init__(self, app: ASGIApp, *, answers: ErrorAnswers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noticed)
        except asyncio.CancelledError:
            # Nobody cancels a request but the server that must end now (JANGBU_DRAIN_S is over), and it would say 500.
            if started:
                raise
            await self._answers.refusal(Request(scope), Unavailable())(scope, receive, send)
        except Exception as error:
            response = self._answers.crash(Request(scope), error)
            if started:
                # Half an answer has left. Only breaking the connection tells the caller that it is not whole.
                raise
            await response(scope, receive, send)


class _TooMuch(Exception):  # noqa: N818 (ends the reading of one body, nothing else)
    pass


class Bounded:
    """Hands on no more of a body than its limit, counting what arrives: Content-Length may be absent or a lie.

    A query that is too long is refused before anybody reads it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        answers: ErrorAnswers,
        limit_bytes: int = BODY_BYTES_MAX,
        by_path: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._answers = answers
        self._limit_bytes = limit_bytes
        self._by_path = dict(by_path or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if len(scope["query_string"]) > QUERY_BYTES_MAX:
            too_long = QueryTooLong(limit_bytes=f"{QUERY_BYTES_MAX:,}")
            # Without the query, which the page of an error would otherwise take apart for its links.
            scope = {**scope, "query_string": b""}
            await self._answers.refusal(Request(scope), too_long)(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._limit_bytes)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
            await self._refuse(scope, receive, send, limit)
            return
        received = 0
        started = False
        ended = False

        async def receive_bounded() -> Message:
            nonlocal received, ended
            message = await receive()
            ended = not message.get("more_body", False)
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise _TooMuch
            return message

        async def send_unless_too_much(message: Message) -> None:
            nonlocal started
            if received > limit and not started:
                return  # Somebody caught _TooMuch and made another answer of it (FastAPI: "400"). Ours is the true one.
            started = True
            await send(message)

        try:
            await self._app(scope, receive_bounded, send_unless_too_much)
        except Exception:
            # Once the body was too much, whatever the route made of that is beside the point.
            if started or received <= limit:
                raise
        if received > limit and not started:
            await self._refuse(scope, receive, send, limit, ended=ended)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int, *, ended: bool = False) -> None:
        if not ended and "expect" not in Headers(scope=scope):
            await _thrown_away(receive)
        refusal = BodyTooLarge(limit_bytes=f"{limit:,}")
        response = self._answers.refusal(Request(scope), refusal, {"connection": "close"})
        await response(scope, receive, send)


async def _thrown_away(receive: Receive) -> None:
    # A client that is still sending when we close gets a reset instead of our answer (seen with uvicorn and httpx), and
    # people then hunt a network fault. So a moderate rest is read and dropped first; beyond that, a reset it is.
    left = _DROPPED_BYTES_MAX
    try:
        async with asyncio.timeout(_DROPPING_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def checked_origins(origins: Sequence[str]) -> list[str]:
    """`origins`, each exactly what a browser would send. Raises SetupProblem for `*`, `null`, paths and patterns."""
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SetupProblem(
                f"ALLOWED_ORIGINS contains {origin!r}, which is not an origin. "
                "Write each as https://shop.example (lower case, no path, no wildcard)."
            )
    return list(origins)
