"""The jobs of checkout."""

from uuid import UUID

from jangbu import events
from jangbu.checkout.service import buyers, complete, late
from jangbu.checkout.service.follow import REFUND
from jangbu.portone import PortOne
from jangbu.queue import Backoff, Job, Schedule
from jangbu.runtime import Runtime


def jobs(run: Runtime, portone: PortOne) -> list[Job]:
    """Follow payments, settle sessions whose time is over, send late money back, and forget who bought long ago."""

    async def follow(event_id: str) -> None:
        await complete.on_event(UUID(event_id), run=run)

    async def sweep() -> None:
        await complete.sweep(run=run)

    async def expire(session_key: str) -> None:
        await complete.expire(UUID(session_key), run=run, portone=portone)

    async def refund(session_key: str) -> None:
        await late.refund(UUID(session_key), run=run, portone=portone)

    async def forget_buyers() -> None:
        await buyers.forget(run=run)

    return [
        Job(complete.FOLLOW, follow),
        Job(complete.SWEEP, sweep),
        Job(complete.EXPIRE, expire),
        Job(buyers.FORGET, forget_buyers),
        # Long: it is somebody's money, and another refund of the same payment may take its time.
        Job(REFUND, refund, Backoff(attempts_max=20)),
    ]


def subscribe() -> None:
    """Hear of what happens to payments."""
    for event_type in complete.FOLLOWED:
        events.subscribe(event_type, complete.FOLLOW)


SCHEDULES = (Schedule("* * * * * */10", complete.SWEEP), Schedule("37 * * * *", buyers.FORGET))
"""What is due is decided by `due_at`, the days that buyers are kept, and the injected clock."""
