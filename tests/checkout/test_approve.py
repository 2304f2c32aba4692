"""Whether a session's money may be taken, asked just before it is: late, gone and called off is a no (ADR 0019)."""

import asyncio
from datetime import timedelta

import pytest

from jangbu.checkout.refusals import SessionOver
from jangbu.checkout.rules import TIME_TO_PAY, Session, State
from jangbu.checkout.service.complete import expire
from jangbu.checkout.service.sessions import abandon
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed
from jangbu.payments.confirm.question import Question, answer
from jangbu.payments.confirm.refusals import PaymentDiffers
from jangbu.payments.confirm.service import Agreed, confirm
from jangbu.payments.service.initialize import Order, initialize
from jangbu.sandbox import CARD_CHANNEL
from kit import TESTER, jobs_named

from .shop import Shop

PRICE = 5_500


async def asked(shop: Shop, payment_id: str, total: int = PRICE, number: int = 1) -> Refusal | None:
    """PortOne asks just before it takes the money."""
    wired = shop.house.wired
    question = Question(f"wh_{number}", True, payment_id, "tx", total)
    return await answer(question, run=wired.webhooks, portone=wired.portone, approves=wired.approves)


def life(shop: Shop) -> timedelta:
    return timedelta(minutes=shop.house.run.settings.checkout_minutes)


async def sweep(shop: Shop) -> None:
    await jobs_named(shop.house.wired, "checkout.sweep")()
    await shop.house.work()


async def order_paid_elsewhere(shop: Shop, session: Session, amount: int = PRICE) -> str:
    """The shop's own server registers the session's order, and nobody prepares the session."""
    order = Order(amount=amount, currency="KRW", order_name="보리차", order_id=session.order_id)
    run, portone = shop.house.run, shop.house.wired.portone
    return (await initialize(order, actor=TESTER, run=run, portone=portone)).provider_order_id


async def test_what_is_held_may_be_paid_for_and_asking_again_holds_nothing_more(shop: Shop) -> None:
    item = await shop.item(stock=3)
    session = await shop.session(item)
    prepared = await shop.prepare(session)
    assert [await asked(shop, prepared.payment_id, number=n) for n in (1, 1, 2)] == [None] * 3
    assert await shop.stock(item) == (3, 1)
    await shop.house.portone.pay(prepared.payment_id)
    assert (await shop.complete(session)).session.state is State.PAID
    assert await shop.stock(item) == (2, 0)


@pytest.mark.parametrize("is_swept", [True, False])
async def test_a_session_that_is_over_is_refused_before_any_money_moves(shop: Shop, is_swept: bool) -> None:
    """F11: even where nobody has noticed yet that its time is over."""
    session = await shop.session(await shop.item())
    prepared = await shop.prepare(session)
    await shop.house.portone.move(life(shop))
    if is_swept:
        await sweep(shop)
    assert isinstance(await asked(shop, prepared.payment_id), SessionOver)
    assert (await shop.now(session)).state is (State.EXPIRED if is_swept else State.PREPARING)


async def test_a_session_that_was_called_off_is_refused(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    prepared = await shop.prepare(session)
    await abandon(session.session_id, store_id=None, actor=TESTER, run=shop.house.run)
    assert isinstance(await asked(shop, prepared.payment_id), SessionOver)


async def test_a_yes_keeps_the_goods_until_the_money_is_heard_of(shop: Shop) -> None:
    """Asked in the last second, paid after the time is over: the sweep in between does not sell it to somebody else."""
    item = await shop.item(stock=1)
    session = await shop.session(item)
    prepared = await shop.prepare(session)
    await shop.house.portone.move(life(shop) - timedelta(seconds=1))
    assert await asked(shop, prepared.payment_id) is None
    await shop.house.portone.move(timedelta(minutes=2))
    await sweep(shop)
    assert await shop.stock(item) == (1, 1)
    await shop.house.portone.pay(prepared.payment_id)
    shown = await shop.complete(session)
    assert (shown.session.state, shown.session.late_refund) == (State.PAID, "")


async def test_asking_again_and_again_does_not_hold_goods_for_ever(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    prepared = await shop.prepare(session)
    number = 0
    while await asked(shop, prepared.payment_id, number=number) is None:
        number += 1
        assert number < 20
        await shop.house.portone.move(TIME_TO_PAY - timedelta(seconds=1))
    assert shop.house.run.clock.now() - session.created_at < life(shop) + 3 * TIME_TO_PAY
    await sweep(shop)
    assert (await shop.now(session)).state is State.EXPIRED


async def test_what_nobody_holds_yet_is_held_from_the_yes_on_and_refused_when_it_is_gone(shop: Shop) -> None:
    item = await shop.item(stock=1)
    mine, yours = await shop.session(item), await shop.session(item)
    first, second = [await order_paid_elsewhere(shop, session) for session in (mine, yours)]
    await shop.crowd()
    said = await asyncio.gather(asked(shop, first, number=1), asked(shop, second, number=2))
    assert sorted(type(one).__name__ for one in said) == ["NoneType", "OutOfStock"]
    assert await shop.stock(item) == (1, 1)
    held = mine if said[0] is None else yours
    assert (await shop.now(held)).state is State.PREPARING


async def test_a_price_that_is_not_the_sessions_is_refused(shop: Shop) -> None:
    session = await shop.session(await shop.item())
    cheap = await order_paid_elsewhere(shop, session, amount=100)
    assert isinstance(await asked(shop, cheap, total=100), PaymentDiffers)
    assert not (await shop.now(session)).holds_stock


async def test_the_sweep_and_the_question_never_both_have_their_way(shop: Shop) -> None:
    """At the very moment the time is over: either it is refused, or what it is of is still held."""
    item = await shop.item(stock=1)
    session = await shop.session(item)
    prepared = await shop.prepare(session)
    await shop.house.portone.move(life(shop) - timedelta(microseconds=1))
    await shop.crowd()
    wired = shop.house.wired

    async def time_is_over() -> None:
        await shop.house.portone.move(timedelta(seconds=1))
        await expire(session.id, run=wired.system, portone=wired.portone)

    said, _ = await asyncio.gather(asked(shop, prepared.payment_id), time_is_over())
    assert (await shop.now(session)).holds_stock is (said is None)


async def test_manual_approval_asks_the_same(shop: Shop) -> None:
    shop.house.portone.world.state.channels[CARD_CHANNEL].approves_manually = True
    item = await shop.item(stock=1)
    session = await shop.session(item)
    prepared = await shop.prepare(session)
    result = await shop.house.portone.pay(prepared.payment_id)
    agreed, wired = Agreed(result["paymentToken"], result["txId"]), shop.house.wired

    async def confirmed(payment_id: str, agreed: Agreed) -> bool:
        run, portone, approves = wired.request, wired.portone, wired.approves
        return (await confirm(payment_id, agreed, actor=TESTER, run=run, portone=portone, approves=approves)).is_paid

    with armed("checkout.approve.before_commit"), pytest.raises(Crash):
        await confirmed(prepared.payment_id, agreed)
    assert await confirmed(prepared.payment_id, agreed)
    assert (await shop.complete(session)).session.state is State.PAID

    late = await shop.session(await shop.item(stock=1))
    prepared = await shop.prepare(late)
    await shop.house.portone.move(life(shop))
    result = await shop.house.portone.pay(prepared.payment_id)
    with pytest.raises(SessionOver):
        await confirmed(prepared.payment_id, Agreed(result["paymentToken"]))
    assert shop.house.portone.captures(prepared.payment_id) == []
