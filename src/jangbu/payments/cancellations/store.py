"""All SQL of `payment_cancellations`. Whoever writes here holds the payment's row (store.lock)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx, assigned, names_of, values_of
from jangbu.keeping import Kept
from jangbu.payments.cancellations.rules import Cancellation

ENCRYPTED = Kept("payment_cancellations", "refund_account_encrypted")
"""The account that a deposit goes back to, while it may still have to be sent."""
_NAMES = names_of(Cancellation)
_COLUMNS = ", ".join(_NAMES)
_MOVES = (
    "status", "amount", "tax_free_amount", "vat_amount", "decided_by", "portone_cancellation_id", "pg_cancellation_id",
    "trigger", "failure", "refund_account_encrypted", "sent_at", "cancelled_at", "due_at", "checks",
)  # fmt: skip
"""What changes in a cancellation's life."""

SAVE = Query(
    type(None),
    f"""
    INSERT INTO payment_cancellations ({_COLUMNS}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (id) DO UPDATE SET {assigned(_MOVES)}
    """,
)
OF_PAYMENT = Query(
    Cancellation,
    f"SELECT {_COLUMNS} FROM payment_cancellations WHERE payment_id = :payment_id ORDER BY created_at, id",
)
BY_ID = Query(Cancellation, f"SELECT {_COLUMNS} FROM payment_cancellations WHERE id = :id")
BY_REQUEST = Query(Cancellation, f"SELECT {_COLUMNS} FROM payment_cancellations WHERE request_key = :request_key")
# Two requests with one key may be about two payments, so the payment's row does not keep them apart.
LOCK_REQUEST = Query(str, "SELECT pg_advisory_xact_lock(hashtextextended('cancel:' || :request_key, 0))::text")
# The lease of the sweeper, as for payments (store.CLAIM_DUE).
DUE_COUNT = Query(int, "SELECT count(*) FROM payment_cancellations WHERE due_at <= :now")
CLAIM_DUE = Query(
    UUID,
    """
    UPDATE payment_cancellations SET due_at = :until, checks = checks + 1
     WHERE id IN (SELECT id FROM payment_cancellations WHERE due_at <= :now
                   ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)


@dataclass(frozen=True, slots=True)
class OpenCancellation:
    """A cancellation nobody has heard the end of, with what it is about."""

    id: UUID
    payment_id: UUID
    order_name: str
    status: str
    amount: int
    currency: str
    reason: str
    requested_by: str
    requested_name: str
    refund_to: dict[str, Any] | None
    created_at: datetime


OPEN = Query(
    OpenCancellation,
    """
    SELECT c.id, c.payment_id, p.order_name, c.status, c.amount, c.currency, c.reason, c.requested_by,
           coalesce(u.name, k.name, '') AS requested_name, c.refund_to, c.created_at
      FROM payment_cancellations c JOIN payments p ON p.id = c.payment_id
      LEFT JOIN users u ON c.requested_by = 'user:' || u.id
      LEFT JOIN api_keys k ON c.requested_by = 'key:' || k.id
     WHERE c.status IN ('WAITING', 'SENDING', 'REQUESTED')
     ORDER BY c.created_at LIMIT :most
    """,
)


async def save(tx: Tx, one: Cancellation) -> None:
    """Write a cancellation down, or back."""
    await tx.run(SAVE, **values_of(one, _NAMES))


async def of_payment(tx: Tx, payment_id: UUID) -> list[Cancellation]:
    """Every cancellation of a payment, ours and others', in order."""
    return await tx.all(OF_PAYMENT, payment_id=payment_id)


async def by_id(tx: Tx, cancellation_id: UUID) -> Cancellation | None:
    """One cancellation."""
    return await tx.maybe(BY_ID, id=cancellation_id)


async def by_request(tx: Tx, request_key: str) -> Cancellation | None:
    """The cancellation that an earlier request with this key made; nobody else can make one meanwhile."""
    await tx.one(LOCK_REQUEST, request_key=request_key)
    return await tx.maybe(BY_REQUEST, request_key=request_key)


async def due_count(tx: Tx, now: datetime) -> int:
    """How many cancellations the sweeper has yet to claim."""
    return await tx.one(DUE_COUNT, now=now)


async def claim_due(tx: Tx, *, now: datetime, until: datetime, most: int) -> list[UUID]:
    """Cancellations to ask about now; nobody else gets them before `until`."""
    return await tx.all(CLAIM_DUE, now=now, until=until, most=most)


async def still_open(tx: Tx, *, most: int) -> list[OpenCancellation]:
    """Cancellations that wait for a second person, for PortOne or for the PG; the oldest first."""
    return await tx.all(OPEN, most=most)
