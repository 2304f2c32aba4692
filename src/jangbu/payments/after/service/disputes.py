"""What people do with disputes: see them, and say how one ended that PortOne does not tell the end of."""

from dataclasses import replace
from uuid import UUID

from jangbu import audit, queue
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.payments import store
from jangbu.payments.after import dispute_store
from jangbu.payments.after.dispute_rules import Dispute, DisputeStatus, decide
from jangbu.payments.after.refusals import DisputeNotToDecide, DisputeUnknown
from jangbu.payments.after.service.dispute_record import mark, record
from jangbu.payments.cancellations.service.cancel import Authority
from jangbu.payments.rules import Payment
from jangbu.payments.service.sync import sync
from jangbu.portone.client import PortOne
from jangbu.runtime import Runtime


async def disputes_of(payment: Payment, *, run: Runtime) -> list[Dispute]:
    """Every dispute of a payment, the oldest first."""
    async with run.db.transaction() as tx:
        return await dispute_store.of_payment(tx, payment.id)


async def active_disputes(*, run: Runtime) -> list[dispute_store.OpenDispute]:
    """Disputes that nobody has said the end of; the oldest first, at most 200."""
    async with run.db.transaction() as tx:
        return await dispute_store.active(tx, most=200)


async def look_at_open(*, run: Runtime) -> None:
    """Queue a look at every payment in dispute: should the webhook be lost, its end is found all the same."""
    async with run.db.transaction() as tx:
        for payment_id in await dispute_store.payments_with_open(tx):
            await queue.enqueue(tx, "payments.check", dedupe_key=f"check:{payment_id}", payment_id=str(payment_id))
    run.waker.wake()


async def end(
    dispute_id: UUID, outcome: DisputeStatus, *, who: Authority, run: Runtime, portone: PortOne
) -> tuple[Payment, Dispute]:
    """A person says that a dispute was WON or LOST, after another look at what PortOne says now.

    Above what `who` may decide alone it waits for a second person, who says it too: then the status stays UNTOLD and
    `wanted_outcome` is set. Raises DisputeUnknown, DisputeNotToDecide, and PortOneUnclear: nothing is decided blindly.
    """
    async with run.db.transaction() as tx:
        payment, one = await _locked(tx, dispute_id, who)
    _expect_untold(one)
    # A chargeback that PortOne knows of by now decides it, whatever the person was told.
    await sync(payment, actor=who.actor, run=run, portone=portone)
    failpoint("payment.dispute.looked")
    now = run.clock.now()
    async with run.db.transaction() as tx:
        payment, one = await _locked(tx, dispute_id, who)
        _expect_untold(one)
        if who.covers(one.held):
            for step in decide(one, await dispute_store.of_payment(tx, payment.id), outcome, by=who.actor.name):
                await record(tx, payment, step, actor=who.actor, now=now, run=run)
            payment = await mark(tx, payment.id, actor=who.actor, now=now)
        else:
            await dispute_store.save(tx, replace(one, wanted_outcome=outcome.value, wanted_by=who.actor.name))
            await audit.record(
                tx,
                at=now,
                actor=who.actor,
                action="payment.dispute_decision_wanted",
                subject=payment.subject,
                dispute_id=str(one.id),
                outcome=outcome.value,
            )
        decided = await dispute_store.by_id(tx, dispute_id)
        failpoint("payment.dispute.before_commit")
    assert decided is not None, "disputes are never deleted"
    run.waker.wake()
    return payment, decided


async def _locked(tx: Tx, dispute_id: UUID, who: Authority) -> tuple[Payment, Dispute]:
    found = await dispute_store.by_id(tx, dispute_id)
    if found is None:
        raise DisputeUnknown
    payment = await store.lock(tx, found.payment_id)
    if who.store_id not in (None, payment.store_id):
        raise DisputeUnknown
    one = await dispute_store.by_id(tx, dispute_id)
    assert one is not None, "disputes are never deleted"
    return payment, one


def _expect_untold(one: Dispute) -> None:
    if one.status is not DisputeStatus.UNTOLD:
        raise DisputeNotToDecide(status=one.status.value)
