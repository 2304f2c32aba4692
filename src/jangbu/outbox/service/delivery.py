"""Delivering: claim, call, record; with no transaction open during the call, and at least once whatever dies when."""

import asyncio
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from jangbu import audit, events
from jangbu.audit import Actor
from jangbu.clock import rfc3339
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.notices.rules import EndpointDisabled
from jangbu.notices.service.telling import alert
from jangbu.outbox import delivery_store, feed_store, store
from jangbu.outbox.announcements import DISABLED
from jangbu.outbox.delivery_store import Claim, Result
from jangbu.outbox.rules import (
    ANSWER_CHARACTERS_MAX,
    JITTER_PERCENT,
    Answer,
    Endpoint,
    FeedEvent,
    is_to_be_disabled,
    next_try,
    signed_headers,
)
from jangbu.outbox.sender import Sender
from jangbu.outbox.service.feed import body_of
from jangbu.runtime import Runtime

log = structlog.get_logger()

LANES = 8
"""Calls at once per endpoint: a slow one holds up its own lane, never another endpoint."""
CLAIMED = 2 * LANES
LEASE = timedelta(seconds=90)
"""Longer than what is claimed at once can take: its share of a lane is three calls of at most 16 s."""
PATIENCE_S = 3
"""How long one job goes on claiming. With a call's own timeout, a worker that is told to stop is done within 20 s."""
WORKER = Actor("job:outbox.deliver")


async def deliver(
    endpoint_id: UUID, *, run: Runtime, sender: Sender, lanes: int = LANES, patience_s: float = PATIENCE_S
) -> int:
    """Make what is due at one endpoint, several at a time; how many were tried. Whatever is left waits for the tick.

    When a record cannot be written, calls that are under way still get theirs; then it raises.
    """
    drain = _Drain(endpoint_id, run, sender, patience_s)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(drain.lane())
    except BaseExceptionGroup as crashed:
        # Only a Crash gets here, and a worker dies of one.
        raise crashed.exceptions[0] from None
    if drain.problem is not None:
        raise drain.problem
    return drain.tried


class _Drain:
    """The deliveries of one endpoint that were claimed and not yet made, shared by the lanes."""

    def __init__(self, endpoint_id: UUID, run: Runtime, sender: Sender, patience_s: float) -> None:
        self._endpoint_id = endpoint_id
        self._run = run
        self._sender = sender
        self._claimed: deque[tuple[Claim, FeedEvent]] = deque()
        self._endpoint: Endpoint | None = None
        self._secrets: list[str] = []
        self._claiming = asyncio.Lock()
        self._is_dry = False
        self._until_s = asyncio.get_running_loop().time() + patience_s
        self.tried = 0
        self.problem: Exception | None = None

    async def lane(self) -> None:
        try:
            while (taken := await self._next()) is not None:
                await self._make(*taken)
        except Exception as problem:  # noqa: BLE001 (raised by `deliver` once the other lanes are done)
            self.problem = self.problem or problem
            self._is_dry = True
            self._claimed.clear()

    async def _next(self) -> tuple[Claim, FeedEvent] | None:
        async with self._claiming:
            if not self._claimed and not self._is_dry:
                await self._claim()
            return self._claimed.popleft() if self._claimed else None

    async def _claim(self) -> None:
        """Claim more, with the endpoint as it is now: it may have been changed, rotated or switched off meanwhile."""
        if self.tried and asyncio.get_running_loop().time() > self._until_s:
            self._is_dry = True
            return
        now = self._run.clock.now()
        async with self._run.db.transaction() as tx:
            endpoint = await store.endpoint(tx, self._endpoint_id)
            claims = []
            if endpoint is not None and endpoint.state == "enabled":
                claims = await delivery_store.claim(tx, endpoint.id, now=now, until=now + LEASE, most=CLAIMED)
            if claims:
                self._secrets = await store.live_secrets(tx, self._endpoint_id, now, self._run.settings.vault)
                found = await feed_store.by_seq(tx, [one.seq for one in claims])
                self._claimed.extend((one, found[one.seq]) for one in claims)
            failpoint("outbox.deliver.before_claim_commit")
        failpoint("outbox.deliver.claimed")
        self._endpoint = endpoint
        self._is_dry = not claims

    async def _make(self, claimed: Claim, event: FeedEvent) -> None:
        endpoint, run = self._endpoint, self._run
        assert endpoint is not None, "claims come with their endpoint"
        body = body_of(event, mode=run.settings.mode)
        started_at = run.clock.now()
        began_s = asyncio.get_running_loop().time()
        answer = await self._sender.post(
            endpoint.url, signed_headers(self._secrets, str(event.id), started_at, body), body
        )
        took_ms = int((asyncio.get_running_loop().time() - began_s) * 1000)
        self.tried += 1
        failpoint("outbox.deliver.answered")
        await _record(endpoint, claimed, answer, started_at=started_at, took_ms=took_ms, run=run)
        failpoint("outbox.deliver.recorded")


async def _record(
    endpoint: Endpoint, claimed: Claim, answer: Answer, *, started_at: datetime, took_ms: int, run: Runtime
) -> None:
    now = run.clock.now()
    is_delivered = answer.outcome == "delivered"
    chance = run.ids.chance().randint(0, JITTER_PERCENT)
    due_at = None if is_delivered else next_try(claimed.tries + 1, now, chance)
    result = Result(
        endpoint_id=endpoint.id,
        seq=claimed.seq,
        turn=claimed.turn,
        started_at=started_at,
        took_ms=took_ms,
        outcome=answer.outcome,
        status=answer.status,
        # A text of PostgreSQL's takes no NUL.
        answer=answer.body.replace("\0", "\N{REPLACEMENT CHARACTER}")[:ANSWER_CHARACTERS_MAX],
        state="delivered" if is_delivered else ("exhausted" if due_at is None else "pending"),
        due_at=due_at,
        now=now,
    )
    if is_delivered and endpoint.failing_since is None:
        if await delivery_store.record_alone(run.db, result):
            # Another try failed while this one was under way.
            async with run.db.transaction() as tx:
                await _note_well(tx, await store.lock_endpoint(tx, endpoint.id))
        return
    async with run.db.transaction() as tx:
        # The endpoint first, as everybody does who needs both, so that nobody waits in a circle.
        current = await store.lock_endpoint(tx, endpoint.id)
        is_ours = await delivery_store.record(tx, result)
        if is_delivered:
            await _note_well(tx, current)
        elif is_ours and current is not None and current.state == "enabled":
            await _note_failure(tx, current, answer, started_at=started_at, now=now, run=run)
        failpoint("outbox.deliver.before_record_commit")
    if result.state == "exhausted":
        log.warning("an event was given up", endpoint=str(endpoint.id), seq=claimed.seq, outcome=answer.outcome)


async def _note_well(tx: Tx, endpoint: Endpoint | None) -> None:
    # One that was switched off keeps the time it went bad: what did not arrive since then is sent when it comes back.
    if endpoint is not None and endpoint.state == "enabled":
        await store.note_failing(tx, endpoint.id, None)


async def _note_failure(
    tx: Tx, endpoint: Endpoint, answer: Answer, *, started_at: datetime, now: datetime, run: Runtime
) -> None:
    if endpoint.failing_since is None:
        await store.note_failing(tx, endpoint.id, started_at)
        endpoint = replace(endpoint, failing_since=started_at)
    if answer.outcome == "gone":
        await disable(tx, endpoint, "gone", now=now, run=run)
    elif is_to_be_disabled(endpoint.failing_since, now):
        await disable(tx, endpoint, "failing", now=now, run=run)


async def disable(tx: Tx, endpoint: Endpoint, reason: str, *, now: datetime, run: Runtime) -> None:
    """Switch an endpoint off that does not want, or cannot take, what we send; and say so."""
    await store.switch(tx, endpoint.id, "disabled", reason=reason, at=now)
    await audit.record(
        tx, at=now, actor=WORKER, action="webhook_endpoint.disabled", subject=endpoint.subject, reason=reason
    )
    facts = EndpointDisabled(str(endpoint.id), endpoint.origin, endpoint.failing_since or now, reason)
    await alert(tx, facts, key=f"endpoint:{endpoint.id}:{rfc3339(now)}", subject=endpoint.subject, run=run)
    await events.announce(
        tx,
        events.Event(
            run.ids.uuid(),
            DISABLED,
            endpoint.subject,
            now,
            {
                "endpointId": str(endpoint.id),
                "url": endpoint.shown_url,
                "reason": reason,
                "failingSince": None if endpoint.failing_since is None else rfc3339(endpoint.failing_since),
            },
            store_id=endpoint.store_id,
        ),
    )
