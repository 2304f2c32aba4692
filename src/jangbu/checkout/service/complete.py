"""What a payer's browser asks when it is back, what a payment's event means, and what happens when time is over."""

from datetime import timedelta
from uuid import UUID

import structlog

from jangbu import events, queue
from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.rules import LateRefund, Session
from jangbu.checkout.service import late
from jangbu.checkout.service.follow import follow, follow_in
from jangbu.checkout.service.sessions import Shown, found, show, takes_turn
from jangbu.failpoints import failpoint
from jangbu.payments.cancellations.refusals import CancellationInProgress
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.service.sync import find, sync
from jangbu.portone import PortOne
from jangbu.runtime import Runtime

log = structlog.get_logger()
FOLLOW, SWEEP, EXPIRE = "checkout.follow", "checkout.sweep", "checkout.expire"
FOLLOWER = Actor("job:checkout.follow")
SWEEPER = Actor("job:checkout.sweep")
FOLLOWED = ("payment.paid", "payment.cancelled")
"""The events of payments that mean something for a session. Most payments of most shops have none, and every type here
costs a job for each of theirs: that an account was issued is found out when the session would expire."""
CLAIMED_AT_ONCE = 200
LEASE = timedelta(minutes=5)


async def complete(session_id: str, *, actor: Actor, run: Runtime, portone: PortOne) -> Shown:
    """Ask PortOne whether the session is paid, and deliver if it is. A payer's word about it counts for nothing.

    PortOne is asked at most every two seconds for one session, however often this is called. Raises SessionUnknown;
    PortOneUnclear when PortOne did not answer, which is neither yes nor no.
    """
    async with run.db.transaction() as tx:
        session = await found(tx, session_id)
        payment = await store.payment_of(tx, session.id)
    if (
        payment is not None
        and not (payment.is_money_here or payment.status == "CANCELLED")
        and await takes_turn(session, run=run)
    ):
        await sync(await find(str(payment.id), run=run), actor=actor, run=run, portone=portone)
        failpoint("checkout.complete.asked")
    await follow(session.id, actor=actor, run=run)
    return await show(session_id, run=run)


async def on_event(event_id: UUID, *, run: Runtime) -> None:
    """A payment moved: bring its session there, if it has one. The receipt is taken in the same transaction."""
    async with run.db.transaction() as tx:
        if not await events.is_first_receipt(tx, event_id, FOLLOW):
            return
        session_key = await store.of_event(tx, event_id)
        if session_key is not None:
            await follow_in(tx, session_key, actor=FOLLOWER, run=run)
        failpoint("checkout.event.before_commit")
    failpoint("checkout.event.committed")
    run.waker.wake()


async def sweep(*, run: Runtime) -> int:
    """Queue a look at every session whose time is over; how many. Several sweepers share the work."""
    now, claimed = run.clock.now(), 0
    while True:
        async with run.db.transaction() as tx:
            due = await store.claim_due(tx, now=now, until=now + LEASE, most=CLAIMED_AT_ONCE)
            for key in due:
                await queue.enqueue(tx, EXPIRE, dedupe_key=f"checkout_expire:{key}", session_key=str(key))
        claimed += len(due)
        if len(due) < CLAIMED_AT_ONCE:
            break
    if claimed:
        run.waker.wake()
    return claimed


async def expire(session_key: UUID, *, run: Runtime, portone: PortOne) -> Session | None:
    """The time of a session is over: ask PortOne a last time, then deliver, wait on, or let the stock go.

    Late money that is to go back comes by here until it is: the job may have been given up, and so may its refund.

    None while PortOne cannot say: goods that may just have been paid for are not sold to somebody else; the session
    comes due again.
    """
    async with run.db.transaction() as tx:
        payment = await store.payment_of(tx, session_key)
    if payment is not None:
        try:
            await sync(await find(str(payment.id), run=run), actor=SWEEPER, run=run, portone=portone)
        except PortOneUnclear as unclear:
            log.info("PortOne could not say whether a session was paid", session=str(session_key), code=unclear.code)
            return None
    failpoint("checkout.expire.asked")
    after = await follow(session_key, actor=SWEEPER, run=run, may_expire=True)
    if after.late_refund is LateRefund.WANTED:
        try:
            await late.refund(session_key, run=run, portone=portone)
        except CancellationInProgress:
            log.info("late money waits for another refund of its payment", session=str(session_key))
    return after
