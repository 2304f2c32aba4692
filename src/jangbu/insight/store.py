"""What waits for a person, read across capabilities. Every count stops at a bound: a bad day slows no page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Query, Tx

COUNTED_MAX = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much of each waits; COUNTED_MAX stands for that many or more."""

    alerts: int
    critical_alerts: int
    reviews: int
    refunds: int
    webhooks: int
    jobs: int
    deliveries: int
    checks: int


@dataclass(frozen=True, slots=True)
class Review:
    """A payment that a person has to look at. `review` is the stable word that says why."""

    id: UUID
    order_name: str
    amount: int
    currency: str
    review: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that did not hold when it was last asked."""

    check_id: str
    rows_found: int
    since: datetime


def _counted(rows: str) -> str:
    return f"(SELECT count(*) FROM (SELECT {rows} LIMIT {COUNTED_MAX}) AS counted)"


# As `Payment.needs_look`; the first of the three is the index's.
_TO_LOOK_AT = "review <> '' AND review <> 'returned' AND review_looked_at IS NULL"
# A webhook whose job was given up waits as a webhook, and is not counted twice.
WAITING = Query(
    Waiting,
    f"""
    SELECT {_counted("FROM admin_alerts WHERE acknowledged_at IS NULL")} AS alerts,
           {_counted("FROM admin_alerts WHERE acknowledged_at IS NULL AND severity = 'critical'")} AS critical_alerts,
           {_counted(f"FROM payments WHERE {_TO_LOOK_AT}")} AS reviews,
           {_counted("FROM payment_cancellations WHERE status = 'WAITING'")} AS refunds,
           {_counted("FROM webhook_logs WHERE status = 'failed'")} AS webhooks,
           {_counted("FROM pgqueuer WHERE status = 'failed' AND entrypoint NOT LIKE 'inbox.%'")} AS jobs,
           {_counted("FROM webhook_deliveries WHERE state = 'exhausted'")} AS deliveries,
           {_counted("FROM check_runs WHERE rows_found > 0")} AS checks
    """,
)
REVIEWS = Query(
    Review,
    f"""
    SELECT id, order_name, amount, currency, review, updated_at FROM payments
     WHERE {_TO_LOOK_AT} ORDER BY updated_at DESC LIMIT :most
    """,
)
BROKEN = Query(
    Broken,
    """
    SELECT check_id, max(rows_found)::int AS rows_found, min(broken_since) AS since FROM check_runs
     WHERE rows_found > 0 GROUP BY check_id ORDER BY check_id LIMIT :most
    """,
)


async def waiting(tx: Tx) -> Waiting:
    """How much of each waits."""
    return await tx.one(WAITING)


async def reviews(tx: Tx, *, most: int) -> list[Review]:
    """The payments that somebody has to look at, the latest first."""
    return await tx.all(REVIEWS, most=most)


async def broken(tx: Tx, *, most: int) -> list[Broken]:
    """The invariants that did not hold."""
    return await tx.all(BROKEN, most=most)
