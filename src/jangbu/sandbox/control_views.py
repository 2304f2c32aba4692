"""What `/__sandbox__/` shows of the world: sums, the clock, payments with their attempts, webhooks with their tries."""

from typing import Any

from jangbu.clock import rfc3339
from jangbu.sandbox.core.bodies import amount_json
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.records import Attempt
from jangbu.sandbox.core.webhook_records import Delivery
from jangbu.sandbox.v2.wire import cancellation_json


def state_of(parts: Parts) -> dict[str, Any]:
    """Counts and sums as PortOne itself counts: one row a payment, by currency and status, in minor units."""
    currencies: dict[str, dict[str, dict[str, int]]] = {}
    preregistered = 0
    for payment in parts.world.payments():
        attempt = payment.current
        if attempt is None:
            preregistered += 1
            continue
        amount = amount_json(attempt)
        of_currency = currencies.setdefault(attempt.order.currency, {})
        row = of_currency.setdefault(attempt.status, {"count": 0, "total": 0, "paid": 0, "cancelled": 0})
        row["count"] += 1
        for name in ("total", "paid", "cancelled"):
            row[name] += amount[name]
    webhooks: dict[str, int] = {}
    for delivery in parts.world.state.deliveries:
        webhooks[delivery.state] = webhooks.get(delivery.state, 0) + 1
    return {
        "payments": currencies,
        "preRegisteredOnly": preregistered,
        "webhooks": webhooks,
        "faultsWaiting": len(parts.faults.waiting),
        "clock": clock_of(parts),
    }


def clock_of(parts: Parts) -> dict[str, Any]:
    """The sandbox's time. `offsetS` is how far it runs ahead of the machine's; null while it stands still."""
    offset = parts.clock.offset
    return {
        "now": rfc3339(parts.clock.now()),
        "mode": "frozen" if parts.clock.is_frozen else "running",
        "offsetS": None if offset is None else offset.total_seconds(),
    }


def payments_of(parts: Parts) -> list[dict[str, Any]]:
    """Every payment with all its attempts, oldest first."""
    return [
        {
            "paymentId": payment.id,
            "storeId": payment.store_id,
            "status": payment.current.status if payment.current else None,
            "preRegistered": _preregistered(payment.preregistration),
            "attempts": [attempt_of(attempt) for attempt in payment.attempts],
        }
        for payment in parts.world.payments()
    ]


def _preregistered(fixed: Any) -> dict[str, Any] | None:
    if fixed is None:
        return None
    return {
        "totalAmount": fixed.total_minor,
        "totalInMajorUnits": fixed.total_major,
        "taxFreeAmount": fixed.tax_free_minor,
        "currency": fixed.currency,
    }


def attempt_of(attempt: Attempt) -> dict[str, Any]:
    return {
        "transactionId": attempt.transaction_id,
        "status": attempt.status,
        "channelKey": attempt.channel_key,
        "totalAmount": attempt.order.total_minor,
        "currency": attempt.order.currency,
        "cancellations": [cancellation_json(each) for each in attempt.cancellations],
        "hiddenCancellations": [cancellation_json(each) for each in attempt.hidden_cancellations],
        "requestedAt": rfc3339(attempt.requested_at),
        "statusChangedAt": rfc3339(attempt.status_changed_at),
        "failureCode": attempt.failure.pg_code if attempt.failure else None,
    }


def webhook_of(delivery: Delivery) -> dict[str, Any]:
    """One webhook with every try of it."""
    shown = delivery.whole()
    if delivery.state != "WAITING":
        del shown["next_try_at"]
    return shown
