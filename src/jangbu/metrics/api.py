"""`GET /metrics`, and who may read it: whoever has the token; without a token, this machine."""

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jangbu.access.guard import declare
from jangbu.access.rules import Public
from jangbu.errors import Refusal
from jangbu.metrics import Metrics
from jangbu.metrics.state import State
from jangbu.settings import Settings
from jangbu.web.server import Server

PATH = "/metrics"
RULE = Public("asks for the token of JANGBU_METRICS_TOKEN itself; without one it answers this machine only")
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class MetricsClosed(Refusal):
    """Metrics were asked for without the token, or, where no token is set, from another machine or through a proxy."""

    code = "METRICS_CLOSED"
    http_status = 403
    ko = "지표는 JANGBU_METRICS_TOKEN 토큰이 있거나, 토큰이 설정되지 않았으면 이 서버 안에서만 볼 수 있습니다."
    en = "Metrics need the token of JANGBU_METRICS_TOKEN; where none is set, they are shown to this machine only."


def route(metrics: Metrics, state: State | None, settings: Settings) -> Route:
    """The route. With `state`, what PostgreSQL knows follows what this process counted."""

    async def show(request: Request) -> Response:
        refuse_strangers(request, settings)
        families = await state.families() if state else ()
        body = generate_latest(metrics.registry) + _text(families)
        return Response(body, media_type=None, headers={"content-type": CONTENT_TYPE_LATEST})

    return declare(Route(PATH, show), RULE)


def refuse_strangers(connection: HTTPConnection, settings: Settings) -> None:
    """Raise MetricsClosed unless the caller may read metrics."""
    if settings.metrics_token is not None:
        wanted = f"Bearer {settings.metrics_token.get_secret_value()}"
        given = connection.headers.getlist("authorization")
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), wanted.encode()):
            return
        raise MetricsClosed
    # A proxy on this machine makes the whole world look local; what it adds to a request gives it away.
    if any(name in connection.headers for name in FORWARDED) or not _is_local(connection):
        raise MetricsClosed


def _is_local(connection: HTTPConnection) -> bool:
    try:
        return connection.client is not None and ipaddress.ip_address(connection.client.host).is_loopback
    except ValueError:
        return False


class _Read(Collector):
    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> tuple[Metric, ...]:
        return self._families


def _text(families: tuple[Metric, ...]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Read(families))
    return generate_latest(registry)


class CountsRequests:
    """Counts every request by its route's template, never by its path: a path is whatever somebody types.

    `templates` are those of the application. Which route answered is looked up here, because what the frameworks leave
    in the scope differs by the kind of route and from release to release.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, templates: Iterable[str]) -> None:
        self._app = app
        self._metrics = metrics
        every = list(dict.fromkeys(templates))
        self._plain = frozenset(template for template in every if "{" not in template)
        self._patterns = [(compile_path(template)[0], template) for template in every if "{" in template]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "none"

        async def send_noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._app(scope, receive, send_noticed)
        finally:
            self._metrics.request(self._template(scope["path"]), scope["method"], status, loop.time() - started)

    def _template(self, path: str) -> str:
        if path in self._plain:
            return path
        return next((template for pattern, template in self._patterns if pattern.match(path)), "(none)")


@asynccontextmanager
async def serving(metrics: Metrics, settings: Settings, listener: socket.socket) -> AsyncIterator[None]:
    """The worker's own little server on `listener`: `/metrics`, and nothing else, of what this process counted."""
    app = Starlette(routes=[route(metrics, None, settings)], exception_handlers={MetricsClosed: _refused})
    server = Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            lifespan="off",
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, MetricsClosed)
    return PlainTextResponse(refusal.sentence("en"), refusal.http_status)
