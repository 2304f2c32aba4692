"""What is sold: adding and changing it, and how many there are."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from jangbu import audit
from jangbu.audit import Actor
from jangbu.checkout import item_store
from jangbu.checkout.item_rules import STOCK_MAX, Item, checked_item
from jangbu.checkout.refusals import ItemUnfit, ItemUnknown, StockTooLow
from jangbu.runtime import Runtime

PAGE = 50


@dataclass(frozen=True, slots=True)
class NewItem:
    """What a new item is. `name_en` is the Korean name where nobody says."""

    name_ko: str
    price: int
    name_en: str = ""
    currency: str = "KRW"
    tax_free_price: int = 0
    stock: int = 0


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What to change; None stays. `stock_change` is added, so that two people who count never undo each other."""

    name_ko: str | None = None
    name_en: str | None = None
    price: int | None = None
    tax_free_price: int | None = None
    is_active: bool | None = None
    stock_change: int = 0


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Items, newest first; `older` is where the next page begins."""

    items: tuple[Item, ...]
    older: tuple[datetime, UUID] | None


def item_id(text: str) -> UUID:
    """The id of an item as somebody wrote it. Raises ItemUnknown."""
    try:
        return UUID(text)
    except ValueError:
        raise ItemUnknown from None


async def item_on_sale(item_id: UUID, *, run: Runtime) -> Item:
    """An item that anybody may buy, sold out or not. Raises ItemUnknown, also for one that is off sale."""
    async with run.db.transaction() as tx:
        found = (await item_store.by_ids(tx, [item_id])).get(item_id)
    if found is None or not found.is_active:
        raise ItemUnknown
    return found


async def add_item(new: NewItem, *, store_id: str | None, actor: Actor, run: Runtime) -> Item:
    """A new item, on sale at once. Raises ItemUnfit, AmountOutOfRange, UnknownCurrency."""
    name_en = new.name_en or new.name_ko
    checked_item(new.name_ko, name_en, new.price, new.tax_free_price, new.currency)
    if not 0 <= new.stock <= STOCK_MAX:
        raise ItemUnfit
    now = run.clock.now()
    item = Item(
        id=run.ids.uuid(),
        store_id=store_id or run.settings.portone_store_id,
        name_ko=new.name_ko,
        name_en=name_en,
        price=new.price,
        tax_free_price=new.tax_free_price,
        currency=new.currency,
        stock=new.stock,
        reserved=0,
        is_active=True,
        created_at=now,
    )
    async with run.db.transaction() as tx:
        await item_store.insert(tx, item)
        if new.stock:
            await item_store.stocked(tx, movement_id=run.ids.uuid(), item_id=item.id, quantity=new.stock, at=now)
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="item.added",
            subject=f"item:{item.id}",
            price=item.price,
            currency=item.currency,
            stock=item.stock,
        )
    return item


async def change_item(
    item_id: UUID, change: ItemChange, *, store_id: str | None = None, actor: Actor, run: Runtime
) -> Item:
    """Change an item from now on: sessions that exist keep their prices. Of what is wholly free of VAT a new price is
    too, unless somebody says otherwise.

    Raises ItemUnknown, ItemUnfit, AmountOutOfRange, StockTooLow.
    """
    now = run.clock.now()
    async with run.db.transaction() as tx:
        before = (await item_store.lock(tx, [item_id])).get(item_id)
        if before is None or store_id not in (None, before.store_id):
            raise ItemUnknown
        given = {
            name: value
            for name in ("name_ko", "name_en", "price", "tax_free_price", "is_active")
            if (value := getattr(change, name)) is not None
        }
        if change.price is not None and 0 < before.price == before.tax_free_price:
            given.setdefault("tax_free_price", change.price)
        after = replace(before, **given, stock=before.stock + change.stock_change)
        checked_item(after.name_ko, after.name_en, after.price, after.tax_free_price, after.currency)
        if after.stock < after.reserved:
            raise StockTooLow(stock=before.stock, reserved=before.reserved)
        if after.stock > STOCK_MAX:
            raise ItemUnfit
        await item_store.update(tx, after)
        if change.stock_change:
            await item_store.stocked(
                tx, movement_id=run.ids.uuid(), item_id=item_id, quantity=change.stock_change, at=now
            )
        facts = {**given, "stock_change": change.stock_change}
        await audit.record(tx, at=now, actor=actor, action="item.changed", subject=f"item:{item_id}", **facts)
    return after


async def page_of_items(
    *, before: tuple[datetime, UUID] | None = None, store_id: str | None = None, run: Runtime
) -> ItemPage:
    """What there is, newest first."""
    at, row_id = before or (run.clock.now().replace(year=9999), UUID(int=2**128 - 1))
    async with run.db.transaction() as tx:
        found = await item_store.newest(tx, before_at=at, before_id=row_id, store_id=store_id or "", most=PAGE + 1)
    shown = found[:PAGE]
    older = (shown[-1].created_at, shown[-1].id) if len(found) > PAGE else None
    return ItemPage(tuple(shown), older)
