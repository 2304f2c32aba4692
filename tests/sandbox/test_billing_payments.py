"""Charging a billing key: one success per paymentId, declines hard and soft, every refusal (portone-facts §3.2)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL, LIVE_CHANNEL
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import START, Endpoint, Sandbox

ORDER = "ord-000001"


async def get(sandbox: Sandbox, payment_id: str = ORDER) -> dict[str, Any]:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


async def test_a_charge_answers_little_and_the_payment_tells_the_rest(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    more = {
        "amount": {"total": 12_000, "taxFree": 1_000},
        "customer": {"id": "c1", "name": {"full": "홍길동"}},
        "customData": "box-7",
        "installmentMonth": 3,
        "products": [{"id": "tea", "name": "보리차", "amount": 12_000, "quantity": 1}],
        "productCount": 1,
    }
    status, answer = await sandbox.charge(ORDER, key, **more)
    payment = await get(sandbox)
    assert (status, answer) == (200, {"payment": {"pgTxId": payment["pgTxId"], "paidAt": payment["paidAt"]}})
    assert (payment["status"], payment["billingKey"], payment["orderName"]) == ("PAID", key, "정기 구독")
    assert payment["origin"] == {"platformType": "API", "ipAddress": "127.0.0.1"}
    assert (payment["amount"]["total"], payment["amount"]["taxFree"], payment["amount"]["vat"]) == (
        12_000,
        1_000,
        1_000,
    )
    assert payment["customer"] == {"id": "c1", "name": "홍길동"}
    assert (payment["customData"], payment["productCount"]) == ("box-7", 1)
    assert payment["products"] == more["products"]
    assert payment["method"]["card"]["number"] == "433012******7890"
    assert payment["method"]["installment"]["month"] == 3
    assert "scheduleId" not in payment
    assert sandbox.captures(ORDER) == [12_000]
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Paid"]


async def test_skip_webhook_silences_the_success_and_nothing_later(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    await sandbox.charge(ORDER, key, skipWebhook=True)
    await sandbox.cancel(ORDER)
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Cancelled"]


async def test_a_second_charge_is_already_paid_whichever_key_and_amount(sandbox: Sandbox) -> None:
    first, second = await sandbox.billing_key(), await sandbox.billing_key()
    await sandbox.charge(ORDER, first)
    for key in (first, second):
        status, answer = await sandbox.charge(ORDER, key, 2000)
        assert (status, answer["type"]) == (409, "ALREADY_PAID")
    await sandbox.cancel(ORDER)
    assert (await sandbox.charge(ORDER, first))[1]["type"] == "ALREADY_PAID"
    assert sandbox.captures(ORDER) == [1000]
    assert (await sandbox.pay(ORDER))["code"] == "PaymentAlreadyPaid"


async def test_of_fifty_charges_at_once_one_succeeds(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    answers = await asyncio.gather(*(sandbox.charge(ORDER, key) for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 49
    assert sandbox.captures(ORDER) == [1000]


async def test_a_lost_answer_has_charged_and_the_repeat_says_so(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    sandbox.fault("answer_lost", operation="pay_with_billing_key")
    with pytest.raises(ConnectionResetError):
        await sandbox.charge(ORDER, key)
    assert (await sandbox.charge(ORDER, key))[1]["type"] == "ALREADY_PAID"
    assert sandbox.captures(ORDER) == [1000]


async def test_a_hard_decline_stays_a_soft_one_passes(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    await sandbox.key_order("refuse", key, reason="insufficient_funds", times=2)
    for _ in range(2):
        status, answer = await sandbox.charge(ORDER, key)
        assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "INSUFFICIENT_FUNDS")
        failed = await get(sandbox)
        assert (failed["status"], failed["failure"]["pgCode"]) == ("FAILED", "INSUFFICIENT_FUNDS")
    assert (await sandbox.charge(ORDER, key))[0] == 200
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Failed", "Transaction.Failed", "Transaction.Paid"]

    await sandbox.key_order("refuse", key, reason="lost_card")
    for number in range(3):
        assert (await sandbox.charge(f"ord-10000{number}", key))[1]["pgCode"] == "LOST_CARD"
    await sandbox.key_order("refuse", key)
    assert (await sandbox.charge("ord-100003", key))[0] == 200


@pytest.mark.parametrize("is_announced", [True, False])
async def test_whether_a_decline_is_announced_is_a_switch(is_announced: bool) -> None:
    shop = Endpoint()
    sandbox = Sandbox(deliver=shop, inferred=Inferred(declined_charge_is_announced=is_announced))
    key = await sandbox.billing_key(skipWebhook=True)
    sandbox.fault("pay_refused", operation="approve_payment", reason="pg_busy")
    assert (await sandbox.charge(ORDER, key))[1]["pgCode"] == "PG_BUSY"
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Failed"] * is_announced


async def test_an_approval_that_waits_answers_200_and_is_not_paid_yet(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    sandbox.fault("pay_waits", seconds=60)
    status, _ = await sandbox.charge(ORDER, key)
    assert (status, (await get(sandbox))["status"], sandbox.captures(ORDER)) == (200, "PAY_PENDING", [])
    await sandbox.move(timedelta(minutes=1))
    assert (await get(sandbox))["status"] == "PAID"
    assert shop.types() == ["Transaction.PayPending", "Transaction.Paid"]


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"billingKey": "none"}, (404, "BILLING_KEY_NOT_FOUND")),
        ({"channelKey": LIVE_CHANNEL}, (404, "CHANNEL_NOT_FOUND")),
        ({"channelKey": "none"}, (404, "CHANNEL_NOT_FOUND")),
        ({"storeId": "other"}, (403, "FORBIDDEN")),
        ({"amount": {"total": 100, "taxFree": 60, "vat": 41}}, (409, "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT")),
        ({"amount": {"total": 0}}, (400, "INVALID_REQUEST")),
        ({"amount": {"total": -1}}, (400, "INVALID_REQUEST")),
        ({"amount": {"total": 2**53}}, (400, "INVALID_REQUEST")),
        ({"amount": {"total": 100.5}}, (400, "INVALID_REQUEST")),
        ({"amount": {"total": 100, "taxFree": -1}}, (400, "INVALID_REQUEST")),
        ({"amount": 100}, (400, "INVALID_REQUEST")),
        ({"currency": "WON"}, (400, "INVALID_REQUEST")),
        ({"orderName": ""}, (400, "INVALID_REQUEST")),
        ({"orderName": "가" * 101}, (502, "PG_PROVIDER")),
        ({"orderName": None}, (400, "INVALID_REQUEST")),
    ],
)
async def test_what_is_not_charged(sandbox: Sandbox, more: dict[str, Any], refusal: tuple[int, str]) -> None:
    key = await sandbox.billing_key()
    before = sandbox.world.to_json()
    status, answer = await sandbox.charge(ORDER, key, **more)
    assert (status, answer["type"]) == refusal
    assert sandbox.world.to_json() == before


async def test_the_pgs_rule_for_ids_holds_for_charges_too(sandbox: Sandbox) -> None:
    status, answer = await sandbox.charge("짧음", await sandbox.billing_key())
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "INVALID_ORDER_ID")


async def test_a_deleted_key_is_not_charged(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    await sandbox.api("DELETE", f"/billing-keys/{key}")
    status, answer = await sandbox.charge(ORDER, key)
    assert (status, answer["type"]) == (409, "BILLING_KEY_ALREADY_DELETED")
    assert sandbox.payment(ORDER) is None


async def test_attempts_run_out() -> None:
    sandbox = Sandbox(inferred=Inferred(transactions_max=2))
    key = await sandbox.billing_key()
    await sandbox.key_order("refuse", key, reason="insufficient_funds", times=2)
    for _ in range(2):
        assert (await sandbox.charge(ORDER, key))[0] == 502
    status, answer = await sandbox.charge(ORDER, key)
    assert (status, answer["type"]) == (400, "MAX_TRANSACTION_COUNT_REACHED")
    assert sandbox.captures(ORDER) == []


@pytest.mark.parametrize("is_refused", [True, False])
async def test_charging_what_a_schedule_waits_for_is_a_switch(is_refused: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(charge_of_schedules_payment_is_refused=is_refused))
    key = await sandbox.billing_key()
    _, created = await sandbox.schedule(ORDER, key, START + timedelta(days=1))
    status, answer = await sandbox.charge(ORDER, key)
    if is_refused:
        assert (status, answer["type"]) == (409, "PAYMENT_SCHEDULE_ALREADY_EXISTS")
    else:
        assert status == 200
    await sandbox.move(timedelta(days=2))
    assert sandbox.captures(ORDER) == [1000], "whoever was first, it is charged once"
    _, schedule = await sandbox.api("GET", f"/payment-schedules/{created['schedule']['id']}")
    assert schedule["status"] == ("SUCCEEDED" if is_refused else "FAILED")


async def test_a_live_key_makes_live_payments(sandbox: Sandbox) -> None:
    await sandbox.charge(ORDER, await sandbox.billing_key(LIVE_CHANNEL))
    assert (await get(sandbox))["channel"]["type"] == "LIVE"


async def test_the_channel_of_a_key_may_be_named(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    assert (await sandbox.charge(ORDER, key, channelKey=CARD_CHANNEL))[0] == 200
    assert (await sandbox.charge("ord-000002", key, channelKey=EASY_PAY_CHANNEL))[0] == 404
