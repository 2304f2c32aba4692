"""`/buy/<item id>`: one item, and how many of it (requirements C7). Without a shop's server, and without a script.

Off unless JANGBU_CHECKOUT_ITEM_PAGES says otherwise: then whoever has the link makes a session, at our price. Nothing
is promised here; stock is held when somebody begins to pay, as for every session.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Held
from jangbu.checkout.item_rules import QUANTITY_MAX, Item, Wish
from jangbu.checkout.pages import missing, payers_page
from jangbu.checkout.refusals import ItemUnknown
from jangbu.checkout.service.items import item_id, item_on_sale
from jangbu.checkout.service.sessions import NewSession, create_session
from jangbu.errors import Refusal
from jangbu.money import Money
from jangbu.runtime import Runtime
from jangbu.web import rendering

Buyer = Annotated[Caller, guard(Held("whoever has the link to an item may buy it, where the operator wants that"))]
ItemId = Annotated[str, Path(max_length=64)]
TYPED_LONGEST = 20
_QUANTITY = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BuyPage:
    """All that buy.html may use. `most`: how many may be asked for, 0 when it is sold out."""

    name: str
    price: Money
    most: int
    asked: str
    problem: str


def routes(run: Runtime) -> APIRouter:
    """`/buy/{item_id}`."""
    router = APIRouter(include_in_schema=False, prefix="/buy")

    async def item_of(text: str) -> Item:
        if not run.settings.checkout_item_pages:
            raise ItemUnknown
        return await item_on_sale(item_id(text), run=run)

    def shown(request: Request, item: Item, asked: str, problem: str = "") -> Response:
        page = BuyPage(item.name_in(rendering.words(request).language), item.unit, _most(item), asked, problem)
        return payers_page(request, run, "buy.html", page, status=422 if problem else 200)

    @router.get("/{item}")
    async def look(request: Request, item: ItemId, caller: Buyer) -> Response:  # noqa: ARG001
        try:
            return shown(request, await item_of(item), "1")
        except ItemUnknown as unknown:
            return missing(request, run, "buy.missing", unknown)

    @router.post("/{item}")
    async def buy(request: Request, item: ItemId, caller: Buyer) -> Response:
        async with request.form(max_files=0, max_fields=4) as form:
            quantity = str(form.get("quantity", "")).strip()[:TYPED_LONGEST]
        try:
            found = await item_of(item)
        except ItemUnknown as unknown:
            return missing(request, run, "buy.missing", unknown)
        words = rendering.words(request)
        if not _QUANTITY.fullmatch(quantity) or int(quantity) > _most(found):
            return shown(request, found, quantity, words("buy.unfit", count=_most(found)) if _most(found) else "")
        try:
            wish = NewSession((Wish(found.id, int(quantity)),))
            made = await create_session(wish, store_id=found.store_id, actor=caller.actor, run=run)
        except Refusal as refusal:
            return shown(request, found, quantity, refusal.sentence(words.language))
        return RedirectResponse(f"/pay/{made.session.session_id}", 303)

    return router


def _most(item: Item) -> int:
    return max(0, min(item.available, QUANTITY_MAX))
