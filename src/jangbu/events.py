"""Announcing what happened, in the transaction that made it happen.

One event row, and one job for every subscriber that wiring registered for its type. A subscriber runs at least once; it
takes a receipt in its own transaction, so that running twice does the work once.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu import queue
from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Event:
    """A fact, named `<noun>.<past participle>`. `subject` is `<kind>:<id>`; `data` is what outsiders see."""

    id: UUID
    type: str
    subject: str
    happened_at: datetime
    data: dict[str, Any]
    store_id: str = ""


INSERT = Query(
    type(None),
    """
    INSERT INTO events (id, type, subject, store_id, happened_at, data)
    VALUES (:id, :type, :subject, :store_id, :happened_at, :data)
    """,
)

OF_SUBJECT = Query(
    Event,
    """
    SELECT id, type, subject, happened_at, data, store_id FROM events
     WHERE subject = :subject ORDER BY happened_at, id
    """,
)

RECEIPT = Query(
    UUID,
    """
    INSERT INTO event_receipts (event_id, subscriber) VALUES (:event_id, :subscriber)
    ON CONFLICT DO NOTHING RETURNING event_id
    """,
)

_subscribers: defaultdict[str, list[str]] = defaultdict(list)


def subscribe(event_type: str, job: str) -> None:
    """Have `job` run with `{"event_id": …}` for every event of this type. Called by wiring, once, at start."""
    if job not in _subscribers[event_type]:
        _subscribers[event_type].append(job)


async def announce(tx: Tx, event: Event) -> None:
    """Write the event down and queue its subscribers' jobs; all of it or, with the transaction, none."""
    await tx.run(
        INSERT,
        id=event.id,
        type=event.type,
        subject=event.subject,
        store_id=event.store_id,
        happened_at=event.happened_at,
        data=event.data,
    )
    for job in _subscribers.get(event.type, ()):
        await queue.enqueue(tx, job, event_id=str(event.id))


async def is_first_receipt(tx: Tx, event_id: UUID, subscriber: str) -> bool:
    """Take the subscriber's receipt; False when it had already taken one."""
    return await tx.maybe(RECEIPT, event_id=event_id, subscriber=subscriber) is not None


async def of_subject(tx: Tx, subject: str) -> list[Event]:
    """Everything that was announced of one subject, in order."""
    return await tx.all(OF_SUBJECT, subject=subject)
