"""All SQL of what is sold."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jangbu.checkout.item_rules import Item
from jangbu.db import Query, Tx, assigned, names_of, values_of

_COLUMNS = ", ".join(names_of(Item))
_NEW = (
    "id", "store_id", "name_ko", "name_en", "price", "tax_free_price", "currency", "stock", "is_active", "created_at",
)  # fmt: skip
_CHANGES = ("name_ko", "name_en", "price", "tax_free_price", "stock", "is_active")
"""What changes by hand: a currency stays, and what is reserved changes with sessions only."""

INSERT = Query(type(None), f"INSERT INTO items ({', '.join(_NEW)}) VALUES ({', '.join(f':{name}' for name in _NEW)})")
UPDATE = Query(type(None), f"UPDATE items SET {assigned(_CHANGES)} WHERE id = :id")
BY_IDS = Query(Item, f"SELECT {_COLUMNS} FROM items WHERE id = ANY(:ids::uuid[]) ORDER BY id")
# In the order of their ids: two sessions that share items wait for each other and never in a circle.
LOCK = Query(Item, f"SELECT {_COLUMNS} FROM items WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR UPDATE")
NEWEST = Query(
    Item,
    f"""
    SELECT {_COLUMNS} FROM items
     WHERE (created_at, id) < (:before_at, :before_id) AND (:store_id = '' OR store_id = :store_id)
     ORDER BY created_at DESC, id DESC LIMIT :most
    """,
)
STOCKED = Query(
    type(None),
    """
    INSERT INTO item_movements (id, item_id, kind, quantity, happened_at)
    VALUES (:id, :item_id, 'stocked', :quantity, :happened_at)
    """,
)


async def insert(tx: Tx, item: Item) -> None:
    """Write a new item down."""
    await tx.run(INSERT, **values_of(item, _NEW))


async def update(tx: Tx, item: Item) -> None:
    """Write a locked item back."""
    await tx.run(UPDATE, id=item.id, **values_of(item, _CHANGES))


async def by_ids(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Item]:
    """Items as they are now."""
    return {item.id: item for item in await tx.all(BY_IDS, ids=list(ids))}


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Item]:
    """The rows, held until the transaction ends: stock changes only here."""
    return {item.id: item for item in await tx.all(LOCK, ids=list(ids))}


async def newest(tx: Tx, *, before_at: datetime, before_id: UUID, store_id: str, most: int) -> list[Item]:
    """A page of items, newest first."""
    return await tx.all(NEWEST, before_at=before_at, before_id=before_id, store_id=store_id, most=most)


async def stocked(tx: Tx, *, movement_id: UUID, item_id: UUID, quantity: int, at: datetime) -> None:
    """Write down what came onto the shelf, or off it unsold."""
    await tx.run(STOCKED, id=movement_id, item_id=item_id, quantity=quantity, happened_at=at)
