"""All SQL of `webhook_logs` (requirements B6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Database, Query, Tx
from jangbu.queue import ENQUEUE_SQL

DUPLICATES_KEPT_MAX = 20
"""How many repeats of one delivery are logged; PortOne tries six times, so more are somebody's replay."""

# Row and job in one statement: 200 is only ever answered for a webhook that is written down *and* will be handled.
REMEMBER = Query(
    bool,
    f"""
    WITH arrived AS (
        INSERT INTO webhook_logs (id, webhook_id, webhook_type, provider_transaction_id, request_body, body_sha256,
                                  came_with, received_at)
        VALUES (:id, :webhook_id, :webhook_type, :portone_payment_id, :body, :body_sha256, :came_with, :received_at)
        ON CONFLICT (webhook_id) DO NOTHING RETURNING id
    ), queued AS (
        {ENQUEUE_SQL}
        SELECT 0, 'inbox.handle', :payload, 'queued', :dedupe_key FROM arrived
    )
    SELECT count(*) = 1 FROM arrived
    """,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the log."""

    id: UUID
    webhook_id: str
    webhook_type: str | None
    payment_id: UUID | None
    provider_transaction_id: str | None
    request_body: dict[str, Any] | None
    body_sha256: bytes
    response_status: int | None
    response_body: dict[str, Any] | None
    status: str
    error_message: str | None
    received_at: datetime
    processed_at: datetime | None


_COLUMNS = """
    id, webhook_id, webhook_type, payment_id, provider_transaction_id, request_body, body_sha256, response_status,
    response_body, status, error_message, received_at, processed_at
"""
BY_WEBHOOK_ID = Query(Delivery, f"SELECT {_COLUMNS} FROM webhook_logs WHERE webhook_id = :webhook_id")
LOCK = Query(Delivery, f"SELECT {_COLUMNS} FROM webhook_logs WHERE webhook_id = :webhook_id FOR UPDATE")
LOG_DUPLICATE = Query(
    type(None),
    """
    INSERT INTO webhook_logs (id, webhook_id, webhook_type, provider_transaction_id, request_body, body_sha256,
                              came_with, response_status, response_body, status, received_at, processed_at)
    SELECT :id, :duplicate_id, :webhook_type, :portone_payment_id, :body, :body_sha256, :came_with, 200,
           jsonb_build_object('message', 'Duplicate webhook', 'originalWebhookId', :webhook_id::text), 'skipped',
           :received_at, :received_at
     WHERE (SELECT count(*) FROM webhook_logs WHERE webhook_id LIKE :pattern) < :most
    """,
)
FINISH = Query(
    type(None),
    """
    UPDATE webhook_logs
       SET status = :status, payment_id = :payment_id, response_status = :response_status,
           response_body = :response_body, error_message = :error_message, processed_at = :at
     WHERE webhook_id = :webhook_id AND status <> 'processed' AND (status <> 'skipped' OR :status <> 'failed')
    """,
)
OPEN_COUNT = Query(int, "SELECT count(*) FROM webhook_logs WHERE status IN ('received', 'failed')")


async def remember(
    db: Database,
    *,
    row_id: UUID,
    webhook_id: str,
    webhook_type: str,
    portone_payment_id: str | None,
    body: dict[str, Any],
    body_sha256: bytes,
    came_with: dict[str, Any],
    payload: bytes,
    dedupe_key: str,
    received_at: datetime,
) -> bool:
    """Write the delivery and its job down, as one statement of its own; False when its id was seen before."""
    new = await db.statement(
        REMEMBER,
        id=row_id,
        webhook_id=webhook_id,
        webhook_type=webhook_type,
        portone_payment_id=portone_payment_id,
        body=body,
        body_sha256=body_sha256,
        came_with=came_with,
        payload=payload,
        dedupe_key=dedupe_key,
        received_at=received_at,
    )
    return bool(new)


async def find(tx: Tx, webhook_id: str) -> Delivery | None:
    """One delivery by PortOne's webhook-id."""
    return await tx.maybe(BY_WEBHOOK_ID, webhook_id=webhook_id)


async def lock(tx: Tx, webhook_id: str) -> Delivery | None:
    """The delivery, held until the transaction ends."""
    return await tx.maybe(LOCK, webhook_id=webhook_id)


async def log_duplicate(
    tx: Tx, original: Delivery, *, row_id: UUID, came_with: dict[str, Any], received_at: datetime
) -> None:
    """Log one more delivery of a webhook as skipped; bounded, so that a replayer cannot fill the table."""
    await tx.run(
        LOG_DUPLICATE,
        id=row_id,
        duplicate_id=f"{original.webhook_id}_duplicate_{row_id.hex}",
        webhook_id=original.webhook_id,
        webhook_type=original.webhook_type,
        portone_payment_id=original.provider_transaction_id,
        body=original.request_body,
        body_sha256=original.body_sha256,
        came_with=came_with,
        received_at=received_at,
        pattern=_literally(original.webhook_id) + r"\_duplicate\_%",
        most=DUPLICATES_KEPT_MAX,
    )


async def finish(
    tx: Tx,
    webhook_id: str,
    *,
    status: str,
    at: datetime,
    payment_id: UUID | None = None,
    response: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """Record what came of a delivery. A processed one stays processed, and none that was handled fails afterwards."""
    await tx.run(
        FINISH,
        webhook_id=webhook_id,
        status=status,
        at=at,
        payment_id=payment_id,
        response_status=200,
        response_body=response,
        error_message=error,
    )


async def open_count(tx: Tx) -> int:
    """How many deliveries wait to be handled, or failed and will be tried again."""
    return await tx.one(OPEN_COUNT)


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
