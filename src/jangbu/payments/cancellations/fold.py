"""What PortOne's list of a payment's cancellations means for the payment and for our own rows. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from jangbu import ids
from jangbu.money import Money, vat_included
from jangbu.payments.cancellations.rules import (
    TRANSITIONS,
    Cancellation,
    CancellationStatus,
    given_back,
    next_due,
    taken,
)
from jangbu.payments.review_rules import CAPTURED_AFTER_RETURN, RETURNED
from jangbu.payments.rules import WAITING_CHECKS, Event, Payment, next_status
from jangbu.payments.seen import SeenCancellation

_S = CancellationStatus
CLOCKS_APART = timedelta(minutes=5)
"""How far PortOne's clock may be behind ours."""

# A status that is new to us is "not done yet": never a failure, and asked about again (portone-facts §10.8).
_STATUS_OF = {"SUCCEEDED": _S.SUCCEEDED, "FAILED": _S.FAILED}


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
    payment: Payment,
    known: Sequence[Cancellation],
    shown: Sequence[SeenCancellation],
    *,
    said: str = "",
    sum_said: int | None = None,
    now: datetime,
) -> Folded:
    """Apply PortOne's list of cancellations to a payment whose money was taken (F22, F36-F38).

    Whatever order lists arrive in, and however often, the end is the same: a cancellation that succeeded stays so, and
    each is counted once. One that PortOne does not show is left as it was: this answer may be older than the call.
    `said` is the payment's status in the same answer, and `sum_said` what PortOne says was given back in all.
    """
    whole = taken(payment)
    if whole is None:
        return Folded(payment, ())
    rows = {one.id: one for one in known}
    changes: list[Change] = []
    if _is_unclear(shown, said, sum_said):
        # Money went back, and PortOne does not say how much of it: a person looks, and it is asked about again.
        again = WAITING_CHECKS[min(payment.checks, len(WAITING_CHECKS) - 1)]
        payment = replace(payment, review=payment.reviewed_for("cancellation_unclear"), due_at=now + again)
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
    is_whole = given_back(list(rows.values())) == whole.amount_minor
    if not payment.is_captured and is_whole and payment.review != CAPTURED_AFTER_RETURN:
        payment = replace(payment, review=RETURNED)
    return Folded(payment, tuple(changes))


def _is_unclear(shown: Sequence[SeenCancellation], said: str, sum_said: int | None) -> bool:
    """Whether one answer of PortOne's contradicts itself about what was given back."""
    done = [one.amount for one in shown if one.status == "SUCCEEDED"]
    if said in {"PARTIAL_CANCELLED", "CANCELLED"} and not done:
        return True
    # Whether the sum has in it what is on its way already is not written down.
    most = sum(one.amount for one in shown if one.status != "FAILED")
    return sum_said is not None and not sum(done) <= sum_said <= most


def _known_as(one: SeenCancellation, rows: Iterable[Cancellation], reasons: str) -> Cancellation | None:
    rows = list(rows)
    by_id = [row for row in rows if row.portone_cancellation_id == one.id]
    # A row that PortOne has named stands for that one cancellation alone: another, however alike, is money of its own.
    ours = [row for row in rows if row.is_ours and row.portone_cancellation_id is None]
    by_tag = [row for row in ours if row.tag in one.reason]
    # Should a PG have cut our mark off the reason: a call of ours that is under way, for this very sum, and is not
    # there under its mark as well. V2 says that an API asked for it; of V1 what the PG left of our reason has to.
    by_sum = [
        row
        for row in ours
        if row.status is _S.SENDING
        and row.tag not in reasons
        and one.amount == row.amount
        and (one.trigger == "API" or (not one.trigger and one.reason and row.reason_sent.startswith(one.reason)))
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
