"""Cancelling in the local PortOne (portone-facts §2.8): what is refused, what goes back, what is announced."""

from typing import Any

import msgspec
import pytest

from jangbu.sandbox.inferred import Inferred
from jangbu.sandbox.problems import NotOurs
from jangbu.sandbox.testing import Endpoint, Sandbox

CANCELLATION = {
    "status", "id", "pgCancellationId", "totalAmount", "taxFreeAmount", "vatAmount", "reason", "requestedAt",
    "cancelledAt", "receiptUrl", "trigger",
}  # fmt: skip


async def paid(sandbox: Sandbox, total: int = 11_000, payment_id: str = "ord-000001", **params: Any) -> str:
    await sandbox.pay(payment_id, totalAmount=total, **params)
    return payment_id


async def cancel(sandbox: Sandbox, payment_id: str, *, key: str = "", **asked: Any) -> tuple[int, Any]:
    headers = {"idempotency-key": f'"{key}"'} if key else {}
    body = {"reason": "단순 변심", **asked}
    return await sandbox.api("POST", f"/payments/{payment_id}/cancel", body, headers=headers)


async def refused(sandbox: Sandbox, payment_id: str, **asked: Any) -> tuple[int, str]:
    status, body = await cancel(sandbox, payment_id, **asked)
    return status, body["type"]


async def seen(sandbox: Sandbox, payment_id: str) -> Any:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200
    return body


async def test_all_of_it_goes_back_and_the_payment_says_so(sandbox: Sandbox) -> None:
    payment_id = await paid(sandbox)
    status, body = await cancel(sandbox, payment_id)
    assert status == 200
    cancellation = body["cancellation"]
    assert cancellation.keys() == CANCELLATION
    assert (cancellation["status"], cancellation["trigger"]) == ("SUCCEEDED", "API")
    assert (cancellation["totalAmount"], cancellation["vatAmount"]) == (11_000, 1_000)
    after = await seen(sandbox, payment_id)
    assert (after["status"], after["cancellations"]) == ("CANCELLED", [cancellation])
    assert (after["amount"]["total"], after["amount"]["cancelled"]) == (11_000, 11_000)
    assert after["cancelledAt"] == cancellation["cancelledAt"] and "disputes" not in after
    assert sandbox.refunds(payment_id) == [11_000] and sandbox.captured(payment_id) == 1


async def test_parts_add_up_with_their_vat_until_nothing_is_left(sandbox: Sandbox) -> None:
    payment_id = await paid(sandbox)
    vat = []
    for amount in (3_333, 3_333, None):
        status, body = await cancel(sandbox, payment_id, **({} if amount is None else {"amount": amount}))
        assert status == 200
        vat.append(body["cancellation"]["vatAmount"])
        assert (await seen(sandbox, payment_id))["status"] == ("PARTIAL_CANCELLED" if amount else "CANCELLED")
    assert sum(vat) == 1_000
    assert sandbox.refunds(payment_id) == [3_333, 3_333, 4_334]
    assert await refused(sandbox, payment_id) == (409, "PAYMENT_ALREADY_CANCELLED")


async def test_what_portone_refuses(sandbox: Sandbox) -> None:
    assert await refused(sandbox, "nobody-001") == (404, "PAYMENT_NOT_FOUND")
    await sandbox.decline("failed-001")
    assert await refused(sandbox, "failed-001") == (409, "PAYMENT_NOT_PAID")
    mixed = await paid(sandbox, taxFreeAmount=1_000)
    for asked, type_ in (
        ({"amount": 11_001}, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
        ({"amount": 100, "currentCancellableAmount": 10_999}, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"),
        ({"amount": 2_000, "taxFreeAmount": 1_001}, "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT"),
        ({"amount": 10_500}, "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"),
        ({"amount": 1_000, "taxFreeAmount": 500, "vatAmount": 501}, "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT"),
    ):
        assert await refused(sandbox, mixed, **asked) == (409, type_)
    for malformed in ({"amount": 0}, {"amount": -1}, {"amount": "100"}, {"reason": None}):
        assert await refused(sandbox, mixed, **malformed) == (400, "INVALID_REQUEST")
    assert sandbox.refunds(mixed) == []
    assert (await cancel(sandbox, mixed))[1]["cancellation"]["taxFreeAmount"] == 1_000


async def test_equal_calls_both_act_unless_a_key_or_the_remainder_guards_them(sandbox: Sandbox) -> None:
    payment_id = await paid(sandbox)
    for _ in range(2):
        assert (await cancel(sandbox, payment_id, amount=1_000))[0] == 200
    first = await cancel(sandbox, payment_id, key="cancel-key-0123456789", amount=1_000)
    again = await cancel(sandbox, payment_id, key="cancel-key-0123456789", amount=1_000)
    assert first == again
    guarded = {"amount": 1_000, "currentCancellableAmount": 8_000}
    assert (await cancel(sandbox, payment_id, **guarded))[0] == 200
    assert await refused(sandbox, payment_id, **guarded) == (409, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN")
    assert sandbox.refunds(payment_id) == [1_000] * 4


async def test_each_cancellation_is_announced_with_its_id_and_can_be_kept_quiet() -> None:
    shop = Endpoint()
    sandbox = Sandbox(deliver=shop)
    payment_id = await paid(sandbox)
    await cancel(sandbox, payment_id, amount=1_000)
    await cancel(sandbox, payment_id, amount=1_000, skipWebhook=True)
    await sandbox.cancel_elsewhere(payment_id, 2_000)
    _, last = await cancel(sandbox, payment_id)
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == [
        "Transaction.PartialCancelled",
        "Transaction.PartialCancelled",
        "Transaction.Cancelled",
    ]
    assert msgspec.json.decode(shop.got[-1][1])["data"]["cancellationId"] == last["cancellation"]["id"]
    triggers = [each["trigger"] for each in (await seen(sandbox, payment_id))["cancellations"]]
    assert triggers == ["API", "API", "CONSOLE", "API"]


@pytest.mark.parametrize("succeeds", [True, False])
async def test_an_asynchronous_pg_takes_it_on_first(succeeds: bool) -> None:
    shop = Endpoint()
    sandbox = Sandbox(deliver=shop)
    payment_id = await paid(sandbox)
    sandbox.cancel_slowly(payment_id)
    _, body = await cancel(sandbox, payment_id, amount=3_000)
    assert body["cancellation"]["status"] == "REQUESTED" and "cancelledAt" not in body["cancellation"]
    assert (await seen(sandbox, payment_id))["status"] == "PAID"
    assert (await seen(sandbox, payment_id))["amount"]["cancelled"] == 0
    assert await refused(sandbox, payment_id, amount=8_001) == (409, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT")
    await sandbox.end_cancellation(payment_id, succeeds=succeeds)
    with pytest.raises(NotOurs):
        await sandbox.end_cancellation(payment_id, succeeds=succeeds)
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == [
        "Transaction.CancelPending",
        "Transaction.PartialCancelled" if succeeds else "Transaction.Paid",
    ]
    after = await seen(sandbox, payment_id)
    assert after["cancellations"][0]["status"] == ("SUCCEEDED" if succeeds else "FAILED")
    assert sandbox.refunds(payment_id) == ([3_000] if succeeds else [])
    assert (await cancel(sandbox, payment_id))[0] == 200


async def test_the_pg_may_fail_with_a_200(sandbox: Sandbox) -> None:
    payment_id = await paid(sandbox)
    sandbox.fault("cancel_failed")
    status, body = await cancel(sandbox, payment_id)
    assert (status, body["cancellation"]["status"]) == (200, "FAILED")
    assert sandbox.refunds(payment_id) == []


async def test_what_the_facts_leave_open_is_a_switch() -> None:
    shop = Endpoint()
    other = Inferred(requested_cancellation_reserves=False, failed_cancel_announces="", cancellations_max=2)
    sandbox = Sandbox(deliver=shop, inferred=other)
    payment_id = await paid(sandbox)
    sandbox.cancel_slowly(payment_id)
    await cancel(sandbox, payment_id, amount=3_000)
    assert (await cancel(sandbox, payment_id, amount=8_001))[0] == 200
    assert await refused(sandbox, payment_id, amount=1) == (409, "MAX_CANCEL_COUNT_REACHED")
    await sandbox.end_cancellation(payment_id, succeeds=False)
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ["Transaction.CancelPending", "Transaction.PartialCancelled"]
