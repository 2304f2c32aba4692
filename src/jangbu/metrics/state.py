"""What only PostgreSQL knows, whichever of the processes is asked: read in one snapshot, kept for a few seconds.

Every statement costs what waits or what a day brings, never what exists: no table is counted from end to end.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client.core import Metric

from jangbu.checks import service as checks
from jangbu.db import Query, Tx
from jangbu.metrics import gauge, names
from jangbu.queue import Schedule
from jangbu.runtime import Runtime
from jangbu.sealing import Chain

log = structlog.get_logger()
FRESH_S = 5.0
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Counted:
    """How many, told apart by two labels, and the age of the oldest."""

    kind: str
    state: str
    count: int
    oldest_s: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """How late a schedule is."""

    job: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest event."""

    xid: int
    happened_at: datetime


PATIENCE = Query(type(None), "SELECT set_config('statement_timeout', '3s', true)")
JOBS = Query(
    Counted,
    """
    SELECT entrypoint AS kind,
           CASE status WHEN 'queued' THEN 'waiting' WHEN 'picked' THEN 'running' ELSE 'held' END AS state,
           count(*) AS count,
           coalesce(extract(epoch FROM now() - min(execute_after)
                    FILTER (WHERE status = 'queued' AND execute_after <= now())), 0)::int AS oldest_s
      FROM pgqueuer WHERE status IN ('queued', 'picked', 'failed') GROUP BY entrypoint, status
    """,
)
OVERDUE = Query(
    Overdue,
    """
    SELECT s.job, greatest(coalesce(extract(epoch FROM now() - q.next_run), 0), 0)::int AS seconds
      FROM unnest(:crons::text[], :jobs::text[]) AS s (cron, job)
      JOIN pgqueuer_schedules q ON q.expression = s.cron AND q.entrypoint = s.job
    """,
)
ATTEMPTS = Query(
    Counted,
    """
    SELECT operation AS kind, state, count(*) AS count,
           greatest(extract(epoch FROM :now::timestamptz - min(started_at)), 0)::int AS oldest_s
      FROM payment_attempts WHERE state IN ('sent', 'unknown') GROUP BY operation, state
    """,
)
WEBHOOKS = Query(
    Counted,
    """
    SELECT 'webhook' AS kind, status AS state, count(*) AS count,
           greatest(extract(epoch FROM :now::timestamptz - min(received_at)), 0)::int AS oldest_s
      FROM webhook_logs WHERE status IN ('received', 'failed') GROUP BY status
    """,
)
PAYMENTS = Query(
    Counted,
    """
    SELECT 'payment' AS kind, status AS state, count(*) AS count, 0 AS oldest_s FROM payments
     WHERE created_at > :now::timestamptz - interval '24 hours' GROUP BY status
    """,
)
REVIEWS = Query(
    Counted,
    """
    SELECT 'payment' AS kind, review AS state, count(*) AS count, 0 AS oldest_s FROM payments
     WHERE review <> '' GROUP BY review
    """,
)
DUE = Query(int, "SELECT count(*) FROM payments WHERE due_at <= :now")
EVENTS = Query(Newest, "SELECT xid::text::bigint AS xid, happened_at FROM events ORDER BY xid DESC, id DESC LIMIT 1")


class State:
    """The state-like metrics, as they were at most `FRESH_S` ago; several scrapes at once read once."""

    def __init__(
        self, run: Runtime, *, jobs: Sequence[str], schedules: Sequence[Schedule], chains: Mapping[str, Chain]
    ) -> None:
        self._run = run
        self._jobs = frozenset(jobs)
        self._schedules = list(schedules)
        self._chains = dict(chains)
        self._lock = asyncio.Lock()
        self._read: tuple[Metric, ...] = ()
        self._read_at = float("-inf")

    async def families(self) -> tuple[Metric, ...]:
        """Every family of the database's. Only `jangbu_state_up 0` when they could not be read."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if loop.time() - self._read_at >= FRESH_S:
                self._read = await self._fetched()
                self._read_at = loop.time()
            return self._read

    async def _fetched(self) -> tuple[Metric, ...]:
        up = gauge(names.STATE_UP)
        try:
            async with asyncio.timeout(PATIENCE_S), self._run.db.transaction(snapshot=True) as tx:
                await tx.run(PATIENCE)
                families = [family async for family in self._families(tx, self._run.clock.now())]
        except Exception as problem:  # noqa: BLE001 (that it cannot be read is what the scrape then says)
            log.warning("the state behind the metrics could not be read", problem=repr(problem))
            up.add_metric([], 0)
            return (up,)
        up.add_metric([], 1)
        return (up, *families)

    async def _families(self, tx: Tx, now: datetime) -> AsyncIterator[Metric]:
        for family in (
            *await _invariants(tx),
            *await self._seals(tx, now),
            *await self._queue(tx),
            *_counted(await tx.all(ATTEMPTS, now=now), names.ATTEMPTS, names.ATTEMPTS_AGE),
            *_counted(await tx.all(WEBHOOKS, now=now), names.WEBHOOKS, names.WEBHOOKS_AGE),
            *_counted(await tx.all(PAYMENTS, now=now), names.PAYMENTS),
            *_counted(await tx.all(REVIEWS), names.PAYMENTS_REVIEW),
            one(names.PAYMENTS_DUE, await tx.one(DUE, now=now)),
        ):
            yield family
        newest = await tx.maybe(EVENTS)
        if newest is not None:
            yield one(names.EVENTS_HEAD, newest.xid)
            yield one(names.EVENTS_AGE, _seconds(now - newest.happened_at))

    async def _seals(self, tx: Tx, now: datetime) -> list[Metric]:
        heads, tails, lags = (gauge(metric) for metric in (names.SEAL_HEAD, names.SEAL_TAIL, names.SEAL_LAG))
        for name, chain in self._chains.items():
            head, tail = await tx.maybe(chain.head), await tx.one(chain.waits)
            heads.add_metric([name], head.seq if head else 0)
            tails.add_metric([name], tail.rows)
            lags.add_metric([name], _seconds(now - tail.oldest) if tail.oldest else 0)
        return [heads, tails, lags]

    async def _queue(self, tx: Tx) -> list[Metric]:
        jobs, age, oldest_s = gauge(names.QUEUE), gauge(names.QUEUE_AGE), 0
        # Names that no job of this release has are rows of an older one, or somebody's experiment: one label for all.
        counts: dict[tuple[str, str], int] = {}
        for row in await tx.all(JOBS):
            label = (row.kind if row.kind in self._jobs else "other", row.state)
            counts[label] = counts.get(label, 0) + row.count
            oldest_s = max(oldest_s, row.oldest_s)
        for (job, state), count in sorted(counts.items()):
            jobs.add_metric([job, state], count)
        age.add_metric([], oldest_s)
        overdue = gauge(names.SCHEDULE_OVERDUE)
        crons, due = [one.cron for one in self._schedules], [one.job for one in self._schedules]
        for late in await tx.all(OVERDUE, crons=crons, jobs=due):
            overdue.add_metric([late.job], late.seconds)
        return [jobs, age, overdue]


async def _invariants(tx: Tx) -> list[Metric]:
    rows, age, failed = (
        gauge(metric) for metric in (names.INVARIANT_ROWS, names.INVARIANT_AGE, names.INVARIANT_FAILED)
    )
    for state in await checks.states(tx):
        label = [state.check_id, state.scope]
        failed.add_metric(label, int(state.problem != ""))
        if state.rows_found is not None and state.age_s is not None:
            rows.add_metric(label, state.rows_found)
            age.add_metric(label, state.age_s)
    return [rows, age, failed]


def _counted(rows: Sequence[Counted], counts: names.Metric, age: names.Metric | None = None) -> list[Metric]:
    family = gauge(counts)
    for row in rows:
        family.add_metric([row.kind, row.state][-len(counts.labels) :], row.count)
    if age is None:
        return [family]
    return [family, one(age, max((row.oldest_s for row in rows), default=0))]


def one(metric: names.Metric, value: int) -> Metric:
    """A family of one value without labels."""
    family = gauge(metric)
    family.add_metric([], value)
    return family


def _seconds(age: timedelta) -> int:
    return max(0, int(age.total_seconds()))
