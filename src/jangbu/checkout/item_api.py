"""Items over HTTP, for staff and the shop's backend: `/api/v1/items…`."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.checkout.item_rules import STOCK_MAX
from jangbu.checkout.service.items import ItemChange, NewItem, add_item, change_item, page_of_items
from jangbu.checkout.service.items import item_id as key_of
from jangbu.checkout.views import item_view
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.envelope import ok

Reader = Annotated[Caller, guard(Scoped("items:read"))]
Manager = Annotated[Caller, guard(Scoped("items:manage"))]
_Name = Annotated[str, Field(max_length=200)]


class ItemBody(Body):
    """A new item. Its price includes VAT."""

    name_ko: _Name = Field(examples=["보리차"])
    name_en: _Name = Field(default="", examples=["Barley tea"], description="Left out: the Korean name.")
    price: int = Field(description="In minor units of the currency.", examples=[5500])
    tax_free_price: int = Field(default=0, description="The part of the price that is free of VAT.")
    currency: str = Field(default="KRW", pattern="^[A-Z]{3}$")
    stock: int = Field(default=0, examples=[100])


class ItemChangeBody(Body):
    """What to change; what is left out stays. Sessions that exist keep their prices."""

    name_ko: _Name | None = None
    name_en: _Name | None = None
    price: int | None = None
    tax_free_price: int | None = Field(
        default=None,
        description="Left out: of an item that is wholly free of VAT it goes with the price; else it stays.",
    )
    active: bool | None = Field(default=None, description="False takes it off sale.")
    stock_change: int = Field(
        default=0, ge=-STOCK_MAX, le=STOCK_MAX, description="What came onto the shelf; negative: what left it unsold."
    )


def routes(run: Runtime) -> APIRouter:
    """The items' routes."""
    router = APIRouter(prefix="/api/v1/items", tags=["items"])

    @router.get("", summary="Items, newest first")
    async def read(
        caller: Reader, before: Annotated[str, Query(max_length=200, description="The `older` of a page.")] = ""
    ) -> Response:
        found = await page_of_items(before=cursor_of(before), store_id=caller.store_id, run=run)
        older = None if found.older is None else cursor_text(*found.older)
        return ok({"items": [item_view(item) for item in found.items], "older": older}, clock=run.clock)

    @router.post("", summary="Add an item", status_code=201)
    async def add(body: ItemBody, caller: Manager) -> Response:
        item = await add_item(NewItem(**body.model_dump()), store_id=caller.store_id, actor=caller.actor, run=run)
        return ok(item_view(item), status=201, clock=run.clock)

    @router.patch("/{item_id}", summary="Change an item, its price or its stock")
    async def change(item_id: Annotated[str, Path(max_length=64)], body: ItemChangeBody, caller: Manager) -> Response:
        """`stockChange` is added to what is there, so that two people who count never undo each other."""
        given = body.model_dump()
        wanted = ItemChange(is_active=given.pop("active"), **given)
        item = await change_item(key_of(item_id), wanted, store_id=caller.store_id, actor=caller.actor, run=run)
        return ok(item_view(item), clock=run.clock)

    return router
