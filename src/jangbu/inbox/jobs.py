"""The job of the inbox."""

from datetime import timedelta

from jangbu.inbox import service
from jangbu.queue import Backoff, Job
from jangbu.runtime import Runtime

HANDLE = "inbox.handle"
PATIENCE = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=10), attempts_max=46)
"""PortOne may be away for hours: about six of them pass before a webhook is parked for a person, as long as PortOne
itself keeps trying (portone-facts §4.3)."""


def jobs(run: Runtime, handler: service.Handler) -> list[Job]:
    """Handle one webhook that was written down."""

    async def handle(webhook_id: str) -> None:
        await service.handle(webhook_id, handler=handler, run=run)

    return [Job(HANDLE, handle, PATIENCE)]
