"""PortOne's V2 operations that give money back."""

from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import cancels
from jangbu.sandbox.core.choices import Bank
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.api_v2 import found
from jangbu.sandbox.v2.wire import cancellation_json

operations = Operations()


class _RefundAccount(msgspec.Struct, rename="camel"):
    bank: Bank
    number: str
    holder_name: str
    holder_phone_number: str | None = None


class _Cancel(msgspec.Struct, rename="camel"):
    reason: str
    store_id: str | None = None
    amount: int | None = None
    tax_free_amount: int | None = None
    vat_amount: int | None = None
    requester: Literal["CUSTOMER", "ADMIN"] | None = None
    promotion_discount_retain_option: Literal["RETAIN", "RELEASE"] | None = None
    current_cancellable_amount: int | None = None
    refund_account: _RefundAccount | None = None
    refund_email: str | None = None
    skip_webhook: bool | None = None


class _Stop(msgspec.Struct, rename="camel"):
    store_id: str | None = None


@operations.add("POST", "/payments/{paymentId}/cancellations/{cancellationId}/stop")
async def stop_payment_cancellation(call: Call) -> dict[str, Any]:
    """portone-facts §2.8."""
    asked = call.body(_Stop)
    payment = found(call.world.payment(call.store(asked.store_id).id, call.path("paymentId")))
    return {"stoppedAt": rfc3339(cancels.stop(call.world, payment, call.path("cancellationId"), call.now))}


@operations.add(
    "POST",
    "/payments/{paymentId}/cancel",
    to_pg="`requester` (NaverPay), `refundEmail` (Triple-A)",
)
async def cancel_payment(call: Call) -> dict[str, Any]:
    """portone-facts §2.8."""
    asked = call.body(_Cancel)
    payment = found(call.world.payment(call.store(asked.store_id).id, call.path("paymentId")))
    wish = cancels.Asked(
        reason=asked.reason,
        amount_minor=asked.amount,
        tax_free_minor=asked.tax_free_amount,
        vat_minor=asked.vat_amount,
        current_cancellable_minor=asked.current_cancellable_amount,
        skip_webhook=asked.skip_webhook or False,
        retains_discount=asked.promotion_discount_retain_option == "RETAIN",
        refund_account=msgspec.to_builtins(asked.refund_account) if asked.refund_account else None,
    )
    cancellation = cancels.cancel(call.world, call.parts.faults, payment, wish, call.now)
    return {"cancellation": cancellation_json(cancellation)}
