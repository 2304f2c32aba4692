"""PortOne's own Python SDK performs every operation that the sandbox has: none is claimed that nobody called.

That docs/reference/sandbox.md claims no more than these is tests/sandbox/test_coverage.py's.
"""

from datetime import timedelta
from typing import Any

import pytest
from portone_server_sdk.common import CardCredential, PaymentAmountInput
from portone_server_sdk.payment import (
    BillingKeyPaymentInput,
    InstantPaymentMethodInput,
    InstantPaymentMethodInputCard,
    PaidPayment,
    PaymentLogistics,
    RegisterStoreReceiptBodyItem,
    RequestedPaymentCancellation,
    SucceededPaymentCancellation,
)
from portone_server_sdk.payment.billing_key import (
    InstantBillingKeyPaymentMethodInput,
    InstantBillingKeyPaymentMethodInputCard,
)
from portone_server_sdk.payment.cash_receipt import CancelledCashReceipt, IssueCashReceiptCustomerInput
from portone_server_sdk.payment.payment_schedule import PaymentScheduleFilterInput

import contract.other_operations  # noqa: F401 (it enters what it performs)
from contract.performed import PERFORMED, performs
from contract.sdk import Portone
from jangbu.clock import rfc3339
from jangbu.sandbox import API_SECRET, CARD_CHANNEL
from jangbu.sandbox.app import operations

CARD = CardCredential(number="4330121234567890", expiry_year="31", expiry_month="12")
PARCEL = PaymentLogistics(company="CJ", invoice_number="123456", sent_at="2026-08-02T10:00:00+09:00")
TEA: dict[str, Any] = {"order_name": "보리차", "amount": PaymentAmountInput(total=11_000), "currency": "KRW"}


def of_pg(portone: Portone, provider: str) -> None:
    portone.parts.world.state.channels[CARD_CHANNEL].pg_provider = provider


@pytest.fixture(autouse=True)
def channel_stays_as_it_was(portone: Portone) -> Any:
    channel = portone.parts.world.state.channels[CARD_CHANNEL]
    before = channel.pg_provider, channel.captures_later, channel.approves_manually
    yield
    channel.pg_provider, channel.captures_later, channel.approves_manually = before


@performs("login")
async def login(portone: Portone) -> None:
    answer = await portone.auth().login_via_api_secret_async(api_secret=API_SECRET)
    assert answer.access_token != answer.refresh_token


@performs("refresh_token")
async def refresh(portone: Portone) -> None:
    first = await portone.auth().login_via_api_secret_async(api_secret=API_SECRET)
    second = await portone.auth().refresh_token_async(refresh_token=first.refresh_token)
    assert second.refresh_token != first.refresh_token


@performs("pre_register_payment")
async def pre_register(portone: Portone) -> None:
    await portone.sdk.pre_register_payment_async(payment_id="op-registered", total_amount=1_000, currency="KRW")


@performs("get_payment")
async def get_payment(portone: Portone) -> None:
    await portone.pay("op-read")
    payment = await portone.sdk.get_payment_async(payment_id="op-read")
    assert isinstance(payment, PaidPayment)


@performs("get_payments")
async def get_payments(portone: Portone) -> None:
    await portone.pay("op-listed")
    assert (await portone.sdk.get_payments_async()).items


@performs("get_payments_by_cursor")
async def payments_by_cursor(portone: Portone) -> None:
    await portone.pay("op-cursor")
    assert (await portone.sdk.get_all_payments_by_cursor_async()).items


@performs("get_payment_events_by_cursor")
async def events_by_cursor(portone: Portone) -> None:
    await portone.pay("op-events")
    assert (await portone.sdk.get_all_payment_events_by_cursor_async()).items


@performs("get_payment_transactions")
async def transactions(portone: Portone) -> None:
    transaction_id = await portone.pay("op-attempts")
    answer = await portone.sdk.get_payment_transactions_async(payment_id="op-attempts")
    assert [item.id for item in answer.items] == [transaction_id]


@performs("resend_webhook")
async def resend(portone: Portone) -> None:
    await portone.pay("op-resend", noticeUrls=[f"{portone.base}/nobody-listens"])
    answer = await portone.sdk.resend_webhook_async(payment_id="op-resend")
    assert answer.webhook.trigger == "MANUAL"


@performs("confirm_payment")
async def confirm(portone: Portone) -> None:
    portone.parts.world.state.channels[CARD_CHANNEL].approves_manually = True
    attempt = portone.parts.world.attempt(await portone.pay("op-confirm"))
    assert attempt is not None
    assert attempt.payment_token is not None
    answer = await portone.sdk.confirm_payment_async(
        payment_id="op-confirm", payment_token=attempt.payment_token, total_amount=11_000, is_test=True
    )
    payment = await portone.sdk.get_payment_async(payment_id="op-confirm")
    assert isinstance(payment, PaidPayment)
    assert (payment.pg_tx_id, payment.paid_at) == (answer.pg_tx_id, answer.paid_at)


@performs("pay_instantly")
async def instant(portone: Portone) -> None:
    method = InstantPaymentMethodInput(card=InstantPaymentMethodInputCard(credential=CARD))
    answer = await portone.sdk.pay_instantly_async(
        payment_id="op-instant", channel_key=CARD_CHANNEL, method=method, **TEA
    )
    payment = await portone.sdk.get_payment_async(payment_id="op-instant")
    assert isinstance(payment, PaidPayment)
    assert (payment.pg_tx_id, payment.amount.paid) == (answer.payment.pg_tx_id, 11_000)


@performs("capture_payment")
async def capture(portone: Portone) -> None:
    portone.parts.world.state.channels[CARD_CHANNEL].captures_later = True
    await portone.pay("op-capture")
    await portone.sdk.capture_payment_async(payment_id="op-capture")


@performs("cancel_payment")
async def cancel(portone: Portone) -> None:
    await portone.pay("op-cancel")
    answer = await portone.sdk.cancel_payment_async(payment_id="op-cancel", reason="변심", amount=1_000)
    assert isinstance(answer.cancellation, SucceededPaymentCancellation)
    assert answer.cancellation.total_amount == 1_000


@performs("stop_payment_cancellation")
async def stop(portone: Portone) -> None:
    of_pg(portone, "TRIPLE_A")
    await portone.pay("op-stop")
    waiting = (await portone.sdk.cancel_payment_async(payment_id="op-stop", reason="변심")).cancellation
    assert isinstance(waiting, RequestedPaymentCancellation)
    await portone.sdk.stop_payment_cancellation_async(payment_id="op-stop", cancellation_id=waiting.id)
    payment = await portone.sdk.get_payment_async(payment_id="op-stop")
    assert isinstance(payment, PaidPayment)


@performs("close_virtual_account")
async def close(portone: Portone) -> None:
    await portone.pay("op-close", payMethod="VIRTUAL_ACCOUNT")
    assert (await portone.sdk.close_virtual_account_async(payment_id="op-close")).closed_at


async def in_escrow(portone: Portone, payment_id: str) -> None:
    await portone.pay(payment_id, payMethod="TRANSFER", isEscrow=True)


@performs("apply_escrow_logistics")
async def send_parcel(portone: Portone) -> None:
    await in_escrow(portone, "op-sent")
    answer = await portone.sdk.apply_escrow_logistics_async(payment_id="op-sent", logistics=PARCEL)
    assert (answer.invoice_number, bool(answer.applied_at)) == ("123456", True)


@performs("modify_escrow_logistics")
async def send_another_parcel(portone: Portone) -> None:
    await in_escrow(portone, "op-modified")
    await portone.sdk.apply_escrow_logistics_async(payment_id="op-modified", logistics=PARCEL)
    answer = await portone.sdk.modify_escrow_logistics_async(payment_id="op-modified", logistics=PARCEL)
    assert answer.modified_at


@performs("confirm_escrow")
async def complete_escrow(portone: Portone) -> None:
    await in_escrow(portone, "op-complete")
    await portone.sdk.apply_escrow_logistics_async(payment_id="op-complete", logistics=PARCEL)
    assert (await portone.sdk.confirm_escrow_async(payment_id="op-complete")).completed_at


@performs("register_store_receipt")
async def store_receipt(portone: Portone) -> None:
    of_pg(portone, "INICIS_V2")
    await portone.pay(
        "op-stores", customer={"fullName": "김장부", "phoneNumber": "01012345678", "email": "kim@shop.test"}
    )
    item = RegisterStoreReceiptBodyItem(
        store_business_registration_number="1234567890", store_name="찻집", total_amount=11_000, currency="KRW"
    )
    await portone.sdk.register_store_receipt_async(payment_id="op-stores", items=[item])


async def issue_receipt(portone: Portone, payment_id: str) -> str:
    answer = await portone.sdk.cash_receipt.issue_cash_receipt_async(
        payment_id=payment_id,
        channel_key=CARD_CHANNEL,
        type="PERSONAL",
        customer=IssueCashReceiptCustomerInput(identity_number="01012345678"),
        **TEA,
    )
    return answer.cash_receipt.issue_number


@performs("issue_cash_receipt")
async def issues_receipt(portone: Portone) -> None:
    assert await issue_receipt(portone, "op-receipt")


@performs("get_cash_receipt")
async def reads_receipt(portone: Portone) -> None:
    number = await issue_receipt(portone, "op-receipt-read")
    receipt = await portone.sdk.cash_receipt.get_cash_receipt_by_payment_id_async(payment_id="op-receipt-read")
    assert receipt.issue_number == number


@performs("cancel_cash_receipt")
async def cancels_receipt(portone: Portone) -> None:
    await issue_receipt(portone, "op-receipt-end")
    client = portone.sdk.cash_receipt
    answer = await client.cancel_cash_receipt_by_payment_id_async(payment_id="op-receipt-end")
    assert answer.cancelled_amount == 11_000
    receipt = await client.get_cash_receipt_by_payment_id_async(payment_id="op-receipt-end")
    assert isinstance(receipt, CancelledCashReceipt)


@performs("get_cash_receipts")
async def lists_receipts(portone: Portone) -> None:
    await issue_receipt(portone, "op-receipt-listed")
    assert (await portone.sdk.cash_receipt.get_cash_receipts_async()).items


async def issue_key(portone: Portone) -> str:
    method = InstantBillingKeyPaymentMethodInput(card=InstantBillingKeyPaymentMethodInputCard(credential=CARD))
    answer = await portone.sdk.billing_key.issue_billing_key_async(method=method, channel_key=CARD_CHANNEL)
    return answer.billing_key_info.billing_key


@performs("issue_billing_key")
async def issues_key(portone: Portone) -> None:
    assert await issue_key(portone)


@performs("confirm_billing_key")
async def confirms_key(portone: Portone) -> None:
    portone.parts.world.state.channels[CARD_CHANNEL].approves_manually = True
    token = (await portone.issue())["billingIssueToken"]
    answer = await portone.sdk.billing_key.confirm_billing_key_async(billing_issue_token=token)
    assert (await portone.sdk.billing_key.get_billing_key_info_async(billing_key=answer.billing_key)).issued_at


@performs("confirm_billing_key_issue_and_pay")
async def confirms_key_and_pays(portone: Portone) -> None:
    portone.parts.world.state.channels[CARD_CHANNEL].approves_manually = True
    made = await portone.issue(
        paymentId="op-first-month",
        billingKeyMethod=None,
        billingKeyAndPayMethod="MOBILE",
        orderName="첫 달",
        totalAmount=9_900,
        currency="KRW",
    )
    answer = await portone.sdk.billing_key.confirm_billing_key_issue_and_pay_async(
        billing_issue_token=made["billingIssueToken"], payment_id="op-first-month"
    )
    payment = await portone.sdk.get_payment_async(payment_id="op-first-month")
    assert isinstance(payment, PaidPayment)
    assert payment.billing_key == answer.billing_key


@performs("get_billing_key_info")
async def reads_key(portone: Portone) -> None:
    key = await issue_key(portone)
    assert (await portone.sdk.billing_key.get_billing_key_info_async(billing_key=key)).billing_key == key


@performs("get_billing_key_infos")
async def lists_keys(portone: Portone) -> None:
    await issue_key(portone)
    assert (await portone.sdk.billing_key.get_billing_key_infos_async()).items


@performs("delete_billing_key")
async def deletes_key(portone: Portone) -> None:
    key = await issue_key(portone)
    assert (await portone.sdk.billing_key.delete_billing_key_async(billing_key=key)).deleted_at


@performs("pay_with_billing_key")
async def charges_key(portone: Portone) -> None:
    key = await issue_key(portone)
    answer = await portone.sdk.pay_with_billing_key_async(payment_id="op-charge", billing_key=key, **TEA)
    payment = await portone.sdk.get_payment_async(payment_id="op-charge")
    assert isinstance(payment, PaidPayment)
    assert (payment.billing_key, payment.pg_tx_id) == (key, answer.payment.pg_tx_id)


async def schedule(portone: Portone, payment_id: str) -> tuple[str, str]:
    """The schedule's id, and the billing key's."""
    key = await issue_key(portone)
    answer = await portone.sdk.payment_schedule.create_payment_schedule_async(
        payment_id=payment_id,
        payment=BillingKeyPaymentInput(billing_key=key, **TEA),
        time_to_pay=rfc3339(portone.parts.clock.now() + timedelta(days=30)),
    )
    return answer.schedule.id, key


@performs("create_payment_schedule")
async def schedules(portone: Portone) -> None:
    assert await schedule(portone, "op-next-month")


@performs("get_payment_schedule")
async def reads_schedule(portone: Portone) -> None:
    schedule_id, key = await schedule(portone, "op-month-2")
    read = await portone.sdk.payment_schedule.get_payment_schedule_async(payment_schedule_id=schedule_id)
    assert (read.id, read.billing_key) == (schedule_id, key)


@performs("get_payment_schedules")
async def lists_schedules(portone: Portone) -> None:
    schedule_id, key = await schedule(portone, "op-month-3")
    # Without `until` the past is listed, and it is all still to come.
    later = rfc3339(portone.parts.clock.now() + timedelta(days=31))
    filter_ = PaymentScheduleFilterInput(billing_key=key, until=later)
    answer = await portone.sdk.payment_schedule.get_payment_schedules_async(filter=filter_)
    assert [each.id for each in answer.items] == [schedule_id]


@performs("revoke_payment_schedules")
async def revokes_schedules(portone: Portone) -> None:
    schedule_id, key = await schedule(portone, "op-month-4")
    answer = await portone.sdk.payment_schedule.revoke_payment_schedules_async(billing_key=key)
    assert answer.revoked_schedule_ids == [schedule_id]


@pytest.mark.parametrize("operation", operations.names())
async def test_the_sdk_performs(portone: Portone, operation: str) -> None:
    assert operation in PERFORMED, "docs/reference/sandbox.md would claim what no test shows: perform it here"
    before = portone.answered.get(operation, 0)
    await PERFORMED[operation](portone)
    assert portone.answered.get(operation, 0) > before


def test_nothing_is_performed_that_is_not_there() -> None:
    assert PERFORMED.keys() == set(operations.names())
