"""All SQL of the sessions, and the reads that join them with their payments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.checkout.item_rules import Line
from jangbu.checkout.rules import PaymentSeen, Session
from jangbu.db import Query, Tx, assigned, names_of, values_of
from jangbu.keeping import Kept

ENCRYPTED = Kept("payment_sessions", "buyer_encrypted", plain="buyer", empty="'{}'::jsonb")
_COLUMNS = ", ".join(names_of(Session))
_NEW = (
    "id", "session_id", "store_id", "order_id", "order_name", "customer_id", "amount", "tax_free_amount", "currency",
    "is_escrow", "state", "buyer", "buyer_encrypted", "redirect_url", "expires_at", "due_at", "created_at",
)  # fmt: skip
_MOVES = (
    "state", "holds_stock", "late_refund", "prepares", "buyer", "buyer_encrypted", "expires_at", "due_at", "paid_at",
)  # fmt: skip
"""What changes in a session's life; nothing else ever does."""

INSERT = Query(
    UUID,
    f"""
    INSERT INTO payment_sessions ({", ".join(_NEW)}) VALUES ({", ".join(f":{name}" for name in _NEW)})
    ON CONFLICT ON CONSTRAINT payment_sessions_order_once DO NOTHING RETURNING id
    """,
)
INSERT_LINE = Query(
    type(None),
    """
    INSERT INTO payment_session_lines (session_key, item_id, position, name_ko, name_en, unit_price,
                                       tax_free_unit_price, quantity)
    VALUES (:session_key, :item_id, :position, :name_ko, :name_en, :unit_price, :tax_free_unit_price, :quantity)
    """,
)
LINES = Query(
    Line,
    """
    SELECT item_id, name_ko, name_en, unit_price, tax_free_unit_price, quantity FROM payment_session_lines
     WHERE session_key = :session_key ORDER BY position
    """,
)
BY_SESSION_ID = Query(Session, f"SELECT {_COLUMNS} FROM payment_sessions WHERE session_id = :session_id")
BY_ORDER = Query(
    Session, f"SELECT {_COLUMNS} FROM payment_sessions WHERE store_id = :store_id AND order_id = :order_id"
)
LOCK = Query(Session, f"SELECT {_COLUMNS} FROM payment_sessions WHERE id = :id FOR UPDATE")
UPDATE = Query(type(None), f"UPDATE payment_sessions SET {assigned(_MOVES)} WHERE id = :id")
# The payment of a session is the payment of its order: they find each other even where we died between the two. What
# the shop asked for otherwise under the same order pays for something else.
PAYMENT_OF = Query(
    PaymentSeen,
    """
    SELECT p.id, p.provider_order_id, p.status, p.method, p.failure, p.order_name, p.expires_at, p.review
      FROM payment_sessions s JOIN payments p ON p.store_id = s.store_id AND p.order_id = s.order_id
       AND (p.amount, p.tax_free_amount, p.currency) = (s.amount, s.tax_free_amount, s.currency)
     WHERE s.id = :id
    """,
)
OF_EVENT = Query(
    UUID,
    """
    SELECT s.id FROM events e
      JOIN payment_sessions s ON s.store_id = e.store_id AND s.order_id = e.data ->> 'orderId'
     WHERE e.id = :event_id
    """,
)
# SKIP LOCKED, and due_at pushed ahead as the lease: sweeps share the work, and what is lost comes round again.
CLAIM_DUE = Query(
    UUID,
    """
    UPDATE payment_sessions SET due_at = :until
     WHERE id IN (SELECT id FROM payment_sessions WHERE due_at <= :now ORDER BY due_at LIMIT :most
                     FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)
MAY_ASK = Query(
    UUID,
    """
    UPDATE payment_sessions SET asked_at = :now
     WHERE id = :id AND (asked_at IS NULL OR asked_at <= :before) RETURNING id
    """,
)

# Stock. Whoever runs these holds the session's row and then its items' rows, in the order of their ids.
RESERVE = Query(
    type(None),
    """
    UPDATE items i SET reserved = i.reserved + l.quantity
      FROM payment_session_lines l WHERE l.session_key = :id AND i.id = l.item_id
    """,
)
RELEASE = Query(
    type(None),
    """
    UPDATE items i SET reserved = i.reserved - l.quantity
      FROM payment_session_lines l WHERE l.session_key = :id AND i.id = l.item_id
    """,
)
# `held` is 1 when what is sold was reserved before, 0 when it comes straight off the shelf.
SELL = Query(
    type(None),
    """
    UPDATE items i SET stock = i.stock - l.quantity, reserved = i.reserved - l.quantity * :held::integer
      FROM payment_session_lines l WHERE l.session_key = :id AND i.id = l.item_id
    """,
)
TAKE_BACK = Query(
    type(None),
    """
    UPDATE items i SET stock = i.stock + l.quantity
      FROM payment_session_lines l WHERE l.session_key = :id AND i.id = l.item_id
    """,
)
# Without ON CONFLICT: a second delivery, or a second return, is a bug of ours and takes the transaction with it.
MOVED = Query(
    type(None),
    """
    INSERT INTO item_movements (id, item_id, session_key, kind, quantity, happened_at)
    VALUES (:id, :item_id, :session_key, :kind, :quantity, :happened_at)
    """,
)


@dataclass(frozen=True, slots=True)
class Past:
    """One payment in a payer's history."""

    id: UUID
    session_id: str
    item_name: str
    amount: int
    cancelled_amount: int
    currency: str
    status: str
    session_state: str
    created_at: datetime
    paid_at: datetime | None


HISTORY = Query(
    Past,
    """
    SELECT id, session_id, item_name, amount, cancelled_amount, currency, status, session_state, created_at, paid_at
      FROM payment_history
     WHERE store_id = :store_id AND customer_id = :customer_id AND customer_id <> ''
       AND (created_at, id) < (:before_at, :before_id)
     ORDER BY created_at DESC, id DESC LIMIT :most
    """,
)


# Of sessions that nobody can pay any more. SKIP LOCKED: two that drop at once share the work.
FORGET_BUYERS = Query(
    UUID,
    """
    UPDATE payment_sessions SET buyer_encrypted = NULL, buyer = '{}'
     WHERE id IN (SELECT id FROM payment_sessions
                   WHERE (buyer_encrypted IS NOT NULL OR buyer <> '{}') AND due_at IS NULL
                     AND expires_at < :before AND coalesce(paid_at, expires_at) < :before
                   ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)
# Whoever counts and then writes must be alone with this customer until the commit.
LOCK_CUSTOMER = Query(
    str, "SELECT pg_advisory_xact_lock(hashtextextended('sessions:' || :store_id || ':' || :customer_id, 0))::text"
)
UNDECIDED_OF = Query(
    int,
    """
    SELECT count(*)::int FROM (
        SELECT FROM payment_sessions
         WHERE store_id = :store_id AND customer_id = :customer_id AND customer_id <> '' AND due_at IS NOT NULL
         LIMIT :most) waiting
    """,
)


async def forget_buyers(tx: Tx, *, before: datetime, most: int) -> list[UUID]:
    """Drop who bought in sessions that ended before that time, some at once; which."""
    return await tx.all(FORGET_BUYERS, before=before, most=most)


async def undecided_of(tx: Tx, store_id: str, customer_id: str, *, most: int) -> int:
    """How many sessions of a customer wait to be paid, counted up to `most`; nobody else makes one until the commit."""
    await tx.one(LOCK_CUSTOMER, store_id=store_id, customer_id=customer_id)
    return await tx.one(UNDECIDED_OF, store_id=store_id, customer_id=customer_id, most=most)


async def insert(tx: Tx, session: Session, lines: Sequence[Line]) -> bool:
    """Write a new session down; False when its order has one already."""
    written = await tx.maybe(INSERT, **values_of(session, _NEW))
    if written is None:
        return False
    for position, line in enumerate(lines):
        await tx.run(
            INSERT_LINE,
            session_key=session.id,
            item_id=line.item_id,
            position=position,
            name_ko=line.name_ko,
            name_en=line.name_en,
            unit_price=line.unit_price,
            tax_free_unit_price=line.tax_free_unit_price,
            quantity=line.quantity,
        )
    return True


async def lines(tx: Tx, session_key: UUID) -> list[Line]:
    """What a session is of."""
    return await tx.all(LINES, session_key=session_key)


async def by_session_id(tx: Tx, session_id: str) -> Session | None:
    """By what its payer knows."""
    return await tx.maybe(BY_SESSION_ID, session_id=session_id)


async def by_order(tx: Tx, store_id: str, order_id: str) -> Session | None:
    """The session that was made for an order."""
    return await tx.maybe(BY_ORDER, store_id=store_id, order_id=order_id)


async def lock(tx: Tx, session_key: UUID) -> Session:
    """The row, held until the transaction ends: every change of a session goes through here."""
    return await tx.one(LOCK, id=session_key)


async def update(tx: Tx, session: Session) -> None:
    """Write a locked row back."""
    await tx.run(UPDATE, id=session.id, **values_of(session, _MOVES))


async def payment_of(tx: Tx, session_key: UUID) -> PaymentSeen | None:
    """The session's payment as it stands, if there is one."""
    return await tx.maybe(PAYMENT_OF, id=session_key)


async def of_event(tx: Tx, event_id: UUID) -> UUID | None:
    """The session that a payment's event is about; None for payments made without one."""
    return await tx.maybe(OF_EVENT, event_id=event_id)


async def claim_due(tx: Tx, *, now: datetime, until: datetime, most: int) -> list[UUID]:
    """Sessions to look at now; nobody else gets them before `until`."""
    return await tx.all(CLAIM_DUE, now=now, until=until, most=most)


async def may_ask(tx: Tx, session_key: UUID, *, now: datetime, before: datetime) -> bool:
    """Take the turn to ask PortOne about a session; False when somebody had it after `before`."""
    return await tx.maybe(MAY_ASK, id=session_key, now=now, before=before) is not None


async def reserve(tx: Tx, session_key: UUID) -> None:
    """Promise what a session is of."""
    await tx.run(RESERVE, id=session_key)


async def release(tx: Tx, session_key: UUID) -> None:
    """Take the promise back."""
    await tx.run(RELEASE, id=session_key)


async def sell(tx: Tx, session_key: UUID, *, was_held: bool) -> None:
    """Take what a session is of off the shelf."""
    await tx.run(SELL, id=session_key, held=int(was_held))


async def take_back(tx: Tx, session_key: UUID) -> None:
    """Put what was sold back onto the shelf."""
    await tx.run(TAKE_BACK, id=session_key)


async def moved(tx: Tx, *, movement_id: UUID, session_key: UUID, line: Line, kind: str, at: datetime) -> None:
    """Write down that a line was `sold` or `returned`. Once each: PostgreSQL refuses a second."""
    quantity = -line.quantity if kind == "sold" else line.quantity
    await tx.run(
        MOVED,
        id=movement_id,
        item_id=line.item_id,
        session_key=session_key,
        kind=kind,
        quantity=quantity,
        happened_at=at,
    )


async def history(
    tx: Tx, *, store_id: str, customer_id: str, before_at: datetime, before_id: UUID, most: int
) -> list[Past]:
    """A page of a payer's payments, newest first."""
    return await tx.all(
        HISTORY, store_id=store_id, customer_id=customer_id, before_at=before_at, before_id=before_id, most=most
    )
