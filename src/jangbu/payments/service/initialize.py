"""Create a payment and fix its amount at PortOne before the browser may pay (requirements B1).

Intent, call, outcome: the payment and the attempt are committed, then PortOne is called with no transaction open, then
the outcome is committed. Asking again for the same order continues where it stopped; pre-registering twice with the
same figures changes nothing (portone-facts §2.4), so nothing here can charge anybody twice.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from jangbu import audit, ids
from jangbu.audit import Actor
from jangbu.failpoints import failpoint
from jangbu.money import checked
from jangbu.payments import store
from jangbu.payments.after.receipt_rules import Wish
from jangbu.payments.after.refusals import EscrowNeedsProducts, NotForV1
from jangbu.payments.after.service.receipt_record import want
from jangbu.payments.refusals import (
    IdempotencyKeyReused,
    OrderHasOtherTerms,
    PortOneUnclear,
    PreRegistrationRefused,
    StoreUnknown,
    TaxFreeTooLarge,
    V1NotSetUp,
)
from jangbu.payments.rules import Event, Payment, Status, next_due, next_status
from jangbu.payments.service.apis import api_of
from jangbu.payments.service.intents import note
from jangbu.payments.service.record import record_change
from jangbu.payments.service.sync import sync
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused, Unknown
from jangbu.runtime import Runtime

log = structlog.get_logger()
OPERATION = "pre_register"
_TERMS = ("amount", "tax_free_amount", "currency", "order_name", "api", "is_escrow", "products")
"""What cannot change in a payment's life."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a shop's backend asks for. `order_id` fixes the payment; so does `idempotency_key` where there is no order.

    `idempotency_key` is already told apart by caller, so that two callers' equal keys never meet.
    """

    amount: int
    currency: str
    order_name: str
    tax_free_amount: int = 0
    order_id: str | None = None
    store_id: str | None = None
    api: str = "v2"
    idempotency_key: str | None = None
    receipt: Wish | None = None
    is_escrow: bool = False
    products: list[dict[str, Any]] | None = None


async def initialize(order: Order, *, actor: Actor, run: Runtime, portone: PortOne) -> Payment:
    """A payment that is READY to be paid (or further, when the order was initialized and paid before).

    Raises V1NotSetUp, NotForV1, StoreUnknown, AmountOutOfRange, UnknownCurrency, TaxFreeTooLarge, OrderHasOtherTerms,
    IdempotencyKeyReused; PreRegistrationRefused when PortOne says no; PortOneUnclear when it did not answer: send the
    same order again.
    """
    if order.api == "v1" and portone.v1 is None:
        raise V1NotSetUp
    payment = await _written_down(order, actor=actor, run=run)
    if payment.status is Status.REGISTERING:
        payment = await register(payment, actor=actor, run=run, portone=portone)
    if payment.status is Status.REGISTRATION_FAILED:
        # The same answer as the first time, or as whoever came at the same time was given: nobody is to open a window
        # for an amount that PortOne does not hold.
        raise PreRegistrationRefused(type=await _why_refused(payment, run=run))
    return payment


async def register(payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> Payment:
    """Tell PortOne the amount of a payment that is written down. The sweeper calls this again when it was left open."""
    attempt_id = run.ids.uuid()
    async with run.db.transaction() as tx:
        current = await store.lock(tx, payment.id)
        if current.status is not Status.REGISTERING:
            return current
        await store.begin_attempt(
            tx,
            attempt_id=attempt_id,
            payment_id=payment.id,
            operation=OPERATION,
            request={
                "paymentId": payment.provider_order_id,
                "totalAmount": payment.amount,
                "taxFreeAmount": payment.tax_free_amount,
                "currency": payment.currency,
            },
            at=run.clock.now(),
        )
    failpoint("payment.register.intended")
    outcome = await api_of(payment, portone).prepare(payment, key=str(attempt_id))
    failpoint("payment.register.answered")
    match outcome:
        case Done():
            return await _conclude(payment.id, attempt_id, Event.REGISTERED, {}, actor=actor, run=run)
        case Refused(type="ALREADY_PAID"):
            # Somebody paid under this id already: what PortOne shows of it decides, not this call.
            await note(attempt_id, "refused", outcome.said, run=run)
            return await sync(payment, actor=actor, run=run, portone=portone)
        case Refused(http_status=401 | 403):
            # Our secret is wrong or has expired. That says nothing about the order: it stays open until a person has
            # put it right, and one order has only this one payment.
            log.error("PortOne does not accept our API secret", type=outcome.type, api=payment.api)
            await note(attempt_id, "refused", outcome.said, run=run)
            raise PreRegistrationRefused(type=outcome.type)
        case Refused():
            await _conclude(payment.id, attempt_id, Event.REGISTRATION_REFUSED, outcome.said, actor=actor, run=run)
            raise PreRegistrationRefused(type=outcome.type)
        case Unknown():
            await note(attempt_id, "unknown", outcome.said, run=run)
            raise PortOneUnclear(why=outcome.why)


async def _written_down(order: Order, *, actor: Actor, run: Runtime) -> Payment:
    """The order's payment, made now or found. One order has one payment, however many requests race for it."""
    new = _new_payment(order, run)
    async with run.db.transaction() as tx:
        if await store.insert(tx, new):
            await audit.record(
                tx,
                at=new.created_at,
                actor=actor,
                action="payment.initialized",
                subject=new.subject,
                amount=new.amount,
                currency=new.currency,
                order_id=new.order_id,
            )
            if order.receipt is not None:
                await want(tx, new, order.receipt, now=new.created_at, run=run)
            return new
        found = await store.find(tx, new.provider_order_id)
        assert found is not None, "the insert met a payment that is not there"
        is_same = all(getattr(found, name) == getattr(new, name) for name in _TERMS)
        if is_same and order.receipt is not None:
            found = await store.lock(tx, found.id)
            is_same = await want(tx, found, order.receipt, now=new.created_at, run=run)
    if is_same:
        return found
    raise OrderHasOtherTerms(amount=found.total) if order.order_id else IdempotencyKeyReused()


def _new_payment(order: Order, run: Runtime) -> Payment:
    total = checked(order.amount, order.currency)
    if not 0 <= order.tax_free_amount <= order.amount:
        raise TaxFreeTooLarge
    if order.api != "v2" and (order.is_escrow or order.receipt):
        raise NotForV1
    if order.is_escrow and not order.products:
        raise EscrowNeedsProducts
    store_id = order.store_id or run.settings.portone_store_id
    if store_id != run.settings.portone_store_id:
        raise StoreUnknown(store_id=store_id)
    now = run.clock.now()
    payment_id = run.ids.uuid()
    if order.order_id is not None:
        portone_id = portone_id_of(store_id, order.order_id)
    elif order.idempotency_key is not None:
        portone_id = ids.from_facts("key", store_id, order.idempotency_key)
    else:
        portone_id = payment_id.hex
    payment = Payment(
        id=payment_id,
        store_id=store_id,
        order_id=order.order_id,
        api=order.api,
        provider_order_id=portone_id,
        order_name=order.order_name,
        amount=total.amount_minor,
        tax_free_amount=order.tax_free_amount,
        currency=total.currency,
        tax_profile=run.settings.tax_profile,
        is_escrow=order.is_escrow,
        products=order.products,
        expires_at=now + timedelta(hours=run.settings.payment_wait_h),
        created_at=now,
    )
    return replace(payment, due_at=next_due(payment, now))


def portone_id_of(store_id: str, order_id: str) -> str:
    """The paymentId of an order: fixed by it, so that no crash or second tab can make two payments of one order."""
    return ids.from_facts("order", store_id, order_id)


async def _conclude(
    payment_id: UUID, attempt_id: UUID, event: Event, facts: dict[str, Any], *, actor: Actor, run: Runtime
) -> Payment:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        before = await store.lock(tx, payment_id)
        state = "done" if event is Event.REGISTERED else "refused"
        await store.finish_attempt(tx, attempt_id, state=state, outcome=facts, at=now)
        status = next_status(before.status, event)
        if status is None:
            # A racing request, or PortOne's own word through the sweeper, was here first.
            return before
        moved = replace(before, status=status, checks=0, review="")
        after = replace(moved, due_at=next_due(moved, now))
        await store.update(tx, after)
        # Earlier tries whose answers were lost no longer matter: this one says what holds.
        await store.settle_attempts(
            tx, payment_id, OPERATION, state=state, outcome={"settled": "by a later call"}, at=now
        )
        await record_change(tx, before, after, event=event, actor=actor, now=now, run=run)
        failpoint("payment.register.before_commit")
    return after


async def _why_refused(payment: Payment, *, run: Runtime) -> str:
    async with run.db.transaction() as tx:
        refused = [one for one in await store.attempts(tx, payment.id) if one.state == "refused"]
    return str((refused[-1].outcome or {}).get("type", "UNKNOWN")) if refused else "UNKNOWN"
