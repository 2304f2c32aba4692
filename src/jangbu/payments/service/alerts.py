"""Calling a person about a payment, in the transaction that found out (notices.service.telling)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jangbu.clock import rfc3339
from jangbu.db import Tx
from jangbu.money import EXPONENTS, Money, written
from jangbu.notices.rules import (
    CancelledElsewhere,
    DisputeOpened,
    DisputeUntold,
    OutcomeUnknown,
    PaidTwice,
    PaymentMismatch,
    QuestionsUnanswered,
    ReceiptFailed,
    RefundFailed,
    RefundWaitsForApproval,
)
from jangbu.notices.service.telling import alert
from jangbu.payments import store
from jangbu.payments.after.dispute_rules import Dispute, DisputeStatus
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import RECORDED_ELSEWHERE, Cancellation, CancellationStatus
from jangbu.payments.confirm import store as confirm_store
from jangbu.payments.rules import Payment
from jangbu.payments.seen import Seen
from jangbu.runtime import Runtime

UNANSWERED_WITHIN = timedelta(hours=1)
UNANSWERED_MANY = 10
"""Of so many payments within that time; fewer are a database that restarts."""


async def tell_of_mismatch(tx: Tx, payment: Payment, answer: Seen, *, run: Runtime) -> None:
    """PortOne says paid, but not what was asked (F08): once for every capture of every kind of mismatch."""
    facts = PaymentMismatch(
        payment_id=str(payment.id),
        order_name=payment.order_name,
        asked=written(payment.total),
        paid=_written(answer.total, answer.currency),
        review=payment.review,
    )
    key = f"{payment.subject}:{payment.review}:{answer.transaction_id or ''}"
    await alert(tx, facts, key=key, subject=payment.subject, run=run)


async def tell_of_second_payment(tx: Tx, payment: Payment, imp_uid: str, *, run: Runtime) -> None:
    """Another attempt of V1 paid for an order that is paid: once for each."""
    facts = PaidTwice(str(payment.id), payment.order_name, amount=written(payment.total), imp_uid=imp_uid)
    await alert(tx, facts, key=f"{payment.subject}:paid_twice:{imp_uid}", subject=payment.subject, run=run)


async def tell_of_unknown(tx: Tx, payment_id: UUID, *, run: Runtime) -> None:
    """A call has had no answer for six hours (design §4.1): once for the oldest call that is open now."""
    payment = await store.find(tx, str(payment_id))
    assert payment is not None, f"payment {payment_id} is stuck and is not there"
    open_ = [one for one in await store.attempts(tx, payment_id) if one.state in {"sent", "unknown"}]
    if not open_:
        # Its answer was written down at this very moment.
        return
    attempt = open_[0]
    refund = await cancellation_store.by_id(tx, attempt.id)
    facts = OutcomeUnknown(
        payment_id=str(payment.id),
        order_name=payment.order_name,
        amount=written(payment.total if refund is None else refund.total),
        operation=attempt.operation,
        since=attempt.started_at,
    )
    await alert(tx, facts, key=f"attempt:{attempt.id}:unknown", subject=payment.subject, run=run)


async def tell_of_refund(tx: Tx, payment: Payment, one: Cancellation, *, run: Runtime) -> None:
    """What a person should know of a cancellation that has just moved: it waits for one, it failed, or nobody here
    asked for it. Whatever else it does is in the daily lists only."""
    facts: RefundWaitsForApproval | RefundFailed | CancelledElsewhere
    of = {"payment_id": str(payment.id), "order_name": payment.order_name, "amount": written(one.total)}
    why = (one.failure or {}).get("type", "FAILED")
    if one.status is CancellationStatus.WAITING:
        facts = RefundWaitsForApproval(**of, asked_by=one.requested_by, reason=one.reason)
    elif one.status is CancellationStatus.FAILED and why != RECORDED_ELSEWHERE:
        facts = RefundFailed(**of, why=why)
    elif one.status is CancellationStatus.SUCCEEDED and not one.is_ours:
        facts = CancelledElsewhere(**of, reason=one.reason)
    else:
        return
    await alert(tx, facts, key=f"cancellation:{one.id}:{facts.kind}", subject=payment.subject, run=run)


async def tell_of_dispute(tx: Tx, payment: Payment, one: Dispute, *, run: Runtime) -> None:
    """A payer complained at the PG, or it is over and PortOne does not say how: once for each of the two."""
    kind = DisputeUntold if one.status is DisputeStatus.UNTOLD else DisputeOpened
    facts = kind(str(payment.id), payment.order_name, amount=written(one.held), reason=one.reason)
    await alert(tx, facts, key=f"dispute:{one.id}:{facts.kind}", subject=payment.subject, run=run)


async def tell_of_unanswered(tx: Tx, *, now: datetime, run: Runtime) -> None:
    """PortOne asked and we could not tell, again and again: sales that are lost (ADR 0019). Once in every hour."""
    count = await confirm_store.payments_unanswered(tx, now - UNANSWERED_WITHIN)
    if count >= UNANSWERED_MANY:
        hour = now.replace(minute=0, second=0, microsecond=0)
        facts = QuestionsUnanswered(count, now - UNANSWERED_WITHIN)
        await alert(tx, facts, key=f"questions:{rfc3339(hour)}", subject="payments:questions", run=run)


async def tell_of_receipt(
    tx: Tx, payment: Payment, operation: str, failure: dict[str, Any], *, key: str, run: Runtime
) -> None:
    """A cash receipt was not issued, or not taken back, and nobody tries any more: once for each time."""
    # A PG's own sentence may name somebody; it stands on the payment's page.
    facts = ReceiptFailed(str(payment.id), payment.order_name, operation=operation, why=str(failure["type"]))
    await alert(tx, facts, key=f"receipt:{key}", subject=payment.subject, run=run)


def _written(amount_minor: int, currency: str) -> str:
    # What we cannot name an exponent for is shown as PortOne gave it.
    return written(Money(amount_minor, currency)) if currency in EXPONENTS else f"{amount_minor} {currency}"
