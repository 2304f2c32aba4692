"""The job of the identity room."""

from jangbu.identity import service
from jangbu.queue import Job, Schedule
from jangbu.runtime import Runtime

FORGET = "identity.forget"


def jobs(run: Runtime) -> list[Job]:
    """Delete who has been kept for long enough."""

    async def forget() -> None:
        await service.forget(run=run)

    return [Job(FORGET, forget)]


def schedules() -> list[Schedule]:
    """Each hour: nobody is kept more than an hour longer than was said."""
    return [Schedule("17 * * * *", FORGET)]
