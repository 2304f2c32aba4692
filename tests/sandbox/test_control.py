"""The control API: counting as PortOne counts, the clock, faults, settings, reset."""

from datetime import timedelta
from unittest.mock import ANY

import msgspec
import pytest

from jangbu.sandbox import PAYPAL_CHANNEL
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.testing import Endpoint, Sandbox


async def control(sandbox: Sandbox, method: str, path: str, body: object = None) -> tuple[int, dict]:
    raw = b"" if body is None else msgspec.json.encode(body)
    status, _, answered = await sandbox.transport.send(method, f"/__sandbox__{path}", {}, raw)
    return status, msgspec.json.decode(answered)


async def test_the_state_counts_payments_once_by_currency_and_status(sandbox: Sandbox) -> None:
    await sandbox.pay("paid-1", totalAmount=1000)
    await sandbox.decline("paid-2")
    await sandbox.pay("paid-2", totalAmount=2500)
    await sandbox.decline("failed-1", totalAmount=700)
    await sandbox.open("ready-1", totalAmount=300, currency="USD")
    await sandbox.pre_register("registered", 9000)
    _, state = await control(sandbox, "GET", "/state")
    assert state["payments"] == {
        "KRW": {
            "PAID": {"count": 2, "total": 3500, "paid": 3500, "cancelled": 0},
            "FAILED": {"count": 1, "total": 700, "paid": 0, "cancelled": 0},
        },
        "USD": {"READY": {"count": 1, "total": 300, "paid": 0, "cancelled": 0}},
    }
    assert state["preRegisteredOnly"] == 1


async def test_payments_list_every_attempt(sandbox: Sandbox) -> None:
    await sandbox.decline("ord-000001", "lost_card")
    await sandbox.pay("ord-000001")
    _, body = await control(sandbox, "GET", "/payments")
    [payment] = body["items"]
    assert payment["status"] == "PAID"
    assert [(each["status"], each["failureCode"]) for each in payment["attempts"]] == [
        ("FAILED", "LOST_CARD"),
        ("PAID", None),
    ]


async def test_moving_the_clock_sends_what_falls_due_on_the_way(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001")
    status, clock = await control(sandbox, "POST", "/clock", {"move_s": 60})
    assert (status, clock) == (200, {"now": "2026-08-01T03:01:00.000Z", "mode": "frozen", "offsetS": None})
    assert len(shop.got) == 2
    assert await control(sandbox, "GET", "/clock") == (200, clock)
    _, clock = await control(sandbox, "POST", "/clock", {"freeze": "2026-08-02T00:00:00+09:00"})
    assert clock["now"] == "2026-08-01T15:00:00.000Z"
    _, clock = await control(sandbox, "POST", "/clock", {"real": True})
    assert clock["mode"] == "running"
    assert clock["offsetS"] is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"move_s": -1},
        {"move_s": 1, "freeze": True},
        {"freeze": False},
        {"freeze": "2020-01-01T00:00:00Z"},
        {"freeze": "2030-01-01T00:00:00"},
        {"mvoe_s": 1},
        {"move_s": 1e300},
        {"freeze": "9999-12-31T23:59:59+00:00"},
    ],
)
async def test_a_clock_order_that_makes_no_sense_is_refused(sandbox: Sandbox, wrong: dict) -> None:
    before = sandbox.clock.now()
    status, body = await control(sandbox, "POST", "/clock", wrong)
    assert status == 400
    assert body["error"]
    assert sandbox.clock.now() == before


async def test_faults_are_ordered_and_listed_and_a_typo_is_answered_with_the_names(sandbox: Sandbox) -> None:
    order = [{"name": "slow", "operation": "get_payment", "paymentId": "x", "times": 2, "seconds": 3}]
    _, body = await control(sandbox, "POST", "/faults", order)
    assert body["items"] == [{**order[0], "seconds": 3, "acts": False}]
    assert (await control(sandbox, "GET", "/faults"))[1] == body
    good = order[0]
    assert (await control(sandbox, "POST", "/faults", [good, {"name": "slwo"}]))[0] == 400
    for typo in ([{"name": "slwo", "seconds": 1}], [{"nmae": "slow"}], {"name": "slow"}):
        status, refused = await control(sandbox, "POST", "/faults", typo)
        assert status == 400
    status, refused = await control(sandbox, "POST", "/faults", [{"name": "slwo"}])
    assert "webhook_before_return" in refused["error"]
    assert (await control(sandbox, "GET", "/faults"))[1] == body


async def test_settings_are_those_of_the_console(sandbox: Sandbox) -> None:
    status, body = await control(
        sandbox, "POST", "/config", {"environment": "TEST", "webhookUrl": "https://new.test/hook"}
    )
    assert status == 200
    assert body["webhooks"]["TEST"]["url"] == "https://new.test/hook"
    assert body["webhooks"]["LIVE"]["url"] == "https://shop.test/webhook"
    status, _ = await control(sandbox, "POST", "/config", {"webhookSecrets": ["a", "b", "c"]})
    assert status == 400
    status, _ = await control(sandbox, "POST", "/config", {"storeId": "store-none", "webhookUrl": "x"})
    assert status == 400


async def test_a_reset_forgets_payments_and_webhooks_under_way_but_not_where_they_go(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    shop.answers = [500, 500]
    paid = await sandbox.pay("ord-000001")
    await sandbox.clock.run_due()
    sandbox.fault("answer_lost")
    status, state = await control(sandbox, "POST", "/reset")
    assert status == 200
    assert (state["payments"], state["webhooks"], state["faultsWaiting"]) == ({}, {}, 0)
    await sandbox.settle_webhooks(with_retries=True)
    assert len(shop.got) == 2

    again = await sandbox.pay("ord-000001")
    assert again["txId"] != paid["txId"]
    await sandbox.settle_webhooks()
    assert len(shop.got) == 4


async def test_the_control_resends_and_shows_every_try(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    status, sent = await control(sandbox, "POST", "/payments/ord-000001/resend")
    assert status == 200
    assert len(sent["tries"]) == 2
    assert (await control(sandbox, "POST", "/payments/nobody/resend"))[0] == 404
    _, body = await control(sandbox, "GET", "/webhooks")
    assert [(each["type"], len(each["tries"])) for each in body["items"]] == [
        ("Transaction.Ready", 1),
        ("Transaction.Paid", 2),
    ]


async def test_one_order_pays_in_any_way(sandbox: Sandbox) -> None:
    status, result = await control(sandbox, "POST", "/pay", {"paymentId": "ord-000001", "totalAmount": 700})
    assert (status, result["paymentId"]) == (200, "ord-000001")
    assert sandbox.captures("ord-000001") == [700]
    body = {"paymentId": "ord-000002", "payMethod": "VIRTUAL_ACCOUNT"}
    assert "code" not in (await control(sandbox, "POST", "/pay", body))[1]
    assert await control(sandbox, "POST", "/payments/ord-000002/deposit") == (200, {"isTaken": True})
    assert sandbox.captures("ord-000002") == [1000]
    _, refused = await control(sandbox, "POST", "/pay", {"paymentId": "ord-000001"})
    assert refused["code"] == "PaymentAlreadyPaid"
    assert (await control(sandbox, "POST", "/pay", {"paymentId": "ord-000003", "method": "barter"}))[0] == 400


async def test_one_of_the_waiting_faults_is_forgotten_even_when_it_has_struck(sandbox: Sandbox) -> None:
    slow = {"name": "slow", "operation": "get_payment", "times": 3, "seconds": 1.0}
    _, body = await control(sandbox, "POST", "/faults", [slow, {"name": "status_500"}, slow, {"name": "bad_json"}])
    assert await sandbox.api("GET", "/payments/nobody") == (404, ANY)
    assert [each["times"] for each in body["items"]] == [3, 1, 3, 1]
    _, body = await control(sandbox, "POST", "/faults/forget", slow)
    assert [(each["name"], each["times"]) for each in body["items"]] == [
        ("status_500", 1),
        ("slow", 3),
        ("bad_json", 1),
    ]
    status, body = await control(sandbox, "POST", "/faults/forget", slow | {"seconds": 2})
    assert (status, body["error"]) == (400, "no fault 'slow' like this waits any more")
    assert len(sandbox.parts.faults.waiting) == 3
    await control(sandbox, "POST", "/faults", [slow])
    _, body = await control(sandbox, "POST", "/faults/forget", slow)
    assert [each["name"] for each in body["items"]] == ["status_500", "bad_json", "slow"]
    assert (await control(sandbox, "POST", "/faults/forget"))[1] == {"items": []}


async def test_an_account_that_nobody_paid_into_lapses_when_it_is_ordered_to(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT")
    assert await control(sandbox, "POST", "/payments/ord-000001/expire") == (200, {"status": "FAILED"})
    assert await sandbox.deposit("ord-000001") is False
    status, body = await control(sandbox, "POST", "/payments/ord-000001/expire")
    assert (status, "waits for money" in body["error"]) == (400, True)
    await sandbox.move(timedelta(days=30))
    assert sandbox.captures("ord-000001") == []
    await sandbox.pay("ord-000002", payMethod="VIRTUAL_ACCOUNT")
    assert await sandbox.deposit("ord-000002", known_after_s=60)
    # The bank has the money, though PortOne does not know.
    with pytest.raises(NotOurs, match="waits for money"):
        await sandbox.order("expire", "ord-000002")


async def test_a_saved_world_goes_on_in_another_sandbox_with_its_clock_its_faults_and_what_is_due(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    shop.answers = [500, 500]
    await sandbox.pay("ord-000001", totalAmount=700)
    await sandbox.settle_webhooks()
    key = await sandbox.billing_key()
    await sandbox.schedule("ord-000002", key, sandbox.clock.now() + timedelta(days=2))
    sandbox.fault("status_500", operation="get_payment")
    await sandbox.move(timedelta(seconds=1))
    _, saved = await control(sandbox, "GET", "/world")

    heard = Endpoint()
    other = Sandbox(seed=9, deliver=heard)
    await other.pay("gone-0001")
    status, state = await control(other, "POST", "/world", saved)
    assert (status, state["payments"]["KRW"]["PAID"]["total"]) == (200, 700)
    assert (other.clock.now(), state["faultsWaiting"]) == (sandbox.clock.now(), 1)
    assert (await other.api("GET", "/payments/ord-000001"))[0] == 500
    assert (await other.api("GET", "/payments/gone-0001"))[0] == 404
    await other.move(timedelta(days=2))
    assert other.captures("ord-000002") == [1000]
    assert heard.types().count("Transaction.Paid") == 2
    ids = {each.transaction_id for each in other.world.attempts()}

    await control(other, "POST", "/world", saved)
    await other.pay("ord-000003")
    payment = other.payment("ord-000003")
    assert payment is not None
    # The same file a second time: what it hands out now was never handed out before.
    assert payment.attempts[0].transaction_id not in ids


async def test_a_fault_that_would_outlast_time_is_refused(sandbox: Sandbox) -> None:
    status, _ = await control(sandbox, "POST", "/faults", [{"name": "webhook_late", "seconds": 1e300}])
    assert status == 400
    order = {"amount": 100, "knownAfterS": 1e300}
    await sandbox.pay("ord-000001")
    assert (await control(sandbox, "POST", "/payments/ord-000001/console-cancel", order))[0] == 400
    assert (await control(sandbox, "POST", "/payments/ord-000001/console-cancel", {"knownAfterS": -5}))[0] == 400
    await sandbox.move(timedelta(days=1))
    assert sandbox.refunds("ord-000001") == []


async def test_a_late_approval_of_what_another_attempt_has_paid_is_refused(sandbox: Sandbox) -> None:
    failed = await sandbox.decline("ord-000001")
    await sandbox.pay("ord-000001")
    status, body = await control(sandbox, "POST", f"/transactions/{failed['txId']}/approve-late")
    assert (status, "already paid" in body["error"]) == (400, True)
    assert sandbox.captured("ord-000001") == 1


async def test_what_was_approved_late_is_not_decided_again_by_the_pg(sandbox: Sandbox) -> None:
    pending = await sandbox.pay(
        "ord-000001", method="paypal", payMethod="PAYPAL", channelKey=PAYPAL_CHANNEL, currency="USD"
    )
    assert (await control(sandbox, "POST", f"/transactions/{pending['txId']}/approve-late"))[0] == 200
    status, clock = await control(sandbox, "POST", "/clock", {"move_s": 700})
    assert (status, clock["now"]) == (200, "2026-08-01T03:11:40.000Z")
    assert sandbox.captured("ord-000001") == 1
    assert sandbox.world.state.chores == []


async def test_a_deposit_that_portone_will_hear_of_outlives_a_late_approval(sandbox: Sandbox) -> None:
    """The attempt is paid by then, and learning of the deposit is what ends it."""
    account = await sandbox.pay("ord-000001", method="virtual_account", payMethod="VIRTUAL_ACCOUNT")
    assert await sandbox.deposit("ord-000001", known_after_s=600)
    assert (await control(sandbox, "POST", f"/transactions/{account['txId']}/approve-late"))[0] == 200
    await sandbox.move(timedelta(seconds=700))
    attempt = sandbox.world.attempt(account["txId"])
    assert attempt is not None
    assert (attempt.status, attempt.is_deposit_hidden, sandbox.captured("ord-000001")) == ("PAID", False, 1)


@pytest.mark.parametrize("wrong", [b"", b"{}", b"[]", b'{"clock": 1}', b"\xff\xfe"])
async def test_what_is_no_saved_world_changes_nothing(sandbox: Sandbox, wrong: bytes) -> None:
    await sandbox.pay("ord-000001")
    before = sandbox.world.to_json()
    status, _, answered = await sandbox.transport.send("POST", "/__sandbox__/world", {}, wrong)
    assert (status, b"not a saved sandbox" in answered) == (400, True)
    _, _, text = await sandbox.transport.send("GET", "/__sandbox__/world")
    later = text.replace(b'"format":1', b'"format":2')
    status, _, answered = await sandbox.transport.send("POST", "/__sandbox__/world", {}, later)
    assert (status, b"another version" in answered) == (400, True)
    assert sandbox.world.to_json() == before


async def test_a_reset_with_a_seed_begins_as_any_sandbox_of_that_seed_does(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    status, _ = await control(sandbox, "POST", "/reset", {"seed": 41})
    fresh = Sandbox(seed=41)
    assert status == 200
    assert await sandbox.pay("ord-000001") == await fresh.pay("ord-000001")
    assert (await control(sandbox, "POST", "/reset", {"sede": 1}))[0] == 400


async def test_a_web_page_cannot_reach_the_control_api(sandbox: Sandbox) -> None:
    status, _, _ = await sandbox.transport.send(
        "POST", "/__sandbox__/reset", {"origin": "https://evil.test", "content-type": "text/plain"}
    )
    assert status == 403
