"""The shapes of parts on the wire: amounts and webhook bodies."""

from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core.currencies import EXPONENTS
from jangbu.sandbox.core.records import Attempt, Channel, ChannelType, Store, Version

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
"""The old version has no word for these, so it says nothing [I: old_webhooks_of_disputes]."""

ESCROW_AT_FIRST: dict[Version, dict[str, str]] = {
    "V1": {"status": "REGISTERED", "company": "", "invoiceNumber": ""},
    "V2": {"status": "BEFORE_REGISTERED"},
}
"""V2 shows V1's payments as registered, whatever they are (portone-facts §2.2)."""

V1_STATUS = {
    "Transaction.VirtualAccountIssued": "ready",
    "Transaction.Paid": "paid",
    "Transaction.PartialCancelled": "cancelled",
    "Transaction.Cancelled": "cancelled",
}
"""`status` of a V1 body; V1 tells of nothing else, save that a scheduled payment failed (portone-facts §4.5)."""


def webhook_url_of(store: Store, environment: ChannelType, *, is_v1: bool) -> str | None:
    """Where the store wants its webhooks. V1 has one place, whatever the environment [I: v1_webhook_address]."""
    if is_v1:
        return store.v1.webhook_url if store.v1 is not None else None
    return store.webhooks[environment].url


def webhook_body(
    store: Store, environment: ChannelType, type_: str, attempt: Attempt, at: datetime, cancellation_id: str | None
) -> tuple[str, str] | None:
    """Body and content type (portone-facts §4.1, §4.5); None when this version has no word for it.

    `timestamp` is the event's time and stays so on redelivery.
    """
    if attempt.order.version == "V1":
        return _v1_body(store, type_, attempt, cancellation_id)
    settings = store.webhooks[environment]
    if settings.version == "2024-01-01":
        if type_ not in OLD_STATUS:
            return None
        old = {
            "payment_id": attempt.payment_id,
            "tx_id": attempt.transaction_id,
            "status": OLD_STATUS[type_],
        }
        return _encoded(old, is_form=settings.is_form)
    data = {
        "storeId": attempt.store_id,
        "paymentId": attempt.payment_id,
        "transactionId": attempt.transaction_id,
    }
    if cancellation_id is not None:
        data["cancellationId"] = cancellation_id
    body = {"type": type_, "timestamp": rfc3339(at), "data": data}
    return msgspec.json.encode(body).decode(), "application/json"


def _v1_body(store: Store, type_: str, attempt: Attempt, cancellation_id: str | None) -> tuple[str, str] | None:
    is_failed_schedule = type_ == "Transaction.Failed" and attempt.schedule_id is not None
    status = "failed" if is_failed_schedule else V1_STATUS.get(type_)
    if status is None:
        return None
    told = {"imp_uid": attempt.transaction_id, "merchant_uid": attempt.payment_id, "status": status}
    if cancellation_id is not None:
        told["cancellation_id"] = cancellation_id
    return _encoded(told, is_form=store.v1 is not None and store.v1.webhook_is_form)


def _encoded(body: dict[str, str], *, is_form: bool) -> tuple[str, str]:
    if is_form:
        return urlencode(body), "application/x-www-form-urlencoded"
    return msgspec.json.encode(body).decode(), "application/json"


def amount_json(attempt: Attempt) -> dict[str, int]:
    """`paid` is what the customer really paid: nothing before the approval [I: paid_before_approval].

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


def major_of(minor: int, currency: str) -> int | Decimal:
    """Major units, whole ones as an integer: 14.2 dollars, 1000 won."""
    return shortest(Decimal(minor).scaleb(-EXPONENTS[currency]))


def shortest(amount: Decimal) -> int | Decimal:
    """Without zeros that say nothing."""
    return int(amount) if amount == amount.to_integral_value() else amount.normalize()
