"""Telling subscribers what happened to a payment, in the transaction that made it happen."""

from datetime import datetime
from typing import Any

import jangbu.payments.announcements  # noqa: F401 (declares what is announced here)
from jangbu import events
from jangbu.clock import rfc3339
from jangbu.db import Tx
from jangbu.payments import methods
from jangbu.payments.rules import Payment
from jangbu.runtime import Runtime


async def announce(
    tx: Tx,
    before: Payment,
    after: Payment,
    *,
    type_: str,
    now: datetime,
    run: Runtime,
    about: dict[str, Any] | None = None,
) -> None:
    """Announce `type_` of a payment; `about` is what else it says (a cancellation, a dispute). Nothing personal."""
    method = methods.read(after.method)
    data: dict[str, Any] = {
        "id": str(after.id),
        "paymentId": after.provider_order_id,
        "orderId": after.order_id,
        "transactionId": after.provider_transaction_id,
        "before": before.status.value,
        "status": after.status.value,
        "amount": after.amount,
        "cancelledAmount": after.cancelled_amount,
        "cancellableAmount": after.cancellable_amount,
        "currency": after.currency,
        "review": after.review,
        "method": None if method is None else method.kind.value,
        "expiresAt": rfc3339(after.deadline),
        **(about or {}),
    }
    event = events.Event(
        id=run.ids.uuid(), type=type_, subject=after.subject, store_id=after.store_id, happened_at=now, data=data
    )
    await events.announce(tx, event)
