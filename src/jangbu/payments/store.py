"""All SQL of the payments' tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx, assigned, names_of, values_of
from jangbu.payments.rules import Payment

_COLUMNS = ", ".join(names_of(Payment))
_NEW = (
    "id", "store_id", "order_id", "api", "provider_order_id", "order_name", "amount", "tax_free_amount", "currency",
    "tax_profile", "is_escrow", "products", "status", "expires_at", "due_at", "created_at",
)  # fmt: skip
_MOVES = (
    "status", "provider_transaction_id", "vat_amount", "cancelled_amount", "cancellable_amount", "suspense_amount",
    "suspense_currency", "paid_at", "failed_at", "cancelled_at", "channel_key", "pg_provider", "method", "failure",
    "review", "portone", "portone_changed_at", "closed_transaction_id", "due_at", "checks",
)  # fmt: skip
"""What changes in a payment's life; nothing else ever does."""

INSERT = Query(
    UUID,
    f"""
    INSERT INTO payments ({", ".join(_NEW)}) VALUES ({", ".join(f":{name}" for name in _NEW)})
    ON CONFLICT DO NOTHING RETURNING id
    """,
)
BY_ID = Query(Payment, f"SELECT {_COLUMNS} FROM payments WHERE id = :id")
BY_PROVIDER_ORDER = Query(Payment, f"SELECT {_COLUMNS} FROM payments WHERE provider_order_id = :provider_order_id")
OF_IMP_UID = Query(UUID, "SELECT id FROM payments WHERE provider_transaction_id = :imp_uid AND api = 'v1'")
KNOWN_AT_PORTONE = Query(str, "SELECT provider_order_id FROM payments WHERE provider_order_id = ANY(:ids::text[])")
LOCK = Query(Payment, f"SELECT {_COLUMNS} FROM payments WHERE id = :id FOR UPDATE")
UPDATE = Query(type(None), f"UPDATE payments SET {assigned(_MOVES)} WHERE id = :id")
LOOKED_AT = Query(type(None), "UPDATE payments SET review_looked_at = :at, review_looked_by = :by WHERE id = :id")
# SKIP LOCKED: sweepers pass each other, and a payment that is just being settled is not due anyway. Pushing due_at
# ahead is the lease: if the check is lost with its worker, the payment comes round again.
CLAIM_DUE = Query(
    UUID,
    """
    UPDATE payments SET due_at = :until, checks = checks + 1
     WHERE id IN (SELECT id FROM payments WHERE due_at <= :now ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)
DUE_COUNT = Query(int, "SELECT count(*) FROM payments WHERE due_at <= :now")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the intent log."""

    id: UUID
    operation: str
    request: dict[str, Any]
    state: str
    outcome: dict[str, Any] | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class CountAndSum:
    """How many payments of a state, their total, and what of it was given back, in minor units."""

    status: str
    currency: str
    count: int
    total_minor: int
    cancelled_minor: int


@dataclass(frozen=True, slots=True)
class StuckAttempt:
    """A call whose outcome nobody knows yet."""

    payment_id: UUID
    operation: str
    started_at: datetime


BEGIN_ATTEMPT = Query(
    type(None),
    """
    INSERT INTO payment_attempts (id, payment_id, operation, request, state, started_at)
    VALUES (:id, :payment_id, :operation, :request, 'sent', :started_at)
    """,
)
# Compare-and-set: an attempt is finished by whoever first learns its outcome. "Unknown" may still become known, and
# what was said first is kept beside what was learned later: that an answer was lost is part of the story.
FINISH_ATTEMPT = Query(
    UUID,
    """
    UPDATE payment_attempts
       SET state = :state, outcome = coalesce(outcome, '{}') || :outcome,
           finished_at = coalesce(finished_at, :finished_at)
     WHERE id = :id AND state IN ('sent', 'unknown') RETURNING id
    """,
)
SETTLE_ATTEMPTS = Query(
    type(None),
    """
    UPDATE payment_attempts
       SET state = :state, outcome = coalesce(outcome, '{}') || :outcome,
           finished_at = coalesce(finished_at, :finished_at)
     WHERE payment_id = :payment_id AND operation = :operation AND state IN ('sent', 'unknown')
       AND started_at <= coalesce(:begun_by::timestamptz, 'infinity')
    """,
)
ATTEMPTS = Query(
    Attempt,
    """
    SELECT id, operation, request, state, outcome, started_at, finished_at FROM payment_attempts
     WHERE payment_id = :payment_id ORDER BY started_at, id
    """,
)
STUCK_ATTEMPTS = Query(
    StuckAttempt,
    """
    SELECT payment_id, operation, started_at FROM payment_attempts
     WHERE state IN ('sent', 'unknown') AND started_at < :before ORDER BY started_at
    """,
)
# Locked first and looked at again afterwards: who waits for a row sees the row anew, and its attempts as they were.
LOCK_STUCK = Query(
    UUID,
    """
    SELECT id FROM payments
     WHERE review = '' AND id IN (
           SELECT payment_id FROM payment_attempts WHERE state IN ('sent', 'unknown') AND started_at < :before)
     ORDER BY id FOR UPDATE
    """,
)
FLAG_STUCK = Query(
    UUID,
    """
    UPDATE payments SET review = 'outcome_unknown'
     WHERE review = '' AND id = ANY(:ids::uuid[]) AND id IN (
           SELECT payment_id FROM payment_attempts WHERE state IN ('sent', 'unknown') AND started_at < :before)
    RETURNING id
    """,
)
# The other way round: what was unknown for long is known, however that came about. Most are cleared by the look that
# finds it out; a call that is given up, or asked about by itself, leaves the payment as it was.
LOCK_SETTLED = Query(
    UUID,
    """
    SELECT id FROM payments
     WHERE review = 'outcome_unknown' AND id NOT IN (
           SELECT payment_id FROM payment_attempts WHERE state IN ('sent', 'unknown') AND started_at < :before)
     ORDER BY id FOR UPDATE
    """,
)
UNFLAG_SETTLED = Query(
    UUID,
    """
    UPDATE payments SET review = ''
     WHERE review = 'outcome_unknown' AND id = ANY(:ids::uuid[]) AND id NOT IN (
           SELECT payment_id FROM payment_attempts WHERE state IN ('sent', 'unknown') AND started_at < :before)
    RETURNING id
    """,
)
# What a person has to look at for another reason already keeps that reason, and may have a call without an answer too.
STUCK_BESIDES = Query(
    UUID,
    """
    SELECT DISTINCT p.id FROM payments p JOIN payment_attempts t ON t.payment_id = p.id
     WHERE t.state IN ('sent', 'unknown') AND t.started_at < :before AND p.review NOT IN ('', 'outcome_unknown')
    """,
)
COUNTS = Query(
    CountAndSum,
    """
    SELECT status, currency, count(*) AS count, sum(amount)::bigint AS total_minor,
           sum(cancelled_amount)::bigint AS cancelled_minor FROM payments
     GROUP BY status, currency ORDER BY status, currency
    """,
)
EXPECTED_ENTRY_KEYS = Query(
    str,
    """
    SELECT 'payment:' || id || ':captured' FROM payments WHERE paid_at IS NOT NULL
    UNION ALL
    -- The reason a person sees may change, and the mismatch may be put right: the event says for good what was booked.
    SELECT e.subject || part.key
      FROM events e
      JOIN payments p ON e.subject = 'payment:' || p.id
      JOIN (VALUES (':mismatched'), (':mismatch_resolved')) AS part (key)
        ON part.key = ':mismatched' OR p.paid_at IS NOT NULL
     WHERE e.type = 'payment.mismatched' AND e.data ->> 'review' IN ('other_amount', 'other_currency')
    UNION ALL
    SELECT 'payment:' || payment_id || ':cancelled:' || id FROM payment_cancellations WHERE status = 'SUCCEEDED'
    UNION ALL
    SELECT 'payment:' || payment_id || ':dispute:' || dispute_id || ':' || number FROM payment_dispute_moves
    """,
)


async def insert(tx: Tx, payment: Payment) -> bool:
    """Write a new payment down; False when its order, or its id at PortOne, is there already."""
    return await tx.maybe(INSERT, **values_of(payment, _NEW)) is not None


async def find(tx: Tx, reference: str) -> Payment | None:
    """By our id (a UUID) or PortOne's paymentId."""
    try:
        ours = UUID(reference)
    except ValueError:
        ours = None
    # A paymentId of ours is 32 hex digits, which also reads as a UUID: so ask for both.
    found = await tx.maybe(BY_PROVIDER_ORDER, provider_order_id=reference)
    if found is None and ours is not None:
        found = await tx.maybe(BY_ID, id=ours)
    return found


async def of_imp_uid(tx: Tx, imp_uid: str) -> UUID | None:
    """The payment that this attempt of V1 paid for, as far as we know."""
    return await tx.maybe(OF_IMP_UID, imp_uid=imp_uid)


async def known_at_portone(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Which of PortOne's paymentIds are ours."""
    return set(await tx.all(KNOWN_AT_PORTONE, ids=list(ids)))


async def lock(tx: Tx, payment_id: UUID) -> Payment:
    """The row, held until the transaction ends: every change of a payment goes through here."""
    return await tx.one(LOCK, id=payment_id)


async def update(tx: Tx, payment: Payment) -> None:
    """Write a locked row back."""
    await tx.run(UPDATE, id=payment.id, **values_of(payment, _MOVES))


async def looked_at(tx: Tx, payment_id: UUID, *, by: str, at: datetime) -> None:
    """Write down on a locked row that a person has looked at it."""
    await tx.run(LOOKED_AT, id=payment_id, by=by, at=at)


async def claim_due(tx: Tx, *, now: datetime, until: datetime, most: int) -> list[UUID]:
    """Payments to ask about now; nobody else gets them before `until`."""
    return await tx.all(CLAIM_DUE, now=now, until=until, most=most)


async def due_count(tx: Tx, now: datetime) -> int:
    """How many payments the sweeper has yet to claim."""
    return await tx.one(DUE_COUNT, now=now)


async def begin_attempt(
    tx: Tx, *, attempt_id: UUID, payment_id: UUID, operation: str, request: dict[str, Any], at: datetime
) -> None:
    """Write the intent down; its id is the Idempotency-Key."""
    await tx.run(
        BEGIN_ATTEMPT, id=attempt_id, payment_id=payment_id, operation=operation, request=request, started_at=at
    )


async def finish_attempt(tx: Tx, attempt_id: UUID, *, state: str, outcome: dict[str, Any], at: datetime) -> bool:
    """Record what came of it; False when somebody else already knew."""
    return await tx.maybe(FINISH_ATTEMPT, id=attempt_id, state=state, outcome=outcome, finished_at=at) is not None


async def settle_attempts(
    tx: Tx,
    payment_id: UUID,
    operation: str,
    *,
    state: str,
    outcome: dict[str, Any],
    at: datetime,
    begun_by: datetime | None = None,
) -> None:
    """Record what a later look at PortOne says about every open attempt of one operation; of those begun by `begun_by`,
    where it says nothing of younger ones."""
    await tx.run(
        SETTLE_ATTEMPTS,
        payment_id=payment_id,
        operation=operation,
        state=state,
        outcome=outcome,
        finished_at=at,
        begun_by=begun_by,
    )


async def attempts(tx: Tx, payment_id: UUID) -> list[Attempt]:
    """Every call made for a payment, in order."""
    return await tx.all(ATTEMPTS, payment_id=payment_id)


async def stuck_attempts(tx: Tx, before: datetime) -> list[StuckAttempt]:
    """Calls made before `before` whose outcome is still open."""
    return await tx.all(STUCK_ATTEMPTS, before=before)


async def flag_stuck(tx: Tx, before: datetime) -> list[UUID]:
    """Mark payments with a call older than `before` that still has no outcome for a person's look; the new ones."""
    ids = await tx.all(LOCK_STUCK, before=before)
    return await tx.all(FLAG_STUCK, ids=ids, before=before) if ids else []


async def unflag_settled(tx: Tx, before: datetime) -> list[UUID]:
    """Take the mark of `flag_stuck` from payments that have no such call any more; which."""
    ids = await tx.all(LOCK_SETTLED, before=before)
    return await tx.all(UNFLAG_SETTLED, ids=ids, before=before) if ids else []


async def stuck_besides(tx: Tx, before: datetime) -> list[UUID]:
    """Payments with such a call that wait for a person's look for another reason."""
    return await tx.all(STUCK_BESIDES, before=before)


async def counts(tx: Tx) -> list[CountAndSum]:
    """Payments by state and currency."""
    return await tx.all(COUNTS)
