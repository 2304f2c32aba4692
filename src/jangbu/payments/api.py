"""The shop's routes for payments (requirements B1, B2)."""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import rfc3339
from jangbu.payments.refusals import StoreUnknown
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.verify import verify
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.envelope import ok


class Body(BaseModel):
    """A request body: camelCase, nothing converted, nothing unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class InitializeBody(Body):
    """A payment to be made. `amount` and `orderName` suffice."""

    amount: int = Field(description="In minor units of the currency: won for KRW, cents for USD.", examples=[10000])
    order_name: str = Field(min_length=1, max_length=100, description="What the payer buys.", examples=["보리차 2병"])
    currency: str = Field(default="KRW", pattern="^[A-Z]{3}$", description="ISO 4217.")
    order_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="Your order. One order has one payment, for ever."
    )
    tax_free_amount: int = Field(default=0, description="The part of the amount that is free of VAT.")
    store_id: str | None = Field(default=None, description="Only where this installation serves several stores.")


class VerifyBody(Body):
    """Which payment to look at."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Optional. The same key with the same body gives the same payment; with another body, 422.",
    ),
]


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """`/api/portone/initialize` and `/api/portone/verify`."""
    router = APIRouter(prefix="/api/portone", tags=["payments"])

    @router.post("/initialize", summary="Create a payment and fix its amount at PortOne")
    async def initialize_payment(
        body: InitializeBody,
        caller: Annotated[Caller, guard(Scoped("payments:create"))],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Call this from your backend before the payment window opens, and hand `paymentId` to the browser."""
        if caller.store_id is not None and body.store_id not in (None, caller.store_id):
            raise StoreUnknown(store_id=body.store_id)
        order = Order(
            amount=body.amount,
            currency=body.currency,
            order_name=body.order_name,
            tax_free_amount=body.tax_free_amount,
            order_id=body.order_id,
            store_id=body.store_id or caller.store_id,
            idempotency_key=None if idempotency_key is None else f"{caller.actor.name}:{idempotency_key}",
        )
        payment = await initialize(order, actor=caller.actor, run=run, portone=portone)
        return ok(payment_view(payment), clock=run.clock)

    @router.post("/verify", summary="Ask PortOne whether a payment is paid, and paid as asked")
    async def verify_payment(body: VerifyBody, caller: Annotated[Caller, guard(Scoped("payments:verify"))]) -> Response:
        """Deliver goods only when `paid` is true. `mismatch` says what differs: amount, currency, store or channel."""
        verdict = await verify(body.payment_id, actor=caller.actor, run=run, portone=portone)
        view = payment_view(verdict.payment) | {"paid": verdict.is_paid, "mismatch": verdict.mismatch}
        return ok(view, clock=run.clock)

    return router


def payment_view(payment: Payment) -> dict[str, Any]:
    """A payment as the shop sees it. Money is an integer in minor units beside its currency."""
    return {
        "id": str(payment.id),
        "paymentId": payment.provider_order_id,
        "storeId": payment.store_id,
        "orderId": payment.order_id,
        "orderName": payment.order_name,
        "status": payment.status.value,
        "amount": payment.amount,
        "taxFreeAmount": payment.tax_free_amount,
        "cancelledAmount": payment.cancelled_amount,
        "cancellableAmount": payment.cancellable_amount,
        "currency": payment.currency,
        "paidAt": None if payment.paid_at is None else rfc3339(payment.paid_at),
        "expiresAt": rfc3339(payment.expires_at),
    }
