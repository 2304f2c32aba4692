"""The shapes of parts on the wire: amounts and webhook bodies."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.records import Attempt, Channel, WebhookSettings

OLD_STATUS = {
    "Transaction.Ready": "Ready",
    "Transaction.PayPending": "PayPending",
    "Transaction.VirtualAccountIssued": "VirtualAccountIssued",
    "Transaction.Paid": "Paid",
    "Transaction.PartialCancelled": "PartialCancelled",
    "Transaction.Cancelled": "Cancelled",
    "Transaction.Failed": "Failed",
    "Transaction.CancelPending": "CancelPending",
}
"""`status` of a 2024-01-01 body, by the type a 2024-04-25 body would have (portone-facts §4.1)."""


NEW_TYPES = ("Transaction.DisputeCreated", "Transaction.DisputeResolved")
"""The old version has no word for these, so it says nothing [I]."""


def webhook_body(
    settings: WebhookSettings, type_: str, attempt: Attempt, at: datetime, cancellation_id: str | None
) -> tuple[str, str]:
    """Body and content type (portone-facts §4.1).

    `timestamp` is the event's time and stays so on redelivery.
    """
    if settings.version == "2024-01-01":
        old = {
            "payment_id": attempt.payment_id,
            "tx_id": attempt.transaction_id,
            "status": OLD_STATUS[type_],
        }
        if settings.is_form:
            return urlencode(old), "application/x-www-form-urlencoded"
        return msgspec.json.encode(old).decode(), "application/json"
    data = {
        "storeId": attempt.store_id,
        "paymentId": attempt.payment_id,
        "transactionId": attempt.transaction_id,
    }
    if cancellation_id is not None:
        data["cancellationId"] = cancellation_id
    body = {"type": type_, "timestamp": rfc3339(at), "data": data}
    return msgspec.json.encode(body).decode(), "application/json"


def amount_json(attempt: Attempt) -> dict[str, int]:
    """`paid` is what the customer really paid: nothing before the approval [I].

    There is no cancellable field.
    """
    order = attempt.order
    done = [each for each in attempt.cancellations if each.status == "SUCCEEDED"]
    return {
        "total": order.total_minor,
        "taxFree": order.tax_free_minor,
        "vat": order.vat_minor,
        "supply": order.total_minor - order.tax_free_minor - order.vat_minor,
        "discount": order.discount_minor,
        "paid": order.total_minor - order.discount_minor if attempt.has_paid else 0,
        "cancelled": sum(each.total_minor for each in done),
        "cancelledTaxFree": sum(each.tax_free_minor for each in done),
    }


def channel_json(channel: Channel) -> dict[str, str]:
    """`SelectedChannel` (portone-facts §2.2)."""
    return {
        "type": channel.type,
        "id": channel.id,
        "key": channel.key,
        "name": channel.name,
        "pgProvider": channel.pg_provider,
        "pgMerchantId": channel.pg_merchant_id,
    }
