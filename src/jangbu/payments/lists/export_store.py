"""The rows of files with payments and refunds: streamed, because there may be a million."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.payments.lists import store as list_store
from jangbu.payments.lists.rules import Filter
from jangbu.payments.lists.store import COLUMNS, NARROWED, ListedPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRefund:
    """A cancellation, with what it is of."""

    id: UUID
    store_id: str
    status: str
    origin: str
    amount: int
    tax_free_amount: int
    vat_amount: int
    currency: str
    reason: str
    requested_by: str
    decided_by: str
    created_at: datetime
    cancelled_at: datetime | None
    portone_cancellation_id: str | None
    pg_cancellation_id: str | None
    payment_id: UUID
    provider_order_id: str
    order_id: str | None
    order_name: str
    paid_at: datetime | None
    pg_provider: str | None


PAYMENTS = Query(
    ListedPayment,
    f"""
    SELECT {COLUMNS} FROM payments
     WHERE {NARROWED} AND created_at >= :since AND created_at < :until
     ORDER BY created_at, id
    """,
)
REFUNDS = Query(
    ExportedRefund,
    """
    SELECT c.id, p.store_id, c.status, c.origin, c.amount, c.tax_free_amount, c.vat_amount, c.currency, c.reason,
           c.requested_by, c.decided_by, c.created_at, c.cancelled_at, c.portone_cancellation_id, c.pg_cancellation_id,
           c.payment_id, p.provider_order_id, p.order_id, p.order_name, p.paid_at, p.pg_provider
      FROM payment_cancellations c JOIN payments p ON p.id = c.payment_id
     WHERE coalesce(c.cancelled_at, c.created_at) >= :since AND coalesce(c.cancelled_at, c.created_at) < :until
       AND (:store_id = '' OR p.store_id = :store_id)
     ORDER BY coalesce(c.cancelled_at, c.created_at), c.id
    """,
)


async def payments(tx: Tx, wanted: Filter) -> AsyncIterator[ListedPayment]:
    """Every payment that is asked for, the oldest first."""
    asked: dict[str, Any] = list_store.arguments(wanted)
    await tx.one(list_store.PLAN_FOR_VALUES)
    async for payment in tx.stream(PAYMENTS, **{name: asked[name] for name in PAYMENTS.names}):
        yield payment


async def refunds(tx: Tx, *, store_id: str, since: datetime, until: datetime) -> AsyncIterator[ExportedRefund]:
    """Every refund of a time, by when the money went back, or else by when it was asked for."""
    async for refund in tx.stream(REFUNDS, store_id=store_id, since=since, until=until):
        yield refund
