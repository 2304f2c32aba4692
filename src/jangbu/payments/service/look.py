"""A person says that they have looked at a payment that waited for one."""

from dataclasses import replace

from jangbu import audit
from jangbu.audit import Actor
from jangbu.payments import store
from jangbu.payments.refusals import LookingIsNotEnough, NoteNeeded, ReviewChanged
from jangbu.payments.review_rules import ENDS_BY_LOOKING
from jangbu.payments.rules import Payment
from jangbu.payments.service.sync import find
from jangbu.runtime import Runtime


async def looked_at(reference: str, review: str, *, note: str, actor: Actor, run: Runtime) -> Payment:
    """The payment, waiting for nobody until there is another reason. Money and status stay as they are.

    `review` is the reason that they were shown, and `note` what they found. Said twice, both notes are kept, and who
    said it first stays. Raises PaymentUnknown; NoteNeeded; ReviewChanged where there is another reason by now, or none;
    LookingIsNotEnough where a call goes on, or a dispute is to be decided.
    """
    if not note.strip():
        raise NoteNeeded
    found = await find(reference, run=run)
    now = run.clock.now()
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, found.id)
        if payment.review != review:
            raise ReviewChanged
        if payment.needs_look:
            if review not in ENDS_BY_LOOKING:
                raise LookingIsNotEnough
            await store.looked_at(tx, payment.id, by=actor.name, at=now)
            payment = replace(payment, review_looked_at=now, review_looked_by=actor.name)
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="payment.looked_at",
            subject=payment.subject,
            review=review,
            reason=note.strip(),
        )
    return payment
