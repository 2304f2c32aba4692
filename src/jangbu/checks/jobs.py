"""The checks' jobs: what is new each minute, all there is each night at 03:17 in Seoul."""

from collections.abc import Sequence
from datetime import timedelta

from jangbu.checks import Check
from jangbu.checks.service import OnBroken, run_checks
from jangbu.queue import Backoff, Job, Schedule
from jangbu.runtime import Runtime

NEW, ALL = "checks.new", "checks.all"
SCHEDULES = (Schedule("* * * * *", NEW), Schedule("17 18 * * *", ALL))


def jobs(run: Runtime, checks: Sequence[Check], on_broken: OnBroken | None = None) -> list[Job]:
    """Both runs. A run that fails is not worth repeating for long: the next minute asks again."""

    async def new() -> None:
        await run_checks(checks, run=run, full=False, on_broken=on_broken)

    async def everything() -> None:
        await run_checks(checks, run=run, full=True, on_broken=on_broken)

    backoff = Backoff(first=timedelta(seconds=10), attempts_max=3)
    return [Job(NEW, new, backoff), Job(ALL, everything)]
