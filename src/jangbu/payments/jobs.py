"""The jobs of payments."""

from datetime import timedelta
from uuid import UUID

from jangbu.payments.after import escrow_rules, receipt_rules
from jangbu.payments.after.service import errands, escrow, receipt_record, receipts
from jangbu.payments.after.service.disputes import look_at_open
from jangbu.payments.cancellations.service.settle import resume
from jangbu.payments.service import poll as polling
from jangbu.payments.service import sweep as sweeping
from jangbu.portone import PortOne
from jangbu.queue import Backoff, Job, Schedule
from jangbu.runtime import Runtime

SETTLED_BY: dict[str, errands.Settle] = {
    **dict.fromkeys(receipt_rules.OPERATIONS, receipts.settle),
    **dict.fromkeys(escrow_rules.OPERATIONS, escrow.settle),
}
"""Who knows how to find out what became of a call."""
FOR_HOURS = Backoff(longest=timedelta(minutes=10), attempts_max=46)
"""Six hours and more: nothing else comes back to a receipt whose money went back, and PortOne may be away."""


def jobs(run: Runtime, portone: PortOne) -> list[Job]:
    """Find what no webhook said; find what is due; ask PortOne about one payment; settle one cancellation."""

    async def sweep() -> None:
        await sweeping.sweep(run=run)

    async def check(payment_id: str) -> None:
        await sweeping.check(UUID(payment_id), run=run, portone=portone)

    async def settle_cancellation(cancellation_id: str) -> None:
        await resume(UUID(cancellation_id), actor=sweeping.SWEEPER, run=run, portone=portone)

    async def poll() -> None:
        await polling.poll(run=run, portone=portone)

    async def issue_receipt(payment_id: str) -> None:
        await receipts.issue_wanted(UUID(payment_id), actor=sweeping.SWEEPER, run=run, portone=portone)

    async def cancel_receipt(payment_id: str) -> None:
        await receipts.cancel_returned(UUID(payment_id), actor=sweeping.SWEEPER, run=run, portone=portone)

    async def settle_errand(errand_id: str) -> None:
        await errands.settle(UUID(errand_id), SETTLED_BY, actor=sweeping.SWEEPER, run=run, portone=portone)

    async def disputes() -> None:
        await look_at_open(run=run)

    return [
        Job("payments.poll", poll),
        Job("payments.disputes", disputes),
        Job(receipt_record.WANTED, issue_receipt),
        Job(receipt_record.RETURNED, cancel_receipt, FOR_HOURS),
        Job(errands.SETTLE, settle_errand),
        Job("payments.sweep", sweep),
        Job("payments.check", check),
        Job("payments.settle_cancellation", settle_cancellation),
    ]


def schedules(run: Runtime) -> list[Schedule]:
    """The sweep, every few seconds; what is due is decided by `due_at` and the injected clock. And PortOne's list."""
    return [
        Schedule(run.settings.sweep_cron, "payments.sweep"),
        Schedule("*/10 * * * *", "payments.poll"),
        # That a dispute is over stands in no list of PortOne's; only its webhook, or a look, tells.
        Schedule("40 */6 * * *", "payments.disputes"),
    ]
