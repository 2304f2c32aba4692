"""What shops of V1 call from their backend: `/api/v1/payments/verify` and `…/{payment_id}/cancel` (requirements C2)."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AliasChoices, Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.payments.api import IdempotencyKey, payment_view
from jangbu.payments.cancellations.api import LATER, CancelTerms, cancelled
from jangbu.payments.service.verify import verify_imp_uid
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok


class VerifyImpUidBody(Body):
    """What `IMP.request_pay` called back with. V1's own names, or ours."""

    imp_uid: str = Field(min_length=1, max_length=32, validation_alias=AliasChoices("imp_uid", "impUid"))
    merchant_uid: str = Field(
        min_length=1,
        max_length=40,
        validation_alias=AliasChoices("merchant_uid", "merchantUid"),
        description="The `paymentId` you were given: take it from your own order and never from the browser.",
    )


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """The two routes."""
    router = APIRouter(prefix="/api/v1/payments", tags=["payments"])

    @router.post("/verify", summary="Ask PortOne's V1 whether an imp_uid paid this order, as asked")
    async def verify_payment(
        body: VerifyImpUidBody, caller: Annotated[Caller, guard(Scoped("payments:verify"))]
    ) -> Response:
        """Deliver goods only when `paid` is true. An imp_uid of another order is refused, however well it was paid."""
        verdict = await verify_imp_uid(
            body.imp_uid,
            body.merchant_uid,
            store_id=caller.store_id,
            actor=caller.actor,
            run=run,
            portone=portone,
        )
        view = payment_view(verdict.payment) | {
            "impUid": body.imp_uid,
            "merchantUid": verdict.payment.provider_order_id,
            "paid": verdict.is_paid,
            "mismatch": verdict.mismatch,
        }
        return ok(view, clock=run.clock)

    @router.post("/{payment_id}/cancel", summary="Give money back", responses={202: {"description": LATER}})
    async def cancel_payment(
        payment_id: Annotated[str, Path(min_length=1, max_length=255, description="Our id, or the merchant_uid.")],
        body: CancelTerms,
        caller: Annotated[Caller, guard(Scoped("payments:cancel"))],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """`POST /api/portone/cancel` with the payment in the path."""
        return await cancelled(payment_id, body, caller, idempotency_key, run=run, portone=portone)

    return router
