"""Announcing what happened, in the transaction that made it happen.

One event row, and one job for every subscriber that wiring registered for its type. A subscriber runs at least once; it
takes a receipt in its own transaction, so that running twice does the work once.

Every type is declared beside the capability that announces it, in its `announcements.py`: what it means, what its data
looks like, and whether outsiders may see it. docs/reference/events.md is made from the declarations.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu import queue
from jangbu.checks import Check, Growth, Sql
from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Type:
    """A kind of event, named `<noun>.<past participle>`. `example` is data as it is announced, with every field.

    A change that a reader of the old data would trip over is a new `version`; adding a field is not. What is not public
    stays inside: neither feed nor endpoints show it.
    """

    name: str
    ko: str
    en: str
    example: dict[str, Any]
    version: int = 1
    is_public: bool = True


_declared: dict[str, Type] = {}


def declare(*types: Type) -> None:
    """Make types known. Called at import, by the capability that announces them."""
    for one in types:
        assert _declared.setdefault(one.name, one) == one, f"{one.name} is declared twice, and differently"


def declared() -> list[Type]:
    """Every type there is, by name."""
    return [_declared[name] for name in sorted(_declared)]


@dataclass(frozen=True, slots=True)
class Event:
    """A fact of a declared type. `subject` is `<kind>:<id>`; `data` is what outsiders see.

    `version` is the type's at the time of announcing; whoever announces leaves it alone.
    """

    id: UUID
    type: str
    subject: str
    happened_at: datetime
    data: dict[str, Any]
    store_id: str = ""
    version: int = 1


INSERT = Query(
    type(None),
    """
    INSERT INTO events (id, type, version, subject, store_id, happened_at, data, told)
    VALUES (:id, :type, :version, :subject, :store_id, :happened_at, :data, :told)
    """,
)

OF_SUBJECT = Query(
    Event,
    """
    SELECT id, type, subject, happened_at, data, store_id, version FROM events
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
    told = _subscribers.get(event.type, [])
    await _write_down(tx, event, told)
    for job in told:
        await queue.enqueue(tx, job, event_id=str(event.id))


async def announce_sample(tx: Tx, event: Event) -> None:
    """Write an event down that happened to nothing of ours: outsiders see it, our own subscribers do not."""
    await _write_down(tx, event, [])


async def _write_down(tx: Tx, event: Event, told: list[str]) -> None:
    kind = _declared.get(event.type)
    assert kind is not None, f"{event.type} is not declared: do it in the announcements.py of whoever announces it"
    await tx.run(
        INSERT,
        id=event.id,
        type=event.type,
        version=kind.version,
        subject=event.subject,
        store_id=event.store_id,
        happened_at=event.happened_at,
        data=event.data,
        told=told,
    )


async def is_first_receipt(tx: Tx, event_id: UUID, subscriber: str) -> bool:
    """Take the subscriber's receipt; False when it had already taken one."""
    return await tx.maybe(RECEIPT, event_id=event_id, subscriber=subscriber) is not None


async def of_subject(tx: Tx, subject: str) -> list[Event]:
    """Everything that was announced of one subject, in order."""
    return await tx.all(OF_SUBJECT, subject=subject)


# By transaction id, below the oldest that still runs: what commits later has a higher one (reliability F70).
GROWTH = Growth(
    "events",
    Query(
        int,
        """
        WITH settled AS (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS xid),
        step AS (
            SELECT xid::text::bigint AS xid FROM events WHERE xid > :after::bigint::text::xid8
             ORDER BY xid, id OFFSET :step::bigint LIMIT 1
        )
        SELECT greatest(:after::bigint, least((SELECT xid FROM step), settled.xid)) FROM settled
        """,
    ),
)
INVARIANTS = (
    # In any one picture of the database an event has, for each subscriber it was announced to, its job or its receipt.
    Check(
        "I15",
        "모든 이벤트는 구독자에게 전달되었거나 전달될 예정이다",
        "every event has reached its subscribers, or has a job that will take it there",
        Sql(
            """
            WITH told AS (
                SELECT e.id, e.type, e.subject, t.job FROM events e, unnest(e.told) AS t (job)
                 WHERE :full::boolean OR e.xid > :after::bigint::text::xid8 AND e.xid <= :upto::bigint::text::xid8
            ),
            coming AS (
                SELECT entrypoint AS job, convert_from(payload, 'UTF8')::jsonb ->> 'event_id' AS event_id
                  FROM pgqueuer WHERE entrypoint IN (SELECT job FROM told)
            )
            SELECT 'event:' || t.id, t.type || ' of ' || t.subject || ' never reached ' || t.job
              FROM told t
              LEFT JOIN event_receipts r ON r.event_id = t.id AND r.subscriber = t.job
              LEFT JOIN coming c ON c.job = t.job AND c.event_id = t.id::text
             WHERE r.event_id IS NULL AND c.job IS NULL
            """
        ),
        GROWTH,
    ),
)
