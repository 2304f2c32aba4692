"""Items and sessions: the server's prices only, stock promised once, one payment for ever."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jangbu.checkout.item_rules import Wish
from jangbu.checkout.refusals import (
    CheckoutNotSetUp,
    ItemNotSold,
    ItemUnfit,
    ItemUnknown,
    LinesUnfit,
    MethodUnknown,
    OutOfStock,
    RedirectNotAllowed,
    SessionAlreadyPaid,
    SessionAwaitsMoney,
    SessionHasOtherTerms,
    SessionNotAbandonable,
    SessionOver,
    SessionUnknown,
    StockTooLow,
    TooManyTries,
)
from jangbu.checkout.rules import PREPARES_MAX, State
from jangbu.checkout.service.complete import expire, sweep
from jangbu.checkout.service.items import ItemChange, change_item
from jangbu.checkout.service.sessions import NewSession, abandon, create_session, show
from jangbu.checkout.views import session_view
from jangbu.db import Query
from jangbu.errors import Refusal
from jangbu.money import AmountOutOfRange
from jangbu.payments.refusals import PortOneUnclear, PreRegistrationRefused
from jangbu.payments.rules import Status
from jangbu.payments.store import find as find_payment
from jangbu.payments.store import lock as lock_payment
from jangbu.payments.store import update as update_payment
from jangbu.portone import PortOne
from jangbu.sandbox import PAYPAL_CHANNEL
from kit import TESTER

from .shop import Shop, order_of

WAITS = Query(int, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = current_user")


async def test_a_session_costs_what_our_items_cost_that_day(shop: Shop) -> None:
    tea, book = await shop.item(5_500), await shop.item(12_000, tax_free_price=12_000, name_ko="책")
    wishes = (Wish(tea.id, 2), Wish(book.id, 1))
    made = await create_session(NewSession(wishes), store_id=None, actor=TESTER, run=shop.house.run)
    session = made.session
    assert (session.amount, session.tax_free_amount, session.currency) == (23_000, 12_000, "KRW")
    assert session.order_name == "보리차 외 1건"
    await change_item(tea.id, ItemChange(price=99_000), actor=TESTER, run=shop.house.run)
    assert (await shop.now(session)).amount == 23_000
    prepared = await shop.prepare(session)
    payment = shop.house.portone.payment(prepared.payment_id)
    assert payment is not None and payment.preregistration is not None
    assert payment.preregistration.total_minor == 23_000


async def test_a_sessions_public_id_says_nothing_and_cannot_be_guessed(shop: Shop) -> None:
    tea = await shop.item()
    ids = {(await shop.session(tea)).session_id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(one) == 35 and one.startswith("cs_") for one in ids)
    with pytest.raises(SessionUnknown):
        await show("cs_" + "A" * 32, run=shop.house.run)
    with pytest.raises(SessionUnknown):
        # Our own key of it is not what a payer knows.
        await show(str((await shop.session(tea)).id), run=shop.house.run)


@pytest.mark.parametrize("quantity", [0, -1, 1000, True])
async def test_a_quantity_is_a_small_whole_number(shop: Shop, quantity: Any) -> None:
    tea = await shop.item()
    with pytest.raises(LinesUnfit):
        await shop.session(tea, quantity=quantity)


async def test_what_is_wholly_free_of_vat_stays_so_at_another_price(shop: Shop) -> None:
    rice = await shop.item(price=10_000, tax_free_price=10_000)
    for price in (12_000, 9_000):
        changed = await change_item(rice.id, ItemChange(price=price), actor=TESTER, run=shop.house.run)
        assert (changed.price, changed.tax_free_price) == (price, price)
    mixed = await change_item(rice.id, ItemChange(tax_free_price=5_000), actor=TESTER, run=shop.house.run)
    changed = await change_item(mixed.id, ItemChange(price=12_000), actor=TESTER, run=shop.house.run)
    assert (changed.price, changed.tax_free_price) == (12_000, 5_000), "of a part only whoever sells it knows"


async def test_lines_are_different_items_of_one_currency_that_are_sold(shop: Shop) -> None:
    tea, dollar = await shop.item(), await shop.item(currency="USD", price=999)
    for wrong in ((), (tea, tea), (tea, dollar)):
        with pytest.raises(LinesUnfit):
            await shop.session(*wrong)
    with pytest.raises(ItemUnknown):
        await shop.session(replace(tea, id=UUID(int=1)))
    await change_item(tea.id, ItemChange(is_active=False), actor=TESTER, run=shop.house.run)
    with pytest.raises(ItemNotSold):
        await shop.session(tea)


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("", True),
        ("http://localhost:3000/done?x=1", True),
        ("http://localhost:3000", True),
        ("http://localhost:3000.evil.example/", False),
        ("http://localhost:3000@evil.example/", False),
        ("http://user@localhost:3000/", False),
        ("//localhost:3000/", False),
        ("https://localhost:3000/", False),
        ("http://localhost:3000\\@evil.example/", False),
        ("http://localhost:3000/\n", False),
        ("javascript:alert(1)", False),
        ("http://[", False),
    ],
)
async def test_payers_are_sent_on_to_listed_origins_only(shop: Shop, url: str, is_allowed: bool) -> None:
    tea = await shop.item()
    if is_allowed:
        assert (await shop.session(tea, redirect_url=url)).redirect_url == url
    else:
        with pytest.raises(RedirectNotAllowed):
            await shop.session(tea, redirect_url=url)


async def test_without_a_way_to_pay_no_payer_is_sent_to_an_empty_page(shop: Shop) -> None:
    tea, run = await shop.item(), shop.house.run
    bare = replace(run, settings=run.settings.model_copy(update={"mode": "test"}))
    with pytest.raises(CheckoutNotSetUp):
        await create_session(NewSession((Wish(tea.id, 1),)), store_id=None, actor=TESTER, run=bare)


async def test_a_payer_is_offered_what_takes_the_currency(shop: Shop) -> None:
    """An account of a Korean bank takes no dollars, and PayPal no won (portone-facts §9.4)."""
    in_won = await shop.session(await shop.item())
    in_dollars = await shop.session(await shop.item(1_420, currency="USD"))
    for session, unfit in ((in_won, "PAYPAL"), (in_dollars, "VIRTUAL_ACCOUNT")):
        with pytest.raises(MethodUnknown) as refused:
            await shop.prepare(session, unfit)
        assert unfit not in refused.value.facts["offered"]
    assert (await shop.prepare(in_dollars, "PAYPAL")).channel_key == PAYPAL_CHANNEL
    assert "VIRTUAL_ACCOUNT" in session_view(await shop.complete(in_won), shop.house.run)["methods"]
    assert "VIRTUAL_ACCOUNT" not in session_view(await shop.complete(in_dollars), shop.house.run)["methods"]


async def test_one_order_has_one_session(shop: Shop) -> None:
    tea, cup = await shop.item(), await shop.item(name_ko="컵")
    first = await shop.session(tea, order_id="order-1")
    assert (await shop.session(tea, order_id="order-1")).session_id == first.session_id
    for other in (shop.session(cup, order_id="order-1"), shop.session(tea, order_id="order-1", customer_id="other")):
        with pytest.raises(SessionHasOtherTerms):
            await other


@pytest.mark.parametrize("price", [0, -1, 2**53])
async def test_a_price_is_a_sum_somebody_can_pay(shop: Shop, price: int) -> None:
    with pytest.raises((AmountOutOfRange, ItemUnfit)):
        await shop.item(price)


@pytest.mark.parametrize("more", [{"name_ko": ""}, {"name_ko": " x"}, {"name_ko": "x\ny"}, {"tax_free_price": 6_000}])
async def test_an_item_that_cannot_be_sold_is_refused(shop: Shop, more: dict[str, Any]) -> None:
    with pytest.raises(ItemUnfit):
        await shop.item(**more)


async def test_stock_is_promised_by_prepare_and_staff_cannot_take_what_is_promised(shop: Shop) -> None:
    tea = await shop.item(stock=3)
    session = await shop.session(tea, quantity=2)
    assert await shop.stock(tea) == (3, 0)
    await shop.prepare(session)
    assert await shop.stock(tea) == (3, 2)
    with pytest.raises(StockTooLow):
        await change_item(tea.id, ItemChange(stock_change=-2), actor=TESTER, run=shop.house.run)
    assert (await change_item(tea.id, ItemChange(stock_change=-1), actor=TESTER, run=shop.house.run)).stock == 2


async def test_fifty_race_for_the_last_one_and_one_wins(shop: Shop) -> None:
    last = await shop.item(stock=1)
    sessions = [await shop.session(last) for _ in range(50)]
    await shop.crowd()

    async def attempt(session: Any) -> str:
        try:
            await shop.prepare(session)
        except Refusal as refused:
            return refused.code
        return "won"

    assert Counter(await asyncio.gather(*map(attempt, sessions))) == {"won": 1, "OUT_OF_STOCK": 49}
    assert await shop.stock(last) == (1, 1)
    states = Counter([(await shop.now(session)).state for session in sessions])
    assert states == {State.PREPARING: 1, State.OPEN: 49}


async def test_carts_that_share_items_in_opposite_orders_do_not_block_each_other(shop: Shop) -> None:
    one, two = await shop.item(stock=40), await shop.item(stock=40)
    carts = [await shop.session(*pair) for pair in [(one, two), (two, one)] * 20]
    await shop.crowd()
    await asyncio.gather(*map(shop.prepare, carts))
    assert await shop.stock(one) == await shop.stock(two) == (40, 40)


async def test_a_second_prepare_is_the_same_payment_and_the_same_stock(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await asyncio.gather(*(shop.prepare(session) for _ in range(5)))
    assert len({one.payment_id for one in prepared}) == 1
    assert await shop.stock(tea) == (1, 1)


async def test_after_a_decline_it_can_be_tried_again_and_is_taken_once(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    first = await shop.prepare(session)
    assert "code" in await shop.house.portone.decline(first.payment_id)
    assert (await shop.complete(session)).phase == "declined"
    again = await shop.prepare(session)
    assert again.payment_id == first.payment_id
    assert "code" not in await shop.house.portone.pay(again.payment_id)
    await shop.house.portone.move(timedelta(seconds=3))
    assert (await shop.complete(session)).session.state is State.PAID
    assert shop.house.portone.captured(first.payment_id) == 1
    assert await shop.stock(tea) == (0, 0)


async def test_what_is_paid_or_over_cannot_be_prepared(shop: Shop) -> None:
    tea = await shop.item()
    paid = await shop.bought(tea)
    with pytest.raises(SessionAlreadyPaid):
        await shop.prepare(paid)
    late = await shop.session(tea)
    await shop.house.portone.move(timedelta(minutes=30))
    with pytest.raises(SessionOver):
        await shop.prepare(late)
    with pytest.raises(MethodUnknown):
        await shop.prepare(await shop.session(tea), "BITCOIN")


async def test_while_an_account_waits_for_its_deposit_no_second_window_is_opened(shop: Shop) -> None:
    tea = await shop.item()
    session = await shop.session(tea)
    prepared = await shop.prepare(session, "VIRTUAL_ACCOUNT")
    await shop.house.portone.pay(prepared.payment_id, payMethod="VIRTUAL_ACCOUNT")
    assert (await shop.complete(session)).phase == "awaits_deposit"
    with pytest.raises(SessionAwaitsMoney):
        await shop.prepare(session)
    with pytest.raises(SessionNotAbandonable):
        await abandon(session.session_id, store_id=None, actor=TESTER, run=shop.house.run)


async def test_a_session_is_not_prepared_without_end(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    for _ in range(PREPARES_MAX):
        await shop.prepare(session)
    with pytest.raises(TooManyTries):
        await shop.prepare(session)


class No:
    """A PortOne that refuses whatever it is sent."""

    async def send(self, *_: object) -> tuple[int, dict[str, str], bytes]:
        return 400, {}, b'{"type": "INVALID_REQUEST"}'


async def test_a_refused_registration_frees_the_stock_and_an_unclear_one_keeps_it(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    shop.house.portone.fault("answer_lost", operation="pre_register_payment", times=1)
    with pytest.raises(PortOneUnclear):
        await shop.prepare(session)
    assert await shop.stock(tea) == (1, 1)
    await shop.prepare(session)
    await abandon(session.session_id, store_id=None, actor=TESTER, run=shop.house.run)
    other = await shop.session(tea)
    refusing = PortOne(No(), api_secret="any", store_id=other.store_id)
    with pytest.raises(PreRegistrationRefused):
        await Shop(replace(shop.house, wired=replace(shop.house.wired, portone=refusing))).prepare(other)
    assert await shop.stock(tea) == (1, 0)
    assert (await shop.now(other)).state is State.OPEN


async def test_of_two_tabs_that_portone_refuses_neither_is_given_a_window(shop: Shop) -> None:
    """One of them was refused between the other's look at the payment and its call."""
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    shop.house.portone.fault("answer_lost", operation="pre_register_payment", times=1)
    with pytest.raises(PortOneUnclear):
        await shop.prepare(session)
    db = shop.house.run.db
    async with db.transaction() as tx:
        payment = await find_payment(tx, await order_of(shop.house, session))
        assert payment is not None
        await lock_payment(tx, payment.id)
        slower = asyncio.create_task(shop.prepare(session))
        while not await db.statement(WAITS):
            assert not slower.done()
            await asyncio.sleep(0.01)
        await update_payment(tx, replace(payment, status=Status.REGISTRATION_FAILED))
    with pytest.raises(PreRegistrationRefused):
        await slower
    assert await shop.stock(tea) == (1, 0)


async def test_an_abandoned_session_lets_its_stock_go_once(shop: Shop) -> None:
    tea = await shop.item(stock=2)
    session, other = await shop.session(tea), await shop.session(tea)
    await shop.prepare(session)
    await shop.prepare(other)
    for _ in range(2):
        await abandon(session.session_id, store_id=None, actor=TESTER, run=shop.house.run)
    assert await shop.stock(tea) == (2, 1)
    with pytest.raises(SessionOver):
        await shop.prepare(session)


async def test_nobody_pays_in_time_and_the_stock_is_for_sale_again(shop: Shop) -> None:
    tea = await shop.item(stock=2)
    untouched, prepared = await shop.session(tea), await shop.session(tea)
    await shop.prepare(prepared)
    await shop.house.portone.move(timedelta(minutes=29))
    assert await sweep(run=shop.house.run) == 0
    await shop.house.portone.move(timedelta(minutes=1))
    assert await sweep(run=shop.house.run) == 2
    await shop.house.work()
    for session in (untouched, prepared):
        assert (await shop.now(session)).state is State.EXPIRED
    assert await shop.stock(tea) == (2, 0)


async def test_whoever_prepares_shortly_before_the_end_has_time_to_pay(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    await shop.house.portone.move(timedelta(minutes=29))
    await shop.prepare(session)
    await shop.house.portone.move(timedelta(minutes=9))
    assert await sweep(run=shop.house.run) == 0
    await shop.house.portone.move(timedelta(minutes=1))
    assert await sweep(run=shop.house.run) == 1


async def test_preparing_again_and_again_does_not_hold_stock_for_ever(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    for minutes in (29, 9):
        await shop.house.portone.move(timedelta(minutes=minutes))
        await shop.prepare(session)
    await shop.house.portone.move(timedelta(minutes=2))
    with pytest.raises(SessionOver):
        await shop.prepare(session)
    await sweep(run=shop.house.run)
    await shop.house.work()
    assert await shop.stock(tea) == (1, 0)


async def test_at_its_end_a_session_asks_portone_before_it_lets_go(shop: Shop) -> None:
    """No webhook came: the sale is made all the same, and is nobody else's."""
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    shop.house.portone.fault("webhook_lost", times=10)
    await shop.house.portone.pay(prepared.payment_id)
    await shop.house.portone.move(timedelta(minutes=30))
    shop.house.portone.fault("status_500", operation="get_payment", times=1)
    assert await expire(session.id, run=shop.house.run, portone=shop.house.wired.portone) is None
    assert await shop.stock(tea) == (1, 1)
    after = await expire(session.id, run=shop.house.run, portone=shop.house.wired.portone)
    assert after is not None and after.state is State.PAID
    assert await shop.stock(tea) == (0, 0)


async def test_somebody_is_out_of_stock_until_another_leaves(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    first, second = await shop.session(tea), await shop.session(tea)
    await shop.prepare(first)
    with pytest.raises(OutOfStock):
        await shop.prepare(second)
    await abandon(first.session_id, store_id=None, actor=TESTER, run=shop.house.run)
    await shop.prepare(second)
