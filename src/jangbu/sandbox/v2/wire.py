"""PortOne's JSON of a payment.

An optional field without a value is left out, never null (portone-facts §2.2).
"""

from datetime import datetime
from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import cash_receipts
from jangbu.sandbox.core.bodies import amount_json, channel_json
from jangbu.sandbox.core.records import Attempt, Cancellation, CashReceipt, Dispute, Event, Failure, Payment
from jangbu.sandbox.core.webhook_records import Delivery
from jangbu.sandbox.core.webhooks import TRIES_MAX, is_taken
from jangbu.sandbox.core.world import World

OF_A_TRANSACTION_ALONE = (
    "status",
    "amount",
    "billingKey",
    "updatedAt",
    "statusChangedAt",
    "paidAt",
    "cancelledAt",
    "cancellations",
)


def payment_json(world: World, payment: Payment) -> dict[str, Any]:
    """A member of the `Payment` union with all that its schema requires (portone-facts §2.2, §11, §13.1)."""
    attempt = payment.current
    assert attempt is not None, "a payment without an attempt has no shape"
    webhooks = [webhook_json(world, each) for each in world.deliveries_of(payment) if each.tries]
    return _attempt_json(world, attempt, webhooks)


def transaction_json(world: World, payment: Payment, attempt: Attempt) -> dict[str, Any]:
    """A member of the `PaymentTransaction` union: there `id` is the transaction's (portone-facts §2.13)."""
    deliveries = [each for each in world.deliveries_of(payment) if each.transaction_id == attempt.transaction_id]
    shown = _attempt_json(world, attempt, [webhook_json(world, each) for each in deliveries if each.tries])
    # These a transaction of the schema lacks.
    for name in ("origin", "disputes", *(["cancellations"] if attempt.status == "PAID" else [])):
        shown.pop(name, None)
    return shown | {"id": shown.pop("transactionId"), "paymentId": attempt.payment_id}


def event_json(world: World, event: Event) -> dict[str, Any]:
    """A member of the `PaymentEvent` union: the payment as it is, and what the event did to it (portone-facts
    §2.13).
    """
    attempt = world.attempt(event.transaction_id)
    payment = world.payment(event.store_id, event.payment_id)
    assert attempt is not None, "events and attempts are one state"
    assert payment is not None, "events and payments are one state"
    shown = transaction_json(world, payment, attempt)
    # These an event of the schema lacks.
    for name in (*OF_A_TRANSACTION_ALONE, *(["pgResponse"] if event.type != "PAID" else [])):
        shown.pop(name, None)
    shown |= {
        "type": event.type,
        "id": event.id,
        "transactionId": event.transaction_id,
        "createdAt": rfc3339(event.at),
        "totalAmount": event.total,
        "eventAmount": event.amount_minor,
        "origin": attempt.origin,
    }
    if event.type == "PAID":
        return shown | {"disputes": [_dispute_json(each) for each in attempt.disputes]}
    done = next(each for each in attempt.cancellations if each.id == event.cancellation_id)
    return shown | {"cancellation": cancellation_json(done)}


def _attempt_json(world: World, attempt: Attempt, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    shown = {
        "status": attempt.status,
        "id": attempt.payment_id,
        "transactionId": attempt.transaction_id,
        "merchantId": world.state.merchant_id,
        "storeId": attempt.store_id,
        "version": attempt.order.version,
        "method": attempt.method,
        "channel": channel_json(world.channel_of(attempt)),
        "channelGroup": _group_json(world, attempt),
        "requestedAt": rfc3339(attempt.requested_at),
        "updatedAt": rfc3339(attempt.updated_at),
        "statusChangedAt": rfc3339(attempt.status_changed_at),
        "orderName": attempt.order.order_name,
        "amount": amount_json(attempt),
        "currency": attempt.order.currency,
        "customer": attempt.order.customer,
        "origin": attempt.origin,
        "billingKey": attempt.billing_key,
        "scheduleId": attempt.schedule_id,
        "products": attempt.order.products,
        "productCount": attempt.order.product_count,
        "customData": attempt.order.custom_data,
        "country": attempt.order.country,
        "escrow": attempt.escrow_told,
        "promotionId": attempt.order.promotion_id,
        "isCulturalExpense": attempt.order.is_cultural_expense,
        "webhooks": webhooks or None,
        **_by_status(world, attempt),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _group_json(world: World, attempt: Attempt) -> dict[str, Any] | None:
    group = world.state.channel_groups.get(attempt.window.channel_group_id or "") if attempt.window else None
    return {"id": group.id, "name": group.name, "isForTest": group.type == "TEST"} if group is not None else None


def _by_status(world: World, attempt: Attempt) -> dict[str, Any]:
    """The fields that only this status has (portone-facts §2.2)."""
    match attempt.status:
        case "READY":
            return {}
        case "PAY_PENDING" | "VIRTUAL_ACCOUNT_ISSUED":
            return {"pgTxId": attempt.pg_tx_id}
        case "PAID":
            return {
                **_money_came(world, attempt),
                "pgResponse": msgspec.json.encode({"tid": attempt.pg_tx_id, "resultCode": "0000"}).decode(),
                # One that failed or is under way leaves the payment PAID.
                "cancellations": [cancellation_json(each) for each in attempt.cancellations] or None,
                # Required on PAID and on no other status.
                "disputes": [_dispute_json(each) for each in attempt.disputes],
            }
        case "PARTIAL_CANCELLED" | "CANCELLED":
            return {
                **_money_came(world, attempt),
                "cancellations": [cancellation_json(each) for each in attempt.cancellations],
                "cancelledAt": rfc3339(_cancelled_at(attempt)),
            }
        case "FAILED":
            assert attempt.failed_at is not None, "a failed attempt knows when"
            assert attempt.failure is not None, "a failed attempt knows why"
            return {
                "failedAt": rfc3339(attempt.failed_at),
                "failure": _failure_json(attempt.failure),
            }


def _dispute_json(dispute: Dispute) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "status": "UNRESOLVED" if dispute.resolved_at is None else "RESOLVED",
        "pgDisputeId": dispute.pg_dispute_id,
        "reason": dispute.reason,
        "createdAt": rfc3339(dispute.created_at),
    }
    return shown if dispute.resolved_at is None else shown | {"resolvedAt": rfc3339(dispute.resolved_at)}


def _failure_json(failure: Failure) -> dict[str, str]:
    shown = {"reason": failure.reason, "pgCode": failure.pg_code, "pgMessage": failure.pg_message}
    return {name: value for name, value in shown.items() if value}


def _money_came(world: World, attempt: Attempt) -> dict[str, Any]:
    """`paidAt` is optional on a cancelled payment: nobody ever paid into an account that was closed."""
    return {
        "pgTxId": attempt.pg_tx_id,
        "receiptUrl": attempt.receipt_url,
        "paidAt": rfc3339(attempt.paid_at) if attempt.paid_at else None,
        **_receipt_fields(world, attempt),
    }


def receipt_json(world: World, receipt: CashReceipt) -> dict[str, Any]:
    """A member of the `CashReceipt` union (portone-facts §2.11)."""
    shown: dict[str, Any] = {
        "status": receipt.status,
        "merchantId": world.state.merchant_id,
        "storeId": receipt.store_id,
        "paymentId": receipt.payment_id,
        "channel": channel_json(world.state.channels[receipt.channel_key]),
        "orderName": receipt.order_name,
        "isManual": receipt.is_manual,
        "statusUpdatedAt": rfc3339(receipt.status_updated_at),
    }
    if receipt.status == "ISSUE_FAILED":
        return shown
    more = _receipt_of_payment_json(receipt)
    amount = more.pop("totalAmount")
    return shown | more | {"amount": amount, "vatAmount": receipt.vat_minor}


def _receipt_of_payment_json(receipt: CashReceipt) -> dict[str, Any]:
    assert receipt.issued_at is not None, "one that failed is not shown"
    shown: dict[str, Any] = {
        "status": receipt.status,
        "type": receipt.type,
        "pgReceiptId": receipt.pg_receipt_id,
        "issueNumber": receipt.issue_number,
        "totalAmount": receipt.total_minor,
        "taxFreeAmount": receipt.tax_free_minor,
        "currency": receipt.currency,
        "url": cash_receipts.url_of(receipt),
        "issuedAt": rfc3339(receipt.issued_at),
    }
    return shown if receipt.cancelled_at is None else shown | {"cancelledAt": rfc3339(receipt.cancelled_at)}


def _receipt_fields(world: World, attempt: Attempt) -> dict[str, Any]:
    """Only for what was paid without a card slip (portone-facts §2.2)."""
    if not cash_receipts.is_of_kind(attempt):
        return {}
    receipt = cash_receipts.of_payment(world, attempt.store_id, attempt.payment_id)
    if receipt is None or receipt.status == "ISSUE_FAILED":
        return {"cashReceiptIssuanceStatus": "NOT_ISSUED"}
    return {"cashReceipt": _receipt_of_payment_json(receipt), "cashReceiptIssuanceStatus": "ISSUED"}


def _cancelled_at(attempt: Attempt) -> datetime:
    done = [each.cancelled_at for each in attempt.cancellations if each.cancelled_at is not None]
    # One that only waits is there where `requested_cancel_leaves_status` is off.
    asked = [each.requested_at for each in attempt.cancellations if each.status == "REQUESTED"]
    at = max(done or asked, default=attempt.closed_at)
    assert at is not None, "a cancelled attempt knows when"
    return at


def cancellation_json(cancellation: Cancellation) -> dict[str, Any]:
    """A member of the `PaymentCancellation` union (portone-facts §2.8)."""
    shown = {
        "status": cancellation.status,
        "id": cancellation.id,
        "pgCancellationId": cancellation.pg_cancellation_id,
        "totalAmount": cancellation.total_minor,
        "taxFreeAmount": cancellation.tax_free_minor,
        "vatAmount": cancellation.vat_minor,
        "reason": cancellation.reason,
        "cancelledAt": rfc3339(cancellation.cancelled_at) if cancellation.cancelled_at else None,
        "requestedAt": rfc3339(cancellation.requested_at),
        "receiptUrl": cancellation.receipt_url,
        "trigger": cancellation.trigger,
    }
    return {name: value for name, value in shown.items() if value is not None}


def webhook_json(world: World, delivery: Delivery) -> dict[str, Any]:
    """`PaymentWebhook` (portone-facts §2.12): how the merchant's endpoint answered, the last time it was
    tried.
    """
    tries = delivery.tries
    shown: dict[str, Any] = {
        "paymentStatus": delivery.payment_status,
        "id": delivery.id,
        "url": delivery.url,
        "isAsync": delivery.trigger is not None,
        "currentExecutionCount": len(tries),
        "triggeredAt": rfc3339(delivery.triggered_at),
    }
    if not delivery.is_v1:
        shown["maxExecutionCount"] = TRIES_MAX
    if trigger := "MANUAL" if delivery.resends else delivery.trigger:
        shown["trigger"] = trigger
    if not tries:
        return shown
    last = tries[-1]
    shown["request"] = {
        "header": _header_text(last.headers),
        "body": delivery.body,
        "requestedAt": rfc3339(last.requested_at),
    }
    if last.status is None or last.responded_at is None:
        shown["status"] = "FAILED_UNEXPECTED_ERROR"
        return shown
    # Not of `delivery.state`: what was delivered once stays so, and may be resent to an endpoint that is down.
    is_ok = is_taken(world.inferred, last, is_v1=delivery.is_v1)
    shown["status"] = "SUCCEEDED" if is_ok else "FAILED_NOT_OK_RESPONSE"
    shown["response"] = {
        "code": str(last.status),
        "header": _header_text(last.response_headers),
        "body": last.response_body,
        "respondedAt": rfc3339(last.responded_at),
    }
    return shown


def _header_text(headers: dict[str, str]) -> str:
    # The facts say that it is a string and not which: a JSON object reads well [I: webhook_header_text].
    return msgspec.json.encode(headers).decode()
