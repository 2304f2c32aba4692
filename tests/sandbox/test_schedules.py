"""Schedules in the local PortOne: planned, revoked, paid on its clock in due order (portone-facts §3.3)."""

import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from jangbu.sandbox import LIVE_CHANNEL, STORE_ID, control
from jangbu.sandbox.core.clock import SandboxClock
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Channel
from jangbu.sandbox.core.world import World
from jangbu.sandbox.testing import START, Endpoint, Sandbox

DAY = timedelta(days=1)


async def planned(sandbox: Sandbox, payment_id: str, key: str, at: datetime, **more: Any) -> str:
    status, answer = await sandbox.schedule(payment_id, key, at, **more)
    assert status == 200, answer
    return str(answer["schedule"]["id"])


async def read(sandbox: Sandbox, schedule_id: str) -> dict[str, Any]:
    status, schedule = await sandbox.api("GET", f"/payment-schedules/{schedule_id}")
    assert status == 200, schedule
    return schedule


async def refused(sandbox: Sandbox, method: str, target: str, asked: Any = None) -> tuple[int, str]:
    """Status and type of the refusal; and nothing has changed."""
    before = sandbox.world.to_json()
    status, answer = await sandbox.api(method, target, asked)
    assert status >= 400, answer
    assert sandbox.world.to_json() == before
    return status, answer["type"]


async def test_a_schedule_pays_at_its_time_and_not_before(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    id_ = await planned(sandbox, "ord-000001", key, START + 30 * DAY, customer={"id": "c1"}, installmentMonth=2)
    waiting = await read(sandbox, id_)
    assert (waiting["status"], waiting["paymentId"], waiting["billingKey"]) == ("SCHEDULED", "ord-000001", key)
    assert (waiting["totalAmount"], waiting["vatAmount"], waiting["currency"]) == (1000, 91, "KRW")
    assert (waiting["timeToPay"], waiting["createdAt"]) == ("2026-08-31T03:00:00.000Z", "2026-08-01T03:00:00.000Z")
    assert (waiting["customer"], waiting["customData"], waiting["installmentMonth"]) == ({"id": "c1"}, "", 2)
    assert (await sandbox.api("GET", "/payments/ord-000001"))[0] == 404

    await sandbox.move(30 * DAY - timedelta(seconds=1))
    assert sandbox.captures("ord-000001") == []
    await sandbox.move(timedelta(hours=1))
    done = await read(sandbox, id_)
    assert (done["status"], done["startedAt"], done["completedAt"]) == (
        "SUCCEEDED",
        "2026-08-31T03:00:00.000Z",
        "2026-08-31T03:00:00.000Z",
    )
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    assert (payment["status"], payment["scheduleId"], payment["paidAt"]) == ("PAID", id_, done["completedAt"])
    assert payment["method"]["installment"]["month"] == 2
    assert shop.types() == ["Transaction.Paid"]
    assert shop.body(0)["timestamp"] == "2026-08-31T03:00:00.000Z"
    status, listed = await sandbox.api(
        "GET", "/payments?" + urlencode({"requestBody": '{"filter":{"isScheduled":true}}'})
    )
    assert (status, [each["id"] for each in listed["items"]]) == (200, ["ord-000001"])


async def test_schedules_run_in_due_order_and_webhooks_between_them(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    for name, day in (("c", 3), ("a", 1), ("d", 3), ("b", 2)):
        await planned(sandbox, f"ord-00000{name}", key, START + day * DAY)
    await sandbox.move(10 * DAY)
    arrived = [(shop.body(at)["data"]["paymentId"][-1], shop.body(at)["timestamp"][8:10]) for at in range(4)]
    assert arrived == [("a", "02"), ("b", "03"), ("c", "04"), ("d", "04")]


async def test_a_merchant_that_plans_the_next_month_at_each_webhook_is_paid_for_a_year() -> None:
    """The usual way to bill: each success schedules the one after it (portone-facts §3.3)."""
    sandbox: Sandbox
    months: list[str] = []

    async def merchant(_: str, __: Any, body: bytes) -> tuple[int, Any, bytes]:
        event = msgspec.json.decode(body)
        if event["type"] == "Transaction.Paid":
            months.append(event["timestamp"][:7])
            number = len(months) + 1
            await planned(sandbox, f"sub-0000{number:02d}", key, sandbox.clock.now() + 30 * DAY)
        return 200, {}, b""

    sandbox = Sandbox(deliver=merchant)
    key = await sandbox.billing_key()
    await planned(sandbox, "sub-000001", key, START)
    await sandbox.move(359 * DAY)
    assert len(months) == 12


async def test_a_declined_schedule_fails_and_the_payment_may_be_planned_again(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    await sandbox.key_order("refuse", key, reason="insufficient_funds", times=1)
    first = await planned(sandbox, "ord-000001", key, START + DAY)
    await sandbox.move(DAY)
    failed = await read(sandbox, first)
    assert (failed["status"], failed["completedAt"]) == ("FAILED", "2026-08-02T03:00:00.000Z")
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "FAILED"
    second = await planned(sandbox, "ord-000001", key, START + 2 * DAY)
    await sandbox.move(DAY)
    assert [(await read(sandbox, each))["status"] for each in (first, second)] == ["FAILED", "SUCCEEDED"]
    assert shop.types() == ["Transaction.Failed", "Transaction.Paid"]


async def test_a_schedule_whose_key_the_wallet_took_fails_aloud(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    id_ = await planned(sandbox, "ord-000001", key, START + DAY)
    await sandbox.key_order("wallet-delete", key)
    await sandbox.move(2 * DAY)
    assert (await read(sandbox, id_))["status"] == "FAILED"
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["failure"]["pgCode"] == "BILLING_KEY_DELETED"
    assert shop.types() == ["BillingKey.Deleted", "Transaction.Failed"]
    assert sandbox.captures("ord-000001") == []


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_schedule_that_is_refused_at_its_time_fails_aloud(shop: Endpoint, is_told: bool) -> None:
    """portone-facts §3.3: Transaction.Paid or Transaction.Failed, like any payment; §10.3: NICE's 40 bytes."""
    sandbox = Sandbox(deliver=shop, inferred=Inferred(declined_charge_is_announced=is_told))
    channel = Channel("channel-key-nice", "id-nice", "나이스", STORE_ID, "NICE_V2", "mid", "TEST")
    sandbox.world.state.channels[channel.key] = channel
    key = await sandbox.billing_key(channel.key, skipWebhook=True)
    id_ = await planned(sandbox, "ord-000001", key, START + DAY, orderName="a" * 60)
    await sandbox.move(DAY)
    done = await read(sandbox, id_)
    assert (done["status"], done["completedAt"]) == ("FAILED", "2026-08-02T03:00:00.000Z")
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    assert (payment["status"], payment["scheduleId"], payment["billingKey"]) == ("FAILED", id_, key)
    assert (payment["channel"]["key"], payment["failure"]["pgCode"]) == (channel.key, "INVALID_ORDER_NAME")
    assert sandbox.captures("ord-000001") == []
    assert shop.types() == (["Transaction.Failed"] if is_told else [])


async def test_a_payment_made_otherwise_meanwhile_is_not_made_twice(sandbox: Sandbox, shop: Endpoint) -> None:
    id_ = await planned(sandbox, "ord-000001", await sandbox.billing_key(), START + DAY)
    await sandbox.pay("ord-000001")
    await sandbox.move(2 * DAY)
    assert sandbox.captures("ord-000001") == [1000]
    schedule = await read(sandbox, id_)
    assert (schedule["status"], schedule["completedAt"]) == ("FAILED", "2026-08-02T03:00:00.000Z")
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "PAID"
    assert "Transaction.Failed" not in shop.types()


async def test_a_schedule_that_has_begun_is_started_then_done(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    id_ = await planned(sandbox, "ord-000001", key, START + DAY)
    sandbox.fault("schedule_waits", seconds=600)
    await sandbox.move(DAY)
    assert (await read(sandbox, id_))["status"] == "STARTED"
    asked = {"scheduleIds": [id_]}
    assert await refused(sandbox, "DELETE", "/payment-schedules", asked) == (409, "PAYMENT_SCHEDULE_ALREADY_PROCESSED")
    await sandbox.move(timedelta(minutes=10))
    assert (await read(sandbox, id_))["status"] == "SUCCEEDED"


async def test_a_schedule_whose_pg_takes_its_time_is_pending(sandbox: Sandbox) -> None:
    id_ = await planned(sandbox, "ord-000001", await sandbox.billing_key(), START + DAY)
    sandbox.fault("pay_waits", seconds=60)
    await sandbox.move(DAY)
    pending = await read(sandbox, id_)
    assert (pending["status"], pending["completedAt"]) == ("PENDING", "2026-08-02T03:00:00.000Z")
    status, answer = await sandbox.schedule("ord-000001", await sandbox.billing_key(), START + 2 * DAY)
    assert (status, answer["type"]) == (409, "ALREADY_PAID_OR_WAITING")
    await sandbox.move(timedelta(minutes=1))
    assert (await read(sandbox, id_))["completedAt"] == "2026-08-02T03:01:00.000Z"


async def test_what_is_not_planned(sandbox: Sandbox) -> None:
    key, gone = await sandbox.billing_key(), await sandbox.billing_key()
    await sandbox.api("DELETE", f"/billing-keys/{gone}")
    await sandbox.pay("ord-000001")
    await planned(sandbox, "ord-000002", key, START + DAY)
    later = (START + DAY).isoformat()

    def payment(**more: Any) -> dict[str, Any]:
        return {"billingKey": key, "orderName": "구독", "amount": {"total": 1000}, "currency": "KRW", **more}

    parts = {"total": 10, "taxFree": 11}
    for payment_id, asked, refusal in (
        ("ord-000001", {"payment": payment(), "timeToPay": later}, (409, "ALREADY_PAID_OR_WAITING")),
        ("ord-000002", {"payment": payment(), "timeToPay": later}, (409, "PAYMENT_SCHEDULE_ALREADY_EXISTS")),
        ("ord-000003", {"payment": payment(billingKey="no"), "timeToPay": later}, (404, "BILLING_KEY_NOT_FOUND")),
        (
            "ord-000003",
            {"payment": payment(billingKey=gone), "timeToPay": later},
            (409, "BILLING_KEY_ALREADY_DELETED"),
        ),
        (
            "ord-000003",
            {"payment": payment(amount=parts), "timeToPay": later},
            (409, "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT"),
        ),
        ("ord-000003", {"payment": payment(storeId="other"), "timeToPay": later}, (403, "FORBIDDEN")),
        ("ord-000003", {"payment": payment()}, (400, "INVALID_REQUEST")),
        ("ord-000003", {"payment": payment(channelKey="no"), "timeToPay": later}, (400, "INVALID_REQUEST")),
        ("ord-000003", {"payment": payment(channelKey=LIVE_CHANNEL), "timeToPay": later}, (400, "INVALID_REQUEST")),
        ("ord-000003", {"payment": payment(), "timeToPay": "2026-08-02T03:00:00"}, (400, "INVALID_REQUEST")),
        ("ord-000003", {"payment": payment(), "timeToPay": "2026-08-01T02:59:59Z"}, (400, "INVALID_REQUEST")),
    ):
        assert await refused(sandbox, "POST", f"/payments/{payment_id}/schedule", asked) == refusal


async def test_a_time_that_is_past_is_a_switch() -> None:
    sandbox = Sandbox(inferred=Inferred(schedule_in_past_is_refused=False))
    id_ = await planned(sandbox, "ord-000001", await sandbox.billing_key(), START - DAY)
    await sandbox.settle_webhooks()
    assert (await read(sandbox, id_))["completedAt"] == "2026-08-01T03:00:00.000Z"


async def test_revoking_takes_all_of_a_key_or_the_named_ones(sandbox: Sandbox) -> None:
    key, other = await sandbox.billing_key(), await sandbox.billing_key()
    first, second, third = [await planned(sandbox, f"ord-00000{n}", key, START + n * DAY) for n in (1, 2, 3)]
    kept = await planned(sandbox, "ord-000004", other, START + DAY)
    asked: dict[str, Any] = {"scheduleIds": [second], "billingKey": key}
    status, answer = await sandbox.api("DELETE", "/payment-schedules", asked)
    assert (status, answer) == (200, {"revokedScheduleIds": [second], "revokedAt": "2026-08-01T03:00:00.000Z"})
    assert (await read(sandbox, second))["revokedAt"] == answer["revokedAt"]
    query = urlencode({"requestBody": msgspec.json.encode({"billingKey": key}).decode()})
    status, answer = await sandbox.api("DELETE", f"/payment-schedules?{query}")
    assert answer["revokedScheduleIds"] == [first, third]
    await sandbox.move(5 * DAY)
    assert [sandbox.captures(f"ord-00000{n}") for n in (1, 2, 3, 4)] == [[], [], [], [1000]]
    assert (await read(sandbox, kept))["status"] == "SUCCEEDED"
    assert await sandbox.api("DELETE", "/payment-schedules", {"billingKey": key}) == (
        200,
        {"revokedScheduleIds": [], "revokedAt": "2026-08-06T03:00:00.000Z"},
    )
    await planned(sandbox, "ord-000001", key, START + 6 * DAY)


async def test_revoking_is_all_or_nothing(sandbox: Sandbox) -> None:
    key, other, gone = [await sandbox.billing_key() for _ in range(3)]
    waiting = await planned(sandbox, "ord-000001", key, START + 9 * DAY)
    revoked = await planned(sandbox, "ord-000002", key, START + 9 * DAY)
    done = await planned(sandbox, "ord-000003", key, START + DAY)
    foreign = await planned(sandbox, "ord-000004", other, START + 9 * DAY)
    await sandbox.api("DELETE", "/payment-schedules", {"scheduleIds": [revoked]})
    await sandbox.api("DELETE", f"/billing-keys/{gone}")
    await sandbox.move(2 * DAY)
    for asked, refusal in (
        ({"scheduleIds": [waiting, revoked]}, (409, "PAYMENT_SCHEDULE_ALREADY_REVOKED")),
        ({"scheduleIds": [waiting, done]}, (409, "PAYMENT_SCHEDULE_ALREADY_PROCESSED")),
        ({"scheduleIds": [waiting, "none"]}, (404, "PAYMENT_SCHEDULE_NOT_FOUND")),
        ({"scheduleIds": [waiting, foreign], "billingKey": key}, (404, "PAYMENT_SCHEDULE_NOT_FOUND")),
        ({"billingKey": "none"}, (404, "BILLING_KEY_NOT_FOUND")),
        ({"billingKey": gone}, (409, "BILLING_KEY_ALREADY_DELETED")),
        ({}, (400, "INVALID_REQUEST")),
        ({"scheduleIds": []}, (400, "INVALID_REQUEST")),
        ({"billingKey": key, "storeId": "other"}, (403, "FORBIDDEN")),
    ):
        assert await refused(sandbox, "DELETE", "/payment-schedules", asked) == refusal
    assert (await read(sandbox, waiting))["status"] == "SCHEDULED"
    assert await refused(sandbox, "GET", "/payment-schedules/none") == (404, "PAYMENT_SCHEDULE_NOT_FOUND")


async def test_the_list_hides_the_future_unless_it_is_asked_for(sandbox: Sandbox) -> None:
    key, live = await sandbox.billing_key(), await sandbox.billing_key(LIVE_CHANNEL)
    past = await planned(sandbox, "ord-000001", key, START + DAY)
    future = await planned(sandbox, "ord-000002", live, START + 3 * DAY)
    await sandbox.move(2 * DAY)

    async def listed(**asked: Any) -> list[str]:
        query = urlencode({"requestBody": msgspec.json.encode(asked).decode()})
        status, answer = await sandbox.api("GET", f"/payment-schedules?{query}")
        assert status == 200, answer
        return [each["id"] for each in answer["items"]]

    everything = {"from": "2026-08-01T00:00:00Z", "until": "2026-09-01T00:00:00Z"}
    assert await listed() == [past]
    assert await listed(filter=everything) == [future, past]
    assert await listed(filter=everything, sort={"by": "CREATED_AT", "order": "ASC"}) == [past, future]
    # The past one was paid after both were made.
    assert await listed(filter=everything, sort={"by": "STATUS_TIMESTAMP", "order": "DESC"}) == [past, future]
    assert await listed(filter=everything, page={"number": 1, "size": 1}) == [past]
    assert await listed(filter={**everything, "billingKey": live}) == [future]
    assert await listed(filter={**everything, "isForTest": False}) == [future]
    assert await listed(filter={**everything, "status": ["SUCCEEDED", "FAILED"]}) == [past]


async def test_a_saved_schedule_on_an_unknown_channel_is_listed_and_fails_aloud(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    key = await sandbox.billing_key(skipWebhook=True)
    id_ = await planned(sandbox, "ord-000001", key, START + DAY)
    sandbox.world.state.schedules[id_].channel_key = "channel-key-of-nobody"
    filter_ = {"until": (START + 2 * DAY).isoformat(), "isForTest": True}
    status, listed = await sandbox.api("GET", "/payment-schedules", {"filter": filter_})
    assert (status, [row["id"] for row in listed["items"]]) == (200, [id_])
    await sandbox.move(DAY)
    assert (await read(sandbox, id_))["status"] == "FAILED"
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["failure"]["reason"].endswith("on this channel.")
    assert shop.types() == ["Transaction.Failed"]


async def test_schedules_survive_a_restart_and_not_a_reset(sandbox: Sandbox) -> None:
    await planned(sandbox, "ord-000001", await sandbox.billing_key(), START + DAY)
    data = sandbox.world.to_json()
    again = Sandbox(at=START)
    again.world.load(World.from_json(data, SandboxClock(frozen_at=START)).state)
    await again.move(2 * DAY)
    assert again.captures("ord-000001") == [1000]

    control.reset(sandbox.parts)
    await sandbox.move(2 * DAY)
    assert sandbox.world.state.payments.get(STORE_ID, {}) == {}


async def test_a_year_of_a_thousand_monthly_subscribers_runs_under_a_minute() -> None:
    sandbox = Sandbox()
    keys = [await sandbox.billing_key() for _ in range(1000)]
    sandbox.transport.transcript.clear()
    began = time.process_time()
    for month in range(12):
        for number, key in enumerate(keys):
            due = sandbox.clock.now() + timedelta(days=30, seconds=number)
            await planned(sandbox, f"sub-{number:04d}-{month:02d}", key, due)
        await sandbox.move(30 * DAY + timedelta(seconds=1000))
    took_s = time.process_time() - began
    assert len(sandbox.world.state.events) == 12_000
    assert took_s < 60, f"{took_s:.0f} s"
