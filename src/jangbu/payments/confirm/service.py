"""Approve what a payer agreed to, on a channel with manual approval (requirements B2; portone-facts §2.5).

Until this call no money has moved, so everything that speaks against the payment is looked at first: what the payer
agreed to is read from PortOne and compared, and who sells is asked (`Approves`). Then intent, call, outcome, as for
every call that moves money (design §4.1).
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from jangbu import audit
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.errors import Refusal
from jangbu.failpoints import failpoint
from jangbu.money import Money
from jangbu.payments import store
from jangbu.payments.confirm.refusals import (
    ConfirmInProgress,
    ConfirmRefused,
    NothingToConfirm,
    PaymentDiffers,
    PaymentExpired,
)
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import MAY_STILL_BE_PAID, UNKNOWN_CHECKS, Payment, Status, mismatch_of
from jangbu.payments.seen import Seen
from jangbu.payments.service.apis import expect_v2
from jangbu.payments.service.intents import note
from jangbu.payments.service.seeing import seen
from jangbu.payments.service.sync import find, sync
from jangbu.payments.service.verify import Verdict, verdict_of
from jangbu.payments.store import Attempt
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done, Refused, Unknown
from jangbu.portone.wire import Unreadable, read_payment
from jangbu.runtime import Runtime

log = structlog.get_logger()
OPERATION = "confirm"
UNDER_WAY = timedelta(seconds=90)
"""PortOne may take a minute over a call, also over one whose answer was lost. For so long nobody begins another
approval of the same payment."""
SAME_AGAIN = timedelta(seconds=10)
"""After so long the same approval may be sent again, under its own key: whoever sent it first has perhaps died, and the
payer's agreement is good for minutes only."""


class Approves(Protocol):
    """Whoever sells says whether a payment may be taken now; wiring fills it, and a payment of nobody's passes.

    It joins the transaction of whoever is about to say yes, so what it promises and the yes are one. It answers the
    refusal to hand on, or None, and calls nobody outside.
    """

    async def __call__(self, tx: Tx, payment: Payment, /, *, now: datetime, run: Runtime) -> Refusal | None:
        """Why not, or None for yes."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the browser brought back. The token is PortOne's word that the payer agreed, and is good once."""

    token: str
    transaction_id: str | None = None

    @property
    def digest(self) -> str:
        """The token as it may be kept: enough to know it again, and nothing to approve with."""
        return hashlib.sha256(self.token.encode()).hexdigest()


async def confirm(
    reference: str,
    agreed: Agreed,
    *,
    store_id: str | None = None,
    actor: Actor,
    run: Runtime,
    portone: PortOne,
    approves: Approves,
) -> Verdict:
    """Take the money of a payment that its payer agreed to, once. A payment that is taken already is just shown.

    Raises PaymentUnknown; before any money moves NothingToConfirm, PaymentExpired, PaymentDiffers, ConfirmInProgress
    and whatever `approves` objects; ConfirmRefused when PortOne or the PG said no; PortOneUnclear when nobody knows:
    the same call may be made again, and the sweep settles it without.
    """
    before = await find(reference, store_id=store_id, run=run)
    expect_v2(before)
    payment = await sync(before, actor=actor, run=run, portone=portone)
    payment, attempt_id = await _intended(payment, agreed, actor=actor, run=run, approves=approves)
    if attempt_id is None:
        return verdict_of(payment)
    failpoint("payment.confirm.intended")
    outcome = await portone.confirm_payment(
        payment.provider_order_id,
        token=agreed.token,
        transaction_id=agreed.transaction_id,
        total=payment.total,
        tax_free=Money(payment.tax_free_amount, payment.currency),
        is_test=run.settings.mode != "live",
        idempotency_key=str(attempt_id),
    )
    failpoint("payment.confirm.answered")
    match outcome:
        case Done():
            await note(attempt_id, "done", {}, run=run)
            failpoint("payment.confirm.noted")
            # The answer says neither what was taken nor whether it was: an account was perhaps only issued.
            return verdict_of(await sync(payment, actor=actor, run=run, portone=portone))
        case Refused() as refusal:
            return await _refused(payment, attempt_id, refusal, actor=actor, run=run, portone=portone)
        case Unknown() as unknown:
            await note(attempt_id, "unknown", unknown.said, run=run)
            raise PortOneUnclear(why=unknown.why)


async def _intended(
    payment: Payment, agreed: Agreed, *, actor: Actor, run: Runtime, approves: Approves
) -> tuple[Payment, UUID | None]:
    """Write down that it will be approved, as which attempt; as none when it is taken, or on its way, already.

    Whoever holds the payment's row decides, so of several that come at once one calls PortOne. Raises what speaks
    against it.
    """
    async with run.db.transaction() as tx:
        current = await store.lock(tx, payment.id)
        now = run.clock.now()
        if current.is_captured or current.awaits_money or current.status is Status.MISMATCH:
            return current, None
        known = [one for one in await store.attempts(tx, payment.id) if one.operation == OPERATION]
        if any(_is_under_way(one, agreed, now) for one in known):
            raise ConfirmInProgress
        against = objection(current, live=run.settings.mode == "live", now=now)
        against = against or await approves(tx, current, now=now, run=run)
        if against is None:
            same = next((one for one in known if _is_open(one) and _is_same(one, agreed)), None)
            # The same token again is the same call: under its own key PortOne does it once, whatever became of it.
            attempt_id = run.ids.uuid() if same is None else same.id
            if same is None:
                await _begin(tx, current, agreed, attempt_id, now=now, run=run)
            await store.update(tx, replace(current, due_at=now + UNKNOWN_CHECKS[0], checks=0))
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="payment.confirm_refused" if against else "payment.confirm_asked",
            subject=current.subject,
            **({"reason": against.code} if against else {}),
        )
        failpoint("payment.confirm.before_commit")
    if against is not None:
        log.warning("a payment was not approved", payment_id=str(payment.id), code=against.code)
        raise against
    return current, attempt_id


def objection(payment: Payment, *, live: bool, now: datetime) -> Refusal | None:
    """What our own record and PortOne's last answer say against taking this payment's money now."""
    if payment.status not in MAY_STILL_BE_PAID or payment.portone is None:
        return NothingToConfirm(status=payment.status.value)
    if now >= payment.expires_at:
        return PaymentExpired()
    try:
        shown = seen(read_payment(payment.portone))
    except Unreadable:
        return NothingToConfirm(status=payment.status.value)
    what = difference(payment, shown, live=live)
    return PaymentDiffers(what=what) if what else None


def difference(payment: Payment, shown: Seen, *, live: bool) -> str:
    """How what PortOne shows of an unpaid payment differs from what was registered, as `mismatch_of` words it."""
    # Until it is paid, PortOne need not name the channel (portone-facts §2.2); its confirm compares the kind itself.
    return mismatch_of(payment, shown if shown.is_live is not None else replace(shown, is_live=live), live=live)


def _is_open(one: Attempt) -> bool:
    return one.operation == OPERATION and one.state in ("sent", "unknown")


def _is_same(one: Attempt, agreed: Agreed) -> bool:
    return one.request.get("tokenSha256") == agreed.digest


def _is_under_way(one: Attempt, agreed: Agreed, now: datetime) -> bool:
    # One that is done, beside a payment that is not paid yet: whoever heard it is just reading the payment.
    patience = UNDER_WAY
    if _is_same(one, agreed) and one.state != "done":
        patience = SAME_AGAIN if one.state == "sent" else timedelta()
    return one.state in ("sent", "done", "unknown") and now - one.started_at < patience


async def _begin(tx: Tx, payment: Payment, agreed: Agreed, attempt_id: UUID, *, now: datetime, run: Runtime) -> None:
    request: dict[str, Any] = {
        "paymentId": payment.provider_order_id,
        "totalAmount": payment.amount,
        "taxFreeAmount": payment.tax_free_amount,
        "currency": payment.currency,
        "isTest": run.settings.mode != "live",
        "txId": agreed.transaction_id,
        "tokenSha256": agreed.digest,
    }
    await store.begin_attempt(
        tx, attempt_id=attempt_id, payment_id=payment.id, operation=OPERATION, request=request, at=now
    )


async def _refused(
    payment: Payment, attempt_id: UUID, refusal: Refused, *, actor: Actor, run: Runtime, portone: PortOne
) -> Verdict:
    """PortOne said no. That may be because an earlier try, or another window, has been there: the payment tells."""
    try:
        now_shown = verdict_of(await sync(payment, actor=actor, run=run, portone=portone))
    except PortOneUnclear:
        await note(attempt_id, "unknown", refusal.said, run=run)
        raise
    await note(attempt_id, "refused", refusal.said, run=run)
    if now_shown.payment.status not in MAY_STILL_BE_PAID:
        return now_shown
    raise ConfirmRefused(type=refusal.type, message=refusal.pg_message or refusal.message or "")
