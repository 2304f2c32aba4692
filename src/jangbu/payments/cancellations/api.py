"""The shop's routes for giving money back (requirements B3)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import rfc3339
from jangbu.payments.api import IdempotencyKey, payment_view
from jangbu.payments.cancellations.accounts import RefundAccount, checked
from jangbu.payments.cancellations.advice_rules import Advice
from jangbu.payments.cancellations.rules import REASON_LONGEST, Ask, Cancellation, CancellationStatus
from jangbu.payments.cancellations.service.advice import advice
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok


class RefundAccountBody(Body):
    """The payer's account. It is kept encrypted until PortOne has it, and masked afterwards."""

    bank: str = Field(min_length=1, max_length=40, description="국민은행, KB국민은행, or PortOne's word: KOOKMIN.")
    number: str = Field(min_length=1, max_length=40, description="Digits; hyphens and spaces are left out.")
    holder_name: str = Field(min_length=1, max_length=100)
    holder_phone_number: str | None = Field(default=None, max_length=30, description="Only Smartro needs it.")


class CancelTerms(Body):
    """What to give back; of nothing said, all that is left."""

    amount: int | None = Field(
        default=None,
        description="In minor units of the payment's currency. Left out: all that is left.",
        examples=[3000],
    )
    currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Only checked: a refund is made in the payment's currency."
    )
    tax_free_amount: int | None = Field(
        default=None, description="The tax-free part of `amount`; needed for a part of an order with taxed goods too."
    )
    reason: str = Field(default="User requested cancellation", min_length=1, max_length=REASON_LONGEST)
    requester: Literal["CUSTOMER", "ADMIN"] | None = Field(default=None, description="Who wants it (NaverPay asks).")
    refund_account: RefundAccountBody | None = Field(
        default=None, description="Needed for a payment to a virtual account; others go back the way they came."
    )


class CancelBody(CancelTerms):
    """What to give back, and of which payment. `paymentId` suffices: all that is left."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """`/api/portone/cancel` and advice on it."""
    router = APIRouter(prefix="/api/portone", tags=["payments"])

    @router.get("/cancel/advice", summary="Before the click: what is known about refunding a payment")
    async def advise_on_cancel(
        caller: Annotated[Caller, guard(Scoped("payments:cancel"))],
        payment_id: Annotated[
            str, Query(alias="paymentId", min_length=1, max_length=255, description="Our id or PortOne's paymentId.")
        ],
    ) -> Response:
        """Allowed? How much, by when, when has the payer it, what does it cost and need? Moves nothing, asks nobody.

        `notes` says each with its source; one without a source says that it is not known.
        """
        payment, found = await advice(payment_id, store_id=caller.store_id, run=run)
        return ok({"paymentId": payment.provider_order_id} | advice_view(found), clock=run.clock)

    @router.post("/cancel", summary="Give money back, all of it or a part", responses={202: {"description": LATER}})
    async def cancel_payment(
        body: CancelBody,
        caller: Annotated[Caller, guard(Scoped("payments:cancel"))],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """The money went back only when `cancellation.status` is SUCCEEDED (200); 202 says that it is not known yet."""
        return await cancelled(body.payment_id, body, caller, idempotency_key, run=run, portone=portone)

    return router


async def cancelled(
    payment_id: str, terms: CancelTerms, caller: Caller, idempotency_key: str | None, *, run: Runtime, portone: PortOne
) -> Response:
    """What a shop that asked for a refund is answered."""
    account = terms.refund_account
    ask = Ask(
        amount=terms.amount,
        currency=terms.currency,
        tax_free_amount=terms.tax_free_amount,
        reason=terms.reason,
        requester=terms.requester or "",
        account=None if account is None else _checked(account),
        request_key=None if idempotency_key is None else f"{caller.actor.name}:{idempotency_key}",
    )
    outcome = await cancel(payment_id, ask, who=authority_of(caller, run), run=run, portone=portone)
    is_done = outcome.cancellation.status is CancellationStatus.SUCCEEDED
    view = payment_view(outcome.payment) | {"cancellation": cancellation_view(outcome.cancellation)}
    return ok(view, clock=run.clock, status=200 if is_done else 202)


def _checked(body: RefundAccountBody) -> RefundAccount:
    return checked(body.bank, body.number, body.holder_name, body.holder_phone_number or "")


LATER = "Written down and not done yet: a second person has to approve it, or PortOne or the PG has not said so."


def authority_of(caller: Caller, run: Runtime) -> Authority:
    """How much a caller may give back alone (`JANGBU_REFUND_LIMITS`)."""
    role = "API key" if caller.role is None else caller.role.value
    return Authority(caller.actor, limits=run.settings.refund_limits.get(role), store_id=caller.store_id)


def advice_view(found: Advice) -> dict[str, Any]:
    """Advice as the shop sees it."""
    return {
        "allowed": found.allowed,
        "why": found.why,
        "most": None if found.most is None else found.most.amount_minor,
        "currency": None if found.most is None else found.most.currency,
        "inParts": found.in_parts,
        "until": None if found.until is None else rfc3339(found.until),
        "needs": list(found.needs),
        "notes": [
            {
                "topic": note.topic,
                "ko": note.ko,
                "en": note.en,
                "source": note.source or None,
                "asOf": None if note.as_of is None else note.as_of.isoformat(),
            }
            for note in found.notes
        ],
    }


def cancellation_view(one: Cancellation) -> dict[str, Any]:
    """A cancellation as the shop sees it."""
    return {
        "id": str(one.id),
        "status": one.status.value,
        "amount": one.amount,
        "taxFreeAmount": one.tax_free_amount,
        "currency": one.currency,
        "reason": one.reason,
        "refundTo": one.refund_to,
        "cancelledAt": None if one.cancelled_at is None else rfc3339(one.cancelled_at),
    }
