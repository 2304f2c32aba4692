"""How many requests a caller may make, counted in PostgreSQL so that all programs share it (reliability F123, E10).

A limit of `most` in a `window` lets so many through at once after a pause, and then one each `window / most`: whoever
waited as long as `Retry-After` says gets through.
"""

from datetime import timedelta

import structlog

from jangbu.access import limit_store
from jangbu.access.refusals import TooManyRequests
from jangbu.limits import Limit
from jangbu.runtime import Runtime

log = structlog.get_logger()
_SECOND = timedelta(seconds=1)
SUBJECT_LONGEST = 500


async def take(subject: str, limit: Limit | None, *, run: Runtime) -> None:
    """Count one request of `subject`. Raises TooManyRequests, which costs nothing, where none is left."""
    if limit is None:
        return
    now, subject = run.clock.now(), subject[:SUBJECT_LONGEST]
    if await run.db.statement(limit_store.TAKE, subject=subject, now=now, step=limit.step, window=limit.window):
        return
    free_at = await run.db.statement(limit_store.FREE_AT, subject=subject) or now
    wait = free_at + limit.step - limit.window - now
    log.info("access.too_many_requests", subject=subject)
    raise TooManyRequests(retry_after_s=max(1, -(-wait // _SECOND)))


async def forget(*, run: Runtime) -> None:
    """Drop the rows of those who have not called for long enough to have all of their limit."""
    await run.db.statement(limit_store.FORGET, now=run.clock.now())
