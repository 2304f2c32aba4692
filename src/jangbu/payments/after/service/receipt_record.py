"""What happens to a payment's cash receipt when something happens to the payment, in the same transaction."""

from dataclasses import replace
from datetime import datetime, timedelta

from jangbu import audit, queue
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.payments.after import errand_store, receipt_store
from jangbu.payments.after.receipt_rules import (
    CANCEL,
    ISSUE,
    OPERATIONS,
    Receipt,
    ReceiptStatus,
    Wish,
    is_of_kind,
    learn,
)
from jangbu.payments.after.service import errands
from jangbu.payments.rules import Event, Payment
from jangbu.payments.seen import Seen, SeenReceipt
from jangbu.payments.service.alerts import tell_of_receipt
from jangbu.runtime import Runtime

WANTED, RETURNED = "payments.issue_receipt", "payments.cancel_receipt"
_S = ReceiptStatus
_TOUCHED_BY = frozenset({Event.CAPTURED, Event.ALL_CANCELLED, Event.GAVE_UP_WAITING})


async def news(tx: Tx, payment: Payment, answer: Seen, *, now: datetime, run: Runtime) -> Receipt | None:
    """The receipt as PortOne's answer about the payment changes it; None where it does not."""
    if answer.receipt is None:
        return None
    known = await receipt_store.of_payment(tx, payment.id)
    after = learn(known, answer.receipt, payment, new_id=run.ids.uuid(), now=now)
    return None if after == known else after


async def adopt(tx: Tx, payment: Payment, shown: SeenReceipt, *, actor: Actor, now: datetime, run: Runtime) -> None:
    """Take over what PortOne shows, and settle the calls that wanted just that."""
    known = await receipt_store.of_payment(tx, payment.id)
    after = learn(known, shown, payment, new_id=run.ids.uuid(), now=now)
    if after == known:
        return
    await receipt_store.save(tx, after)
    settles = {_S.ISSUED: ISSUE, _S.CANCELLED: CANCEL}.get(after.status)
    for errand in await errand_store.open_of(tx, payment.id, OPERATIONS):
        if errand.operation == settles:
            await errands.over(tx, errand.id, is_done=True, outcome={"issueNumber": after.issue_number}, at=now)
    if known is None or known.status is not after.status:
        action = f"payment.receipt_{after.status.value.lower()}"
        await audit.record(tx, at=now, actor=actor, action=action, subject=payment.subject)
        if after.status is _S.ISSUED and payment.is_captured and payment.cancellable_amount == 0:
            # It was issued while the money went back.
            await _take_back(tx, payment)


async def follow(tx: Tx, payment: Payment, event: Event, *, run: Runtime) -> None:
    """The payment was paid: what was asked for is issued. It came to nothing, or all of it went back: so does that."""
    if event not in _TOUCHED_BY:
        return
    receipt = await receipt_store.of_payment(tx, payment.id)
    if receipt is None:
        return
    if receipt.status is _S.WANTED and event is Event.CAPTURED and is_of_kind(payment):
        await queue.enqueue(tx, WANTED, dedupe_key=f"receipt:{payment.id}:wanted", payment_id=str(payment.id))
    elif receipt.status is _S.WANTED:
        await receipt_store.save(tx, replace(receipt, status=_S.NOT_NEEDED, number_encrypted=None))
    elif receipt.status is _S.NOT_NEEDED and receipt.number_shown and event is Event.CAPTURED and is_of_kind(payment):
        # Given up on, and paid after all. The number was dropped, so a person has to ask for it again.
        failure = {"type": "NUMBER_DROPPED"}
        await receipt_store.save(tx, replace(receipt, status=_S.FAILED, failure=failure))
        await tell_of_receipt(tx, payment, ISSUE, failure, key=f"{receipt.id}:dropped", run=run)
    elif event is Event.ALL_CANCELLED:
        await _take_back(tx, payment)


async def _take_back(tx: Tx, payment: Payment) -> None:
    # Behind one that runs: it may have looked while the receipt was still being issued, and found nothing to do.
    key = f"receipt:{payment.id}:returned"
    await queue.enqueue_behind(tx, RETURNED, dedupe_key=key, pause=timedelta(), payment_id=str(payment.id))


async def want(tx: Tx, payment: Payment, asked: Wish, *, now: datetime, run: Runtime) -> bool:
    """Write down the receipt that an order is to have; False when it is too late for one. The newest wish counts for as
    long as nobody has paid: payers change their minds between two windows."""
    known = await receipt_store.of_payment(tx, payment.id)
    if payment.is_captured:
        return known is not None
    row = known or Receipt(id=run.ids.uuid(), payment_id=payment.id, status=_S.NOT_NEEDED, created_at=now)
    await receipt_store.save(tx, asked_for(row, asked, run=run))
    return True


def asked_for(receipt: Receipt, wish: Wish, *, run: Runtime) -> Receipt:
    """The row of a receipt that somebody asks for; the number is in it encrypted, for as long as it is needed."""
    sealed = receipt_store.ENCRYPTED.encrypt(run.settings.vault, wish.number, receipt.id)
    return replace(
        receipt,
        status=_S.WANTED,
        type=wish.type,
        number_encrypted=sealed,
        number_shown=wish.masked,
        failure=None,
    )
