"""`jangbu items …`: what is sold and how much of it is left, from a terminal."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.money import Money, typed, written
from jangbu.terminal import Column, Json, Opener, document, execute, say, table

if TYPE_CHECKING:
    from jangbu.audit import Actor
    from jangbu.checkout.item_rules import Item

ItemId = Annotated[str, typer.Argument(help="The item's id.")]
Price = Annotated[str, typer.Option(help="As in 12,300 or 12.30; VAT is in it.")]


def commands(opened: Opener, operator: "Callable[[], Actor]") -> typer.Typer:
    """The `items` commands."""
    items = typer.Typer(help="What is sold, and how much of it is left.", no_args_is_help=True)

    @items.command("list")
    def list_items(as_json: Json = False) -> None:
        """Every item, newest first: price, stock, and how much of it is being paid for."""

        async def work() -> "list[Item]":
            from jangbu.checkout.service.items import page_of_items

            found: list[Item] = []
            async with opened() as run:
                page = await page_of_items(run=run)
                found += page.items
                while page.older is not None:
                    page = await page_of_items(before=page.older, run=run)
                    found += page.items
            return found

        found = execute(work())
        if as_json:
            document([_as_json(item) for item in found])
            return
        if not found:
            say("Nothing is sold here yet. `jangbu items add` puts something on sale.")
            return
        columns = [Column("id"), Column("name"), Column("price", right=True)]
        columns += [Column("stock", right=True), Column("reserved", right=True), Column("on sale")]
        rows = [
            (item.id, item.name_ko, written(item.unit), item.stock, item.reserved, "yes" if item.is_active else "no")
            for item in found
        ]
        table(columns, rows)

    @items.command()
    def add(
        name: Annotated[str, typer.Argument(help="Its Korean name.")],
        price: Price,
        english: Annotated[str, typer.Option(help="Its English name. Left out: the Korean one.")] = "",
        currency: Annotated[str, typer.Option(help="ISO 4217.")] = "KRW",
        tax_free: Annotated[bool, typer.Option("--tax-free", help="All of the price is free of VAT.")] = False,
        stock: Annotated[int, typer.Option(min=0, help="How many there are.")] = 0,
        as_json: Json = False,
    ) -> None:
        """Put an item on sale."""

        async def work() -> "Item":
            from jangbu.checkout.service.items import NewItem, add_item

            sum_ = typed(price, currency).amount_minor
            new = NewItem(name, sum_, english, currency, tax_free_price=sum_ if tax_free else 0, stock=stock)
            async with opened() as run:
                return await add_item(new, store_id=None, actor=operator(), run=run)

        _told(execute(work()), as_json=as_json)

    @items.command()
    def change(
        item: ItemId,
        price: Price = "",
        stock: Annotated[int, typer.Option(help="What came onto the shelf; negative: what left it unsold.")] = 0,
        on_sale: Annotated[bool | None, typer.Option("--on-sale/--off-sale", help="Whether it can be bought.")] = None,
        as_json: Json = False,
    ) -> None:
        """Change the price or the stock. Payers who are paying already keep the price they were shown."""

        async def work() -> "Item":
            from jangbu.checkout import item_store
            from jangbu.checkout.refusals import ItemUnknown
            from jangbu.checkout.service.items import ItemChange, change_item, item_id

            key = item_id(item)
            async with opened() as run:
                async with run.db.transaction() as tx:
                    known = (await item_store.by_ids(tx, [key])).get(key)
                if known is None:
                    raise ItemUnknown
                sum_ = typed(price, known.currency).amount_minor if price else None
                wanted = ItemChange(price=sum_, is_active=on_sale, stock_change=stock)
                return await change_item(key, wanted, actor=operator(), run=run)

        _told(execute(work()), as_json=as_json)

    return items


def _told(item: "Item", *, as_json: bool) -> None:
    if as_json:
        document(_as_json(item))
        return
    state = "on sale" if item.is_active else "not on sale"
    price = written(Money(item.price, item.currency))
    say(f"{item.id}  {item.name_ko}  {price}  {item.stock} in stock, {item.reserved} being paid for, {state}")


def _as_json(item: "Item") -> dict[str, Any]:
    return {
        "id": item.id,
        "name_ko": item.name_ko,
        "name_en": item.name_en,
        "price": item.price,
        "tax_free_price": item.tax_free_price,
        "currency": item.currency,
        "stock": item.stock,
        "reserved": item.reserved,
        "is_active": item.is_active,
    }
