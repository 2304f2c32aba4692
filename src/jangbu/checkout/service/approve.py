"""Whether the money for a session may be taken now: asked just before it is, by payments (design §3, ADR 0019).

A yes is a promise, so it reserves: what the session holds stays held for long enough to hear of the money, and what it
does not hold yet it holds from here on. Who comes too late hears no, before anything has to be given back.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from jangbu.checkout import store
from jangbu.checkout.refusals import ItemNotSold, OutOfStock, SessionAlreadyPaid, SessionOver
from jangbu.checkout.rules import Session, State, kept_for_approval
from jangbu.checkout.service.stock import hold
from jangbu.db import Tx
from jangbu.errors import Refusal
from jangbu.failpoints import failpoint
from jangbu.payments.confirm.refusals import PaymentDiffers
from jangbu.payments.rules import Payment
from jangbu.runtime import Runtime


async def approve(tx: Tx, payment: Payment, /, *, now: datetime, run: Runtime) -> Refusal | None:
    """Why the payment's session speaks against it; None when it does not, or when there is no session.

    Fills `payments.confirm.service.Approves`. Whoever calls this holds the payment's row; it locks the session, then
    its items. Asking again promises nothing more than once.
    """
    if payment.order_id is None:
        return None
    found = await store.by_order(tx, payment.store_id, payment.order_id)
    if found is None:
        return None
    session = await store.lock(tx, found.id)
    if session.state is State.PAID:
        return SessionAlreadyPaid()
    if not session.is_undecided or now >= session.expires_at:
        return SessionOver()
    if what := _difference(session, payment):
        return PaymentDiffers(what=what)
    try:
        held = await hold(tx, session)
    except (OutOfStock, ItemNotSold) as gone:
        return gone
    until = kept_for_approval(session, now, life=timedelta(minutes=run.settings.checkout_minutes))
    await store.update(tx, replace(held, state=State.PREPARING, expires_at=until, due_at=until))
    failpoint("checkout.approve.before_commit")
    return None


def _difference(session: Session, payment: Payment) -> str:
    if payment.currency != session.currency:
        return "other_currency"
    same = (payment.amount, payment.tax_free_amount) == (session.amount, session.tax_free_amount)
    return "" if same else "other_amount"
