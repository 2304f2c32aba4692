"""What a shop asks after the browser came back: is this payment really paid, and is it the one I asked for (B2)?"""

from dataclasses import dataclass

from jangbu.audit import Actor
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.sync import find, sync
from jangbu.portone.client import PortOne
from jangbu.runtime import Runtime


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


def verdict_of(payment: Payment) -> Verdict:
    """What a payment that was just read means for whoever is to deliver."""
    mismatch = payment.review if payment.status is Status.MISMATCH else ""
    return Verdict(payment, is_paid=payment.status is Status.PAID, mismatch=mismatch)
