"""`/buy/<item>`: one item and how many of it, for whoever has the link (requirements C7)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from jangbu.app import create
from jangbu.checkout.service.items import ItemChange, change_item
from jangbu.checkout.service.sessions import show
from jangbu.db import Query
from kit import TESTER, House, with_settings

from .shop import Shop

SESSIONS = Query(int, "SELECT count(*) FROM payment_sessions")


@asynccontextmanager
async def visitor(house: House, *, is_on: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    app = create(with_settings(house.wired, checkout_item_pages=is_on))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


async def sessions(house: House) -> int:
    return await house.run.db.statement(SESSIONS) or 0


async def test_who_says_how_many_gets_a_session_at_our_price(house: House, shop: Shop) -> None:
    item = await shop.item()
    async with visitor(house) as payer:
        page = await payer.get(f"/buy/{item.id}", headers={"accept-language": "ko"})
        assert page.status_code == 200 and item.name_ko in page.text and 'name="quantity"' in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert await sessions(house) == 0, "looking makes nothing"
        gone_on = await payer.post(f"/buy/{item.id}", data={"quantity": "3", "price": "1"})
        assert gone_on.status_code == 303
        assert (await payer.get(gone_on.headers["location"])).status_code == 200
    shown = await show(gone_on.headers["location"].removeprefix("/pay/"), run=house.run)
    assert (shown.session.amount, [line.quantity for line in shown.lines]) == (item.price * 3, [3])
    assert shown.session.customer_id == ""


@pytest.mark.parametrize("quantity", ["", "0", "-1", "1.5", "1e2", "１", "1000", "11", "x" * 500, "' OR 1=1"])
async def test_a_quantity_that_is_none_makes_nothing_and_says_what_fits(
    house: House, shop: Shop, quantity: str
) -> None:
    item = await shop.item(stock=10)
    async with visitor(house) as payer:
        refused = await payer.post(f"/buy/{item.id}", data={"quantity": quantity}, headers={"accept-language": "en"})
    assert refused.status_code == 422 and "from 1 to 10" in refused.text
    assert await sessions(house) == 0


async def test_what_is_sold_out_says_so_and_what_is_off_sale_or_unknown_is_not_there(house: House, shop: Shop) -> None:
    item = await shop.item(stock=0)
    async with visitor(house) as payer:
        page = await payer.get(f"/buy/{item.id}", headers={"accept-language": "en"})
        assert page.status_code == 200 and "sold out" in page.text and "<form" not in page.text.split("<main")[-1]
        assert (await payer.post(f"/buy/{item.id}", data={"quantity": "1"})).status_code == 200
        await change_item(item.id, ItemChange(is_active=False), actor=TESTER, run=house.run)
        for path in (str(item.id), str(uuid4()), "nonsense", "%00"):
            assert (await payer.get(f"/buy/{path}")).status_code == 404
            assert (await payer.post(f"/buy/{path}", data={"quantity": "1"})).status_code == 404
    assert await sessions(house) == 0


async def test_nobody_buys_by_a_link_where_the_operator_did_not_say_so(house: House, shop: Shop) -> None:
    item = await shop.item()
    async with visitor(house, is_on=False) as payer:
        assert (await payer.get(f"/buy/{item.id}")).status_code == 404
        assert (await payer.post(f"/buy/{item.id}", data={"quantity": "1"})).status_code == 404
    assert await sessions(house) == 0
