"""Writing down what happened to a payment, in the transaction that made it happen: entry, event, audit line."""

from datetime import datetime

from jangbu import audit
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.ledger.service import post
from jangbu.payments import postings, store
from jangbu.payments.after.service import receipt_record
from jangbu.payments.after.service.dispute_record import make_way
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.fold import Change, Folded
from jangbu.payments.cancellations.rules import CancellationStatus
from jangbu.payments.rules import Event, Payment
from jangbu.payments.service.alerts import tell_of_refund
from jangbu.payments.service.announcing import announce
from jangbu.runtime import Runtime

ANNOUNCED = {
    Event.SEEN_ACCOUNT_ISSUED: "payment.virtual_account_issued",
    Event.SEEN_PENDING: "payment.pay_pending",
    Event.GAVE_UP_WAITING: "payment.expired",
    Event.CAPTURED: "payment.paid",
    Event.SEEN_FAILED: "payment.failed",
    Event.MISMATCHED: "payment.mismatched",
    Event.PART_CANCELLED: "payment.partially_cancelled",
    Event.ALL_CANCELLED: "payment.cancelled",
}
"""Changes that the merchant's own systems hear of, under their public names. All changes are announced; the others are
ours (`payment.changed`)."""
_ON_THE_WAY = {
    CancellationStatus.REQUESTED: "payment.cancel_pending",
    CancellationStatus.FAILED: "payment.cancel_failed",
}


async def record_change(
    tx: Tx, before: Payment, after: Payment, *, event: Event, actor: Actor, now: datetime, run: Runtime
) -> None:
    """Tell subscribers that the payment moved, with nothing personal, and write down who moved it."""
    await audit.record(
        tx,
        at=now,
        actor=actor,
        action=f"payment.{event.name.lower()}",
        subject=after.subject,
        before=before.status.value,
        after=after.status.value,
    )
    await receipt_record.follow(tx, after, event, run=run)
    await announce(tx, before, after, type_=ANNOUNCED.get(event, "payment.changed"), now=now, run=run)


async def record_cancellations(
    tx: Tx, before: Payment, folded: Folded, *, actor: Actor, now: datetime, run: Runtime
) -> None:
    """Write every cancellation that moved, with the entry that takes the money out of the books (F37, F38)."""
    for change in folded.changes:
        await _record_cancellation(tx, before, change, actor=actor, now=now, run=run)
        before = change.payment


async def _record_cancellation(
    tx: Tx, before: Payment, change: Change, *, actor: Actor, now: datetime, run: Runtime
) -> None:
    one, payment = change.after, change.payment
    await cancellation_store.save(tx, one)
    if change.before is not None and change.before.status is one.status:
        # It only learned its name at PortOne.
        return
    if one.is_ours:
        state = "refused" if one.status is CancellationStatus.FAILED else "done"
        said = {"status": one.status.value, "portoneCancellationId": one.portone_cancellation_id}
        await store.finish_attempt(tx, one.id, state=state, outcome=said, at=now)
    if change.event is not None:
        assert await post(tx, postings.cancelled(payment, one), recorded_at=now), f"{one.id} was given back twice"
        failpoint("payment.cancel.entry_posted")
        await receipt_record.follow(tx, payment, change.event, run=run)
    await audit.record(
        tx,
        at=now,
        actor=actor,
        action=f"payment.cancellation_{one.status.value.lower()}",
        subject=payment.subject,
        cancellation_id=str(one.id),
        amount=one.amount,
        currency=one.currency,
        made=one.origin,
    )
    await tell_of_refund(tx, payment, one, run=run)
    type_ = ANNOUNCED[change.event] if change.event else _ON_THE_WAY.get(one.status, "payment.changed")
    given = {
        "id": str(one.id),
        "status": one.status.value,
        "amount": one.amount,
        "currency": one.currency,
        "reason": one.reason,
        "made": one.origin,
    }
    await announce(tx, before, payment, type_=type_, now=now, run=run, about={"cancellation": given})
    if change.event is not None:
        # What becomes of disputes is told after the money that went back: each event goes on from the one before.
        await make_way(tx, before, payment, one, actor=actor, now=now, run=run)
