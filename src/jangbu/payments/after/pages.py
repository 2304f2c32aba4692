"""What a person does on the cards of a payment's page."""

from collections.abc import Awaitable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.errors import Refusal
from jangbu.payments.after.dispute_rules import DisputeStatus
from jangbu.payments.after.escrow_rules import CARRIERS, checked_invoice
from jangbu.payments.after.receipt_rules import checked
from jangbu.payments.after.refusals import DisputeUnknown
from jangbu.payments.after.service import escrow, receipts
from jangbu.payments.after.service.close import close
from jangbu.payments.after.service.disputes import end
from jangbu.payments.cancellations.api import authority_of
from jangbu.payments.review_rules import NOTE_LONGEST
from jangbu.payments.service.look import looked_at
from jangbu.payments.story.pages import show_story
from jangbu.payments.story.telling import LIST
from jangbu.periods import moment
from jangbu.portone import PortOne
from jangbu.portone.after import Parcel
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
        ending = end(which, _OUTCOMES[outcome], who=authority_of(caller, run), run=run, portone=portone)
        return await _back(ending, request, payment_id, caller, f"dispute:{which}")

    @router.post(LIST + "/{payment_id}/looked-at")
    async def look(request: Request, payment_id: str, caller: Actor) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            review, note = str(form.get("review", ""))[:40], str(form.get("note", ""))[:NOTE_LONGEST]
        looking = looked_at(payment_id, review, note=note, actor=caller.actor, run=run)
        return await _back(looking, request, payment_id, caller, "review")

    @router.post(LIST + "/{payment_id}/close-account")
    async def close_account(request: Request, payment_id: str, caller: Actor) -> Response:
        closing = close(payment_id, actor=caller.actor, run=run, portone=portone)
        return await _back(closing, request, payment_id, caller, "account")

    @router.post(LIST + "/{payment_id}/receipt/issue")
    async def issue_receipt(request: Request, payment_id: str, caller: Actor) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            type_, number = str(form.get("type", "")), str(form.get("number", ""))[:40]

        async def issuing() -> None:
            wish = checked("CORPORATE" if type_ == "CORPORATE" else "PERSONAL", number)
            await receipts.issue(payment_id, wish, actor=caller.actor, run=run, portone=portone)

        return await _back(issuing(), request, payment_id, caller, "receipt")

    @router.post(LIST + "/{payment_id}/receipt/cancel")
    async def cancel_receipt(request: Request, payment_id: str, caller: Actor) -> Response:
        cancelling = receipts.cancel(payment_id, actor=caller.actor, run=run, portone=portone)
        return await _back(cancelling, request, payment_id, caller, "receipt")

    @router.post(LIST + "/{payment_id}/escrow/parcel")
    async def send_parcel(request: Request, payment_id: str, caller: Actor) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            company, invoice = str(form.get("company", "")), str(form.get("invoice", ""))[:200]
            since = str(form.get("sent_at", ""))[:40]

        async def sending() -> None:
            sent_at = moment(since, "sentAt") or run.clock.now()
            parcel = Parcel(company if company in CARRIERS else "ETC", checked_invoice(invoice), sent_at)
            await escrow.send(payment_id, parcel, actor=caller.actor, run=run, portone=portone)

        return await _back(sending(), request, payment_id, caller, "escrow")

    @router.post(LIST + "/{payment_id}/escrow/complete")
    async def complete_escrow(request: Request, payment_id: str, caller: Actor) -> Response:
        completing = escrow.complete(payment_id, actor=caller.actor, run=run, portone=portone)
        return await _back(completing, request, payment_id, caller, "escrow")

    async def _back(work: Awaitable[object], request: Request, payment_id: str, caller: Caller, card: str) -> Response:
        """Do it and go back to the payment; what is refused is said on its card."""
        try:
            await work
        except Refusal as refusal:
            if refusal.http_status == 404:
                raise
            return await show_story(request, payment_id, caller, run=run, refusal=refusal, of_card=card)
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    return router
