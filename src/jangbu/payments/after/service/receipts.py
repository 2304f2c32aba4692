"""Cash receipts: issued when the payment is paid, or by hand; taken back with it, or by hand (portone-facts §2.11)."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from jangbu import audit
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.payments import methods, store
from jangbu.payments.after import errand_store, receipt_store
from jangbu.payments.after.errand_store import Errand
from jangbu.payments.after.receipt_rules import (
    CANCEL,
    ISSUE,
    OPERATIONS,
    Receipt,
    ReceiptStatus,
    Wish,
    expect_issuable,
    expect_issued,
    given_up,
    states,
)
from jangbu.payments.after.refusals import ReceiptRefused
from jangbu.payments.after.service import errands, receipt_record
from jangbu.payments.after.service.receipt_record import adopt, asked_for
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import MAY_STILL_BE_PAID, Payment
from jangbu.payments.service.alerts import tell_of_receipt
from jangbu.payments.service.apis import expect_v2
from jangbu.payments.service.intents import note
from jangbu.payments.service.seeing import seen_receipt
from jangbu.payments.service.sync import find, sync
from jangbu.portone.after import ReceiptWish
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused, Unknown
from jangbu.runtime import Runtime
from jangbu.vault import VaultProblem

log = structlog.get_logger()
_S = ReceiptStatus


async def issue(
    reference: str, wish: Wish, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Receipt:
    """Issue a receipt by hand, for what is left of the payment. ISSUED is the only status in which the payer has it.

    Raises PaymentUnknown, ReceiptNotPossible, ReceiptIssuedAlready, ReceiptInProgress; ReceiptRefused when PortOne or
    the PG said no. ISSUING says that nobody knows yet: it is asked about until it is known.
    """
    payment = await find(reference, store_id=store_id, run=run)
    expect_v2(payment)
    # Perhaps the PG issued one with the payment, or somebody in PortOne's console.
    payment = await sync(payment, actor=actor, run=run, portone=portone)
    async with run.db.transaction() as tx:
        current = await store.lock(tx, payment.id)
        known = await receipt_store.of_payment(tx, payment.id)
        expect_issuable(current, known)
        new = known or Receipt(
            id=run.ids.uuid(), payment_id=payment.id, status=_S.NOT_NEEDED, created_at=run.clock.now()
        )
        new = asked_for(new, wish, run=run)
        errand = await _begin_issue(tx, current, new, actor=actor, run=run)
    failpoint("payment.receipt.intended")
    await _send_issue(errand, actor=actor, run=run, portone=portone)
    return await _told(payment.id, run=run)


async def want(payment_id: UUID, wish: Wish | None, *, run: Runtime) -> None:
    """What the payer wants, for as long as it is not paid: this receipt, or none after all. It is issued once paid.

    Quiet where it is too late for that: what is paid has its receipt by now, or gets one by hand.
    """
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, payment_id)
        known = await receipt_store.of_payment(tx, payment_id)
        if payment.status not in MAY_STILL_BE_PAID:
            return
        if wish is not None:
            await receipt_record.want(tx, payment, wish, now=run.clock.now(), run=run)
        elif known is not None:
            nobodys = replace(known, status=_S.NOT_NEEDED, type="", number_encrypted=None, number_shown="")
            await receipt_store.save(tx, nobodys)
        failpoint("payment.receipt.wanted")


async def issue_wanted(payment_id: UUID, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Issue what was asked for with the order, now that it is paid. Quiet where there is nothing (more) to issue."""
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, payment_id)
        receipt = await receipt_store.of_payment(tx, payment_id)
        if receipt is None or receipt.status is not _S.WANTED or not payment.is_captured:
            return
        errand = await _begin_issue(tx, payment, receipt, actor=actor, run=run)
    failpoint("payment.receipt.intended")
    try:
        await _send_issue(errand, actor=actor, run=run, portone=portone)
    except ReceiptRefused as refused:
        log.warning("A cash receipt could not be issued", payment_id=str(payment_id), type=refused.facts.get("type"))


async def cancel(
    reference: str, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Receipt:
    """Take a receipt back by hand. Raises PaymentUnknown, ReceiptNotIssued, ReceiptInProgress, ReceiptRefused."""
    payment = await find(reference, store_id=store_id, run=run)
    expect_v2(payment)
    payment = await sync(payment, actor=actor, run=run, portone=portone)
    async with run.db.transaction() as tx:
        await store.lock(tx, payment.id)
        receipt = expect_issued(await receipt_store.of_payment(tx, payment.id))
        errand = await begin_cancel(tx, payment, receipt, actor=actor, run=run)
    failpoint("payment.receipt.intended")
    await _send_cancel(errand, actor=actor, run=run, portone=portone)
    return await _told(payment.id, run=run)


async def cancel_returned(payment_id: UUID, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """All of the payment went back: so does its receipt, where the PG did not see to that (portone-facts §10.10)."""
    async with run.db.transaction() as tx:
        payment = await store.find(tx, str(payment_id))
    assert payment is not None, "a job names a payment that is there"
    await sync(payment, actor=actor, run=run, portone=portone)
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, payment_id)
        receipt = await receipt_store.of_payment(tx, payment_id)
        if receipt is None or receipt.status is not _S.ISSUED or payment.cancellable_amount > 0:
            return
        errand = await begin_cancel(tx, payment, receipt, actor=actor, run=run)
    failpoint("payment.receipt.intended")
    try:
        await _send_cancel(errand, actor=actor, run=run, portone=portone)
    except ReceiptRefused as refused:
        log.warning("A cash receipt was not taken back", payment_id=str(payment_id), type=refused.facts.get("type"))


async def settle(errand: Errand, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Look what became of a call that was left open, and make it again where it did not arrive."""
    try:
        if await _look(errand, actor=actor, run=run, portone=portone):
            return
        failpoint("payment.receipt.looked")
        if not errands.may_send_again(errand, run.clock.now()):
            await _give_up(errand, {"type": "NOT_DONE"}, actor=actor, run=run)
        elif errand.operation == ISSUE:
            await _send_issue(errand, actor=actor, run=run, portone=portone)
        else:
            await _send_cancel(errand, actor=actor, run=run, portone=portone)
    except (PortOneUnclear, ReceiptRefused) as still:
        log.info("a cash receipt was not settled this time", errand=str(errand.id), code=still.code)


async def _begin_issue(tx: Tx, payment: Payment, receipt: Receipt, *, actor: Actor, run: Runtime) -> Errand:
    total, tax_free = states(payment, await cancellation_store.of_payment(tx, payment.id))
    request = {
        "paymentId": payment.provider_order_id,
        "type": receipt.type,
        "number": receipt.number_shown,
        "total": total.amount_minor,
        "taxFree": tax_free.amount_minor,
        "currency": total.currency,
    }
    await receipt_store.save(tx, replace(receipt, status=_S.ISSUING, failure=None))
    errand = await errands.begin(tx, payment.id, ISSUE, request, run=run)
    await _audit(tx, payment, "payment.receipt_asked", actor=actor, run=run)
    failpoint("payment.receipt.before_intent_commit")
    return errand


async def begin_cancel(tx: Tx, payment: Payment, receipt: Receipt, *, actor: Actor, run: Runtime) -> Errand:
    """Write down that a receipt is to be taken back."""
    await receipt_store.save(tx, replace(receipt, status=_S.CANCELLING, failure=None))
    request = {"paymentId": payment.provider_order_id, "issueNumber": receipt.issue_number}
    errand = await errands.begin(tx, payment.id, CANCEL, request, run=run)
    await _audit(tx, payment, "payment.receipt_cancel_asked", actor=actor, run=run)
    return errand


async def _send_issue(errand: Errand, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    async with run.db.transaction() as tx:
        payment = await store.find(tx, str(errand.payment_id))
        receipt = await receipt_store.of_payment(tx, errand.payment_id)
    assert payment is not None, "the foreign key holds"
    if receipt is None or receipt.status is not _S.ISSUING or receipt.number_encrypted is None:
        return
    try:
        number = receipt_store.ENCRYPTED.decrypt(run.settings.vault, receipt.number_encrypted, receipt.id)
    except VaultProblem as problem:
        # Without its key nobody can be given one. It stays open, for as long as it may be sent, until the key is back.
        log.error("The number of a cash receipt cannot be opened", problem=str(problem))
        return
    method = methods.read(payment.method)
    assert payment.paid_at is not None, "only what is paid has a receipt"
    assert method is not None, "only a transfer or a deposit has one"
    from_request = errand.request
    wish = ReceiptWish(
        channel_key=payment.channel_key or "",
        type=receipt.type,
        number=number,
        order_name=payment.order_name,
        total=replace(payment.total, amount_minor=from_request["total"]),
        tax_free=replace(payment.total, amount_minor=from_request["taxFree"]),
        paid_at=payment.paid_at,
        method=method.kind.value,
    )
    outcome = await portone.issue_cash_receipt(payment.provider_order_id, wish, idempotency_key=str(errand.id))
    failpoint("payment.receipt.answered")
    await _came(outcome, errand, actor=actor, run=run, portone=portone)


async def _send_cancel(errand: Errand, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    outcome = await portone.cancel_cash_receipt(errand.request["paymentId"], idempotency_key=str(errand.id))
    failpoint("payment.receipt.answered")
    await _came(outcome, errand, actor=actor, run=run, portone=portone)


async def _came(
    outcome: Done[None] | Refused | Unknown, errand: Errand, *, actor: Actor, run: Runtime, portone: PortOne
) -> None:
    if isinstance(outcome, Unknown):
        await note(errand.id, "unknown", outcome.said, run=run)
        return
    # Done says nothing but that; and a refusal may mean that an earlier try has been there. What is shown decides.
    if await _look(errand, actor=actor, run=run, portone=portone) or isinstance(outcome, Done):
        return
    await _give_up(errand, outcome.said, actor=actor, run=run)
    raise ReceiptRefused(type=outcome.type, message=outcome.pg_message or outcome.message or "")


async def _look(errand: Errand, *, actor: Actor, run: Runtime, portone: PortOne) -> bool:
    """Read the receipt and take over what it says; whether the call is settled by that. Raises PortOneUnclear."""
    outcome = await portone.get_cash_receipt(errand.request["paymentId"])
    match outcome:
        case Done(value=shown):
            found = seen_receipt(shown)
        case Refused(type="CASH_RECEIPT_NOT_FOUND" | "PAYMENT_NOT_FOUND"):
            return False
        case Refused() as refusal:
            raise PortOneUnclear(type=refusal.type)
        case unknown:
            raise PortOneUnclear(why=unknown.why)
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, errand.payment_id)
        await adopt(tx, payment, found, actor=actor, now=run.clock.now(), run=run)
        failpoint("payment.receipt.before_commit")
        is_open = any(one.id == errand.id for one in await errand_store.open_of(tx, errand.payment_id, OPERATIONS))
    return not is_open


async def _give_up(errand: Errand, failure: dict[str, Any], *, actor: Actor, run: Runtime) -> None:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        payment = await store.lock(tx, errand.payment_id)
        receipt = await receipt_store.of_payment(tx, errand.payment_id)
        await errands.over(tx, errand.id, is_done=False, outcome=failure, at=now)
        if receipt is None or receipt.status not in {_S.ISSUING, _S.CANCELLING}:
            return
        await receipt_store.save(tx, given_up(receipt, failure))
        await tell_of_receipt(tx, payment, errand.operation, failure, key=str(errand.id), run=run)
        await _audit(tx, payment, "payment.receipt_failed", actor=actor, run=run)


async def _told(payment_id: UUID, *, run: Runtime) -> Receipt:
    async with run.db.transaction() as tx:
        receipt = await receipt_store.of_payment(tx, payment_id)
    assert receipt is not None, "it was just written"
    return receipt


async def _audit(tx: Tx, payment: Payment, action: str, *, actor: Actor, run: Runtime) -> None:
    await audit.record(tx, at=run.clock.now(), actor=actor, action=action, subject=payment.subject)
