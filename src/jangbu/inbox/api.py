"""PortOne's way in: `POST /api/portone/webhook` and its alias `/api/payments/webhook` (requirements B4, A14).

A bare Starlette route, because this is the one place where PortOne's patience (30 s) meets our load. The signature is
the authentication; nothing else about the request is trusted.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from jangbu.access.guard import declare
from jangbu.access.rules import Signed
from jangbu.errors import Refusal, Unavailable
from jangbu.inbox.service import receive
from jangbu.runtime import Runtime
from jangbu.web.envelope import ok

PATHS = ("/api/portone/webhook", "/api/payments/webhook")


def routes(run: Runtime, observe: Callable[[str, float], None] | None = None) -> list[Route]:
    """The webhook route under both its names. `observe` hears what PortOne was answered, and after how many seconds."""

    async def webhook(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        started, result = loop.time(), "failed"
        try:
            new = await receive(request.headers, await request.body(), run=run)
            result = "new" if new else "duplicate"
        except Unavailable:
            raise
        except (Refusal, ClientDisconnect):
            result = "refused"
            raise
        finally:
            if observe is not None:
                observe(result, loop.time() - started)
        return ok({"received": True, "duplicate": not new}, clock=run.clock)

    rule = Signed("Standard Webhooks signature over the raw body")
    return [declare(Route(path, webhook, methods=["POST"]), rule) for path in PATHS]
