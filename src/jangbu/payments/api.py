"""The shop's routes for payments (requirements B1, B2)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import rfc3339
from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.payments import methods
from jangbu.payments.after.bodies import ReceiptBody
from jangbu.payments.confirm.service import Agreed, Approves, confirm
from jangbu.payments.refusals import StoreUnknown
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.verify import Verdict, verify
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok


class ProductBody(Body):
    """One line of what is bought, in PortOne's words."""

    id: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=100)
    amount: int = Field(ge=0, le=AMOUNT_MINOR_MAX, description="Of one, in minor units.")
    quantity: int = Field(ge=1, le=AMOUNT_MINOR_MAX)


class InitializeBody(Body):
    """A payment to be made. `amount` and `orderName` suffice."""

    amount: int = Field(description="In minor units of the currency: won for KRW, cents for USD.", examples=[10000])
    order_name: str = Field(min_length=1, max_length=100, description="What the payer buys.", examples=["보리차 2병"])
    currency: str = Field(default="KRW", pattern="^[A-Z]{3}$", description="ISO 4217.")
    order_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="Your order. One order has one payment, for ever."
    )
    tax_free_amount: int = Field(default=0, description="The part of the amount that is free of VAT.")
    store_id: str | None = Field(
        default=None, max_length=100, description="Only where this installation serves several stores."
    )
    cash_receipt: ReceiptBody | None = Field(
        default=None, description="Issued once this is paid by transfer or to a virtual account; else not needed."
    )
    is_escrow: bool = Field(default=False, description="The PG keeps the money until the goods have arrived.")
    products: list[ProductBody] = Field(default_factory=list, max_length=100, description="Needed for escrow.")
    api: Literal["v1", "v2"] = Field(
        default="v2",
        description="`v1` for a shop whose pages use `IMP.request_pay`: `paymentId` is the `merchant_uid` to pass it.",
    )


class VerifyBody(Body):
    """Which payment to look at."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")


class ConfirmBody(Body):
    """What the payment window brought back on a channel with manual approval."""

    payment_id: str = Field(min_length=1, max_length=255, description="Our id or PortOne's paymentId.")
    payment_token: str = Field(min_length=1, max_length=1000, description="`paymentToken`, as the browser got it.")
    tx_id: str | None = Field(default=None, min_length=1, max_length=255, description="`txId`; PortOne compares it.")


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Optional. The same key with the same body gives the same payment; with another body, 422.",
    ),
]


def routes(run: Runtime, portone: PortOne, approves: Approves) -> APIRouter:
    """`/api/portone/initialize`, `…/verify`, `…/confirm`."""
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
            receipt=None if body.cash_receipt is None else body.cash_receipt.wish,
            is_escrow=body.is_escrow,
            products=[one.model_dump() for one in body.products] or None,
            amount=body.amount,
            currency=body.currency,
            order_name=body.order_name,
            tax_free_amount=body.tax_free_amount,
            order_id=body.order_id,
            store_id=body.store_id or caller.store_id,
            api=body.api,
            idempotency_key=None if idempotency_key is None else f"{caller.actor.name}:{idempotency_key}",
        )
        payment = await initialize(order, actor=caller.actor, run=run, portone=portone)
        return ok(payment_view(payment), clock=run.clock)

    @router.post("/verify", summary="Ask PortOne whether a payment is paid, and paid as asked")
    async def verify_payment(body: VerifyBody, caller: Annotated[Caller, guard(Scoped("payments:verify"))]) -> Response:
        """Deliver goods only when `paid` is true; once any of it was given back, it is false (see `status`).

        `mismatch` says what differs: amount, currency, store or channel.
        """
        verdict = await verify(body.payment_id, store_id=caller.store_id, actor=caller.actor, run=run, portone=portone)
        return ok(verdict_view(verdict), clock=run.clock)

    @router.post("/confirm", summary="Approve what the payer agreed to, on a channel with manual approval")
    async def confirm_payment(
        body: ConfirmBody, caller: Annotated[Caller, guard(Scoped("payments:create"))]
    ) -> Response:
        """Compared, and stock and time looked at, before any money moves. Deliver only when `paid` is true.

        Sending it again is safe: a payment is approved once, and one that is taken already is just shown.
        """
        agreed = Agreed(body.payment_token, body.tx_id)
        verdict = await confirm(
            body.payment_id,
            agreed,
            store_id=caller.store_id,
            actor=caller.actor,
            run=run,
            portone=portone,
            approves=approves,
        )
        return ok(verdict_view(verdict), clock=run.clock)

    return router


def window_view(payment: Payment) -> dict[str, Any]:
    """What the browser hands to PortOne's window beside amount and order name; nothing where there is nothing."""
    told = {"isEscrow": True} if payment.is_escrow else {}
    return {"window": told | {"products": payment.products}} if payment.products else {}


def verdict_view(verdict: Verdict) -> dict[str, Any]:
    """A payment that was just read, and whether to deliver."""
    return payment_view(verdict.payment) | {"paid": verdict.is_paid, "mismatch": verdict.mismatch}


def payment_view(payment: Payment) -> dict[str, Any]:
    """A payment as the shop sees it. Money is an integer in minor units beside its currency.

    `method` is explained in docs/reference/payment-methods.md.
    """
    return {
        "id": str(payment.id),
        "paymentId": payment.provider_order_id,
        "storeId": payment.store_id,
        "orderId": payment.order_id,
        "orderName": payment.order_name,
        "api": payment.api,
        "status": payment.status.value,
        "amount": payment.amount,
        "taxFreeAmount": payment.tax_free_amount,
        "cancelledAmount": payment.cancelled_amount,
        "cancellableAmount": payment.cancellable_amount,
        "currency": payment.currency,
        "paidAt": None if payment.paid_at is None else rfc3339(payment.paid_at),
        "expiresAt": rfc3339(payment.deadline),
        "method": methods.view(methods.read(payment.method), is_waiting=payment.awaits_money),
        **window_view(payment),
    }
