"""What can be told, what each kind of notice must know, and when a message is tried again. No I/O."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

ALERTS = "/console/alerts"
FACT_CHARACTERS_MAX = 200

ATTEMPTS_MAX = 20
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
"""Twenty tries take nearly three days: a mail server that broke on Friday evening is mended on Monday."""
LEASE = timedelta(minutes=5)
"""How long one try may take before another worker may think it lost. Both time limits of a try are well below it."""
UNCONFIGURED_WAIT = timedelta(minutes=15)

# What a message must not be able to do: end a header, forge a line, or turn the reading direction around.
_BREAKS = {"Cc", "Zl", "Zp"}
_INVISIBLE = {"Cf", "Cs", "Co"}
_SPACES = re.compile(r"\s+")


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    """There is work to do, and it can wait for office hours."""
    WARNING = "warning"
    """Something does not work as it should; today."""
    CRITICAL = "critical"
    """Money or its proof is in doubt; now."""


class Channel(StrEnum):
    """A way to reach people."""

    EMAIL = "email"
    SLACK = "slack"


class State(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    """Not tried yet, or its channel is not configured."""
    SENT = "sent"
    """The mail server or Slack took it over."""
    FAILED = "failed"
    """The last try failed; there will be another."""
    GIVEN_UP = "given_up"
    """No more tries, until somebody asks for it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one kind of notice must know. Nothing secret, nothing of a payer's: it leaves the house.

    A field that a later release adds needs a default, because messages written before it may still wait.
    """

    kind: ClassVar[str]
    severity: ClassVar[Severity]

    @property
    def path(self) -> str:
        """Where in the console to look."""
        return ALERTS


@dataclass(frozen=True, slots=True)
class _OfPayment(Facts):
    payment_id: str
    order_name: str

    @property
    def path(self) -> str:
        return f"/console/payments/{self.payment_id}"


@dataclass(frozen=True, slots=True)
class OutcomeUnknown(_OfPayment):
    """A call to PortOne that moves or may move money has had no answer for six hours. Amounts are written out."""

    kind: ClassVar[str] = "outcome_unknown"
    severity: ClassVar[Severity] = Severity.CRITICAL
    amount: str
    operation: str
    since: datetime


@dataclass(frozen=True, slots=True)
class PaymentMismatch(_OfPayment):
    """PortOne says paid, but not what was asked for. `review` is the payment's stable word for how."""

    kind: ClassVar[str] = "payment_mismatch"
    severity: ClassVar[Severity] = Severity.CRITICAL
    asked: str
    paid: str
    review: str


@dataclass(frozen=True, slots=True)
class PaidTwice(_OfPayment):
    """One order of V1 was paid by two attempts: one is the sale, and of the other nothing is in the books."""

    kind: ClassVar[str] = "paid_twice"
    severity: ClassVar[Severity] = Severity.CRITICAL
    amount: str
    imp_uid: str


@dataclass(frozen=True, slots=True)
class CancelledElsewhere(_OfPayment):
    """Money went back that nobody sent back here: in PortOne's console, the PG's, or by a dispute."""

    kind: ClassVar[str] = "cancelled_elsewhere"
    severity: ClassVar[Severity] = Severity.WARNING
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class DisputeOpened(_OfPayment):
    """A payer complains at the PG; the money is held until it is over. `amount` is what is held, written out."""

    kind: ClassVar[str] = "dispute_opened"
    severity: ClassVar[Severity] = Severity.CRITICAL
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class DisputeUntold(_OfPayment):
    """A dispute is over at PortOne, or no longer shown there, and a person has to say how it ended."""

    kind: ClassVar[str] = "dispute_untold"
    severity: ClassVar[Severity] = Severity.WARNING
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class RefundWaitsForApproval(_OfPayment):
    """A refund above what its asker may decide waits for a second person."""

    kind: ClassVar[str] = "refund_waits_for_approval"
    severity: ClassVar[Severity] = Severity.INFO
    amount: str
    asked_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class RefundFailed(_OfPayment):
    """A refund was refused for good; the payer has not got the money. `why` is PortOne's or the PG's word."""

    kind: ClassVar[str] = "refund_failed"
    severity: ClassVar[Severity] = Severity.WARNING
    amount: str
    why: str


@dataclass(frozen=True, slots=True)
class ReceiptFailed(_OfPayment):
    """A cash receipt was not issued, or not taken back (`operation`), and nobody tries any more. `why` is PortOne's
    word."""

    kind: ClassVar[str] = "receipt_failed"
    severity: ClassVar[Severity] = Severity.WARNING
    operation: str
    why: str


@dataclass(frozen=True, slots=True)
class PaidTooLate(_OfPayment):
    """A checkout was paid when it was over and the goods were gone. The money is being sent back."""

    kind: ClassVar[str] = "paid_too_late"
    severity: ClassVar[Severity] = Severity.WARNING
    amount: str


@dataclass(frozen=True, slots=True)
class LateRefundByHand(_OfPayment):
    """The same, and only a person can send it back: it came to a virtual account."""

    kind: ClassVar[str] = "late_refund_by_hand"
    severity: ClassVar[Severity] = Severity.CRITICAL
    amount: str


@dataclass(frozen=True, slots=True)
class WebhookParked(Facts):
    """One of PortOne's webhooks could not be handled in all its tries."""

    kind: ClassVar[str] = "webhook_parked"
    severity: ClassVar[Severity] = Severity.WARNING
    webhook_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class JobParked(Facts):
    """A job failed in all its tries."""

    kind: ClassVar[str] = "job_parked"
    severity: ClassVar[Severity] = Severity.WARNING
    job: str
    job_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class ListUnread(Facts):
    """PortOne's list of changed payments could not be read for an hour: what no webhook tells is not found."""

    kind: ClassVar[str] = "list_unread"
    severity: ClassVar[Severity] = Severity.WARNING
    since: str


@dataclass(frozen=True, slots=True)
class QuestionsUnanswered(Facts):
    """PortOne asked before approvals of `count` payments since then, and was answered no because nobody could tell."""

    kind: ClassVar[str] = "questions_unanswered"
    severity: ClassVar[Severity] = Severity.CRITICAL
    count: int
    since: datetime

    @property
    def path(self) -> str:
        return "/console/questions?answer=unknown"


@dataclass(frozen=True, slots=True)
class EndpointDisabled(Facts):
    """The merchant's own webhook endpoint was switched off after days of failures.

    `address` is scheme and host only: a path or a query may hold somebody's token.
    """

    kind: ClassVar[str] = "endpoint_disabled"
    severity: ClassVar[Severity] = Severity.WARNING
    endpoint_id: str
    address: str
    failing_since: datetime
    last_outcome: str


@dataclass(frozen=True, slots=True)
class InvariantBroken(Facts):
    """A check that must always hold did not. `invariant` is its name, `found` what was seen instead."""

    kind: ClassVar[str] = "invariant_broken"
    severity: ClassVar[Severity] = Severity.CRITICAL
    invariant: str
    found: str


@dataclass(frozen=True, slots=True)
class TestMessage(Facts):
    """Somebody tries whether messages arrive."""

    __test__: ClassVar[bool] = False
    kind: ClassVar[str] = "test_message"
    severity: ClassVar[Severity] = Severity.INFO
    asked_by: str
    at: datetime

    @property
    def path(self) -> str:
        return "/console/notices"


_AT = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)
_PAYMENT = {"payment_id": "01986a2f-5b7c-7e1a-9c40-2f6d8b1e3a57", "order_name": "보리차 2병"}

SAMPLES: dict[str, Facts] = {
    sample.kind: sample
    for sample in (
        OutcomeUnknown(**_PAYMENT, amount="₩10,000", operation="cancel", since=_AT),
        PaymentMismatch(**_PAYMENT, asked="₩10,000", paid="₩100", review="other_amount"),
        PaidTwice(**_PAYMENT, amount="₩10,000", imp_uid="imp_448280090638"),
        CancelledElsewhere(**_PAYMENT, amount="₩10,000", reason="고객 요청"),
        DisputeOpened(**_PAYMENT, amount="₩10,000", reason="상품을 받지 못했습니다."),
        DisputeUntold(**_PAYMENT, amount="₩10,000", reason="상품을 받지 못했습니다."),
        RefundWaitsForApproval(**_PAYMENT, amount="₩1,200,000", asked_by="김하늘", reason="단순 변심"),
        RefundFailed(**_PAYMENT, amount="₩10,000", why="PG_PROVIDER_ERROR"),
        ReceiptFailed(**_PAYMENT, operation="issue_receipt", why="PG_PROVIDER"),
        PaidTooLate(**_PAYMENT, amount="₩10,000"),
        LateRefundByHand(**_PAYMENT, amount="₩10,000"),
        WebhookParked("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 46),
        JobParked("payments.check", 4821, 8),
        ListUnread("2026-08-01 11:00:00"),
        QuestionsUnanswered(12, _AT),
        EndpointDisabled("01986a30-11aa-7c02-b1f0-5c1d2e3f4a5b", "https://shop.example.com", _AT, "timeout"),
        InvariantBroken("books_complete", "payment:01986a2f:captured is expected and not there"),
        TestMessage("김하늘", _AT),
    )
}
"""One of every kind, for previews."""

KINDS: dict[str, type[Facts]] = {kind: type(sample) for kind, sample in SAMPLES.items()}


class FactsUnreadable(Exception):  # noqa: N818 (it becomes a notice's last error)
    """What was written down for a message is not what this release's kind of it needs."""


def as_stored(facts: Facts) -> dict[str, Any]:
    """Facts as JSON."""
    # Imported late: the terminal reads this file for its words, and `--help` should not wait for a serializer.
    import msgspec

    stored: dict[str, Any] = msgspec.to_builtins(facts)
    return stored


def as_facts(kind: str, stored: dict[str, Any]) -> Facts:
    """The same, back. Raises FactsUnreadable."""
    import msgspec

    if kind not in KINDS:
        raise FactsUnreadable(f"this release knows no message of the kind {kind}")
    try:
        return msgspec.convert(stored, KINDS[kind])
    except msgspec.ValidationError as wrong:
        raise FactsUnreadable(f"the facts do not fit: {wrong}") from wrong


def plain(text: str, longest: int = FACT_CHARACTERS_MAX) -> str:
    """Text from anywhere, fit to stand in one line of a message: no controls, no direction marks, bounded."""
    kept = (character for character in text if unicodedata.category(character) not in _INVISIBLE)
    visible = "".join(" " if unicodedata.category(character) in _BREAKS else character for character in kept)
    line = _SPACES.sub(" ", visible).strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def wait_after(attempts: int, *, at_least_s: int = 0) -> timedelta:
    """How long to wait after this many failed tries; no shorter than whoever refused asked for."""
    assert attempts > 0, "nothing failed yet"
    # The exponent is bounded so that no number of tries can overflow a timedelta.
    doubled: int = 2 ** min(attempts - 1, 16)
    return min(max(FIRST_WAIT * doubled, timedelta(seconds=at_least_s)), LONGEST_WAIT)
