"""What is known about refunding a payment, before anybody asks for it."""

from jangbu.payments import store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.advice_rules import Advice, advise
from jangbu.payments.refusals import PaymentUnknown
from jangbu.payments.rules import Payment
from jangbu.runtime import Runtime


async def advice(reference: str, *, store_id: str | None = None, run: Runtime) -> tuple[Payment, Advice]:
    """The payment and the advice, in one snapshot. Raises PaymentUnknown, for another store's too. Asks nobody."""
    async with run.db.transaction(snapshot=True) as tx:
        payment = await store.find(tx, reference)
        if payment is None or store_id not in (None, payment.store_id):
            raise PaymentUnknown(reference=reference)
        known = await cancellation_store.of_payment(tx, payment.id)
    return payment, advise(payment, known, run.clock.now())
