"""A payer's browser is back from a channel with manual approval: take the money, if the session still may be paid."""

from jangbu.audit import Actor
from jangbu.checkout.service.approve import approve
from jangbu.checkout.service.follow import follow
from jangbu.checkout.service.sessions import Shown, show, takes_turn
from jangbu.failpoints import failpoint
from jangbu.payments.confirm.refusals import ConfirmInProgress, NothingToConfirm
from jangbu.payments.confirm.service import Agreed, confirm
from jangbu.portone import PortOne
from jangbu.runtime import Runtime


async def confirm_session(session_id: str, agreed: Agreed, *, actor: Actor, run: Runtime, portone: PortOne) -> Shown:
    """Approve what the payer agreed to, and deliver. A session that is paid already is just shown.

    PortOne is asked at most every two seconds for one session, as in `complete`. Raises SessionUnknown, and before any
    money moves what `approve` objects and what payments refuses (payments.confirm.service).
    """
    before = await show(session_id, run=run)
    payment = before.payment
    if payment is None:
        raise NothingToConfirm(status=before.session.state.value)
    if not payment.is_money_here:
        if not await takes_turn(before.session, run=run):
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
