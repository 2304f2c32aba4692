"""The job of the inbox."""

from jangbu.inbox import service
from jangbu.queue import Job
from jangbu.runtime import Runtime


def jobs(run: Runtime, handler: service.Handler) -> list[Job]:
    """Handle one webhook that was written down."""

    async def handle(webhook_id: str) -> None:
        await service.handle(webhook_id, handler=handler, run=run)

    return [Job("inbox.handle", handle)]
