"""Bringing a session to where its payment is: the one operation behind webhook, browser and sweep.

It reads what the payment is now, under the session's row lock, and may run any number of times: goods are delivered
once and given back once, which PostgreSQL holds besides (`item_movements_once`).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

import jangbu.checkout.announcements  # noqa: F401 (declares what is announced here)
from jangbu import audit, events, queue
from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.announcements import CANCELLED, COMPLETED, EXPIRED, PAID_TOO_LATE
from jangbu.checkout.rules import (
    LATE_RECHECK,
    PENDING_RECHECK,
    LateRefund,
    PaymentSeen,
    Session,
    State,
    Step,
    deposit_held_until,
    money_expected_until,
    step_for,
)
from jangbu.checkout.service.stock import let_go, put_back, sell
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.money import written
from jangbu.notices.rules import LateRefundByHand, PaidTooLate
from jangbu.notices.service.telling import alert
from jangbu.runtime import Runtime

log = structlog.get_logger()
REFUND = "checkout.refund"


async def follow(session_key: UUID, *, actor: Actor, run: Runtime, may_expire: bool = False) -> Session:
    """Do with a session what its payment's present state means for it.

    Only who has just asked PortOne may say that nobody paid in time: perhaps nobody told us yet.
    """
    async with run.db.transaction() as tx:
        after = await follow_in(tx, session_key, actor=actor, run=run, may_expire=may_expire)
        failpoint("checkout.follow.before_commit")
    failpoint("checkout.follow.committed")
    run.waker.wake()
    return after


async def follow_in(tx: Tx, session_key: UUID, *, actor: Actor, run: Runtime, may_expire: bool = False) -> Session:
    """The same in the caller's transaction; it locks the session and then its items."""
    now = run.clock.now()
    session = await store.lock(tx, session_key)
    payment = await store.payment_of(tx, session_key)
    if payment is not None and payment.is_waiting:
        asked = run.settings
        life, deposit = timedelta(minutes=asked.checkout_minutes), timedelta(hours=asked.checkout_deposit_h)
        payment = replace(payment, held_until_most=deposit_held_until(session, life=life, deposit=deposit))
    step = step_for(session, payment, now=now)
    if step is Step.EXPIRE and not may_expire:
        return session
    after, event = await _taken(tx, session, payment, step, now=now, run=run)
    if after == session:
        return session
    await store.update(tx, after)
    failpoint("checkout.follow.row_written")
    await audit.record(
        tx,
        at=now,
        actor=actor,
        action=f"checkout.{step.name.lower()}",
        subject=session.subject,
        before=session.state.value,
        after=after.state.value,
        late_refund=after.late_refund.value,
    )
    if event:
        await _announce(tx, after, payment, event, now=now, run=run)
    return after


async def _taken(
    tx: Tx, session: Session, payment: PaymentSeen | None, step: Step, *, now: datetime, run: Runtime
) -> tuple[Session, str]:
    """The session after a step, and what is announced of it."""
    match step:
        case Step.DELIVER | Step.DELIVER_LATE:
            assert payment is not None
            # What the shop itself called off is not sold after all because somebody paid for it.
            is_off = session.state is State.ABANDONED
            sold = None if is_off else await sell(tx, session, now=now, run=run)
            if sold is None:
                return await _too_late(tx, session, payment, now=now, run=run), PAID_TOO_LATE
            return replace(sold, state=State.PAID, paid_at=now, due_at=None), COMPLETED
        case Step.TAKE_BACK:
            await put_back(tx, session, now=now, run=run)
            return replace(session, state=State.CANCELLED), CANCELLED
        case Step.CLOSE:
            free = await let_go(tx, session)
            if session.late_refund is LateRefund.NONE:
                return replace(free, state=State.CANCELLED, due_at=None), CANCELLED
            # It was over before the money came, and stays what it was.
            return replace(free, late_refund=LateRefund.DONE, due_at=None), ""
        case Step.WAIT_LONGER:
            assert payment is not None
            until = money_expected_until(session, payment)
            return replace(session, expires_at=until, due_at=until + PENDING_RECHECK), ""
        case Step.EXPIRE:
            return replace(await let_go(tx, session), state=State.EXPIRED, due_at=None), EXPIRED
        case Step.NOTHING:
            return session, ""


async def _too_late(tx: Tx, session: Session, payment: PaymentSeen, *, now: datetime, run: Runtime) -> Session:
    """The money is here and the goods are gone: send it back once, and tell a person."""
    by_hand = payment.is_by_account
    kind = LateRefundByHand if by_hand else PaidTooLate
    facts = kind(payment_id=str(payment.id), order_name=payment.order_name, amount=written(session.total))
    await alert(tx, facts, key=f"{session.subject}:late", subject=session.subject, run=run)
    log.warning("paid too late, and the goods are gone", session=str(session.id), by_hand=by_hand)
    state = State.EXPIRED if session.is_undecided else session.state
    if not by_hand:
        await queue.enqueue(tx, REFUND, dedupe_key=f"checkout_refund:{session.id}", session_key=str(session.id))
    refund = LateRefund.BY_HAND if by_hand else LateRefund.WANTED
    # Until it is known to be back, or a person has it, somebody looks: whatever becomes of the job.
    return replace(session, state=state, late_refund=refund, due_at=None if by_hand else now + LATE_RECHECK)


async def _announce(
    tx: Tx, session: Session, payment: PaymentSeen | None, type_: str, *, now: datetime, run: Runtime
) -> None:
    lines = await store.lines(tx, session.id)
    data: dict[str, Any] = {
        "id": str(session.id),
        "sessionId": session.session_id,
        "orderId": session.order_id,
        "customerId": session.customer_id,
        "state": session.state.value,
        "amount": session.amount,
        "currency": session.currency,
        "paymentId": None if payment is None else payment.provider_order_id,
        "lines": [
            {"itemId": str(line.item_id), "quantity": line.quantity, "unitPrice": line.unit_price} for line in lines
        ],
    }
    if type_ == PAID_TOO_LATE:
        data["lateRefund"] = session.late_refund.value
    event = events.Event(
        id=run.ids.uuid(), type=type_, subject=session.subject, store_id=session.store_id, happened_at=now, data=data
    )
    await events.announce(tx, event)
