"""The web program as it is deployed, with one more route beside the webhook's: the same without a database.

A process of its own. Its orders come as one line of JSON on stdin; it says its port on stdout and ends with stdin.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.place import profiled
from jangbu import app as web
from jangbu import wiring
from jangbu.inbox.api import PATHS
from jangbu.logs import configure
from jangbu.portone import read_notification, verify
from jangbu.runtime import Runtime
from jangbu.settings import load
from jangbu.web.envelope import ok

BARE_PATH = "/api/bench/webhook"


class _Unreachable:
    """PortOne is not asked anything while webhooks arrive."""

    async def send(self, *_: Any) -> tuple[int, Mapping[str, str], bytes]:
        raise ConnectionRefusedError


def bare(run: Runtime) -> Route:
    """Verify, read, answer: all that the webhook's route does but for writing it down."""

    async def webhook(request: Request) -> Response:
        body = await request.body()
        verify(request.headers, body, secrets=run.settings.webhook_secrets, now=run.clock.now())
        read_notification(body, request.headers.get("content-type", "application/json"))
        return ok({"received": True, "duplicate": False}, clock=run.clock)

    return Route(BARE_PATH, webhook, methods=["POST"])


async def serve(orders: dict[str, Any]) -> None:
    """Serve until stdin ends."""
    # Mode test, because the sandbox reads its clock from the database before every request, and real ones do not.
    settings = load(
        _env_file=None,
        JANGBU_MODE="test",
        JANGBU_HOME=Path(orders["home"]),
        PORTONE_V2_API_SECRET=orders["secret"],
        PORTONE_STORE_ID="store-bench",
        PORTONE_WEBHOOK_SECRET=orders["secret"],
    )
    configure(settings)
    async with wiring.build(settings, wiring.Addresses(**orders["where"]), transport=_Unreachable()) as wired:
        app = web.create(wired)
        routes = app.router.routes
        place = next(index for index, route in enumerate(routes) if getattr(route, "path", "") == PATHS[0])
        routes.insert(place, bare(wired.system))
        listener = web.listen("127.0.0.1", 0)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                lifespan="off",
                proxy_headers=False,
            )
        )
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await serving


def main() -> None:
    """Read the orders and serve."""
    orders = json.loads(sys.stdin.readline())
    if orders["profile"]:
        with profiled("webhook"):
            uvloop.run(serve(orders))
    else:
        uvloop.run(serve(orders))


if __name__ == "__main__":
    main()
