"""All SQL of the feed: numbering what was committed, and reading it in order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.outbox.rules import FeedEvent

LOCK = Query(bool, "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox_feed', 0))")

# Under the lock, in note order: the notes of one payment's events were written one transaction after the other, so
# they are numbered in that order, and a later batch never goes in front of an earlier one. A slow transaction's event
# is numbered when it has committed, after all that readers have seen (reliability F70). A type that this program does
# not know waits for a newer program, which knows whether outsiders may see it.
SEQUENCE = Query(
    int,
    """
    WITH ready AS (
        SELECT w.id, e.id AS event_id, e.type, e.subject, e.store_id, e.happened_at
          FROM outbox_waiting w JOIN events e ON e.id = w.event_id
         WHERE e.type = ANY(:known::text[]) ORDER BY w.id LIMIT :most
    ), gone AS (
        DELETE FROM outbox_waiting WHERE id IN (SELECT id FROM ready)
    ), fed AS (
        INSERT INTO outbox_feed (seq, event_id, type, subject, store_id, happened_at)
        SELECT (SELECT coalesce(max(seq), 0) FROM outbox_feed) + row_number() OVER (ORDER BY id),
               event_id, type, subject, store_id, happened_at
          FROM ready WHERE type = ANY(:public::text[])
    )
    SELECT count(*) FROM ready
    """,
)
HEAD = Query(int, "SELECT coalesce(max(seq), 0) FROM outbox_feed")

_FEED = """
    SELECT f.seq, e.id, e.type, e.version, e.subject, e.store_id, e.happened_at, e.data
      FROM outbox_feed f JOIN events e ON e.id = f.event_id
"""
# Numbers are dense, so a window of numbers is a bounded piece of work however few of its events fit the filter.
READ = Query(
    FeedEvent,
    f"""
    {_FEED}
     WHERE f.seq > :after AND f.seq <= :upto AND (:type = '' OR f.type = :type)
       AND (:store_id = '' OR f.store_id = :store_id)
     ORDER BY f.seq LIMIT :most
    """,
)
BY_ID = Query(FeedEvent, f"{_FEED} WHERE f.event_id = :id")
BY_SEQ = Query(FeedEvent, f"{_FEED} WHERE f.seq = ANY(:seqs::bigint[]) ORDER BY f.seq")
NEWEST = Query(
    FeedEvent,
    f"""
    {_FEED}
     WHERE f.seq < :before AND f.seq >= :down_to AND (:type = '' OR f.type = :type)
       AND (:store_id = '' OR f.store_id = :store_id)
     ORDER BY f.seq DESC LIMIT :most
    """,
)


@dataclass(frozen=True, slots=True)
class Astray:
    """Something that I15 found."""

    key: str
    what: str


# I15, first half: every committed event gets its number within minutes, and every enabled endpoint every delivery.
EVENTS_WITHOUT_DELIVERY = Query(
    Astray,
    """
    SELECT 'event:' || e.id AS key, 'has no place in the feed' AS what
      FROM outbox_waiting w JOIN events e ON e.id = w.event_id WHERE e.happened_at < :before
    UNION ALL
    SELECT 'webhook_endpoint:' || p.id, 'is behind the feed since ' || f.seq
      FROM webhook_endpoints p JOIN outbox_feed f ON f.seq = p.position + 1
     WHERE p.state = 'enabled' AND f.happened_at < :before
    UNION ALL
    SELECT 'event:' || f.event_id, 'has no delivery to webhook_endpoint:' || p.id
      FROM webhook_endpoints p
      JOIN outbox_feed f ON f.seq > greatest(p.filter_since, :after_seq) AND f.seq <= p.position
       AND (p.types = '{}' OR f.type = ANY(p.types)) AND (p.store_id = '' OR p.store_id = f.store_id)
       AND (f.type <> 'webhook_endpoint.test' OR f.subject = 'webhook_endpoint:' || p.id)
      LEFT JOIN webhook_deliveries d ON d.endpoint_id = p.id AND d.seq = f.seq
     WHERE d.seq IS NULL AND p.state <> 'removed'
    """,
)
# I15, second half: nothing that is due stays lying.
DELIVERIES_LATE = Query(
    Astray,
    """
    SELECT 'delivery:' || d.endpoint_id || ':' || d.seq AS key, 'is due since ' || d.due_at AS what
      FROM webhook_deliveries d JOIN webhook_endpoints p ON p.id = d.endpoint_id AND p.state = 'enabled'
     WHERE d.state = 'pending' AND d.due_at < :before
    """,
)


async def lock(tx: Tx) -> bool:
    """Be the one sequencer until the transaction ends; False while another is."""
    return await tx.one(LOCK)


async def sequence(tx: Tx, *, known: list[str], public: list[str], most: int) -> int:
    """Number what was committed; how many notes were taken. Only under `lock`."""
    return await tx.one(SEQUENCE, known=known, public=public, most=most)


async def head(tx: Tx) -> int:
    """The last number given; 0 before the first."""
    return await tx.one(HEAD)


async def read(tx: Tx, *, after: int, upto: int, type_: str, store_id: str, most: int) -> list[FeedEvent]:
    """Events with `after` < seq <= `upto`, in order."""
    return await tx.all(READ, after=after, upto=upto, type=type_, store_id=store_id, most=most)


async def newest(tx: Tx, *, before: int, down_to: int, type_: str, store_id: str, most: int) -> list[FeedEvent]:
    """Events with `down_to` <= seq < `before`, latest first."""
    return await tx.all(NEWEST, before=before, down_to=down_to, type=type_, store_id=store_id, most=most)


async def by_id(tx: Tx, event_id: UUID) -> FeedEvent | None:
    """One event, once it has its number."""
    return await tx.maybe(BY_ID, id=event_id)


async def by_seq(tx: Tx, seqs: list[int]) -> dict[int, FeedEvent]:
    """Events by number."""
    return {event.seq: event for event in await tx.all(BY_SEQ, seqs=seqs)}


async def astray(tx: Tx, *, before: datetime, after_seq: int = 0) -> list[Astray]:
    """I15: what is not where it should be, counting only what happened, or was due, before `before`."""
    found: list[Any] = await tx.all(EVENTS_WITHOUT_DELIVERY, before=before, after_seq=after_seq)
    return found + await tx.all(DELIVERIES_LATE, before=before)
