"""Making a session of items, looking at it, and calling it off. Prices come from our items only (design §4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from jangbu import audit
from jangbu.audit import Actor
from jangbu.checkout import item_store, store
from jangbu.checkout.item_rules import Line, Wish, terms_of
from jangbu.checkout.refusals import (
    CheckoutNotSetUp,
    EscrowUnfit,
    ItemUnknown,
    SessionHasOtherTerms,
    SessionNotAbandonable,
    SessionUnknown,
    TooManySessions,
)
from jangbu.checkout.rules import (
    ASK_AT_MOST_EVERY,
    PaymentSeen,
    Phase,
    Session,
    State,
    checked_redirect,
    phase_of,
    ways_to_pay,
)
from jangbu.checkout.service.buyers import lacking, with_buyer
from jangbu.checkout.service.stock import let_go
from jangbu.db import Tx
from jangbu.runtime import Runtime


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a shop's backend asks for. `order_id` makes it repeatable: the same order gives the same session."""

    wishes: tuple[Wish, ...]
    order_id: str | None = None
    customer_id: str = ""
    buyer: dict[str, Any] | None = None
    redirect_url: str = ""
    is_escrow: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A session with its lines and its payment, as one moment saw them.

    `lacks`: what must be known besides of who buys, by way to pay (buyers.lacking).
    """

    session: Session
    lines: tuple[Line, ...]
    payment: PaymentSeen | None
    lacks: Mapping[str, tuple[str, ...]]

    @property
    def phase(self) -> Phase:
        """What its payer is to see."""
        return phase_of(self.session, self.payment)


async def create_session(
    new: NewSession, *, store_id: str | None, actor: Actor, run: Runtime, most: int | None = None
) -> Shown:
    """An open session for `new.wishes` at today's prices; the same again for the same order.

    Raises CheckoutNotSetUp, ItemUnknown, ItemNotSold, LinesUnfit, AmountOutOfRange, RedirectNotAllowed, EscrowUnfit,
    SessionHasOtherTerms; TooManySessions where the customer has `most` that wait to be paid.
    """
    redirect_url = checked_redirect(new.redirect_url, run.settings.origins)
    now, key = run.clock.now(), run.ids.uuid()
    async with run.db.transaction() as tx:
        if most is not None and await store.undecided_of(tx, store_id or "", new.customer_id, most=most) >= most:
            raise TooManySessions
        items = await item_store.by_ids(tx, [wish.item_id for wish in new.wishes])
        if any(store_id not in (None, item.store_id) for item in items.values()):
            raise ItemUnknown
        if any(wish.item_id not in items for wish in new.wishes):
            raise ItemUnknown
        terms = terms_of(new.wishes, items)
        if not ways_to_pay(run.settings.channels, terms.total.currency, run.settings.checkout_api):
            raise CheckoutNotSetUp(currency=terms.total.currency)
        if new.is_escrow and (terms.total.currency, run.settings.checkout_api) != ("KRW", "v2"):
            raise EscrowUnfit
        expires_at = now + timedelta(minutes=run.settings.checkout_minutes)
        session = Session(
            id=key,
            session_id=f"cs_{run.ids.token(32)}",
            store_id=items[terms.lines[0].item_id].store_id,
            order_id=new.order_id or f"checkout-{key.hex}",
            order_name=terms.order_name,
            customer_id=new.customer_id,
            amount=terms.total.amount_minor,
            tax_free_amount=terms.tax_free.amount_minor,
            currency=terms.total.currency,
            is_escrow=new.is_escrow,
            redirect_url=redirect_url,
            expires_at=expires_at,
            due_at=expires_at,
            created_at=now,
        )
        session = await with_buyer(tx, session, new.buyer, run=run)
        if not await store.insert(tx, session, terms.lines):
            return await _made_before(tx, session, new, run=run)
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="checkout.created",
            subject=session.subject,
            order_id=session.order_id,
            amount=session.amount,
            currency=session.currency,
        )
        return Shown(session, terms.lines, None, await lacking(tx, session, run=run))


async def _made_before(tx: Tx, wanted: Session, new: NewSession, *, run: Runtime) -> Shown:
    """The order's session. Its prices are those of the day it was made; all else must be the same."""
    found = await store.by_order(tx, wanted.store_id, wanted.order_id)
    assert found is not None, "the insert met a session that is not there"
    before = await shown(tx, found, run=run)
    same_lines = [(line.item_id, line.quantity) for line in before.lines] == [
        (wish.item_id, wish.quantity) for wish in new.wishes
    ]
    if not same_lines or _besides(found) != _besides(wanted):
        raise SessionHasOtherTerms
    if not new.buyer or found.has_buyer:
        return before
    # Nobody had said who buys. What was said once stays: the payer may have corrected it.
    current = await store.lock(tx, found.id)
    if current.is_undecided and not current.has_buyer:
        await store.update(tx, current := await with_buyer(tx, current, new.buyer, run=run))
    return await shown(tx, current, run=run)


def _besides(session: Session) -> tuple[str, str, bool]:
    return session.customer_id, session.redirect_url, session.is_escrow


async def show(session_id: str, *, run: Runtime) -> Shown:
    """A session by its unguessable id. Raises SessionUnknown."""
    async with run.db.transaction() as tx:
        session = await found(tx, session_id)
        return await shown(tx, session, run=run)


async def shown(tx: Tx, session: Session, *, run: Runtime) -> Shown:
    """A session with what belongs to it."""
    lines, payment = tuple(await store.lines(tx, session.id)), await store.payment_of(tx, session.id)
    return Shown(session, lines, payment, await lacking(tx, session, run=run))


async def found(tx: Tx, session_id: str) -> Session:
    """The session. Raises SessionUnknown, the same for what never was and for what has another form."""
    session = await store.by_session_id(tx, session_id)
    if session is None:
        raise SessionUnknown
    return session


async def takes_turn(session: Session, *, run: Runtime) -> bool:
    """Whether PortOne may be asked about a session now: every two seconds at most, however often a browser wants it."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        return await store.may_ask(tx, session.id, now=now, before=now - ASK_AT_MOST_EVERY)


async def abandon(session_id: str, *, store_id: str | None, actor: Actor, run: Runtime) -> Shown:
    """The shop calls a session off: its stock is for sale again. Doing it twice changes nothing.

    Money that still comes is late money. Raises SessionUnknown, SessionNotAbandonable.
    """
    now = run.clock.now()
    async with run.db.transaction() as tx:
        session = await found(tx, session_id)
        if store_id not in (None, session.store_id):
            raise SessionUnknown
        session = await store.lock(tx, session.id)
        payment = await store.payment_of(tx, session.id)
        if session.is_undecided:
            if payment is not None and (payment.is_money_here or payment.is_waiting):
                raise SessionNotAbandonable
            session = replace(await let_go(tx, session), state=State.ABANDONED, due_at=None)
            await store.update(tx, session)
            await audit.record(tx, at=now, actor=actor, action="checkout.abandoned", subject=session.subject)
        elif session.state is State.PAID:
            raise SessionNotAbandonable
        return await shown(tx, session, run=run)
