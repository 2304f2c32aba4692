"""Cancels that wait, and those that nobody asked PortOne for (portone-facts §2.8, §10.13, §10.14)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Endpoint, Sandbox


async def get(sandbox: Sandbox, payment_id: str = "ord-000001") -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


@pytest.mark.parametrize("pg", ["KICC", "KICC_V2"])
async def test_an_asynchronous_pg_answers_later(sandbox: Sandbox, shop: Endpoint, pg: str) -> None:
    for channel in sandbox.world.state.channels.values():
        channel.pg_provider = pg
    await sandbox.pay("ord-000001", totalAmount=1_000)
    _, answer = await sandbox.cancel("ord-000001", 300, skipWebhook=True)
    waiting = answer["cancellation"]
    assert waiting["status"] == "REQUESTED"
    assert "receiptUrl" not in waiting
    payment = await get(sandbox)
    assert (payment["status"], payment["amount"]["cancelled"]) == ("PAID", 0)
    assert sandbox.refunds("ord-000001") == []

    await sandbox.move(timedelta(minutes=9))
    assert (await get(sandbox))["status"] == "PAID"
    await sandbox.move(timedelta(minutes=1))
    payment = await get(sandbox)
    assert (payment["status"], payment["amount"]["cancelled"]) == ("PARTIAL_CANCELLED", 300)
    assert payment["cancellations"][0]["id"] == waiting["id"]
    assert sandbox.refunds("ord-000001") == [300]
    assert shop.types()[2:] == ["Transaction.CancelPending", "Transaction.PartialCancelled"]
    assert [shop.body(at)["data"]["cancellationId"] for at in (-1, -2)] == [waiting["id"]] * 2
    assert payment["webhooks"][-1]["trigger"] == "ASYNC_CANCEL_APPROVED"


@pytest.mark.parametrize("by", ["fault", "order"])
async def test_a_cancel_that_waits_may_fail(sandbox: Sandbox, shop: Endpoint, by: str) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault("cancel_waits", seconds=86_400)
    if by == "fault":
        sandbox.fault("cancel_fails")
    await sandbox.cancel("ord-000001")
    if by == "order":
        assert (await sandbox.end_cancellation("ord-000001", succeeds=False))["status"] == "FAILED"
    await sandbox.move(timedelta(days=2))
    payment = await get(sandbox)
    assert (payment["status"], payment["amount"]["cancelled"]) == ("PAID", 0)
    assert payment["cancellations"][0]["status"] == "FAILED"
    assert payment["webhooks"][-1]["trigger"] == "ASYNC_CANCEL_FAILED"
    assert shop.types()[2:] == ["Transaction.CancelPending"] * 2
    assert sandbox.refunds("ord-000001") == []
    assert (await sandbox.cancel("ord-000001"))[1]["cancellation"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize("type_", ["Transaction.CancelPending", "Transaction.Paid", "Transaction.Failed", "none"])
async def test_what_a_failed_asynchronous_cancel_announces_is_a_switch(shop: Endpoint, type_: Any) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(failed_async_cancel_webhook=type_))
    await sandbox.pay("ord-000001")
    sandbox.fault("cancel_waits")
    await sandbox.cancel("ord-000001")
    await sandbox.end_cancellation("ord-000001", succeeds=False)
    await sandbox.settle_webhooks()
    assert shop.types()[3:] == ([] if type_ == "none" else [type_])


@pytest.mark.parametrize("silences", [True, False])
async def test_whether_skip_webhook_silences_a_cancel_that_waits_is_a_switch(shop: Endpoint, silences: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(skip_webhook_silences_cancel_pending=silences))
    await sandbox.pay("ord-000001")
    sandbox.fault("cancel_waits")
    await sandbox.cancel("ord-000001", skipWebhook=True)
    await sandbox.end_cancellation("ord-000001", succeeds=True)
    await sandbox.settle_webhooks()
    waits = [] if silences else ["Transaction.CancelPending"]
    assert shop.types()[2:] == [*waits, "Transaction.Cancelled"]


@pytest.mark.parametrize("holds", [True, False])
async def test_whether_a_cancel_that_waits_holds_its_amount_is_a_switch(holds: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(pending_cancel_holds_amount=holds))
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault("cancel_waits")
    await sandbox.cancel("ord-000001", 600)
    if holds:
        assert (await sandbox.cancel("ord-000001", 401))[1]["type"] == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
        assert (await sandbox.cancel("ord-000001", currentCancellableAmount=400))[0] == 200
        assert (await sandbox.cancel("ord-000001"))[1]["type"] == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    else:
        assert (await sandbox.cancel("ord-000001", 401, currentCancellableAmount=1_000))[0] == 200
    # Whichever: never more goes back than came in.
    await sandbox.end_cancellation("ord-000001", succeeds=True)
    assert sandbox.refunds("ord-000001") == ([400, 600] if holds else [401])
    assert (await get(sandbox))["status"] == ("CANCELLED" if holds else "PARTIAL_CANCELLED")


async def test_a_settled_cancel_is_not_settled_again(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault("cancel_waits")
    await sandbox.cancel("ord-000001")
    await sandbox.end_cancellation("ord-000001", succeeds=True)
    with pytest.raises(Exception, match="waits"):
        await sandbox.end_cancellation("ord-000001", succeeds=True)
    await sandbox.move(timedelta(days=1))
    assert sandbox.refunds("ord-000001") == [1_000]


@pytest.mark.parametrize("moves", [True, False])
async def test_whether_each_cancel_moves_status_changed_at_is_a_switch(moves: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(each_cancel_moves_status_changed_at=moves))
    await sandbox.pay("ord-000001", totalAmount=1_000)
    for _ in range(2):
        await sandbox.move(timedelta(days=1))
        await sandbox.cancel("ord-000001", 100)
    payment = await get(sandbox)
    assert payment["statusChangedAt"][:10] == ("2026-08-03" if moves else "2026-08-02")
    assert payment["updatedAt"][:10] == "2026-08-03"


@pytest.mark.parametrize("webhook", [True, False])
async def test_a_cancel_in_the_pgs_console_is_seen_with_or_without_a_webhook(
    sandbox: Sandbox, shop: Endpoint, webhook: bool
) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    await sandbox.cancel_elsewhere("ord-000001", 400, is_silent=not webhook)
    payment = await get(sandbox)
    assert payment["status"] == "PARTIAL_CANCELLED"
    assert payment["cancellations"][0]["trigger"] == "CONSOLE"
    assert sandbox.refunds("ord-000001") == [400]
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == (["Transaction.PartialCancelled"] if webhook else [])


async def test_portone_may_hear_late_of_a_cancel_in_the_console(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    await sandbox.cancel_elsewhere("ord-000001", known_after_s=3_600)
    assert (await get(sandbox))["status"] == "PAID"
    # The PG knows better than PortOne, which therefore asks it in vain.
    status, answer = await sandbox.cancel("ord-000001")
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "ALREADY_CANCELLED")
    await sandbox.move(timedelta(hours=1))
    payment = await get(sandbox)
    assert payment["status"] == "CANCELLED"
    assert payment["cancelledAt"] == "2026-08-01T03:00:00.000Z"
    assert payment["statusChangedAt"] == "2026-08-01T04:00:00.000Z"
    assert shop.types()[2:] == ["Transaction.Cancelled"]


async def test_portone_may_never_hear_of_a_cancel_in_the_console(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    await sandbox.cancel_elsewhere("ord-000001", 600, known_after_s=None)
    await sandbox.move(timedelta(days=365))
    assert (await get(sandbox))["status"] == "PAID"
    assert (await sandbox.cancel("ord-000001", 401))[1]["pgCode"] == "ALREADY_CANCELLED"
    assert (await sandbox.cancel("ord-000001", 400))[0] == 200
    assert sandbox.refunds("ord-000001") == [400]


async def test_a_chargeback_says_so(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    await sandbox.cancel("ord-000001", 100)
    await sandbox.chargeback("ord-000001")
    payment = await get(sandbox)
    assert payment["status"] == "CANCELLED"
    assert [each["trigger"] for each in payment["cancellations"]] == ["API", "CHARGEBACK"]
    assert sandbox.refunds("ord-000001") == [100, 900]
    await sandbox.settle_webhooks()
    assert shop.types()[-1] == "Transaction.Cancelled"


@pytest.mark.parametrize(("webhook_version", "status"), [("2024-01-01", "Cancelled"), ("2024-04-25", None)])
async def test_the_old_webhook_has_its_own_word_for_a_cancel(
    sandbox: Sandbox, shop: Endpoint, webhook_version: Any, status: str | None
) -> None:
    await sandbox.pay("ord-000001")
    for settings in sandbox.world.state.stores.values():
        settings.webhooks["TEST"].version = webhook_version
    await sandbox.cancel("ord-000001")
    await sandbox.settle_webhooks()
    assert shop.body(-1).get("status") == status


async def test_orders_reach_the_control_api_and_an_unknown_one_is_refused_with_the_known(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    target = "/__sandbox__/payments/ord-000001/"
    status, _, _ = await sandbox.transport.send("POST", target + "chargeback", {}, b'{"amount":10}')
    assert status == 200
    assert sandbox.refunds("ord-000001") == [10]
    status, _, answer = await sandbox.transport.send("POST", target + "chargebak", {}, b"{}")
    assert status == 400
    assert b"settle-cancel" in answer
    status, _, answer = await sandbox.transport.send("POST", target + "chargeback", {}, b'{"amount":1000}')
    assert status == 409
    assert b"CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT" in answer


async def test_a_restart_forgets_no_cancel_that_waits(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault("cancel_waits")
    await sandbox.cancel("ord-000001")
    sandbox.world.load(type(sandbox.world).from_json(sandbox.world.to_json(), sandbox.clock).state)
    sandbox.parts.courier.reload()
    await sandbox.move(timedelta(minutes=10))
    assert sandbox.refunds("ord-000001") == [1_000]
