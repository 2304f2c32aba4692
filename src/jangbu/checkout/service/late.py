"""Sending back money that came too late, once, by the payments' own cancellation."""

from dataclasses import replace
from uuid import UUID

import structlog

from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.rules import LateRefund
from jangbu.checkout.service.follow import follow
from jangbu.failpoints import failpoint
from jangbu.payments.cancellations.refusals import CancellationRefused, PaymentAlreadyCancelled, RefundAccountNeeded
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.portone import PortOne
from jangbu.runtime import Runtime

log = structlog.get_logger()
REFUNDER = Actor("job:checkout.refund")
REASON = "결제 시간이 지나 품절되어 자동 환불"


async def refund(session_key: UUID, *, run: Runtime, portone: PortOne) -> None:
    """Give all of a late payment back. Its request key makes it one refund, however often this runs.

    A person was told when it was decided. Where PortOne or the PG says no, payments tells of that too, and the session
    waits for what a person does. A refund of somebody else's that is under way is waited for: the job comes again.
    """
    async with run.db.transaction() as tx:
        session = await store.lock(tx, session_key)
        payment = await store.payment_of(tx, session_key)
    if payment is None or session.late_refund is not LateRefund.WANTED:
        return
    ask = Ask(reason=REASON, request_key=f"checkout:{session_key}:late")
    who = Authority(REFUNDER, store_id=session.store_id)
    try:
        await cancel(str(payment.id), ask, who=who, run=run, portone=portone)
    except PaymentAlreadyCancelled:
        pass
    except (RefundAccountNeeded, CancellationRefused) as refused:
        log.warning("a late payment cannot be sent back by itself", session=str(session_key), code=refused.code)
        async with run.db.transaction() as tx:
            current = await store.lock(tx, session_key)
            if current.late_refund is LateRefund.WANTED:
                await store.update(tx, replace(current, late_refund=LateRefund.BY_HAND, due_at=None))
    failpoint("checkout.refund.done")
    await follow(session_key, actor=REFUNDER, run=run)
