"""Running the checks: each in a read-only snapshot of its own, so that one that fails or times out spoils no other.

What was found is committed beside where the run ended, together with the alarm it raises. While a check finds rows its
checkpoint stays where it is: the next minute finds them again, until somebody has put them right.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace

import structlog

from jangbu.checks import Check, Found, Span, store
from jangbu.checks.store import Scope
from jangbu.db import Tx
from jangbu.runtime import Runtime

log = structlog.get_logger()

STEP = 100_000
"""Rows of growth one run looks at, about a second's work; far more than a minute of a busy day brings."""
PATIENCE_NEW_MS = 10_000
PATIENCE_ALL_MS = 50_000
"""Per statement; a little less than the pool's own limit, so that PostgreSQL says it and the connection lives."""
LOGGED_MAX = 10
PROBLEM_CHARACTERS_MAX = 500

OnBroken = Callable[[Tx, Check, Found], Awaitable[None]]
"""Called in the transaction that records a run, when what is broken is news: rows where there were none, or others than
before. It may not call outside; it is where an alert is written down."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check. `found` is None when the run did not come to an end, and `problem` then says why."""

    check: Check
    found: Found | None
    took_ms: int
    problem: str = ""

    @property
    def holds(self) -> bool:
        return self.found is not None and self.found.count == 0


async def run_checks(
    checks: Sequence[Check],
    *,
    run: Runtime,
    full: bool,
    on_broken: OnBroken | None = None,
    progress: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Ask every check, of all there is or of what is new, and record the answers. Safe to run again at any time.

    A check that cannot be asked is a result too: it is recorded and logged as an error, for nobody knows whether it
    holds. Raises only when the answers cannot be written down.
    """
    scope: Scope = "all" if full else "new"
    results = []
    for check in checks:
        if check.nightly and not full:
            continue
        result = await _ask(check, scope, run=run, on_broken=on_broken)
        results.append(result)
        if progress is not None:
            progress(result)
    return results


async def states(tx: Tx) -> list[store.State]:
    """Every check as it stands, in both scopes."""
    return await store.states(tx)


async def _ask(check: Check, scope: Scope, *, run: Runtime, on_broken: OnBroken | None) -> Result:
    started = asyncio.get_running_loop().time()

    def took_ms() -> int:
        return int((asyncio.get_running_loop().time() - started) * 1000)

    try:
        async with run.db.transaction(snapshot=True, long=True) as tx:
            span = await _span(tx, check, scope, run=run)
            found = await check.look(tx, span)
            kept = span.kept
            if check.keep is not None and not found.count:
                kept = await check.keep(tx, span)
    except Exception as problem:  # noqa: BLE001 (a check that cannot be asked must not silence the others)
        result = Result(check, None, took_ms(), f"{type(problem).__name__}: {problem}"[:PROBLEM_CHARACTERS_MAX])
        log.error("a check could not be asked", check=check.id, scope=scope, problem=result.problem)
        async with run.db.transaction() as tx:
            await store.record_failure(tx, check.id, scope, result.problem)
        return result
    result = Result(check, found, took_ms())
    reached = span.upto if not found.count else span.after
    async with run.db.transaction() as tx:
        before = await store.last(tx, check.id, scope)
        sample = [asdict(row) for row in found.rows]
        await store.record(
            tx,
            check.id,
            scope,
            checkpoint=reached,
            kept=kept,
            rows_found=found.count,
            sample=sample,
            took_ms=result.took_ms,
        )
        is_news = before is None or (before.rows_found, before.sample) != (found.count, sample)
        if found.count and is_news and on_broken is not None:
            await on_broken(tx, check, found)
    if found.count:
        log.error(
            "an invariant is broken",
            check=check.id,
            holds_normally=check.en,
            scope=scope,
            rows=found.count,
            first=[asdict(row) for row in found.rows[:LOGGED_MAX]],
        )
    elif before is not None and before.rows_found:
        log.info("an invariant holds again", check=check.id, scope=scope)
    if scope == "all" and kept is not None and not found.count:
        # A log that leaves this machine is the copy of the chain's head that nobody with our database can alter.
        log.info("keep this elsewhere", check=check.id, head=kept)
    return result


async def _span(tx: Tx, check: Check, scope: Scope, *, run: Runtime) -> Span:
    full = scope == "all"
    await tx.run(store.PATIENCE, milliseconds=str(PATIENCE_ALL_MS if full else PATIENCE_NEW_MS))
    last = await store.last(tx, check.id, scope)
    span = Span(now=run.clock.now(), full=full, kept=last.kept if last else None)
    if check.growth is None:
        return span
    after = last.checkpoint if last and not full else 0
    step = 2**53 if full else STEP
    return replace(span, after=after, upto=await tx.one(check.growth.upto, after=after, step=step))
