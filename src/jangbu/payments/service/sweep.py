"""Finding what nobody told us: payments whose time to be asked about has come (design §4.1).

The sweep claims due payments and queues one check for each; the check re-reads PortOne. A check that dies with its
worker is queued again, and a payment whose check was lost altogether comes due again.
"""

from datetime import timedelta
from uuid import UUID

import structlog

from jangbu import queue
from jangbu.audit import Actor
from jangbu.payments import store
from jangbu.payments.refusals import PortOneUnclear, PreRegistrationRefused
from jangbu.payments.rules import CALL_A_PERSON_AFTER, Status
from jangbu.payments.service import close, errands
from jangbu.payments.service.alerts import tell_of_unknown
from jangbu.payments.service.initialize import register
from jangbu.payments.service.settle_cancel import sweep_cancellations
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
    while True:
        async with run.db.transaction() as tx:
            due = await store.claim_due(tx, now=now, until=now + LEASE, most=CLAIMED_AT_ONCE)
            for payment_id in due:
                await queue.enqueue(tx, "payments.check", dedupe_key=f"check:{payment_id}", payment_id=str(payment_id))
        claimed += len(due)
        if len(due) < CLAIMED_AT_ONCE:
            break
    while (found := await sweep_cancellations(run=run, lease=LEASE, most=CLAIMED_AT_ONCE)) == CLAIMED_AT_ONCE:
        claimed += found
    claimed += found
    while (found := await errands.sweep_errands(run=run, lease=LEASE, most=CLAIMED_AT_ONCE)) == CLAIMED_AT_ONCE:
        claimed += found
    claimed += found
    async with run.db.transaction() as tx:
        stuck = await store.flag_stuck(tx, now - CALL_A_PERSON_AFTER)
        for payment_id in sorted(stuck):
            await tell_of_unknown(tx, payment_id, run=run)
    for payment_id in stuck:
        log.error("Nobody knows the outcome of a call to PortOne: a person should look", payment_id=str(payment_id))
    if claimed:
        run.waker.wake()
        log.info("payments to ask PortOne about", count=claimed)
    return claimed


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
