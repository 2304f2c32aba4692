"""The job of the access room."""

from jangbu.access.service import limits
from jangbu.queue import Job, Schedule
from jangbu.runtime import Runtime

FORGET = "access.forget_limits"


def jobs(run: Runtime) -> list[Job]:
    """Forget who has not called for a while."""

    async def forget() -> None:
        await limits.forget(run=run)

    return [Job(FORGET, forget)]


SCHEDULES = (Schedule("47 * * * *", FORGET),)
