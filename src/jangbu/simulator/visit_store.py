"""What the checks read of hosted checkout. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Query


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session, the pieces it is of, and how many of them were sold and came back."""

    order_id: str
    state: str
    late_refund: str
    amount: int
    expires_at: datetime
    pieces: int
    sold: int
    returned: int
    told: list[str]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item, the sum of its movements, what sessions hold of it, and how many are sold and not back."""

    id: UUID
    name: str
    stock: int
    reserved: int
    moved: int
    held: int
    out: int


SESSIONS = Query(
    SessionRow,
    """
    SELECT s.order_id, s.state, s.late_refund, s.amount, s.expires_at,
           (SELECT sum(quantity)::bigint FROM payment_session_lines WHERE session_key = s.id) AS pieces,
           (SELECT coalesce(-sum(quantity), 0)::bigint FROM item_movements
             WHERE session_key = s.id AND kind = 'sold') AS sold,
           (SELECT coalesce(sum(quantity), 0)::bigint FROM item_movements
             WHERE session_key = s.id AND kind = 'returned') AS returned,
           (SELECT coalesce(jsonb_agg(v.type), '[]') FROM events v WHERE v.subject = 'checkout:' || s.id) AS told
      FROM payment_sessions s ORDER BY s.created_at, s.id
    """,
)
ITEMS = Query(
    ItemRow,
    """
    SELECT i.id, i.name_ko AS name, i.stock, i.reserved,
           (SELECT coalesce(sum(quantity), 0)::bigint FROM item_movements WHERE item_id = i.id) AS moved,
           (SELECT coalesce(sum(l.quantity), 0)::bigint FROM payment_session_lines l
              JOIN payment_sessions s ON s.id = l.session_key WHERE l.item_id = i.id AND s.holds_stock) AS held,
           (SELECT coalesce(-sum(quantity), 0)::bigint FROM item_movements
             WHERE item_id = i.id AND kind <> 'stocked') AS out
      FROM items i ORDER BY i.id
    """,
)
