"""Each way to pay: its `method` object, its way to PAID, and what its PG does not let be cancelled (§2.2, §10)."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL, JAPAN_CHANNEL, PAYPAL_CHANNEL
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.methods import METHODS, OFFERED
from jangbu.sandbox.core.wallets import WALLETS
from jangbu.sandbox.testing import Endpoint, Sandbox

PAYPAL: dict[str, Any] = {"channelKey": PAYPAL_CHANNEL, "payMethod": "PAYPAL", "currency": "USD", "totalAmount": 1_999}
STORE: dict[str, Any] = {"channelKey": JAPAN_CHANNEL, "payMethod": "CONVENIENCE_STORE", "currency": "JPY"}


async def get(sandbox: Sandbox, payment_id: str = "ord-000001") -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


@pytest.mark.parametrize(
    ("method", "params", "type_"),
    [
        ("card", {}, "PaymentMethodCard"),
        ("kakaopay", {"payMethod": "EASY_PAY", "channelKey": EASY_PAY_CHANNEL}, "PaymentMethodEasyPay"),
        ("naverpay", {"payMethod": "EASY_PAY"}, "PaymentMethodEasyPay"),
        ("tosspay", {"payMethod": "EASY_PAY"}, "PaymentMethodEasyPay"),
        ("alipay", {"payMethod": "ALIPAY", "currency": "CNY"}, "PaymentMethodEasyPay"),
        ("transfer", {"payMethod": "TRANSFER"}, "PaymentMethodTransfer"),
        ("mobile", {"payMethod": "MOBILE"}, "PaymentMethodMobile"),
        ("gift_certificate", {"payMethod": "GIFT_CERTIFICATE"}, "PaymentMethodGiftCertificate"),
    ],
)
async def test_these_are_paid_at_once(sandbox: Sandbox, method: str, params: dict, type_: str) -> None:
    await sandbox.pay("ord-000001", method=method, **params)
    paid = await get(sandbox)
    assert (paid["status"], paid["method"]["type"]) == ("PAID", type_)
    assert sandbox.captures("ord-000001") == [1_000]


def test_every_method_is_offered_for_some_pay_method() -> None:
    named = {f"EASY_PAY of {name}": (name,) for name in WALLETS}
    assert {name for names in (OFFERED | named).values() for name in names} == METHODS.keys()


@pytest.mark.parametrize("pay_method", OFFERED)
async def test_the_window_of_every_pay_method_shows_what_it_offers(sandbox: Sandbox, pay_method: str) -> None:
    opened = await sandbox.open("ord-000001", payMethod=pay_method)
    for language in ("KO_KR", "EN_US"):
        opened = await sandbox.open("ord-000001", payMethod=pay_method, locale=language)
        if pay_method == "PAYPAL":
            target = f"/__browser__/transactions/{opened['txId']}/sign-in"
            buyer = msgspec.json.encode({"email": "buyer@paypal.test", "password": "sandbox-buyer"})
            assert (await sandbox.transport.send("POST", target, {}, buyer))[0] == 200
        status, _, page = await sandbox.transport.send("GET", opened["windowUrl"])
        assert status == 200
        assert all(f'value="{name}"'.encode() in page for name in OFFERED[pay_method])


@pytest.mark.parametrize(("field", "listed"), [("VIRTUAL_ACCOUNT", ["issued-1"]), ("CONVENIENCE_STORE", ["store-01"])])
async def test_lists_filter_by_method(sandbox: Sandbox, field: str, listed: list[str]) -> None:
    await sandbox.pay("issued-1", payMethod="VIRTUAL_ACCOUNT")
    await sandbox.pay("store-01", **STORE)
    await sandbox.pay("paypal-1", **PAYPAL)
    _, page = await sandbox.api("GET", "/payments", {"filter": {"methods": [field]}})
    assert [item["id"] for item in page["items"]] == listed
    _, page = await sandbox.api("GET", "/payments", {"filter": {"status": ["PENDING"], "methods": ["EASY_PAY"]}})
    assert [item["id"] for item in page["items"]] == ["paypal-1"]


@pytest.mark.parametrize("waits", [True, False])
async def test_whether_paypal_waits_is_a_switch(shop: Endpoint, waits: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(paypal_waits=waits))
    result = await sandbox.pay("ord-000001", **PAYPAL)
    assert "code" not in result
    first = await get(sandbox)
    assert (first["status"], first["amount"]["total"]) == ("PAY_PENDING" if waits else "PAID", 1_999)
    assert sandbox.captures("ord-000001") == ([] if waits else [1_999])
    await sandbox.move(timedelta(minutes=10))
    paid = await get(sandbox)
    assert (paid["status"], paid["method"]["provider"]) == ("PAID", "PAYPAL")
    assert sandbox.captures("ord-000001") == [1_999]
    assert shop.types()[1:] == (["Transaction.PayPending"] if waits else []) + ["Transaction.Paid"]
    assert paid["webhooks"][-1].get("trigger") == ("ASYNC_PAY_APPROVED" if waits else None)


@pytest.mark.parametrize("by", ["fault", "order"])
async def test_an_approval_that_waits_may_be_refused(sandbox: Sandbox, shop: Endpoint, by: str) -> None:
    sandbox.fault("pay_waits", seconds=3_600)
    if by == "fault":
        sandbox.fault("pay_refused")
    await sandbox.pay("ord-000001")
    assert (await get(sandbox))["status"] == "PAY_PENDING"
    assert (await sandbox.cancel("ord-000001"))[1]["type"] == "PAYMENT_NOT_PAID"
    if by == "order":
        assert await sandbox.settle_payment("ord-000001", reason="insufficient_funds") == "FAILED"
    await sandbox.move(timedelta(hours=1))
    failed = await get(sandbox)
    assert (failed["status"], failed["failure"]["pgCode"]) == ("FAILED", "INSUFFICIENT_FUNDS")
    assert failed["webhooks"][-1]["trigger"] == "ASYNC_PAY_FAILED"
    assert shop.types()[1:] == ["Transaction.PayPending", "Transaction.Failed"]
    assert sandbox.captures("ord-000001") == []
    with pytest.raises(Exception, match="does not wait"):
        await sandbox.settle_payment("ord-000001")


async def test_an_approval_refused_by_order_names_its_reason(sandbox: Sandbox) -> None:
    sandbox.fault("pay_refused", reason="lost_card")
    result = await sandbox.pay("ord-000001")
    assert (result["code"], result["pgCode"]) == ("PGProviderError", "LOST_CARD")
    assert (await get(sandbox))["status"] == "FAILED"
    with pytest.raises(Exception, match="lost_card"):
        sandbox.fault("pay_refused", reason="bad_mood")


async def test_of_two_approvals_that_wait_one_succeeds(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", **PAYPAL)
    second = await sandbox.pay("ord-000001")
    await sandbox.move(timedelta(hours=1))
    paid = await get(sandbox)
    assert (paid["status"], paid["transactionId"]) == ("PAID", second["txId"])
    assert sandbox.captures("ord-000001") == [1_000]
    statuses = [attempt.status for attempt in sandbox.payment("ord-000001").attempts]
    assert statuses == ["FAILED", "PAID"]


@pytest.mark.parametrize("status", ["PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED"])
async def test_what_a_convenience_store_payment_waits_as_is_a_switch(shop: Endpoint, status: Any) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(convenience_store_waits_as=status))
    await sandbox.pay("ord-000001", **STORE)
    waiting = await get(sandbox)
    assert waiting["status"] == status
    assert waiting["method"].keys() >= {"confirmationNumber", "receiptNumber", "paymentDeadline"}
    assert await sandbox.deposit("ord-000001")
    assert (await get(sandbox))["status"] == "PAID"
    assert sandbox.captures("ord-000001") == [1_000]


def paid_on(at: str) -> Sandbox:
    return Sandbox(at=datetime.fromisoformat(at))


@pytest.mark.parametrize(
    ("provider", "params", "after_days", "body", "code"),
    [
        ("TOSSPAYMENTS", {}, 365, {}, None),
        ("TOSSPAYMENTS", {}, 366, {}, "CANCEL_PERIOD_EXPIRED"),
        ("KSNET", {}, 184, {}, "CANCEL_PERIOD_EXPIRED"),
        ("NAVERPAY", {}, 1_095, {}, None),
        ("TOSSPAYMENTS", {"payMethod": "MOBILE"}, 0, {"amount": 1}, None),
        ("TOSSPAYMENTS", {"payMethod": "MOBILE"}, 1, {}, "CANCEL_PERIOD_EXPIRED"),
        ("KSNET", {"payMethod": "MOBILE"}, 0, {"amount": 1}, "PARTIAL_CANCEL_NOT_SUPPORTED"),
        ("KSNET", {"payMethod": "MOBILE"}, 0, {}, None),
        ("TOSSPAYMENTS", {"payMethod": "GIFT_CERTIFICATE"}, 0, {"amount": 1}, "PARTIAL_CANCEL_NOT_SUPPORTED"),
        ("TOSSPAYMENTS", {"payMethod": "GIFT_CERTIFICATE"}, 0, {}, None),
    ],
)
async def test_each_pg_has_its_own_rules_for_cancels(
    provider: str, params: dict, after_days: int, body: dict, code: str | None
) -> None:
    # The last hour of a Korean month: one day later it is another.
    sandbox = paid_on("2026-08-31T23:00:00+09:00")
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = provider
    await sandbox.pay("ord-000001", customer={"fullName": "김장부"}, **params)
    await sandbox.move(timedelta(days=after_days))
    status, answer = await sandbox.cancel("ord-000001", **body)
    assert (status, answer.get("pgCode")) == ((502, code) if code else (200, None))
    assert len(sandbox.refunds("ord-000001")) == (0 if code else 1)


async def test_a_mobile_payment_goes_back_within_the_korean_month(sandbox: Sandbox) -> None:
    sandbox = paid_on("2026-08-31T23:59:00+09:00")
    for name in ("ord-000001", "ord-000002"):
        await sandbox.pay(name, payMethod="MOBILE")
    assert (await sandbox.cancel("ord-000001"))[0] == 200
    await sandbox.move(timedelta(minutes=1))
    assert (await sandbox.cancel("ord-000002"))[1]["pgCode"] == "CANCEL_PERIOD_EXPIRED"


async def test_ksnet_takes_nine_partial_cancels(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = "KSNET"
    await sandbox.pay("ord-000001", customer={"fullName": "김장부"})
    for _ in range(9):
        assert (await sandbox.cancel("ord-000001", 1))[0] == 200
    assert (await sandbox.cancel("ord-000001", 1))[1]["pgCode"] == "PARTIAL_CANCEL_NOT_SUPPORTED"


async def test_a_convenience_store_does_not_give_back(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", **STORE)
    await sandbox.deposit("ord-000001")
    assert (await sandbox.cancel("ord-000001"))[1]["pgCode"] == "CANCEL_NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("asked", "deadline"),
    [
        (None, "2026-08-04T03:00:00.000Z"),
        ({"validHours": 5}, "2026-08-01T08:00:00.000Z"),
        ({"dueDate": "2026-08-02T12:00:00+09:00"}, "2026-08-02T03:00:00.000Z"),
    ],
)
async def test_the_counter_takes_the_money_until_when_the_merchant_says(
    sandbox: Sandbox, asked: dict[str, Any] | None, deadline: str
) -> None:
    more = {"convenienceStore": {"paymentDeadline": asked}} if asked else {}
    await sandbox.pay("store-until", **STORE, **more)
    payment = (await sandbox.api("GET", "/payments/store-until"))[1]
    assert payment["method"]["paymentDeadline"] == deadline


async def test_a_deadline_that_is_no_time_is_refused(sandbox: Sandbox) -> None:
    refused = await sandbox.open("store-x", **STORE, convenienceStore={"paymentDeadline": {"dueDate": "soon"}})
    assert refused["code"] == "RequestParseFailed"
    assert "convenienceStore.paymentDeadline.dueDate" in refused["message"]
