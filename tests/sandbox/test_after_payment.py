"""What a merchant does with a paid payment besides cancelling: capture, stop, escrow, receipts (§2.7-§2.11)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL
from jangbu.sandbox.testing import Sandbox

PAYMENT = "/payments/ord-000001"
LOGISTICS = {"logistics": {"company": "CJ", "invoiceNumber": "123456", "sentAt": "2026-08-02T10:00:00+09:00"}}
STORE_RECEIPT = {
    "items": [
        {"storeBusinessRegistrationNumber": "1234567890", "storeName": "찻집", "totalAmount": 1_000, "currency": "KRW"}
    ]
}
RECEIPT: dict[str, Any] = {
    "paymentId": "elsewhere1",
    "channelKey": CARD_CHANNEL,
    "type": "PERSONAL",
    "orderName": "보리차",
    "currency": "KRW",
    "amount": {"total": 11_000},
    "customer": {"identityNumber": "01012345678"},
}


async def get(sandbox: Sandbox, payment_id: str = "ord-000001") -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


ON_A_PAID_ONE = [
    ("POST", "/capture", {}),
    ("POST", "/escrow/logistics", LOGISTICS),
    ("PATCH", "/escrow/logistics", LOGISTICS),
    ("POST", "/escrow/complete", {}),
    ("POST", "/register-store-receipt", STORE_RECEIPT),
]


@pytest.mark.parametrize(("method", "path", "body"), ON_A_PAID_ONE, ids=lambda part: str(part)[:20])
async def test_what_needs_a_paid_payment_refuses_any_other(
    sandbox: Sandbox, method: str, path: str, body: dict
) -> None:
    async def refused() -> tuple[int, str]:
        status, answer = await sandbox.api(method, PAYMENT + path, body)
        return status, answer["type"]

    assert await refused() == (404, "PAYMENT_NOT_FOUND")
    await sandbox.pre_register("ord-000001", 1_000)
    assert await refused() == (404, "PAYMENT_NOT_FOUND")
    await sandbox.open("ord-000001")
    assert await refused() == (409, "PAYMENT_NOT_PAID")
    await sandbox.pay("ord-000001")
    # It is paid, but neither escrow, nor captured later, nor of a PG that takes store receipts.
    assert await refused() == (502, "PG_PROVIDER")
    assert (await sandbox.api(method, PAYMENT + path, {**body, "storeId": "store-other"}))[0] == 403
    await sandbox.cancel("ord-000001")
    assert await refused() == (409, "PAYMENT_NOT_PAID")


async def test_a_payment_that_is_captured_later_is_captured_once(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].captures_later = True
    await sandbox.pay("ord-000001")
    assert (await get(sandbox))["status"] == "PAID"
    assert await sandbox.api("POST", PAYMENT + "/capture", {}) == (200, {})
    assert (await sandbox.api("POST", PAYMENT + "/capture", {}))[1]["pgCode"] == "CAPTURE_NOT_WAITING"


async def test_only_triple_a_lets_a_cancel_be_stopped(sandbox: Sandbox) -> None:
    channel = sandbox.world.state.channels[CARD_CHANNEL]
    channel.pg_provider = "TRIPLE_A"

    async def stop(cancellation_id: str) -> tuple[int, dict]:
        return await sandbox.api("POST", f"{PAYMENT}/cancellations/{cancellation_id}/stop", {})

    assert (await stop("any"))[1]["type"] == "PAYMENT_NOT_FOUND"
    await sandbox.pre_register("ord-000001", 1_000)
    assert (await stop("any"))[1]["type"] == "PAYMENT_NOT_FOUND"
    await sandbox.pay("ord-000001")
    status, answer = await stop("any")
    assert (status, answer["type"]) == (404, "PAYMENT_CANCELLATION_NOT_FOUND")
    _, first = await sandbox.cancel("ord-000001")
    id_ = first["cancellation"]["id"]

    channel.pg_provider = "KICC"
    assert (await stop(id_))[1]["pgCode"] == "STOP_NOT_SUPPORTED"
    channel.pg_provider = "TRIPLE_A"
    assert await stop(id_) == (200, {"stoppedAt": "2026-08-01T03:00:00.000Z"})
    status, answer = await stop(id_)
    assert (status, answer["type"]) == (409, "PAYMENT_CANCELLATION_NOT_PENDING")
    await sandbox.move(timedelta(days=1))
    payment = await get(sandbox)
    assert (payment["status"], payment["cancellations"][0]["status"]) == ("PAID", "FAILED")
    assert sandbox.refunds("ord-000001") == []


async def test_escrow_goes_from_parcel_to_confirmed(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", isEscrow=True)
    assert (await get(sandbox))["escrow"] == {"status": "BEFORE_REGISTERED"}

    async def refused(method: str, path: str, body: dict) -> str:
        status, answer = await sandbox.api(method, PAYMENT + path, body)
        assert status == 502
        return answer["pgCode"]

    assert await refused("PATCH", "/escrow/logistics", LOGISTICS) == "ESCROW_STATE"
    assert await refused("POST", "/escrow/complete", {}) == "ESCROW_STATE"
    sent_at = "2026-08-02T01:00:00.000Z"
    status, answer = await sandbox.api("POST", PAYMENT + "/escrow/logistics", LOGISTICS)
    assert status == 200
    assert answer == {"invoiceNumber": "123456", "sentAt": sent_at, "appliedAt": "2026-08-01T03:00:00.000Z"}
    escrow = (await get(sandbox))["escrow"]
    assert escrow == {"status": "REGISTERED", "company": "CJ", **answer}
    assert await refused("POST", "/escrow/logistics", LOGISTICS) == "ESCROW_STATE"

    other = {"logistics": {**LOGISTICS["logistics"], "invoiceNumber": "777"}}
    status, answer = await sandbox.api("PATCH", PAYMENT + "/escrow/logistics", other)
    assert (status, answer["invoiceNumber"]) == (200, "777")
    await sandbox.order("escrow", "ord-000001", status="DELIVERED")
    assert (await get(sandbox))["escrow"] == {**escrow, "status": "DELIVERED", "invoiceNumber": "777"}
    assert (await sandbox.api("POST", PAYMENT + "/escrow/complete", {}))[0] == 200
    confirmed = (await get(sandbox))["escrow"]
    assert (confirmed["status"], confirmed["isAutomaticallyConfirmed"]) == ("CONFIRMED", False)


@pytest.mark.parametrize("status", ["CONFIRMED", "REJECTED", "REJECT_CONFIRMED", "CANCELLED"])
async def test_what_the_shopper_says_of_the_goods_is_an_order(sandbox: Sandbox, status: str) -> None:
    await sandbox.pay("ord-000001", isEscrow=True)
    with pytest.raises(Exception, match="no parcel"):
        await sandbox.order("escrow", "ord-000001", status=status)
    await sandbox.api("POST", PAYMENT + "/escrow/logistics", LOGISTICS)
    await sandbox.order("escrow", "ord-000001", status=status)
    escrow = (await get(sandbox))["escrow"]
    assert escrow["status"] == status
    assert escrow.get("isAutomaticallyConfirmed") == (True if status == "CONFIRMED" else None)


async def test_inicis_takes_store_receipts(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = "INICIS_V2"
    await sandbox.pay(
        "ord-000001", customer={"fullName": "김장부", "phoneNumber": "01012345678", "email": "kim@shop.test"}
    )
    status, answer = await sandbox.api("POST", PAYMENT + "/register-store-receipt", STORE_RECEIPT)
    assert status == 200
    assert answer["receiptUrl"].startswith("https://")
    status, answer = await sandbox.api("POST", PAYMENT + "/register-store-receipt", {"items": []})
    assert (status, answer["type"]) == (400, "INVALID_REQUEST")


async def test_a_receipt_for_what_was_paid_elsewhere_is_issued_once_and_cancelled_once(sandbox: Sandbox) -> None:
    target = "/payments/elsewhere1/cash-receipt"
    assert (await sandbox.api("GET", target))[1]["type"] == "CASH_RECEIPT_NOT_FOUND"
    status, answer = await sandbox.api("POST", target + "/cancel", {})
    assert (status, answer["type"]) == (404, "CASH_RECEIPT_NOT_FOUND")

    status, answer = await sandbox.api("POST", "/cash-receipts", RECEIPT)
    assert status == 200
    _, receipt = await sandbox.api("GET", target)
    assert receipt["issueNumber"] == answer["cashReceipt"]["issueNumber"]
    assert (receipt["status"], receipt["amount"], receipt["vatAmount"]) == ("ISSUED", 11_000, 1_000)
    assert receipt["isManual"] is True
    assert "01012345678" not in sandbox.world.to_json().decode()

    status, answer = await sandbox.api("POST", "/cash-receipts", RECEIPT)
    assert (status, answer["type"]) == (409, "CASH_RECEIPT_ALREADY_ISSUED")
    await sandbox.move(timedelta(days=1))
    cancelled = {"cancelledAmount": 11_000, "cancelledAt": "2026-08-02T03:00:00.000Z"}
    assert await sandbox.api("POST", target + "/cancel", {}) == (200, cancelled)
    assert (await sandbox.api("GET", target))[1]["cancelledAt"] == cancelled["cancelledAt"]
    status, answer = await sandbox.api("POST", target + "/cancel", {})
    assert (status, answer["type"]) == (404, "CASH_RECEIPT_NOT_ISSUED")
    # Once it is cancelled, another one may be issued.
    assert (await sandbox.api("POST", "/cash-receipts", RECEIPT))[0] == 200


@pytest.mark.parametrize(
    ("change", "type_"),
    [
        ({"channelKey": "channel-key-none"}, "CHANNEL_NOT_FOUND"),
        ({"currency": "XXX"}, "INVALID_REQUEST"),
        ({"amount": {"total": 0}}, "INVALID_REQUEST"),
        ({"amount": {"total": 10, "taxFree": 6, "vat": 5}}, "INVALID_REQUEST"),
        ({"customer": {}}, "INVALID_REQUEST"),
        ({"type": "NO_RECEIPT"}, "INVALID_REQUEST"),
    ],
)
async def test_a_wrong_receipt_is_refused(sandbox: Sandbox, change: dict, type_: str) -> None:
    assert (await sandbox.api("POST", "/cash-receipts", {**RECEIPT, **change}))[1]["type"] == type_


async def test_a_receipt_that_could_not_be_issued_says_so_and_may_be_tried_again(sandbox: Sandbox) -> None:
    sandbox.fault("receipt_fails")
    status, answer = await sandbox.api("POST", "/cash-receipts", RECEIPT)
    assert (status, answer["type"]) == (502, "PG_PROVIDER")
    target = "/payments/elsewhere1/cash-receipt"
    assert (await sandbox.api("GET", target))[1]["status"] == "ISSUE_FAILED"
    assert (await sandbox.api("POST", target + "/cancel", {}))[1]["type"] == "CASH_RECEIPT_NOT_ISSUED"
    assert (await sandbox.api("POST", "/cash-receipts", RECEIPT))[0] == 200


TRANSFER: dict[str, Any] = {"payMethod": "TRANSFER", "transfer": {"cashReceiptType": "CORPORATE"}}


async def test_a_transfer_brings_the_receipt_its_payer_wants(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", **TRANSFER)
    paid = await get(sandbox)
    assert (paid["cashReceiptIssuanceStatus"], paid["cashReceipt"]["type"]) == ("ISSUED", "CORPORATE")
    _, receipt = await sandbox.api("GET", PAYMENT + "/cash-receipt")
    assert (receipt["isManual"], receipt["issueNumber"]) == (False, paid["cashReceipt"]["issueNumber"])

    await sandbox.pay("ord-000002", payMethod="TRANSFER", transfer={"cashReceiptType": "ANONYMOUS"})
    unwanted = await get(sandbox, "ord-000002")
    assert (unwanted["cashReceiptIssuanceStatus"], "cashReceipt" in unwanted) == ("NOT_ISSUED", False)
    await sandbox.pay("ord-000003")
    assert "cashReceiptIssuanceStatus" not in await get(sandbox, "ord-000003")

    sandbox.fault("receipt_fails")
    await sandbox.pay("ord-000004", **TRANSFER)
    assert (await get(sandbox, "ord-000004"))["cashReceiptIssuanceStatus"] == "NOT_ISSUED"
    assert (await sandbox.api("GET", "/payments/ord-000004/cash-receipt"))[1]["status"] == "ISSUE_FAILED"


@pytest.mark.parametrize("known_after_s", [0, 600])
async def test_the_receipt_of_a_deposit_may_fail(sandbox: Sandbox, known_after_s: int) -> None:
    sandbox.fault("receipt_fails", operation="issue_cash_receipt")
    await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT", virtualAccount={"cashReceiptType": "PERSONAL"})
    await sandbox.deposit("ord-000001", known_after_s=known_after_s)
    await sandbox.move(timedelta(hours=1))
    assert (await get(sandbox))["cashReceiptIssuanceStatus"] == "NOT_ISSUED"
    assert (await sandbox.api("GET", PAYMENT + "/cash-receipt"))[1]["status"] == "ISSUE_FAILED"


@pytest.mark.parametrize("is_settled_by_hand", [True, False])
async def test_the_receipt_of_a_transfer_that_waited_may_fail(sandbox: Sandbox, is_settled_by_hand: bool) -> None:
    sandbox.fault("pay_waits", seconds=600)
    sandbox.fault("receipt_fails")
    await sandbox.pay("ord-000001", **TRANSFER)
    if is_settled_by_hand:
        await sandbox.settle_payment("ord-000001")
    await sandbox.move(timedelta(hours=1))
    assert (await get(sandbox))["cashReceiptIssuanceStatus"] == "NOT_ISSUED"
    assert (await sandbox.api("GET", PAYMENT + "/cash-receipt"))[1]["status"] == "ISSUE_FAILED"


async def test_a_deposit_brings_its_receipt_when_it_comes(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT", virtualAccount={"cashReceiptType": "PERSONAL"})
    assert (await sandbox.api("GET", PAYMENT + "/cash-receipt"))[0] == 404
    await sandbox.deposit("ord-000001")
    assert (await get(sandbox))["cashReceipt"]["type"] == "PERSONAL"


@pytest.mark.parametrize(("provider", "status"), [("TOSSPAYMENTS", "CANCELLED"), ("KSNET", "ISSUED")])
async def test_a_full_cancel_takes_the_receipt_along_unless_the_pg_does_not(
    sandbox: Sandbox, provider: str, status: str
) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = provider
    await sandbox.pay("ord-000001", customer={"fullName": "김장부"}, **TRANSFER)
    await sandbox.cancel("ord-000001", 400)
    assert (await get(sandbox))["cashReceipt"]["status"] == "ISSUED"
    await sandbox.cancel("ord-000001")
    assert (await get(sandbox))["cashReceipt"]["status"] == status


async def test_receipts_are_listed_by_their_own_words(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", **TRANSFER)
    await sandbox.move(timedelta(hours=1))
    await sandbox.api("POST", "/cash-receipts", RECEIPT)
    await sandbox.move(timedelta(hours=1))
    await sandbox.api("POST", "/payments/ord-000001/cash-receipt/cancel", {})
    sandbox.fault("receipt_fails")
    await sandbox.api("POST", "/cash-receipts", {**RECEIPT, "paymentId": "unlucky-1", "channelKey": EASY_PAY_CHANNEL})

    async def listed(sort: dict | None = None, page: dict | None = None, **filter_: Any) -> list[str]:
        query = {"filter": filter_, "sort": sort or {}, "page": page or {}}
        status, answer = await sandbox.api("GET", "/cash-receipts", query)
        assert status == 200, answer
        return [item["paymentId"] for item in answer["items"]]

    assert await listed() == ["unlucky-1", "elsewhere1", "ord-000001"]
    assert await listed(sort={"by": "STATUS_UPDATED_AT", "order": "ASC"}) == ["elsewhere1", "ord-000001", "unlucky-1"]
    assert await listed(page={"number": 1, "size": 2}) == ["ord-000001"]
    assert await listed(statuses=["FAILED"]) == ["unlucky-1"]
    assert await listed(statuses=["CANCELLED"], isManual=False) == ["ord-000001"]
    assert await listed(types=["PERSONAL"], paymentId="elsewhere1", orderName="보리차", isTest=True) == ["elsewhere1"]
    assert await listed(timeRangeField="CANCELLED_AT", statuses=["ISSUED", "CANCELLED"]) == ["ord-000001"]
    assert await listed(until="2026-08-01T03:30:00Z") == ["ord-000001"]
    status, answer = await sandbox.api("GET", "/cash-receipts", {"filter": {"pgCompanies": ["NOBODY"]}})
    assert (status, answer["type"]) == (400, "INVALID_REQUEST")
