"""A payer's browser is back from a channel with manual approval: take the money, if the session still may be paid."""

from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.rules import ASK_AT_MOST_EVERY
from jangbu.checkout.service.approve import approve
from jangbu.checkout.service.follow import follow
from jangbu.checkout.service.sessions import Shown, show
from jangbu.failpoints import failpoint
from jangbu.payments.refusals import ConfirmInProgress, NothingToConfirm
from jangbu.payments.service.confirm import Agreed, confirm
from jangbu.portone import PortOne
from jangbu.runtime import Runtime


async def confirm_session(session_id: str, agreed: Agreed, *, actor: Actor, run: Runtime, portone: PortOne) -> Shown:
    """Approve what the payer agreed to, and deliver. A session that is paid already is just shown.

    PortOne is asked at most every two seconds for one session, as in `complete`. Raises SessionUnknown, and before any
    money moves what `approve` objects and what payments refuses (payments.service.confirm).
    """
    before = await show(session_id, run=run)
    payment = before.payment
    if payment is None:
        raise NothingToConfirm(status=before.session.state.value)
    if not payment.is_money_here:
        now = run.clock.now()
        async with run.db.transaction() as tx:
            may_ask = await store.may_ask(tx, before.session.id, now=now, before=now - ASK_AT_MOST_EVERY)
        if not may_ask:
            raise ConfirmInProgress
        await confirm(
            str(payment.id),
            agreed,
            store_id=before.session.store_id,
            actor=actor,
            run=run,
            portone=portone,
            approves=approve,
        )
        failpoint("checkout.confirm.confirmed")
    await follow(before.session.id, actor=actor, run=run)
    return await show(session_id, run=run)
