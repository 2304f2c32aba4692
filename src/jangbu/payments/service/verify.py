"""What a shop asks after the browser came back: is this payment really paid, and is it the one I asked for (B2)?"""

from dataclasses import dataclass

import structlog

from jangbu.audit import Actor
from jangbu.payments import store
from jangbu.payments.refusals import ImpUidOfAnotherPayment, ImpUidUnknown, PaymentUnknown, PortOneUnclear, V1NotSetUp
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.sync import find, sync
from jangbu.portone import Done, PortOne, Refused
from jangbu.runtime import Runtime

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`is_paid` is the only thing to deliver goods on: false as well once all or a part of it was given back.

    `mismatch` says what differs, as a stable word, or is empty.
    """

    payment: Payment
    is_paid: bool
    mismatch: str


async def verify(
    reference: str, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Verdict:
    """Re-read the payment from PortOne, compare amount, currency, store and channel, and apply what it says.

    Raises PaymentUnknown, also for a payment of another store than `store_id`; PortOneUnclear when PortOne did not
    answer, which is neither yes nor no.
    """
    found = await find(reference, store_id=store_id, run=run)
    return verdict_of(await sync(found, actor=actor, run=run, portone=portone))


async def verify_imp_uid(
    imp_uid: str, merchant_uid: str, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Verdict:
    """The same for V1's browser, which shows an imp_uid: whether it stands for this order is asked first (C2).

    A payer may show the imp_uid of another purchase, paid and real. Raises besides V1NotSetUp, ImpUidUnknown and
    ImpUidOfAnotherPayment.
    """
    if portone.v1 is None:
        raise V1NotSetUp
    payment = await find(merchant_uid, store_id=store_id, run=run)
    if payment.api != "v1":
        raise PaymentUnknown(reference=merchant_uid)
    async with run.db.transaction() as tx:
        taken_by = await store.of_imp_uid(tx, imp_uid)
    if taken_by not in (None, payment.id):
        log.warning("An imp_uid was shown for another order", payment_id=str(payment.id))
        raise ImpUidOfAnotherPayment
    match await portone.v1.get_attempt(imp_uid):
        case Done(value=attempt):
            # We may be shown one of an order that is not ours: only PortOne knows whose it is.
            if attempt.id != payment.provider_order_id:
                log.warning("An imp_uid was shown for another order", payment_id=str(payment.id))
                raise ImpUidOfAnotherPayment
        case Refused(type="PAYMENT_NOT_FOUND"):
            raise ImpUidUnknown
        case Refused() as refusal:
            raise PortOneUnclear(type=refusal.type)
        case unknown:
            raise PortOneUnclear(why=unknown.why)
    return verdict_of(await sync(payment, actor=actor, run=run, portone=portone))


def verdict_of(payment: Payment) -> Verdict:
    """What a payment that was just read means for whoever is to deliver."""
    mismatch = payment.review if payment.status is Status.MISMATCH else ""
    return Verdict(payment, is_paid=payment.status is Status.PAID, mismatch=mismatch)
