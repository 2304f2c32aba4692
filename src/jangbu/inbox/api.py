"""PortOne's ways in: `POST /api/portone/webhook` and its alias `/api/payments/webhook` (B4, A14), and V1's (C2).

Bare Starlette routes, because this is the one place where PortOne's patience (30 s) meets our load. The signature is
the authentication; nothing else about the request is trusted, and where there is none, nothing at all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from jangbu.access.guard import declare
from jangbu.access.rules import Public, Signed
from jangbu.errors import Refusal, Unavailable
from jangbu.inbox.service import receive
from jangbu.inbox.unsigned import Knows, receive_unsigned
from jangbu.runtime import Runtime
from jangbu.web.envelope import ok

PATHS = ("/api/portone/webhook", "/api/payments/webhook")
V1 = "/api/v1/payments/webhook"
Observe = Callable[[str, float], None]


def routes(run: Runtime, observe: Observe | None = None) -> list[Route]:
    """The webhook route under both its names. `observe` hears what PortOne was answered, and after how many seconds."""

    async def webhook(request: Request) -> Response:
        async with _observed(observe) as results:
            new = await receive(request.headers, await request.body(), run=run)
            results.append("new" if new else "duplicate")
        return ok({"received": True, "duplicate": not new}, clock=run.clock)

    rule = Signed("Standard Webhooks signature over the raw body")
    return [declare(Route(path, webhook, methods=["POST"]), rule) for path in PATHS]


def v1_route(run: Runtime, knows: Knows, observe: Observe | None = None) -> Route:
    """V1's. `knows` tells its payments from what anybody may claim."""

    async def webhook(request: Request) -> Response:
        async with _observed(observe) as results:
            source = "" if request.client is None else request.client.host
            results.append(
                await receive_unsigned(request.headers, await request.body(), source=source, knows=knows, run=run)
            )
        # The same for what we know and what we do not: nobody learns here which payments there are.
        return ok({"received": True}, clock=run.clock)

    rule = Public("V1 signs nothing, so nothing it says is believed: PortOne is asked")
    return declare(Route(V1, webhook, methods=["POST"]), rule)


@asynccontextmanager
async def _observed(observe: Observe | None) -> AsyncIterator[list[str]]:
    loop = asyncio.get_running_loop()
    started, results = loop.time(), ["failed"]
    try:
        yield results
    except Unavailable:
        raise
    except (Refusal, ClientDisconnect):
        results.append("refused")
        raise
    finally:
        if observe is not None:
            observe(results[-1], loop.time() - started)
