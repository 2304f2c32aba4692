"""Escrow: tell the PG of the parcel, correct it, confirm the purchase (portone-facts §2.10).

Intent, call, outcome. What PortOne then shows of the payment decides whether a lost answer was a yes.
"""

from dataclasses import dataclass
from typing import Any

import structlog

from jangbu import audit
from jangbu.audit import Actor
from jangbu.clock import instant
from jangbu.failpoints import failpoint
from jangbu.payments import store
from jangbu.payments.after import errand_store
from jangbu.payments.after.errand_store import Errand
from jangbu.payments.after.escrow_rules import (
    COMPLETE,
    CORRECT,
    OPERATIONS,
    Escrow,
    expect_to_complete,
    is_told,
    next_parcel,
    read,
)
from jangbu.payments.after.refusals import EscrowInProgress, EscrowRefused
from jangbu.payments.after.service import errands
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Payment
from jangbu.payments.service.apis import expect_v2
from jangbu.payments.service.intents import note
from jangbu.payments.service.sync import find, sync
from jangbu.portone.after import Parcel
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Outcome, Unknown
from jangbu.runtime import Runtime

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """How the escrow stands, and whether what was asked is known to be done."""

    payment: Payment
    escrow: Escrow
    is_done: bool


async def send(
    reference: str, parcel: Parcel, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Told:
    """Tell the PG that the goods are on their way; told again, it corrects what was told.

    Raises PaymentUnknown, EscrowNotPossible, EscrowInProgress; EscrowRefused when PortOne or the PG said no.
    """
    payment = await _looked_at(reference, store_id, actor=actor, run=run, portone=portone)
    operation = next_parcel(payment)
    if is_told(payment, operation, parcel.body):
        return _told(payment, is_done=True)
    return await _ask(payment, operation, parcel.body, actor=actor, run=run, portone=portone)


async def complete(
    reference: str, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Told:
    """Confirm the purchase as its merchant. Confirmed already, it is answered the same. Raises what `send` raises."""
    payment = await _looked_at(reference, store_id, actor=actor, run=run, portone=portone)
    if is_told(payment, COMPLETE, {}):
        return _told(payment, is_done=True)
    expect_to_complete(payment)
    return await _ask(payment, COMPLETE, {}, actor=actor, run=run, portone=portone)


async def settle(errand: Errand, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Look what became of a call that was left open, and make it again where it did not arrive."""
    try:
        async with run.db.transaction() as tx:
            payment = await store.find(tx, str(errand.payment_id))
        assert payment is not None, "the foreign key holds"
        payment = await sync(payment, actor=actor, run=run, portone=portone)
        failpoint("payment.escrow.looked")
        if is_told(payment, errand.operation, errand.request):
            await _over(errand, is_done=True, outcome={"settled": "by reading the payment"}, run=run)
        elif errands.may_send_again(errand, run.clock.now()):
            await _send(errand, payment, actor=actor, run=run, portone=portone)
        else:
            await _over(errand, is_done=False, outcome={"type": "NOT_DONE"}, run=run)
    except (PortOneUnclear, EscrowRefused) as still:
        log.info("an escrow call was not settled this time", errand=str(errand.id), code=still.code)


async def _looked_at(reference: str, store_id: str | None, *, actor: Actor, run: Runtime, portone: PortOne) -> Payment:
    payment = await find(reference, store_id=store_id, run=run)
    expect_v2(payment)
    return await sync(payment, actor=actor, run=run, portone=portone)


async def _ask(
    payment: Payment, operation: str, request: dict[str, Any], *, actor: Actor, run: Runtime, portone: PortOne
) -> Told:
    async with run.db.transaction() as tx:
        await store.lock(tx, payment.id)
        if await errand_store.open_of(tx, payment.id, OPERATIONS):
            raise EscrowInProgress
        errand = await errands.begin(tx, payment.id, operation, request, run=run)
        await audit.record(
            tx, at=run.clock.now(), actor=actor, action=f"payment.{operation}_asked", subject=payment.subject
        )
    failpoint("payment.escrow.intended")
    return await _send(errand, payment, actor=actor, run=run, portone=portone)


async def _send(errand: Errand, payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> Told:
    outcome = await _call(errand, payment.provider_order_id, portone)
    failpoint("payment.escrow.answered")
    if isinstance(outcome, Unknown):
        await note(errand.id, "unknown", outcome.said, run=run)
        return _told(payment, is_done=False)
    if isinstance(outcome, Done):
        await _over(errand, is_done=True, outcome={}, run=run)
        return _told(await sync(payment, actor=actor, run=run, portone=portone), is_done=True)
    # An earlier try may have been there: then the payment shows what was wanted.
    after = await sync(payment, actor=actor, run=run, portone=portone)
    is_done = is_told(after, errand.operation, errand.request)
    await _over(errand, is_done=is_done, outcome=outcome.said, run=run)
    if not is_done:
        raise EscrowRefused(type=outcome.type, message=outcome.pg_message or outcome.message or "")
    return _told(after, is_done=True)


async def _call(errand: Errand, portone_id: str, portone: PortOne) -> Outcome[None]:
    key = str(errand.id)
    if errand.operation == COMPLETE:
        return await portone.complete_escrow(portone_id, idempotency_key=key)
    is_correction = errand.operation == CORRECT
    asked = errand.request
    parcel = Parcel(asked["company"], asked["invoiceNumber"], instant(asked["sentAt"]))
    return await portone.send_parcel(portone_id, parcel, is_correction=is_correction, idempotency_key=key)


async def _over(errand: Errand, *, is_done: bool, outcome: dict[str, Any], run: Runtime) -> None:
    async with run.db.transaction() as tx:
        await errands.over(tx, errand.id, is_done=is_done, outcome=outcome, at=run.clock.now())
        failpoint("payment.escrow.before_commit")


def _told(payment: Payment, *, is_done: bool) -> Told:
    escrow = read(payment.portone)
    assert escrow is not None, "a payment with a parcel is in escrow"
    return Told(payment, escrow, is_done)
