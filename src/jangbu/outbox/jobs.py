"""What every worker does for the outbox."""

from datetime import timedelta
from uuid import UUID

from jangbu.outbox.sender import Sender
from jangbu.outbox.service import delivery, feed
from jangbu.queue import Backoff, Job, Tick
from jangbu.runtime import Runtime

TICK_S = 0.5
BATCHES_A_TICK = 20
AGAIN = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=1), attempts_max=20)
"""A delivery that fails is no failed job: only our own database can make this one fail."""


def jobs(run: Runtime, sender: Sender) -> list[Job]:
    """Make what is due at one endpoint."""

    async def deliver(endpoint_id: str) -> None:
        await delivery.deliver(UUID(endpoint_id), run=run, sender=sender)

    return [Job(feed.DELIVER, deliver, AGAIN)]


def ticks(run: Runtime) -> list[Tick]:
    """Number events and find what is due. All workers try; a lock lets one at a time."""

    async def advance() -> None:
        for _ in range(BATCHES_A_TICK):
            if not await feed.advance(run=run):
                return

    return [Tick(TICK_S, advance)]
