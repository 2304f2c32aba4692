"""PortOne's own Python SDK reads a payment by each method, and closes an account."""

from typing import Any

import pytest
from portone_server_sdk import payment as sdk
from portone_server_sdk.errors import PaymentNotWaitingForDepositError

from contract.sdk import Portone
from jangbu.sandbox import JAPAN_CHANNEL, PAYPAL_CHANNEL, orders
from jangbu.sandbox.core.methods import OFFERED

METHODS = {
    "CARD": sdk.PaymentMethodCard,
    "EASY_PAY": sdk.PaymentMethodCard,
    "TRANSFER": sdk.PaymentMethodTransfer,
    "MOBILE": sdk.PaymentMethodMobile,
    "GIFT_CERTIFICATE": sdk.PaymentMethodGiftCertificate,
    "VIRTUAL_ACCOUNT": sdk.PaymentMethodVirtualAccount,
    "CONVENIENCE_STORE": sdk.PaymentMethodConvenienceStore,
    "PAYPAL": sdk.PaymentMethodEasyPay,
    "ALIPAY": sdk.PaymentMethodEasyPay,
    "ALIPAY_PLUS": sdk.PaymentMethodEasyPay,
}
WAITS = {
    "VIRTUAL_ACCOUNT": sdk.VirtualAccountIssuedPayment,
    "CONVENIENCE_STORE": sdk.PayPendingPayment,
    "PAYPAL": sdk.PayPendingPayment,
}
CHANNELS = {"PAYPAL": PAYPAL_CHANNEL, "CONVENIENCE_STORE": JAPAN_CHANNEL}


@pytest.mark.parametrize("pay_method", OFFERED)
async def test_the_sdk_reads_every_method_on_its_way_to_paid(portone: Portone, pay_method: str) -> None:
    payment_id = f"by-{pay_method.replace('_', '-')}"
    channel: dict[str, Any] = {"channelKey": CHANNELS[pay_method]} if pay_method in CHANNELS else {}
    await portone.pay(payment_id, payMethod=pay_method, **channel)
    payment = await portone.sdk.get_payment_async(payment_id=payment_id)
    if pay_method in WAITS:
        assert isinstance(payment, WAITS[pay_method])
        order = "settle-payment" if pay_method == "PAYPAL" else "deposit"
        orders.carry_out(portone.parts, payment_id, order, b"")
        payment = await portone.sdk.get_payment_async(payment_id=payment_id)
    assert isinstance(payment, sdk.PaidPayment)
    assert isinstance(payment.method, METHODS[pay_method])
    transactions = await portone.sdk.get_payment_transactions_async(payment_id=payment_id)
    assert isinstance(transactions.items[0], sdk.PaidPaymentTransaction)


async def test_the_sdk_closes_an_account(portone: Portone) -> None:
    await portone.pay("closed-001", payMethod="VIRTUAL_ACCOUNT")
    answer = await portone.sdk.close_virtual_account_async(payment_id="closed-001")
    payment = await portone.sdk.get_payment_async(payment_id="closed-001")
    assert isinstance(payment, sdk.CancelledPayment)
    assert (payment.cancelled_at, payment.paid_at) == (answer.closed_at, None)
    with pytest.raises(PaymentNotWaitingForDepositError):
        await portone.sdk.close_virtual_account_async(payment_id="closed-001")
