"""A sandbox as `jangbu sandbox` runs it, with one more path beside its own: a constant answer of a payment's size.

A process of its own. Its orders come as one line of JSON on stdin; it says its port on stdout and ends with stdin.
"""

import asyncio
import json
import sys
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.sandbox_world import of_payments
from jangbu.app import listen
from jangbu.sandbox.app import build
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.v2.wire import payment_json

CONSTANT_PATH = "/bench/constant"


def with_a_constant(app: ASGIApp, answer: bytes) -> ASGIApp:
    """The app, and before all of it a path that only answers."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != CONSTANT_PATH:
            await app(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        await send(start)
        await send({"type": "http.response.body", "body": answer})

    return served


def payment_of(parts: Parts) -> bytes:
    """What one payment is answered with."""
    payment = next(iter(parts.world.payments()))
    return json.dumps(payment_json(parts.world, payment)).encode()


async def serve(orders: dict[str, Any]) -> None:
    """Serve until stdin ends."""
    parts = await of_payments(orders["payments"])
    app = with_a_constant(build(parts), payment_of(parts))
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, lifespan="on"))
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.stdin.readline())))
