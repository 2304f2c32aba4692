"""The jobs of notices."""

from datetime import timedelta
from uuid import UUID

from jangbu.notices.channels import Channels
from jangbu.notices.service import delivery, watch
from jangbu.notices.service.telling import DELIVER
from jangbu.queue import Backoff, Job, Schedule
from jangbu.runtime import Runtime

SWEEP = "notices.sweep"
AGAIN = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=1), attempts_max=20)
"""A message that is refused is no failed job: only our own database can make this one fail."""


def jobs(run: Runtime, describe: watch.Describe) -> list[Job]:
    """Look for what is due; make one try."""
    channels = Channels(run.settings)

    async def deliver(notice_id: str) -> None:
        await delivery.deliver(UUID(notice_id), run=run, channels=channels)

    async def sweep() -> None:
        await watch.sweep(run=run, describe=describe)

    return [Job(DELIVER, deliver, AGAIN), Job(SWEEP, sweep)]


def schedules() -> list[Schedule]:
    """Each minute; what is due is decided by `due_at` and the injected clock."""
    return [Schedule("* * * * *", SWEEP)]
