"""Finding what nobody told us: payments whose time to be asked about has come (design §4.1).

The sweep claims due payments and queues one check for each; the check re-reads PortOne. A check that dies with its
worker is queued again, and a payment whose check was lost altogether comes due again.
"""

from datetime import timedelta
from uuid import UUID

import structlog

from jangbu import audit, queue
from jangbu.audit import Actor
from jangbu.payments import store
from jangbu.payments.after.service import close, dispute_record, errands
from jangbu.payments.cancellations.service.settle import sweep_cancellations
from jangbu.payments.refusals import PortOneUnclear, PreRegistrationRefused
from jangbu.payments.rules import CALL_A_PERSON_AFTER, Status
from jangbu.payments.service.alerts import tell_of_unknown
from jangbu.payments.service.initialize import register
from jangbu.payments.service.sync import sync
from jangbu.portone.client import PortOne
from jangbu.runtime import Runtime

log = structlog.get_logger()
CLAIMED_AT_ONCE = 200
LEASE = timedelta(minutes=15)
SWEEPER = Actor("job:payments.sweep")


async def sweep(*, run: Runtime) -> int:
    """Queue a check for every payment and cancellation that is due; how many. Several sweepers share the work."""
    now, claimed = run.clock.now(), 0
    for claim in (_sweep_payments, sweep_cancellations, errands.sweep_errands):
        found = CLAIMED_AT_ONCE
        while found == CLAIMED_AT_ONCE:
            found = await claim(run=run, lease=LEASE, most=CLAIMED_AT_ONCE)
            claimed += found
    async with run.db.transaction() as tx:
        stuck = await store.flag_stuck(tx, now - CALL_A_PERSON_AFTER)
        for payment_id in await store.unflag_settled(tx, now - CALL_A_PERSON_AFTER):
            await audit.record(
                tx, at=now, actor=SWEEPER, action="payment.needs_review", subject=f"payment:{payment_id}", review=""
            )
            await dispute_record.mark(tx, payment_id, actor=SWEEPER, now=now)
        for payment_id in sorted({*stuck, *await store.stuck_besides(tx, now - CALL_A_PERSON_AFTER)}):
            await tell_of_unknown(tx, payment_id, run=run)
    for payment_id in stuck:
        log.error("Nobody knows the outcome of a call to PortOne: a person should look", payment_id=str(payment_id))
    if claimed:
        run.waker.wake()
        log.info("payments to ask PortOne about", count=claimed)
    return claimed


async def _sweep_payments(*, run: Runtime, lease: timedelta, most: int) -> int:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        due = await store.claim_due(tx, now=now, until=now + lease, most=most)
        for payment_id in due:
            await queue.enqueue(tx, "payments.check", dedupe_key=f"check:{payment_id}", payment_id=str(payment_id))
    return len(due)


async def check(payment_id: UUID, *, run: Runtime, portone: PortOne) -> None:
    """Ask PortOne about one payment that is due. Quiet while PortOne cannot say: it comes due again."""
    async with run.db.transaction() as tx:
        payment = await store.find(tx, str(payment_id))
    assert payment is not None, f"payment {payment_id} was swept and is not there"
    try:
        if payment.status is Status.REGISTERING:
            await register(payment, actor=SWEEPER, run=run, portone=portone)
        else:
            payment = await sync(payment, actor=SWEEPER, run=run, portone=portone)
            await close.resume(payment, actor=SWEEPER, run=run, portone=portone)
    except (PortOneUnclear, PreRegistrationRefused) as still_open:
        log.info("PortOne could not settle it this time", payment_id=str(payment_id), code=still_open.code)
