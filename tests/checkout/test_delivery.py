"""Paid: delivered exactly once. Cancelled: taken back once. Too late: sold if it is there, else sent back once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from jangbu import embedded
from jangbu.checkout import item_store, store
from jangbu.checkout.item_rules import Item
from jangbu.checkout.links import Payer
from jangbu.checkout.refusals import SessionAwaitsMoney, SessionOver
from jangbu.checkout.rules import LateRefund, Session, State
from jangbu.checkout.service.complete import FOLLOW, expire
from jangbu.checkout.service.follow import REFUND, follow
from jangbu.checkout.service.history import HistoryPage, payments_of
from jangbu.checkout.service.sessions import abandon
from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.refusals import OrderHasOtherTerms
from jangbu.payments.service.initialize import Order, initialize
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, jobs_named, settle

from .shop import Shop, nothing_is_broken, order_of

MINUTE = timedelta(minutes=1)
EVENTS = Query(UUID, "SELECT id FROM events WHERE type = 'payment.paid'")
LOST_JOB = Query(int, "DELETE FROM pgqueuer WHERE entrypoint = :name RETURNING id")
RECEIPTS = Query(int, "SELECT count(*) FROM event_receipts WHERE subscriber = :job")


async def is_delivered_once(shop: Shop, session: Session, stock: tuple[int, int]) -> None:
    assert (await shop.now(session)).state is State.PAID
    [item] = await _items(shop, session)
    assert await shop.stock(item) == stock
    assert await shop.moved("sold") == 1
    assert (await books(shop.house)).events.count("checkout.completed") == 1


async def _items(shop: Shop, session: Session) -> list[Item]:
    async with shop.house.run.db.transaction() as tx:
        lines = await store.lines(tx, session.id)
        return list((await item_store.by_ids(tx, [line.item_id for line in lines])).values())


async def jobs_of_checkout(house: House) -> None:
    """The sweep of checkout, and what comes of it."""
    await jobs_named(house.wired, "checkout.sweep")()
    await house.work()


async def cancelled(shop: Shop, session: Session, amount: int | None = None) -> None:
    """The shop gives it back."""
    ask, who = Ask(amount=amount, request_key=f"test:{amount}"), Authority(TESTER)
    reference = await order_of(shop.house, session)
    await cancel(reference, ask, who=who, run=shop.house.run, portone=shop.house.wired.portone)


async def test_the_browser_comes_back_first(shop: Shop) -> None:
    tea = await shop.item(stock=2)
    session = await shop.bought(tea, quantity=2)
    await is_delivered_once(shop, session, (0, 0))
    await shop.house.hear(with_retries=True)
    await shop.house.work()
    await is_delivered_once(shop, session, (0, 0))
    assert await shop.inventory() == 2


@pytest.mark.parametrize("first", ["payment", "session"])
async def test_what_the_shop_took_otherwise_under_the_same_order_pays_for_no_session(shop: Shop, first: str) -> None:
    """A deposit of 100 won, say, that the shop's backend asked for by itself."""
    tea = await shop.item(stock=2)
    run, portone = shop.house.run, shop.house.wired.portone
    order = Order(amount=100, currency="KRW", order_name="계약금", order_id="order-1")

    async def paid() -> None:
        payment = await initialize(order, actor=TESTER, run=run, portone=portone)
        await shop.house.portone.pay(payment.provider_order_id)

    if first == "payment":
        await paid()
    session = await shop.session(tea, order_id="order-1")
    if first == "session":
        await paid()
    await shop.house.hear(with_retries=True)
    await shop.house.work()
    shown = await shop.complete(session)
    assert (shown.session.state, shown.payment, await shop.moved("sold")) == (State.OPEN, None, 0)
    assert await payments_of(Payer(session.store_id, session.customer_id), run=run) == HistoryPage((), None)
    with pytest.raises(OrderHasOtherTerms):
        await shop.prepare(session)
    assert await shop.stock(tea) == (2, 0)


async def test_the_webhook_comes_first_and_twice_and_the_browser_never(shop: Shop) -> None:
    tea = await shop.item(stock=2)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    shop.house.portone.fault("webhook_twice", times=1)
    await shop.house.portone.pay(prepared.payment_id)
    await shop.house.hear(with_retries=True)
    await shop.house.work()
    await is_delivered_once(shop, session, (1, 0))


async def test_everybody_finds_out_at_once(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    await shop.house.portone.pay(prepared.payment_id)
    await shop.house.hear()
    await asyncio.gather(
        shop.house.work(),
        *(shop.complete(session) for _ in range(5)),
        expire(session.id, run=shop.house.run, portone=shop.house.wired.portone),
    )
    await is_delivered_once(shop, session, (0, 0))


async def test_an_event_that_is_handled_twice_is_handled_once(shop: Shop) -> None:
    session = await shop.bought(await shop.item(stock=1))
    handler = next(job.handler for job in shop.house.wired.jobs if job.name == FOLLOW)
    await shop.house.work()
    async with shop.house.run.db.transaction() as tx:
        ids = await tx.all(EVENTS)
    for event_id in ids:
        await handler(event_id=str(event_id))
    assert await shop.house.run.db.statement(RECEIPTS, job=FOLLOW) == 1
    await is_delivered_once(shop, session, (0, 0))


async def test_a_deposit_that_comes_within_its_deadline_finds_its_stock(shop: Shop) -> None:
    """The session would be over after half an hour; the account is open for a day, and so is the promise."""
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session, "VIRTUAL_ACCOUNT")
    account = {"accountExpiry": {"validHours": 24}}
    await shop.house.portone.pay(prepared.payment_id, payMethod="VIRTUAL_ACCOUNT", virtualAccount=account)
    await shop.house.hear()
    await shop.house.work()
    for _ in range(23):
        await shop.house.move(60 * MINUTE)
        await jobs_of_checkout(shop.house)
    assert await shop.stock(tea) == (1, 1)
    await shop.house.portone.deposit(prepared.payment_id)
    await shop.house.hear()
    await shop.house.work()
    await is_delivered_once(shop, session, (0, 0))


async def test_a_browser_that_asks_for_an_account_for_years_keeps_no_stock_for_years(shop: Shop) -> None:
    """We tell the window to ask for a day; what reaches the PG is the payer's browser's to say."""
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session, "VIRTUAL_ACCOUNT")
    account = {"accountExpiry": {"validHours": 24 * 365}}
    await shop.house.portone.pay(prepared.payment_id, payMethod="VIRTUAL_ACCOUNT", virtualAccount=account)
    await shop.house.hear()
    await shop.house.work()
    for _ in range(8):
        await shop.house.move(4 * 60 * MINUTE)
        await jobs_of_checkout(shop.house)
    assert await shop.stock(tea) == (1, 1), "a day, and what PGs make of it"
    for _ in range(6):
        await shop.house.move(4 * 60 * MINUTE)
        await jobs_of_checkout(shop.house)
    assert (await shop.now(session)).state is State.EXPIRED
    assert await shop.stock(tea) == (1, 0)
    await shop.house.portone.deposit(prepared.payment_id)
    await shop.house.hear()
    await shop.house.work()
    await is_delivered_once(shop, session, (0, 0))


async def test_a_deposit_that_never_comes_lets_the_stock_go(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session, "VIRTUAL_ACCOUNT")
    account = {"accountExpiry": {"validHours": 2}}
    await shop.house.portone.pay(prepared.payment_id, payMethod="VIRTUAL_ACCOUNT", virtualAccount=account)
    await shop.house.hear()
    await shop.house.work()
    for _ in range(5):
        await shop.house.move(30 * MINUTE)
        await jobs_of_checkout(shop.house)
    assert (await shop.now(session)).state is State.EXPIRED
    assert await shop.stock(tea) == (1, 0)


async def test_a_cancelled_session_gives_its_stock_back_once(shop: Shop) -> None:
    tea = await shop.item(stock=3)
    session = await shop.bought(tea, quantity=2)
    await cancelled(shop, session)
    await shop.house.hear(with_retries=True)
    await shop.house.work()
    await asyncio.gather(*(follow(session.id, actor=TESTER, run=shop.house.run) for _ in range(4)))
    assert (await shop.now(session)).state is State.CANCELLED
    assert await shop.stock(tea) == (3, 0)
    assert await shop.moved("returned") == 1
    assert await shop.inventory() == 0
    assert (await books(shop.house)).events.count("checkout.cancelled") == 1


async def test_a_part_given_back_takes_nothing_back(shop: Shop) -> None:
    tea = await shop.item(stock=3)
    session = await shop.bought(tea)
    await cancelled(shop, session, amount=500)
    await shop.house.work()
    assert (await shop.now(session)).state is State.PAID
    assert await shop.stock(tea) == (2, 0)


async def test_cancelled_before_anybody_here_knew_that_it_was_paid(shop: Shop) -> None:
    """Paid and cancelled in the PG's console before a worker ran: nothing goes out, and nothing stays held."""
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    await shop.house.portone.pay(prepared.payment_id)
    await shop.house.portone.cancel_elsewhere(prepared.payment_id)
    await shop.house.hear()
    await shop.house.work()
    assert (await shop.now(session)).state is State.CANCELLED
    assert await shop.stock(tea) == (1, 0)
    assert (await shop.moved("sold"), await shop.moved("returned")) == (0, 0)


async def late_payment(shop: Shop, tea: Item, *, method: str = "CARD") -> Session:
    """A window that was left open until the session was over, and is paid in then."""
    session = await shop.session(tea)
    prepared = await shop.prepare(session, method)
    opened = await shop.house.portone.open(prepared.payment_id, payMethod=method)
    await shop.house.move(31 * MINUTE)
    await jobs_of_checkout(shop.house)
    assert (await shop.now(session)).state is State.EXPIRED
    assert await shop.stock(tea) == (tea.stock, 0)
    await shop.house.portone.decide(opened["txId"], "approve")
    return session


async def test_late_and_the_goods_are_still_there(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await late_payment(shop, tea)
    await shop.house.hear(with_retries=True)
    await shop.house.work()
    await shop.complete(session)
    await is_delivered_once(shop, session, (0, 0))
    assert await shop.alerts() == []


async def test_late_and_the_goods_are_gone_it_goes_back_once_and_a_person_is_told(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await late_payment(shop, tea)
    await shop.bought(tea, customer_id="member-2")
    await shop.house.hear(with_retries=True)
    await asyncio.gather(shop.complete(session), shop.complete(session))
    assert (await shop.now(session)).late_refund is LateRefund.WANTED
    await settle(shop.house)
    after = await shop.now(session)
    assert (after.state, after.late_refund) == (State.EXPIRED, LateRefund.DONE)
    assert shop.house.portone.refunds(await order_of(shop.house, session)) == [5_500]
    assert await shop.alerts() == ["paid_too_late"]
    assert await shop.stock(tea) == (0, 0)
    assert (await shop.complete(session)).phase == "refunded"
    assert (await books(shop.house)).events.count("checkout.paid_too_late") == 1


async def test_late_and_the_answer_to_the_refund_is_lost_it_still_goes_back_once(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await late_payment(shop, tea)
    await shop.bought(tea)
    await shop.house.hear()
    shop.house.portone.fault("answer_lost", operation="cancel_payment", times=1)
    await settle(shop.house)
    assert shop.house.portone.refunds(await order_of(shop.house, session)) == [5_500]
    assert (await shop.now(session)).late_refund is LateRefund.DONE


async def test_late_and_the_refund_is_given_up_a_person_has_it(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await late_payment(shop, tea)
    await shop.bought(tea)
    await shop.house.hear()
    shop.house.portone.fault("not_reached", operation="cancel_payment", times=1_000)
    await shop.house.work()
    assert (await shop.now(session)).late_refund is LateRefund.WANTED
    for _ in range(12):
        await shop.house.move(16 * MINUTE)
        await jobs_of_checkout(shop.house)
    assert (await shop.now(session)).late_refund is LateRefund.BY_HAND
    assert await shop.alerts() == ["paid_too_late", "refund_failed"]


async def test_late_and_the_job_is_lost_it_goes_back_all_the_same(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await late_payment(shop, tea)
    await shop.bought(tea)
    await shop.house.hear()
    await shop.complete(session)
    assert await shop.house.run.db.statement(LOST_JOB, name=REFUND) is not None
    await settle(shop.house)
    assert (await shop.now(session)).late_refund is LateRefund.WANTED
    await jobs_of_checkout(shop.house)
    assert (await shop.now(session)).late_refund is LateRefund.DONE
    assert shop.house.portone.refunds(await order_of(shop.house, session)) == [5_500]


async def test_late_and_the_pg_refuses_the_refund_a_person_has_it(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await late_payment(shop, tea)
    await shop.bought(tea)
    await shop.house.hear()
    shop.house.portone.fault("cancel_refused", times=1)
    await settle(shop.house)
    assert (await shop.now(session)).late_refund is LateRefund.BY_HAND
    assert await shop.alerts() == ["paid_too_late", "refund_failed"]
    await shop.house.portone.cancel_elsewhere(await order_of(shop.house, session))
    await settle(shop.house)
    assert (await shop.now(session)).late_refund is LateRefund.DONE


async def test_a_late_deposit_is_a_persons_because_only_the_payer_knows_an_account(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session, "VIRTUAL_ACCOUNT")
    account = {"accountExpiry": {"validHours": 48}}
    opened = await shop.house.portone.open(prepared.payment_id, payMethod="VIRTUAL_ACCOUNT", virtualAccount=account)
    await shop.house.move(31 * MINUTE)
    await jobs_of_checkout(shop.house)
    await shop.house.portone.decide(opened["txId"], "approve")
    await shop.bought(tea)
    await shop.house.portone.deposit(prepared.payment_id)
    await settle(shop.house)
    assert (await shop.now(session)).late_refund is LateRefund.BY_HAND
    assert await shop.alerts() == ["late_refund_by_hand"]


async def test_money_for_an_abandoned_session_goes_back_although_the_goods_are_there(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    opened = await shop.house.portone.open(prepared.payment_id)
    await abandon(session.session_id, store_id=None, actor=TESTER, run=shop.house.run)
    await shop.house.portone.decide(opened["txId"], "approve")
    await settle(shop.house)
    after = await shop.now(session)
    assert (after.state, after.late_refund) == (State.ABANDONED, LateRefund.DONE)
    assert await shop.moved("sold") == 0, "the shop called it off, whatever is on the shelf"


async def test_paid_but_not_as_asked_delivers_nothing(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    at_portone = shop.house.portone.payment(prepared.payment_id)
    assert at_portone is not None
    # As with a pre-registration that PortOne lost.
    at_portone.preregistration = None
    await shop.house.portone.pay(prepared.payment_id, totalAmount=500)
    shown = await shop.complete(session)
    assert shown.phase == "in_review"
    assert await shop.moved("sold") == 0
    with pytest.raises(SessionAwaitsMoney):
        await shop.prepare(session)
    # A person gives it back.
    await cancelled(shop, session)
    assert (await shop.complete(session)).phase == "cancelled", "nobody is told to wait for a person any more"
    with pytest.raises(SessionOver):
        await shop.prepare(session)


FAILPOINTS = (
    "checkout.prepare.before_commit",
    "checkout.prepare.held",
    "payment.register.answered",
    "checkout.prepare.registered",
    "checkout.complete.asked",
    "checkout.follow.row_written",
    "checkout.follow.before_commit",
    "checkout.follow.committed",
    "checkout.event.before_commit",
    "checkout.event.committed",
    "payment.apply.committed",
)


async def whole_life(shop: Shop, tea: Item) -> Session:
    """What a payer does; repeatable, because the shop's order makes it the same session."""
    session = await shop.session(tea, order_id="order-1")
    if session.state is not State.PAID:
        prepared = await shop.prepare(session)
        await shop.house.portone.pay(prepared.payment_id)
        await shop.house.hear()
        await shop.complete(session)
    await shop.house.work()
    return session


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_on_the_way_still_delivers_once(
    server: embedded.Embedded, settings: Settings, name: str
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            tea = await Shop(house).item(stock=2)
            with armed(name), pytest.raises(Crash):
                await whole_life(Shop(house), tea)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            shop = Shop(reborn)
            try:
                await whole_life(shop, tea)
            except Exception as again:  # noqa: BLE001 (paid meanwhile: the payer is told not to pay twice)
                assert getattr(again, "code", "") == "CHECKOUT_ALREADY_PAID"  # noqa: PT017
            await settle(reborn)
            session = await shop.session(tea, order_id="order-1")
            await is_delivered_once(shop, session, (1, 0))
            assert reborn.portone.captured(await order_of(reborn, session)) == 1
            await nothing_is_broken(reborn)


LATE_FAILPOINTS = (
    "checkout.follow.row_written",
    "checkout.follow.committed",
    "payment.cancel.intended",
    "checkout.refund.done",
)


@pytest.mark.parametrize("name", LATE_FAILPOINTS)
async def test_dying_anywhere_in_a_late_payment_still_sends_it_back_once(
    server: embedded.Embedded, settings: Settings, name: str
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            shop = Shop(house)
            tea = await shop.item(stock=1)
            died = False
            session = await late_payment(shop, tea)
            await shop.bought(tea)
            with armed(name):
                try:
                    await house.hear()
                    await house.work()
                    await shop.complete(session)
                except Crash:
                    died = True
            assert died, f"{name} was never passed"
        async with house_at(where, settings, seed=1, after=house) as reborn:
            await settle(reborn)
            await jobs_of_checkout(reborn)
            again = Shop(reborn)
            assert (await again.now(session)).late_refund is LateRefund.DONE
            assert reborn.portone.refunds(await order_of(reborn, session)) == [5_500]
            assert await again.alerts() == ["paid_too_late"]
            await nothing_is_broken(reborn)
