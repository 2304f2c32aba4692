"""Cash receipts (현금영수증): who gets one, what becomes of it with its payment (portone-facts §2.11). No I/O.

Whose receipt it is, a telephone, card or business number, is personal data: encrypted until PortOne has it, shown
masked, and dropped then.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from jangbu.money import Money
from jangbu.payments import methods
from jangbu.payments.after.refusals import (
    ReceiptInProgress,
    ReceiptIssuedAlready,
    ReceiptNotIssued,
    ReceiptNotPossible,
    ReceiptNumberUnfit,
)
from jangbu.payments.cancellations.rules import Cancellation, CancellationStatus
from jangbu.payments.rules import Payment
from jangbu.payments.seen import SeenReceipt

ISSUE, CANCEL = "issue_receipt", "cancel_receipt"
OPERATIONS = (ISSUE, CANCEL)
FOR_KINDS = frozenset({methods.Kind.TRANSFER, methods.Kind.VIRTUAL_ACCOUNT})
"""Money that leaves no card slip: only for it is there a cash receipt."""
SHOWN_DIGITS = 4
_PHONE = re.compile(r"01[0-9]{8,9}")
# Cards of the tax office have 13 to 19 digits; 13 alone are left out, because a resident's number has as many.
_CARD = re.compile(r"[0-9]{14,19}")
_BUSINESS = re.compile(r"[0-9]{10}")


class ReceiptStatus(StrEnum):
    """Where the receipt of a payment stands."""

    WANTED = "WANTED"
    """Asked for with the order; it is issued once the payment is paid by transfer or deposit."""
    ISSUING = "ISSUING"
    """PortOne was asked, or is about to be; what came of it is not known yet."""
    ISSUED = "ISSUED"
    """The payer has it."""
    FAILED = "FAILED"
    """It could not be issued; a person may try again."""
    CANCELLING = "CANCELLING"
    """PortOne was asked to take it back, or is about to be."""
    CANCELLED = "CANCELLED"
    """It was taken back."""
    NOT_NEEDED = "NOT_NEEDED"
    """Paid in a way that has no cash receipt, or not at all."""


_S = ReceiptStatus
UNDER_WAY = frozenset({_S.ISSUING, _S.CANCELLING})


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose receipt it is to be, checked: PERSONAL (소득공제용) or CORPORATE (지출증빙용). Its repr tells nothing."""

    type: str
    number: str

    def __repr__(self) -> str:
        return f"Wish({self.type}, …)"

    @property
    def masked(self) -> str:
        """The last digits: enough to recognise it."""
        return "*" * (len(self.number) - SHOWN_DIGITS) + self.number[-SHOWN_DIGITS:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One row of `payment_receipts`: a payment has one, and what became of earlier ones stands in the intent log."""

    id: UUID
    payment_id: UUID
    status: ReceiptStatus
    type: str = ""
    number_encrypted: str | None = None
    number_shown: str = ""
    issue_number: str = ""
    url: str = ""
    issued_at: datetime | None = None
    cancelled_at: datetime | None = None
    failure: dict[str, Any] | None = None
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ReceiptStatus(self.status))


def checked(type_: str, number: str) -> Wish:
    """A wish as somebody typed it. Raises ReceiptNumberUnfit, which quotes nothing of it."""
    digits = re.sub(r"[\s\-–.]", "", unicodedata.normalize("NFKC", number))
    fits = (_BUSINESS,) if type_ == "CORPORATE" else (_PHONE, _CARD)
    if not digits.isascii() or not any(one.fullmatch(digits) for one in fits):
        raise ReceiptNumberUnfit
    return Wish(type_, digits)


def is_of_kind(payment: Payment) -> bool:
    """Whether there can be a cash receipt of what was paid with."""
    method = methods.read(payment.method)
    # V1 has receipts of its own, which are not asked for here.
    return payment.api == "v2" and method is not None and method.kind in FOR_KINDS


def expect_issuable(payment: Payment, receipt: Receipt | None) -> None:
    """Raises ReceiptNotPossible, ReceiptIssuedAlready, ReceiptInProgress."""
    if not payment.is_captured or payment.cancellable_amount == 0 or not is_of_kind(payment):
        raise ReceiptNotPossible(status=payment.status.value)
    if receipt is not None and receipt.status in UNDER_WAY:
        raise ReceiptInProgress
    if receipt is not None and receipt.status is _S.ISSUED:
        raise ReceiptIssuedAlready


def expect_issued(receipt: Receipt | None) -> Receipt:
    """The receipt that may be cancelled. Raises ReceiptNotIssued, ReceiptInProgress."""
    if receipt is not None and receipt.status in UNDER_WAY:
        raise ReceiptInProgress
    if receipt is None or receipt.status is not _S.ISSUED:
        raise ReceiptNotIssued
    return receipt


def states(payment: Payment, cancellations: Sequence[Cancellation]) -> tuple[Money, Money]:
    """What a receipt issued now says: what is left of the payment, and the tax-free part of that."""
    done = [one for one in cancellations if one.status is CancellationStatus.SUCCEEDED]
    left = Money(payment.cancellable_amount, payment.currency)
    tax_free = payment.tax_free_amount - sum(one.tax_free_amount for one in done)
    return left, Money(min(max(tax_free, 0), left.amount_minor), payment.currency)


def learn(receipt: Receipt | None, seen: SeenReceipt, payment: Payment, *, new_id: UUID, now: datetime) -> Receipt:
    """What PortOne shows is how it is, whoever had it issued.

    One that was taken back here, and is shown as issued under the same number, is an answer from before that, and not
    the next one either.
    """
    row = receipt or Receipt(id=new_id, payment_id=payment.id, status=_S.NOT_NEEDED, created_at=now)
    if seen.status == "ISSUED":
        if row.cancelled_at is not None and seen.issue_number and seen.issue_number == row.issue_number:
            return row
        # One that is being taken back is still shown until it is.
        status = _S.CANCELLING if row.status is _S.CANCELLING else _S.ISSUED
    elif seen.status == "CANCELLED":
        # What is wanted now comes after it.
        if row.status in {_S.ISSUING, _S.WANTED}:
            return row
        status = _S.CANCELLED
    else:
        return row
    return replace(
        row,
        status=status,
        type=seen.type or row.type,
        number_encrypted=None,
        issue_number=seen.issue_number or row.issue_number,
        url=seen.url or row.url,
        issued_at=seen.issued_at or row.issued_at or now,
        cancelled_at=(seen.cancelled_at or now) if status is _S.CANCELLED else None,
        failure=row.failure if status is row.status else None,
    )


def given_up(receipt: Receipt, failure: dict[str, Any] | None) -> Receipt:
    """A call that came to nothing: not issued, or still issued."""
    if receipt.status is _S.CANCELLING:
        return replace(receipt, status=_S.ISSUED, failure=failure)
    return replace(receipt, status=_S.FAILED, number_encrypted=None, failure=failure)
