"""All SQL of `payment_questions`: what PortOne asked just before an approval, and what it was answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx

UNSIGNED_KEPT = 20
"""How many unsigned questions are kept of one payment: anybody can ask those."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with its answer. `code` says why not; `times` is how often it came."""

    question_id: str
    asked: dict[str, Any]
    answer: str
    code: str
    took_ms: int
    times: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """One question in the list. Without `payment_id` it was about a payment that is none of ours."""

    id: UUID
    payment_id: UUID | None
    order_name: str | None
    portone_payment_id: str
    answer: str
    code: str
    took_ms: int
    times: int
    asked_at: datetime


# The answer that PortOne got last is the one that counts. A question that comes again as another is not written over.
KEEP = Query(
    int,
    """
    INSERT INTO payment_questions AS kept
           (id, question_id, payment_id, portone_payment_id, asked, answer, code, took_ms, asked_at, answered_at)
    SELECT :id, :question_id, :payment_id, :portone_payment_id, :asked, :answer, :code, :took_ms, :asked_at,
           :answered_at
     WHERE :is_signed::boolean
        OR (SELECT count(*) FROM payment_questions WHERE payment_id = :payment_id) < :most::bigint
    ON CONFLICT ON CONSTRAINT payment_questions_once DO UPDATE
       SET answer = excluded.answer, code = excluded.code, took_ms = excluded.took_ms, times = kept.times + 1,
           answered_at = excluded.answered_at
     WHERE kept.asked = excluded.asked
    RETURNING times
    """,
)
OF_PAYMENT = Query(
    Asked,
    """
    SELECT question_id, asked, answer, code, took_ms, times, asked_at FROM payment_questions
     WHERE payment_id = :payment_id ORDER BY asked_at, id LIMIT 100
    """,
)
_LISTED = """
    SELECT q.id, q.payment_id, p.order_name, q.portone_payment_id, q.answer, q.code, q.took_ms, q.times, q.asked_at
      FROM payment_questions q LEFT JOIN payments p ON p.id = q.payment_id
     WHERE (q.asked_at, q.id) < (:before_at, :before_id) {answered}
     ORDER BY q.asked_at DESC, q.id DESC LIMIT :most
"""
NEWEST = Query(Listed, _LISTED.format(answered=""))
# Spelt out, so that each is looked up in its own index whatever the plan is made for.
NEWEST_OF = {
    answer: Query(Listed, _LISTED.format(answered=f"AND q.answer = '{answer}'")) for answer in ("yes", "no", "unknown")
}
PAYMENTS_UNANSWERED = Query(
    int,
    """
    SELECT count(DISTINCT portone_payment_id) FROM payment_questions
     WHERE answer = 'unknown' AND asked_at > :since
    """,
)
ASKED_BEFORE = Query(dict, "SELECT asked FROM payment_questions WHERE question_id = :question_id")


async def keep(
    tx: Tx,
    *,
    row_id: UUID,
    question_id: str,
    is_signed: bool,
    payment_id: UUID | None,
    portone_payment_id: str,
    asked: dict[str, Any],
    answer: str,
    code: str,
    took_ms: int,
    asked_at: datetime,
    answered_at: datetime,
) -> None:
    """Write a question down with its answer; the last answer where it came before."""
    await tx.maybe(
        KEEP,
        id=row_id,
        question_id=question_id,
        is_signed=is_signed,
        payment_id=payment_id,
        portone_payment_id=portone_payment_id,
        asked=asked,
        answer=answer,
        code=code,
        took_ms=took_ms,
        asked_at=asked_at,
        answered_at=answered_at,
        most=UNSIGNED_KEPT,
    )


async def of_payment(tx: Tx, payment_id: UUID) -> list[Asked]:
    """What PortOne asked about a payment, in order."""
    return await tx.all(OF_PAYMENT, payment_id=payment_id)


async def asked_before(tx: Tx, question_id: str) -> dict[str, Any] | None:
    """What the question of this id said when it first came."""
    return await tx.maybe(ASKED_BEFORE, question_id=question_id)


async def newest(tx: Tx, answer: str, *, before_at: datetime, before_id: UUID, most: int) -> list[Listed]:
    """A page of questions, the latest first; "" for any answer."""
    query = NEWEST_OF[answer] if answer else NEWEST
    return await tx.all(query, before_at=before_at, before_id=before_id, most=most)


async def payments_unanswered(tx: Tx, since: datetime) -> int:
    """Of how many payments nobody could tell, when PortOne asked since then."""
    return await tx.one(PAYMENTS_UNANSWERED, since=since)
