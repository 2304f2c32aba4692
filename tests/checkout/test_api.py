"""The doors: no price from outside, a payer knows their own session only, staff their items."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jangbu.access import cli as access_cli
from jangbu.app import create
from jangbu.checkout.links import Payer, payer_of, token_for
from jangbu.checkout.refusals import HistoryLinkInvalid
from jangbu.sandbox import CARD_CHANNEL
from kit import House, with_settings

from .shop import Shop

SCOPES = ["checkout:create", "items:read", "items:manage"]
SESSIONS = "/api/v1/payments/sessions"


@pytest.fixture
async def anybody(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key: a payer's browser."""
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test") as client:
        yield client


@pytest.fixture
async def key(house: House) -> dict[str, str]:
    """The shop's own."""
    return {"Authorization": f"Bearer {await access_cli.create_key('shop', SCOPES, run=house.run)}"}


async def an_item(client: httpx.AsyncClient, key: dict[str, str], **more: Any) -> dict[str, Any]:
    body = {"nameKo": "보리차", "nameEn": "Barley tea", "price": 5_500, "stock": 5, **more}
    answer = await client.post("/api/v1/items", json=body, headers=key)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()["data"]
    return item


async def a_session(client: httpx.AsyncClient, key: dict[str, str], **more: Any) -> dict[str, Any]:
    item = await an_item(client, key)
    body = {"lines": [{"itemId": item["id"], "quantity": 2}], "customerId": "member-1", **more}
    answer = await client.post(SESSIONS, json=body, headers=key)
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.json()["data"]
    return session


async def test_from_items_to_paid_over_http(anybody: httpx.AsyncClient, key: dict[str, str], house: House) -> None:
    session = await a_session(anybody, key, buyer={"fullName": "김하늘", "email": "kim@example.com"})
    path = f"{SESSIONS}/{session['sessionId']}"
    assert (session["amount"], session["phase"]) == (11_000, "ready")
    assert (session["mode"], session["asksBuyer"]) == ("sandbox", False)
    assert session["sdk"] == "http://127.0.0.1:8090/v2/browser-sdk.js"
    prepared = (await anybody.post(f"{path}/prepare", json={"method": "CARD"})).json()["data"]
    asked = prepared["request"]
    assert (asked["totalAmount"], asked["currency"], asked["payMethod"]) == (11_000, "KRW", "CARD")
    assert asked["customer"] == {"fullName": "김하늘", "email": "kim@example.com", "customerId": "member-1"}
    assert asked["redirectUrl"].endswith(f"/pay/{session['sessionId']}/return")
    assert prepared["sdk"] == "http://127.0.0.1:8090/v2/browser-sdk.js"
    assert (await anybody.post(f"{path}/verify")).json()["data"]["phase"] == "ready"
    opened = await house.portone.open(asked["paymentId"], **asked)
    await house.portone.decide(opened["txId"], "approve")
    await house.portone.move(timedelta(seconds=3))
    assert (await anybody.post(f"{path}/verify")).json()["data"]["phase"] == "paid"
    again = await anybody.post(f"{path}/prepare", json={"method": "CARD"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "CHECKOUT_ALREADY_PAID")


async def test_a_payers_agreement_is_approved_once_over_http(
    anybody: httpx.AsyncClient, key: dict[str, str], house: House
) -> None:
    house.portone.world.state.channels[CARD_CHANNEL].approves_manually = True
    path = f"{SESSIONS}/{(await a_session(anybody, key))['sessionId']}"
    early = await anybody.post(f"{path}/confirm", json={"paymentToken": "pt_guessed"})
    assert (early.status_code, early.json()["error"]["code"]) == (409, "NOTHING_TO_CONFIRM")
    asked = (await anybody.post(f"{path}/prepare", json={"method": "CARD"})).json()["data"]["request"]
    assert "confirmUrl" not in asked
    opened = await house.portone.open(asked["paymentId"], **asked)
    result = await house.portone.decide(opened["txId"], "approve")
    body = {"paymentToken": result["paymentToken"], "txId": result["txId"]}
    said = await asyncio.gather(*(anybody.post(f"{path}/confirm", json=body) for _ in range(3)))
    # Whoever comes while the first is at work is sent away; whoever comes when it is done is shown what became of it.
    codes = {one.status_code for one in said}
    assert 200 in codes and codes <= {200, 409}
    assert {one.json()["data"]["phase"] for one in said if one.status_code == 200} == {"paid"}
    assert (await anybody.post(f"{path}/confirm", json=body)).json()["data"]["phase"] == "paid"
    assert house.portone.captures(asked["paymentId"]) == [11_000]


async def test_with_the_question_turned_on_the_window_is_told_whom_to_ask(house: House, key: dict[str, str]) -> None:
    wired = with_settings(house.wired, checkout_confirm=True, public_url="https://pay.example.com")
    transport = httpx.ASGITransport(create(wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://pay.example.com") as client:
        path = f"{SESSIONS}/{(await a_session(client, key))['sessionId']}"
        asked = (await client.post(f"{path}/prepare", json={"method": "CARD"})).json()["data"]["request"]
        assert asked["confirmUrl"] == "https://pay.example.com/api/portone/confirm-question"
        assert (await client.post(asked["confirmUrl"], json={})).status_code == 400


@pytest.mark.parametrize("more", [{"amount": 1}, {"price": 1}, {"currency": "KRW"}, {"state": "paid"}])
async def test_nobody_states_a_price_or_a_state(
    anybody: httpx.AsyncClient, key: dict[str, str], more: dict[str, Any]
) -> None:
    item = await an_item(anybody, key)
    for body in (
        {"lines": [{"itemId": item["id"], "quantity": 1}], **more},
        {"lines": [{"itemId": item["id"], "quantity": 1, **more}]},
    ):
        answer = await anybody.post(SESSIONS, json=body, headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "INVALID_REQUEST")
    session = await a_session(anybody, key)
    answer = await anybody.post(f"{SESSIONS}/{session['sessionId']}/prepare", json={"method": "CARD", **more})
    assert answer.status_code == 422


@pytest.mark.parametrize("quantity", ["2", 2.0, True, 0, -1, 10**30, None])
async def test_a_quantity_is_a_whole_number(anybody: httpx.AsyncClient, key: dict[str, str], quantity: Any) -> None:
    item = await an_item(anybody, key)
    body = {"lines": [{"itemId": item["id"], "quantity": quantity}]}
    answer = await anybody.post(SESSIONS, json=body, headers=key)
    assert answer.status_code == 422


async def test_without_a_key_nobody_makes_or_abandons_a_session_or_sees_items(
    anybody: httpx.AsyncClient, key: dict[str, str]
) -> None:
    session = await a_session(anybody, key)
    for method, path in (
        ("POST", SESSIONS),
        ("POST", f"{SESSIONS}/{session['sessionId']}/abandon"),
        ("POST", "/api/v1/payments/history-links"),
        ("GET", "/api/v1/items"),
        ("POST", "/api/v1/items"),
        ("PATCH", "/api/v1/items/x"),
    ):
        assert (await anybody.request(method, path, json={})).status_code == 401, path


async def test_a_payer_sees_nothing_of_the_customer_and_cannot_tell_a_wrong_id_from_none(
    anybody: httpx.AsyncClient, key: dict[str, str]
) -> None:
    session = await a_session(anybody, key, buyer={"email": "kim@example.com"}, orderId="order-77")
    shown = (await anybody.get(f"{SESSIONS}/{session['sessionId']}")).text
    for secret in ("kim@example.com", "member-1", "order-77"):
        assert secret not in shown
    bodies = set()
    for wrong in ("cs_" + "A" * 32, session["sessionId"][:-1] + "~", "order-77", "1", "%20"):
        answer = await anybody.get(f"{SESSIONS}/{wrong}")
        error = answer.json()["error"]
        bodies.add((answer.status_code, error["code"], error["message"]))
    assert len(bodies) == 1
    assert next(iter(bodies))[:2] == (404, "CHECKOUT_SESSION_NOT_FOUND")


async def test_a_key_of_another_store_reaches_nothing(
    anybody: httpx.AsyncClient, key: dict[str, str], house: House
) -> None:
    session = await a_session(anybody, key)
    item_id = session["lines"][0]["itemId"]
    other = await access_cli.create_key("other", SCOPES, store_id="store-of-another", run=house.run)
    theirs = {"Authorization": f"Bearer {other}"}
    body = {"lines": [{"itemId": item_id, "quantity": 1}]}
    unknown = {"lines": [{"itemId": "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44", "quantity": 1}]}
    answers = [await anybody.post(SESSIONS, json=each, headers=theirs) for each in (body, unknown)]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(404, "ITEM_NOT_FOUND")}
    assert (await anybody.get("/api/v1/items", headers=theirs)).json()["data"]["items"] == []
    change = await anybody.patch(f"/api/v1/items/{item_id}", json={"price": 1}, headers=theirs)
    assert change.status_code == 404
    abandon = await anybody.post(f"{SESSIONS}/{session['sessionId']}/abandon", headers=theirs)
    assert abandon.status_code == 404


async def test_items_are_listed_changed_and_counted(anybody: httpx.AsyncClient, key: dict[str, str]) -> None:
    item = await an_item(anybody, key)
    path = f"/api/v1/items/{item['id']}"
    changed = await anybody.patch(path, json={"price": 6_000, "stockChange": -2, "active": False}, headers=key)
    assert changed.json()["data"] == {**item, "price": 6_000, "stock": 3, "active": False}
    [listed] = (await anybody.get("/api/v1/items", headers=key)).json()["data"]["items"]
    assert listed == changed.json()["data"]
    refused = await anybody.patch(path, json={"stockChange": -4}, headers=key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "STOCK_TOO_LOW")
    assert (await anybody.patch("/api/v1/items/x", json={}, headers=key)).status_code == 404


async def test_a_browser_has_portone_asked_at_most_every_two_seconds(
    anybody: httpx.AsyncClient, key: dict[str, str], house: House
) -> None:
    session = await a_session(anybody, key)
    path = f"{SESSIONS}/{session['sessionId']}"
    await anybody.post(f"{path}/prepare", json={"method": "CARD"})
    before = len(house.portone.transport.transcript)
    for _ in range(20):
        assert (await anybody.post(f"{path}/verify")).status_code == 200
    assert len(house.portone.transport.transcript) == before + 1
    await house.portone.move(timedelta(seconds=2))
    await anybody.post(f"{path}/verify")
    assert len(house.portone.transport.transcript) == before + 2


async def test_a_history_link_is_one_customers_for_a_day(house: House, shop: Shop) -> None:
    now = house.run.clock.now()
    payer, secret = Payer("store-1", "회원 77"), "s" * 32
    token = token_for(payer, until=now + timedelta(hours=1), secret=secret)
    assert payer_of(token, now=now, secret=secret) == payer
    body, _, signature = token.partition(".")
    other = token_for(Payer("store-1", "member-2"), until=now + timedelta(hours=1), secret=secret)
    for wrong in (
        "",
        ".",
        body,
        f"{body}.",
        f"{other.partition('.')[0]}.{signature}",
        token[:-1],
        token + "x",
        "가.나",
    ):
        with pytest.raises(HistoryLinkInvalid):
            payer_of(wrong, now=now, secret=secret)
    with pytest.raises(HistoryLinkInvalid):
        payer_of(token, now=now, secret="t" * 32)
    with pytest.raises(HistoryLinkInvalid):
        payer_of(token, now=now + timedelta(hours=1), secret=secret)
