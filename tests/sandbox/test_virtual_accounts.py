"""Virtual accounts: issued, paid into, too late, in vain, closed (portone-facts §2.9, §4.3, §10.9)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.clock import rfc3339
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Endpoint, Sandbox

CLOSE = "/payments/ord-000001/virtual-account/close"
ACCOUNT = {"bank": "SHINHAN", "number": "110", "holderName": "홍길동"}


async def issue(sandbox: Sandbox, payment_id: str = "ord-000001", **params: Any) -> dict:
    result = await sandbox.pay(payment_id, payMethod="VIRTUAL_ACCOUNT", **params)
    assert "code" not in result
    return await get(sandbox, payment_id)


async def get(sandbox: Sandbox, payment_id: str = "ord-000001") -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


async def test_an_issued_account_says_where_until_when_and_has_taken_nothing(sandbox: Sandbox, shop: Endpoint) -> None:
    issued = await issue(sandbox, customer={"fullName": "홍길동"})
    assert issued["status"] == "VIRTUAL_ACCOUNT_ISSUED"
    assert (issued["amount"]["paid"], "paidAt" in issued, "pgTxId" in issued) == (0, False, True)
    method = issued["method"]
    assert method["type"] == "PaymentMethodVirtualAccount"
    assert (method["bank"], method["remitterName"], method["accountType"]) == ("SHINHAN", "홍길동", "NORMAL")
    assert (method["issuedAt"], method["expiredAt"]) == ("2026-08-01T03:00:00.000Z", "2026-08-04T03:00:00.000Z")
    assert sandbox.captures("ord-000001") == []
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.VirtualAccountIssued"]


@pytest.mark.parametrize(
    ("expiry", "expired_at"),
    [
        ({"validHours": 5}, "2026-08-01T08:00:00.000Z"),
        ({"dueDate": "2026-08-02T10:00:00+09:00"}, "2026-08-02T01:00:00.000Z"),
        ({"dueDate": "2026-08-02T10:00:00"}, "2026-08-02T01:00:00.000Z"),
    ],
)
async def test_the_merchant_may_say_until_when(sandbox: Sandbox, expiry: dict, expired_at: str) -> None:
    issued = await issue(sandbox, virtualAccount={"accountExpiry": expiry})
    assert issued["method"]["expiredAt"] == expired_at


@pytest.mark.parametrize(("zone", "expired_at"), [("KST", "2026-08-02T01:00"), ("UTC", "2026-08-02T10:00")])
async def test_the_zone_of_a_due_date_without_one_is_a_switch(zone: Any, expired_at: str) -> None:
    sandbox = Sandbox(inferred=Inferred(due_dates_are_in=zone))
    issued = await issue(sandbox, virtualAccount={"accountExpiry": {"dueDate": "2026-08-02T10:00:00"}})
    assert issued["method"]["expiredAt"].startswith(expired_at)
    told = await issue(sandbox, "ord-000002", virtualAccount={"accountExpiry": {"dueDate": "2026-08-02T10:00:00Z"}})
    assert told["method"]["expiredAt"].startswith("2026-08-02T10:00"), "one that has a zone has it"


async def test_a_deposit_pays_and_its_webhook_says_why(sandbox: Sandbox, shop: Endpoint) -> None:
    issued = await issue(sandbox)
    await sandbox.move(timedelta(hours=2))
    assert await sandbox.deposit("ord-000001")
    paid = await get(sandbox)
    assert (paid["status"], paid["paidAt"]) == ("PAID", "2026-08-01T05:00:00.000Z")
    assert paid["method"] == issued["method"]
    assert paid["pgTxId"] == issued["pgTxId"]
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ["Transaction.Paid"]
    assert (await get(sandbox))["webhooks"][-1]["trigger"] == "VIRTUAL_ACCOUNT_DEPOSIT"
    assert sandbox.captures("ord-000001") == [1_000]
    # A second deposit finds the account closed, and the deadline finds nothing to end.
    assert not await sandbox.deposit("ord-000001")
    await sandbox.move(timedelta(days=30))
    assert (await get(sandbox))["status"] == "PAID"
    assert sandbox.captures("ord-000001") == [1_000]


@pytest.mark.parametrize("is_refused", [True, False])
@pytest.mark.parametrize("amount", [999, 1_001])
async def test_whether_the_bank_takes_another_sum_is_a_switch(is_refused: bool, amount: int) -> None:
    sandbox = Sandbox(inferred=Inferred(wrong_deposit_is_refused=is_refused))
    await issue(sandbox)
    assert await sandbox.deposit("ord-000001", amount) != is_refused
    assert (await get(sandbox))["status"] == ("VIRTUAL_ACCOUNT_ISSUED" if is_refused else "PAID")


@pytest.mark.parametrize("is_refused", [True, False])
@pytest.mark.parametrize("becomes", ["FAILED", "CANCELLED", "VIRTUAL_ACCOUNT_ISSUED"])
async def test_what_becomes_of_a_lapsed_account_and_of_a_late_deposit_are_switches(
    is_refused: bool, becomes: Any
) -> None:
    sandbox = Sandbox(inferred=Inferred(late_deposit_is_refused=is_refused, expired_account_becomes=becomes))
    await issue(sandbox)
    await sandbox.move(timedelta(hours=72))
    lapsed = await get(sandbox)
    assert lapsed["status"] == becomes
    assert lapsed["amount"]["paid"] == 0
    if becomes == "CANCELLED":
        assert (lapsed["cancellations"], lapsed["cancelledAt"]) == ([], "2026-08-04T03:00:00.000Z")
        assert "paidAt" not in lapsed
    assert await sandbox.deposit("ord-000001") != is_refused
    assert (await get(sandbox))["status"] == (becomes if is_refused else "PAID")
    assert sandbox.captures("ord-000001") == ([] if is_refused else [1_000])


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize(
    ("becomes", "type_"), [("FAILED", "Transaction.Failed"), ("CANCELLED", "Transaction.Cancelled")]
)
async def test_whether_a_closed_account_is_announced_and_what_it_becomes_are_switches(
    shop: Endpoint, is_announced: bool, becomes: Any, type_: str
) -> None:
    inferred = Inferred(end_of_account_is_announced=is_announced, closed_account_becomes=becomes)
    sandbox = Sandbox(deliver=shop, inferred=inferred)
    await issue(sandbox)
    status, answer = await sandbox.api("POST", CLOSE)
    assert (status, answer) == (200, {"closedAt": rfc3339(sandbox.clock.now())})
    assert (await get(sandbox))["status"] == becomes
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ([type_] if is_announced else [])
    assert not await sandbox.deposit("ord-000001")
    await sandbox.move(timedelta(days=30))
    assert (await get(sandbox))["status"] == becomes
    status, answer = await sandbox.api("POST", CLOSE)
    assert (status, answer["type"]) == (409, "PAYMENT_NOT_WAITING_FOR_DEPOSIT")


async def test_only_an_account_that_waits_can_be_closed(sandbox: Sandbox) -> None:
    status, answer = await sandbox.api("POST", CLOSE)
    assert (status, answer["type"]) == (404, "PAYMENT_NOT_FOUND")
    await sandbox.pre_register("ord-000001", 1_000)
    assert (await sandbox.api("POST", CLOSE))[1]["type"] == "PAYMENT_NOT_FOUND"
    await sandbox.pay("ord-000001")
    status, answer = await sandbox.api("POST", CLOSE)
    assert (status, answer["type"]) == (409, "PAYMENT_NOT_WAITING_FOR_DEPOSIT")
    status, answer = await sandbox.api("POST", CLOSE + "?storeId=store-other")
    assert (status, answer["type"]) == (403, "FORBIDDEN")


async def test_portone_hears_of_a_deposit_late_or_never(sandbox: Sandbox, shop: Endpoint) -> None:
    await issue(sandbox)
    await issue(sandbox, "ord-000002")
    assert await sandbox.deposit("ord-000001", known_after_s=86_400 * 5)
    assert await sandbox.deposit("ord-000002", known_after_s=None)
    assert (await get(sandbox))["status"] == "VIRTUAL_ACCOUNT_ISSUED"
    assert (await sandbox.api("POST", CLOSE))[1]["pgCode"] == "ALREADY_DEPOSITED"
    assert not await sandbox.deposit("ord-000001")
    await sandbox.move(timedelta(days=5))
    assert (await get(sandbox))["status"] == "PAID"
    assert (await get(sandbox, "ord-000002"))["status"] == "VIRTUAL_ACCOUNT_ISSUED"
    assert sandbox.captures("ord-000001") == [1_000]
    assert shop.types().count("Transaction.Paid") == 1


async def test_a_deposit_may_come_without_a_webhook(sandbox: Sandbox, shop: Endpoint) -> None:
    await issue(sandbox)
    await sandbox.deposit("ord-000001", is_silent=True)
    assert (await get(sandbox))["status"] == "PAID"
    await sandbox.settle_webhooks()
    assert "Transaction.Paid" not in shop.types()


async def test_nobody_pays_into_a_payment_without_an_account(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    with pytest.raises(Exception, match="nobody can pay"):
        await sandbox.deposit("ord-000001")


async def test_a_deposit_after_another_attempt_was_paid_is_not_a_second_success(sandbox: Sandbox) -> None:
    await issue(sandbox)
    await sandbox.deposit("ord-000001", known_after_s=60)
    by_card = await sandbox.pay("ord-000001")
    assert not await sandbox.deposit("ord-000001")
    await sandbox.move(timedelta(minutes=2))
    paid = await get(sandbox)
    assert (paid["status"], paid["transactionId"]) == ("PAID", by_card["txId"])
    assert sandbox.captures("ord-000001") == [1_000]
    assert [attempt.status for attempt in sandbox.payment("ord-000001").attempts] == ["FAILED", "PAID"]


async def test_a_deposit_in_a_window_goes_into_the_account_that_the_window_shows(sandbox: Sandbox) -> None:
    first, second = [await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT") for _ in range(2)]
    target = f"/__browser__/transactions/{first['txId']}/deposit"
    status, _, answered = await sandbox.transport.send("POST", target, {}, b"")
    assert (status, answered) == (200, b'{"isTaken":true}')
    became = [attempt.status for each in (first, second) if (attempt := sandbox.world.attempt(each["txId"]))]
    assert became == ["PAID", "VIRTUAL_ACCOUNT_ISSUED"]


async def test_a_deposit_goes_into_the_account_that_still_waits(sandbox: Sandbox) -> None:
    """The payer asked for a second account, which has lapsed; the first takes money for a day yet."""
    first = await issue(sandbox, virtualAccount={"accountExpiry": {"validHours": 24}})
    await issue(sandbox, virtualAccount={"accountExpiry": {"validHours": 1}})
    await sandbox.move(timedelta(hours=2))
    assert await sandbox.deposit("ord-000001")
    attempt = sandbox.world.attempt(first["transactionId"])
    assert attempt is not None
    assert (attempt.status, sandbox.captures("ord-000001")) == ("PAID", [1000])


async def test_a_refund_of_a_deposit_shows_how_it_fares(sandbox: Sandbox) -> None:
    await issue(sandbox)
    await sandbox.deposit("ord-000001")

    async def refund_status(*faults: str, **body: Any) -> str:
        for fault in faults:
            sandbox.fault(fault)
        assert (await sandbox.cancel("ord-000001", refundAccount=ACCOUNT, **body))[0] == 200
        return (await get(sandbox))["method"]["refundStatus"]

    assert await refund_status("cancel_fails", amount=400) == "PARTIAL_REFUND_FAILED"
    assert await refund_status("cancel_fails") == "FAILED"
    assert await refund_status("cancel_waits") == "PENDING"
    await sandbox.end_cancellation("ord-000001", succeeds=True)
    assert (await get(sandbox))["method"]["refundStatus"] == "COMPLETED"
    assert sandbox.refunds("ord-000001") == [1_000]


@pytest.mark.parametrize("bank", ["KOOKMIN_BANK", "국민은행", "004", ""])
async def test_a_refund_goes_to_a_bank_of_the_apis_words(sandbox: Sandbox, bank: str) -> None:
    await issue(sandbox)
    await sandbox.deposit("ord-000001")
    status, answer = await sandbox.cancel("ord-000001", refundAccount=ACCOUNT | {"bank": bank})
    assert (status, answer["type"], sandbox.refunds("ord-000001")) == (400, "INVALID_REQUEST", [])
    assert (await sandbox.cancel("ord-000001", refundAccount=ACCOUNT | {"bank": "KOOKMIN"}))[0] == 200


async def test_a_deposit_can_be_given_back_after_years(sandbox: Sandbox) -> None:
    await issue(sandbox)
    await sandbox.deposit("ord-000001")
    await sandbox.move(timedelta(days=1_500))
    assert (await sandbox.cancel("ord-000001", refundAccount=ACCOUNT))[0] == 200
