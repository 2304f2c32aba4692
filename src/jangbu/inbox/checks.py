"""What must always hold of PortOne's webhooks (reliability I14)."""

from jangbu.checks import Check, Sql

INVARIANTS: tuple[Check, ...] = (
    # A delivery and its job are written in one statement, and the job goes only after the delivery was handled: in any
    # one picture of the database, an open delivery without a job will never be handled.
    Check(
        "I14",
        "받은 웹훅은 5분 안에 처리되고 버려지지 않는다",
        "every webhook is handled within five minutes, and none is parked or lost",
        Sql(
            """
            SELECT 'webhook:' || w.webhook_id,
                   CASE WHEN j.id IS NULL THEN 'is ' || w.status || ' and no job will handle it'
                        ELSE 'is ' || w.status || ' and has waited since ' || w.received_at END
                   || coalesce(': ' || w.error_message, '')
              FROM webhook_logs w
              LEFT JOIN pgqueuer j ON j.dedupe_key = 'webhook:' || w.webhook_id AND j.status IN ('queued', 'picked')
             WHERE w.status IN ('received', 'failed')
               AND (j.id IS NULL OR w.received_at < :now::timestamptz - interval '5 minutes')
            """
        ),
    ),
)
