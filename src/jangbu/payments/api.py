"""The shop's routes for payments (requirements B1-B3)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import rfc3339
from jangbu.payments import methods, receipt_rules
from jangbu.payments.advice_rules import Advice
from jangbu.payments.cancellation_rules import REASON_LONGEST, Ask, Cancellation, CancellationStatus
from jangbu.payments.escrow_rules import Escrow
from jangbu.payments.receipt_rules import Receipt, Wish
from jangbu.payments.refund_accounts import RefundAccount, checked
from jangbu.payments.refusals import StoreUnknown
from jangbu.payments.rules import Payment
from jangbu.payments.service.advice import advice
from jangbu.payments.service.cancel import Authority, cancel
from jangbu.payments.service.confirm import Agreed, Approves, confirm
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.verify import Verdict, verify
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok


class ReceiptBody(Body):
    """Whose cash receipt (현금영수증) it is to be. The number is kept encrypted until PortOne has it, then masked."""

    type: Literal["PERSONAL", "CORPORATE"] = Field(description="소득공제용, or 지출증빙용.")
    number: str = Field(
        min_length=1, max_length=40, description="PERSONAL: mobile or receipt-card number. CORPORATE: business number."
    )

    @property
    def wish(self) -> Wish:
        """Checked. Raises ReceiptNumberUnfit."""
        return receipt_rules.checked(self.type, self.number)


class ProductBody(Body):
    """One line of what is bought, in PortOne's words."""

    id: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=100)
    amount: int = Field(ge=0, description="Of one, in minor units.")
    quantity: int = Field(ge=1)


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


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Optional. The same key with the same body gives the same payment; with another body, 422.",
    ),
]


def routes(run: Runtime, portone: PortOne, approves: Approves) -> APIRouter:
    """`/api/portone/initialize`, `…/verify`, `…/confirm`, `…/cancel` and advice on it."""
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


def window_view(payment: Payment) -> dict[str, Any]:
    """What the browser hands to PortOne's window beside amount and order name; nothing where there is nothing."""
    told = {"isEscrow": True} if payment.is_escrow else {}
    return {"window": told | {"products": payment.products}} if payment.products else {}


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
