"""The shop's routes for what comes with a payment: its virtual account, its cash receipt, its escrow."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import rfc3339
from jangbu.payments.after.bodies import ReceiptBody
from jangbu.payments.after.escrow_rules import CARRIERS, INVOICE_LONGEST, Escrow, checked_invoice
from jangbu.payments.after.receipt_rules import Receipt, ReceiptStatus
from jangbu.payments.after.service import escrow, receipts
from jangbu.payments.after.service.close import close
from jangbu.payments.api import payment_view
from jangbu.periods import moment
from jangbu.portone import PortOne
from jangbu.portone.after import Parcel
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok

LATER = "PortOne's answer was lost. It is asked until it is known, and nothing is done twice."
LATER_TOO: dict[int | str, dict[str, str]] = {202: {"description": LATER}}


class IssueBody(ReceiptBody):
    """Of which payment, and whose."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")


class ParcelBody(Body):
    """How the goods of which payment are on their way."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")
    company: str = Field(pattern=f"^({'|'.join(CARRIERS)})$", description="PortOne's word for the carrier.")
    invoice_number: str = Field(min_length=1, max_length=INVOICE_LONGEST)
    sent_at: str | None = Field(default=None, max_length=40, description="RFC 3339. Left out: now.")


class PaymentBody(Body):
    """Which payment."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """`/api/portone/virtual-account/close`, `/api/portone/cash-receipt/…`, `/api/portone/escrow/…`."""
    router = APIRouter(prefix="/api/portone", tags=["payments"])
    Changer = Annotated[Caller, guard(Scoped("payments:cancel"))]  # noqa: N806 (a type)

    @router.post("/virtual-account/close", summary="Let nobody pay into a virtual account any more")
    async def close_virtual_account(body: PaymentBody, caller: Changer) -> Response:
        """Asked again, it answers the same. A deposit that comes first wins: 409 ACCOUNT_NOT_WAITING, status PAID."""
        payment = await close(body.payment_id, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone)
        return ok(payment_view(payment), clock=run.clock)

    @router.post("/cash-receipt/issue", summary="Issue a cash receipt by hand", responses=LATER_TOO)
    async def issue_receipt(body: IssueBody, caller: Changer) -> Response:
        """For what is left of a payment by transfer or deposit. The payer has it when `status` is ISSUED (200)."""
        receipt = await receipts.issue(
            body.payment_id, body.wish, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone
        )
        is_done = receipt.status is ReceiptStatus.ISSUED
        return ok(receipt_view(receipt), clock=run.clock, status=200 if is_done else 202)

    @router.post("/cash-receipt/cancel", summary="Take a cash receipt back", responses=LATER_TOO)
    async def cancel_receipt(body: PaymentBody, caller: Changer) -> Response:
        """It is taken back when `status` is CANCELLED (200)."""
        receipt = await receipts.cancel(
            body.payment_id, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone
        )
        is_done = receipt.status is ReceiptStatus.CANCELLED
        return ok(receipt_view(receipt), clock=run.clock, status=200 if is_done else 202)

    @router.post("/escrow/parcel", summary="Tell the PG that goods in escrow are on their way", responses=LATER_TOO)
    async def send_parcel(body: ParcelBody, caller: Changer) -> Response:
        """Told again with other words, it corrects what was told."""
        sent_at = moment(body.sent_at or "", "sentAt") or run.clock.now()
        parcel = Parcel(body.company, checked_invoice(body.invoice_number), sent_at)
        told = await escrow.send(
            body.payment_id, parcel, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone
        )
        return ok(escrow_view(told.escrow), clock=run.clock, status=200 if told.is_done else 202)

    @router.post("/escrow/complete", summary="Confirm a purchase in escrow", responses=LATER_TOO)
    async def complete_escrow(body: PaymentBody, caller: Changer) -> Response:
        """As its merchant, once the goods have arrived."""
        told = await escrow.complete(
            body.payment_id, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone
        )
        return ok(escrow_view(told.escrow), clock=run.clock, status=200 if told.is_done else 202)

    return router


def escrow_view(one: Escrow | None) -> dict[str, Any] | None:
    """How an escrow stands, in PortOne's words."""
    if one is None:
        return None
    return {
        "status": one.status,
        "company": one.company or None,
        "invoiceNumber": one.invoice_number or None,
        "sentAt": None if one.sent_at is None else rfc3339(one.sent_at),
    }


def receipt_view(one: Receipt | None) -> dict[str, Any] | None:
    """A cash receipt as the shop sees it: nothing but the last digits of whose it is."""
    if one is None:
        return None
    return {
        "status": one.status.value,
        "type": one.type or None,
        "number": one.number_shown or None,
        "issueNumber": one.issue_number or None,
        "url": one.url or None,
        "issuedAt": None if one.issued_at is None else rfc3339(one.issued_at),
        "cancelledAt": None if one.cancelled_at is None else rfc3339(one.cancelled_at),
    }
