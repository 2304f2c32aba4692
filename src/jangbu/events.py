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
    INSERT INTO events (id, type, version, subject, store_id, happened_at, data)
    VALUES (:id, :type, :version, :subject, :store_id, :happened_at, :data)
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
    await announce_sample(tx, event)
    for job in _subscribers.get(event.type, ()):
        await queue.enqueue(tx, job, event_id=str(event.id))


async def announce_sample(tx: Tx, event: Event) -> None:
    """Write an event down that happened to nothing of ours: outsiders see it, our own subscribers do not."""
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
    )


async def is_first_receipt(tx: Tx, event_id: UUID, subscriber: str) -> bool:
    """Take the subscriber's receipt; False when it had already taken one."""
    return await tx.maybe(RECEIPT, event_id=event_id, subscriber=subscriber) is not None


async def of_subject(tx: Tx, subject: str) -> list[Event]:
    """Everything that was announced of one subject, in order."""
    return await tx.all(OF_SUBJECT, subject=subject)
