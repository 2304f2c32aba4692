"""Calls to PortOne about what comes with a payment, and move no money of ours: receipts, parcels.

Intent, call, outcome, as everywhere (design §4.1). What such a call changed is read back from PortOne, by whoever gets
to it first: the one who made it, or the sweeper after a death or a lost answer. A call is made again under its key for
as long as PortOne remembers it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jangbu import queue
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.payments import store
from jangbu.payments.after import errand_store
from jangbu.payments.after.errand_store import Errand
from jangbu.payments.cancellations.rules import RESEND_WITHIN
from jangbu.payments.rules import UNKNOWN_CHECKS
from jangbu.portone.client import PortOne
from jangbu.runtime import Runtime

SETTLE = "payments.settle_errand"
Settle = Callable[[Errand, Actor, Runtime, PortOne], Awaitable[None]]


async def begin(tx: Tx, payment_id: UUID, operation: str, request: dict[str, Any], *, run: Runtime) -> Errand:
    """Write down what PortOne will be asked; `request` holds nothing personal."""
    now = run.clock.now()
    errand = Errand(run.ids.uuid(), payment_id, operation, request, "sent", now)
    await errand_store.begin(tx, errand, now + UNKNOWN_CHECKS[0])
    return errand


async def over(tx: Tx, errand_id: UUID, *, is_done: bool, outcome: dict[str, Any], at: datetime) -> None:
    """Somebody knows what came of it."""
    await store.finish_attempt(tx, errand_id, state="done" if is_done else "refused", outcome=outcome, at=at)


def may_send_again(errand: Errand, now: datetime) -> bool:
    """Whether PortOne still knows its key, so that it acts once however often it is asked."""
    return now - errand.started_at < RESEND_WITHIN


async def sweep_errands(*, run: Runtime, lease: timedelta, most: int) -> int:
    """Queue a look at calls whose outcome is open and whose time has come; how many, `most` of them at once."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        due = await errand_store.claim_due(tx, now=now, until=now + lease, most=most)
        for errand_id in due:
            await queue.enqueue(tx, SETTLE, dedupe_key=f"errand:{errand_id}", errand_id=str(errand_id))
    return len(due)


async def settle(errand_id: UUID, by: dict[str, Settle], *, actor: Actor, run: Runtime, portone: PortOne) -> None:
    """Look what became of a call that was left open, by the rules of its operation."""
    async with run.db.transaction() as tx:
        errand = await errand_store.by_id(tx, errand_id)
    if errand is not None and errand.is_open:
        await by[errand.operation](errand, actor, run, portone)
