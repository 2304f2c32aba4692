"""PortOne's own Python SDK cancels on the sandbox and reads every shape of the answer (portone-facts §2.8)."""

import pytest
from portone_server_sdk.errors import (
    CancelAmountExceedsCancellableAmountError,
    CancellableAmountConsistencyBrokenError,
    PaymentAlreadyCancelledError,
    PaymentNotFoundError,
    PaymentNotPaidError,
    PgProviderError,
)
from portone_server_sdk.payment import (
    CancelledPayment,
    FailedPaymentCancellation,
    PartialCancelledPayment,
    RequestedPaymentCancellation,
    SucceededPaymentCancellation,
)

from contract.sdk import Portone
from jangbu.sandbox.core.faults import Fault


async def test_the_sdk_reads_a_partial_and_a_full_cancellation(portone: Portone) -> None:
    await portone.pay("part-0001")
    first = await portone.sdk.cancel_payment_async(
        payment_id="part-0001", reason="단순 변심", amount=3_000, current_cancellable_amount=11_000
    )
    assert isinstance(first.cancellation, SucceededPaymentCancellation)
    assert (first.cancellation.total_amount, first.cancellation.trigger) == (3_000, "API")
    partly = await portone.sdk.get_payment_async(payment_id="part-0001")
    assert isinstance(partly, PartialCancelledPayment) and partly.amount.cancelled == 3_000
    await portone.sdk.cancel_payment_async(payment_id="part-0001", reason="나머지")
    wholly = await portone.sdk.get_payment_async(payment_id="part-0001")
    assert isinstance(wholly, CancelledPayment)
    assert [each.total_amount for each in wholly.cancellations] == [3_000, 8_000]


async def test_the_sdk_knows_every_refusal(portone: Portone) -> None:
    await portone.pay("full-0001")
    with pytest.raises(CancelAmountExceedsCancellableAmountError):
        await portone.sdk.cancel_payment_async(payment_id="full-0001", reason="x", amount=11_001)
    with pytest.raises(CancellableAmountConsistencyBrokenError):
        await portone.sdk.cancel_payment_async(payment_id="full-0001", reason="x", current_cancellable_amount=1)
    await portone.sdk.cancel_payment_async(payment_id="full-0001", reason="x")
    with pytest.raises(PaymentAlreadyCancelledError):
        await portone.sdk.cancel_payment_async(payment_id="full-0001", reason="x")
    with pytest.raises(PaymentNotFoundError):
        await portone.sdk.cancel_payment_async(payment_id="nobody-01", reason="x")
    await portone.open("open-0001")
    with pytest.raises(PaymentNotPaidError):
        await portone.sdk.cancel_payment_async(payment_id="open-0001", reason="x")


async def test_the_sdk_reads_what_is_under_way_what_failed_and_what_the_pg_says(portone: Portone) -> None:
    await portone.pay("slow-0001")
    for name, kind in (
        ("cancel_waits", RequestedPaymentCancellation),
        ("cancel_fails", FailedPaymentCancellation),
    ):
        portone.parts.faults.order(Fault(name))
        answer = await portone.sdk.cancel_payment_async(payment_id="slow-0001", reason="x", amount=100)
        assert isinstance(answer.cancellation, kind)
    portone.parts.faults.order(Fault("status_502", operation="cancel_payment"))
    with pytest.raises(PgProviderError):
        await portone.sdk.cancel_payment_async(payment_id="slow-0001", reason="x", amount=100)
    assert await portone.sdk.get_payment_async(payment_id="slow-0001")
