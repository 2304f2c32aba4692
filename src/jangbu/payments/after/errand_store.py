"""SQL of errands: calls of the intent log about what comes with a payment, which are looked after by themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Errand:
    """One call, as the intent log has it."""

    id: UUID
    payment_id: UUID
    operation: str
    request: dict[str, Any]
    state: str
    started_at: datetime

    @property
    def is_open(self) -> bool:
        """Nobody knows what came of it."""
        return self.state in {"sent", "unknown"}


_COLUMNS = "id, payment_id, operation, request, state, started_at"
BEGIN = Query(
    type(None),
    """
    INSERT INTO payment_attempts (id, payment_id, operation, request, state, started_at, due_at)
    VALUES (:id, :payment_id, :operation, :request, 'sent', :started_at, :due_at)
    """,
)
BY_ID = Query(Errand, f"SELECT {_COLUMNS} FROM payment_attempts WHERE id = :id")
OPEN_OF = Query(
    Errand,
    f"""
    SELECT {_COLUMNS} FROM payment_attempts
     WHERE payment_id = :payment_id AND operation = ANY(:operations::text[]) AND state IN ('sent', 'unknown')
     ORDER BY started_at, id
    """,
)
# The lease of the sweeper, as for payments (store.CLAIM_DUE).
CLAIM_DUE = Query(
    UUID,
    """
    UPDATE payment_attempts SET due_at = :until
     WHERE id IN (SELECT id FROM payment_attempts WHERE due_at <= :now AND state IN ('sent', 'unknown')
                   ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)


async def begin(tx: Tx, errand: Errand, due_at: datetime) -> None:
    """Write the intent down; its id is the Idempotency-Key, and from `due_at` on somebody looks what became of it."""
    await tx.run(
        BEGIN,
        id=errand.id,
        payment_id=errand.payment_id,
        operation=errand.operation,
        request=errand.request,
        started_at=errand.started_at,
        due_at=due_at,
    )


async def by_id(tx: Tx, errand_id: UUID) -> Errand | None:
    """One call."""
    return await tx.maybe(BY_ID, id=errand_id)


async def open_of(tx: Tx, payment_id: UUID, operations: tuple[str, ...]) -> list[Errand]:
    """Calls of these operations whose outcome is open, the oldest first."""
    return await tx.all(OPEN_OF, payment_id=payment_id, operations=list(operations))


async def claim_due(tx: Tx, *, now: datetime, until: datetime, most: int) -> list[UUID]:
    """Calls to look after now; nobody else gets them before `until`."""
    return await tx.all(CLAIM_DUE, now=now, until=until, most=most)
