"""Make the call of a cancellation that is written down, and settle it, whatever comes back (reliability F36-F38).

What keeps a refund from happening twice: one cancellation in flight per payment (a unique index), what we believe is
left (V2's `currentCancellableAmount`, V1's `checksum`), V2's Idempotency-Key for 3 hours, and our id in the reason, by
which a lost one is found again.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from jangbu import queue
from jangbu.audit import Actor
from jangbu.failpoints import failpoint
from jangbu.payments import store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.accounts import RefundAccount
from jangbu.payments.cancellations.fold import Change, Folded, fold
from jangbu.payments.cancellations.refusals import CancellationUnknown
from jangbu.payments.cancellations.rules import (
    RECORDED_ELSEWHERE,
    Cancellation,
    CancellationStatus,
    Turn,
    turn_of,
)
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Payment
from jangbu.payments.seen import SeenCancellation
from jangbu.payments.service.apis import api_of
from jangbu.payments.service.intents import note
from jangbu.payments.service.record import record_cancellations
from jangbu.payments.service.seeing import seen_cancellation
from jangbu.payments.service.sync import sync
from jangbu.portone.calling import Account
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused, Unknown
from jangbu.runtime import Runtime
from jangbu.vault import VaultProblem

log = structlog.get_logger()
SENDING = CancellationStatus.SENDING


@dataclass(frozen=True, slots=True)
class Outcome:
    """A cancellation as it stands, and its payment."""

    payment: Payment
    cancellation: Cancellation


async def send(one: Cancellation, payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Make the call, the same each time it is made, and record what came of it."""
    try:
        account = _account_of(one, run)
    except VaultProblem as problem:
        # Without its key nobody can be refunded. It stays open, for as long as it may be sent, until the key is back.
        log.error("The refund account cannot be opened", problem=str(problem))
        await note(one.id, "unknown", {"why": "refund_account_sealed"}, run=run)
        return
    outcome = await api_of(payment, portone).give_back(payment, one, account)
    failpoint("payment.cancel.answered")
    match outcome:
        case Done(value=wire) if wire.id and wire.total_amount:
            await _answered(one, seen_cancellation(wire), actor=actor, run=run)
        case Refused() as refusal:
            await _refused(one, payment, refusal, actor=actor, run=run, portone=portone)
        case Unknown() as unknown:
            await note(one.id, "unknown", unknown.said, run=run)
        case _:
            await note(one.id, "unknown", {"why": "unreadable"}, run=run)


def _account_of(one: Cancellation, run: Runtime) -> Account | None:
    if one.refund_account_encrypted is None:
        return None
    opened = RefundAccount.opened(
        cancellation_store.ENCRYPTED.decrypt(run.settings.vault, one.refund_account_encrypted, one.id)
    )
    return Account(opened.bank, opened.number, opened.holder, opened.phone)


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
    try:
        await sync(payment, actor=actor, run=run, portone=portone)
    except PortOneUnclear:
        await note(one.id, "unknown", refusal.said, run=run)
        return
    await _failed(one, refusal.said, actor=actor, run=run)


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


async def told(cancellation_id: UUID, *, run: Runtime) -> Outcome:
    """A cancellation and its payment as they stand. Raises CancellationUnknown."""
    async with run.db.transaction(snapshot=True) as tx:
        one = await cancellation_store.by_id(tx, cancellation_id)
        if one is None:
            raise CancellationUnknown
        payment = await store.find(tx, str(one.payment_id))
    assert payment is not None, "the foreign key holds"
    return Outcome(payment, one)


async def resume(cancellation_id: UUID, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Settle a cancellation that was left open: read the payment, and only if it is not there send it (again).

    Quiet while PortOne cannot say: it comes due again.
    """
    try:
        open_ = await told(cancellation_id, run=run)
        if open_.cancellation.status not in {SENDING, CancellationStatus.REQUESTED}:
            return
        await sync(open_.payment, actor=actor, run=run, portone=portone)
        failpoint("payment.cancel.looked")
        found = await told(cancellation_id, run=run)
        one = found.cancellation
        if one.status is not SENDING:
            return
        turn = await _taken_turn(one, found.payment, run=run)
        if turn is Turn.SEND:
            await send(one, found.payment, actor=actor, run=run, portone=portone)
        if turn is not Turn.GIVE_UP:
            return
        # PortOne has had hours, and the payment does not show it: it did not happen. Sending it now would no longer be
        # guarded by the key, and nobody may be waiting for it any more.
        await _failed(one, {"type": "NOT_DONE"}, actor=actor, run=run)
        log.error("A cancellation never reached PortOne; ask for it again", cancellation_id=str(cancellation_id))
    except PortOneUnclear as still_open:
        log.info("the cancellation was not settled this time", id=str(cancellation_id), code=still_open.code)


async def _taken_turn(one: Cancellation, payment: Payment, *, run: Runtime) -> Turn:
    """What to do about a cancellation that PortOne does not show; a V1 call is made only by whoever wrote down that it
    is: a job that runs twice, or again after a crash, finds that it is too soon.
    """
    if payment.api == "v2":
        return turn_of(one, payment, run.clock.now())
    now = run.clock.now()
    async with run.db.transaction() as tx:
        await store.lock(tx, payment.id)
        current = await cancellation_store.by_id(tx, one.id)
        assert current is not None
        turn = Turn.WAIT if current.status is not SENDING else turn_of(current, payment, now)
        if turn is Turn.SEND:
            await cancellation_store.save(tx, replace(current, sent_at=now))
    return turn


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
