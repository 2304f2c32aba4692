"""Give money back, exactly once, whatever dies in between (requirements B3; reliability F35-F40).

Intent, call, outcome, as for every call that moves money (design §4.1): here it is asked for, decided and written down;
`settle.py` makes the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from jangbu import audit
from jangbu.audit import Actor, operator
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.money import Money
from jangbu.payments import store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.refusals import (
    CancelAmountExceeds,
    CancelCurrencyDiffers,
    CancellationNotWaiting,
    CancellationRefused,
    CancellationUnknown,
    SecondPersonNeeded,
)
from jangbu.payments.cancellations.rules import (
    Ask,
    Cancellation,
    CancellationStatus,
    begin,
    given_back_alone,
    left_of,
    taken,
)
from jangbu.payments.cancellations.service.settle import SENDING, Outcome, send, told
from jangbu.payments.refusals import IdempotencyKeyReused
from jangbu.payments.rules import UNKNOWN_CHECKS, Payment
from jangbu.payments.service.alerts import tell_of_refund
from jangbu.payments.service.sync import find, sync
from jangbu.portone.client import PortOne
from jangbu.runtime import Runtime

OPERATION = "cancel"


@dataclass(frozen=True, slots=True)
class Authority:
    """Who asks, and how much of a payment they may give back without a second person. None: as much as they like."""

    actor: Actor
    limits: Mapping[str, int] | None = None
    store_id: str | None = None

    def covers(self, amount: Money) -> bool:
        """Whether this sum needs nobody else. A currency without a limit of its own never does."""
        return self.limits is None or amount.amount_minor <= self.limits.get(amount.currency, 0)


def of_operator(run: Runtime) -> Authority:
    """Whoever sits at the terminal (`JANGBU_REFUND_LIMITS`)."""
    return Authority(operator(), limits=run.settings.refund_limits.get("terminal"))


async def cancel(reference: str, ask: Ask, *, who: Authority, run: Runtime, portone: PortOne) -> Outcome:
    """Give back `ask.amount`, or all that is left. SUCCEEDED is the only status in which the money went back.

    SENDING means that PortOne's answer was lost: it is asked until it is known, and nothing is lost or done twice. The
    same `request_key` with the same terms gives the same cancellation. Raises what `rules.begin` raises,
    PaymentUnknown, IdempotencyKeyReused, and CancellationRefused when PortOne or the PG said no.
    """
    payment = await find(reference, store_id=who.store_id, run=run)
    if taken(payment) is None:
        # Perhaps nobody told us yet that it was paid.
        payment = await sync(payment, actor=who.actor, run=run, portone=portone)
    one, is_new = await _written_down(payment, ask, who=who, run=run)
    if is_new and one.status is SENDING:
        failpoint("payment.cancel.intended")
        await send(one, payment, actor=who.actor, run=run, portone=portone)
    outcome = await told(one.id, run=run)
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
        left = left_of(payment, known)
        if left is None or left.currency != waiting.currency:
            # A mismatch that was put right meanwhile is another sum of money; this one is to be asked for anew.
            raise CancelCurrencyDiffers(currency=waiting.currency, expected=payment.currency)
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
    await send(one, payment, actor=who.actor, run=run, portone=portone)
    return await told(one.id, run=run)


async def reject(cancellation_id: UUID, *, who: Authority, run: Runtime) -> Outcome:
    """It will not be sent. Whoever asked for it may take it back this way too. Raises CancellationNotWaiting."""
    async with run.db.transaction() as tx:
        payment, waiting = await _waiting(tx, cancellation_id, who)
        one = replace(waiting, status=CancellationStatus.REJECTED, decided_by=who.actor.name)
        await cancellation_store.save(tx, one)
        await _audit(tx, payment, one, "payment.cancellation_rejected", who.actor, run=run)
    return Outcome(payment, one)


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
                # Another account is another request, and the same one is known whichever key it was written down under.
                if earlier.payment_id != payment.id or not _is_what_was_asked(earlier, ask, run):
                    raise IdempotencyKeyReused
                return earlier, False
        current = await store.lock(tx, payment.id)
        known = await cancellation_store.of_payment(tx, current.id)
        new = _with_account(begin(current, known, ask, new_id=run.ids.uuid(), by=who.actor.name, now=now), ask, run)
        # A sum in parts is the same sum: several small refunds of one payment count together.
        alone = Money(given_back_alone(known, who.actor.name), new.currency)
        if not who.covers(new.total + alone):
            new = replace(new, status=CancellationStatus.WAITING, sent_at=None, due_at=None)
        await cancellation_store.save(tx, new)
        if new.status is SENDING:
            await _begin_attempt(tx, current, new, run=run)
        await tell_of_refund(tx, current, new, run=run)
        await _audit(tx, current, new, "payment.cancellation_asked", who.actor, run=run)
        failpoint("payment.cancel.before_intent_commit")
    return new, True


def _with_account(new: Cancellation, ask: Ask, run: Runtime) -> Cancellation:
    new = replace(new, asked=_terms(ask, run)[0])
    if ask.account is None or new.refund_to is None:
        return new
    sealed = cancellation_store.ENCRYPTED.encrypt(run.settings.vault, ask.account.sealed_text, new.id)
    return replace(new, refund_account_encrypted=sealed)


def _is_what_was_asked(earlier: Cancellation, ask: Ask, run: Runtime) -> bool:
    if earlier.asked is not None:
        return earlier.asked in _terms(ask, run)
    # The release before this one may be at work beside us, and keeps only what it made of what was asked.
    return (
        ask.amount in (None, earlier.amount)
        and ask.currency in (None, earlier.currency)
        and ask.tax_free_amount in (None, earlier.tax_free_amount)
        and (ask.reason, ask.account) == (earlier.reason, None)
    )


def _terms(ask: Ask, run: Runtime) -> list[dict[str, Any]]:
    """What was asked, with the account as a fingerprint: under the first key as it is written down, then the others."""
    if ask.account is None:
        return [ask.terms]
    prints = run.settings.vault.fingerprints(ask.account.sealed_text, "payment_cancellations.asked")
    return [ask.terms | {"refundAccount": one} for one in prints]


async def _begin_attempt(tx: Tx, payment: Payment, one: Cancellation, *, run: Runtime) -> None:
    request = {
        "paymentId": payment.provider_order_id,
        "amount": one.amount,
        "taxFreeAmount": one.tax_free_amount,
        "currency": one.currency,
        "currentCancellableAmount": one.cancellable_before,
        "reason": one.reason_sent,
    } | ({"refundAccount": one.refund_to} if one.refund_to else {})
    await store.begin_attempt(
        tx, attempt_id=one.id, payment_id=payment.id, operation=OPERATION, request=request, at=run.clock.now()
    )


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
        # Of what is approved a second person was there.
        **({"alone": one.status is SENDING} if action == "payment.cancellation_asked" else {}),
    )
