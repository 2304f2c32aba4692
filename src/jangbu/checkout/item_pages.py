"""The console's list of what is sold."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.checkout.item_rules import Item
from jangbu.checkout.service.items import page_of_items
from jangbu.money import Money
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Pager
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.listing import pager

ITEMS = "/console/items"


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item. `state` is a key of the catalogue below `items.`."""

    id: str
    name: str
    price: Money
    stock: int
    reserved: int
    state: str


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """All that items.html may use."""

    rows: tuple[ItemRow, ...]
    pager: Pager


def routes(run: Runtime) -> APIRouter:
    """`/console/items`."""
    router = APIRouter(include_in_schema=False)

    @router.get(ITEMS)
    async def items(
        request: Request,
        caller: Annotated[Caller, guard(Scoped("items:read"))],
        before: str = "",
    ) -> Response:
        found = await page_of_items(before=cursor_of(before), store_id=caller.store_id, run=run)
        older = None if found.older is None else cursor_text(*found.older)
        language = rendering.words(request).language
        rows = tuple(_row(item, language) for item in found.items)
        return rendering.page(request, "items.html", ItemsPage(rows, pager(request, older)))

    return router


def _row(item: Item, language: str) -> ItemRow:
    state = "off_sale" if not item.is_active else "on_sale" if item.available else "sold_out"
    return ItemRow(str(item.id), item.name_in(language), item.unit, item.stock, item.reserved, state)
