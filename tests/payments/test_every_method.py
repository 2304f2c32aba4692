"""Every way to pay, from the window to the books: with its webhooks told twice, out of order, late, or not at all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jangbu import events, sandbox
from jangbu.payments.api import payment_view
from jangbu.payments.rules import FINAL_CHECK_AFTER_EXPIRY, Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from kit import TESTER, House, books, settle

ACCOUNT: dict[str, Any] = {"payMethod": "VIRTUAL_ACCOUNT"}
HOUR = timedelta(hours=1)


async def begun(house: House, amount: int = 11_000, currency: str = "KRW") -> str:
    """PortOne's id of a new payment of ours."""
    order = Order(amount=amount, currency=currency, order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    return payment.provider_order_id


async def ours(house: House, portone_id: str) -> Payment:
    return await find(portone_id, run=house.run)


def switch(house: House, **inferred: Any) -> None:
    """PortOne behaves in the other of the ways that its documents leave open."""
    world = house.portone.world
    world.inferred = replace(world.inferred, **inferred)


async def let_pass(house: House, by: timedelta, step: timedelta = 6 * HOUR) -> None:
    """Time passes, with sweeps on the way."""
    while by > timedelta():
        await house.move(min(step, by))
        by -= step


def deaf(house: House) -> None:
    """No webhook arrives any more."""
    house.door.run = None


def listen(house: House) -> None:
    """Webhooks arrive again."""
    house.door.run = house.run


async def tell_again(house: House, portone_id: str) -> None:
    """Everything PortOne ever announced of the payment, once more: backwards, and each of them twice."""
    payment = house.portone.payment(portone_id)
    assert payment is not None
    for one in reversed(list(house.portone.world.deliveries_of(payment))):
        for _ in range(2):
            await house.portone.parts.courier.resend(one)
            await house.work()


async def close_account(house: House, portone_id: str) -> None:
    status, said = await house.portone.api("POST", f"/payments/{portone_id}/virtual-account/close")
    assert status == 200, said


async def test_an_account_that_was_closed_before_anybody_paid_brings_no_money_into_the_books(house: House) -> None:
    """PortOne may call it CANCELLED, as it calls a payment that was paid and given back."""
    switch(house, closed_account_becomes="CANCELLED")
    portone_id = await begun(house)
    await house.portone.pay(portone_id, **ACCOUNT)
    await settle(house)
    assert (await ours(house, portone_id)).status is Status.VIRTUAL_ACCOUNT_ISSUED
    await close_account(house, portone_id)
    await settle(house)
    closed = await ours(house, portone_id)
    assert (closed.status, closed.paid_at, closed.review, closed.due_at) == (Status.ABANDONED, None, "", None)
    found = await books(house)
    assert found.proof.holds
    assert found.balances == {}
    assert "payment.paid" not in found.events


WAYS = [
    ("CARD", "card", "KRW", "CARD"),
    ("EASY_PAY", "kakaopay", "KRW", "EASY_PAY"),
    ("EASY_PAY", "naverpay", "KRW", "EASY_PAY"),
    ("EASY_PAY", "tosspay", "KRW", "EASY_PAY"),
    ("TRANSFER", "transfer", "KRW", "TRANSFER"),
    ("MOBILE", "mobile", "KRW", "MOBILE"),
    ("GIFT_CERTIFICATE", "gift_certificate", "KRW", "GIFT_CERTIFICATE"),
    ("CARD", "card", "USD", "CARD"),
    ("CARD", "card", "JPY", "CARD"),
]


@pytest.mark.parametrize("heard", ["told", "told late, backwards and twice", "never told"])
@pytest.mark.parametrize(("pay_method", "name", "currency", "kind"), WAYS)
async def test_every_way_to_pay_ends_in_the_books_however_it_is_told(
    house: House, pay_method: str, name: str, currency: str, kind: str, heard: str
) -> None:
    portone_id = await begun(house, 10_99, currency)
    if heard != "told":
        deaf(house)
    await house.portone.pay(portone_id, method=name, payMethod=pay_method)
    if heard == "told late, backwards and twice":
        await house.portone.settle_webhooks()
        listen(house)
        await tell_again(house, portone_id)
    await settle(house)
    paid = await ours(house, portone_id)
    assert (paid.status, paid.amount, paid.currency) == (Status.PAID, 10_99, currency)
    assert payment_view(paid)["method"]["type"] == kind
    found = await books(house)
    assert found.proof.holds
    assert found.balances["assets:pg_receivable"] == 10_99
    assert found.events.count("payment.paid") == 1


async def test_a_paypal_payment_waits_for_the_pg_and_then_is_paid(house: House) -> None:
    portone_id = await begun(house, 19_99, "USD")
    await house.portone.pay(portone_id, channelKey=sandbox.PAYPAL_CHANNEL, payMethod="PAYPAL")
    await house.hear()
    await house.work()
    waiting = await ours(house, portone_id)
    assert (waiting.status, waiting.paid_at) == (Status.PAY_PENDING, None)
    assert payment_view(waiting)["method"] == {"type": "EASY_PAY", "provider": "PAYPAL"}
    assert (await books(house)).balances == {}
    deaf(house)
    await house.portone.settle_payment(portone_id)
    await let_pass(house, 2 * HOUR)
    assert (await ours(house, portone_id)).status is Status.PAID
    found = await books(house)
    assert found.balances["assets:pg_receivable"] == 19_99
    assert found.events[-2:] == ["payment.pay_pending", "payment.paid"]


async def test_a_paypal_payment_that_is_denied_is_failed_and_never_booked(house: House) -> None:
    portone_id = await begun(house, 19_99, "USD")
    await house.portone.pay(portone_id, channelKey=sandbox.PAYPAL_CHANNEL, payMethod="PAYPAL")
    await house.portone.settle_payment(portone_id, reason="insufficient_funds")
    await settle(house)
    denied = await ours(house, portone_id)
    assert denied.status is Status.FAILED
    assert (await books(house)).balances == {}


@pytest.mark.parametrize("heard", ["told", "told late, backwards and twice", "never told"])
async def test_a_deposit_days_later_is_paid_once(house: House, heard: str) -> None:
    portone_id = await begun(house)
    await house.portone.pay(portone_id, **ACCOUNT)
    await settle(house)
    waiting = await ours(house, portone_id)
    assert waiting.status is Status.VIRTUAL_ACCOUNT_ISSUED
    told = payment_view(waiting)
    account = house.portone.payment(portone_id).current.method  # type: ignore[union-attr]
    assert told["method"]["deposit"] == {
        "number": account["accountNumber"],
        "holder": "장부 상점",
        "dueAt": account["expiredAt"],
    }
    assert told["expiresAt"] == account["expiredAt"], "the payer has until then, not until our own expiry"
    assert (await books(house)).balances == {}
    if heard != "told":
        deaf(house)
    await let_pass(house, 60 * HOUR)
    assert await house.portone.deposit(portone_id)
    if heard == "told late, backwards and twice":
        await house.portone.settle_webhooks()
        listen(house)
        await tell_again(house, portone_id)
    await settle(house)
    paid = await ours(house, portone_id)
    assert paid.status is Status.PAID
    assert "deposit" not in payment_view(paid)["method"]
    found = await books(house)
    assert found.proof.holds
    assert found.balances["assets:pg_receivable"] == 11_000
    assert [type_ for type_ in found.events if type_ != "payment.changed"] == [
        "payment.virtual_account_issued",
        "payment.paid",
    ]


async def test_a_deposit_of_another_sum_is_refused_by_the_bank_and_the_account_goes_on_waiting(house: House) -> None:
    portone_id = await begun(house)
    await house.portone.pay(portone_id, **ACCOUNT)
    await settle(house)
    assert not await house.portone.deposit(portone_id, 10_999)
    await settle(house)
    assert (await ours(house, portone_id)).status is Status.VIRTUAL_ACCOUNT_ISSUED
    assert (await books(house)).balances == {}
    assert await house.portone.deposit(portone_id)
    await settle(house)
    assert (await books(house)).balances["assets:pg_receivable"] == 11_000


@pytest.mark.parametrize("becomes", ["FAILED", "CANCELLED", "VIRTUAL_ACCOUNT_ISSUED"])
async def test_an_account_nobody_paid_into_ends_silently_and_a_later_deposit_is_adopted(
    house: House, becomes: str
) -> None:
    switch(house, expired_account_becomes=becomes, late_deposit_is_refused=False)
    portone_id = await begun(house)
    await house.portone.pay(portone_id, **ACCOUNT)
    await settle(house)
    due_at = (await ours(house, portone_id)).deadline
    await let_pass(house, due_at + FINAL_CHECK_AFTER_EXPIRY + 2 * HOUR - house.run.clock.now())
    over = await ours(house, portone_id)
    assert (over.status, over.due_at) == (Status.FAILED if becomes == "FAILED" else Status.ABANDONED, None)
    found = await books(house)
    assert found.balances == {}
    assert found.events[-1] == ("payment.failed" if becomes == "FAILED" else "payment.expired")
    assert await house.portone.deposit(portone_id)
    await settle(house)
    assert (await ours(house, portone_id)).status is Status.PAID
    found = await books(house)
    assert found.proof.holds
    assert found.balances["assets:pg_receivable"] == 11_000
    assert found.events[-1] == "payment.paid"


async def test_an_account_is_asked_about_until_a_day_after_its_day_and_not_for_ever(house: House) -> None:
    switch(house, expired_account_becomes="VIRTUAL_ACCOUNT_ISSUED")
    portone_id = await begun(house)
    await house.portone.pay(portone_id, **ACCOUNT)
    await settle(house)
    deadline = (await ours(house, portone_id)).deadline
    await let_pass(house, deadline + FINAL_CHECK_AFTER_EXPIRY - HOUR - house.run.clock.now())
    assert (await ours(house, portone_id)).due_at is not None
    await let_pass(house, 3 * HOUR, HOUR)
    assert (await ours(house, portone_id)).due_at is None


async def test_what_the_payer_pays_with_is_in_no_event_and_no_answer_in_full(house: House) -> None:
    portone_id = await begun(house)
    await house.portone.pay(portone_id, method="mobile", payMethod="MOBILE")
    await settle(house)
    paid = await ours(house, portone_id)
    phone = paid.method["phoneNumber"] if paid.method else ""
    assert len(phone) == 11
    async with house.run.db.transaction() as tx:
        told = await events.of_subject(tx, paid.subject)
    assert phone not in str(told)
    assert phone not in str(payment_view(paid))
    assert payment_view(paid)["method"]["phone"].endswith(phone[-4:])
