"""The webhook log as people use it (requirements B15): found, read, and handled again.

Handling again is always safe: a webhook is a hint, so it asks PortOne once more what is true of its payment and applies
that (design §4.2). Nothing is decided by what the webhook said when it came.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from jangbu import audit, queue
from jangbu.audit import Actor
from jangbu.inbox import log_store, store
from jangbu.inbox.log_store import Row, Try, Whole
from jangbu.inbox.refusals import WebhookUnknown
from jangbu.inbox.service import HANDLE_AGAIN, again_key
from jangbu.runtime import Runtime

TRIES_SHOWN = 100
FAILED_AT_ONCE = 1_000
STATUSES = ("received", "processed", "failed", "skipped")
_OPEN = {"received", "failed"}
BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_LAST_ID = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which webhooks: "" stands for any. `payment` is our payment's id, PortOne's, or a webhook-id, whole.

    `store_id` is what the caller is limited to. `before` is where the page before ended.
    """

    status: str = ""
    type: str = ""
    payment: str = ""
    since: datetime = BEGINNING
    until: datetime = END
    store_id: str = ""
    before: tuple[datetime, UUID] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One webhook, and every try to handle it, the latest first."""

    webhook: Whole
    tries: tuple[Try, ...]


async def page_of_log(wanted: Wanted, *, most: int, run: Runtime) -> list[Row]:
    """Webhooks as they came, the latest first."""
    before_at, before_id = wanted.before or (END, _LAST_ID)
    query = log_store.NEWEST
    if wanted.payment:
        query = log_store.OF_PAYMENT
    elif wanted.status in _OPEN:
        query = log_store.OPEN
    more = {"payment": wanted.payment} if wanted.payment else {}
    async with run.db.transaction() as tx:
        return await log_store.page(
            tx,
            query,
            status=wanted.status,
            type=wanted.type,
            since=wanted.since,
            until=wanted.until,
            store_id=wanted.store_id,
            before_at=before_at,
            before_id=before_id,
            most=most,
            **more,
        )


async def tell(row_id: UUID, *, store_id: str = "", run: Runtime) -> Told:
    """One webhook with its tries. Raises WebhookUnknown."""
    async with run.db.transaction(snapshot=True) as tx:
        webhook = await log_store.whole(tx, row_id, store_id=store_id)
        if webhook is None:
            raise WebhookUnknown
        tries = await log_store.tries(tx, webhook.webhook_id, most=TRIES_SHOWN)
    return Told(webhook, _with_the_rows_own(webhook, tries))


async def id_of(webhook_id: str, *, run: Runtime) -> UUID:
    """Our id of a webhook by PortOne's. Raises WebhookUnknown."""
    async with run.db.transaction() as tx:
        found = await store.find(tx, webhook_id)
    if found is None:
        raise WebhookUnknown
    return found.id


async def handle_again(row_id: UUID, *, store_id: str = "", actor: Actor, run: Runtime) -> bool:
    """Have one webhook handled once more, now; False when that is queued already. Raises WebhookUnknown."""
    async with run.db.transaction() as tx:
        webhook = await log_store.whole(tx, row_id, store_id=store_id)
        if webhook is None:
            raise WebhookUnknown
        key = again_key(webhook.webhook_id)
        queued = await queue.enqueue(
            tx, HANDLE_AGAIN, dedupe_key=key, webhook_id=webhook.webhook_id, asked_by=actor.name
        )
        if queued:
            await audit.record(
                tx,
                at=run.clock.now(),
                actor=actor,
                action="webhook.handled_again",
                subject=f"webhook:{webhook.webhook_id}",
                was=webhook.status,
            )
    run.waker.wake()
    return queued


async def handle_failed_again(*, store_id: str = "", actor: Actor, run: Runtime) -> int:
    """Have those that failed handled once more, the oldest FAILED_AT_ONCE; how many that were not queued so already."""
    async with run.db.transaction() as tx:
        queued = await log_store.enqueue_failed(
            tx,
            job=HANDLE_AGAIN,
            key_start=again_key(""),
            asked_by=actor.name,
            store_id=store_id,
            most=FAILED_AT_ONCE,
        )
        if queued:
            await audit.record(
                tx,
                at=run.clock.now(),
                actor=actor,
                action="webhook.failed_handled_again",
                subject="webhook:failed",
                webhooks=queued,
            )
    run.waker.wake()
    return queued


async def failed_count(*, store_id: str = "", run: Runtime) -> int:
    """How many failed and are not handled since; FAILED_AT_ONCE + 1 stands for more."""
    async with run.db.transaction() as tx:
        return await log_store.failed_count(tx, store_id=store_id, most=FAILED_AT_ONCE + 1)


def _with_the_rows_own(webhook: Whole, tries: list[Try]) -> tuple[Try, ...]:
    """What succeeded at the first try stands on the webhook's row alone."""
    at = webhook.processed_at
    if (
        at is None
        or webhook.status == "failed"
        or any((one.ended_at, one.outcome) == (at, webhook.status) for one in tries)
    ):
        return tuple(tries)
    first = Try(at, at, webhook.status, webhook.error_message, "")
    return tuple(sorted([*tries, first], key=lambda one: one.ended_at, reverse=True))
