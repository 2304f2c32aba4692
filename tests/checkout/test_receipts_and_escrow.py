"""What shops in Korea owe payers besides: cash receipts for transfers and deposits, escrow for goods that are sent."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from jangbu.access import cli as access_cli
from jangbu.app import create
from jangbu.checkout import store
from jangbu.checkout.refusals import EscrowUnfit, SessionHasOtherTerms
from jangbu.checkout.rules import Session
from jangbu.checkout.windows import window_request
from jangbu.failpoints import Crash, armed
from jangbu.payments.after import receipt_store
from jangbu.payments.after.receipt_rules import Receipt, ReceiptStatus, Wish
from jangbu.payments.after.refusals import NotForV1
from jangbu.payments.after.service.receipts import want
from jangbu.payments.service.sync import find
from jangbu.sandbox import V1_USER_CODE
from jangbu.settings import Settings
from jangbu.wiring import Addresses
from kit import House, house_at

from .shop import Shop, nothing_is_broken, order_of

PHONE, BUSINESS = "01012345678", "1234567890"
MINE, FIRMS = Wish("PERSONAL", PHONE), Wish("CORPORATE", BUSINESS)
S = ReceiptStatus


@pytest.fixture
async def shop(where: Addresses, settings: Settings) -> AsyncIterator[Shop]:
    """A shop whose payers are asked."""
    async with house_at(where, settings.model_copy(update={"checkout_cash_receipt": True})) as house:
        yield Shop(house)
        await nothing_is_broken(house)


async def receipt_of(shop: Shop, session: Session) -> Receipt | None:
    async with shop.house.run.db.transaction() as tx:
        payment = await store.payment_of(tx, session.id)
        assert payment is not None
        return await receipt_store.of_payment(tx, payment.id)


async def wanted(shop: Shop, session: Session) -> tuple[ReceiptStatus, str, bool] | None:
    """How it stands, what is shown of the number, and whether the number itself is kept."""
    found = await receipt_of(shop, session)
    return None if found is None else (found.status, found.number_shown, found.number_encrypted is not None)


async def paid(shop: Shop, session: Session, method: str) -> None:
    order = await order_of(shop.house, session)
    assert "code" not in await shop.house.portone.pay(order, method=method.lower(), payMethod=method)
    if method == "VIRTUAL_ACCOUNT":
        await shop.house.portone.deposit(order)
    await shop.house.hear()
    await shop.house.work()


@pytest.mark.parametrize(("method", "wish"), [("TRANSFER", MINE), ("VIRTUAL_ACCOUNT", FIRMS)])
async def test_the_receipt_that_a_payer_asked_for_is_issued_once_they_have_paid(
    shop: Shop, method: str, wish: Wish
) -> None:
    session = await shop.session(await shop.item())
    await shop.prepare(session, method, wish)
    assert await wanted(shop, session) == (S.WANTED, wish.masked, True)
    await paid(shop, session, method)
    assert await wanted(shop, session) == (S.ISSUED, wish.masked, False)
    [issued] = shop.house.portone.world.state.cash_receipts
    assert (issued.payment_id, issued.type, issued.total_minor) == (
        await order_of(shop.house, session),
        wish.type,
        5_500,
    )


async def test_the_last_thing_that_a_payer_said_counts(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    await shop.prepare(session, "TRANSFER")
    assert await wanted(shop, session) is None, "asked, and said no"
    await shop.prepare(session, "TRANSFER", MINE)
    await shop.prepare(session, "CARD")
    assert await wanted(shop, session) == (S.WANTED, MINE.masked, True), "nobody asks whoever pays by card"
    await shop.prepare(session, "VIRTUAL_ACCOUNT", FIRMS)
    assert await wanted(shop, session) == (S.WANTED, FIRMS.masked, True)
    await shop.prepare(session, "TRANSFER")
    assert await wanted(shop, session) == (S.NOT_NEEDED, "", False), "nobody is told later that one was wished for"
    await paid(shop, session, "TRANSFER")
    assert shop.house.portone.world.state.cash_receipts == []


async def test_who_pays_by_card_after_all_gets_none_and_the_number_is_dropped(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    await shop.prepare(session, "TRANSFER", MINE)
    await shop.prepare(session, "CARD")
    await paid(shop, session, "CARD")
    assert await wanted(shop, session) == (S.NOT_NEEDED, MINE.masked, False)


async def test_killed_before_the_wish_is_written_down_no_window_is_opened_without_it(shop: Shop) -> None:
    session = await shop.session(await shop.item(stock=1))
    with armed("payment.receipt.wanted"), pytest.raises(Crash):
        await shop.prepare(session, "TRANSFER", MINE)
    assert await wanted(shop, session) is None
    await shop.prepare(session, "TRANSFER", MINE)
    await paid(shop, session, "TRANSFER")
    assert await wanted(shop, session) == (S.ISSUED, MINE.masked, False)
    assert len(shop.house.portone.world.state.cash_receipts) == 1


async def test_a_wish_after_the_money_changes_nothing_and_keeps_no_number(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    await shop.prepare(session, "TRANSFER")
    await paid(shop, session, "TRANSFER")
    payment = await find(await order_of(shop.house, session), run=shop.house.run)
    await want(payment.id, MINE, run=shop.house.run)
    assert await wanted(shop, session) is None


async def test_a_number_that_is_none_is_refused_before_anything_is_held(shop: Shop) -> None:
    tea = await shop.item()
    session = await shop.session(tea)
    transport = httpx.ASGITransport(create(shop.house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test") as payer:
        path = f"/api/v1/payments/sessions/{session.session_id}"
        assert (await payer.get(path)).json()["data"]["asksReceipt"] is True
        for number in ("", "900101-1234567"):
            body = {"method": "TRANSFER", "cashReceipt": {"type": "PERSONAL", "number": number}}
            refused = await payer.post(f"{path}/prepare", json=body)
            assert refused.json()["error"]["code"] == "RECEIPT_NUMBER_UNFIT"
            assert "900101" not in refused.text
        assert await shop.stock(tea) == (10, 0)
        body["cashReceipt"]["number"] = "010-1234-5678"
        assert (await payer.post(f"{path}/prepare", json=body)).status_code == 200
    assert await wanted(shop, session) == (S.WANTED, MINE.masked, True)


@pytest.mark.parametrize("code", [V1_USER_CODE, ""])
async def test_where_nobody_is_asked_a_wish_is_still_heard_but_v1s_receipts_are_the_pgs(
    where: Addresses, settings: Settings, code: str
) -> None:
    changed = settings.model_copy(update={"checkout_v1_code": code, "checkout_cash_receipt": bool(code)})
    assert not changed.asks_receipt
    async with house_at(where, changed) as house:
        shop = Shop(house)
        session = await shop.session(await shop.item())
        if not code:
            await shop.prepare(session, "TRANSFER", MINE)
            assert await wanted(shop, session) == (S.WANTED, MINE.masked, True)
            return
        with pytest.raises(NotForV1):
            await shop.prepare(session, "TRANSFER", MINE)
        await shop.prepare(session, "TRANSFER")
        assert await wanted(shop, session) is None


async def test_goods_that_are_sent_are_paid_into_escrow(house: House) -> None:
    shop = Shop(house)
    tea = await shop.item(name_ko="보리차")
    session = await shop.session(tea, quantity=2, order_id="order-1", is_escrow=True)
    prepared = await shop.prepare(session, "TRANSFER")
    request = window_request(prepared, "ko", house.run)
    products = [{"id": str(tea.id), "name": "보리차", "amount": 5_500, "quantity": 2}]
    assert (request["isEscrow"], request["products"]) == (True, products)
    payment = await find(prepared.payment_id, run=house.run)
    assert (payment.is_escrow, payment.products) == (True, products)
    await house.portone.pay(prepared.payment_id, method="transfer", **request)
    await shop.complete(session)
    shown = (await find(prepared.payment_id, run=house.run)).portone
    assert shown is not None and shown["escrow"]["status"] == "BEFORE_REGISTERED"
    with pytest.raises(SessionHasOtherTerms):
        await shop.session(tea, quantity=2, order_id="order-1")


@pytest.mark.parametrize(("code", "currency"), [(V1_USER_CODE, "KRW"), ("", "USD")])
async def test_escrow_is_for_won_and_v2(where: Addresses, settings: Settings, code: str, currency: str) -> None:
    async with house_at(where, settings.model_copy(update={"checkout_v1_code": code})) as house:
        shop = Shop(house)
        with pytest.raises(EscrowUnfit):
            await shop.session(await shop.item(currency=currency), is_escrow=True)


async def test_a_shop_asks_for_escrow_over_http(house: House) -> None:
    key = await access_cli.create_key("shop", ["checkout:create"], run=house.run)
    item = await Shop(house).item()
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test") as client:
        body: dict[str, Any] = {"lines": [{"itemId": str(item.id)}], "isEscrow": True}
        made = await client.post("/api/v1/payments/sessions", json=body, headers={"Authorization": f"Bearer {key}"})
    assert made.json()["data"]["isEscrow"] is True
