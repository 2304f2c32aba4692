"""Re-read a payment from PortOne and apply what it says: the one operation behind webhook, verify and sweeper.

Read outside any transaction; then lock, decide, and write row, entry, event and audit line together (design §4.3). It
may run any number of times, in any order, from anywhere: the result is what PortOne says.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from jangbu import audit
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.ledger.service import post, reverse
from jangbu.payments import postings, store
from jangbu.payments.after.service import dispute_record, receipt_record
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.fold import fold
from jangbu.payments.cancellations.rules import given_back
from jangbu.payments.channels import store as channel_store
from jangbu.payments.refusals import PaymentUnknown, PortOneUnclear
from jangbu.payments.review_rules import CAPTURED_AFTER_RETURN, PASSING_REVIEWS
from jangbu.payments.rules import (
    AGREEMENT_OVER_AFTER,
    MAY_STILL_BE_PAID,
    Decision,
    Event,
    Payment,
    Status,
    decide,
    has_waited_enough,
    next_due,
    next_status,
)
from jangbu.payments.seen import Seen
from jangbu.payments.service.alerts import tell_of_mismatch, tell_of_second_payment
from jangbu.payments.service.apis import api_of
from jangbu.payments.service.record import record_cancellations, record_change
from jangbu.payments.service.seeing import seen
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused
from jangbu.runtime import Runtime

log = structlog.get_logger()

PORTONE = Actor("portone")
_OUTCOMES_OF_CONFIRM = {Event.CAPTURED, Event.MISMATCHED, Event.SEEN_PENDING, Event.SEEN_ACCOUNT_ISSUED}
"""What shows that an approval of ours whose answer was lost has happened. A failure may be another window's."""


async def find(reference: str, *, store_id: str | None = None, run: Runtime) -> Payment:
    """A payment by our id or PortOne's, of `store_id` alone (None: of any). Raises PaymentUnknown, for others' too."""
    async with run.db.transaction() as tx:
        payment = await store.find(tx, reference)
    if payment is None or store_id not in (None, payment.store_id):
        raise PaymentUnknown(reference=reference)
    return payment


async def sync(payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> Payment:
    """Ask PortOne about this payment and apply the answer. Raises PortOneUnclear when there was none to believe."""
    outcome = await api_of(payment, portone).look(payment)
    failpoint("payment.sync.answered")
    match outcome:
        case Done(value=wire):
            return await _apply(payment.id, seen(wire), actor=actor, run=run)
        case Refused(type="PAYMENT_NOT_FOUND"):
            # Nobody has opened the window yet (portone-facts §2.4): that is news only once the waiting is over.
            return await _nothing_there(payment.id, actor=actor, run=run)
        case Refused() as refusal:
            log.error("PortOne refuses to show a payment", type=refusal.type, payment_id=payment.provider_order_id)
            raise PortOneUnclear(type=refusal.type)
        case unknown:
            raise PortOneUnclear(why=unknown.why)


async def told(portone_payment_id: str, *, run: Runtime, portone: PortOne) -> Payment | None:
    """Somebody says that something happened to this payment at PortOne; None when it is not one of ours."""
    async with run.db.transaction() as tx:
        payment = await store.find(tx, portone_payment_id)
    if payment is None:
        return None
    return await sync(payment, actor=PORTONE, run=run, portone=portone)


async def is_of_v1(merchant_uid: str, *, run: Runtime) -> bool:
    """Whether this is a payment of ours that was made with V1."""
    async with run.db.transaction() as tx:
        payment = await store.find(tx, merchant_uid)
    return payment is not None and (payment.api, payment.provider_order_id) == ("v1", merchant_uid)


async def _apply(payment_id: UUID, answer: Seen, *, actor: Actor, run: Runtime) -> Payment:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        before = await store.lock(tx, payment_id)
        decision = decide(before, answer, live=run.settings.mode == "live", now=now)
        await _give_up_approvals(tx, decision.payment, now=now)
        if decision.is_stale:
            return before
        known = await cancellation_store.of_payment(tx, payment_id)
        if decision.event is Event.CAPTURED and given_back(known):
            # A mismatch whose money was already sent back: what suspense booked cannot become a sale any more.
            decision = Decision(replace(before, review=CAPTURED_AFTER_RETURN), None)
        if answer.also_paid:
            # One order's money came twice, which V2 keeps from happening: the second waits for a person.
            log.error("An order was paid twice", payment_id=str(payment_id), also=answer.also_paid)
            review = decision.payment.reviewed_for("paid_twice")
            decision = replace(decision, payment=replace(decision.payment, review=review))
            for other in answer.also_paid:
                await tell_of_second_payment(tx, before, other, run=run)
        folded = fold(
            decision.payment, known, answer.cancellations, said=answer.status, sum_said=answer.cancelled, now=now
        )
        after = folded.payment
        receipt = await receipt_record.news(tx, after, answer, now=now, run=run)
        is_same = after == before and not folded.changes and receipt is None
        if is_same and not await dispute_record.news(tx, after, answer, now=now):
            return before
        await store.update(tx, after)
        if answer.receipt is not None:
            await receipt_record.adopt(tx, after, answer.receipt, actor=actor, now=now, run=run)
        if before.status is Status.VIRTUAL_ACCOUNT_ISSUED and after.status is not before.status:
            # Closed, or paid first: a closing that was under way is over.
            state = "refused" if after.is_captured else "done"
            said = {"settled": "by reading the payment"}
            await store.settle_attempts(tx, payment_id, "close_account", state=state, outcome=said, at=now)
        if before.status is Status.REGISTERING:
            # PortOne knows the payment, so whatever became of our own call, the amount is settled by what it shows.
            await store.settle_attempts(
                tx, payment_id, "pre_register", state="done", outcome={"settled": "by reading the payment"}, at=now
            )
        failpoint("payment.apply.row_written")
        if decision.event is not None:
            await _record(tx, before, decision, answer, actor=actor, now=now, run=run)
        elif after.review != before.review:
            await audit.record(
                tx, at=now, actor=actor, action="payment.needs_review", subject=after.subject, review=after.review
            )
        await record_cancellations(tx, decision.payment, folded, actor=actor, now=now, run=run)
        after = await dispute_record.follow(tx, after, answer, actor=actor, now=now, run=run)
        if before.review and not after.review:
            # A dispute may have had to be decided all the while, behind what this look has settled.
            after = await dispute_record.mark(tx, payment_id, actor=actor, now=now)
        failpoint("payment.apply.before_commit")
    failpoint("payment.apply.committed")
    run.waker.wake()
    return after


async def _give_up_approvals(tx: Tx, shown: Payment, *, now: datetime) -> None:
    """PortOne has just shown a payment that nobody took: what was to approve it long ago did not happen (F03).

    Whoever looked, for no later look may come: once the time to pay is over, nothing else is due.
    """
    if shown.status in MAY_STILL_BE_PAID or shown.status is Status.ABANDONED:
        begun_by = now - AGREEMENT_OVER_AFTER
        await store.settle_attempts(
            tx, shown.id, "confirm", state="refused", outcome={"type": "NOT_DONE"}, at=now, begun_by=begun_by
        )


async def _record(
    tx: Tx, before: Payment, decision: Decision, answer: Seen, *, actor: Actor, now: datetime, run: Runtime
) -> None:
    after, event = decision.payment, decision.event
    assert event is not None
    if event in _OUTCOMES_OF_CONFIRM:
        outcome = {"settled": "by reading the payment"}
        await store.settle_attempts(tx, after.id, "confirm", state="done", outcome=outcome, at=now)
    if event in (Event.CAPTURED, Event.MISMATCHED) and answer.channel_key and answer.is_live is not None:
        await channel_store.seen(tx, answer.channel_key, pg=answer.pg_provider, live=answer.is_live, at=now)
    if event is Event.CAPTURED:
        assert await post(tx, postings.captured(after), recorded_at=now), f"{after.id} was captured twice"
        if before.suspense is not None:
            # The money that waited in suspense is the money of this sale; standing beside it, it would count twice.
            await reverse(
                tx,
                postings.mismatched_key(after),
                by=postings.mismatch_resolved_key(after),
                kind="payment.mismatch_resolved",
                happened_at=now,
                recorded_at=now,
            )
        failpoint("payment.apply.entry_posted")
    elif event is Event.MISMATCHED:
        if after.suspense is not None and before.suspense is None:
            await post(tx, postings.mismatched(after, after.suspense, answer.paid_at or now), recorded_at=now)
        log.error("PortOne says paid, but not what was asked", payment_id=str(after.id), review=after.review)
        await tell_of_mismatch(tx, after, answer, run=run)
    await record_change(tx, before, after, event=event, actor=actor, now=now, run=run)


async def _nothing_there(payment_id: UUID, *, actor: Actor, run: Runtime) -> Payment:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        before = await store.lock(tx, payment_id)
        if next_status(before.status, Event.GAVE_UP_WAITING) is None:
            # Money that came, as asked or not, is not forgotten because PortOne does not show it just now.
            return before
        if before.status is Status.REGISTRATION_FAILED or not has_waited_enough(before, now):
            after = replace(before, due_at=next_due(before, now))
            await store.update(tx, after)
            return after
        review = "" if before.review in PASSING_REVIEWS else before.review
        after = replace(before, status=Status.ABANDONED, review=review, due_at=None)
        await store.update(tx, after)
        if before.status is Status.REGISTERING:
            # Whether the amount was ever fixed nobody will ask again: no window was opened with it.
            await store.settle_attempts(
                tx, payment_id, "pre_register", state="done", outcome={"settled": "nobody paid in time"}, at=now
            )
        await _give_up_approvals(tx, after, now=now)
        await record_change(tx, before, after, event=Event.GAVE_UP_WAITING, actor=actor, now=now, run=run)
    return after
