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
from jangbu.payments.escrow_rules import CARRIERS, checked_invoice
from jangbu.payments.method_refusals import DisputeUnknown
from jangbu.payments.pages import LIST
from jangbu.payments.receipt_rules import checked
from jangbu.payments.service import escrow, receipts
from jangbu.payments.service.close import close
from jangbu.payments.service.disputes import end
from jangbu.payments.story_pages import show_story
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

    @router.post(LIST + "/{payment_id}/receipt/issue")
    async def issue_receipt(request: Request, payment_id: str, caller: Actor) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            type_, number = str(form.get("type", "")), str(form.get("number", ""))[:40]
        try:
            wish = checked("CORPORATE" if type_ == "CORPORATE" else "PERSONAL", number)
            await receipts.issue(payment_id, wish, actor=caller.actor, run=run, portone=portone)
        except Refusal as refusal:
            return await _again(request, payment_id, caller, refusal, "receipt")
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    @router.post(LIST + "/{payment_id}/receipt/cancel")
    async def cancel_receipt(request: Request, payment_id: str, caller: Actor) -> Response:
        try:
            await receipts.cancel(payment_id, actor=caller.actor, run=run, portone=portone)
        except Refusal as refusal:
            return await _again(request, payment_id, caller, refusal, "receipt")
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    @router.post(LIST + "/{payment_id}/escrow/parcel")
    async def send_parcel(request: Request, payment_id: str, caller: Actor) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            company, invoice = str(form.get("company", "")), str(form.get("invoice", ""))[:200]
            since = str(form.get("sent_at", ""))[:40]
        try:
            sent_at = moment(since, "sentAt") or run.clock.now()
            parcel = Parcel(company if company in CARRIERS else "ETC", checked_invoice(invoice), sent_at)
            await escrow.send(payment_id, parcel, actor=caller.actor, run=run, portone=portone)
        except Refusal as refusal:
            return await _again(request, payment_id, caller, refusal, "escrow")
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    @router.post(LIST + "/{payment_id}/escrow/complete")
    async def complete_escrow(request: Request, payment_id: str, caller: Actor) -> Response:
        try:
            await escrow.complete(payment_id, actor=caller.actor, run=run, portone=portone)
        except Refusal as refusal:
            return await _again(request, payment_id, caller, refusal, "escrow")
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    async def _again(request: Request, payment_id: str, caller: Caller, refusal: Refusal, card: str) -> Response:
        if refusal.http_status == 404:
            raise refusal
        return await show_story(request, payment_id, caller, run=run, refusal=refusal, of_card=card)

    return router
