"""PortOne's own Python SDK cancels at the sandbox and reads what became of it."""

import pytest
from portone_server_sdk import webhook as sdk_webhook
from portone_server_sdk.errors import (
    CancelAmountExceedsCancellableAmountError,
    CancellableAmountConsistencyBrokenError,
    CancelTaxAmountExceedsCancellableTaxAmountError,
    CancelTaxFreeAmountExceedsCancellableTaxFreeAmountError,
    PaymentAlreadyCancelledError,
    PaymentNotFoundError,
    PaymentNotPaidError,
    PgProviderError,
    SumOfPartsExceedsCancelAmountError,
)
from portone_server_sdk.payment import (
    CancelledPayment,
    FailedPaymentCancellation,
    PaidPayment,
    PartialCancelledPayment,
    RequestedPaymentCancellation,
    SucceededPaymentCancellation,
)

from contract.sdk import Portone
from jangbu.clock import SystemClock
from jangbu.sandbox import WEBHOOK_SECRET
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.testing import Endpoint, Sandbox


async def test_the_sdk_cancels_in_part_and_then_the_rest(portone: Portone) -> None:
    await portone.pay("cancel-001", taxFreeAmount=1_000)
    part = await portone.sdk.cancel_payment_async(
        payment_id="cancel-001", reason="변심", amount=3_000, tax_free_amount=800, current_cancellable_amount=11_000
    )
    assert isinstance(part.cancellation, SucceededPaymentCancellation)
    assert (part.cancellation.tax_free_amount, part.cancellation.vat_amount) == (800, 200)
    payment = await portone.sdk.get_payment_async(payment_id="cancel-001")
    assert isinstance(payment, PartialCancelledPayment)
    assert (payment.amount.cancelled, payment.cancellations) == (3_000, [part.cancellation])

    rest = await portone.sdk.cancel_payment_async(payment_id="cancel-001", reason="변심")
    assert isinstance(rest.cancellation, SucceededPaymentCancellation)
    payment = await portone.sdk.get_payment_async(payment_id="cancel-001")
    assert isinstance(payment, CancelledPayment)
    assert (payment.amount.cancelled, payment.amount.cancelled_tax_free) == (11_000, 1_000)
    with pytest.raises(PaymentAlreadyCancelledError):
        await portone.sdk.cancel_payment_async(payment_id="cancel-001", reason="변심")


async def test_the_sdk_reads_a_cancel_that_waits_and_one_that_failed(portone: Portone) -> None:
    await portone.pay("cancel-002")
    portone.parts.faults.order(Fault("cancel_waits"), Fault("cancel_fails", times=2))
    waiting = await portone.sdk.cancel_payment_async(payment_id="cancel-002", reason="변심", amount=1)
    assert isinstance(waiting.cancellation, RequestedPaymentCancellation)
    failed = await portone.sdk.cancel_payment_async(payment_id="cancel-002", reason="변심", amount=2)
    assert isinstance(failed.cancellation, FailedPaymentCancellation)
    payment = await portone.sdk.get_payment_async(payment_id="cancel-002")
    assert isinstance(payment, PaidPayment)
    assert payment.cancellations == [waiting.cancellation, failed.cancellation]


async def test_the_sdk_names_every_refusal_of_a_cancel(portone: Portone) -> None:
    with pytest.raises(PaymentNotFoundError):
        await portone.sdk.cancel_payment_async(payment_id="cancel-003", reason="변심")
    await portone.open("cancel-003", taxFreeAmount=1_000)
    with pytest.raises(PaymentNotPaidError):
        await portone.sdk.cancel_payment_async(payment_id="cancel-003", reason="변심")
    await portone.pay("cancel-003", taxFreeAmount=1_000)
    for wrong, error in (
        ({"amount": 11_001}, CancelAmountExceedsCancellableAmountError),
        ({"amount": 11_000}, CancelTaxAmountExceedsCancellableTaxAmountError),
        ({"amount": 2_000, "tax_free_amount": 1_001}, CancelTaxFreeAmountExceedsCancellableTaxFreeAmountError),
        ({"amount": 2_000, "tax_free_amount": 1_000, "vat_amount": 1_001}, SumOfPartsExceedsCancelAmountError),
        ({"current_cancellable_amount": 1}, CancellableAmountConsistencyBrokenError),
    ):
        with pytest.raises(error):
            await portone.sdk.cancel_payment_async(payment_id="cancel-003", reason="변심", **wrong)
    portone.parts.faults.order(Fault("cancel_refused"))
    with pytest.raises(PgProviderError):
        await portone.sdk.cancel_payment_async(payment_id="cancel-003", reason="변심")


async def test_the_sdk_reads_the_webhooks_of_cancels() -> None:
    """`verify` compares with the machine's own time, so this sandbox stands at the present."""
    shop = Endpoint()
    sandbox = Sandbox(deliver=shop, at=SystemClock().now())
    await sandbox.pay("cancel-004", totalAmount=1_000)
    sandbox.fault("cancel_waits")
    await sandbox.cancel("cancel-004", 300)
    await sandbox.end_cancellation("cancel-004", succeeds=True)
    await sandbox.cancel("cancel-004")
    await sandbox.settle_webhooks()
    seen = [sdk_webhook.verify(WEBHOOK_SECRET, body.decode(), dict(headers)) for headers, body in shop.got]
    assert [type(each).__name__ for each in seen[2:]] == [
        "WebhookTransactionCancelledCancelPending",
        "WebhookTransactionCancelledPartialCancelled",
        "WebhookTransactionCancelledCancelled",
    ]
