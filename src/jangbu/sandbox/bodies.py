"""The shapes an approval and a webhook take on the wire: method objects and webhook bodies."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from jangbu.clock import rfc3339
from jangbu.ids import Ids
from jangbu.sandbox.problems import NotOurs
from jangbu.sandbox.records import Attempt, WebhookSettings

METHODS = ("card", "kakaopay")
OLD_STATUS = {
    "Transaction.Ready": "Ready",
    "Transaction.Paid": "Paid",
    "Transaction.Failed": "Failed",
    "Transaction.PartialCancelled": "PartialCancelled",
    "Transaction.Cancelled": "Cancelled",
    "Transaction.CancelPending": "CancelPending",
}
"""`status` of a 2024-01-01 body, by the type a 2024-04-25 body would have (portone-facts §4.1)."""


def method_named(name: str) -> str:
    """`name` when the sandbox's window offers it. Refuses others, with the list."""
    if name not in METHODS:
        raise NotOurs(f"no method {name!r}; known: {', '.join(METHODS)}")
    return name


def of_approval(name: str, ids: Ids) -> dict[str, Any]:
    """`method` of a paid payment (portone-facts §2.2): the discriminators are the schema names.

    No expiry anywhere.
    """
    digits = ids.chance()
    card = {
        "type": "PaymentMethodCard",
        "card": {
            "publisher": "SHINHAN_CARD",
            "issuer": "SHINHAN_CARD",
            "brand": "LOCAL",
            "type": "CREDIT",
            "ownerType": "PERSONAL",
            "bin": "433012",
            "name": "신한카드",
            "number": f"433012******{digits.randrange(10_000):04d}",
        },
        "approvalNumber": f"{digits.randrange(100_000_000):08d}",
        "installment": {"month": 0, "isInterestFree": False},
    }
    if name == "card":
        return card
    assert name == "kakaopay", name
    return {"type": "PaymentMethodEasyPay", "provider": "KAKAOPAY", "easyPayMethod": card}


def webhook_body(
    settings: WebhookSettings, type_: str, attempt: Attempt, at: datetime, cancellation_id: str | None = None
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
    body = {
        "type": type_,
        "timestamp": rfc3339(at),
        "data": {
            "storeId": attempt.store_id,
            "paymentId": attempt.payment_id,
            "transactionId": attempt.transaction_id,
            **({} if cancellation_id is None else {"cancellationId": cancellation_id}),
        },
    }
    return msgspec.json.encode(body).decode(), "application/json"
