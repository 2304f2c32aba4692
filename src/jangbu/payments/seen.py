"""What PortOne says of a payment now, in our words: the wire's payment without its transport."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SeenCancellation:
    """One cancellation as PortOne shows it, in its own words (portone-facts §2.8). In the payment's currency."""

    id: str
    status: str
    amount: int
    tax_free: int
    reason: str
    trigger: str
    pg_id: str | None
    requested_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeenDispute:
    """A payer's complaint at the PG as PortOne shows it, which names no amount and no outcome (portone-facts §2.2)."""

    pg_id: str
    reason: str
    opened_at: datetime | None
    is_over: bool
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeenReceipt:
    """A cash receipt as PortOne shows it (portone-facts §2.11)."""

    status: str
    type: str
    issue_number: str
    url: str
    issued_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What PortOne says now, in our words: the wire's payment without its transport (built in service)."""

    status: str
    transaction_id: str | None
    store_id: str
    total: int
    currency: str
    vat: int | None
    is_live: bool | None
    channel_key: str | None
    pg_provider: str | None
    method: dict[str, Any] | None
    failure: dict[str, Any] | None
    changed_at: datetime | None
    paid_at: datetime | None
    failed_at: datetime | None
    raw: dict[str, Any] = field(repr=False)
    cancelled: int | None = None
    """What was given back in all; each time stands in `cancellations`."""
    cancellations: tuple[SeenCancellation, ...] = ()
    disputes: tuple[SeenDispute, ...] = ()
    receipt: SeenReceipt | None = None
    also_paid: tuple[str, ...] = ()
    """Other attempts of the same order that took money too (V1 alone)."""
