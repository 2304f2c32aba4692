"""V1: cards to charge again, at once and at a later time."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu import sandbox as names
from jangbu.sandbox.control import Config, configure
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import START, Endpoint, Sandbox

CARD = {"card_number": "4330-1212-3456-7890", "expiry": "2031-12", "channel_key": names.LIVE_CHANNEL}
NOW = int(START.timestamp())
DAY = 86_400


async def register(sandbox: Sandbox, customer_uid: str = "customer-1", **more: Any) -> Any:
    status, answer = await sandbox.v1("POST", f"/subscribe/customers/{customer_uid}", CARD | more)
    assert (status, answer["code"]) == (200, 0), answer
    return answer["response"]


async def again(sandbox: Sandbox, merchant: str, **more: Any) -> tuple[int, Any]:
    fields = {"customer_uid": "customer-1", "merchant_uid": merchant, "amount": 1000, "name": "정기 구독", **more}
    return await sandbox.v1("POST", "/subscribe/payments/again", fields)


def row(merchant_uid: str, at: int, **more: Any) -> dict[str, Any]:
    return {"merchant_uid": merchant_uid, "schedule_at": at, "amount": 1000, "name": "정기 구독", **more}


async def schedule(sandbox: Sandbox, *rows: dict[str, Any], **more: Any) -> tuple[int, Any]:
    fields = {"customer_uid": "customer-1", "schedules": list(rows), **more}
    return await sandbox.v1("POST", "/subscribe/payments/schedule", fields)


async def test_of_a_card_nothing_is_kept_but_its_mask(sandbox: Sandbox) -> None:
    customer = await register(sandbox, customer_name="김장부", birth="900101", pwd_2digit="12")
    assert (customer["card_number"], customer["customer_name"]) == ("433012******7890", "김장부")
    _, got = await sandbox.v1("GET", "/subscribe/customers/customer-1")
    assert got["response"] == customer
    kept = sandbox.world.to_json()
    for secret in (b"4330121234567890", b"2031-12", b"900101"):
        assert secret not in kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"card_number": "4330-1212"},
        {"expiry": "2020-01"},
        {"expiry": "12/31"},
        {"channel_key": names.EASY_PAY_CHANNEL},
        {"channel_key": "channel-key-nobody"},
        {"channel_key": None, "pg": "nobody"},
        {"card_number": None},
    ],
)
async def test_a_card_that_cannot_be_registered(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    status, answer = await sandbox.v1("POST", "/subscribe/customers/customer-1", CARD | wrong)
    assert (status, answer["code"], answer["response"]) == (200, 1, None)
    assert (await sandbox.v1("GET", "/subscribe/customers/customer-1"))[0] == 404


async def test_a_channel_by_its_older_name_or_by_default(sandbox: Sandbox) -> None:
    named = await register(sandbox, "by-pg", channel_key=None, pg="tosspayments.jangbu_live")
    default = await register(sandbox, "by-default", channel_key=None)
    assert (named["pg_id"], default["pg_id"]) == ("jangbu_live", "tosspayments")


async def test_several_customers_and_a_deleted_one(sandbox: Sandbox) -> None:
    await register(sandbox, "customer-1")
    await register(sandbox, "customer-2")
    path, query = "/subscribe/customers", {"customer_uid[]": ["customer-1", "customer-2"]}
    status, answer = await sandbox.v1("GET", path, query)
    assert (status, len(answer["response"])) == (200, 2)
    assert (await sandbox.v1("DELETE", "/subscribe/customers/customer-1"))[0] == 200
    status, answer = await sandbox.v1("GET", path, query)
    assert (status, [each["customer_uid"] for each in answer["response"]]) == (207, ["customer-2"])
    assert (await sandbox.v1("GET", path, {"customer_uid[]": ["customer-1"]}))[0] == 404
    assert (await sandbox.v1("DELETE", "/subscribe/customers/customer-1"))[0] == 404
    assert (await again(sandbox, "order-0001"))[1]["code"] == 1
    assert (await sandbox.api("GET", "/billing-keys/customer-1"))[1]["status"] == "DELETED"


async def test_registering_again_replaces_the_card(sandbox: Sandbox) -> None:
    await register(sandbox)
    await register(sandbox, card_number="9100010000001234")
    _, answer = await again(sandbox, "order-0001")
    assert answer["response"]["card_number"] == "910001******1234"


async def test_a_card_that_replaces_another_takes_its_schedules_over(sandbox: Sandbox) -> None:
    await register(sandbox)
    await schedule(sandbox, row("month-0001", NOW + DAY), row("month-0002", NOW + 2 * DAY))
    await register(sandbox, card_number="9100010000001234")
    await sandbox.move(timedelta(days=1))
    _, paid = await sandbox.v1("GET", "/payments/find/month-0001")
    assert paid["response"]["card_number"] == "910001******1234"
    _, left = await sandbox.v1("POST", "/subscribe/payments/unschedule", {"customer_uid": "customer-1"})
    assert [each["merchant_uid"] for each in left["response"]] == ["month-0002"]


async def test_again_charges_once_for_a_merchant_uid(sandbox: Sandbox) -> None:
    await register(sandbox)
    status, answer = await again(sandbox, "order-0001", amount="14.2", currency="USD")
    payment = answer["response"]
    assert (status, answer["code"], payment["status"], payment["amount"]) == (200, 0, "paid", 14.2)
    assert (payment["customer_uid"], payment["customer_uid_usage"], payment["channel"]) == (
        "customer-1",
        "payment",
        "api",
    )
    status, answer = await again(sandbox, "order-0001")
    assert (status, answer["code"]) == (200, 1)
    assert sandbox.captures("order-0001") == [1420]
    seen = (await sandbox.api("GET", "/payments/order-0001"))[1]
    assert (seen["version"], seen["billingKey"]) == ("V1", "customer-1")


@pytest.mark.parametrize("as_code", [False, True])
async def test_a_declined_card_is_a_switch(shop: Endpoint, as_code: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_declined_charge_is="code" if as_code else "failed"))
    await register(sandbox)
    await sandbox.key_order("refuse", "customer-1", reason="insufficient_funds", times=1)
    status, answer = await again(sandbox, "order-0001")
    assert (status, answer["code"]) == (200, 1 if as_code else 0)
    if as_code:
        assert "INSUFFICIENT_FUNDS" in answer["message"]
    else:
        assert (answer["response"]["status"], answer["response"]["paid_at"]) == ("failed", 0)
    assert sandbox.captures("order-0001") == []
    # A period that was declined may be tried again under the same merchant_uid.
    assert (await again(sandbox, "order-0001"))[1]["response"]["status"] == "paid"
    assert sandbox.captures("order-0001") == [1000]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"tax_free": 600, "vat_amount": 600},
        {"merchant_uid": "x" * 41},
        {"merchant_uid": ""},
        {"name": "가" * 41},
        {"buyer_name": "김" * 17},
        {"customer_uid": "nobody"},
    ],
)
async def test_again_refuses(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    await register(sandbox)
    status, answer = await again(sandbox, "order-0001", **wrong)
    assert (status, answer["code"]) == (200, 1)
    assert sandbox.state()["payments"] == {}


async def test_onetime_with_and_without_a_customer(sandbox: Sandbox) -> None:
    fields = {**CARD, "merchant_uid": "order-0001", "amount": 1000, "name": "보리차"}
    _, answer = await sandbox.v1("POST", "/subscribe/payments/onetime", fields)
    payment = answer["response"]
    assert (payment["status"], payment["customer_uid"], payment["customer_uid_usage"]) == ("paid", None, None)
    assert "billingKey" not in (await sandbox.api("GET", "/payments/order-0001"))[1]
    kept = fields | {"merchant_uid": "order-0002", "customer_uid": "customer-1"}
    _, answer = await sandbox.v1("POST", "/subscribe/payments/onetime", kept)
    assert answer["response"]["customer_uid"] == "customer-1"
    assert (await again(sandbox, "order-0003"))[1]["response"]["status"] == "paid"


@pytest.mark.parametrize("as_code", [False, True])
async def test_a_declined_onetime_registers_nobody(shop: Endpoint, as_code: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_declined_charge_is="code" if as_code else "failed"))
    sandbox.fault("pay_refused", reason="lost_card")
    fields = {**CARD, "merchant_uid": "order-0001", "amount": 1000, "name": "보리차", "customer_uid": "customer-1"}
    status, answer = await sandbox.v1("POST", "/subscribe/payments/onetime", fields)
    assert (status, answer["code"]) == (200, 1 if as_code else 0)
    assert (await sandbox.v1("GET", "/subscribe/customers/customer-1"))[0] == 404


async def test_a_window_with_a_customer_uid_registers_the_card(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", customer_uid="customer-1")
    _, answer = await sandbox.v1("GET", f"/payments/{imp_uid}")
    assert (answer["response"]["customer_uid"], answer["response"]["customer_uid_usage"]) == ("customer-1", "issue")
    assert (await again(sandbox, "order-0002"))[1]["response"]["status"] == "paid"
    lost = await sandbox.v1_open("order-0003", customer_uid="customer-2")
    await sandbox.decide(lost["imp_uid"], "decline")
    assert (await sandbox.v1("GET", "/subscribe/customers/customer-2"))[0] == 404
    _, rows = await sandbox.v1("GET", "/subscribe/customers/customer-1/payments")
    assert [each["merchant_uid"] for each in rows["response"]["list"]] == ["order-0002", "order-0001"]


async def test_schedules_fire_at_their_time_and_tell_of_it(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1"))
    await register(sandbox)
    status, answer = await schedule(sandbox, row("month-0001", NOW + DAY), row("month-0002", NOW + 2 * DAY))
    assert (status, [each["schedule_status"] for each in answer["response"]]) == (200, ["scheduled", "scheduled"])
    assert {each["payment_status"] for each in answer["response"]} == {None}
    await sandbox.move(timedelta(days=1))
    await sandbox.key_order("refuse", "customer-1", reason="limit_exceeded", times=1)
    await sandbox.move(timedelta(days=1))
    _, first = await sandbox.v1("GET", "/subscribe/payments/schedule/month-0001")
    _, second = await sandbox.v1("GET", "/subscribe/payments/schedule/month-0002")
    assert (first["response"]["schedule_status"], first["response"]["payment_status"]) == ("executed", "paid")
    assert (second["response"]["schedule_status"], second["response"]["payment_status"]) == ("executed", "failed")
    assert "LIMIT_EXCEEDED" in second["response"]["fail_reason"]
    assert (first["response"]["schedule_at"], first["response"]["executed_at"]) == (NOW + DAY, NOW + DAY)
    told = [(shop.body(n)["merchant_uid"], shop.body(n)["status"]) for n in range(len(shop.got))]
    assert told == [("month-0001", "paid"), ("month-0002", "failed")]
    _, payment = await sandbox.v1("GET", f"/payments/{first['response']['imp_uid']}")
    assert payment["response"]["customer_uid_usage"] == "payment.scheduled"
    await sandbox.v1("POST", "/payments/cancel", {"merchant_uid": "month-0001"})
    _, first = await sandbox.v1("GET", "/subscribe/payments/schedule/month-0001")
    assert first["response"]["payment_status"] == "cancelled"


async def test_a_form_schedules_as_well(sandbox: Sandbox) -> None:
    await register(sandbox)
    fields = {
        "customer_uid": "customer-1",
        "schedules[0][merchant_uid]": "month-0001",
        "schedules[0][schedule_at]": NOW + DAY,
        "schedules[0][amount]": "1000",
        "schedules[0][name]": "정기 구독",
    }
    status, answer = await sandbox.v1("POST", "/subscribe/payments/schedule", fields, is_form=True)
    assert (status, answer["code"], answer["response"][0]["amount"]) == (200, 0, 1000)


async def test_scheduling_with_a_card_registers_it(sandbox: Sandbox) -> None:
    status, answer = await schedule(sandbox, row("month-0001", NOW + DAY), **CARD)
    assert (status, answer["code"]) == (200, 0)
    assert (await sandbox.v1("GET", "/subscribe/customers/customer-1"))[0] == 200


@pytest.mark.parametrize("all_or_nothing", [True, False])
async def test_whether_one_bad_row_refuses_all_is_a_switch(shop: Endpoint, all_or_nothing: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_schedules_are_all_or_nothing=all_or_nothing))
    await register(sandbox)
    status, answer = await schedule(sandbox, row("month-0001", NOW + DAY), row("month-0002", NOW - DAY))
    assert (status, answer["code"]) == (200, 1)
    status, _ = await sandbox.v1("GET", "/subscribe/payments/schedule/month-0001")
    assert status == (404 if all_or_nothing else 200)
    await sandbox.move(timedelta(days=2))
    assert sandbox.captures("month-0001") == ([] if all_or_nothing else [1000])


async def test_scheduling_refuses(sandbox: Sandbox) -> None:
    assert (await schedule(sandbox, row("month-0001", NOW + DAY)))[1]["code"] == 1
    await register(sandbox)
    assert (await schedule(sandbox))[1]["code"] == 1
    assert (await schedule(sandbox, row("month-0001", NOW + DAY), channel_key="no"))[1]["code"] == 1
    await schedule(sandbox, row("month-0001", NOW + DAY))
    assert (await schedule(sandbox, row("month-0001", NOW + DAY)))[1]["code"] == 1
    await again(sandbox, "order-0001")
    assert (await schedule(sandbox, row("order-0001", NOW + DAY)))[1]["code"] == 1
    assert (await again(sandbox, "month-0001"))[1]["code"] == 1
    assert (await sandbox.v1("DELETE", "/subscribe/customers/customer-1"))[1]["code"] == 1


async def test_unscheduling_one_many_or_all(sandbox: Sandbox) -> None:
    await register(sandbox)
    await schedule(sandbox, *(row(f"month-000{n}", NOW + n * DAY) for n in range(1, 5)))

    async def unschedule(**fields: Any) -> Any:
        return (await sandbox.v1("POST", "/subscribe/payments/unschedule", {"customer_uid": "customer-1", **fields}))[1]

    one = await unschedule(merchant_uid="month-0001")
    assert [(each["merchant_uid"], each["schedule_status"]) for each in one["response"]] == [("month-0001", "revoked")]
    assert (await unschedule(merchant_uid="month-0001"))["code"] == 1
    # All or nothing.
    assert (await unschedule(merchant_uid=["month-0002", "month-0001"]))["code"] == 1
    assert len((await unschedule(merchant_uid=["month-0002"]))["response"]) == 1
    assert len((await unschedule())["response"]) == 2
    assert (await unschedule())["code"] == 1
    await sandbox.move(timedelta(days=5))
    assert sandbox.state()["payments"] == {}


async def test_schedules_are_revoked_by_name_whoever_is_charged(sandbox: Sandbox) -> None:
    await register(sandbox)
    await register(sandbox, "customer-2")
    await schedule(sandbox, row("month-0001", NOW + DAY), row("month-0003", NOW + DAY))
    await schedule(sandbox, row("month-0002", NOW + DAY), customer_uid="customer-2")

    async def unschedule(**fields: Any) -> Any:
        return (await sandbox.v1("POST", "/subscribe/payments/unschedule", fields))[1]

    both = await unschedule(merchant_uid=["month-0001", "month-0002"])
    assert [each["customer_uid"] for each in both["response"]] == ["customer-1", "customer-2"]
    assert (await unschedule())["code"] == 1
    assert (await unschedule(customer_uid="customer-2", merchant_uid="month-0003"))["code"] == 1
    await sandbox.move(timedelta(days=2))
    assert [sandbox.captures(f"month-000{n}") for n in (1, 2, 3)] == [[], [], [1000]]


async def test_another_time_and_another_try(sandbox: Sandbox) -> None:
    await register(sandbox)
    await schedule(sandbox, row("month-0001", NOW + DAY))
    path = "/subscribe/payments/schedule/month-0001"
    _, moved = await sandbox.v1("PUT", path, {"schedule_at": NOW + 2 * DAY})
    assert moved["response"]["schedule_at"] == NOW + 2 * DAY
    assert (await sandbox.v1("PUT", path, {"schedule_at": NOW - 1}))[0] == 400
    assert (await sandbox.v1("POST", f"{path}/retry"))[0] == 400
    await sandbox.move(timedelta(days=1))
    assert sandbox.captures("month-0001") == []
    await sandbox.key_order("refuse", "customer-1", reason="pg_busy", times=2)
    await sandbox.move(timedelta(days=1))
    assert (await sandbox.v1("PUT", path, {"schedule_at": NOW + 3 * DAY}))[0] == 400
    _, retried = await sandbox.v1("POST", f"{path}/retry")
    assert retried["response"]["status"] == "failed"
    _, planned = await sandbox.v1("POST", f"{path}/reschedule", {"schedule_at": NOW + 3 * DAY})
    assert planned["response"]["schedule_status"] == "scheduled"
    await sandbox.move(timedelta(days=1))
    assert sandbox.captures("month-0001") == [1000]
    assert (await sandbox.v1("POST", f"{path}/reschedule", {"schedule_at": NOW + 9 * DAY}))[0] == 400
    assert (await sandbox.v1("PUT", "/subscribe/payments/schedule/nobody", {"schedule_at": NOW + DAY * 9}))[0] == 404


@pytest.mark.parametrize("as_pages", [False, True])
async def test_lists_of_schedules_within_three_months(shop: Endpoint, as_pages: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_schedule_lists_are_pages=as_pages))
    await register(sandbox)
    await schedule(sandbox, *(row(f"month-000{n}", NOW + n * DAY) for n in range(1, 4)))
    await sandbox.v1(
        "POST", "/subscribe/payments/unschedule", {"customer_uid": "customer-1", "merchant_uid": "month-0002"}
    )

    async def listed(path: str, **query: Any) -> Any:
        got = (await sandbox.v1("GET", path, query))[1]["response"]
        return [each["merchant_uid"] for each in (got["list"] if as_pages else got)]

    every = "/subscribe/payments/schedule"
    times = {"schedule_from": NOW + DAY, "schedule_to": NOW + 3 * DAY}
    assert await listed(every, **times) == ["month-0002", "month-0001"]
    assert await listed(every, **times, sorting="scheduled") == ["month-0001", "month-0002"]
    assert await listed(every, **times, schedule_status="revoked") == ["month-0002"]
    for path in ("/subscribe/payments/schedule/customers/customer-1", "/subscribe/customers/customer-1/schedules"):
        query = {"from": NOW, "to": NOW + 9 * DAY}
        assert await listed(path, **query) == ["month-0003", "month-0002", "month-0001"]
        assert await listed(path, **query, **{"schedule-status": "scheduled"}, limit=1) == ["month-0003"]
        assert (await sandbox.v1("GET", path))[0] == 400
    long = {"schedule_from": NOW, "schedule_to": NOW + 93 * DAY}
    assert (await sandbox.v1("GET", every, long))[0] == 400
