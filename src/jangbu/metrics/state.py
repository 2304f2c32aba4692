"""What only PostgreSQL knows, whichever of the processes is asked: read in one snapshot, kept for a few seconds.

Where there is none of a kind, that is said with a 0, so that no graph has holes and no alarm waits for a first time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from prometheus_client.core import Metric

from jangbu.checks import service as checks
from jangbu.db import Tx
from jangbu.metrics import gauge, names, store
from jangbu.queue import Schedule
from jangbu.runtime import Runtime
from jangbu.sealing import Chain

log = structlog.get_logger()
FRESH_S = 5.0
PATIENCE_S = 5.0
# What is shown with a 0 while there is none of it.
OPERATIONS = (
    "pre_register", "cancel", "close_account", "issue_receipt", "cancel_receipt", "send_parcel", "correct_parcel",
    "complete_escrow",
)  # fmt: skip
ATTEMPTS = [(operation, state) for operation in OPERATIONS for state in ("sent", "unknown")]
REFUNDS = [("WAITING",), ("SENDING",), ("REQUESTED",)]
WEBHOOKS = [("received",), ("failed",)]
DELIVERIES = [("waiting",), ("paused",), ("exhausted",)]
ENDPOINTS = [("enabled", ""), ("disabled", "by_hand"), ("disabled", "failing"), ("disabled", "gone")]


class State:
    """The state-like metrics, as they were at most `FRESH_S` ago; several scrapes at once read once."""

    def __init__(
        self,
        run: Runtime,
        *,
        jobs: Sequence[str],
        schedules: Sequence[Schedule],
        chains: Mapping[str, Chain],
        checks: Sequence[str],
    ) -> None:
        self._run = run
        self._jobs = frozenset(jobs)
        self._schedules = list(schedules)
        self._chains = dict(chains)
        self._checks = frozenset(checks)
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
                await tx.run(store.PATIENCE)
                families = [family async for family in self._families(tx, self._run.clock.now())]
        except Exception as problem:  # noqa: BLE001 (that it cannot be read is what the scrape then says)
            log.warning("the state behind the metrics could not be read", problem=repr(problem))
            up.add_metric([], 0)
            return (up,)
        up.add_metric([], 1)
        return (up, *families)

    async def _families(self, tx: Tx, now: datetime) -> AsyncIterator[Metric]:
        attempts, refunds = await tx.all(store.ATTEMPTS, now=now), await tx.all(store.REFUNDS, now=now)
        webhooks = await tx.all(store.WEBHOOKS, now=now)
        payments = await tx.all(store.PAYMENTS, now=now, most=store.PAYMENTS_MAX)
        for family in (
            *await self._invariants(tx),
            *await self._seals(tx, now),
            *await self._queue(tx),
            _family(names.ATTEMPTS, {(row.kind, row.state): row.count for row in attempts}, ATTEMPTS),
            _family(names.ATTEMPTS_AGE, _oldest((row.kind, row.oldest_s) for row in attempts), ATTEMPTS),
            _family(names.REFUNDS, {(row.state,): row.count for row in refunds}, REFUNDS),
            _family(names.REFUNDS_AGE, _oldest((row.state, row.oldest_s) for row in refunds), REFUNDS),
            _family(names.WEBHOOKS, {(row.state,): row.count for row in webhooks}, WEBHOOKS),
            one(names.WEBHOOKS_AGE, max((row.oldest_s for row in webhooks), default=0)),
            _family(names.PAYMENTS, {(row.state,): row.count for row in payments}),
            _family(names.PAYMENTS_REVIEW, {(row.state,): row.count for row in await tx.all(store.REVIEWS)}),
            _family(names.SWEEP_DUE, {(row.state,): row.count for row in await tx.all(store.DUE, now=now)}),
            *await _outgoing(tx, now),
        ):
            yield family

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
        for row in await tx.all(store.JOBS):
            label = (row.kind if row.kind in self._jobs else "other", row.state)
            counts[label] = counts.get(label, 0) + row.count
            oldest_s = max(oldest_s, row.oldest_s)
        for (job, state), count in sorted(counts.items()):
            jobs.add_metric([job, state], count)
        age.add_metric([], oldest_s)
        overdue = gauge(names.SCHEDULE_OVERDUE)
        crons, due = [one.cron for one in self._schedules], [one.job for one in self._schedules]
        for late in await tx.all(store.OVERDUE, crons=crons, jobs=due):
            overdue.add_metric([late.job], late.seconds)
        return [jobs, age, overdue]

    async def _invariants(self, tx: Tx) -> list[Metric]:
        rows, age, failed = (
            gauge(metric) for metric in (names.INVARIANT_ROWS, names.INVARIANT_AGE, names.INVARIANT_FAILED)
        )
        for state in await checks.states(tx):
            # What an older release asked would grow older for ever.
            if state.check_id not in self._checks:
                continue
            label = [state.check_id, state.scope]
            failed.add_metric(label, int(state.problem != ""))
            if state.rows_found is not None and state.age_s is not None:
                rows.add_metric(label, state.rows_found)
                age.add_metric(label, state.age_s)
        return [rows, age, failed]


async def _outgoing(tx: Tx, now: datetime) -> list[Metric]:
    feed = await tx.one(store.FEED, most=store.COUNTED_MAX)
    deliveries = await tx.all(store.DELIVERIES, now=now, most=store.COUNTED_MAX)
    endpoints = await tx.all(store.ENDPOINTS, now=now)
    newest = [one(names.EVENTS_AGE, _seconds(now - feed.newest_at))] if feed.newest_at else []
    return [
        one(names.EVENTS_HEAD, feed.seq),
        *newest,
        one(names.EVENTS_WAITING, feed.waiting),
        one(names.EVENTS_WAITING_AGE, _seconds(now - feed.waiting_since) if feed.waiting_since else 0),
        _family(names.DELIVERIES, {(row.state,): row.count for row in deliveries}, DELIVERIES),
        one(names.DELIVERIES_OVERDUE, max((row.oldest_s for row in deliveries), default=0)),
        _family(names.ENDPOINTS, {(row.state, row.reason): row.count for row in endpoints}, ENDPOINTS),
        one(names.ENDPOINTS_FAILING, max((row.failing_s for row in endpoints if row.state == "enabled"), default=0)),
    ]


def _family(
    metric: names.Metric, values: Mapping[tuple[str, ...], int], zero: Sequence[tuple[str, ...]] = ()
) -> Metric:
    """A family of these values; of `zero`, as much of each as the metric has labels, where there is no value."""
    family = gauge(metric)
    for labels, value in ({labels[: len(metric.labels)]: 0 for labels in zero} | dict(values)).items():
        family.add_metric(labels, value)
    return family


def _oldest(ages: Iterable[tuple[str, int]]) -> dict[tuple[str, ...], int]:
    oldest: dict[tuple[str, ...], int] = {}
    for label, age in ages:
        oldest[(label,)] = max(oldest.get((label,), 0), age)
    return oldest


def one(metric: names.Metric, value: int) -> Metric:
    """A family of one value without labels."""
    family = gauge(metric)
    family.add_metric([], value)
    return family


def _seconds(age: timedelta) -> int:
    return max(0, int(age.total_seconds()))
