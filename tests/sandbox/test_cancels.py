"""Cancelling in the local PortOne: arithmetic, refusals, what waits, what happens elsewhere (portone-facts §2.8)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Endpoint, Sandbox

KEY = {"idempotency-key": '"0123456789abcdef"'}
MIXED = {"totalAmount": 12_000, "taxFreeAmount": 1_000}


async def get(sandbox: Sandbox, payment_id: str = "ord-000001") -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


async def refused(sandbox: Sandbox, **body: Any) -> str:
    """The `type` of the refusal; and nothing has changed."""
    before = sandbox.world.to_json()
    status, answer = await sandbox.cancel("ord-000001", **body)
    assert status >= 400, answer
    assert sandbox.world.to_json() == before
    return answer["type"]


async def test_a_full_cancel_gives_all_back_once(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", totalAmount=11_000)
    await sandbox.move(timedelta(minutes=3))
    status, answer = await sandbox.cancel("ord-000001")
    assert status == 200
    cancellation = answer["cancellation"]
    assert (cancellation["status"], cancellation["trigger"]) == ("SUCCEEDED", "API")
    assert (cancellation["totalAmount"], cancellation["taxFreeAmount"], cancellation["vatAmount"]) == (11_000, 0, 1_000)
    assert cancellation.keys() == {
        "status", "id", "pgCancellationId", "totalAmount", "taxFreeAmount", "vatAmount", "reason", "requestedAt",
        "cancelledAt", "receiptUrl", "trigger",
    }  # fmt: skip

    payment = await get(sandbox)
    assert payment["status"] == "CANCELLED"
    assert payment["cancellations"] == [cancellation]
    assert payment["cancelledAt"] == payment["statusChangedAt"] == "2026-08-01T03:03:00.000Z"
    assert (payment["amount"]["cancelled"], payment["amount"]["paid"]) == (11_000, 11_000)
    assert payment["paidAt"] == "2026-08-01T03:00:00.000Z"
    assert "disputes" not in payment
    assert "pgResponse" not in payment
    assert (sandbox.captures("ord-000001"), sandbox.refunds("ord-000001")) == ([11_000], [11_000])
    assert sandbox.captured("ord-000001") == 1

    assert await refused(sandbox) == "PAYMENT_ALREADY_CANCELLED"
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.Paid", "Transaction.Cancelled"]
    assert shop.body(-1)["data"]["cancellationId"] == cancellation["id"]


async def test_partial_cancels_add_up_to_a_full_one(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", totalAmount=10_000)
    for amount in (3_000, 3_000):
        await sandbox.cancel("ord-000001", amount)
        await sandbox.move(timedelta(minutes=1))
    part = await get(sandbox)
    assert (part["status"], part["amount"]["cancelled"]) == ("PARTIAL_CANCELLED", 6_000)
    assert part["cancelledAt"] == "2026-08-01T03:01:00.000Z"
    assert "disputes" not in part

    assert await refused(sandbox, amount=4_001) == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    _, last = await sandbox.cancel("ord-000001")
    assert last["cancellation"]["totalAmount"] == 4_000
    assert (await get(sandbox))["status"] == "CANCELLED"
    assert sandbox.refunds("ord-000001") == [3_000, 3_000, 4_000]
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ["Transaction.PartialCancelled"] * 2 + ["Transaction.Cancelled"]


async def test_the_vat_of_the_parts_adds_up_to_that_of_the_whole(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=11_000)
    answers = [await sandbox.cancel("ord-000001", amount) for amount in (3_333, 3_333, None)]
    assert sum(answer["cancellation"]["vatAmount"] for _, answer in answers) == 1_000
    assert sandbox.refunds("ord-000001") == [3_333, 3_333, 4_334]


async def test_each_cancel_is_announced_with_its_id_whoever_made_it(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", totalAmount=11_000)
    await sandbox.cancel("ord-000001", 1_000)
    await sandbox.cancel("ord-000001", 1_000, skipWebhook=True)
    await sandbox.cancel_elsewhere("ord-000001", 2_000)
    await sandbox.cancel_elsewhere("ord-000001", 1_000, trigger="PORTONE_ADMIN", is_silent=True)
    await sandbox.cancel("ord-000001")
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ["Transaction.PartialCancelled"] * 2 + ["Transaction.Cancelled"]
    made = (await get(sandbox))["cancellations"]
    assert [each["trigger"] for each in made] == ["API", "API", "CONSOLE", "PORTONE_ADMIN", "API"]
    told = [shop.body(at)["data"]["cancellationId"] for at in (2, 3, 4)]
    assert told == [made[at]["id"] for at in (0, 2, 4)]


async def test_a_pg_told_to_be_slow_waits_for_its_word(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.cancel_slowly("ord-000001", times=2)
    for amount in (300, 200):
        assert (await sandbox.cancel("ord-000001", amount))[1]["cancellation"]["status"] == "REQUESTED"
    await sandbox.move(timedelta(days=366))
    assert sandbox.refunds("ord-000001") == []
    await sandbox.end_cancellation("ord-000001", succeeds=False)
    await sandbox.end_cancellation("ord-000001", succeeds=True)
    assert sandbox.refunds("ord-000001") == [200]


@pytest.mark.parametrize("succeeds", [True, False])
@pytest.mark.parametrize("leaves", [True, False])
async def test_whether_a_requested_cancel_moves_the_status_is_a_switch(leaves: bool, succeeds: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(requested_cancel_leaves_status=leaves))
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.cancel_slowly("ord-000001", times=2)
    shown = []
    for amount in (300, 700):
        await sandbox.move(timedelta(minutes=1))
        await sandbox.cancel("ord-000001", amount)
        payment = await get(sandbox)
        shown.append((payment["status"], payment["statusChangedAt"][14:16], payment["amount"]["cancelled"]))
    paid_at = payment["paidAt"][14:16]
    assert shown == ([("PAID", paid_at, 0)] * 2 if leaves else [("PARTIAL_CANCELLED", "01", 0), ("CANCELLED", "02", 0)])
    assert payment.get("cancelledAt") == (None if leaves else "2026-08-01T03:02:00.000Z")
    again = await refused(sandbox)
    assert again == ("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT" if leaves else "PAYMENT_ALREADY_CANCELLED")

    for _ in range(2):
        await sandbox.end_cancellation("ord-000001", succeeds=succeeds)
    ended = await get(sandbox)
    assert (ended["status"], ended["amount"]["cancelled"]) == (("CANCELLED", 1_000) if succeeds else ("PAID", 0))
    assert sandbox.refunds("ord-000001") == ([300, 700] if succeeds else [])
    _, events = await sandbox.api("GET", "/payment-events-by-cursor", {})
    types = [each["paymentEvent"]["type"] for each in events["items"]]
    assert types == ["PAID", *(["PARTIAL_CANCELLED", "CANCELLED"] if succeeds else [])]


async def test_the_amount_thought_cancellable_must_be_the_real_one_when_it_is_sent(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=10_000)
    assert await refused(sandbox, currentCancellableAmount=9_999) == "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"
    assert (await sandbox.cancel("ord-000001", 1_000, currentCancellableAmount=10_000))[0] == 200
    body = {"amount": 1_000, "currentCancellableAmount": 10_000}
    assert await refused(sandbox, **body) == "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"
    # Without it two equal cancels are two cancels.
    assert (await sandbox.cancel("ord-000001", 1_000))[0] == 200
    assert sandbox.refunds("ord-000001") == [1_000, 1_000]


async def test_one_key_is_one_cancel_whatever_became_of_the_answer(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=10_000)
    sandbox.fault("answer_lost", operation="cancel_payment")
    with pytest.raises(ConnectionResetError):
        await sandbox.cancel("ord-000001", 1_000, headers=KEY)
    first = await sandbox.cancel("ord-000001", 1_000, headers=KEY)
    assert first[1]["cancellation"]["status"] == "SUCCEEDED"
    assert await sandbox.cancel("ord-000001", 1_000, headers=KEY) == first
    assert sandbox.refunds("ord-000001") == [1_000]


@pytest.mark.parametrize("fault", ["not_reached", "status_500", "status_502", "html_502", "status_429"])
async def test_a_fault_before_acting_gives_nothing_back(sandbox: Sandbox, fault: str) -> None:
    await sandbox.pay("ord-000001")
    sandbox.fault(fault, operation="cancel_payment")
    headers = {"authorization": "PortOne sandbox-api-secret"}
    sent = sandbox.transport.send("POST", "/payments/ord-000001/cancel", headers, b'{"reason":"r"}')
    if fault == "not_reached":
        with pytest.raises(ConnectionResetError):
            await sent
    else:
        assert (await sent)[0] >= 429
    assert sandbox.refunds("ord-000001") == []
    assert (await get(sandbox))["status"] == "PAID"


@pytest.mark.parametrize(
    ("fault", "more"),
    [("answer_lost", {}), ("slow", {"seconds": 61}), ("status_500", {"acts": True}), ("bad_json", {})],
)
async def test_a_fault_after_acting_gave_the_money_back(sandbox: Sandbox, fault: str, more: dict) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault(fault, operation="cancel_payment", **more)
    headers = {"authorization": "PortOne sandbox-api-secret"}
    sent = sandbox.transport.send("POST", "/payments/ord-000001/cancel", headers, b'{"reason":"r"}')
    if fault in ("answer_lost", "slow"):
        with pytest.raises((ConnectionResetError, TimeoutError)):
            await sent
    else:
        await sent
    assert sandbox.refunds("ord-000001") == [1_000]
    assert (await get(sandbox))["status"] == "CANCELLED"


REFUSALS = {
    "not whole": ({"amount": 0}, "INVALID_REQUEST"),
    "negative": ({"amount": -1}, "INVALID_REQUEST"),
    "not a number": ({"amount": "100"}, "INVALID_REQUEST"),
    "no reason": ({"reason": None}, "INVALID_REQUEST"),
    "negative part": ({"taxFreeAmount": -1}, "INVALID_REQUEST"),
    "too much": ({"amount": 12_001}, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
    "too much tax-free": (
        {"amount": 5_000, "taxFreeAmount": 1_001},
        "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT",
    ),
    "too much taxable": ({"amount": 12_000}, "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"),
    "taxable by a won": (
        {"amount": 11_500, "taxFreeAmount": 499},
        "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT",
    ),
    "parts": ({"amount": 1_000, "taxFreeAmount": 950, "vatAmount": 51}, "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT"),
    "stale": ({"currentCancellableAmount": 11_999}, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"),
}


@pytest.mark.parametrize(("body", "type_"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_arithmetic_that_does_not_hold_is_refused(sandbox: Sandbox, body: dict, type_: str) -> None:
    await sandbox.pay("ord-000001", **MIXED)
    assert await refused(sandbox, **body) == type_


async def test_a_reason_is_required(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    status, answer = await sandbox.api("POST", "/payments/ord-000001/cancel", {"amount": 1})
    assert (status, answer["type"]) == (400, "INVALID_REQUEST")


async def test_what_was_never_paid_cannot_be_cancelled(sandbox: Sandbox) -> None:
    status, answer = await sandbox.cancel("ord-000001")
    assert (status, answer["type"]) == (404, "PAYMENT_NOT_FOUND")
    await sandbox.pre_register("ord-000001", 1_000)
    assert await refused(sandbox) == "PAYMENT_NOT_FOUND"
    await sandbox.open("ord-000001")
    assert await refused(sandbox) == "PAYMENT_NOT_PAID"
    await sandbox.decline("ord-000001")
    assert await refused(sandbox) == "PAYMENT_NOT_PAID"


async def test_a_cancelled_payment_is_not_paid_again(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    await sandbox.cancel("ord-000001", 400)
    assert (await sandbox.pay("ord-000001"))["code"] == "PaymentAlreadyPaid"
    await sandbox.cancel("ord-000001")
    assert (await sandbox.pay("ord-000001"))["code"] == "PaymentAlreadyPaid"
    assert sandbox.captures("ord-000001") == [1_000]


async def test_a_mixed_order_goes_back_part_by_part(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", **MIXED)
    _, first = await sandbox.cancel("ord-000001", 2_700, taxFreeAmount=500)
    assert (first["cancellation"]["taxFreeAmount"], first["cancellation"]["vatAmount"]) == (500, 200)
    _, second = await sandbox.cancel("ord-000001")
    assert second["cancellation"] | {"id": ""} == second["cancellation"] | {
        "id": "",
        "totalAmount": 9_300,
        "taxFreeAmount": 500,
        "vatAmount": 800,
    }
    amount = (await get(sandbox))["amount"]
    assert (amount["cancelled"], amount["cancelledTaxFree"]) == (12_000, 1_000)


@pytest.mark.parametrize("takes", [True, False])
async def test_whether_a_cancel_of_everything_takes_the_tax_free_part_is_a_switch(takes: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(full_cancel_takes_tax_free=takes))
    await sandbox.pay("ord-000001", **MIXED)
    if takes:
        assert (await sandbox.cancel("ord-000001"))[1]["cancellation"]["taxFreeAmount"] == 1_000
    else:
        assert await refused(sandbox) == "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"
        assert (await sandbox.cancel("ord-000001", taxFreeAmount=1_000))[0] == 200


@pytest.mark.parametrize(("evens_out", "vats"), [(True, [45, 45, 0, 1]), (False, [45, 45, 0, 0])])
async def test_whether_computed_vat_evens_out_is_a_switch(evens_out: bool, vats: list[int]) -> None:
    sandbox = Sandbox(inferred=Inferred(cancel_vat_evens_out=evens_out))
    await sandbox.pay("ord-000001", totalAmount=1_000)
    answers = [await sandbox.cancel("ord-000001", amount) for amount in (496, 495, 5, 4)]
    assert [answer["cancellation"]["vatAmount"] for _, answer in answers] == vats


@pytest.mark.parametrize("is_refused", [True, False])
async def test_whether_a_stated_vat_beyond_the_rest_is_refused_is_a_switch(is_refused: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(cancel_vat_beyond_rest_is_refused=is_refused))
    await sandbox.pay("ord-000001", totalAmount=1_100)
    assert (await sandbox.cancel("ord-000001", 500, vatAmount=100))[0] == 200
    if is_refused:
        assert await refused(sandbox, vatAmount=1) == "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"
    else:
        assert (await sandbox.cancel("ord-000001", vatAmount=1))[1]["cancellation"]["vatAmount"] == 1


async def test_cancels_are_limited_in_number(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(cancels_max=2))
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault("cancel_fails")
    for _ in range(3):
        assert (await sandbox.cancel("ord-000001", 1))[0] == 200
    assert await refused(sandbox, amount=1) == "MAX_CANCEL_COUNT_REACHED"
    assert sandbox.refunds("ord-000001") == [1, 1]


async def test_a_failed_cancel_is_a_200_that_gave_nothing_back(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", totalAmount=1_000)
    sandbox.fault("cancel_fails")
    status, answer = await sandbox.cancel("ord-000001")
    assert (status, answer["cancellation"]["status"]) == (200, "FAILED")
    assert "cancelledAt" not in answer["cancellation"]
    payment = await get(sandbox)
    assert (payment["status"], payment["amount"]["cancelled"], payment["disputes"]) == ("PAID", 0, [])
    assert payment["cancellations"] == [answer["cancellation"]]
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.Paid"]
    assert (await sandbox.cancel("ord-000001"))[1]["cancellation"]["status"] == "SUCCEEDED"
    assert sandbox.refunds("ord-000001") == [1_000]


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_whether_a_pgs_refusal_leaves_a_failed_cancellation_is_a_switch(is_recorded: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(refused_cancel_is_recorded=is_recorded))
    await sandbox.pay("ord-000001")
    sandbox.fault("cancel_refused")
    status, answer = await sandbox.cancel("ord-000001")
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "CANCEL_REFUSED")
    payment = await get(sandbox)
    assert [each["status"] for each in payment.get("cancellations", [])] == (["FAILED"] if is_recorded else [])
    assert sandbox.refunds("ord-000001") == []


@pytest.mark.parametrize("skip", [True, False])
async def test_skip_webhook_silences_a_success_at_once(sandbox: Sandbox, shop: Endpoint, skip: bool) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.cancel("ord-000001", skipWebhook=skip)
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ([] if skip else ["Transaction.Cancelled"])


@pytest.mark.parametrize(("type_", "status"), [("PG_PROVIDER", 502), ("INVALID_REQUEST", 400)])
async def test_how_a_deposit_without_a_refund_account_is_refused_is_a_switch(type_: Any, status: int) -> None:
    sandbox = Sandbox(inferred=Inferred(missing_refund_account_is=type_))
    await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT", totalAmount=1_000)
    await sandbox.deposit("ord-000001")
    assert (await sandbox.cancel("ord-000001"))[0] == status
    assert await refused(sandbox) == type_
    account = {"bank": "SHINHAN", "number": "110", "holderName": "홍길동"}
    assert (await sandbox.cancel("ord-000001", 400, refundAccount=account))[0] == 200
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = "SMARTRO_V2"
    assert await refused(sandbox, refundAccount=account) == type_
    assert (await sandbox.cancel("ord-000001", refundAccount=account | {"holderPhoneNumber": "010"}))[0] == 200
