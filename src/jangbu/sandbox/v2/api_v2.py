"""PortOne's V2 REST operations.

One more is one more decorated handler; faults, auth and errors are the gate's.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from jangbu.ids import from_facts
from jangbu.sandbox.core import access
from jangbu.sandbox.core.currencies import refuse_unknown
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt, Order, Payment
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2 import listing
from jangbu.sandbox.v2.wire import payment_json, webhook_json

operations = Operations()


class _ApiSecret(msgspec.Struct, rename="camel"):
    api_secret: str


class _RefreshToken(msgspec.Struct, rename="camel"):
    refresh_token: str


class _PreRegister(msgspec.Struct, rename="camel"):
    store_id: str | None = None
    total_amount: int | None = None
    tax_free_amount: int | None = None
    currency: str | None = None


class _ResendWebhook(msgspec.Struct, rename="camel"):
    store_id: str | None = None
    webhook_id: str | None = None


@operations.add("POST", "/login/api-secret", is_open=True)
async def login(call: Call) -> dict[str, Any]:
    """portone-facts §1.1."""
    return access.log_in(call.world, call.body(_ApiSecret).api_secret, call.now)


@operations.add("POST", "/token/refresh", is_open=True)
async def refresh_token(call: Call) -> dict[str, Any]:
    """portone-facts §1.1."""
    return access.refresh(call.world, call.body(_RefreshToken).refresh_token, call.now)


@operations.add("POST", "/payments/{paymentId}/pre-register")
async def pre_register_payment(call: Call) -> dict[str, Any]:
    """portone-facts §2.4."""
    asked = call.body(_PreRegister)
    store = call.store(asked.store_id)
    if min(asked.total_amount or 0, asked.tax_free_amount or 0) < 0:
        raise ApiError("INVALID_REQUEST", "An amount must not be negative.")
    if asked.currency is not None:
        refuse_unknown(asked.currency)
    call.world.pre_register(
        store,
        call.path("paymentId"),
        total_minor=asked.total_amount,
        tax_free_minor=asked.tax_free_amount,
        currency=asked.currency,
        now=call.now,
        replaces=call.world.inferred.preregister_overwrites,
    )
    return {}


@operations.add("GET", "/payments/{paymentId}")
async def get_payment(call: Call) -> dict[str, Any]:
    """portone-facts §2.2."""
    store = call.store(call.query("storeId"))
    payment = found(call.world.payment(store.id, call.path("paymentId")))
    if payment.current is None:
        if call.world.inferred.preregistered_only_is_not_found:
            raise _not_found()
        payment = _as_if_begun(call, payment)
    return call.parts.faults.bend(call.operation.name, payment_json(call.world, payment))


@operations.add("GET", "/payments")
async def get_payments(call: Call) -> dict[str, Any]:
    """portone-facts §2.13."""
    asked = call.body(listing.PaymentsQuery)
    store = call.store(asked.filter.store_id)
    return listing.page_of(call, store, asked)


@operations.add("POST", "/payments/{paymentId}/resend-webhook")
async def resend_webhook(call: Call) -> dict[str, Any]:
    """portone-facts §2.12; whether it answers before it sends is a switch [I: resend_answers_first]."""
    asked = call.body(_ResendWebhook)
    payment = found(call.world.payment(call.store(asked.store_id).id, call.path("paymentId")))
    delivery = call.world.webhook_to_resend(payment, asked.webhook_id)
    if call.world.inferred.resend_answers_first:
        call.parts.courier.resend_soon(delivery)
    else:
        await call.parts.courier.resend(delivery)
    return {"webhook": webhook_json(call.world, delivery)}


def found(payment: Payment | None) -> Payment:
    """The payment, or PAYMENT_NOT_FOUND."""
    if payment is None:
        raise _not_found()
    return payment


def paid(payment: Payment) -> Attempt:
    """The attempt that paid and is not wholly cancelled. Refuses PAYMENT_NOT_FOUND and PAYMENT_NOT_PAID."""
    attempt = payment.current
    if attempt is None:
        raise _not_found()
    if not attempt.has_paid or attempt.status == "CANCELLED":
        raise ApiError("PAYMENT_NOT_PAID", "The payment is not paid.")
    return attempt


def _not_found() -> ApiError:
    return ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")


def _as_if_begun(call: Call, payment: Payment) -> Payment:
    """A READY payment for a paymentId that was only pre-registered (the other side of an inferred switch)."""
    fixed = payment.preregistration
    assert fixed is not None, "a payment is there because it was registered or begun"
    total, tax_free = fixed.total_minor or int(fixed.total_major or 0), fixed.tax_free_minor or 0
    order = Order("", total, tax_free, call.world.vat_of(total, tax_free), fixed.currency or "KRW", {})
    at: datetime = fixed.at
    channel_key = next(c.key for c in call.world.state.channels.values() if c.store_id == payment.store_id)
    origin = {"platformType": "API", "ipAddress": "127.0.0.1"}
    transaction_id = str(UUID(from_facts("only pre-registered", payment.store_id, payment.id)))
    begun = Attempt(transaction_id, payment.id, payment.store_id, channel_key, order, origin, at, at, at)
    return Payment(payment.id, payment.store_id, fixed, [begun])
