"""Giving money back, as data: what a cancellation is, what may be asked for, and how long it may be sent. No I/O.

A cancellation of ours is written down before PortOne hears of it, and carries its id in the reason it sends, because
PortOne gives a cancellation no id of ours (portone-facts §2.8). One of ours at a time; whatever else PortOne shows was
made elsewhere and is adopted (`fold.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any
from uuid import UUID

from jangbu.money import Money
from jangbu.payments.cancellations.accounts import RefundAccount, needed_for
from jangbu.payments.cancellations.refusals import (
    CancelAmountExceeds,
    CancelAmountOutOfRange,
    CancelCurrencyDiffers,
    CancellationInProgress,
    PaymentAlreadyCancelled,
    PaymentNotPaid,
    TaxFreeAmountNeeded,
    TaxFreeAmountUnfit,
)
from jangbu.payments.rules import (
    UNKNOWN_CHECKS,
    WAITING_CHECKS,
    Payment,
)

RESEND_WITHIN = timedelta(hours=2, minutes=45)
"""How long a cancellation whose answer was lost is sent again under its key. PortOne remembers a key for 3 hours
(portone-facts §1.4); afterwards only reading the payment can tell, and nothing is sent any more (F06, F36)."""
V1_QUIET = timedelta(minutes=10)
"""How long nothing is sent again by V1, which has no keys: its `checksum` stops a call that comes after another has
ended, and nobody says what becomes of two at the same time (portone-facts §6.4)."""
V1_CHECKS_MAX = 11
"""How often a lost cancellation of V1 is looked after: for as long as V2's, at the sweeper's pace."""
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


class Turn(Enum):
    """What to do next about a call whose answer was lost."""

    SEND = auto()
    """Make it again, the same."""
    WAIT = auto()
    """It may still be under way."""
    GIVE_UP = auto()
    """It did not happen, and is not made again."""


_S = CancellationStatus
OPEN = frozenset({_S.WAITING, _S.SENDING, _S.REQUESTED})
IN_FLIGHT = frozenset({_S.SENDING, _S.REQUESTED})
MAY_BE_SENT = frozenset({_S.WAITING, _S.SENDING})
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
    asked: dict[str, Any] | None = None
    refund_account_encrypted: str | None = field(default=None, repr=False)
    refund_to: dict[str, Any] | None = None
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
        if self.status not in MAY_BE_SENT:
            # Whose account it was is nobody's business any more: whatever becomes of it, it is not sent again.
            object.__setattr__(self, "refund_account_encrypted", None)

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
    account: RefundAccount | None = None

    @property
    def terms(self) -> dict[str, Any]:
        """What was said, and what was left out: the same key has to come with the same (F40). Without the account,
        which whoever writes them down adds as a fingerprint.
        """
        return {
            "amount": self.amount,
            "currency": self.currency,
            "taxFreeAmount": self.tax_free_amount,
            "reason": self.reason,
        }


def taken(payment: Payment) -> Money | None:
    """What the payer gave and the books hold: the total of a capture, or the sum in suspense of a mismatch."""
    return payment.total if payment.is_captured else payment.suspense


def given_back(known: Sequence[Cancellation]) -> int:
    """The sum of what was given back, in minor units."""
    return sum(one.amount for one in known if one.status is _S.SUCCEEDED)


def given_back_alone(known: Sequence[Cancellation], by: str) -> int:
    """What of it `by` gave back without a second person, in minor units."""
    return given_back([one for one in known if one.requested_by == by and not one.decided_by])


def left_of(payment: Payment, known: Sequence[Cancellation]) -> Money | None:
    """What may still be given back; None where nothing was taken."""
    whole = taken(payment)
    return whole and Money(whole.amount_minor - given_back(known), whole.currency)


def begin(
    payment: Payment, known: Sequence[Cancellation], ask: Ask, *, new_id: UUID, by: str, now: datetime
) -> Cancellation:
    """The cancellation to write down for `ask`, or the refusal (B3, F35, F39, F40). Nothing was sent yet.

    Raises PaymentNotPaid, PaymentAlreadyCancelled, CancellationInProgress, CancelAmountOutOfRange,
    CancelAmountExceeds, CancelCurrencyDiffers, TaxFreeAmountNeeded, TaxFreeAmountUnfit, RefundAccountNeeded,
    RefundHolderPhoneNeeded.
    """
    left = left_of(payment, known)
    if left is None:
        raise PaymentNotPaid(status=payment.status.value)
    if ask.currency is not None and ask.currency != left.currency:
        raise CancelCurrencyDiffers(currency=ask.currency, expected=left.currency)
    if left.amount_minor == 0:
        raise PaymentAlreadyCancelled
    if any(one.status in OPEN and one.is_ours for one in known):
        raise CancellationInProgress
    account = needed_for(payment, ask.account)
    amount = left if ask.amount is None else Money(ask.amount, left.currency)
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
        currency=left.currency,
        cancellable_before=left.amount_minor,
        reason=ask.reason,
        requester=ask.requester,
        requested_by=by,
        request_key=ask.request_key,
        asked=ask.terms,
        refund_to=None if account is None else account.masked,
        sent_at=now,
        due_at=now + UNKNOWN_CHECKS[0],
        created_at=now,
    )


def _tax_free(payment: Payment, known: Sequence[Cancellation], amount: int, left: int, asked: int | None) -> int:
    """The tax-free part of a cancellation: PortOne takes all from the taxable part unless told (facts §10.12)."""
    done = [one for one in known if one.status is _S.SUCCEEDED]
    free = payment.tax_free_amount if payment.is_captured else 0
    # What was given back elsewhere may have been tax-free without saying so: no more of it is left than there is money.
    free_left = min(max(0, free - sum(one.tax_free_amount for one in done)), left)
    taxable_left = left - free_left
    if asked is None:
        if amount == left:
            return free_left
        if free_left and taxable_left > 0:
            raise TaxFreeAmountNeeded
        return amount if taxable_left <= 0 else 0
    if payment.api == "v1":
        # V1 says it neither of a payment nor of what was given back (portone-facts §6.3): whoever asks knows better.
        free_left, taxable_left = min(free, left), left
    if not 0 <= asked <= min(amount, free_left) or amount - asked > taxable_left:
        raise TaxFreeAmountUnfit
    return asked


def next_due(one: Cancellation, now: datetime) -> datetime | None:
    """When to ask about it next; None when there is nothing to ask. The steps are those of payments (design §4.1)."""
    if one.status not in IN_FLIGHT:
        return None
    steps = UNKNOWN_CHECKS if one.status is _S.SENDING else WAITING_CHECKS
    return now + steps[min(one.checks, len(steps) - 1)]


def may_send(one: Cancellation, now: datetime) -> bool:
    """Whether the call may be made (again) under its key."""
    return one.status is _S.SENDING and one.sent_at is not None and now - one.sent_at < RESEND_WITHIN


def turn_of(one: Cancellation, payment: Payment, now: datetime) -> Turn:
    """What to do about a cancellation that PortOne was told of and does not show."""
    if payment.api == "v2":
        return Turn.SEND if may_send(one, now) else Turn.GIVE_UP
    if one.status is not _S.SENDING or one.sent_at is None or one.checks > V1_CHECKS_MAX:
        return Turn.GIVE_UP
    return Turn.WAIT if now - one.sent_at < V1_QUIET else Turn.SEND
