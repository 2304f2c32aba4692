"""Getting a session ready to be paid: stock is promised, then the amount is fixed at PortOne.

Promise, call, outcome, as for every call outside: the promise is committed first, and what dies in between is let go
when the session expires. One session has one payment for ever (its order fixes it), so that neither a second tab nor a
second try after a decline can be charged twice.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.item_rules import product_of
from jangbu.checkout.refusals import (
    MethodUnknown,
    SessionAlreadyPaid,
    SessionAwaitsMoney,
    SessionOver,
    TooManyTries,
)
from jangbu.checkout.rules import PREPARES_MAX, WITH_RECEIPT, PaymentSeen, Session, State, prolonged, ways_to_pay
from jangbu.checkout.service.buyers import buyer_of, refuse_if_lacking, with_buyer
from jangbu.checkout.service.follow import follow
from jangbu.checkout.service.sessions import Shown, found, show
from jangbu.checkout.service.stock import hold, let_go
from jangbu.failpoints import failpoint
from jangbu.payments.after.receipt_rules import Wish
from jangbu.payments.after.refusals import NotForV1
from jangbu.payments.after.service.receipts import want
from jangbu.payments.channels.pg_rules import name_for
from jangbu.payments.channels.service import pgs_of
from jangbu.payments.refusals import OrderHasOtherTerms, PreRegistrationRefused
from jangbu.payments.service.initialize import Order, initialize
from jangbu.portone import PortOne
from jangbu.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Prepared:
    """A session that may be paid, its payment's id at PortOne, and who buys. `order_name` is as its PG takes it."""

    shown: Shown
    payment_id: str
    method: str
    channel_key: str
    order_name: str
    buyer: dict[str, Any] = field(repr=False)


async def prepare(
    session_id: str,
    *,
    method: str,
    buyer: dict[str, Any] | None,
    receipt: Wish | None = None,
    actor: Actor,
    run: Runtime,
    portone: PortOne,
) -> Prepared:
    """Hold the stock and have PortOne hold the amount. Again, or after a decline, it is the same payment.

    `receipt` is the cash receipt that the payer wants; where they were asked and gave none, they want none any more.
    Raises SessionUnknown, MethodUnknown, SessionOver, SessionAlreadyPaid, SessionAwaitsMoney, OutOfStock, ItemNotSold,
    TooManyTries, BuyerNeeded, NotForV1; PreRegistrationRefused, after which the stock is free again; PortOneUnclear:
    ask again.
    """
    if receipt is not None and run.settings.checkout_api != "v2":
        raise NotForV1
    session, pg = await _held(session_id, method, buyer, run=run)
    failpoint("checkout.prepare.held")
    order = Order(
        amount=session.amount,
        currency=session.currency,
        order_name=session.order_name,
        tax_free_amount=session.tax_free_amount,
        order_id=session.order_id,
        store_id=session.store_id,
        api=run.settings.checkout_api,
        is_escrow=session.is_escrow,
        products=await _products(session, run=run) if session.is_escrow else None,
    )
    try:
        payment = await initialize(order, actor=actor, run=run, portone=portone)
    except (PreRegistrationRefused, OrderHasOtherTerms):
        await _let_go(session, run=run)
        raise
    if receipt is not None or (run.settings.asks_receipt and method in WITH_RECEIPT):
        await want(payment.id, receipt, run=run)
    failpoint("checkout.prepare.registered")
    # It may have been paid in another window meanwhile.
    await follow(session.id, actor=actor, run=run)
    now_shown = await show(session_id, run=run)
    refuse_unless_payable(now_shown.session, now_shown.payment)
    return Prepared(
        shown=now_shown,
        payment_id=payment.provider_order_id,
        method=method,
        channel_key=run.settings.channels[method],
        order_name=name_for(pg, session.order_name),
        buyer=buyer_of(now_shown.session, run.settings.vault),
    )


async def _held(
    session_id: str, method: str, buyer: dict[str, Any] | None, *, run: Runtime
) -> tuple[Session, str | None]:
    """The session with its stock held, and the PG that is to be paid by, where it is known."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        session = await store.lock(tx, (await found(tx, session_id)).id)
        refuse_unless_payable(session, await store.payment_of(tx, session.id), now=now)
        ways = ways_to_pay(run.settings.channels, session.currency, run.settings.checkout_api)
        if method not in ways:
            raise MethodUnknown(offered=", ".join(ways))
        if session.prepares >= PREPARES_MAX:
            raise TooManyTries
        held = await hold(tx, session)
        expires_at = prolonged(session, now, life=timedelta(minutes=run.settings.checkout_minutes))
        after = replace(
            held,
            state=State.PREPARING,
            prepares=session.prepares + 1,
            expires_at=expires_at,
            due_at=expires_at,
        )
        after = await with_buyer(tx, after, buyer, run=run)
        pg = (await pgs_of(tx, [ways[method]])).get(ways[method])
        refuse_if_lacking(after, pg, run=run)
        await store.update(tx, after)
        failpoint("checkout.prepare.before_commit")
    return after, pg


async def _products(session: Session, *, run: Runtime) -> list[dict[str, Any]]:
    async with run.db.transaction() as tx:
        return [product_of(line) for line in await store.lines(tx, session.id)]


async def _let_go(session: Session, *, run: Runtime) -> None:
    """PortOne will not hold the amount, so nobody can pay: what was promised is for sale again."""
    async with run.db.transaction() as tx:
        current = await store.lock(tx, session.id)
        if current.state is State.PREPARING:
            await store.update(tx, replace(await let_go(tx, current), state=State.OPEN))


def refuse_unless_payable(session: Session, payment: PaymentSeen | None, *, now: datetime | None = None) -> None:
    """Raise what keeps a payer from opening a window. With `now`, also when the time is over."""
    if session.state is State.PAID or (payment is not None and payment.is_money_here):
        raise SessionAlreadyPaid
    if payment is not None and (payment.is_waiting or payment.is_in_doubt):
        raise SessionAwaitsMoney
    is_over = now is not None and now >= session.expires_at
    if not session.is_undecided or is_over or (payment is not None and payment.status in ("CANCELLED", "MISMATCH")):
        raise SessionOver
