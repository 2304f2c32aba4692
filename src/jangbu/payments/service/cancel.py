"""Give money back, exactly once, whatever dies in between (requirements B3; reliability F35-F40).

Intent, call, outcome, as for every call that moves money (design §4.1). What keeps a refund from happening twice:
one cancellation in flight per payment (a unique index), `currentCancellableAmount` at PortOne, its Idempotency-Key for
3 hours, and our id in the reason, by which a lost one is found again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from jangbu import audit, queue
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.money import Money
from jangbu.payments import cancellation_store, store
from jangbu.payments.cancellation_rules import (
    RECORDED_ELSEWHERE,
    Ask,
    Cancellation,
    CancellationStatus,
    Change,
    Folded,
    begin,
    fold,
    given_back,
    may_send,
    taken,
)
from jangbu.payments.refusals import (
    CancelAmountExceeds,
    CancellationNotWaiting,
    CancellationRefused,
    CancellationUnknown,
    IdempotencyKeyReused,
    PortOneUnclear,
    SecondPersonNeeded,
)
from jangbu.payments.rules import UNKNOWN_CHECKS, Payment, SeenCancellation
from jangbu.payments.service.alerts import tell_of_refund
from jangbu.payments.service.record import record_cancellations
from jangbu.payments.service.sync import find, seen_cancellation, sync
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused, Unknown
from jangbu.runtime import Runtime

log = structlog.get_logger()
OPERATION = "cancel"
SENDING = CancellationStatus.SENDING


@dataclass(frozen=True, slots=True)
class Authority:
    """Who asks, and how much they may give back without a second person. None: as much as they like."""

    actor: Actor
    limits: Mapping[str, int] | None = None
    store_id: str | None = None

    def covers(self, amount: Money) -> bool:
        """Whether this sum needs nobody else. A currency without a limit of its own never does."""
        return self.limits is None or amount.amount_minor <= self.limits.get(amount.currency, 0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A cancellation as it stands, and its payment."""

    payment: Payment
    cancellation: Cancellation


async def cancel(reference: str, ask: Ask, *, who: Authority, run: Runtime, portone: PortOne) -> Outcome:
    """Give back `ask.amount`, or all that is left. SUCCEEDED is the only status in which the money went back.

    SENDING means that PortOne's answer was lost: it is asked until it is known, and nothing is lost or done twice. The
    same `request_key` with the same terms gives the same cancellation. Raises what `cancellation_rules.begin` raises,
    PaymentUnknown, IdempotencyKeyReused, and CancellationRefused when PortOne or the PG said no.
    """
    payment = await find(reference, store_id=who.store_id, run=run)
    if taken(payment) is None:
        # Perhaps nobody told us yet that it was paid.
        payment = await sync(payment, actor=who.actor, run=run, portone=portone)
    one, is_new = await _written_down(payment, ask, who=who, run=run)
    if is_new and one.status is SENDING:
        failpoint("payment.cancel.intended")
        await _send(one, payment, actor=who.actor, run=run, portone=portone)
    outcome = await _told(one.id, run=run)
    if outcome.cancellation.status is CancellationStatus.FAILED:
        raise _refusal_of(outcome.cancellation)
    return outcome


async def preview(payment: Payment, ask: Ask, *, who: Authority, run: Runtime) -> Cancellation:
    """The cancellation `ask` would make, or the refusal; nothing is written and nobody is told."""
    async with run.db.transaction(snapshot=True) as tx:
        known = await cancellation_store.of_payment(tx, payment.id)
    return begin(payment, known, ask, new_id=run.ids.uuid(), by=who.actor.name, now=run.clock.now())


def _refusal_of(failed: Cancellation) -> CancellationRefused:
    failure = failed.failure or {}
    return CancellationRefused(type=failure.get("type", "UNKNOWN"), message=failure.get("pgMessage") or "")


async def approve(cancellation_id: UUID, *, who: Authority, run: Runtime, portone: PortOne) -> Outcome:
    """The second person says yes, and it is sent. Raises SecondPersonNeeded, CancellationNotWaiting."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        payment, waiting = await _waiting(tx, cancellation_id, who)
        if waiting.requested_by == who.actor.name or not who.covers(waiting.total):
            raise SecondPersonNeeded
        # What may be given back is looked at again: the payment may have been cancelled elsewhere while this waited.
        known = await cancellation_store.of_payment(tx, payment.id)
        whole = taken(payment)
        assert whole is not None, "only money that was taken waits to be given back"
        left = Money(whole.amount_minor - given_back(known), whole.currency)
        if waiting.total > left:
            raise CancelAmountExceeds(amount=waiting.total, cancellable=left)
        one = replace(
            waiting,
            status=SENDING,
            cancellable_before=left.amount_minor,
            decided_by=who.actor.name,
            sent_at=now,
            due_at=now + UNKNOWN_CHECKS[0],
        )
        await cancellation_store.save(tx, one)
        await _begin_attempt(tx, payment, one, run=run)
        await _audit(tx, payment, one, "payment.cancellation_approved", who.actor, run=run)
    failpoint("payment.cancel.intended")
    await _send(one, payment, actor=who.actor, run=run, portone=portone)
    return await _told(one.id, run=run)


async def reject(cancellation_id: UUID, *, who: Authority, run: Runtime) -> Outcome:
    """It will not be sent. Whoever asked for it may take it back this way too. Raises CancellationNotWaiting."""
    async with run.db.transaction() as tx:
        payment, waiting = await _waiting(tx, cancellation_id, who)
        one = replace(waiting, status=CancellationStatus.REJECTED, decided_by=who.actor.name)
        await cancellation_store.save(tx, one)
        await _audit(tx, payment, one, "payment.cancellation_rejected", who.actor, run=run)
    return Outcome(payment, one)


async def resume(cancellation_id: UUID, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Settle a cancellation that was left open: read the payment, and only if it is not there send it (again).

    Quiet while PortOne cannot say: it comes due again.
    """
    try:
        open_ = await _told(cancellation_id, run=run)
        if open_.cancellation.status not in {SENDING, CancellationStatus.REQUESTED}:
            return
        await sync(open_.payment, actor=actor, run=run, portone=portone)
        failpoint("payment.cancel.looked")
        found = await _told(cancellation_id, run=run)
        one = found.cancellation
        if one.status is not SENDING:
            return
        if may_send(one, run.clock.now()):
            await _send(one, found.payment, actor=actor, run=run, portone=portone)
            return
        # PortOne has had hours, and the payment does not show it: it did not happen. Sending it now would no longer be
        # guarded by the key, and nobody may be waiting for it any more.
        await _failed(one, {"type": "NOT_DONE"}, actor=actor, run=run)
        log.error("A cancellation never reached PortOne; ask for it again", cancellation_id=str(cancellation_id))
    except PortOneUnclear as still_open:
        log.info("the cancellation was not settled this time", id=str(cancellation_id), code=still_open.code)


async def sweep_cancellations(*, run: Runtime, lease: timedelta, most: int) -> int:
    """Queue a check for cancellations whose time has come; how many, `most` of them at once."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        due = await cancellation_store.claim_due(tx, now=now, until=now + lease, most=most)
        for cancellation_id in due:
            await queue.enqueue(
                tx,
                "payments.settle_cancellation",
                dedupe_key=f"cancel:{cancellation_id}",
                cancellation_id=str(cancellation_id),
            )
    return len(due)


async def open_cancellations(*, run: Runtime) -> list[cancellation_store.OpenCancellation]:
    """Cancellations that wait for a second person, for PortOne or for the PG; the oldest first, at most 200."""
    async with run.db.transaction() as tx:
        return await cancellation_store.still_open(tx, most=200)


async def _written_down(payment: Payment, ask: Ask, *, who: Authority, run: Runtime) -> tuple[Cancellation, bool]:
    """The cancellation this request stands for, and whether it was made now."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        if ask.request_key is not None:
            earlier = await cancellation_store.by_request(tx, ask.request_key)
            if earlier is not None:
                if not _same_terms(earlier, payment, ask):
                    raise IdempotencyKeyReused
                return earlier, False
        current = await store.lock(tx, payment.id)
        known = await cancellation_store.of_payment(tx, current.id)
        new = begin(current, known, ask, new_id=run.ids.uuid(), by=who.actor.name, now=now)
        if not who.covers(new.total):
            new = replace(new, status=CancellationStatus.WAITING, sent_at=None, due_at=None)
        await cancellation_store.save(tx, new)
        if new.status is SENDING:
            await _begin_attempt(tx, current, new, run=run)
        await tell_of_refund(tx, current, new, run=run)
        await _audit(tx, current, new, "payment.cancellation_asked", who.actor, run=run)
        failpoint("payment.cancel.before_intent_commit")
    return new, True


def _same_terms(earlier: Cancellation, payment: Payment, ask: Ask) -> bool:
    return (
        earlier.payment_id == payment.id
        and ask.amount in (None, earlier.amount)
        and ask.currency in (None, earlier.currency)
        and ask.tax_free_amount in (None, earlier.tax_free_amount)
        and ask.reason == earlier.reason
    )


async def _begin_attempt(tx: Tx, payment: Payment, one: Cancellation, *, run: Runtime) -> None:
    request = {
        "paymentId": payment.provider_order_id,
        "amount": one.amount,
        "taxFreeAmount": one.tax_free_amount,
        "currency": one.currency,
        "currentCancellableAmount": one.cancellable_before,
        "reason": one.reason_sent,
    }
    await store.begin_attempt(
        tx, attempt_id=one.id, payment_id=payment.id, operation=OPERATION, request=request, at=run.clock.now()
    )


async def _send(one: Cancellation, payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Make the call, the same each time it is made, and record what came of it."""
    outcome = await portone.cancel_payment(
        payment.provider_order_id,
        amount=one.total,
        tax_free=Money(one.tax_free_amount, one.currency),
        cancellable=Money(one.cancellable_before, one.currency),
        reason=one.reason_sent,
        requester=one.requester,
        idempotency_key=str(one.id),
    )
    failpoint("payment.cancel.answered")
    match outcome:
        case Done(value=wire) if wire.id and wire.total_amount:
            await _answered(one, seen_cancellation(wire), actor=actor, run=run)
        case Refused() as refusal:
            await _refused(one, payment, refusal, actor=actor, run=run, portone=portone)
        case Unknown() as unknown:
            await _note(one, {"why": str(unknown.why), "httpStatus": unknown.http_status}, run=run)
        case _:
            await _note(one, {"why": "unreadable"}, run=run)


async def _answered(one: Cancellation, shown: SeenCancellation, *, actor: Actor, run: Runtime) -> None:
    """PortOne took it on: given back, or on its way, or failed at the PG."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        before = await store.lock(tx, one.payment_id)
        known = await cancellation_store.of_payment(tx, one.payment_id)
        mine = next(row for row in known if row.id == one.id)
        booked_as = next((row for row in known if row.portone_cancellation_id == shown.id), mine)
        if booked_as is mine and mine.portone_cancellation_id is None:
            # The answer to our own call names it, whatever became of our mark in the reason. One that a look at the
            # payment has named already, after another system's refund of this sum, keeps that name: both are money.
            named = replace(mine, portone_cancellation_id=shown.id)
            known = [named if row is mine else row for row in known]
        folded = fold(before, known, [shown], now=now)
        if folded.payment != before:
            await store.update(tx, folded.payment)
        await record_cancellations(tx, before, folded, actor=actor, now=now, run=run)
        failpoint("payment.cancel.before_commit")
    run.waker.wake()
    failpoint("payment.cancel.committed")
    if booked_as.id != one.id:
        # A look at the payment came first and did not know it for ours; the money is in the books, once, under that.
        await _failed(one, {"type": RECORDED_ELSEWHERE, "as": str(booked_as.id)}, actor=actor, run=run)


async def _refused(
    one: Cancellation, payment: Payment, refusal: Refused, *, actor: Actor, run: Runtime, portone: PortOne
) -> None:
    """PortOne said no. That may be because an earlier try, or somebody else, has been there: the payment tells.

    When the payment cannot be read, it stays open and is asked about again.
    """
    said = {
        "type": refusal.type,
        "httpStatus": refusal.http_status,
        "message": refusal.message,
        "pgMessage": refusal.pg_message,
        # A PG also reports its own timeouts as a refusal (outcomes.Refused.certain): then somebody should ask the PG.
        "certain": refusal.certain,
    }
    try:
        await sync(payment, actor=actor, run=run, portone=portone)
    except PortOneUnclear:
        await _note(one, said, run=run)
        return
    await _failed(one, said, actor=actor, run=run)


async def _failed(one: Cancellation, failure: dict[str, Any], *, actor: Actor, run: Runtime) -> None:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, one.payment_id)
        mine = await cancellation_store.by_id(tx, one.id)
        assert mine is not None
        if mine.status is not SENDING:
            return
        over = replace(mine, status=CancellationStatus.FAILED, failure=failure, due_at=None)
        await store.finish_attempt(tx, one.id, state="refused", outcome=failure, at=now)
        change = Change(mine, over, payment, None)
        await record_cancellations(tx, payment, Folded(payment, (change,)), actor=actor, now=now, run=run)
    run.waker.wake()


async def _note(one: Cancellation, facts: dict[str, Any], *, run: Runtime) -> None:
    async with run.db.transaction() as tx:
        await store.finish_attempt(tx, one.id, state="unknown", outcome=facts, at=run.clock.now())


async def _told(cancellation_id: UUID, *, run: Runtime) -> Outcome:
    async with run.db.transaction(snapshot=True) as tx:
        one = await cancellation_store.by_id(tx, cancellation_id)
        if one is None:
            raise CancellationUnknown
        payment = await store.find(tx, str(one.payment_id))
    assert payment is not None, "the foreign key holds"
    return Outcome(payment, one)


async def _waiting(tx: Tx, cancellation_id: UUID, who: Authority) -> tuple[Payment, Cancellation]:
    one = await cancellation_store.by_id(tx, cancellation_id)
    if one is None:
        raise CancellationUnknown
    payment = await store.lock(tx, one.payment_id)
    if who.store_id not in (None, payment.store_id):
        raise CancellationUnknown
    locked = await cancellation_store.by_id(tx, cancellation_id)
    assert locked is not None
    if locked.status is not CancellationStatus.WAITING:
        raise CancellationNotWaiting(status=locked.status.value)
    return payment, locked


async def _audit(tx: Tx, payment: Payment, one: Cancellation, action: str, actor: Actor, *, run: Runtime) -> None:
    await audit.record(
        tx,
        at=run.clock.now(),
        actor=actor,
        action=action,
        subject=payment.subject,
        cancellation_id=str(one.id),
        amount=one.amount,
        currency=one.currency,
        reason=one.reason,
        alone=one.status is SENDING,
    )
