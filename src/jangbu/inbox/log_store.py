"""Reading the webhook log for people: pages of it, one webhook with its tries, and what is to be handled again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.queue import ENQUEUE_SQL, ENQUEUED_ONCE_SQL


@dataclass(frozen=True, slots=True)
class Row:
    """One webhook in the list."""

    id: UUID
    webhook_id: str
    webhook_type: str | None
    status: str
    payment_id: UUID | None
    provider_transaction_id: str | None
    error_message: str | None
    received_at: datetime
    processed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Whole:
    """One webhook with everything that came of it. `came_with` is None where an older release wrote it down."""

    id: UUID
    webhook_id: str
    webhook_type: str | None
    status: str
    payment_id: UUID | None
    provider_transaction_id: str | None
    error_message: str | None
    received_at: datetime
    processed_at: datetime | None
    request_body: dict[str, Any] | None
    response_status: int | None
    response_body: dict[str, Any] | None
    came_with: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Try:
    """One try to handle a webhook. `asked_by` is "" when the queue tried by itself."""

    started_at: datetime
    ended_at: datetime
    outcome: str
    error_message: str | None
    asked_by: str


_ROW = """
    id, webhook_id, webhook_type, status, payment_id, provider_transaction_id, error_message, received_at, processed_at
"""
_STORE = "(:store_id = '' OR request_body->'data'->>'storeId' = :store_id)"


def _page(where: str) -> Query[Row]:
    return Query(
        Row,
        f"""
        SELECT {_ROW} FROM webhook_logs
         WHERE {where} AND {_STORE}
           AND (:status = '' OR status = :status) AND (:type = '' OR webhook_type = :type)
           AND received_at >= :since AND received_at < :until
           AND (received_at, id) < (:before_at, :before_id)
         ORDER BY received_at DESC, id DESC LIMIT :most
        """,
    )


# Three statements and not one with more ORs: the plan of a prepared statement is made once, and each of these has its
# own index to go by.
NEWEST = _page("true")
OPEN = _page("status IN ('received', 'failed')")
OF_PAYMENT = _page("(payment_id::text = :payment OR provider_transaction_id = :payment OR webhook_id = :payment)")
BY_ID = Query(
    Whole,
    f"""
    SELECT {_ROW}, request_body, response_status, response_body, came_with FROM webhook_logs
     WHERE id = :id AND {_STORE}
    """,
)
TRIES = Query(
    Try,
    """
    SELECT started_at, ended_at, outcome, error_message, asked_by FROM webhook_tries
     WHERE webhook_id = :webhook_id ORDER BY id DESC LIMIT :most
    """,
)
NOTE_TRY = Query(
    type(None),
    """
    INSERT INTO webhook_tries (webhook_id, started_at, ended_at, outcome, error_message, asked_by)
    VALUES (:webhook_id, :started_at, :ended_at, :outcome, :error, :asked_by)
    """,
)
FAILED_COUNT = Query(
    int,
    f"""
    SELECT count(*) FROM (
        SELECT FROM webhook_logs WHERE status = 'failed' AND {_STORE} LIMIT :most
    ) AS counted
    """,
)
ENQUEUE_FAILED = Query(
    type(None),
    f"""
    {ENQUEUE_SQL}
    SELECT 0, :job, convert_to(jsonb_build_object('webhook_id', webhook_id, 'asked_by', :asked_by::text)::text, 'UTF8'),
           'queued', :key_start || webhook_id
      FROM webhook_logs
     WHERE status = 'failed' AND {_STORE}
     ORDER BY received_at LIMIT :most
    {ENQUEUED_ONCE_SQL}
    """,
)


async def page(tx: Tx, query: Query[Row], **arguments: Any) -> list[Row]:
    """A page of the log, the latest first."""
    return await tx.all(query, **arguments)


async def whole(tx: Tx, row_id: UUID, *, store_id: str) -> Whole | None:
    """One webhook, if it is of this store; "" for any."""
    return await tx.maybe(BY_ID, id=row_id, store_id=store_id)


async def tries(tx: Tx, webhook_id: str, *, most: int) -> list[Try]:
    """The tries that were noted, the latest first."""
    return await tx.all(TRIES, webhook_id=webhook_id, most=most)


async def note_try(tx: Tx, webhook_id: str, one: Try) -> None:
    """Note one try."""
    await tx.run(
        NOTE_TRY,
        webhook_id=webhook_id,
        started_at=one.started_at,
        ended_at=one.ended_at,
        outcome=one.outcome,
        error=one.error_message,
        asked_by=one.asked_by,
    )


async def failed_count(tx: Tx, *, store_id: str, most: int) -> int:
    """How many failed and are not handled since; counted up to `most`."""
    return await tx.one(FAILED_COUNT, store_id=store_id, most=most)


async def enqueue_failed(tx: Tx, *, job: str, key_start: str, asked_by: str, store_id: str, most: int) -> int:
    """Queue those that failed, the oldest first; how many that were not queued so already."""
    return await tx.run(ENQUEUE_FAILED, job=job, key_start=key_start, asked_by=asked_by, store_id=store_id, most=most)
