"""Giving money back, as data: what may be cancelled, and what PortOne's list of cancellations means. No I/O.

A cancellation of ours is written down before PortOne hears of it, and carries its id in the reason it sends, because
PortOne gives a cancellation no id of ours (portone-facts §2.8). One of ours at a time; whatever else PortOne shows was
made elsewhere and is adopted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from jangbu import ids
from jangbu.money import Money, vat_included
from jangbu.payments.refusals import (
    CancelAmountExceeds,
    CancelAmountOutOfRange,
    CancelCurrencyDiffers,
    CancellationInProgress,
    PaymentAlreadyCancelled,
    PaymentNotPaid,
    RefundAccountNeeded,
    TaxFreeAmountNeeded,
    TaxFreeAmountUnfit,
)
from jangbu.payments.rules import (
    BOOKED_MISMATCHES,
    UNKNOWN_CHECKS,
    WAITING_CHECKS,
    Event,
    Payment,
    SeenCancellation,
    Status,
    next_status,
)

RESEND_WITHIN = timedelta(hours=2, minutes=45)
"""How long a cancellation whose answer was lost is sent again under its key. PortOne remembers a key for 3 hours
(portone-facts §1.4); afterwards only reading the payment can tell, and nothing is sent any more (F06, F36)."""
CLOCKS_APART = timedelta(minutes=5)
"""How far PortOne's clock may be behind ours."""
RETURNED = "returned"
"""The review of a mismatched payment whose money was given back in full: nothing is left to decide."""
RECORDED_ELSEWHERE = "RECORDED_ELSEWHERE"
"""Why a row of ours is FAILED although the money went back: it is in the books under another row, once."""
REASON_LONGEST = 200


class CancellationStatus(StrEnum):
    """Where a cancellation stands."""

    WAITING = "WAITING"
    """Above what its requester may decide alone: a second person approves or rejects it. PortOne knows nothing."""
    SENDING = "SENDING"
    """PortOne was told, or was about to be; what came of it is not known yet."""
    REQUESTED = "REQUESTED"
    """PortOne took it on; the PG gives the money back later (asynchronous PGs)."""
    SUCCEEDED = "SUCCEEDED"
    """The money was given back, and the ledger says so."""
    FAILED = "FAILED"
    """It did not happen."""
    REJECTED = "REJECTED"
    """The second person said no."""


_S = CancellationStatus
OPEN = frozenset({_S.WAITING, _S.SENDING, _S.REQUESTED})
IN_FLIGHT = frozenset({_S.SENDING, _S.REQUESTED})
TRANSITIONS = frozenset(
    {
        (_S.WAITING, _S.SENDING),
        (_S.WAITING, _S.REJECTED),
        (_S.SENDING, _S.REQUESTED),
        (_S.SENDING, _S.SUCCEEDED),
        (_S.SENDING, _S.FAILED),
        (_S.REQUESTED, _S.SUCCEEDED),
        (_S.REQUESTED, _S.FAILED),
        # Given up on, and PortOne shows it as done after all: the money moved, so the books follow.
        (_S.FAILED, _S.SUCCEEDED),
    }
)
"""Every change there is. Nothing leaves SUCCEEDED."""

# A status that is new to us is "not done yet": never a failure, and asked about again (portone-facts §10.8).
_STATUS_OF = {"SUCCEEDED": _S.SUCCEEDED, "FAILED": _S.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """One row of `payment_cancellations`. Amounts in minor units of `currency`."""

    id: UUID
    payment_id: UUID
    origin: str
    status: CancellationStatus
    amount: int
    tax_free_amount: int = 0
    vat_amount: int = 0
    currency: str
    cancellable_before: int = 0
    reason: str
    requester: str = ""
    requested_by: str
    decided_by: str = ""
    request_key: str | None = None
    portone_cancellation_id: str | None = None
    pg_cancellation_id: str | None = None
    trigger: str = ""
    failure: dict[str, Any] | None = None
    sent_at: datetime | None = None
    cancelled_at: datetime | None = None
    due_at: datetime | None = None
    checks: int = 0
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", CancellationStatus(self.status))

    @property
    def total(self) -> Money:
        """What is given back."""
        return Money(self.amount, self.currency)

    @property
    def is_ours(self) -> bool:
        """Made through this installation."""
        return self.origin == "ours"

    @property
    def tag(self) -> str:
        """What marks it as ours in PortOne's list of cancellations."""
        return f"[jangbu:{self.id.hex}]"

    @property
    def reason_sent(self) -> str:
        """The reason as PortOne is told it."""
        return f"{self.reason} {self.tag}"


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants back. No `amount`: all that is left. `request_key` is already told apart by caller."""

    amount: int | None = None
    currency: str | None = None
    tax_free_amount: int | None = None
    reason: str = "User requested cancellation"
    requester: str = ""
    request_key: str | None = None


def taken(payment: Payment) -> Money | None:
    """What the payer gave and the books hold: the total of a capture, or the sum in suspense of a mismatch."""
    if payment.is_captured:
        return payment.total
    answer = payment.portone or {}
    if payment.status is Status.MISMATCH and payment.review in BOOKED_MISMATCHES | {RETURNED}:
        return Money(answer["amount"]["total"], answer["currency"])
    return None


def given_back(known: Sequence[Cancellation]) -> int:
    """The sum of what was given back, in minor units."""
    return sum(one.amount for one in known if one.status is _S.SUCCEEDED)


def begin(
    payment: Payment, known: Sequence[Cancellation], ask: Ask, *, new_id: UUID, by: str, now: datetime
) -> Cancellation:
    """The cancellation to write down for `ask`, or the refusal (B3, F35, F39, F40). Nothing was sent yet.

    Raises PaymentNotPaid, PaymentAlreadyCancelled, CancellationInProgress, CancelAmountOutOfRange,
    CancelAmountExceeds, CancelCurrencyDiffers, TaxFreeAmountNeeded, TaxFreeAmountUnfit, RefundAccountNeeded.
    """
    whole = taken(payment)
    if whole is None:
        raise PaymentNotPaid(status=payment.status.value)
    left = Money(whole.amount_minor - given_back(known), whole.currency)
    if ask.currency is not None and ask.currency != whole.currency:
        raise CancelCurrencyDiffers(currency=ask.currency, expected=whole.currency)
    if left.amount_minor == 0:
        raise PaymentAlreadyCancelled
    if any(one.status in OPEN and one.is_ours for one in known):
        raise CancellationInProgress
    if (payment.method or {}).get("type") == "PaymentMethodVirtualAccount":
        raise RefundAccountNeeded
    amount = left if ask.amount is None else Money(ask.amount, whole.currency)
    if amount.amount_minor <= 0:
        raise CancelAmountOutOfRange
    if amount > left:
        raise CancelAmountExceeds(amount=amount, cancellable=left)
    return Cancellation(
        id=new_id,
        payment_id=payment.id,
        origin="ours",
        status=_S.SENDING,
        amount=amount.amount_minor,
        tax_free_amount=_tax_free(payment, known, amount.amount_minor, left.amount_minor, ask.tax_free_amount),
        currency=whole.currency,
        cancellable_before=left.amount_minor,
        reason=ask.reason,
        requester=ask.requester,
        requested_by=by,
        request_key=ask.request_key,
        sent_at=now,
        due_at=now + UNKNOWN_CHECKS[0],
        created_at=now,
    )


def _tax_free(payment: Payment, known: Sequence[Cancellation], amount: int, left: int, asked: int | None) -> int:
    """The tax-free part of a cancellation: PortOne takes all from the taxable part unless told (facts §10.12)."""
    free = payment.tax_free_amount if payment.is_captured else 0
    free_left = max(0, free - sum(one.tax_free_amount for one in known if one.status is _S.SUCCEEDED))
    taxable_left = left - free_left
    if asked is None:
        if amount == left:
            return free_left
        if free_left and taxable_left > 0:
            raise TaxFreeAmountNeeded
        return amount if taxable_left <= 0 else 0
    if not 0 <= asked <= min(amount, free_left) or amount - asked > taxable_left:
        raise TaxFreeAmountUnfit
    return asked


@dataclass(frozen=True, slots=True)
class Change:
    """One cancellation that moved. `payment` is the row after it; `event` is set when money was given back."""

    before: Cancellation | None
    after: Cancellation
    payment: Payment
    event: Event | None


@dataclass(frozen=True, slots=True)
class Folded:
    """The payment after every cancellation PortOne showed, and what changed on the way, in order."""

    payment: Payment
    changes: tuple[Change, ...]


def fold(
    payment: Payment, known: Sequence[Cancellation], shown: Sequence[SeenCancellation], *, said: str = "", now: datetime
) -> Folded:
    """Apply PortOne's list of cancellations to a payment whose money was taken (F22, F36-F38).

    Whatever order lists arrive in, and however often, the end is the same: a cancellation that succeeded stays so, and
    each is counted once. One that PortOne does not show is left as it was: this answer may be older than the call.
    `said` is the payment's status in the same answer.
    """
    whole = taken(payment)
    if whole is None:
        return Folded(payment, ())
    rows = {one.id: one for one in known}
    changes: list[Change] = []
    if said in {"PARTIAL_CANCELLED", "CANCELLED"} and not any(one.status == "SUCCEEDED" for one in shown):
        # Money went back, and PortOne does not say how much of it: a person looks, and it is asked about again.
        payment = replace(payment, review=payment.review or "cancellation_unclear")
    for one in sorted(shown, key=lambda each: (each.cancelled_at or each.requested_at or now, each.id)):
        before = _known_as(one, rows.values(), "".join(each.reason for each in shown))
        after = _moved(before, one, payment, whole, now=now)
        if after is None or after == before:
            continue
        event = None
        if after.status is _S.SUCCEEDED and (before is None or before.status is not _S.SUCCEEDED):
            if given_back(list(rows.values())) + after.amount > whole.amount_minor:
                # More given back than was ever taken: nothing can be booked by guessing.
                payment = replace(payment, review="cancelled_more_than_taken")
                continue
            payment, after, event = _given_back(payment, list(rows.values()), after, whole)
        rows[after.id] = after
        changes.append(Change(before, after, payment, event))
    if not payment.is_captured and given_back(list(rows.values())) == whole.amount_minor:
        payment = replace(payment, review=RETURNED)
    return Folded(payment, tuple(changes))


def _known_as(one: SeenCancellation, rows: Iterable[Cancellation], reasons: str) -> Cancellation | None:
    rows = list(rows)
    by_id = [row for row in rows if row.portone_cancellation_id == one.id]
    # A row that PortOne has named stands for that one cancellation alone: another, however alike, is money of its own.
    ours = [row for row in rows if row.is_ours and row.portone_cancellation_id is None]
    by_tag = [row for row in ours if row.tag in one.reason]
    # Should a PG have cut our mark off the reason: a call of ours that is under way, for this very sum, and is not
    # there under its mark as well.
    by_sum = [
        row
        for row in ours
        if row.status is _S.SENDING
        and row.tag not in reasons
        and (one.trigger, one.amount) == ("API", row.amount)
        and one.requested_at is not None
        and row.sent_at is not None
        and one.requested_at >= row.sent_at - CLOCKS_APART
    ]
    return next(iter(by_id or by_tag or by_sum), None)


def _moved(
    before: Cancellation | None, one: SeenCancellation, payment: Payment, whole: Money, *, now: datetime
) -> Cancellation | None:
    status = _STATUS_OF.get(one.status, _S.REQUESTED)
    if before is None:
        if status is _S.FAILED or one.amount <= 0:
            # Somebody tried elsewhere and failed: nothing happened.
            return None
        before_it = Cancellation(
            id=UUID(ids.from_facts("cancellation", str(payment.id), one.id)),
            payment_id=payment.id,
            origin="elsewhere",
            status=status,
            amount=one.amount,
            tax_free_amount=min(max(one.tax_free, 0), one.amount),
            currency=whole.currency,
            reason=one.reason,
            requested_by=f"portone:{one.trigger.lower() or 'unknown'}",
            created_at=one.requested_at or now,
            cancelled_at=(one.cancelled_at or now) if status is _S.SUCCEEDED else None,
        )
        return _scheduled(_named(before_it, one), now)
    if (before.status, status) not in TRANSITIONS:
        return _named(before, one)
    # What PortOne says it gave back is what left; ours is only what we asked for.
    amount = one.amount if one.amount > 0 else before.amount
    moved = replace(
        before,
        status=status,
        amount=amount,
        tax_free_amount=min(before.tax_free_amount, amount),
        failure={"type": "CANCELLATION_FAILED"} if status is _S.FAILED else None,
        cancelled_at=(one.cancelled_at or now) if status is _S.SUCCEEDED else None,
        checks=0,
    )
    return _scheduled(_named(moved, one), now)


def _named(row: Cancellation, one: SeenCancellation) -> Cancellation:
    return replace(
        row,
        portone_cancellation_id=row.portone_cancellation_id or one.id,
        pg_cancellation_id=one.pg_id or row.pg_cancellation_id,
        trigger=one.trigger or row.trigger,
    )


def _scheduled(row: Cancellation, now: datetime) -> Cancellation:
    return replace(row, due_at=next_due(row, now))


def _given_back(
    payment: Payment, known: list[Cancellation], after: Cancellation, whole: Money
) -> tuple[Payment, Cancellation, Event]:
    """The money of `after` left: the payment's sums (B7), and the VAT it takes back."""
    sum_before = given_back([one for one in known if one.id != after.id])
    cancelled = sum_before + after.amount
    event = Event.ALL_CANCELLED if cancelled == whole.amount_minor else Event.PART_CANCELLED
    if not payment.is_captured:
        return payment, after, event
    vat_before = sum(one.vat_amount for one in known if one.status is _S.SUCCEEDED and one.id != after.id)
    booked = replace(after, vat_amount=_vat_back(payment, after, sum_before, vat_before))
    assert after.cancelled_at is not None
    moved = replace(
        payment,
        status=next_status(payment.status, event) or payment.status,
        cancelled_amount=cancelled,
        cancellable_amount=whole.amount_minor - cancelled,
        cancelled_at=after.cancelled_at,
    )
    return moved, booked, event


def _vat_back(payment: Payment, one: Cancellation, sum_before: int, vat_before: int) -> int:
    """The VAT this cancellation takes back: a part of what the capture booked, and all of the rest with the last won.

    Kept within what is left on both sides, so that neither the VAT nor the sales of what remains can turn negative.
    """
    left, vat_left = payment.amount - sum_before, payment.vat_amount - vat_before
    rest = left - one.amount
    if rest == 0 or vat_left == 0:
        return vat_left
    share = vat_included(one.total, Money(min(one.tax_free_amount, one.amount), one.currency)).amount_minor
    return min(max(share, vat_left - rest, 0), vat_left, one.amount)


def next_due(one: Cancellation, now: datetime) -> datetime | None:
    """When to ask about it next; None when there is nothing to ask. The steps are those of payments (design §4.1)."""
    if one.status not in IN_FLIGHT:
        return None
    steps = UNKNOWN_CHECKS if one.status is _S.SENDING else WAITING_CHECKS
    return now + steps[min(one.checks, len(steps) - 1)]


def may_send(one: Cancellation, now: datetime) -> bool:
    """Whether the call may be made (again) under its key."""
    return one.status is _S.SENDING and one.sent_at is not None and now - one.sent_at < RESEND_WITHIN
