"""The queue's rows: jobs that wait, run, or gave up and wait for a person."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from jangbu.db import Query, Tx

ENQUEUE_SQL = """INSERT INTO pgqueuer (priority, entrypoint, payload, status, dedupe_key)"""
"""For one-statement hot paths, which complete it with a SELECT of (0, job, payload, 'queued', dedupe key)."""

ENQUEUED_ONCE_SQL = """
    ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL DO NOTHING"""

ENQUEUE = Query(
    type(None),
    f"""
    {ENQUEUE_SQL} VALUES (0, :job, :payload, 'queued', :dedupe_key)
    {ENQUEUED_ONCE_SQL}
    """,
)

ENQUEUE_BEHIND = Query(
    type(None),
    f"""
    WITH held AS (SELECT dedupe_key, status FROM pgqueuer
                   WHERE dedupe_key = ANY(:keys::text[]) AND status IN ('queued', 'picked'))
    INSERT INTO pgqueuer (priority, entrypoint, payload, status, dedupe_key, execute_after)
    SELECT 0, :job, :payload, 'queued', key, now() + :pause::interval FROM unnest(:keys) WITH ORDINALITY o (key, n)
     WHERE NOT EXISTS (SELECT FROM held WHERE status = 'queued') AND key NOT IN (SELECT dedupe_key FROM held)
     ORDER BY n LIMIT 1 {ENQUEUED_ONCE_SQL}
    """,
)


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that failed for good and waits for a person."""

    id: int
    entrypoint: str
    attempts: int
    payload: bytes | None


HELD = Query(HeldJob, "SELECT id, entrypoint, attempts, payload FROM pgqueuer WHERE status = 'failed' ORDER BY id")
LET_GO = Query(type(None), "DELETE FROM pgqueuer WHERE status = 'failed' AND dedupe_key = ANY(:keys::text[])")
OPEN_COUNT = Query(int, "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')")


def payload(**arguments: Any) -> bytes:
    """A job's arguments as it travels."""
    return msgspec.json.encode(arguments)


def arguments_of(job: HeldJob) -> dict[str, Any]:
    """What a held job was given."""
    arguments: dict[str, Any] = msgspec.json.decode(job.payload or b"{}")
    return arguments


async def enqueue(tx: Tx, job: str, *, dedupe_key: str | None = None, **arguments: Any) -> bool:
    """Queue a job with your transaction. With a `dedupe_key`, not (False) while the same key waits or runs."""
    return await tx.run(ENQUEUE, job=job, payload=payload(**arguments), dedupe_key=dedupe_key) > 0


async def enqueue_behind(tx: Tx, job: str, *, dedupe_key: str, pause: timedelta, **arguments: Any) -> bool:
    """Queue a job to begin after `pause`, unless one under the key waits to begin. One that runs does not count: it may
    have looked before what you know of. The caller holds a lock that nobody else under this key passes.
    """
    keys = lanes(dedupe_key)
    return await tx.run(ENQUEUE_BEHIND, job=job, payload=payload(**arguments), keys=keys, pause=pause) > 0


def lanes(dedupe_key: str) -> list[str]:
    """The keys under which jobs of `enqueue_behind` stand: more of one thing do not run at once."""
    return [dedupe_key, f"{dedupe_key}#2", f"{dedupe_key}#3", f"{dedupe_key}#4"]


async def let_go(tx: Tx, *dedupe_keys: str) -> int:
    """Forget the held jobs under these keys: what they were to do was done after all. How many there were."""
    return await tx.run(LET_GO, keys=list(dedupe_keys))


async def held(tx: Tx) -> list[HeldJob]:
    """Jobs that gave up: parked, shown, never lost."""
    return await tx.all(HELD)


async def open_count(tx: Tx) -> int:
    """How many jobs wait or run."""
    return await tx.one(OPEN_COUNT)
