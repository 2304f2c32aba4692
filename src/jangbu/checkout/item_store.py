"""All SQL of what is sold."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jangbu.checkout.rules import Item
from jangbu.db import Query, Tx

_COLUMNS = """
    id, store_id, name_ko, name_en, price, tax_free_price, currency, stock, reserved, is_active, created_at
"""

INSERT = Query(
    type(None),
    """
    INSERT INTO items (id, store_id, name_ko, name_en, price, tax_free_price, currency, stock, is_active, created_at)
    VALUES (:id, :store_id, :name_ko, :name_en, :price, :tax_free_price, :currency, :stock, :is_active, :created_at)
    """,
)
UPDATE = Query(
    type(None),
    """
    UPDATE items SET name_ko = :name_ko, name_en = :name_en, price = :price, tax_free_price = :tax_free_price,
           stock = :stock, is_active = :is_active
     WHERE id = :id
    """,
)
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
    await tx.run(
        INSERT,
        id=item.id,
        store_id=item.store_id,
        name_ko=item.name_ko,
        name_en=item.name_en,
        price=item.price,
        tax_free_price=item.tax_free_price,
        currency=item.currency,
        stock=item.stock,
        is_active=item.is_active,
        created_at=item.created_at,
    )


async def update(tx: Tx, item: Item) -> None:
    """Write a locked item back. Its currency stays, and what is reserved changes with sessions only."""
    await tx.run(
        UPDATE,
        id=item.id,
        name_ko=item.name_ko,
        name_en=item.name_en,
        price=item.price,
        tax_free_price=item.tax_free_price,
        stock=item.stock,
        is_active=item.is_active,
    )


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
