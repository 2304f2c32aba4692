"""What the checks read: a payment with everything that hangs on it, as one row. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Row:
    """A payment, its entries, events, audit actions and what came after it.

    `oldest_xid` is the first transaction id whose rows a later look may not have seen yet.
    """

    oldest_xid: int
    id: UUID
    provider_order_id: str
    order_name: str
    amount: int
    currency: str
    status: str
    review: str
    cancelled_amount: int
    cancellable_amount: int
    is_captured: bool
    expires_at: datetime
    entries: list[dict[str, Any]]
    events: list[dict[str, Any]]
    actions: list[str]
    cancellations: list[dict[str, Any]]
    disputes: list[dict[str, Any]]
    receipt: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Fed:
    """An event that outsiders may see: its place in the feed, and its place among all that happened."""

    id: str
    type: str
    subject: str
    seq: int | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint as it is, with the number after which it is told."""

    url: str
    state: str
    types: list[str]
    since: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Calls whose outcome nobody knows, and when PortOne is asked next about one of them."""

    attempts: int
    asked_again_at: datetime | None


# Rows whose last writer had this transaction id or a later one; 0 asks for all.
ROWS = Query(
    Row,
    """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_xid,
           p.id, p.provider_order_id, p.order_name, p.amount, p.currency, p.status, p.review, p.cancelled_amount,
           p.cancellable_amount, p.paid_at IS NOT NULL AS is_captured, p.expires_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('key', e.key, 'kind', e.kind, 'currency', e.currency, 'legs',
                       (SELECT coalesce(jsonb_agg(jsonb_build_array(a.path, l.amount_minor)), '[]')
                          FROM ledger_postings l JOIN ledger_accounts a ON a.id = l.account_id
                         WHERE l.entry_id = e.id))), '[]')
              FROM ledger_entries e WHERE starts_with(e.key, 'payment:' || p.id || ':')) AS entries,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('type', v.type, 'before', v.data -> 'before',
                                                         'status', v.data -> 'status', 'at', v.happened_at)
                                    ORDER BY v.xid, v.id), '[]')
              FROM events v WHERE v.subject = 'payment:' || p.id) AS events,
           (SELECT coalesce(jsonb_agg(g.action ORDER BY g.id), '[]')
              FROM audit_log g WHERE g.subject = 'payment:' || p.id) AS actions,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', c.id, 'portone', c.portone_cancellation_id, 'status', c.status, 'amount', c.amount,
                       'reason', c.reason, 'origin', c.origin)), '[]')
              FROM payment_cancellations c WHERE c.payment_id = p.id) AS cancellations,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', d.id, 'portone', d.portone_dispute_id, 'status', d.status, 'held', d.held_amount,
                       'lost', d.written_off_amount)), '[]')
              FROM payment_disputes d WHERE d.payment_id = p.id) AS disputes,
           (SELECT jsonb_build_object('status', r.status, 'number', r.issue_number, 'failed', r.failure IS NOT NULL,
                                      'is_kept', r.number_encrypted IS NOT NULL)
              FROM payment_receipts r WHERE r.payment_id = p.id) AS receipt
      FROM payments p
     WHERE p.xmin::text::bigint >= :since_xid
        OR p.id IN (SELECT payment_id FROM payment_cancellations WHERE xmin::text::bigint >= :since_xid)
     ORDER BY p.id
    """,
)
OPEN_ENDS = Query(
    str,
    """
    SELECT 'attempt ' || id || ' of payment ' || payment_id || ' has no outcome' FROM payment_attempts
     WHERE state IN ('sent', 'unknown')
    UNION ALL
    SELECT 'webhook ' || webhook_id || ' is ' || status FROM webhook_logs WHERE status IN ('received', 'failed')
    UNION ALL
    SELECT 'job ' || entrypoint || ' ' || coalesce(convert_from(payload, 'UTF8'), '') || ' is ' || status::text
      FROM pgqueuer
    UNION ALL
    SELECT 'payment ' || id || ' (' || status || ') is due and nobody asks' FROM payments WHERE due_at <= :now
    UNION ALL
    SELECT 'payment ' || id || ' is REGISTERING' FROM payments WHERE status = 'REGISTERING'
    UNION ALL
    SELECT 'cancellation ' || id || ' is ' || status FROM payment_cancellations WHERE status IN ('SENDING', 'REQUESTED')
    UNION ALL
    SELECT 'receipt of payment ' || payment_id || ' is ' || status FROM payment_receipts
     WHERE status IN ('ISSUING', 'CANCELLING')
    UNION ALL
    SELECT 'cancellation ' || c.id || ' waits for a second person, and was sent'
      FROM payment_cancellations c JOIN payment_attempts t ON t.id = c.id WHERE c.status IN ('WAITING', 'REJECTED')
    UNION ALL
    SELECT 'event ' || event_id || ' has no place in the feed' FROM outbox_waiting
    UNION ALL
    SELECT 'delivery of ' || seq || ' to ' || endpoint_id || ' is ' || state FROM webhook_deliveries
     WHERE state <> 'delivered'
    """,
)
UNKNOWN = Query(
    Unknown,
    """
    SELECT count(*) AS attempts,
           min(CASE WHEN c.id IS NULL THEN coalesce(t.due_at, p.due_at) ELSE c.due_at END) AS asked_again_at
      FROM payment_attempts t JOIN payments p ON p.id = t.payment_id LEFT JOIN payment_cancellations c ON c.id = t.id
     WHERE t.state IN ('sent', 'unknown')
    """,
)
# By when they were written: those of one transaction in the order they were made.
FED = Query(
    Fed,
    """
    SELECT e.id::text, e.type, e.subject, f.seq FROM events e LEFT JOIN outbox_feed f ON f.event_id = e.id
     WHERE e.type = ANY(:public::text[]) ORDER BY e.xid, e.id
    """,
)
SUBSCRIPTIONS = Query(
    Subscription, "SELECT url, state, types, filter_since AS since FROM webhook_endpoints ORDER BY created_at, id"
)
DELIVERY_DUE_AT = Query(
    datetime, "SELECT due_at FROM webhook_deliveries WHERE state = 'pending' ORDER BY due_at LIMIT 1"
)
WEBHOOK_IDS = Query(str, "SELECT webhook_id FROM webhook_logs")
TRIAL_BALANCE = Query(
    str,
    """
    SELECT 'the books of ' || a.currency || ' sum to ' || sum(l.amount_minor)
      FROM ledger_postings l JOIN ledger_accounts a ON a.id = l.account_id
     GROUP BY a.currency HAVING sum(l.amount_minor) <> 0
    """,
)


async def rows(tx: Tx, *, since_xid: int = 0) -> list[Row]:
    """Payments that were written since a transaction id, or all."""
    return await tx.all(ROWS, since_xid=since_xid)
