"""Payments and PortOne's answers about them, made by hand."""

from datetime import datetime, timedelta
from typing import Any

from jangbu.clock import instant
from jangbu.ids import Ids
from jangbu.payments.rules import Payment, Status
from jangbu.payments.seen import Seen, SeenCancellation

NOW = instant("2026-08-01T03:00:00Z")
FAILURE = {"reason": "한도 초과", "pgCode": "51", "pgMessage": "LIMIT"}
_ids = Ids(seed=6)


def payment(status: Status = Status.READY, **changed: Any) -> Payment:
    """One of ours; where the status says the money was taken, it was: an hour ago."""
    captured = status in {Status.PAID, Status.PARTIAL_CANCELLED, Status.CANCELLED}
    facts: dict[str, Any] = {
        "id": _ids.uuid(),
        "store_id": "store-1",
        "order_id": None,
        "provider_order_id": "p-1",
        "provider_transaction_id": None,
        "order_name": "보리차",
        "amount": 11_000,
        "tax_free_amount": 0,
        "currency": "KRW",
        "tax_profile": "taxable",
        "status": status,
        "cancelled_amount": 0,
        "vat_amount": 1_000 if captured else 0,
        "cancellable_amount": 11_000 if captured else 0,
        "paid_at": NOW - timedelta(hours=1) if captured else None,
        "failed_at": None,
        "cancelled_at": None,
        "expires_at": NOW + timedelta(hours=24),
        "channel_key": None,
        "pg_provider": None,
        "method": None,
        "failure": None,
        "review": "",
        "portone": None,
        "portone_changed_at": None,
        "due_at": NOW,
        "checks": 0,
        "created_at": NOW - timedelta(hours=2),
    }
    return Payment(**(facts | changed))


def seen(status: str, *, at: datetime = NOW, attempt: int = 1, **changed: Any) -> Seen:
    """What PortOne answers at `at` (portone-facts §2.2: READY has no channel, only FAILED has a `failure`)."""
    taken = status in {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}
    has_channel = status != "READY"
    facts: dict[str, Any] = {
        "status": status,
        "transaction_id": f"tx-{attempt}",
        "store_id": "store-1",
        "total": 11_000,
        "currency": "KRW",
        "vat": 1_000 if taken else None,
        "is_live": False if has_channel else None,
        "channel_key": f"channel-{attempt}" if has_channel else None,
        "pg_provider": "INICIS_V2" if has_channel else None,
        "method": {"type": "PaymentMethodCard", "attempt": attempt} if has_channel else None,
        "failure": FAILURE if status == "FAILED" else None,
        "changed_at": at,
        "paid_at": NOW - timedelta(minutes=30) if taken else None,
        "failed_at": at if status == "FAILED" else None,
    }
    facts |= changed
    raw = {
        "status": status,
        "attempt": attempt,
        "at": at.isoformat(),
        "amount": {"total": facts["total"]},
        "currency": facts["currency"],
    }
    return Seen(**facts, raw=raw)


def given_back(
    number: int, amount: int = 1_000, status: str = "SUCCEEDED", *, at: datetime = NOW, **changed: Any
) -> SeenCancellation:
    """The cancellation `number` of a payment as PortOne shows it (portone-facts §2.8)."""
    facts: dict[str, Any] = {
        "id": f"c-{number}",
        "status": status,
        "amount": amount,
        "tax_free": 0,
        "reason": "단순 변심",
        "trigger": "CONSOLE",
        "pg_id": f"pg-{number}",
        "requested_at": NOW,
        "cancelled_at": at if status == "SUCCEEDED" else None,
    }
    return SeenCancellation(**(facts | changed))
