"""One payment's life as data, and what an answer of PortOne means for it. No I/O; "now" is an argument.

A payment follows what PortOne says *now*, never what arrived last: an answer older than the one we applied changes
nothing, and PAID is adopted after any state (portone-facts §10.6: FAILED is not final).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from jangbu.money import EXPONENTS, Money, vat_included
from jangbu.payments import methods
from jangbu.payments.review_rules import PASSING_REVIEWS, RETURNED, UNPAID
from jangbu.payments.seen import Seen

FINAL_CHECK_AFTER_EXPIRY = timedelta(hours=24)
"""How long after its expiry an unpaid payment is still re-read (design §4.1)."""
UNKNOWN_CHECKS = (timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
"""When to ask again about a call whose outcome we do not know; the last step repeats (design §4.1).

The first is soon, because whoever waited for the answer may have died: with the sweep it leaves money in doubt for less
than a minute after a restart (G06). Asking while the first call is still under way does nothing twice.
"""
WAITING_CHECKS = (timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""When to re-read a payment that waits for its payer; the last step repeats."""
AGREEMENT_OVER_AFTER = timedelta(minutes=30)
"""A payer's agreement is good for minutes (portone-facts §2.5): an approval that has not happened by then does not."""
CALL_A_PERSON_AFTER = timedelta(hours=6)
"""An outcome that stays unknown this long is a person's business (design §4.1)."""


class Status(StrEnum):
    """Where a payment stands. PortOne's own words where they mean the same."""

    REGISTERING = "REGISTERING"
    """We told PortOne the amount, or were about to; nobody may pay yet."""
    REGISTRATION_FAILED = "REGISTRATION_FAILED"
    """PortOne refused the amount in advance; this payment will not happen."""
    READY = "READY"
    """PortOne holds the amount; the payer may pay."""
    PAY_PENDING = "PAY_PENDING"
    """The PG is still deciding (asynchronous approval)."""
    VIRTUAL_ACCOUNT_ISSUED = "VIRTUAL_ACCOUNT_ISSUED"
    """An account number was issued; waiting for the deposit."""
    PAID = "PAID"
    """Captured: the money is owed to us, and the ledger says so."""
    FAILED = "FAILED"
    """The last attempt failed; another one, or a late approval, may still succeed."""
    PARTIAL_CANCELLED = "PARTIAL_CANCELLED"
    """Part was given back."""
    CANCELLED = "CANCELLED"
    """All was given back."""
    MISMATCH = "MISMATCH"
    """PortOne says paid, but not what we asked for. Never fulfilled; a person decides."""
    ABANDONED = "ABANDONED"
    """Nobody paid in time, or the account was closed before anybody did. A late payment is still adopted."""


AWAITS_MONEY = frozenset({Status.VIRTUAL_ACCOUNT_ISSUED, Status.PAY_PENDING})
MAY_STILL_BE_PAID = frozenset({Status.READY, Status.FAILED})
"""Where nobody has taken money yet, and the payer may still be in the window."""


class Event(StrEnum):
    """What can happen to a payment."""

    REGISTERED = "registered"
    REGISTRATION_REFUSED = "registration refused"
    SEEN_READY = "seen ready"
    SEEN_PENDING = "seen pending"
    SEEN_ACCOUNT_ISSUED = "seen account issued"
    SEEN_FAILED = "seen failed"
    CAPTURED = "captured"
    MISMATCHED = "mismatched"
    PART_CANCELLED = "part cancelled"
    ALL_CANCELLED = "all cancelled"
    GAVE_UP_WAITING = "gave up waiting"


_UNPAID = (
    Status.REGISTERING,
    Status.REGISTRATION_FAILED,
    Status.READY,
    Status.PAY_PENDING,
    Status.VIRTUAL_ACCOUNT_ISSUED,
    Status.FAILED,
    Status.ABANDONED,
)
_SEEN = {
    Event.SEEN_READY: Status.READY,
    Event.SEEN_PENDING: Status.PAY_PENDING,
    Event.SEEN_ACCOUNT_ISSUED: Status.VIRTUAL_ACCOUNT_ISSUED,
    Event.SEEN_FAILED: Status.FAILED,
    Event.CAPTURED: Status.PAID,
    Event.MISMATCHED: Status.MISMATCH,
}

TRANSITIONS: dict[tuple[Status, Event], Status] = {
    (Status.REGISTERING, Event.REGISTERED): Status.READY,
    (Status.REGISTERING, Event.REGISTRATION_REFUSED): Status.REGISTRATION_FAILED,
    **{(before, event): after for before in _UNPAID for event, after in _SEEN.items() if before != after},
    **{(before, Event.GAVE_UP_WAITING): Status.ABANDONED for before in _UNPAID if before != Status.ABANDONED},
    (Status.PAID, Event.PART_CANCELLED): Status.PARTIAL_CANCELLED,
    (Status.PAID, Event.ALL_CANCELLED): Status.CANCELLED,
    (Status.PARTIAL_CANCELLED, Event.ALL_CANCELLED): Status.CANCELLED,
    # A person may correct the cause of a mismatch at PortOne; what PortOne then says is adopted.
    (Status.MISMATCH, Event.CAPTURED): Status.PAID,
}
"""Every change there is. docs/reference/payment-states.md is drawn from it. What is not here does not happen: nothing
leaves PAID but a cancellation, so an answer that was slow on its way cannot undo a capture."""


def next_status(current: Status, event: Event) -> Status | None:
    """The status after `event`, or None when it changes nothing."""
    return TRANSITIONS.get((current, event))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One row of `payments`. What a new payment cannot have yet has a default."""

    id: UUID
    store_id: str
    order_id: str | None
    api: str = "v2"
    provider_order_id: str
    provider_transaction_id: str | None = None
    order_name: str
    amount: int
    tax_free_amount: int
    currency: str
    tax_profile: str
    is_escrow: bool = False
    products: list[dict[str, Any]] | None = None
    """What the order is of, as the window is to be told it."""
    vat_amount: int = 0
    """The VAT inside the total, as the capture booked it."""
    status: Status = Status.REGISTERING
    cancelled_amount: int = 0
    cancellable_amount: int = 0
    suspense_amount: int = 0
    suspense_currency: str | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    cancelled_at: datetime | None = None
    expires_at: datetime
    channel_key: str | None = None
    pg_provider: str | None = None
    method: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    review: str = ""
    """Why a person should look at it (payments/review_rules.py), or ""."""
    review_looked_at: datetime | None = None
    """When a person said that they have; the database forgets it when there is another reason."""
    review_looked_by: str = ""
    portone: dict[str, Any] | None = None
    portone_changed_at: datetime | None = None
    closed_transaction_id: str | None = None
    """The transaction whose virtual account we had closed, whatever PortOne shows of it."""
    due_at: datetime | None = None
    checks: int = 0
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))

    @property
    def total(self) -> Money:
        """What we asked for."""
        return Money(self.amount, self.currency)

    @property
    def suspense(self) -> Money | None:
        """What came that was not what we asked for and waits in the books for a person (ADR 0011)."""
        return None if self.suspense_currency is None else Money(self.suspense_amount, self.suspense_currency)

    @property
    def subject(self) -> str:
        """How events and the audit log name it."""
        return f"payment:{self.id}"

    @property
    def deadline(self) -> datetime:
        """Until when one may pay: our own expiry, or where the payer was told to bring the money later, that day."""
        return max(self.expires_at, methods.due_of(self.method) or self.expires_at)

    @property
    def needs_look(self) -> bool:
        """It waits for a person."""
        return self.review not in ("", RETURNED) and self.review_looked_at is None

    def reviewed_for(self, reason: str) -> str:
        """Why a person should look now that there is this reason too: the one that they have yet to look at stays."""
        return self.review if self.needs_look else reason

    @property
    def awaits_money(self) -> bool:
        """The payer was told where to pay, or paid and the PG has not decided."""
        return self.status in AWAITS_MONEY

    @property
    def is_captured(self) -> bool:
        """Money was taken and the ledger has it."""
        return self.paid_at is not None

    @property
    def is_booked(self) -> bool:
        """The ledger has what was taken: as a sale, or in suspense."""
        return self.is_captured or self.suspense_currency is not None


EVER = datetime.min.replace(tzinfo=UTC)
_PAID_AT_PORTONE = frozenset({"PAID", "PARTIAL_CANCELLED", "CANCELLED"})
_EVENT_OF = {
    "READY": Event.SEEN_READY,
    "PAY_PENDING": Event.SEEN_PENDING,
    "VIRTUAL_ACCOUNT_ISSUED": Event.SEEN_ACCOUNT_ISSUED,
    "FAILED": Event.SEEN_FAILED,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What an answer changes, cancellations apart (`cancellations.fold`). `event` is None when the status stays."""

    payment: Payment
    event: Event | None
    is_stale: bool = False


def decide(payment: Payment, seen: Seen, *, live: bool, now: datetime) -> Decision:
    """What PortOne's answer means for this payment (requirements B2; reliability F08, F16, F22).

    `live` says whether this installation moves real money: then a test channel's PAID is no payment at all, and in
    test or sandbox mode a live channel's is a mix-up worth a person's look.
    """
    if _is_older(payment, seen):
        return Decision(payment, None, is_stale=True)
    # What an earlier attempt used says nothing of this one. Money in the books keeps its attempt and its channel for
    # good, whatever PortOne calls them later: what goes back has to leave the accounts that it came into.
    taken_by = payment if payment.is_booked else seen
    kept = replace(
        payment,
        portone=seen.raw,
        portone_changed_at=seen.changed_at or payment.portone_changed_at,
        channel_key=taken_by.channel_key,
        pg_provider=taken_by.pg_provider,
        method=seen.method or (payment.method if payment.is_captured else None),
        provider_transaction_id=(None if payment.is_booked else seen.transaction_id) or payment.provider_transaction_id,
        review="" if payment.review in PASSING_REVIEWS else payment.review,
    )
    if payment.is_captured:
        return Decision(replace(kept, review=_after_capture(payment, kept, seen), due_at=None), None)
    if seen.status in _PAID_AT_PORTONE and not _is_closed_unpaid(seen):
        return _money_was_taken(kept, seen, live=live, now=now)
    event = Event.GAVE_UP_WAITING if _nobody_paid(kept, seen, now) else _EVENT_OF.get(seen.status)
    if event is None:
        # A status this code has never heard of (portone-facts §10.8): kept, shown to a person, asked about again. Why
        # a person has to look already, a mismatch say, is the better reason.
        return Decision(_ask_later(replace(kept, review=kept.reviewed_for("unknown_status")), now), None)
    after = next_status(payment.status, event)
    moved = replace(
        kept,
        status=after or payment.status,
        failure=seen.failure if event is Event.SEEN_FAILED else None,
        failed_at=(seen.failed_at or now) if event is Event.SEEN_FAILED else None,
    )
    return Decision(_ask_later(moved, now), event if after else None)


def _is_closed_unpaid(seen: Seen) -> bool:
    """An account that was closed before anybody paid: it may be CANCELLED, as what was paid and given back is.

    PortOne does not say what becomes of one (portone-facts §2.9), but money that came has a time, and money that went
    back has a cancellation.
    """
    method = methods.read(seen.method)
    return (
        seen.status == "CANCELLED"
        and method is not None
        and method.kind in methods.PAID_LATER
        and seen.paid_at is None
        and all(one.status == "FAILED" for one in seen.cancellations)
    )


def _nobody_paid(kept: Payment, seen: Seen, now: datetime) -> bool:
    """The day to bring the money is over for good (F12). PortOne may go on showing the account as issued (§10.9)."""
    waits = seen.status in {"VIRTUAL_ACCOUNT_ISSUED", "PAY_PENDING"} and methods.due_of(seen.method) is not None
    is_closed = seen.transaction_id is not None and seen.transaction_id == kept.closed_transaction_id
    return (waits and (is_closed or has_waited_enough(kept, now))) or _is_closed_unpaid(seen)


def _after_capture(payment: Payment, kept: Payment, seen: Seen) -> str:
    """Why a person should look at a captured payment of which PortOne now says this."""
    if seen.status in _PAID_AT_PORTONE:
        return kept.review
    if seen.status not in _EVENT_OF:
        return kept.reviewed_for("unknown_status")
    # An answer that was only slow says what was before. One of a later change says that the money is not there: a
    # bank that takes a deposit back, say. Nothing is booked by it, and somebody has to know.
    is_later = payment.portone_changed_at is not None and (seen.changed_at or EVER) > payment.portone_changed_at
    return kept.reviewed_for(UNPAID) if is_later or payment.review == UNPAID else kept.review


def _is_older(payment: Payment, seen: Seen) -> bool:
    if payment.portone_changed_at is None or seen.changed_at is None:
        return False
    return seen.changed_at < payment.portone_changed_at


BOOKED_MISMATCHES = frozenset({"other_amount", "other_currency"})
"""Mismatches whose money is ours to account for: it waits in suspense (ADR 0011). Nothing is booked of the others."""


def mismatch_of(payment: Payment, seen: Seen, *, live: bool) -> str:
    """Why this is not the payment we asked for, as a stable word; empty when it is."""
    if seen.store_id != payment.store_id:
        return "other_store"
    # Store and mode first: what was taken elsewhere, or is no real money here, is not ours to book whatever its amount.
    if seen.is_live is None:
        # A paid payment always names its channel (portone-facts §2.2); without one nobody knows whether money moved.
        return "unknown_channel"
    if seen.is_live != live:
        return "live_channel" if seen.is_live else "test_channel"
    if seen.currency != payment.currency:
        return "other_currency" if seen.currency in EXPONENTS else "unhandled_currency"
    if seen.total != payment.amount:
        # `total`, not `paid`: promotions and points make `paid` smaller (portone-facts §10.1).
        return "other_amount" if seen.total > 0 else "no_amount"
    return ""


def _money_was_taken(kept: Payment, seen: Seen, *, live: bool, now: datetime) -> Decision:
    reason = mismatch_of(kept, seen, live=live)
    if reason:
        after = next_status(kept.status, Event.MISMATCHED)
        review = replace(kept, status=after or kept.status, review=reason, failure=None, failed_at=None, due_at=None)
        # What we could not account for at first, its channel say, may turn out to be ours: that is news, and is booked.
        is_booked_now = kept.suspense is None and reason in BOOKED_MISMATCHES
        if is_booked_now:
            review = replace(review, suspense_amount=seen.total, suspense_currency=seen.currency)
        return Decision(review, Event.MISMATCHED if after is not None or is_booked_now else None)
    after = next_status(kept.status, Event.CAPTURED)
    assert after is Status.PAID, f"{kept.status} has no way to PAID"
    paid = replace(
        kept,
        status=after,
        paid_at=seen.paid_at or seen.changed_at or now,
        vat_amount=captured_vat(kept, seen).amount_minor,
        cancelled_amount=0,
        cancellable_amount=kept.amount,
        suspense_amount=0,
        suspense_currency=None,
        failure=None,
        failed_at=None,
        review="",
        due_at=None,
    )
    return Decision(paid, Event.CAPTURED)


def captured_vat(payment: Payment, seen: Seen) -> Money:
    """The VAT inside a captured total, by the store's tax profile (reconciliation §5.10).

    PortOne's own figure wins over ours where it states one and it is possible, because its invoice will carry it.
    Simplified, exempt and zero-rated stores charge no VAT that could be itemised.
    """
    if payment.tax_profile != "taxable":
        return Money(0, payment.currency)
    taxable = payment.amount - payment.tax_free_amount
    if seen.vat is not None and 0 <= seen.vat <= taxable:
        return Money(seen.vat, payment.currency)
    return vat_included(payment.total, Money(payment.tax_free_amount, payment.currency))


def _ask_later(payment: Payment, now: datetime) -> Payment:
    return replace(payment, due_at=next_due(payment, now))


def next_due(payment: Payment, now: datetime) -> datetime | None:
    """When the sweeper should ask about this payment next; None when there is nothing left to wait for."""
    if payment.is_captured or payment.status in {Status.MISMATCH, Status.ABANDONED}:
        return None
    # Whoever knows an order's id can open a window for it, even where its registration was refused: that is asked
    # about too. PAY_PENDING and an issued account may bring money unannounced for longer.
    is_over = payment.status in {Status.READY, Status.FAILED, Status.REGISTRATION_FAILED}
    if is_over and has_waited_enough(payment, now):
        return None
    steps = UNKNOWN_CHECKS if payment.status is Status.REGISTERING else WAITING_CHECKS
    return now + steps[min(payment.checks, len(steps) - 1)]


def has_waited_enough(payment: Payment, now: datetime) -> bool:
    """Nobody has paid until a day after the expiry: stop asking. A later PAID is still adopted."""
    return not payment.is_captured and now >= payment.deadline + FINAL_CHECK_AFTER_EXPIRY
