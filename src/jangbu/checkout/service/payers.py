"""What a payer's token may do with sessions: make their own, and see and pay no other's (requirements C3)."""

from jangbu.access.caller import Caller
from jangbu.checkout.refusals import PayerFieldRefused, SessionUnknown
from jangbu.checkout.service.sessions import found
from jangbu.runtime import Runtime

UNDECIDED_MAX = 20
"""Sessions of one payer that wait to be paid, of those made by the payer's token: more is a program, not a person."""


def customer_for(named: str, order_id: str | None, caller: Caller) -> str:
    """Whom a new session is for: whoever the shop names, or the payer whose token this is.

    Raises PayerFieldRefused: orders are the shop's own, and whoever could name another customer's would be them.
    """
    if caller.customer_id is None:
        return named
    if order_id is not None:
        raise PayerFieldRefused(field="orderId")
    if named not in ("", caller.customer_id):
        raise PayerFieldRefused(field="customerId")
    return caller.customer_id


async def refuse_others(session_id: str, caller: Caller, *, run: Runtime) -> None:
    """Raise SessionUnknown where a payer's token came along and the session is not that payer's."""
    if caller.customer_id is None:
        return
    async with run.db.transaction() as tx:
        session = await found(tx, session_id)
    if (session.store_id, session.customer_id) != (caller.store_id, caller.customer_id):
        raise SessionUnknown
