"""Writing down what a dispute does, in the transaction that learned of it (F42): row, entry, event, audit, alert."""

from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu import audit
from jangbu.audit import Actor
from jangbu.clock import rfc3339
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.ledger.service import post
from jangbu.payments import postings, store
from jangbu.payments.after import dispute_store
from jangbu.payments.after.dispute_rules import CHARGEBACK, Dispute, DisputeStatus, Step, give_way, learn, reviewed
from jangbu.payments.cancellations.rules import Cancellation
from jangbu.payments.rules import Payment
from jangbu.payments.seen import Seen
from jangbu.payments.service.alerts import tell_of_dispute
from jangbu.payments.service.announcing import announce
from jangbu.runtime import Runtime


async def news(tx: Tx, payment: Payment, answer: Seen, *, now: datetime) -> list[Step]:
    """What PortOne's answer changes in the disputes of a payment, as they stand now."""
    if not answer.disputes and not payment.is_captured:
        # Of what was never captured there is nothing in dispute, and nothing to look up.
        return []
    return learn(payment, await dispute_store.of_payment(tx, payment.id), answer.disputes, now)


async def follow(tx: Tx, payment: Payment, answer: Seen, *, actor: Actor, now: datetime, run: Runtime) -> Payment:
    """Take over what the answer says of disputes; the payment with its mark for a person."""
    steps = await news(tx, payment, answer, now=now)
    for step in steps:
        await record(tx, payment, step, actor=actor, now=now, run=run)
    return await mark(tx, payment.id, actor=actor, now=now) if steps else payment


async def make_way(
    tx: Tx, before: Payment, payment: Payment, one: Cancellation, *, actor: Actor, now: datetime, run: Runtime
) -> None:
    """Money of `before` goes back, and `payment` is left: what disputes held of it, the cancellation's entry takes."""
    if not before.is_captured:
        return
    known = await dispute_store.of_payment(tx, payment.id)
    steps = give_way(
        known,
        amount=one.amount,
        left=payment.cancellable_amount,
        is_chargeback=one.trigger == CHARGEBACK,
        now=now,
    )
    for step in steps:
        await record(tx, payment, step, actor=actor, now=now, run=run)
    if steps:
        await mark(tx, payment.id, actor=actor, now=now)


async def mark(tx: Tx, payment_id: UUID, *, actor: Actor, now: datetime) -> Payment:
    """Say on the payment whether a person has to decide a dispute of it."""
    # As it is written: a payment at hand may be one of several steps that were written at once.
    payment = await store.lock(tx, payment_id)
    marked = reviewed(payment, await dispute_store.of_payment(tx, payment_id))
    if marked != payment:
        await store.update(tx, marked)
        await audit.record(
            tx, at=now, actor=actor, action="payment.needs_review", subject=payment.subject, review=marked.review
        )
    return marked


async def record(tx: Tx, payment: Payment, step: Step, *, actor: Actor, now: datetime, run: Runtime) -> None:
    """Write one step of a dispute, with the entries of the money that moved."""
    before, after = step.before, step.after
    await dispute_store.save(tx, after)
    for move in step.moves:
        number = await dispute_store.add_move(tx, after, move, now)
        entry = postings.dispute_moved(payment, after, move, number, now)
        assert await post(tx, entry, recorded_at=now), f"{entry.key} was posted twice"
        failpoint("payment.dispute.entry_posted")
    if before is not None and before.status is after.status:
        return
    action = "opened" if before is None else after.status.value.lower()
    await audit.record(
        tx,
        at=now,
        actor=actor,
        action=f"payment.dispute_{action}",
        subject=payment.subject,
        dispute_id=str(after.id),
        reason=after.reason,
    )
    about = {"dispute": dispute_view(after)}
    if before is None:
        await announce(tx, payment, payment, type_="payment.dispute_created", now=now, run=run, about=about)
    if before is None or after.status is DisputeStatus.UNTOLD:
        await tell_of_dispute(tx, payment, after, run=run)
    if before is not None and after.is_active:
        await announce(tx, payment, payment, type_="payment.changed", now=now, run=run, about=about)
    if not after.is_active:
        await announce(tx, payment, payment, type_="payment.dispute_resolved", now=now, run=run, about=about)


def dispute_view(one: Dispute) -> dict[str, Any]:
    """A dispute as the merchant's own systems see it. Money in minor units."""
    return {
        "id": str(one.id),
        "status": one.status.value,
        "reason": one.reason,
        "heldAmount": one.held_amount,
        "writtenOffAmount": one.written_off_amount,
        "currency": one.currency,
        "openedAt": rfc3339(one.opened_at),
        "resolvedAt": None if one.resolved_at is None else rfc3339(one.resolved_at),
    }
