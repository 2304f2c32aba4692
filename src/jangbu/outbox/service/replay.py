"""The delivery log, and sending again what was sent: the same events under the same ids, as new tries."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu import audit
from jangbu.audit import Actor
from jangbu.clock import rfc3339
from jangbu.outbox import delivery_store, feed_store, store
from jangbu.outbox.delivery_store import Attempt, Delivery, Span
from jangbu.outbox.refusals import (
    DeliveryUnknown,
    EndpointNotEnabled,
    EndpointUnknown,
    EventUnknown,
    ReplayTooLarge,
)
from jangbu.outbox.rules import Endpoint, FeedEvent
from jangbu.outbox.service.feed import body_of
from jangbu.runtime import Runtime

REPLAY_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery, whole: the event, the body as it is sent, and every try's answer."""

    delivery: Delivery
    event: FeedEvent
    body: bytes
    attempts: list[Attempt]


async def deliveries(
    endpoint_id: UUID, *, before: int | None = None, state: str = "", most: int, run: Runtime
) -> list[Delivery]:
    """An endpoint's deliveries, latest first."""
    # PostgreSQL's largest bigint stands for "from the end".
    start = before if before is not None else 2**63 - 1
    async with run.db.transaction() as tx:
        return await delivery_store.deliveries(tx, endpoint_id, before=start, state=state, most=most)


async def tell(endpoint_id: UUID, seq: int, *, run: Runtime) -> Told:
    """One delivery with its tries. Raises DeliveryUnknown."""
    async with run.db.transaction(snapshot=True) as tx:
        delivery = await delivery_store.delivery(tx, endpoint_id, seq)
        if delivery is None:
            raise DeliveryUnknown
        event = (await feed_store.by_seq(tx, [seq]))[seq]
        attempts = await delivery_store.attempts(tx, endpoint_id, seq)
    return Told(delivery, event, body_of(event, mode=run.settings.mode), attempts)


async def replay(
    event_id: UUID, endpoint_id: UUID | None = None, *, store_id: str = "", actor: Actor, run: Runtime
) -> int:
    """Send one event again, to one endpoint or to every one that it was owed to; to how many.

    A named endpoint gets it even if it was never owed it. Raises EventUnknown, EndpointUnknown, EndpointNotEnabled.
    """
    now = run.clock.now()
    async with run.db.transaction() as tx:
        event = await feed_store.by_id(tx, event_id)
        if event is None or store_id not in ("", event.store_id):
            raise EventUnknown
        if endpoint_id is not None:
            wanted = [endpoint_id]
        else:
            wanted = sorted(one.endpoint_id for one in await delivery_store.deliveries_of(tx, event.seq))
        sent = 0
        for one in wanted:
            endpoint = await store.lock_endpoint(tx, one)
            if endpoint_id is not None:
                _refuse_unfit(endpoint, store_id)
            if endpoint is not None and endpoint.state == "enabled":
                await delivery_store.replay_one(tx, one, event.seq, now)
                sent += 1
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="event.replayed",
            subject=f"event:{event_id}",
            endpoint=None if endpoint_id is None else str(endpoint_id),
            endpoints=sent,
        )
    return sent


async def replay_span(
    endpoint_id: UUID,
    *,
    since: datetime,
    until: datetime,
    undelivered: bool = False,
    store_id: str = "",
    actor: Actor,
    run: Runtime,
) -> int:
    """Send again what the endpoint wants of `since` <= time < `until`; how many events. Also what was before its time.

    Raises EndpointUnknown, EndpointNotEnabled, ReplayTooLarge.
    """
    now = run.clock.now()
    span = Span(endpoint_id, since, until, undelivered=undelivered)
    async with run.db.transaction() as tx:
        endpoint = _refuse_unfit(await store.lock_endpoint(tx, endpoint_id), store_id)
        if await delivery_store.replay_count(tx, span) > REPLAY_MAX:
            raise ReplayTooLarge(most=f"{REPLAY_MAX:,}")
        sent = await delivery_store.replay_span(tx, span, now)
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="webhook_endpoint.replayed",
            subject=endpoint.subject,
            events=sent,
            since=rfc3339(since),
            until=rfc3339(until),
            undelivered=undelivered,
        )
    return sent


def _refuse_unfit(endpoint: Endpoint | None, store_id: str) -> Endpoint:
    if endpoint is None or store_id not in ("", endpoint.store_id):
        raise EndpointUnknown
    if endpoint.state != "enabled":
        raise EndpointNotEnabled
    return endpoint
