"""Giving money back through PortOne: once, whatever dies or lies in between (B3, B7, F35-F38)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from at_console import at_the_console
from jangbu import embedded
from jangbu.audit import Actor
from jangbu.errors import Refusal
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import Ask, Cancellation, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, approve, cancel, reject
from jangbu.payments.cancellations.service.settle import Outcome, _answered
from jangbu.payments.review_rules import todo, why
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.seeing import seen_cancellation
from jangbu.payments.service.sync import find
from jangbu.payments.service.verify import verify
from jangbu.portone.wire import read_cancellation
from jangbu.sandbox.core.inferred import Inferred
from jangbu.wiring import Addresses
from kit import TESTER, House, books, settle
from superuser import superuser

TILL = Authority(TESTER)
S = CancellationStatus


async def paid(house: House, amount: int = 11_000, **order: Any) -> Payment:
    """A payment that was taken, and of which PortOne told us."""
    asked = Order(amount=amount, currency="KRW", order_name="보리차", **order)
    payment = await initialize(asked, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    return await find(str(payment.id), run=house.run)


async def give_back(house: House, payment: Payment, who: Authority = TILL, **ask: Any) -> Outcome:
    return await cancel(str(payment.id), Ask(**ask), who=who, run=house.run, portone=house.wired.portone)


async def refused(house: House, payment: Payment, **ask: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        await give_back(house, payment, **ask)
    return refusal.value.code


async def known(house: House, payment: Payment) -> list[Cancellation]:
    async with house.run.db.transaction() as tx:
        return await cancellation_store.of_payment(tx, payment.id)


async def agreed(house: House, payment: Payment, given: list[int], *, events: list[str] | None = None) -> Payment:
    """PortOne's own list of refunds, our rows, the row of the payment and the ledger say the same sums."""
    after = await find(str(payment.id), run=house.run)
    at_portone = house.portone.refunds(payment.provider_order_id)
    assert sorted(at_portone) == sorted(given), "what PortOne gave back"
    ours = [one.amount for one in await known(house, payment) if one.status is S.SUCCEEDED]
    assert sorted(ours) == sorted(given), "what we have on record"
    assert (after.cancelled_amount, after.cancellable_amount) == (sum(given), payment.amount - sum(given))
    found = await books(house)
    assert found.proof.holds, found.proof
    assert found.balances["assets:pg_receivable"] == payment.amount - sum(given)
    told = [name for name in found.events if name.startswith("payment.") and "cancel" in name]
    assert told == (events if events is not None else told)
    assert sum(name in {"payment.cancelled", "payment.partially_cancelled"} for name in told) == len(given)
    return after


async def test_all_of_it_goes_back_with_its_vat(house: House) -> None:
    payment = await paid(house)
    outcome = await give_back(house, payment, reason="단순 변심")
    assert (outcome.cancellation.status, outcome.payment.status) == (S.SUCCEEDED, Status.CANCELLED)
    after = await agreed(house, payment, [11_000], events=["payment.cancelled"])
    assert after.cancelled_at is not None
    assert (await books(house)).balances == {
        "assets:pg_receivable": 0,
        "income:sales": 0,
        "liabilities:vat_payable": 0,
    }
    await settle(house)
    await agreed(house, payment, [11_000], events=["payment.cancelled"])


async def test_parts_go_back_one_after_another_until_nothing_is_left(house: House) -> None:
    payment = await paid(house)
    await give_back(house, payment, amount=3_000)
    after = await agreed(house, payment, [3_000])
    assert after.status is Status.PARTIAL_CANCELLED
    assert await refused(house, payment, amount=8_001) == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    await give_back(house, payment, amount=3_000)
    await give_back(house, payment)
    after = await agreed(
        house,
        payment,
        [3_000, 3_000, 5_000],
        events=["payment.partially_cancelled", "payment.partially_cancelled", "payment.cancelled"],
    )
    assert after.status is Status.CANCELLED
    assert await refused(house, payment) == "PAYMENT_ALREADY_CANCELLED"
    await settle(house)
    await agreed(house, payment, [3_000, 3_000, 5_000])


async def test_too_much_is_refused_before_portone_is_called(house: House) -> None:
    payment = await paid(house)
    before = len(house.portone.transport.transcript)
    assert await refused(house, payment, amount=11_001) == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    assert await refused(house, payment, amount=0) == "CANCEL_AMOUNT_OUT_OF_RANGE"
    assert await refused(house, payment, amount=-1) == "CANCEL_AMOUNT_OUT_OF_RANGE"
    assert await refused(house, payment, amount=100, currency="USD") == "CANCEL_CURRENCY_DIFFERS"
    assert len(house.portone.transport.transcript) == before
    assert await known(house, payment) == []


async def test_a_payment_nobody_paid_has_nothing_to_give_back(house: House) -> None:
    order = Order(amount=1_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert await refused(house, payment) == "PAYMENT_NOT_PAID"


async def test_a_payment_we_had_not_heard_was_paid_is_captured_and_given_back(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await give_back(house, payment)
    await agreed(house, payment, [11_000])


async def test_fifty_at_once_give_back_what_one_asked_for(house: House) -> None:
    payment = await paid(house, 1_000)
    asked = [give_back(house, payment, amount=700, request_key=f"k{number}") for number in range(50)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    succeeded = [one for one in answers if isinstance(one, Outcome)]
    codes = {one.code for one in answers if isinstance(one, Refusal)}
    assert len(succeeded) == 1
    assert codes <= {"CANCELLATION_IN_PROGRESS", "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"}
    assert not [one for one in answers if not isinstance(one, Outcome | Refusal)]
    await agreed(house, payment, [700])


async def test_a_key_that_comes_again_with_the_amount_left_out_is_another_request(house: House) -> None:
    """ "All that is left" was never what it asked for; answering with the first refund would hide that."""
    payment = await paid(house)
    await give_back(house, payment, amount=3_000, request_key="k-1")
    assert await refused(house, payment, request_key="k-1") == "IDEMPOTENCY_KEY_REUSED"
    whole = await give_back(house, payment, request_key="k-2")
    again = await give_back(house, payment, request_key="k-2")
    assert (again.cancellation.id, again.cancellation.amount) == (whole.cancellation.id, 8_000)
    assert await refused(house, payment, amount=8_000, request_key="k-2") == "IDEMPOTENCY_KEY_REUSED"
    await agreed(house, payment, [3_000, 8_000])


async def test_a_key_of_the_release_before_finds_the_refund_it_made(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    """F96: that release does not keep what was asked, and both run side by side while one takes over."""
    payment = await paid(house)
    first = await give_back(house, payment, amount=3_000, request_key="k-1")
    async with superuser(server, where) as connection:
        await connection.execute("UPDATE payment_cancellations SET asked = NULL")
    again = await give_back(house, payment, amount=3_000, request_key="k-1")
    assert again.cancellation.id == first.cancellation.id
    assert await refused(house, payment, amount=3_001, request_key="k-1") == "IDEMPOTENCY_KEY_REUSED"
    assert await refused(house, payment, amount=3_000, reason="다른", request_key="k-1") == "IDEMPOTENCY_KEY_REUSED"
    await agreed(house, payment, [3_000])


async def test_fifty_repeats_of_one_request_are_one_refund(house: House) -> None:
    payment = await paid(house, 1_000)
    asked = [give_back(house, payment, amount=300, request_key="same") for _ in range(50)]
    ids = {outcome.cancellation.id for outcome in await asyncio.gather(*asked)}
    assert len(ids) == 1
    await agreed(house, payment, [300])
    assert (await give_back(house, payment, amount=300, request_key="same")).cancellation.status is S.SUCCEEDED
    assert await refused(house, payment, amount=200, request_key="same") == "IDEMPOTENCY_KEY_REUSED"
    await agreed(house, payment, [300])
    other = await paid(house, 1_000)
    assert await refused(house, other, amount=300, request_key="same") == "IDEMPOTENCY_KEY_REUSED"
    assert await known(house, other) == []


LOST = {
    "acted, line dropped": {"name": "answer_lost"},
    "never arrived": {"name": "not_reached"},
    "500 after acting": {"name": "status_500", "acts": True},
    "500 without acting": {"name": "status_500"},
    "an HTML page after acting": {"name": "html_502", "acts": True},
    "half an answer": {"name": "bad_json"},
    "too slow": {"name": "slow", "seconds": 65},
    "429": {"name": "status_429"},
    "still running": {"name": "idempotency_outstanding"},
    "the PG's word after acting": {"name": "status_502", "acts": True},
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("heard", [True, False], ids=["webhook", "no webhook"])
async def test_a_lost_answer_ends_in_one_refund(house: House, fault: dict[str, Any], heard: bool) -> None:
    payment = await paid(house)
    house.portone.fault(fault["name"], operation="cancel_payment", **{k: v for k, v in fault.items() if k != "name"})
    outcome = await give_back(house, payment, amount=3_000)
    assert outcome.cancellation.status in {S.SENDING, S.SUCCEEDED}, "an unknown outcome is not a failure"
    if outcome.cancellation.status is S.SENDING:
        assert await refused(house, payment, amount=1_000) == "CANCELLATION_IN_PROGRESS"
    if heard:
        await house.hear()
        await house.work()
    else:
        house.portone.fault("webhook_lost", times=50)
    for _ in range(3):
        await house.move(timedelta(minutes=16))
    await agreed(house, payment, [3_000])
    await settle(house)
    await agreed(house, payment, [3_000], events=["payment.partially_cancelled"])


async def test_an_answer_lost_for_hours_is_not_sent_again_and_not_forgotten(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("not_reached", operation="cancel_payment", times=100)
    await give_back(house, payment)
    for _ in range(20):
        await house.move(timedelta(minutes=15))
    [one] = await known(house, payment)
    assert (one.status, (one.failure or {})["type"]) == (S.FAILED, "NOT_DONE")
    assert await refused(house, payment, request_key=None, amount=12_000) == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    house.portone.parts.faults.clear()
    await give_back(house, payment)
    await agreed(house, payment, [11_000], events=["payment.cancel_failed", "payment.cancelled"])


async def test_a_pg_that_says_no_gives_nothing_back_and_frees_the_payment(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("status_502", operation="cancel_payment")
    assert await refused(house, payment, amount=3_000, request_key="k") == "CANCELLATION_REFUSED"
    assert await refused(house, payment, amount=3_000, request_key="k") == "CANCELLATION_REFUSED", "the same answer"
    await agreed(house, payment, [], events=["payment.cancel_failed"])
    await give_back(house, payment, amount=3_000)
    await agreed(house, payment, [3_000])


@pytest.mark.parametrize("how", ["webhook", "verify", "sweeper finds nothing"])
async def test_a_cancellation_in_the_pgs_own_console_is_adopted_with_an_entry(house: House, how: str) -> None:
    payment = await paid(house)
    await house.portone.cancel_elsewhere(payment.provider_order_id, 4_000)
    if how == "webhook":
        await house.hear()
        await house.work()
    else:
        await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
    after = await agreed(house, payment, [4_000], events=["payment.partially_cancelled"])
    assert after.status is Status.PARTIAL_CANCELLED
    [one] = await known(house, payment)
    assert (one.origin, one.trigger) == ("elsewhere", "CONSOLE")
    await give_back(house, payment)
    await agreed(house, payment, [4_000, 7_000])


async def test_ours_on_top_of_one_we_had_not_heard_of_is_refused_by_portone_and_both_are_told(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("webhook_lost", times=50)
    await house.portone.cancel_elsewhere(payment.provider_order_id, 4_000)
    assert await refused(house, payment, amount=3_000) == "CANCELLATION_REFUSED"
    await agreed(house, payment, [4_000])
    await give_back(house, payment, amount=7_000)
    await agreed(house, payment, [4_000, 7_000])


async def test_a_payment_paid_and_cancelled_before_we_looked_is_both(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.portone.cancel_elsewhere(payment.provider_order_id, 11_000)
    await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
    after = await agreed(house, payment, [11_000])
    assert after.status is Status.CANCELLED
    found = await books(house)
    assert [name for name in found.events if name in {"payment.paid", "payment.cancelled"}] == [
        "payment.paid",
        "payment.cancelled",
    ]


@pytest.mark.parametrize("ends", ["SUCCEEDED", "FAILED"])
@pytest.mark.parametrize("heard", [True, False], ids=["webhook", "no webhook"])
@pytest.mark.parametrize("leaves", [True, False], ids=["paid meanwhile", "cancelled meanwhile"])
async def test_a_slow_pg_is_waited_for(house: House, ends: str, heard: bool, leaves: bool) -> None:
    house.portone.world.inferred = Inferred(requested_cancel_leaves_status=leaves)
    payment = await paid(house)
    house.portone.cancel_slowly(payment.provider_order_id)
    outcome = await give_back(house, payment, amount=3_000)
    assert outcome.cancellation.status is S.REQUESTED
    assert outcome.payment.cancellable_amount == 11_000, "nothing went back yet"
    assert await refused(house, payment, amount=1) == "CANCELLATION_IN_PROGRESS"
    if not heard:
        house.portone.fault("webhook_lost", times=50)
    await house.portone.end_cancellation(payment.provider_order_id, succeeds=ends == "SUCCEEDED")
    if heard:
        await house.hear()
        await house.work()
    else:
        for _ in range(6):
            await house.move(timedelta(minutes=31))
    given = [3_000] if ends == "SUCCEEDED" else []
    last = "payment.partially_cancelled" if given else "payment.cancel_failed"
    await agreed(house, payment, given, events=["payment.cancel_pending", last])
    await give_back(house, payment, amount=5_000)


@pytest.mark.parametrize("ends", ["SUCCEEDED", "FAILED"])
async def test_a_payment_that_shows_as_cancelled_before_anything_went_back_is_still_taken(
    house: House, ends: str
) -> None:
    """PortOne does not say what `status` is while a cancellation waits: the money is in the books until it is gone."""
    house.portone.world.inferred = Inferred(requested_cancel_leaves_status=False)
    asked = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(asked, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    house.portone.cancel_slowly(payment.provider_order_id)
    await house.portone.cancel(payment.provider_order_id)
    await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
    assert (await agreed(house, payment, [])).status is Status.PAID
    await house.portone.end_cancellation(payment.provider_order_id, succeeds=ends == "SUCCEEDED")
    await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
    given = [11_000] if ends == "SUCCEEDED" else []
    assert (await agreed(house, payment, given)).status is (Status.CANCELLED if given else Status.PAID)


async def test_above_the_limit_a_second_person_decides(house: House) -> None:
    payment = await paid(house)
    manager = Authority(Actor("user:manager"), limits={"KRW": 5_000})
    other = Authority(Actor("user:other"), limits={"KRW": 5_000})
    owner = Authority(Actor("user:owner"))
    waiting = (await give_back(house, payment, manager, amount=5_001)).cancellation
    assert waiting.status is S.WAITING
    assert house.portone.refunds(payment.provider_order_id) == []
    for who in (manager, other, Authority(Actor("user:manager"))):
        with pytest.raises(Refusal, match="SECOND_PERSON_NEEDED"):
            await approve(waiting.id, who=who, run=house.run, portone=house.wired.portone)
    assert await refused(house, payment, amount=1) == "CANCELLATION_IN_PROGRESS"
    answers = await asyncio.gather(
        *(approve(waiting.id, who=owner, run=house.run, portone=house.wired.portone) for _ in range(5)),
        reject(waiting.id, who=owner, run=house.run),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Outcome) for one in answers) == 1
    assert {one.code for one in answers if isinstance(one, Refusal)} == {"CANCELLATION_NOT_WAITING"}
    end = (await known(house, payment))[0].status
    await agreed(house, payment, [5_001] if end is S.SUCCEEDED else [])


async def test_a_sum_in_parts_needs_the_second_person_that_the_sum_does(house: House) -> None:
    payment = await paid(house)
    manager = Authority(Actor("user:manager"), limits={"KRW": 5_000})
    other = Authority(Actor("user:other"), limits={"KRW": 5_000})
    assert (await give_back(house, payment, manager, amount=3_000)).cancellation.status is S.SUCCEEDED
    waiting = (await give_back(house, payment, manager, amount=2_001)).cancellation
    assert waiting.status is S.WAITING
    await approve(waiting.id, who=other, run=house.run, portone=house.wired.portone)
    # What a second person approved is not given back alone, and everybody has a limit of their own.
    assert (await give_back(house, payment, manager, amount=2_000)).cancellation.status is S.SUCCEEDED
    assert (await give_back(house, payment, other, amount=3_000)).cancellation.status is S.SUCCEEDED
    await agreed(house, payment, [3_000, 2_001, 2_000, 3_000])


async def test_rejected_it_never_reaches_portone_and_within_the_limit_nobody_else_is_asked(house: House) -> None:
    payment = await paid(house)
    manager = Authority(Actor("user:manager"), limits={"KRW": 5_000})
    waiting = (await give_back(house, payment, manager, amount=6_000)).cancellation
    await reject(waiting.id, who=manager, run=house.run)
    await settle(house)
    await agreed(house, payment, [], events=[])
    assert (await give_back(house, payment, manager, amount=5_000)).cancellation.status is S.SUCCEEDED
    await agreed(house, payment, [5_000])


async def test_what_was_cancelled_elsewhere_while_it_waited_is_not_given_back_twice(house: House) -> None:
    payment = await paid(house)
    manager = Authority(Actor("user:manager"), limits={"KRW": 5_000})
    waiting = (await give_back(house, payment, manager)).cancellation
    await house.portone.cancel_elsewhere(payment.provider_order_id, 11_000)
    await house.hear()
    await house.work()
    with pytest.raises(Refusal, match="CANCEL_AMOUNT_EXCEEDS"):
        await approve(waiting.id, who=TILL, run=house.run, portone=house.wired.portone)
    await agreed(house, payment, [11_000])
    await reject(waiting.id, who=TILL, run=house.run)


async def test_another_stores_caller_finds_no_such_payment(house: House) -> None:
    payment = await paid(house)
    stranger = Authority(TESTER, store_id="store-of-somebody-else")
    with pytest.raises(Refusal, match="PAYMENT_NOT_FOUND"):
        await give_back(house, payment, stranger)
    await agreed(house, payment, [])


async def test_money_we_did_not_ask_for_goes_back_out_of_suspense(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    # The amount was not fixed when this window opened, as with a pre-registration that PortOne lost.
    at_portone = house.portone.payment(payment.provider_order_id)
    assert at_portone is not None
    at_portone.preregistration = None
    await house.portone.pay(payment.provider_order_id, totalAmount=500)
    await house.hear()
    await house.work()
    mismatched = await find(str(payment.id), run=house.run)
    assert (mismatched.status, mismatched.review) == (Status.MISMATCH, "other_amount")
    assert (await books(house)).balances == {"assets:pg_receivable": 500, "liabilities:suspense": -500}
    async with at_the_console(house) as console:
        assert why("other_amount", "ko") in (await console.get("/console/home")).text
        story = (await console.get(f"/console/payments/{payment.id}")).text
        assert why("other_amount", "ko") in story and todo("other_amount", "ko") in story
        await give_back(house, payment, amount=200)
        outcome = await give_back(house, payment)
        # Nothing is left to decide: it waits for nobody, and its page says so.
        assert why("returned", "ko") not in (await console.get("/console/home")).text
        assert why("returned", "ko") in (await console.get(f"/console/payments/{payment.id}")).text
    assert (outcome.payment.status, outcome.payment.review) == (Status.MISMATCH, "returned")
    assert await refused(house, payment) == "PAYMENT_ALREADY_CANCELLED"
    await settle(house)
    found = await books(house)
    assert found.proof.holds, found.proof
    assert found.balances == {"assets:pg_receivable": 0, "liabilities:suspense": 0}
    assert house.portone.refunds(payment.provider_order_id) == [200, 300]
    assert (await find(str(payment.id), run=house.run)).review == "returned"


async def test_our_answer_is_booked_although_another_systems_refund_was_taken_for_it_meanwhile(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("not_reached", operation="cancel_payment", payment_id=payment.provider_order_id)
    one = (await give_back(house, payment, amount=3_000)).cancellation
    assert one.status is S.SENDING
    # Another program of the merchant's gives back as much; only that one is to be seen when we look.
    assert (await house.portone.cancel(payment.provider_order_id, 3_000))[0] == 200
    await verify(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)
    status, body = await house.portone.cancel(payment.provider_order_id, 3_000, reason=one.reason_sent)
    assert status == 200
    await _answered(one, seen_cancellation(read_cancellation(body["cancellation"])), actor=TESTER, run=house.run)
    await agreed(house, payment, [3_000, 3_000])


async def test_another_stores_caller_decides_no_refund_of_ours(house: House) -> None:
    payment = await paid(house)
    waiting = (await give_back(house, payment, Authority(Actor("clerk"), limits={"KRW": 0}))).cancellation
    assert waiting.status is S.WAITING
    stranger = Authority(TESTER, store_id="store-of-somebody-else")
    with pytest.raises(Refusal, match="CANCELLATION_NOT_FOUND"):
        await approve(waiting.id, who=stranger, run=house.run, portone=house.wired.portone)
    with pytest.raises(Refusal, match="CANCELLATION_NOT_FOUND"):
        await reject(waiting.id, who=stranger, run=house.run)
    await agreed(house, payment, [])
