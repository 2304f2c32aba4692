"""A person says that they have looked at a payment that waited for one."""

from dataclasses import replace

from jangbu import audit
from jangbu.audit import Actor
from jangbu.payments import store
from jangbu.payments.refusals import ReviewChanged
from jangbu.payments.rules import Payment
from jangbu.payments.service.sync import find
from jangbu.runtime import Runtime


async def looked_at(reference: str, review: str, *, note: str, actor: Actor, run: Runtime) -> Payment:
    """The payment, waiting for nobody until there is another reason. Money and status stay as they are.

    `review` is the reason that they were shown, and `note` what they found. Said twice, it stands as it was said first.
    Raises PaymentUnknown; ReviewChanged where there is another reason by now, or none.
    """
    found = await find(reference, run=run)
    now = run.clock.now()
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, found.id)
        if payment.review != review:
            raise ReviewChanged
        if not payment.needs_look:
            return payment
        await store.looked_at(tx, payment.id, by=actor.name, at=now)
        await audit.record(
            tx, at=now, actor=actor, action="payment.looked_at", subject=payment.subject, review=review, reason=note
        )
    return replace(payment, review_looked_at=now, review_looked_by=actor.name)
