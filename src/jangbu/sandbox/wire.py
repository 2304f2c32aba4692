"""PortOne's JSON of a payment.

An optional field without a value is left out, never null (portone-facts §2.2).
"""

from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.records import SUCCEEDED, Attempt, Cancellation, Delivery, Payment
from jangbu.sandbox.world import World

WEBHOOK_TRIES_MAX = 6
"""The first try plus up to five more (portone-facts §4.3)."""


def payment_json(world: World, payment: Payment) -> dict[str, Any]:
    """A member of the `Payment` union with all that its schema requires (portone-facts §2.2, §11, §13.1)."""
    attempt = payment.current
    assert attempt is not None, "a payment without an attempt has no shape"
    shown = {
        "status": attempt.status,
        "id": attempt.payment_id,
        "transactionId": attempt.transaction_id,
        "merchantId": world.state.merchant_id,
        "storeId": attempt.store_id,
        "version": "V2",
        "method": attempt.method,
        "channel": _channel_json(world, attempt),
        "requestedAt": rfc3339(attempt.requested_at),
        "updatedAt": rfc3339(attempt.updated_at),
        "statusChangedAt": rfc3339(attempt.status_changed_at),
        "orderName": attempt.order.order_name,
        "amount": amount_json(attempt),
        "currency": attempt.order.currency,
        "customer": attempt.order.customer,
        "origin": attempt.origin,
        "products": attempt.order.products,
        "customData": attempt.order.custom_data,
        "country": attempt.order.country,
        "isCulturalExpense": attempt.order.is_cultural_expense,
        "webhooks": [webhook_json(each) for each in world.deliveries_of(payment) if each.tries] or None,
        **_by_status(attempt),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _by_status(attempt: Attempt) -> dict[str, Any]:
    """The fields that only this status has (portone-facts §2.2)."""
    match attempt.status:
        case "READY":
            return {}
        case "PAID":
            assert attempt.paid_at is not None, "a paid attempt knows when"
            return {
                "pgTxId": attempt.pg_tx_id,
                "pgResponse": msgspec.json.encode({"tid": attempt.pg_tx_id, "resultCode": "0000"}).decode(),
                "receiptUrl": attempt.receipt_url,
                "paidAt": rfc3339(attempt.paid_at),
                # Required on PAID and on no other status.
                "disputes": [],
                "cancellations": [cancellation_json(each) for each in attempt.cancellations] or None,
            }
        case "PARTIAL_CANCELLED" | "CANCELLED":
            assert attempt.paid_at is not None, "what was given back was paid"
            return {
                "pgTxId": attempt.pg_tx_id,
                "receiptUrl": attempt.receipt_url,
                "paidAt": rfc3339(attempt.paid_at),
                "cancellations": [cancellation_json(each) for each in attempt.cancellations],
                "cancelledAt": rfc3339(attempt.status_changed_at),
            }
        case "FAILED":
            assert attempt.failed_at is not None, "a failed attempt knows when"
            assert attempt.failure is not None, "a failed attempt knows why"
            return {
                "failedAt": rfc3339(attempt.failed_at),
                "failure": {
                    "reason": attempt.failure.reason,
                    "pgCode": attempt.failure.pg_code,
                    "pgMessage": attempt.failure.pg_message,
                },
            }


def _channel_json(world: World, attempt: Attempt) -> dict[str, str]:
    channel = world.channel_of(attempt)
    return {
        "type": channel.type,
        "id": channel.id,
        "key": channel.key,
        "name": channel.name,
        "pgProvider": channel.pg_provider,
        "pgMerchantId": channel.pg_merchant_id,
    }


def cancellation_json(cancellation: Cancellation) -> dict[str, Any]:
    """A member of the `PaymentCancellation` union (portone-facts §2.8)."""
    shown: dict[str, Any] = {
        "status": cancellation.status,
        "id": cancellation.id,
        "pgCancellationId": cancellation.pg_cancellation_id,
        "totalAmount": cancellation.total_minor,
        "taxFreeAmount": cancellation.tax_free_minor,
        "vatAmount": cancellation.vat_minor,
        "reason": cancellation.reason,
        "requestedAt": rfc3339(cancellation.requested_at),
        "cancelledAt": None if cancellation.cancelled_at is None else rfc3339(cancellation.cancelled_at),
        "receiptUrl": cancellation.receipt_url,
        "trigger": cancellation.trigger,
    }
    return {name: value for name, value in shown.items() if value is not None}


def amount_json(attempt: Attempt) -> dict[str, int]:
    """`paid` is what the customer really paid: nothing before the approval [I].

    There is no cancellable field.
    """
    order = attempt.order
    given = [each for each in attempt.cancellations if each.status == "SUCCEEDED"]
    return {
        "total": order.total_minor,
        "taxFree": order.tax_free_minor,
        "vat": order.vat_minor,
        "supply": order.total_minor - order.tax_free_minor - order.vat_minor,
        "discount": 0,
        "paid": order.total_minor if attempt.status in SUCCEEDED else 0,
        "cancelled": sum(each.total_minor for each in given),
        "cancelledTaxFree": sum(each.tax_free_minor for each in given),
    }


def webhook_json(delivery: Delivery) -> dict[str, Any]:
    """`PaymentWebhook` (portone-facts §2.12): how the merchant's endpoint answered, the last time it was
    tried.
    """
    shown: dict[str, Any] = {
        "paymentStatus": delivery.payment_status,
        "id": delivery.id,
        "url": delivery.url,
        "isAsync": False,
        "currentExecutionCount": len(delivery.tries),
        "maxExecutionCount": WEBHOOK_TRIES_MAX,
        "triggeredAt": rfc3339(delivery.triggered_at),
    }
    if delivery.resends:
        shown["trigger"] = "MANUAL"
    if not delivery.tries:
        return shown
    last = delivery.tries[-1]
    shown["request"] = {
        "header": _header_text(last.headers),
        "body": delivery.body,
        "requestedAt": rfc3339(last.requested_at),
    }
    if last.status is None or last.responded_at is None:
        shown["status"] = "FAILED_UNEXPECTED_ERROR"
        return shown
    shown["status"] = "SUCCEEDED" if delivery.state == "DELIVERED" else "FAILED_NOT_OK_RESPONSE"
    shown["response"] = {
        "code": str(last.status),
        "header": _header_text(last.response_headers),
        "body": last.response_body,
        "respondedAt": rfc3339(last.responded_at),
    }
    return shown


def _header_text(headers: dict[str, str]) -> str:
    # The facts say that it is a string and not which; a JSON object reads well.
    return msgspec.json.encode(headers).decode()
