"""PortOne's way in: `POST /api/portone/webhook` and its alias `/api/payments/webhook` (requirements B4, A14).

A bare Starlette route, because this is the one place where PortOne's patience (30 s) meets our load. The signature is
the authentication; nothing else about the request is trusted.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jangbu.access.guard import declare
from jangbu.access.rules import Signed
from jangbu.inbox.service import receive
from jangbu.runtime import Runtime
from jangbu.web.envelope import ok

PATHS = ("/api/portone/webhook", "/api/payments/webhook")


def routes(run: Runtime) -> list[Route]:
    """The webhook route under both its names."""

    async def webhook(request: Request) -> Response:
        new = await receive(request.headers, await request.body(), run=run)
        return ok({"received": True, "duplicate": not new}, clock=run.clock)

    rule = Signed("Standard Webhooks signature over the raw body")
    return [declare(Route(path, webhook, methods=["POST"]), rule) for path in PATHS]
