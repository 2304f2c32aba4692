"""Close a virtual account that nobody is to pay into any more (portone-facts §2.9, §6.5).

Intent, call, outcome, as for a refund. A deposit that arrives at the same moment wins: PortOne decides which was first,
and what it then says of the payment is taken over. Closing twice closes once, so a lost answer is settled by looking,
and by asking again: V2 by the same key, V1 by the attempt whose account it is.
"""

from dataclasses import replace
from typing import Any

import structlog

from jangbu import audit
from jangbu.audit import Actor
from jangbu.failpoints import failpoint
from jangbu.payments import methods, store
from jangbu.payments.after import errand_store
from jangbu.payments.after.errand_store import Errand
from jangbu.payments.after.refusals import AccountCloseRefused, AccountNotWaiting
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import UNKNOWN_CHECKS, Payment, Status
from jangbu.payments.service.apis import api_of
from jangbu.payments.service.intents import note
from jangbu.payments.service.sync import find, sync
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused, Unknown
from jangbu.runtime import Runtime

log = structlog.get_logger()
OPERATION = "close_account"
ISSUED = Status.VIRTUAL_ACCOUNT_ISSUED
_CLOSED = frozenset({Status.ABANDONED, Status.FAILED})


async def close(
    reference: str, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Payment:
    """The payment with its account closed; one whose account is closed or lapsed already is answered the same.

    Raises PaymentUnknown; AccountNotWaiting where there is no account, or the money came first;
    AccountCloseRefused; PortOneUnclear when nobody knows yet: it is asked about until it is known, and may be asked
    for again.
    """
    payment = await find(reference, store_id=store_id, run=run)
    if payment.status is not ISSUED:
        # Perhaps nobody told us yet that it was issued, or paid.
        payment = await sync(payment, actor=actor, run=run, portone=portone)
    if payment.status is ISSUED:
        call = await _written_down(payment, actor=actor, run=run)
        failpoint("payment.close.intended")
        payment = await _send(call, payment, actor=actor, run=run, portone=portone)
    if payment.status is ISSUED:
        raise PortOneUnclear
    method = methods.read(payment.method)
    if payment.status not in _CLOSED or method is None or method.kind is not methods.Kind.VIRTUAL_ACCOUNT:
        raise AccountNotWaiting(status=payment.status.value)
    return payment


async def resume(payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Settle closings that were left open, once a look has shown that an account still waits."""
    if payment.status is not ISSUED:
        return
    async with run.db.transaction() as tx:
        left_open = await errand_store.open_of(tx, payment.id, (OPERATION,))
    for call in left_open:
        try:
            payment = await _send(call, payment, actor=actor, run=run, portone=portone)
        except AccountCloseRefused as refused:
            log.warning("The PG would not close an account", payment_id=str(payment.id), type=refused.facts.get("type"))


async def _written_down(payment: Payment, *, actor: Actor, run: Runtime) -> Errand | None:
    """The call to make, new or left open; None when PortOne has closed it and only has to be looked at again."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        current = await store.lock(tx, payment.id)
        account = current.provider_transaction_id
        if current.status is not ISSUED or current.closed_transaction_id == account:
            return None
        for call in await errand_store.open_of(tx, payment.id, (OPERATION,)):
            if call.request["transactionId"] == account:
                return call
        request = {"paymentId": current.provider_order_id, "transactionId": account}
        call = Errand(run.ids.uuid(), payment.id, OPERATION, request, "sent", now)
        await store.begin_attempt(
            tx, attempt_id=call.id, payment_id=payment.id, operation=OPERATION, request=request, at=now
        )
        # Should we die now, the sweeper goes on with it.
        await store.update(tx, replace(current, due_at=now + UNKNOWN_CHECKS[0], checks=0))
        await audit.record(tx, at=now, actor=actor, action="payment.close_asked", subject=current.subject)
    return call


async def _send(call: Errand | None, payment: Payment, *, actor: Actor, run: Runtime, portone: PortOne) -> Payment:
    """Ask PortOne, and look at what became of the payment."""
    if call is None:
        return await sync(payment, actor=actor, run=run, portone=portone)
    account: str = call.request["transactionId"]
    outcome = await api_of(payment, portone).close_account(payment, account, key=str(call.id))
    failpoint("payment.close.answered")
    match outcome:
        case Done():
            await _closed(call, {}, run=run)
        case Refused(type="PAYMENT_NOT_WAITING_FOR_DEPOSIT") as refusal:
            # Paid, or closed by an earlier try of ours. Which, the payment shows; and if it goes on showing an account
            # that PortOne says waits for nothing, then that account is closed.
            after = await sync(payment, actor=actor, run=run, portone=portone)
            if after.status is ISSUED:
                await _closed(call, refusal.said, run=run)
        case Refused() as refusal:
            after = await sync(payment, actor=actor, run=run, portone=portone)
            await note(call.id, "refused", refusal.said, run=run)
            if after.status is ISSUED:
                raise AccountCloseRefused(type=refusal.type, message=refusal.pg_message or refusal.message or "")
        case Unknown() as unknown:
            await note(call.id, "unknown", unknown.said, run=run)
    return await sync(payment, actor=actor, run=run, portone=portone)


async def _closed(call: Errand, said: dict[str, Any], *, run: Runtime) -> None:
    """PortOne has closed it. It may go on showing it as issued (§2.9 does not say), so that is written down."""
    async with run.db.transaction() as tx:
        current = await store.lock(tx, call.payment_id)
        await store.finish_attempt(tx, call.id, state="done", outcome=said, at=run.clock.now())
        await store.update(tx, replace(current, closed_transaction_id=call.request["transactionId"]))
        failpoint("payment.close.before_commit")
    failpoint("payment.close.committed")
