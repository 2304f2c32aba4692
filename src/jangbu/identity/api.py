"""`/api/identity/…`: the shop verifies who somebody is (requirements B12)."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Held, Scoped
from jangbu.clock import rfc3339
from jangbu.identity import service
from jangbu.identity.refusals import IdentityStoreUnknown
from jangbu.identity.rules import Person, Status, Verification
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok


class StartBody(Body):
    """Whom to verify, in the shop's own words."""

    reference: str = Field(
        default="", max_length=200, description="Your own opaque id of the person; no name, no e-mail address."
    )
    channel_key: str = Field(default="", max_length=200, description="Default: JANGBU_IDENTITY_CHANNEL_KEY.")
    store_id: str | None = Field(default=None, description="Only where this installation serves several stores.")


class ConfirmBody(Body):
    """Which verification to ask PortOne about."""

    identity_verification_id: str = Field(
        min_length=1, max_length=100, description="As `start` returned it, or our id."
    )


class OwnBody(Body):
    """The person's own question."""

    token: str = Field(min_length=1, max_length=100, description="As `start` returned it.")


class RevealBody(Body):
    """Why somebody looks."""

    reason: str = Field(min_length=1, max_length=200, description="Kept in the audit log.")


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """Start, confirm, read; and the person's own question."""
    router = APIRouter(prefix="/api/identity", tags=["identity"])

    @router.post("/start", status_code=201, summary="Begin to verify who somebody is")
    async def start(body: StartBody, caller: Annotated[Caller, guard(Scoped("identity:verify"))]) -> Response:
        """Call this from your backend; hand `sdk` to `PortOne.requestIdentityVerification` in the browser.

        `token` is for that browser alone: with it, it may ask `/api/identity/own` how it stands.
        """
        if caller.store_id is not None and body.store_id not in (None, caller.store_id):
            raise IdentityStoreUnknown(store_id=body.store_id)
        made, token = await service.start(
            channel_key=body.channel_key,
            reference=body.reference,
            store_id=body.store_id or caller.store_id,
            actor=caller.actor,
            run=run,
        )
        sdk = {
            "storeId": made.store_id,
            "identityVerificationId": made.verification_id,
            "channelKey": made.channel_key,
        }
        return ok(verification_view(made) | {"sdk": sdk, "token": token}, status=201, clock=run.clock)

    @router.post("/confirm", summary="Ask PortOne whether somebody was verified")
    async def confirm(body: ConfirmBody, caller: Annotated[Caller, guard(Scoped("identity:verify"))]) -> Response:
        """Go by `status` alone: `verified` is the only yes. `seenBefore` are the same person's other verifications."""
        looked = await service.confirm(
            body.identity_verification_id, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone
        )
        return ok(looked_view(looked), clock=run.clock)

    @router.post("/own", summary="How the own verification stands, for the person's browser")
    async def own(
        body: OwnBody,
        caller: Annotated[Caller, guard(Held("the token in the body is the authentication"))],  # noqa: ARG001
    ) -> Response:
        """Says how it stands and nothing of who it is."""
        found = await service.confirm_own(body.token, run=run, portone=portone)
        return ok({"status": found.status.value, "verified": found.status is Status.VERIFIED}, clock=run.clock)

    @router.get("/{verification_id}", summary="How a verification stands, and who it is, masked")
    async def read(verification_id: str, caller: Annotated[Caller, guard(Scoped("identity:read"))]) -> Response:
        """Asks nobody outside."""
        looked = await service.look(verification_id, store_id=caller.store_id, run=run)
        return ok(looked_view(looked), clock=run.clock)

    @router.post("/{verification_id}/reveal", summary="Who it is, in full: CI, DI, name, birthday, telephone")
    async def reveal(
        verification_id: str, body: RevealBody, caller: Annotated[Caller, guard(Scoped("identity:reveal", fresh=True))]
    ) -> Response:
        """Each call is a line in the audit log, with its reason."""
        person = await service.reveal(
            verification_id, body.reason, store_id=caller.store_id, actor=caller.actor, run=run
        )
        return ok(person_view(person) | {"ci": person.ci, "di": person.di}, clock=run.clock)

    return router


def verification_view(one: Verification) -> dict[str, Any]:
    """A verification as the shop sees it."""
    return {
        "id": str(one.id),
        "identityVerificationId": one.verification_id,
        "storeId": one.store_id,
        "reference": one.reference,
        "status": one.status.value,
        "verified": one.status is Status.VERIFIED,
        "reason": one.reason,
        "verifiedAt": None if one.verified_at is None else rfc3339(one.verified_at),
        "forgottenAt": None if one.forgotten_at is None else rfc3339(one.forgotten_at),
        "createdAt": rfc3339(one.created_at),
    }


def looked_view(looked: service.Looked) -> dict[str, Any]:
    """The same with whoever it is, masked."""
    return verification_view(looked.verification) | {
        "person": None if looked.person is None else person_view(looked.person),
        "seenBefore": [str(one) for one in looked.seen_before],
    }


def person_view(person: Person) -> dict[str, Any]:
    """A person, masked or not, without CI and DI."""
    return {
        "name": person.name,
        "birthDate": person.birth_date,
        "gender": person.gender,
        "phoneNumber": person.phone_number,
        "operator": person.operator,
        "isForeigner": person.is_foreigner,
    }
