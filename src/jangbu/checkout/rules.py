"""Sessions, and what a payment's state means for them. No I/O; "now" is an argument.

A session is driven by what its payment *is*, never by which message came: webhook, browser and sweep may come in any
order and any number of times, and each of them asks `step_for` again.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from jangbu.checkout.refusals import RedirectNotAllowed
from jangbu.clock import instant
from jangbu.money import Money
from jangbu.payments.review_rules import RETURNED

PREPARES_MAX = 30
"""How often one session may be prepared (F124). Payers who change their card do it a few times, programs do not."""
TIME_TO_PAY = timedelta(minutes=10)
"""Whoever opens a window shortly before the session expires has at least this long in it."""
PENDING_RECHECK = timedelta(minutes=5)
LATE_RECHECK = timedelta(minutes=15)
"""When to look whether late money is back; how long a refund takes to be settled is payments' business."""
ROUNDED_UP = timedelta(days=1)
ASK_AT_MOST_EVERY = timedelta(seconds=2)
"""How often a payer's browser can have us ask PortOne about one session."""
REDIRECT_LONGEST = 500


class State(StrEnum):
    """Where a session stands."""

    OPEN = "open"
    """Made; nobody has tried to pay yet, and no stock is held."""
    PREPARING = "preparing"
    """Somebody is paying: stock is held and PortOne holds the amount."""
    PAID = "paid"
    """Paid, and its lines were delivered once."""
    CANCELLED = "cancelled"
    """All of the money was given back, and the stock with it."""
    EXPIRED = "expired"
    """Nobody paid in time."""
    ABANDONED = "abandoned"
    """The shop called it off."""


class LateRefund(StrEnum):
    """What becomes of money that came when the goods were gone."""

    NONE = ""
    WANTED = "wanted"
    """A job sends it back."""
    BY_HAND = "by_hand"
    """Only a person can: PortOne needs the payer's account, or said no."""
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One row of `payment_sessions`. `id` is ours; `session_id` is the unguessable one that a payer knows."""

    id: UUID
    session_id: str
    store_id: str
    order_id: str
    order_name: str
    customer_id: str
    amount: int
    tax_free_amount: int
    currency: str
    is_escrow: bool = False
    state: State = State.OPEN
    holds_stock: bool = False
    late_refund: LateRefund = LateRefund.NONE
    prepares: int = 0
    buyer: dict[str, Any] = field(default_factory=dict, repr=False)
    """As the release before the vault wrote it, and reads it; what counts is service.buyers.buyer_of."""
    buyer_encrypted: str | None = field(default=None, repr=False)
    redirect_url: str = ""
    expires_at: datetime
    due_at: datetime | None = None
    paid_at: datetime | None = None
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))
        object.__setattr__(self, "late_refund", LateRefund(self.late_refund))

    @property
    def total(self) -> Money:
        """What it costs."""
        return Money(self.amount, self.currency)

    @property
    def subject(self) -> str:
        """How events and the audit log name it."""
        return f"checkout:{self.id}"

    @property
    def has_buyer(self) -> bool:
        """Whether anything is known here of who buys."""
        return self.buyer_encrypted is not None or bool(self.buyer)

    @property
    def is_undecided(self) -> bool:
        """It may still be paid in the ordinary way."""
        return self.state in (State.OPEN, State.PREPARING)


@dataclass(frozen=True, slots=True)
class PaymentSeen:
    """What a session must know of its payment."""

    id: UUID
    provider_order_id: str
    status: str
    method: dict[str, Any] | None
    failure: dict[str, Any] | None
    order_name: str
    expires_at: datetime
    review: str = ""
    held_until_most: datetime | None = None
    """How long what we gave the window to say keeps the stock, whatever a browser made of it; None: as long as PortOne
    says."""

    @property
    def is_money_here(self) -> bool:
        """Money was taken as asked, and not all of it was given back."""
        return self.status in ("PAID", "PARTIAL_CANCELLED")

    @property
    def is_in_doubt(self) -> bool:
        """Money came, but not as asked, and a person has not sent it back yet."""
        return self.status == "MISMATCH" and self.review != RETURNED

    @property
    def is_waiting(self) -> bool:
        """An account was issued, or the PG is deciding: money may come without the payer doing anything here."""
        return self.status in ("VIRTUAL_ACCOUNT_ISSUED", "PAY_PENDING")

    @property
    def is_by_account(self) -> bool:
        """Money that came to a virtual account goes back only to an account that the payer names."""
        return (self.method or {}).get("type") == "PaymentMethodVirtualAccount"

    @property
    def deposit_due(self) -> datetime | None:
        """Until when the issued account takes the deposit, if PortOne says."""
        try:
            return instant((self.method or {})["expiredAt"]) if self.status == "VIRTUAL_ACCOUNT_ISSUED" else None
        except (KeyError, ValueError, TypeError):
            return None


KOREAN_ONLY = frozenset({"TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE", "GIFT_CERTIFICATE"})
"""Ways to pay that move won inside Korea."""
WITH_RECEIPT = frozenset({"TRANSFER", "VIRTUAL_ACCOUNT"})
"""Ways to pay for which there are cash receipts (portone-facts §2.11): won too."""
BY_V1 = frozenset({"CARD", "EASY_PAY", "TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE"})


def ways_to_pay(channels: Mapping[str, str], currency: str, api: str) -> dict[str, str]:
    """The offered methods, and their channels, by which somebody can pay in `currency`, in the order to show them.

    PayPal takes everything but won (portone-facts §9.4). Checkout by V1 is for won.
    """
    fit: AbstractSet[str]
    if api == "v1":
        fit = BY_V1 if currency == "KRW" else frozenset()
    else:
        fit = channels.keys() - ({"PAYPAL"} if currency == "KRW" else KOREAN_ONLY)
    return {method: channel for method, channel in channels.items() if method in fit}


def was_closed(failure: Mapping[str, Any]) -> bool:
    """Whether the payer closed the window, as far as the PG's words say: PortOne has no code for it (facts §7.1)."""
    return any(re.search("cancel|사용자.*취소", str(word), re.IGNORECASE) for word in failure.values() if word)


class Step(StrEnum):
    """What is to be done with a session now."""

    NOTHING = "nothing"
    DELIVER = "deliver"
    """The money is here in time: what was held is sold."""
    DELIVER_LATE = "deliver late"
    """The money is here and nothing is held any more: sell if the goods are there, send it back if not."""
    TAKE_BACK = "take back"
    """All of the money went back: so does what was delivered."""
    CLOSE = "close"
    """All of the money went back before anything was delivered."""
    WAIT_LONGER = "wait longer"
    """Money is on its way: keep the stock for it."""
    EXPIRE = "expire"
    """Nobody paid in time."""


def step_for(session: Session, payment: PaymentSeen | None, *, now: datetime) -> Step:
    """What the payment's present state means for the session."""
    if payment is not None and payment.is_money_here:
        if session.state in (State.PAID, State.CANCELLED) or session.late_refund is not LateRefund.NONE:
            return Step.NOTHING
        return Step.DELIVER if session.holds_stock else Step.DELIVER_LATE
    if payment is not None and payment.status == "CANCELLED":
        if session.state is State.PAID:
            return Step.TAKE_BACK
        is_known = session.state is State.CANCELLED or session.late_refund is LateRefund.DONE
        return Step.NOTHING if is_known else Step.CLOSE
    if not session.is_undecided:
        return Step.NOTHING
    if payment is not None and payment.is_waiting and now < money_expected_until(session, payment):
        is_covered = session.expires_at >= money_expected_until(session, payment)
        return Step.NOTHING if is_covered else Step.WAIT_LONGER
    return Step.EXPIRE if now >= session.expires_at else Step.NOTHING


def prolonged(session: Session, now: datetime, *, life: timedelta) -> datetime:
    """Until when somebody who prepares now may pay. Preparing again and again does not hold stock for ever."""
    return max(session.expires_at, min(now + TIME_TO_PAY, session.created_at + life + TIME_TO_PAY))


def kept_for_approval(session: Session, now: datetime, *, life: timedelta) -> datetime:
    """Until when a session is kept whose money may be taken now: long enough to hear of it, and not again and again."""
    return max(session.expires_at, min(now + TIME_TO_PAY, session.created_at + life + 2 * TIME_TO_PAY))


def deposit_held_until(session: Session, *, life: timedelta, deposit: timedelta) -> datetime:
    """Until when the stock is kept for a deposit at most: `deposit` from the last moment a window could be opened.

    A payer's browser tells the PG when the account is to close, and could say in a hundred years. PGs round it up to
    the end of its day.
    """
    return session.created_at + life + 2 * TIME_TO_PAY + deposit + ROUNDED_UP


def money_expected_until(session: Session, payment: PaymentSeen) -> datetime:
    """How long money may still come by itself: until the account closes, or the payment expires."""
    due = payment.deposit_due
    if due is not None and payment.held_until_most is not None:
        due = min(due, payment.held_until_most)
    return max(session.expires_at, due or payment.expires_at)


def checked_redirect(url: str, origins: Sequence[str]) -> str:
    """`url` when it certainly leads to one of `origins` (F126). Raises RedirectNotAllowed.

    Browsers drop control characters and read a backslash as a slash, so anything but visible ASCII is refused.
    """
    if not url:
        return ""
    is_plain = len(url) <= REDIRECT_LONGEST and all("!" <= letter <= "~" for letter in url) and "\\" not in url
    if not is_plain:
        raise RedirectNotAllowed
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RedirectNotAllowed from None
    # The netloc as it stands: with a user name or another port it is another text, and so not on the list.
    if f"{parts.scheme}://{parts.netloc}" not in origins:
        raise RedirectNotAllowed
    return url


class Phase(StrEnum):
    """What a payer is to see."""

    READY = "ready"
    DECLINED = "declined"
    """The last try failed; another may be made."""
    AWAITS_DEPOSIT = "awaits_deposit"
    PENDING = "pending"
    IN_REVIEW = "in_review"
    """Money came, but not as asked: a person is looking. Nobody is to pay again."""
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    """Money came too late and goes back."""
    REFUNDED = "refunded"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


def phase_of(session: Session, payment: PaymentSeen | None) -> Phase:
    """The session as its payer sees it."""
    match session.state, session.late_refund:
        case State.PAID | State.CANCELLED as state, _:
            return Phase(state.value)
        case _, LateRefund.DONE:
            return Phase.REFUNDED
        case _, LateRefund.WANTED | LateRefund.BY_HAND:
            return Phase.REFUNDING
    status = "" if payment is None else payment.status
    if payment is not None and status == "MISMATCH":
        return Phase.IN_REVIEW if payment.is_in_doubt else Phase.CANCELLED
    if not session.is_undecided:
        return Phase(session.state.value)
    match status:
        case "VIRTUAL_ACCOUNT_ISSUED":
            return Phase.AWAITS_DEPOSIT
        case "PAY_PENDING" | "PAID" | "PARTIAL_CANCELLED":
            # Paid and not delivered yet: a moment later it is.
            return Phase.PENDING
        case "FAILED" if payment is not None and not was_closed(payment.failure or {}):
            return Phase.DECLINED
        case _:
            return Phase.READY
