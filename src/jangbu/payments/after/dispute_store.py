"""All SQL of disputes. Whoever writes here holds the payment's row (store.lock)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Query, Tx, assigned, names_of, values_of
from jangbu.payments.after.dispute_rules import Dispute, Move

_NAMES = names_of(Dispute)
_COLUMNS = ", ".join(_NAMES)
_MOVES = (
    "status", "held_amount", "written_off_amount", "resolved_at", "wanted_outcome", "wanted_by", "decided_by",
)  # fmt: skip
"""What changes in a dispute's life."""

SAVE = Query(
    type(None),
    f"""
    INSERT INTO payment_disputes ({_COLUMNS}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (id) DO UPDATE SET {assigned(_MOVES)}
    """,
)
OF_PAYMENT = Query(
    Dispute, f"SELECT {_COLUMNS} FROM payment_disputes WHERE payment_id = :payment_id ORDER BY opened_at, id"
)
BY_ID = Query(Dispute, f"SELECT {_COLUMNS} FROM payment_disputes WHERE id = :id")
ADD_MOVE = Query(
    int,
    """
    INSERT INTO payment_dispute_moves (dispute_id, number, payment_id, kind, amount, moved_at)
    SELECT :dispute_id, count(*) + 1, :payment_id, :kind, :amount, :moved_at
      FROM payment_dispute_moves WHERE dispute_id = :dispute_id
    RETURNING number
    """,
)

WITH_OPEN = Query(UUID, "SELECT DISTINCT payment_id FROM payment_disputes WHERE status = 'OPEN' ORDER BY payment_id")


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """A dispute nobody has said the end of, with what it is about."""

    id: UUID
    payment_id: UUID
    order_name: str
    status: str
    reason: str
    currency: str
    held_amount: int
    opened_at: datetime
    wanted_outcome: str
    wanted_by: str


ACTIVE = Query(
    OpenDispute,
    """
    SELECT d.id, d.payment_id, p.order_name, d.status, d.reason, d.currency, d.held_amount, d.opened_at,
           d.wanted_outcome, d.wanted_by
      FROM payment_disputes d JOIN payments p ON p.id = d.payment_id
     WHERE d.status IN ('OPEN', 'UNTOLD') ORDER BY d.opened_at, d.id LIMIT :most
    """,
)


async def save(tx: Tx, one: Dispute) -> None:
    """Write a dispute down, or back."""
    await tx.run(SAVE, **values_of(one, _NAMES))


async def of_payment(tx: Tx, payment_id: UUID) -> list[Dispute]:
    """Every dispute of a payment, in order."""
    return await tx.all(OF_PAYMENT, payment_id=payment_id)


async def by_id(tx: Tx, dispute_id: UUID) -> Dispute | None:
    """One dispute."""
    return await tx.maybe(BY_ID, id=dispute_id)


async def add_move(tx: Tx, one: Dispute, move: Move, at: datetime) -> int:
    """Write down that money moved; the move's number within its dispute."""
    return await tx.one(
        ADD_MOVE, dispute_id=one.id, payment_id=one.payment_id, kind=move.kind, amount=move.amount, moved_at=at
    )


async def active(tx: Tx, *, most: int) -> list[OpenDispute]:
    """Disputes that nobody has said the end of, the oldest first."""
    return await tx.all(ACTIVE, most=most)


async def payments_with_open(tx: Tx) -> list[UUID]:
    """Payments with a dispute that the PG still looks into."""
    return await tx.all(WITH_OPEN)
