"""The shop's routes for what comes with a payment: its virtual account, its cash receipt, its escrow."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.payments.api import payment_view
from jangbu.payments.service.close import close
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok


class PaymentBody(Body):
    """Which payment."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """`/api/portone/virtual-account/close`."""
    router = APIRouter(prefix="/api/portone", tags=["payments"])
    Changer = Annotated[Caller, guard(Scoped("payments:cancel"))]  # noqa: N806 (a type)

    @router.post("/virtual-account/close", summary="Let nobody pay into a virtual account any more")
    async def close_virtual_account(body: PaymentBody, caller: Changer) -> Response:
        """Asked again, it answers the same. A deposit that comes first wins: 409 ACCOUNT_NOT_WAITING, status PAID."""
        payment = await close(body.payment_id, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone)
        return ok(payment_view(payment), clock=run.clock)

    return router
