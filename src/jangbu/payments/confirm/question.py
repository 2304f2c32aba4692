"""PortOne's question just before an approval: may this money be taken? (portone-facts §4.4; ADR 0019.)

Nothing has moved yet, so a no costs a sale at most, and a yes that should have been a no costs a refund. So whatever we
do not know in time is a no. The answer is worked out anew each time it is asked, from what holds at that moment.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog

from jangbu.db import Tx
from jangbu.errors import Refusal, Unavailable
from jangbu.failpoints import failpoint
from jangbu.money import Money, exponent_of
from jangbu.payments import store
from jangbu.payments.confirm import store as confirm_store
from jangbu.payments.confirm.refusals import CannotTell, NotPayable, PaymentDiffers, PaymentExpired, QuestionIdReused
from jangbu.payments.confirm.service import Approves, difference
from jangbu.payments.refusals import PaymentUnknown
from jangbu.payments.rules import MAY_STILL_BE_PAID, Payment
from jangbu.payments.seen import Seen
from jangbu.payments.service.alerts import tell_of_unanswered
from jangbu.payments.service.apis import api_of
from jangbu.payments.service.seeing import seen
from jangbu.portone.client import PortOne
from jangbu.portone.outcomes import Done
from jangbu.portone.wire import PaymentStatus
from jangbu.runtime import Runtime

log = structlog.get_logger()
ROUTE = "/api/portone/confirm-question"
ROUTE_V1 = "/api/portone/confirm-question/v1"
"""Where PortOne asks: what a browser gets as `confirmUrl`, behind our public address."""
ANSWERS = ("yes", "no", "unknown")
OF_DOCTOR = "jangbu_test_"
"""How the ids of questions begin that this installation asks itself (inbox/probe.py)."""
_TAKEN = frozenset({PaymentStatus.PAID, PaymentStatus.PARTIAL_CANCELLED, PaymentStatus.CANCELLED})
_left_behind: set["asyncio.Task[None]"] = set()
"""What still has to be written down of questions that are answered already; the loop itself keeps no task alive."""


@dataclass(frozen=True, slots=True)
class Question:
    """What PortOne asks. V2 states `total` in minor units and signs; V1 states `major`, and may be anybody."""

    id: str
    is_signed: bool
    payment_id: str
    transaction_id: str
    total: int | None = None
    major: Decimal | None = None
    store_id: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept of it."""
        named: dict[str, Any] = {"paymentId": self.payment_id, "transactionId": self.transaction_id}
        named |= {"amount": str(self.major)} if self.total is None else {"totalAmount": self.total}
        return named if self.store_id is None else named | {"storeId": self.store_id}

    def is_about(self, total: Money) -> bool:
        """Whether it asks about this very sum."""
        if self.total is not None or self.major is None:
            return self.total == total.amount_minor
        return self.major.scaleb(exponent_of(total.currency)) == total.amount_minor


async def answer(question: Question, *, run: Runtime, portone: PortOne, approves: Approves) -> Refusal | None:
    """Why the payment must not be approved, or None for yes; within `confirm_answer_s`, whatever hangs.

    CannotTell is the no of who does not know. Asked again, it answers again; nothing is promised twice.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    work = asyncio.ensure_future(_decided(question, started, run=run, portone=portone, approves=approves))
    try:
        # Not `asyncio.timeout`: that would wait until what it cancels has cleaned up, and a database that does not
        # answer does not answer a ROLLBACK either.
        await asyncio.wait({work}, timeout=run.settings.confirm_answer_s)
    finally:
        if not work.done():
            work.cancel()
    if not work.done():
        log.error("PortOne asked, and we could not tell in time", payment_id=question.payment_id)
        _write_later(question, work, started, run=run)
        return CannotTell()
    try:
        return work.result()
    except Unavailable as away:
        log.error("PortOne asked, and we could not tell", payment_id=question.payment_id, code=away.code)
    except Exception:
        log.exception("PortOne asked, and we could not tell", payment_id=question.payment_id)
    _write_later(question, work, started, run=run)
    return CannotTell()


async def questions(
    answer: str = "", *, before: tuple[datetime, UUID] | None = None, most: int, run: Runtime
) -> list[confirm_store.Listed]:
    """What PortOne asked, the latest first; `answer` is one of ANSWERS, or "" for any."""
    before_at, before_id = before or (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
    async with run.db.transaction() as tx:
        return await confirm_store.newest(tx, answer, before_at=before_at, before_id=before_id, most=most)


async def _decided(
    question: Question, started: float, *, run: Runtime, portone: PortOne, approves: Approves
) -> Refusal | None:
    async with run.db.transaction() as tx:
        payment = await store.find(tx, question.payment_id)
    shown = None if payment is None else await _shown(payment, run=run, portone=portone)
    failpoint("payment.question.read")
    async with run.db.transaction() as tx:
        before = await confirm_store.asked_before(tx, question.id)
        against: Refusal | None
        if before is not None and before != question.facts:
            against = QuestionIdReused()
        elif payment is None:
            against = PaymentUnknown(reference=question.payment_id)
        elif shown is None and not question.is_signed:
            # Nobody but PortOne itself vouches for what an unsigned question says.
            against = CannotTell()
        else:
            # Payment first and then whatever `approves` locks, as everywhere: nobody waits for another in a circle.
            payment = await store.lock(tx, payment.id)
            now = run.clock.now()
            against = _objection(question, payment, shown, now=now, run=run)
            against = against or await approves(tx, payment, now=now, run=run)
        if not isinstance(against, QuestionIdReused):
            await _keep(tx, question, payment, against, started, run=run)
        failpoint("payment.question.before_commit")
    failpoint("payment.question.answered")
    if against is not None:
        log.warning("PortOne asked, and was told no", payment_id=question.payment_id, code=against.code)
    return against


async def _shown(payment: Payment, *, run: Runtime, portone: PortOne) -> Seen | None:
    """What PortOne shows of it, if it does so in half of the time there is.

    It asks us in the middle of an approval, and nothing is published about what reading it meanwhile does: so what it
    shows may speak against the payment, and what it does not show in time is no answer of ours.
    """
    try:
        async with asyncio.timeout(run.settings.confirm_answer_s / 2):
            outcome = await api_of(payment, portone).look(payment)
    except TimeoutError:
        return None
    return seen(outcome.value) if isinstance(outcome, Done) else None


def _objection(
    question: Question, payment: Payment, shown: Seen | None, *, now: datetime, run: Runtime
) -> Refusal | None:
    if question.store_id not in (None, payment.store_id):
        return PaymentDiffers(what="other_store")
    if not question.is_about(payment.total):
        return PaymentDiffers(what="other_amount")
    if payment.status not in MAY_STILL_BE_PAID:
        return NotPayable(status=payment.status.value)
    if now >= payment.expires_at:
        return PaymentExpired()
    if shown is None:
        return None
    if shown.status in _TAKEN:
        return NotPayable(status=shown.status)
    what = difference(payment, shown, live=run.settings.mode == "live")
    return PaymentDiffers(what=what) if what else None


def _write_later(question: Question, work: "asyncio.Task[Refusal | None]", started: float, *, run: Runtime) -> None:
    """PortOne has its answer; that it was given is written down when the database can do it again, if it soon can."""

    async def write() -> None:
        await asyncio.wait({work})
        try:
            async with run.db.transaction() as tx:
                payment = await store.find(tx, question.payment_id)
                await _keep(tx, question, payment, CannotTell(), started, run=run)
        except Unavailable:
            log.warning("an answer to PortOne's question is only in this log", payment_id=question.payment_id)

    task = asyncio.ensure_future(write())
    _left_behind.add(task)
    task.add_done_callback(_left_behind.discard)


async def _keep(
    tx: Tx, question: Question, payment: Payment | None, against: Refusal | None, started: float, *, run: Runtime
) -> None:
    # Of a payment that is none of ours anybody could ask; what we ask ourselves is nothing that happened.
    if payment is None and (not question.is_signed or question.id.startswith(OF_DOCTOR)):
        return
    now = run.clock.now()
    answered = "yes" if against is None else "unknown" if isinstance(against, CannotTell) else "no"
    await confirm_store.keep(
        tx,
        row_id=run.ids.uuid(),
        question_id=question.id,
        is_signed=question.is_signed,
        payment_id=None if payment is None else payment.id,
        portone_payment_id=question.payment_id,
        asked=question.facts,
        answer=answered,
        code="" if against is None else against.code,
        took_ms=round((asyncio.get_running_loop().time() - started) * 1000),
        asked_at=now,
        answered_at=now,
    )
    if answered == "unknown":
        await tell_of_unanswered(tx, now=now, run=run)
