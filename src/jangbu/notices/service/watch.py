"""Once a minute: what is due, what was parked, and alerts that nobody could be told of until now."""

from collections.abc import Callable

import structlog

from jangbu.notices import store
from jangbu.notices.channels import alert_recipients
from jangbu.notices.rules import Facts, FactsUnreadable, JobParked, as_facts
from jangbu.notices.service.telling import alert, enqueue, tell_admins
from jangbu.queue import HeldJob
from jangbu.runtime import Runtime

AT_ONCE = 200

log = structlog.get_logger()

Describe = Callable[[HeldJob], Facts | None]
"""Wiring fills this: what it means that a job of some capability was parked; None for "just a job"."""


async def sweep(*, run: Runtime, describe: Describe) -> int:
    """Queue every message that is due; how many. The rest of what is written here is queued by itself."""
    await _tell_of_parked_jobs(run=run, describe=describe)
    await _tell_what_nobody_was_told(run=run)
    async with run.db.transaction() as tx:
        due = await store.due(tx, now=run.clock.now(), most=AT_ONCE)
        for notice_id in due:
            await enqueue(tx, notice_id)
    if due:
        run.waker.wake()
    return len(due)


async def _tell_of_parked_jobs(*, run: Runtime, describe: Describe) -> None:
    async with run.db.transaction() as tx:
        for job in await store.parked(tx, most=AT_ONCE):
            facts = describe(job) or JobParked(job.entrypoint, job.id, job.attempts)
            await alert(tx, facts, key=f"job:{job.id}:parked", subject=f"job:{job.id}", run=run)


async def _tell_what_nobody_was_told(*, run: Runtime) -> None:
    """An alert that was raised while no channel was configured is told once there is one."""
    if not alert_recipients(run.settings):
        return
    async with run.db.transaction() as tx:
        for one in await store.untold(tx, most=AT_ONCE):
            try:
                facts = as_facts(one.kind, one.facts)
            except FactsUnreadable as wrong:
                log.warning("an alert cannot be told", alert_id=str(one.id), problem=str(wrong))
                continue
            await tell_admins(tx, facts, alert_id=one.id, key=one.key, subject=one.subject, run=run)
