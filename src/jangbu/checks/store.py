"""All SQL of `check_runs`. Times are the database's: a check's age must not move with the sandbox's clock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from jangbu.db import Query, Tx

Scope = Literal["new", "all"]
"""What a run looked at: what is new since the checkpoint, or all there is."""


@dataclass(frozen=True, slots=True)
class Last:
    """Where the last run that came to an end stood, and what it found."""

    checkpoint: int
    kept: str | None
    rows_found: int | None
    sample: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class State:
    """One check as it stands, for people and for metrics."""

    check_id: str
    scope: str
    rows_found: int | None
    sample: list[dict[str, Any]]
    ran_at: datetime | None
    age_s: int | None
    took_ms: int | None
    broken_since: datetime | None
    problem: str


LAST = Query(
    Last,
    "SELECT checkpoint, kept, rows_found, sample FROM check_runs WHERE check_id = :check_id AND scope = :scope",
)
RECORD = Query(
    type(None),
    """
    INSERT INTO check_runs AS r (check_id, scope, checkpoint, kept, rows_found, sample, ran_at, took_ms, broken_since)
    VALUES (:check_id, :scope, :checkpoint, :kept, :rows_found, :sample, now(), :took_ms,
            CASE WHEN :rows_found::bigint > 0 THEN now() END)
    ON CONFLICT (check_id, scope) DO UPDATE
       SET checkpoint = excluded.checkpoint, kept = excluded.kept, rows_found = excluded.rows_found,
           sample = excluded.sample, ran_at = excluded.ran_at, took_ms = excluded.took_ms, problem = '',
           failed_at = NULL,
           broken_since = CASE WHEN excluded.rows_found > 0 THEN coalesce(r.broken_since, now()) END
    """,
)
RECORD_FAILURE = Query(
    type(None),
    """
    INSERT INTO check_runs (check_id, scope, problem, failed_at) VALUES (:check_id, :scope, :problem, now())
    ON CONFLICT (check_id, scope) DO UPDATE SET problem = excluded.problem, failed_at = excluded.failed_at
    """,
)
STATES = Query(
    State,
    """
    SELECT check_id, scope, rows_found, sample, ran_at, extract(epoch FROM now() - ran_at)::int AS age_s, took_ms,
           broken_since, problem
      FROM check_runs ORDER BY check_id, scope
    """,
)
PATIENCE = Query(
    type(None),
    "SELECT set_config('statement_timeout', :milliseconds, true), set_config('lock_timeout', '1s', true)",
)
BEGIN_ANEW = Query(type(None), "UPDATE check_runs SET checkpoint = 0 WHERE scope = 'new'")
"""For a copy that was just loaded: checkpoints that count one server's transactions mean nothing on another."""


async def last(tx: Tx, check_id: str, scope: Scope) -> Last | None:
    """The last run of this kind that came to an end, or None."""
    return await tx.maybe(LAST, check_id=check_id, scope=scope)


async def record(
    tx: Tx,
    check_id: str,
    scope: Scope,
    *,
    checkpoint: int,
    kept: str | None,
    rows_found: int,
    sample: list[dict[str, Any]],
    took_ms: int,
) -> None:
    """Write down what a run found."""
    await tx.run(
        RECORD,
        check_id=check_id,
        scope=scope,
        checkpoint=checkpoint,
        kept=kept,
        rows_found=rows_found,
        sample=sample,
        took_ms=took_ms,
    )


async def record_failure(tx: Tx, check_id: str, scope: Scope, problem: str) -> None:
    """Write down that a run did not come to an end; what the last one found stays."""
    await tx.run(RECORD_FAILURE, check_id=check_id, scope=scope, problem=problem)


async def states(tx: Tx) -> list[State]:
    """Every check that ever ran."""
    return await tx.all(STATES)
