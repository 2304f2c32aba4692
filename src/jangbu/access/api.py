"""What a caller may ask about themselves."""

from typing import Annotated, Any

from fastapi import APIRouter

from jangbu.access.caller import Caller
from jangbu.access.guard import guard
from jangbu.access.rules import Known
from jangbu.clock import rfc3339
from jangbu.runtime import Runtime


def routes(run: Runtime) -> APIRouter:
    """`/api/access/me`."""
    router = APIRouter(prefix="/api/access", tags=["access"])

    @router.get("/me", summary="Who you are to us, and what you may do")
    async def me(caller: Annotated[Caller, guard(Known("tells callers about themselves only"))]) -> dict[str, Any]:
        """The quickest way to see whether a key works."""
        data = {
            "actor": caller.actor.name,
            "name": caller.name,
            "role": None if caller.role is None else caller.role.value,
            "scopes": sorted(caller.scopes),
            "storeId": caller.store_id,
        }
        return {"data": data, "message": "", "timestamp": rfc3339(run.clock.now())}

    return router
