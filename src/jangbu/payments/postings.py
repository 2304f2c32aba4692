"""The entries a payment makes (posting rules: reconciliation §5.10). Pure."""

from datetime import datetime

from jangbu.ledger.rules import Account, Entry, credit, debit
from jangbu.money import Money
from jangbu.payments.after.dispute_rules import Dispute, Move, MoveKind
from jangbu.payments.cancellations.rules import Cancellation
from jangbu.payments.rules import Payment


def captured(payment: Payment) -> Entry:
    """The PG owes us the total; it is sales and the VAT inside it."""
    assert payment.paid_at is not None
    vat = Money(payment.vat_amount, payment.currency)
    return Entry(
        key=captured_key(payment),
        kind="payment.captured",
        happened_at=payment.paid_at,
        facts=_facts(payment),
        postings=(
            *debit(_account("assets:pg_receivable", payment), payment.total),
            *credit(_account("income:sales", payment), payment.total - vat),
            *credit(Account("liabilities:vat_payable", store_id=payment.store_id), vat),
        ),
    )


def cancelled(payment: Payment, cancellation: Cancellation) -> Entry:
    """Money went back: the PG owes us that much less, and it is taken off sales and VAT, or out of suspense."""
    assert cancellation.cancelled_at is not None
    total, vat = cancellation.total, Money(cancellation.vat_amount, cancellation.currency)
    if payment.is_captured:
        taken_from = (
            *debit(_account("income:sales", payment), total - vat),
            *debit(Account("liabilities:vat_payable", store_id=payment.store_id), vat),
        )
    else:
        taken_from = debit(_account("liabilities:suspense", payment), total)
    return Entry(
        key=f"payment:{payment.id}:cancelled:{cancellation.id}",
        kind="payment.cancelled",
        happened_at=cancellation.cancelled_at,
        facts={
            **_facts(payment),
            "cancellation_id": str(cancellation.id),
            "portone_cancellation_id": cancellation.portone_cancellation_id or "",
            "made": cancellation.origin,
            # A part of what that entry booked, or all of it; the last cancellation takes what is left.
            "reverses": captured_key(payment) if payment.is_captured else mismatched_key(payment),
        },
        postings=(*taken_from, *credit(_account("assets:pg_receivable", payment), total)),
    )


def captured_key(payment: Payment) -> str:
    """The entry of the capture."""
    return f"payment:{payment.id}:captured"


def mismatched(payment: Payment, taken: Money, happened_at: datetime) -> Entry:
    """Money came that we did not ask for: the PG owes it to us, and to whom we owe it a person must say."""
    return Entry(
        key=mismatched_key(payment),
        kind="payment.mismatched",
        happened_at=happened_at,
        facts={**_facts(payment), "asked_minor": payment.amount, "asked_currency": payment.currency},
        postings=(
            *debit(_account("assets:pg_receivable", payment), taken),
            *credit(_account("liabilities:suspense", payment), taken),
        ),
    )


def mismatched_key(payment: Payment) -> str:
    """The entry that puts money into suspense."""
    return f"payment:{payment.id}:mismatched"


def mismatch_resolved_key(payment: Payment) -> str:
    """The entry that takes it out again, because the payment was put right and captured."""
    return f"payment:{payment.id}:mismatch_resolved"


def dispute_moved(payment: Payment, dispute: Dispute, move: Move, number: int, at: datetime) -> Entry:
    """Money goes into a dispute, or out of one; what it was taken for stays booked as it is."""
    amount = Money(move.amount, payment.currency)
    into, out_of = {
        MoveKind.HELD: ("assets:disputed", "assets:pg_receivable"),
        MoveKind.RELEASED: ("assets:pg_receivable", "assets:disputed"),
        MoveKind.WRITTEN_OFF: ("expenses:write_off", "assets:disputed"),
        MoveKind.RECOVERED: ("assets:pg_receivable", "expenses:write_off"),
    }[move.kind]
    return Entry(
        key=f"payment:{payment.id}:dispute:{dispute.id}:{number}",
        kind=f"payment.dispute_{move.kind}",
        happened_at=at,
        facts={**_facts(payment), "dispute_id": str(dispute.id), "portone_dispute_id": dispute.portone_dispute_id},
        postings=(*debit(_account(into, payment), amount), *credit(_account(out_of, payment), amount)),
    )


def _account(path: str, payment: Payment) -> Account:
    return Account(path, store_id=payment.store_id, channel_key=payment.channel_key or "", pg=payment.pg_provider or "")


def _facts(payment: Payment) -> dict[str, str]:
    return {"payment_id": str(payment.id), "portone_payment_id": payment.provider_order_id}
