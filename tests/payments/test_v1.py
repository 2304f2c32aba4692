"""Payments of PortOne's older API live the same life as V2's: same rows, entries, events (requirements C2, C5, C6)."""

import asyncio
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jangbu import embedded
from jangbu import sandbox as names
from jangbu.db import Query
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed
from jangbu.payments import methods, store
from jangbu.payments.after import receipt_rules
from jangbu.payments.after.refusals import NotForV1
from jangbu.payments.after.service import escrow, receipts
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.accounts import checked
from jangbu.payments.cancellations.refusals import CancellationRefused
from jangbu.payments.cancellations.rules import V1_QUIET, Ask, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.cancellations.service.settle import Outcome
from jangbu.payments.confirm.service import Agreed, confirm
from jangbu.payments.methods import Kind
from jangbu.payments.refusals import (
    ImpUidOfAnotherPayment,
    ImpUidUnknown,
    OrderHasOtherTerms,
    PaymentUnknown,
    PortOneUnclear,
    PreRegistrationRefused,
    V1NotSetUp,
)
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.catch_up import catch_up
from jangbu.payments.service.initialize import Order, initialize, portone_id_of
from jangbu.payments.service.poll import poll
from jangbu.payments.service.sync import find, told
from jangbu.payments.service.verify import verify, verify_imp_uid
from jangbu.portone import PortOne, PortOneV1
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, settle

from .test_refund_doors import shop

TEA = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1", api="v1")
WHO = Authority(TESTER)
ACCOUNT = checked("국민은행", "123-456-789012", "김민수", "01012345678")


async def start(house: House, order: Order = TEA) -> Payment:
    return await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)


async def window(house: House, payment: Payment, **params: Any) -> dict[str, Any]:
    given = {"amount": payment.amount, "channelKey": names.CARD_CHANNEL, **params}
    return await house.portone.v1_open(payment.provider_order_id, **given)


async def pay(house: House, payment: Payment, **params: Any) -> str:
    opened = await window(house, payment, **params)
    await house.portone.decide(opened["imp_uid"], "approve")
    return str(opened["imp_uid"])


async def look(house: House, payment: Payment) -> Payment:
    await told(payment.provider_order_id, run=house.run, portone=house.wired.portone)
    return await find(str(payment.id), run=house.run)


async def paid(house: House, order: Order = TEA, **params: Any) -> Payment:
    payment = await start(house, order)
    await pay(house, payment, **params)
    return await look(house, payment)


async def give_back(house: House, payment: Payment, amount: int | None = None, **ask: Any) -> Outcome:
    return await cancel(str(payment.id), Ask(amount=amount, **ask), who=WHO, run=house.run, portone=house.wired.portone)


async def shown(house: House, payment: Payment) -> list[tuple[int, CancellationStatus, str]]:
    async with house.run.db.transaction() as tx:
        return [(one.amount, one.status, one.origin) for one in await cancellation_store.of_payment(tx, payment.id)]


def calls(house: House, what: str) -> int:
    return sum(what in line for line in house.portone.transport.transcript)


METHODS: dict[str, tuple[dict[str, Any], Kind, str]] = {
    "card": ({"pay_method": "card"}, Kind.CARD, ""),
    "kakaopay": ({"pay_method": "kakaopay", "channelKey": names.EASY_PAY_CHANNEL}, Kind.EASY_PAY, "KAKAOPAY"),
    "trans": ({"pay_method": "trans"}, Kind.TRANSFER, ""),
    "vbank": ({"pay_method": "vbank"}, Kind.VIRTUAL_ACCOUNT, ""),
    "phone": ({"pay_method": "phone"}, Kind.MOBILE, ""),
}


@pytest.mark.parametrize("name", METHODS)
async def test_every_way_to_pay_ends_in_the_books_and_goes_back(house: House, name: str) -> None:
    params, kind, provider = METHODS[name]
    payment = await start(house)
    assert (payment.api, payment.status) == ("v1", Status.READY)
    imp_uid = await pay(house, payment, **params)
    if kind is Kind.VIRTUAL_ACCOUNT:
        waiting = await look(house, payment)
        method = methods.read(waiting.method)
        assert waiting.status is Status.VIRTUAL_ACCOUNT_ISSUED
        assert method is not None and method.deposit is not None
        assert method.deposit.number and method.deposit.due_at is not None and waiting.deadline >= method.deposit.due_at
        await house.portone.deposit(payment.provider_order_id)
    after = await look(house, payment)
    method = methods.read(after.method)
    assert method is not None
    assert (after.status, method.kind, method.provider) == (Status.PAID, kind, provider)
    assert (after.provider_transaction_id, after.review) == (imp_uid, "")
    assert after.portone is not None and after.portone["v1"]["imp_uid"] == imp_uid
    account = ACCOUNT if kind is Kind.VIRTUAL_ACCOUNT else None
    outcome = await give_back(house, after, account=account)
    assert outcome.cancellation.status is CancellationStatus.SUCCEEDED
    found = await books(house)
    assert found.proof.holds and set(found.balances.values()) == {0}
    assert house.portone.refunds(payment.provider_order_id) == [11_000]


async def test_what_only_v2_does_is_refused_before_anybody_is_asked(house: House) -> None:
    run, portone = house.run, house.wired.portone
    payment = await paid(house, pay_method="trans")
    given = {"actor": TESTER, "run": run, "portone": portone}
    wish, agreed = receipt_rules.checked("PERSONAL", "01012345678"), Agreed("token")
    for asked in (
        receipts.issue(str(payment.id), wish, **given),
        receipts.cancel(str(payment.id), **given),
        escrow.complete(str(payment.id), **given),
        confirm(str(payment.id), agreed, **given, approves=house.wired.approves),
        start(house, replace(TEA, order_id="order-2", receipt=wish)),
    ):
        before = len(house.portone.transport.transcript)
        with pytest.raises(NotForV1):
            await asked
        assert len(house.portone.transport.transcript) == before


@pytest.mark.parametrize("word", ["paid", "cancelled"])
async def test_parts_go_back_and_v1_tells_the_same_story_as_v2(
    server: embedded.Embedded, settings: Settings, word: str
) -> None:
    told_by: dict[str, Any] = {}
    for api in ("v1", "v2"):
        async with fresh_database(server) as where, house_at(where, settings) as house:
            house.portone.world.inferred = Inferred(v1_partly_cancelled_is=word)
            payment = await start(house, Order(**{**vars_of(TEA), "api": api}))
            if api == "v1":
                await pay(house, payment)
            else:
                await house.portone.pay(payment.provider_order_id)
            await look(house, payment)
            for amount in (4_000, 2_000, None):
                outcome = await give_back(house, payment, amount)
                assert outcome.cancellation.status is CancellationStatus.SUCCEEDED
            found = await books(house)
            assert found.proof.holds
            told_by[api] = (found.balances, found.events, await shown(house, payment))
    assert told_by["v1"] == told_by["v2"]


def vars_of(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in Order.__slots__}


async def test_one_order_has_one_payment_of_one_api(house: House) -> None:
    first = await start(house)
    assert (await start(house)).id == first.id
    with pytest.raises(OrderHasOtherTerms):
        await start(house, Order(**{**vars_of(TEA), "api": "v2"}))


@pytest.mark.parametrize("fault", ["answer_lost", "status_500", "not_reached"])
async def test_a_lost_answer_to_prepare_is_settled_by_asking_again(house: House, fault: str) -> None:
    house.portone.fault(fault, operation="v1_prepare")
    with pytest.raises(PortOneUnclear):
        await start(house)
    assert (await start(house)).status is Status.READY


async def test_an_amount_that_portone_holds_otherwise_is_refused(house: House) -> None:
    house.portone.fault("answer_lost", operation="v1_prepare")
    with pytest.raises(PortOneUnclear):
        await start(house)
    payment = await only(house)
    await house.portone.v1("PUT", "/payments/prepare", {"merchant_uid": payment.provider_order_id, "amount": 1})
    with pytest.raises(PreRegistrationRefused) as refused:
        await start(house)
    assert refused.value.facts["type"] == "PREPARED_WITH_OTHER_TERMS"


NOT_DUE = Query(type(None), "UPDATE payments SET due_at = NULL")
ALERTS = Query(list, "SELECT jsonb_build_array(kind, facts ->> 'imp_uid') FROM admin_alerts ORDER BY created_at")
ONLY = Query(str, "SELECT id::text FROM payments")


async def only(house: House) -> Payment:
    async with house.run.db.transaction() as tx:
        [payment_id] = await tx.all(ONLY)
    return await find(payment_id, run=house.run)


@pytest.mark.parametrize("fault", ["answer_lost", "slow", "status_500", "html_502", "status_429"])
async def test_a_lost_answer_to_a_refund_is_found_by_reading_and_nothing_goes_back_twice(
    house: House, fault: str
) -> None:
    payment = await paid(house)
    house.portone.fault(fault, operation="v1_cancel", **({"seconds": 61} if fault == "slow" else {}))
    outcome = await give_back(house, payment, 4_000)
    assert outcome.cancellation.status is CancellationStatus.SENDING
    await settle(house)
    assert await shown(house, payment) == [(4_000, CancellationStatus.SUCCEEDED, "ours")]
    assert house.portone.refunds(payment.provider_order_id) == [4_000]


async def test_a_lost_refund_is_found_although_the_pg_cut_our_mark_off_its_reason(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("answer_lost", operation="v1_cancel")
    await give_back(house, payment, 4_000, reason="단순 변심으로 인한 취소")
    order = house.portone.payment(payment.provider_order_id)
    assert order is not None
    order.attempts[0].cancellations[0].reason = "단순 변심으로"
    await settle(house)
    assert await shown(house, payment) == [(4_000, CancellationStatus.SUCCEEDED, "ours")]
    assert house.portone.refunds(payment.provider_order_id) == [4_000]


async def test_a_refund_is_not_sent_again_while_the_first_call_may_be_under_way(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("not_reached", operation="v1_cancel")
    await give_back(house, payment, 4_000)
    assert calls(house, "/payments/cancel") == 1
    await house.move(timedelta(seconds=45))
    await house.move(timedelta(seconds=45))
    assert calls(house, "/payments/cancel") == 1
    await house.move(V1_QUIET + timedelta(minutes=6))
    assert calls(house, "/payments/cancel") == 2
    assert await shown(house, payment) == [(4_000, CancellationStatus.SUCCEEDED, "ours")]


async def test_the_same_check_run_twice_sends_once(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("not_reached", operation="v1_cancel", times=3)
    one = (await give_back(house, payment, 4_000)).cancellation
    await house.portone.move(V1_QUIET + timedelta(minutes=1))
    again = next(job.handler for job in house.wired.jobs if job.name == "payments.settle_cancellation")
    await asyncio.gather(*(again(cancellation_id=str(one.id)) for _ in range(3)))
    assert calls(house, "/payments/cancel") == 2


async def test_a_refund_that_never_arrives_is_given_up_in_words(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("not_reached", operation="v1_cancel", times=100)
    await give_back(house, payment, 4_000)
    for _ in range(20):
        await house.move(timedelta(minutes=16))
    assert await shown(house, payment) == [(4_000, CancellationStatus.FAILED, "ours")]
    assert 2 < calls(house, "/payments/cancel") < 14


async def test_a_refund_made_elsewhere_is_adopted_and_ours_is_held_against_what_is_left(house: House) -> None:
    payment = await paid(house)
    await house.portone.cancel_elsewhere(payment.provider_order_id, 4_000, is_silent=True)
    with pytest.raises(CancellationRefused) as refused:
        await give_back(house, payment, 8_000)
    assert "checksum" in refused.value.facts["message"]
    assert await shown(house, payment) == [
        (4_000, CancellationStatus.SUCCEEDED, "elsewhere"),
        (8_000, CancellationStatus.FAILED, "ours"),
    ] or await shown(house, payment) == [
        (8_000, CancellationStatus.FAILED, "ours"),
        (4_000, CancellationStatus.SUCCEEDED, "elsewhere"),
    ]
    assert (await books(house)).proof.holds


@pytest.mark.parametrize("windows_part", [4_000, 0], ids=["as ordered", "the window said nothing"])
async def test_the_rest_goes_back_although_v1_says_nothing_of_the_tax_free_part(
    house: House, windows_part: int
) -> None:
    payment = await paid(house, replace(TEA, tax_free_amount=4_000), tax_free=windows_part)
    # In the console: all that was taxed, and of the rest a half.
    await house.portone.order(
        "console-cancel", payment.provider_order_id, amount=9_000, taxFreeAmount=windows_part // 2, webhook=False
    )
    seen = await look(house, payment)
    with suppress(CancellationRefused):
        await give_back(house, seen)
    if not windows_part:
        await give_back(house, seen, tax_free_amount=0)
    assert house.portone.refunds(payment.provider_order_id) == [9_000, 2_000]
    found = await books(house)
    assert found.proof.holds and set(found.balances.values()) == {0}


CANCEL_FAILPOINTS = (
    "payment.cancel.before_intent_commit",
    "payment.cancel.intended",
    "payment.cancel.answered",
    "payment.cancel.entry_posted",
    "payment.cancel.before_commit",
    "payment.cancel.committed",
)


@pytest.mark.parametrize("answer_lost", [False, True], ids=["", "answer lost"])
@pytest.mark.parametrize("name", CANCEL_FAILPOINTS)
async def test_dying_anywhere_in_a_refund_gives_the_money_back_once(
    server: embedded.Embedded, settings: Settings, name: str, answer_lost: bool
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            payment = await paid(house)
            if answer_lost:
                house.portone.fault("answer_lost", operation="v1_cancel")
            with armed(name), suppress(Crash, Refusal):
                await give_back(house, payment, 4_000, request_key="first")
                await settle(house)
        async with house_at(where, settings, seed=100, after=house) as reborn:
            await settle(reborn)
            # The shop's own retry: what was done is found, and what was never written down is done now.
            await give_back(reborn, payment, 4_000, request_key="first")
            await settle(reborn)
            outcome = await give_back(reborn, payment, 4_000, request_key="first")
            assert outcome.cancellation.status is CancellationStatus.SUCCEEDED
            assert reborn.portone.refunds(payment.provider_order_id) == [4_000]
            async with reborn.run.db.transaction() as tx:
                assert await store.stuck_attempts(tx, reborn.run.clock.now()) == []
            found = await books(reborn)
            assert found.proof.holds and found.balances["assets:pg_receivable"] == 7_000


@pytest.mark.parametrize("name", ["payment.register.intended", "payment.register.answered", "payment.sync.answered"])
async def test_dying_on_the_way_to_paid_ends_in_one_capture(
    server: embedded.Embedded, settings: Settings, name: str
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            with armed(name), suppress(Crash):
                await paid(house)
        async with house_at(where, settings, seed=100, after=house) as reborn:
            payment = await start(reborn)
            if not reborn.portone.captured(payment.provider_order_id):
                await pay(reborn, payment)
            await settle(reborn)
            assert (await find(str(payment.id), run=reborn.run)).status is Status.PAID
            found = await books(reborn)
            assert found.proof.holds and found.balances["assets:pg_receivable"] == 11_000


async def shows(house: House, imp_uid: str, payment: Payment) -> Any:
    return await verify_imp_uid(
        imp_uid, payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone
    )


async def test_an_imp_uid_is_good_for_its_own_order_alone(house: House) -> None:
    tea = await start(house)
    gold = await start(house, Order(amount=900_000, currency="KRW", order_name="금", order_id="order-2", api="v1"))
    imp_uid = await pay(house, tea)
    for _ in range(2):
        # Before we know whose it is, and after.
        with pytest.raises(ImpUidOfAnotherPayment):
            await shows(house, imp_uid, gold)
        assert (await shows(house, imp_uid, tea)).is_paid
    assert (await find(str(gold.id), run=house.run)).status is Status.READY
    other = await house.portone.v1_pay("not-ours", amount=900_000, channelKey=names.CARD_CHANNEL)
    with pytest.raises(ImpUidOfAnotherPayment):
        await shows(house, other, gold)
    with pytest.raises(ImpUidUnknown):
        await shows(house, "imp_000000000000", gold)


async def test_an_imp_uid_is_shown_for_payments_of_v1_alone(house: House) -> None:
    v2 = await start(house, Order(**{**vars_of(TEA), "api": "v2"}))
    await house.portone.pay(v2.provider_order_id)
    attempt = house.portone.payment(v2.provider_order_id)
    assert attempt is not None
    with pytest.raises(PaymentUnknown):
        await shows(house, attempt.attempts[0].transaction_id, v2)


async def test_an_amount_that_was_changed_is_no_sale(house: House) -> None:
    payment = await start(house)
    # A page that was tampered with: the window opens for the amount that was prepared, and this one was not.
    await house.portone.v1("PUT", "/payments/prepare", {"merchant_uid": payment.provider_order_id, "amount": 100})
    imp_uid = await pay(house, payment, amount=100)
    verdict = await shows(house, imp_uid, payment)
    assert (verdict.is_paid, verdict.mismatch, verdict.payment.status) == (False, "other_amount", Status.MISMATCH)
    found = await books(house)
    assert found.proof.holds and found.balances == {"assets:pg_receivable": 100, "liabilities:suspense": -100}


async def test_money_that_came_before_the_amount_was_fixed_is_not_lost_sight_of(house: House) -> None:
    """V1 refuses to fix the amount of what is paid, and does not say that this is why."""
    merchant_uid = portone_id_of(names.STORE_ID, str(TEA.order_id))
    await house.portone.v1_pay(merchant_uid, amount=100, channelKey=names.CARD_CHANNEL)
    payment = await start(house)
    assert (payment.status, payment.review) == (Status.MISMATCH, "other_amount")
    found = await books(house)
    assert found.proof.holds and found.balances == {"assets:pg_receivable": 100, "liabilities:suspense": -100}


async def test_a_live_channels_money_is_no_money_of_a_sandbox(house: House) -> None:
    payment = await start(house)
    await pay(house, payment, channelKey=names.LIVE_CHANNEL)
    seen = await look(house, payment)
    assert (seen.status, seen.review) == (Status.MISMATCH, "live_channel")


async def test_a_declined_attempt_and_then_another_is_one_sale(house: House) -> None:
    payment = await start(house)
    opened = await window(house, payment)
    await house.portone.decide(opened["imp_uid"], "decline", reason="insufficient_funds")
    assert (await look(house, payment)).status is Status.FAILED
    imp_uid = await pay(house, payment)
    verdict = await shows(house, opened["imp_uid"], payment)
    assert verdict.is_paid and verdict.payment.provider_transaction_id == imp_uid


async def test_v1_being_down_changes_nothing_and_is_no_answer(house: House) -> None:
    payment = await start(house)
    imp_uid = await pay(house, payment)
    for operation in ("v1_find_payments", "v1_get_payment"):
        house.portone.fault("status_500", operation=operation, times=1)
        with pytest.raises(PortOneUnclear):
            await shows(house, imp_uid, payment)
    assert (await find(str(payment.id), run=house.run)).status is Status.READY
    await settle(house)
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID


async def test_a_token_that_runs_out_on_the_way_is_nobodys_business(house: House) -> None:
    payment = await start(house)
    await pay(house, payment)
    house.portone.world.state.tokens.clear()
    assert (await look(house, payment)).status is Status.PAID
    await house.portone.move(timedelta(hours=2))
    outcome = await give_back(house, payment, 4_000)
    assert outcome.cancellation.status is CancellationStatus.SUCCEEDED
    assert house.portone.refunds(payment.provider_order_id) == [4_000]


async def test_a_wrong_key_leaves_everything_open_until_it_is_right(house: House) -> None:
    payment = await paid(house)
    right = house.wired.portone.v1
    wrong = PortOneV1(
        house.portone.transport, api_key=names.V1_KEY, api_secret="wrong", store_id=names.STORE_ID, root="/v1"
    )
    for v1 in (wrong, None):
        house.wired.portone.v1 = v1
        outcome = await give_back(house, payment, 1_000, request_key=f"{v1}") if v1 else None
        with pytest.raises(PortOneUnclear):
            await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
        assert outcome is None or outcome.cancellation.status is CancellationStatus.SENDING
    with pytest.raises(V1NotSetUp):
        await start(house, Order(**{**vars_of(TEA), "order_id": "order-3"}))
    house.wired.portone.v1 = wrong
    with pytest.raises(PreRegistrationRefused):
        await start(house, Order(**{**vars_of(TEA), "order_id": "order-4"}))
    house.wired.portone.v1 = right
    await settle(house)
    assert await shown(house, payment) == [(1_000, CancellationStatus.SUCCEEDED, "ours")]
    assert (await start(house, Order(**{**vars_of(TEA), "order_id": "order-4"}))).status is Status.READY


async def test_money_that_came_twice_waits_for_a_person(house: House) -> None:
    payment = await paid(house)
    order = house.portone.payment(payment.provider_order_id)
    assert order is not None
    # V2 lets one attempt succeed; what V1 does about two windows that were open at once is not documented.
    second = await second_capture(house, payment)
    seen = await look(house, payment)
    assert (seen.status, seen.review, seen.provider_transaction_id) == (
        Status.PAID,
        "paid_twice",
        order.attempts[0].transaction_id,
    )
    assert second != seen.provider_transaction_id
    await look(house, payment)
    async with house.run.db.transaction() as tx:
        assert await tx.all(ALERTS) == [["paid_twice", second]], "a payer gave money twice: somebody is called, once"
    found = await books(house)
    assert found.proof.holds and found.balances["assets:pg_receivable"] == 11_000


async def test_the_attempt_that_is_in_the_books_stays_the_one_a_refund_goes_to(house: House) -> None:
    payment = await paid(house)
    booked = payment.provider_transaction_id
    # Made before the sale, and told of after it: a deposit, say.
    await second_capture(house, payment, later=timedelta(minutes=-3))
    seen = await look(house, payment)
    assert (seen.review, seen.provider_transaction_id) == ("paid_twice", booked)
    # The answer is lost, so that what came of it is read from the attempt's own history.
    house.portone.fault("answer_lost", operation="v1_cancel")
    await give_back(house, seen, 4_000)
    await settle(house)
    assert await shown(house, payment) == [(4_000, CancellationStatus.SUCCEEDED, "ours")]
    order = house.portone.payment(payment.provider_order_id)
    assert order is not None
    given_back = {one.transaction_id: [each.total_minor for each in one.cancellations] for one in order.attempts}
    assert given_back == {booked: [4_000], "imp_999999999999": []}


async def second_capture(house: House, payment: Payment, later: timedelta = timedelta(seconds=5)) -> str:
    order = house.portone.payment(payment.provider_order_id)
    assert order is not None
    twin = deepcopy(order.attempts[0])
    twin.transaction_id = "imp_999999999999"
    assert twin.paid_at is not None
    twin.paid_at += later
    order.attempts = (*order.attempts, twin)
    return twin.transaction_id


async def test_the_poller_finds_what_v1_told_nobody_even_where_v2_does_not_list_it(house: House) -> None:
    payment = await start(house)
    await pay(house, payment)
    # Nobody would ask about it by itself.
    async with house.run.db.transaction() as tx:
        await tx.run(NOT_DUE)
    elsewhere = PortOne(Sandbox().transport, api_secret=names.API_SECRET, store_id=names.STORE_ID)
    assert await poll(run=house.run, portone=elsewhere) == 0
    elsewhere.v1 = house.wired.portone.v1
    assert await poll(run=house.run, portone=elsewhere) == 1
    await house.move(timedelta(seconds=1))
    assert (await find(str(payment.id), run=house.run)).status is Status.PAID
    # After a year away, V1's list is read for as long as V1 lists it.
    await house.portone.move(timedelta(days=365))
    assert await poll(run=house.run, portone=elsewhere) == 0
    lists = [line for line in house.portone.transport.transcript if "/payments/status/all" in line]
    assert '-> 200 {"code":0' in lists[-1], lists


async def test_catching_up_reads_v1s_list_too_even_where_v2_does_not_list_it(house: House) -> None:
    payment = await start(house)
    await pay(house, payment)
    stranger = await house.portone.v1_pay("not-ours", amount=900_000, channelKey=names.CARD_CHANNEL)
    # Somebody who opens another window afterwards, and leaves it, hides no money.
    order = house.portone.payment("not-ours")
    assert order is not None
    left = deepcopy(order.attempts[0])
    left.transaction_id, left.status, left.paid_at = "imp_999999999999", "READY", None
    order.attempts = (*order.attempts, left)
    elsewhere = PortOne(Sandbox().transport, api_secret=names.API_SECRET, store_id=names.STORE_ID)
    elsewhere.v1 = house.wired.portone.v1
    now = house.run.clock.now()
    # Longer than V1 lists at once.
    found = await catch_up(
        now - timedelta(days=200), now + timedelta(hours=1), actor=TESTER, run=house.run, portone=elsewhere
    )
    assert [(one.id, one.status) for one in found.changed] == [(payment.id, Status.PAID)]
    assert [(one.id, one.transaction_id) for one in found.strangers_with_money] == [("not-ours", stranger)]
    assert (await books(house)).proof.holds


async def test_a_shop_of_v1_initializes_verifies_and_cancels_through_the_api(house: House) -> None:
    scopes = ("payments:create", "payments:verify", "payments:cancel")
    async with shop(house, *scopes) as client:
        made = await client.post(
            "/api/portone/initialize", json={"api": "v1", "amount": 11_000, "orderName": "보리차", "orderId": "o-1"}
        )
        merchant_uid = made.json()["data"]["paymentId"]
        imp_uid = await house.portone.v1_pay(merchant_uid, amount=11_000, channelKey=names.CARD_CHANNEL)
        for named in (
            {"imp_uid": imp_uid, "merchant_uid": merchant_uid},
            {"impUid": imp_uid, "merchantUid": merchant_uid},
        ):
            seen = (await client.post("/api/v1/payments/verify", json=named)).json()["data"]
            assert (seen["api"], seen["paid"], seen["impUid"], seen["merchantUid"]) == (
                "v1",
                True,
                imp_uid,
                merchant_uid,
            )
        missing = await client.post("/api/v1/payments/verify", json={"imp_uid": imp_uid})
        assert missing.status_code == 422
        key = {"Idempotency-Key": "return-1"}
        for _ in range(2):
            back = await client.post(f"/api/v1/payments/{merchant_uid}/cancel", json={"amount": 4_000}, headers=key)
            assert (back.status_code, back.json()["data"]["cancellation"]["status"]) == (200, "SUCCEEDED")
    assert house.portone.refunds(merchant_uid) == [4_000]
