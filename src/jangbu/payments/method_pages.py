"""What a person does on the cards of a payment's page."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.errors import Refusal
from jangbu.payments.api import authority_of
from jangbu.payments.dispute_rules import DisputeStatus
from jangbu.payments.pages import LIST
from jangbu.payments.refusals import DisputeUnknown
from jangbu.payments.service.close import close
from jangbu.payments.service.disputes import end
from jangbu.payments.story_pages import show_story
from jangbu.portone import PortOne
from jangbu.runtime import Runtime

_OUTCOMES = {"won": DisputeStatus.WON, "lost": DisputeStatus.LOST}


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """The forms of `/console/payments/{id}` beside the refund's."""
    router = APIRouter(include_in_schema=False)
    Actor = Annotated[Caller, guard(Scoped("payments:cancel"))]  # noqa: N806 (a type)

    @router.post(LIST + "/{payment_id}/disputes/{dispute_id}/{outcome}")
    async def end_dispute(request: Request, payment_id: str, dispute_id: str, outcome: str, caller: Actor) -> Response:
        try:
            which = UUID(dispute_id)
        except ValueError:
            raise DisputeUnknown from None
        if outcome not in _OUTCOMES:
            raise DisputeUnknown
        try:
            await end(which, _OUTCOMES[outcome], who=authority_of(caller, run), run=run, portone=portone)
        except Refusal as refusal:
            return await _again(request, payment_id, caller, refusal, f"dispute:{which}")
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    @router.post(LIST + "/{payment_id}/close-account")
    async def close_account(request: Request, payment_id: str, caller: Actor) -> Response:
        try:
            await close(payment_id, actor=caller.actor, run=run, portone=portone)
        except Refusal as refusal:
            return await _again(request, payment_id, caller, refusal, "account")
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    async def _again(request: Request, payment_id: str, caller: Caller, refusal: Refusal, card: str) -> Response:
        if refusal.http_status == 404:
            raise refusal
        return await show_story(request, payment_id, caller, run=run, refusal=refusal, of_card=card)

    return router
