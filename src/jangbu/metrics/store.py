"""What the metrics ask PostgreSQL. Every statement costs what waits or what a day brings, never what exists."""

from dataclasses import dataclass
from datetime import datetime

from jangbu.db import Query

COUNTED_MAX = 10_000
"""How far is counted what somebody else's fault can pile up without end."""
PAYMENTS_MAX = 100_000
"""How many of a day's payments are looked at: some tenths of a second's work, and a good day must blind nobody."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many, told apart by two labels, and the age of the oldest."""

    kind: str
    state: str
    count: int
    oldest_s: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """How late a schedule is."""

    job: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest event of the feed, and what waits for its number."""

    seq: int
    newest_at: datetime | None
    waiting: int
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints in one state; how long the worst of them has only failed."""

    state: str
    reason: str
    count: int
    failing_s: int


PATIENCE = Query(type(None), "SELECT set_config('statement_timeout', '3s', true)")
JOBS = Query(
    Counted,
    """
    SELECT entrypoint AS kind,
           CASE status WHEN 'queued' THEN 'waiting' WHEN 'picked' THEN 'running' ELSE 'held' END AS state,
           count(*) AS count,
           coalesce(extract(epoch FROM now() - min(execute_after)
                    FILTER (WHERE status = 'queued' AND execute_after <= now())), 0)::int AS oldest_s
      FROM pgqueuer WHERE status IN ('queued', 'picked', 'failed') GROUP BY entrypoint, status
    """,
)
OVERDUE = Query(
    Overdue,
    """
    SELECT s.job, greatest(coalesce(extract(epoch FROM now() - q.next_run), 0), 0)::int AS seconds
      FROM unnest(:crons::text[], :jobs::text[]) AS s (cron, job)
      JOIN pgqueuer_schedules q ON q.expression = s.cron AND q.entrypoint = s.job
    """,
)
ATTEMPTS = Query(
    Counted,
    """
    SELECT operation AS kind, state, count(*) AS count,
           greatest(extract(epoch FROM :now::timestamptz - min(started_at)), 0)::int AS oldest_s
      FROM payment_attempts WHERE state IN ('sent', 'unknown') GROUP BY operation, state
    """,
)
REFUNDS = Query(
    Counted,
    """
    SELECT 'refund' AS kind, status AS state, count(*) AS count,
           greatest(extract(epoch FROM :now::timestamptz - min(created_at)), 0)::int AS oldest_s
      FROM payment_cancellations WHERE status IN ('WAITING', 'SENDING', 'REQUESTED') GROUP BY status
    """,
)
WEBHOOKS = Query(
    Counted,
    """
    SELECT 'webhook' AS kind, status AS state, count(*) AS count,
           greatest(extract(epoch FROM :now::timestamptz - min(received_at)), 0)::int AS oldest_s
      FROM webhook_logs WHERE status IN ('received', 'failed') GROUP BY status
    """,
)
PAYMENTS = Query(
    Counted,
    """
    SELECT 'payment' AS kind, status AS state, count(*) AS count, 0 AS oldest_s FROM (
           SELECT status FROM payments WHERE created_at > :now::timestamptz - interval '24 hours'
            ORDER BY created_at DESC, id DESC LIMIT :most::bigint) newest
     GROUP BY status
    """,
)
REVIEWS = Query(
    Counted,
    """
    SELECT 'payment' AS kind, review AS state, count(*) AS count, 0 AS oldest_s FROM payments
     WHERE review <> '' AND review <> 'returned' AND review_looked_at IS NULL GROUP BY review
    """,
)
DUE = Query(
    Counted,
    """
    SELECT 'sweep' AS kind, 'payment' AS state, count(*) AS count, 0 AS oldest_s FROM payments WHERE due_at <= :now
    UNION ALL
    SELECT 'sweep', 'refund', count(*), 0 FROM payment_cancellations WHERE due_at <= :now
    """,
)
FEED = Query(
    Feed,
    """
    WITH waiting AS (
        SELECT e.happened_at FROM outbox_waiting w JOIN events e ON e.id = w.event_id ORDER BY w.id LIMIT :most::bigint
    ), newest AS (SELECT seq, happened_at FROM outbox_feed ORDER BY seq DESC LIMIT 1)
    SELECT coalesce((SELECT seq FROM newest), 0) AS seq, (SELECT happened_at FROM newest) AS newest_at,
           count(*) AS waiting, min(happened_at) AS waiting_since
      FROM waiting
    """,
)
# One dead endpoint may owe millions: of each, the index is walked so far and no further.
DELIVERIES = Query(
    Counted,
    """
    SELECT 'delivery' AS kind,
           CASE WHEN d.state = 'exhausted' THEN 'exhausted' WHEN p.state = 'enabled' THEN 'waiting' ELSE 'paused' END
               AS state,
           sum(d.count)::bigint AS count,
           coalesce(max(extract(epoch FROM :now::timestamptz - d.due_at)) FILTER (WHERE p.state = 'enabled'), 0)::int
               AS oldest_s
      FROM webhook_endpoints p
     CROSS JOIN LATERAL (
           SELECT 'pending' AS state, count(*), min(due_at) AS due_at FROM (
               SELECT due_at FROM webhook_deliveries
                WHERE endpoint_id = p.id AND state = 'pending' ORDER BY due_at LIMIT :most::bigint) owed
           UNION ALL
           SELECT 'exhausted', count(*), NULL FROM (
               SELECT FROM webhook_deliveries WHERE endpoint_id = p.id AND state = 'exhausted' LIMIT :most::bigint) lost
           ) d
     WHERE p.state <> 'removed' GROUP BY 1, 2
    """,
)
ENDPOINTS = Query(
    Endpoints,
    """
    SELECT state, disabled_reason AS reason, count(*) AS count,
           greatest(coalesce(max(extract(epoch FROM :now::timestamptz - failing_since)), 0), 0)::int AS failing_s
      FROM webhook_endpoints WHERE state <> 'removed' GROUP BY state, disabled_reason
    """,
)
