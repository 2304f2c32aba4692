"""PortOne's own Python SDK walks the lists by cursor and reads a payment's transactions."""

import pytest
from portone_server_sdk.errors import PaymentNotFoundError
from portone_server_sdk.payment import (
    CancelledPaymentTransaction,
    FailedPaymentTransaction,
    PaidPayment,
    PaidPaymentEvent,
    PartialCancelledPaymentEvent,
)

from contract.sdk import Portone


async def test_the_sdk_walks_by_cursor_until_an_empty_page(portone: Portone) -> None:
    for number in range(3):
        await portone.pay(f"cursor-{number}")
    seen, cursor = [], None
    while True:
        page = await portone.sdk.get_all_payments_by_cursor_async(size=2, cursor=cursor)
        if not page.items:
            break
        seen += [item.payment for item in page.items]
        cursor = page.items[-1].cursor
    assert [payment.id for payment in seen] == ["cursor-0", "cursor-1", "cursor-2"]
    assert all(isinstance(payment, PaidPayment) for payment in seen)


async def test_the_sdk_reads_events(portone: Portone) -> None:
    await portone.pay("event-001")
    await portone.sdk.cancel_payment_async(payment_id="event-001", reason="변심", amount=1_000)
    page = await portone.sdk.get_all_payment_events_by_cursor_async(size=1000)
    paid, cancelled = [
        item.payment_event for item in page.items if getattr(item.payment_event, "payment_id", "") == "event-001"
    ]
    assert isinstance(paid, PaidPaymentEvent)
    assert isinstance(cancelled, PartialCancelledPaymentEvent)
    assert (paid.event_amount, cancelled.event_amount, cancelled.total_amount.cancelled) == (11_000, -1_000, 1_000)


async def test_the_sdk_reads_the_transactions_of_a_payment(portone: Portone) -> None:
    lost = await portone.open("attempts1")
    await portone.decide(lost, "decline")
    won = await portone.pay("attempts1")
    await portone.sdk.cancel_payment_async(payment_id="attempts1", reason="변심")
    answer = await portone.sdk.get_payment_transactions_async(payment_id="attempts1")
    first, second = answer.items
    assert isinstance(first, FailedPaymentTransaction)
    assert isinstance(second, CancelledPaymentTransaction)
    assert (first.id, second.id, second.payment_id) == (lost, won, "attempts1")
    with pytest.raises(PaymentNotFoundError):
        await portone.sdk.get_payment_transactions_async(payment_id="nobody-01")
