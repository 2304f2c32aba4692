"""Is it alive? `/health` for people and load balancers (B10), `/api/health` with the database's state (E15)."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jangbu import __version__
from jangbu.access.guard import declare
from jangbu.access.rules import Public
from jangbu.clock import rfc3339
from jangbu.db import Query
from jangbu.runtime import Runtime

PING = Query(int, "SELECT 1")
WAIT_S = 3
"""A monitor gives up soon; "no connection in this time" is what it wants to know."""
SENTENCE = "장부 백엔드 서버가 정상적으로 실행 중입니다."


def routes(people: Runtime, system: Runtime) -> list[Route]:
    """Both health routes; neither needs anybody to be known."""

    async def health(_: Request) -> Response:
        at = rfc3339(people.clock.now())
        return JSONResponse({"status": "ok", "message": SENTENCE, "timestamp": at, "version": __version__})

    async def api_health(_: Request) -> Response:
        request, of_system = await asyncio.gather(_state(people), _state(system))
        pools = {"request": request, "system": of_system}
        ok = all(pool["reachable"] for pool in pools.values())
        body = {
            "status": "ok" if ok else "degraded",
            "database": pools,
            "mode": people.settings.mode,
            "timestamp": rfc3339(people.clock.now()),
            "version": __version__,
        }
        return JSONResponse(body, status_code=200 if ok else 503)

    rule = Public("load balancers and monitors have no credentials")
    return [declare(Route("/health", health), rule), declare(Route("/api/health", api_health), rule)]


async def _state(run: Runtime) -> dict[str, Any]:
    try:
        async with asyncio.timeout(WAIT_S):
            await run.db.statement(PING)
    except Exception:  # noqa: BLE001 (whatever it is, this is where it is shown)
        return {"reachable": False}
    return {"reachable": True, **run.db.pool_state()}
