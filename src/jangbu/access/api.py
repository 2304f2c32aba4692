"""What a caller may ask about themselves; and inviting people, for those who may."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from jangbu.access.caller import Caller
from jangbu.access.guard import guard
from jangbu.access.rules import Known, Role, Scoped
from jangbu.access.service import links
from jangbu.clock import rfc3339
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body

FreshBoss = Annotated[Caller, guard(Scoped("staff:manage", fresh=True))]


class InviteBody(Body):
    """Who comes, and as what."""

    email: str = Field(max_length=254, examples=["lee@shop.example"])
    name: str = Field(min_length=1, max_length=100)
    role: str = Field(default=Role.SUPPORT.value, max_length=40, description="Super Admin, Manager or Support.")


def routes(run: Runtime) -> APIRouter:
    """`/api/access/…`."""
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

    @router.post("/people", summary="Invite somebody to the console", status_code=201)
    async def invite(body: InviteBody, caller: FreshBoss) -> dict[str, Any]:
        """They choose their password by `url`, which is shown this once and works once. For people who are signed in:
        no API key lets people in."""
        made = await links.invite(body.email, body.name, body.role, actor=caller.actor, by=caller.role, run=run)
        return _link(made)

    @router.post("/people/{user_id}/link", summary="A new link for a member of staff", status_code=201)
    async def link(user_id: UUID, caller: FreshBoss) -> dict[str, Any]:
        """For whoever lost theirs, or their password, which holds until a new one is chosen. The older link ends."""
        return _link(await links.link_for(str(user_id), actor=caller.actor, by=caller.role, run=run))

    def _link(made: links.Made) -> dict[str, Any]:
        data = {
            "userId": made.user_id,
            "email": made.email,
            "purpose": made.purpose,
            "url": made.url,
            "expiresAt": rfc3339(made.expires_at),
        }
        return {"data": data, "message": "", "timestamp": rfc3339(run.clock.now())}

    return router
