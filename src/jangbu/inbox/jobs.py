"""The job of the inbox."""

from datetime import timedelta

from jangbu.inbox import service
from jangbu.queue import Backoff, Job
from jangbu.runtime import Runtime

HANDLE, HANDLE_AGAIN = service.HANDLE, service.HANDLE_AGAIN
PATIENCE = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=10), attempts_max=46)
"""PortOne may be away for hours: about six of them pass before a webhook is parked for a person, as long as PortOne
itself keeps trying (portone-facts §4.3)."""
A_PERSON_WAITS = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=30), attempts_max=5)
"""Who asked for it to be handled again is to hear soon that it still does not work."""


def jobs(run: Runtime, handler: service.Handler) -> list[Job]:
    """Handle one webhook that was written down; and once more when a person asks for it."""

    async def handle(webhook_id: str) -> None:
        await service.handle(webhook_id, handler=handler, run=run)

    async def handle_again(webhook_id: str, asked_by: str) -> None:
        await service.handle(webhook_id, handler=handler, run=run, asked_by=asked_by)

    return [Job(HANDLE, handle, PATIENCE), Job(HANDLE_AGAIN, handle_again, A_PERSON_WAITS)]
