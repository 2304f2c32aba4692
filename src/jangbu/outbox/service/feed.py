"""The feed: numbering what was committed, owing it to endpoints, and reading it in order."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from jangbu import events, queue
from jangbu.clock import rfc3339
from jangbu.events import Event
from jangbu.failpoints import failpoint
from jangbu.outbox import delivery_store, feed_store
from jangbu.outbox.refusals import EventTypeUnknown, EventUnknown, FeedCursorAhead, OnlyForPractice
from jangbu.outbox.rules import TEST_SUBJECT, FeedEvent
from jangbu.runtime import Runtime

BATCH = 1_000
WINDOW = 10_000
"""How many numbers one read looks at, at most, whatever the filter leaves of them (reliability F130)."""
DELIVER = "outbox.deliver"


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the feed. Ask again with `after=next`; `has_more` says that there is more already."""

    events: list[FeedEvent]
    next: int
    has_more: bool


async def advance(*, run: Runtime) -> bool:
    """Number what was committed, write down who is owed what, and queue a job for each endpoint with something due.

    One program at a time; False when another one is at it or there was nothing to do.
    """
    kinds = events.declared()
    known, public = [kind.name for kind in kinds], [kind.name for kind in kinds if kind.is_public]
    now = run.clock.now()
    async with run.db.transaction() as tx:
        if not await feed_store.lock(tx):
            return False
        taken = await feed_store.sequence(tx, known=known, public=public, most=BATCH)
        failpoint("outbox.advance.sequenced")
        moved = await delivery_store.fan_out(tx, head=await feed_store.head(tx), most=BATCH, now=now)
        failpoint("outbox.advance.owed")
        due = await delivery_store.with_work(tx, now)
        for endpoint_id in due:
            key = f"{DELIVER}:{endpoint_id}"
            await queue.enqueue(tx, DELIVER, dedupe_key=key, endpoint_id=str(endpoint_id))
        failpoint("outbox.advance.before_commit")
    failpoint("outbox.advance.committed")
    if due:
        run.waker.wake()
    return bool(taken or moved)


async def read(*, after: int, most: int, type_: str = "", store_id: str = "", run: Runtime) -> Page:
    """Events with a greater number than `after`, in order; all or of one type.

    Raises EventTypeUnknown, FeedCursorAhead.
    """
    checked_types([type_] if type_ else [])
    async with run.db.transaction(snapshot=True) as tx:
        head = await feed_store.head(tx)
        if after > head:
            raise FeedCursorAhead(after=after, head=head)
        upto = min(after + WINDOW, head)
        found = await feed_store.read(tx, after=after, upto=upto, type_=type_, store_id=store_id, most=most)
    reached = found[-1].seq if len(found) == most else upto
    return Page(found, reached, reached < head)


async def latest(*, before: int | None, most: int, type_: str = "", store_id: str = "", run: Runtime) -> Page:
    """The same the other way round, for people: the newest first. `next` is the next page's `before`."""
    checked_types([type_] if type_ else [])
    async with run.db.transaction(snapshot=True) as tx:
        start = before if before is not None else await feed_store.head(tx) + 1
        down_to = max(start - WINDOW, 1)
        found = await feed_store.newest(tx, before=start, down_to=down_to, type_=type_, store_id=store_id, most=most)
    reached = found[-1].seq if len(found) == most else down_to
    return Page(found, reached, reached > 1)


async def find(event_id: UUID, *, store_id: str = "", run: Runtime) -> tuple[FeedEvent, list[delivery_store.Delivery]]:
    """One event and its deliveries. Raises EventUnknown."""
    async with run.db.transaction(snapshot=True) as tx:
        event = await feed_store.by_id(tx, event_id)
        if event is None or store_id not in ("", event.store_id):
            raise EventUnknown
        return event, await delivery_store.deliveries_of(tx, event.seq)


async def head(*, run: Runtime) -> int:
    """The last number given."""
    async with run.db.transaction() as tx:
        return await feed_store.head(tx)


async def trigger(type_: str, *, run: Runtime) -> UUID:
    """Announce a sample of a public type, marked as a test; our own subscribers hear nothing of it.

    Raises EventTypeUnknown, OnlyForPractice.
    """
    checked_types([type_])
    if run.settings.mode == "live":
        raise OnlyForPractice
    kind = next(kind for kind in events.declared() if kind.name == type_)
    event_id = run.ids.uuid()
    async with run.db.transaction() as tx:
        event = Event(
            event_id,
            type_,
            f"{TEST_SUBJECT}{event_id}",
            run.clock.now(),
            kind.example,
            store_id=run.settings.portone_store_id,
        )
        await events.announce_sample(tx, event)
    return event_id


def checked_types(types: list[str]) -> list[str]:
    """Public types, each once, sorted. Raises EventTypeUnknown."""
    public = {kind.name for kind in events.declared() if kind.is_public}
    for one in types:
        if one not in public:
            raise EventTypeUnknown(type=one[:100], known=", ".join(sorted(public)))
    return sorted(set(types))


def view(event: FeedEvent, *, mode: str) -> dict[str, Any]:
    """An event as outsiders see it, in the feed and in a delivery alike."""
    return {
        "id": str(event.id),
        "seq": event.seq,
        "type": event.type,
        "version": event.version,
        "timestamp": rfc3339(event.happened_at),
        "mode": mode,
        "test": event.is_test,
        "storeId": event.store_id,
        "subject": event.subject,
        "data": event.data,
    }


def body_of(event: FeedEvent, *, mode: str) -> bytes:
    """The body of a delivery: the same bytes at every try."""
    return msgspec.json.encode(view(event, mode=mode))
