"""Approvals that the merchant's server has a say in: manual confirm, and the question before it (§2.5, §4.4)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, LIVE_CHANNEL, PAYPAL_CHANNEL
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.webhooks import sign
from jangbu.sandbox.testing import Endpoint, Sandbox

CONFIRM = "/payments/ord-000001/confirm"
URL = "https://shop.test/confirm"


def manual(sandbox: Sandbox) -> Sandbox:
    for key in (CARD_CHANNEL, LIVE_CHANNEL, PAYPAL_CHANNEL):
        sandbox.world.state.channels[key].approves_manually = True
    return sandbox


async def get(sandbox: Sandbox, payment_id: str = "ord-000001") -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


async def test_the_browser_gets_a_token_and_the_server_approves(sandbox: Sandbox, shop: Endpoint) -> None:
    manual(sandbox)
    result = await sandbox.pay("ord-000001", method="kakaopay", payMethod="EASY_PAY")
    assert "code" not in result
    token = result["paymentToken"]
    assert (await get(sandbox))["status"] == "READY"
    assert sandbox.captures("ord-000001") == []
    # What the shopper agreed to stands, whatever is pressed in the window after.
    assert await sandbox.decide(result["txId"], "close") == result
    assert await sandbox.decide(result["txId"], "decline") == result
    await sandbox.move(timedelta(minutes=1))
    said = {
        "paymentToken": token,
        "txId": result["txId"],
        "currency": "KRW",
        "totalAmount": 1_000,
        "taxFreeAmount": 0,
        "isTest": True,
    }
    status, answer = await sandbox.api("POST", CONFIRM, said)
    paid = await get(sandbox)
    assert (status, answer) == (200, {"pgTxId": paid["pgTxId"], "paidAt": "2026-08-01T03:01:00.000Z"})
    assert (paid["status"], paid["method"]["provider"]) == ("PAID", "KAKAOPAY")
    assert sandbox.captures("ord-000001") == [1_000]
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.Paid"]
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": token})
    assert (status, answer["type"]) == (409, "ALREADY_PAID")


async def test_skip_webhook_silences_the_confirmed_payment(sandbox: Sandbox, shop: Endpoint) -> None:
    manual(sandbox)
    token = (await sandbox.pay("ord-000001"))["paymentToken"]
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": token, "skipWebhook": True}))[0] == 200
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready"]


@pytest.mark.parametrize(
    "said",
    [
        {"txId": "00000000-0000-0000-0000-000000000000"},
        {"currency": "USD"},
        {"totalAmount": 999},
        {"taxFreeAmount": 1},
        {"isTest": False},
    ],
    ids=lambda said: next(iter(said)),
)
async def test_what_differs_from_what_was_agreed_is_a_mismatch_and_the_token_stays_good(
    sandbox: Sandbox, said: dict
) -> None:
    manual(sandbox)
    token = (await sandbox.pay("ord-000001"))["paymentToken"]
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": token, **said})
    assert (status, answer["type"]) == (409, "INFORMATION_MISMATCH")
    assert sandbox.captures("ord-000001") == []
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": token}))[0] == 200


@pytest.mark.parametrize("life_s", [60, 600])
async def test_how_long_a_token_lives_is_a_switch(life_s: int) -> None:
    sandbox = manual(Sandbox(inferred=Inferred(payment_token_life_s=life_s)))
    token = (await sandbox.pay("ord-000001"))["paymentToken"]
    await sandbox.move(timedelta(seconds=life_s))
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": token})
    assert (status, answer["type"]) == (400, "INVALID_PAYMENT_TOKEN")
    fresh = (await sandbox.pay("ord-000001"))["paymentToken"]
    await sandbox.move(timedelta(seconds=life_s - 1))
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": token}))[1]["type"] == "INVALID_PAYMENT_TOKEN"
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": fresh}))[0] == 200


async def test_only_a_token_of_this_payment_confirms_it(sandbox: Sandbox) -> None:
    manual(sandbox)
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": "pt_x"})
    assert (status, answer["type"]) == (404, "PAYMENT_NOT_FOUND")
    await sandbox.pre_register("ord-000001", 1_000)
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": "pt_x"}))[1]["type"] == "PAYMENT_NOT_FOUND"
    other = (await sandbox.pay("ord-000002"))["paymentToken"]
    await sandbox.open("ord-000001")
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": other})
    assert (status, answer["type"]) == (400, "INVALID_PAYMENT_TOKEN")


async def test_a_pg_that_refuses_at_confirm_fails_the_attempt(sandbox: Sandbox, shop: Endpoint) -> None:
    manual(sandbox)
    token = (await sandbox.pay("ord-000001"))["paymentToken"]
    sandbox.fault("pay_refused", reason="limit_exceeded")
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": token})
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "LIMIT_EXCEEDED")
    assert (await get(sandbox))["failure"]["pgCode"] == "LIMIT_EXCEEDED"
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": token}))[1]["type"] == "INVALID_PAYMENT_TOKEN"
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.Failed"]


async def test_one_of_two_tokens_confirms(sandbox: Sandbox) -> None:
    manual(sandbox)
    first = (await sandbox.pay("ord-000001"))["paymentToken"]
    second = (await sandbox.pay("ord-000001"))["paymentToken"]
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": first}))[0] == 200
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": second}))[1]["type"] == "ALREADY_PAID"
    assert sandbox.captures("ord-000001") == [1_000]


async def test_an_account_is_issued_at_confirm_and_paypal_waits_after_it(sandbox: Sandbox) -> None:
    manual(sandbox)
    token = (await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT"))["paymentToken"]
    status, answer = await sandbox.api("POST", CONFIRM, {"paymentToken": token})
    issued = await get(sandbox)
    assert (status, answer["paidAt"]) == (200, issued["method"]["issuedAt"])
    assert issued["status"] == "VIRTUAL_ACCOUNT_ISSUED"
    assert (await sandbox.api("POST", CONFIRM, {"paymentToken": token}))[1]["type"] == "INVALID_PAYMENT_TOKEN"

    token = (await sandbox.pay("ord-000002", payMethod="PAYPAL", channelKey=PAYPAL_CHANNEL))["paymentToken"]
    assert (await sandbox.api("POST", "/payments/ord-000002/confirm", {"paymentToken": token}))[0] == 200
    assert (await get(sandbox, "ord-000002"))["status"] == "PAY_PENDING"


@pytest.mark.parametrize("names_store", [True, False])
async def test_portone_asks_before_it_approves(shop: Endpoint, names_store: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(confirm_question_names_store=names_store))
    result = await sandbox.pay("ord-000001", confirmUrl=URL, totalAmount=7_000)
    assert "code" not in result
    [(headers, body)] = shop.got
    asked = msgspec.json.decode(body)
    store = {"storeId": "store-00000000-0000-4000-8000-000000000000"} if names_store else {}
    assert asked == {
        "type": "Transaction.Confirm",
        "timestamp": "2026-08-01T03:00:00.000Z",
        "data": {"paymentId": "ord-000001", "transactionId": result["txId"], "totalAmount": 7_000, **store},
    }
    [secret] = sandbox.world.state.stores["store-00000000-0000-4000-8000-000000000000"].webhooks["TEST"].secrets
    signed = sign([secret], headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == signed
    assert sandbox.captures("ord-000001") == [7_000]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((400, '{"errorMessage": "재고가 없습니다."}'.encode()), "재고가 없습니다."),
        ((500, b"<html>"), "가맹점이 결제를 승인하지 않았습니다."),
        ((201, b"{}"), "가맹점이 결제를 승인하지 않았습니다."),
        ((403, b'{"errorMessage": 7}'), "가맹점이 결제를 승인하지 않았습니다."),
        ((403, b"[1]"), "가맹점이 결제를 승인하지 않았습니다."),
        (ConnectionRefusedError(), "가맹점이 결제를 승인하지 않았습니다."),
    ],
)
async def test_anything_but_a_200_blocks_the_payment(
    sandbox: Sandbox, shop: Endpoint, answer: Any, message: str
) -> None:
    shop.answers = [answer]
    result = await sandbox.pay("ord-000001", confirmUrl=URL)
    assert (result["code"], result["message"]) == ("ConfirmProcessFailed", message)
    failed = await get(sandbox)
    assert (failed["status"], failed["failure"]) == ("FAILED", {"reason": message})
    assert sandbox.captures("ord-000001") == []
    await sandbox.settle_webhooks()
    assert shop.types()[1:] == ["Transaction.Ready", "Transaction.Failed"]
    # The question is no webhook: it is asked once, and no list shows it.
    assert [each["status"] for each in (await get(sandbox))["webhooks"]] == ["SUCCEEDED", "SUCCEEDED"]


async def test_a_merchant_who_does_not_answer_in_time_has_said_no() -> None:
    import asyncio

    async def silent(_: str, __: Any, ___: bytes) -> tuple[int, Any, bytes]:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets it")

    sandbox = Sandbox(deliver=silent, inferred=Inferred(confirm_question_timeout_s=0.01))
    result = await sandbox.pay("ord-000001", confirmUrl=URL)
    assert result["code"] == "ConfirmProcessFailed"


@pytest.mark.parametrize("pg", ["EXIMBAY", "EXIMBAY_V2"])
async def test_nobody_is_asked_with_eximbay(sandbox: Sandbox, shop: Endpoint, pg: str) -> None:
    """portone-facts §4.4, in V2 and in V1."""
    for channel in sandbox.world.state.channels.values():
        channel.pg_provider = pg
    shop.answers = [400, 400]
    assert "code" not in await sandbox.pay("ord-000001", confirmUrl=URL)
    opened = await sandbox.v1_open("order-0001", confirm_url=URL)
    await sandbox.decide(opened["imp_uid"], "approve")
    assert shop.got == []
    assert (sandbox.captures("ord-000001"), len(sandbox.captures("order-0001"))) == ([1_000], 1)


async def test_a_shopper_who_declines_is_not_asked_about(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.decline("ord-000001", confirmUrl=URL)
    assert shop.got == []


async def test_what_was_decided_while_the_merchant_thought_stands(sandbox: Sandbox) -> None:
    opened = {}

    async def slow(url: str, _: Any, __: bytes) -> tuple[int, Any, bytes]:
        if url == URL:
            await sandbox.decide(opened["txId"], "decline")
        return 200, {}, b""

    sandbox.parts.courier._deliver = slow
    opened |= await sandbox.open("ord-000001", confirmUrl=URL)
    result = await sandbox.decide(opened["txId"], "approve")
    assert result["pgCode"] == "INSUFFICIENT_FUNDS"
    assert (await get(sandbox))["status"] == "FAILED"
    assert sandbox.captures("ord-000001") == []
