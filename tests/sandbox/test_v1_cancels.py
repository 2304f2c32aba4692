"""V1 gives money back through the same core as V2, and tells of it in its own envelope."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu import sandbox as names
from jangbu.sandbox.control import Config, configure
from jangbu.sandbox.testing import Endpoint, Sandbox


async def cancel(sandbox: Sandbox, **fields: Any) -> tuple[int, Any]:
    return await sandbox.v1("POST", "/payments/cancel", fields)


async def test_in_part_and_then_the_rest(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001")
    _, part = await cancel(sandbox, imp_uid=imp_uid, amount=300, checksum=1000, reason="변심")
    payment = part["response"]
    assert (payment["cancel_amount"], payment["cancel_reason"], len(payment["cancel_history"])) == (300, "변심", 1)
    assert payment["cancel_history"][0]["amount"] == 300
    _, rest = await cancel(sandbox, merchant_uid="order-0001", amount=0)
    assert (rest["response"]["status"], rest["response"]["cancel_amount"]) == ("cancelled", 1000)
    assert sandbox.refunds("order-0001") == [300, 700]
    status, seen = await sandbox.api("GET", "/payments/order-0001")
    assert (status, seen["status"], len(seen["cancellations"])) == (200, "CANCELLED", 2)


async def test_decimals_of_a_dollar(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", amount=14.2, currency="USD")
    _, answer = await cancel(sandbox, imp_uid=imp_uid, amount=4.15, checksum=14.2)
    assert answer["response"]["cancel_amount"] == 4.15
    assert sandbox.refunds("order-0001") == [415]
    _, answer = await cancel(sandbox, imp_uid=imp_uid, amount=0.001)
    assert answer["code"] == 1
    assert sandbox.refunds("order-0001") == [415]


REFUSALS: dict[str, dict[str, Any]] = {
    "another checksum": {"amount": 100, "checksum": 999},
    "more than is left": {"amount": 1001},
    "more tax-free than there is": {"amount": 900, "tax_free": 600},
    "more taxable than there is": {"amount": 1000, "tax_free": 0},
    "parts above the whole": {"amount": 100, "tax_free": 60, "vat_amount": 60},
    "no number": {"amount": "much"},
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_a_code_and_a_korean_sentence(sandbox: Sandbox, name: str) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", tax_free=500)
    status, answer = await cancel(sandbox, imp_uid=imp_uid, **REFUSALS[name])
    assert (status, answer["response"]) == (200, None)
    assert answer["code"] != 0
    assert any("가" <= letter <= "힣" for letter in answer["message"])
    assert sandbox.refunds("order-0001") == []


async def test_what_is_not_there_not_paid_or_cancelled_already(sandbox: Sandbox) -> None:
    assert (await cancel(sandbox, imp_uid="imp_nobody"))[1]["code"] == 1
    assert (await cancel(sandbox, merchant_uid="nobody"))[1]["code"] == 1
    assert (await cancel(sandbox))[1]["code"] == 1
    opened = await sandbox.v1_open("order-0001")
    assert (await cancel(sandbox, imp_uid=opened["imp_uid"]))[1]["code"] == 1
    await sandbox.decide(opened["imp_uid"], "decline")
    won = await sandbox.v1_pay("order-0001")
    status, answer = await cancel(sandbox, imp_uid=opened["imp_uid"])
    assert (status, answer["code"], sandbox.refunds("order-0001")) == (200, 1, [])
    assert (await cancel(sandbox, imp_uid=won, merchant_uid="other"))[1]["code"] == 0
    status, answer = await cancel(sandbox, imp_uid=won)
    assert (status, answer["code"]) == (200, 1)
    assert sandbox.refunds("order-0001") == [1000]


async def test_the_pg_says_no(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001")
    sandbox.fault("cancel_refused")
    status, answer = await cancel(sandbox, imp_uid=imp_uid)
    assert (status, answer["code"]) == (200, 1)
    assert "CANCEL_REFUSED" in answer["message"]
    sandbox.fault("cancel_fails")
    assert (await cancel(sandbox, imp_uid=imp_uid))[1]["code"] == 1
    assert sandbox.refunds("order-0001") == []


async def test_a_test_channels_payment_can_be_cancelled_without_saying_so(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", channelKey=names.CARD_CHANNEL)
    assert (await cancel(sandbox, imp_uid=imp_uid))[1]["code"] == 0


async def test_a_deposit_goes_back_to_an_account(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", pay_method="vbank")
    await sandbox.deposit("order-0001")
    assert (await cancel(sandbox, imp_uid=imp_uid))[1]["code"] == 1
    account = {"refund_holder": "김장부", "refund_bank": "88", "refund_account": "110123456789"}
    _, answer = await cancel(sandbox, imp_uid=imp_uid, **account)
    assert (answer["code"], answer["response"]["status"]) == (0, "cancelled")


async def test_what_is_left_by_its_parts(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", amount=1100, tax_free=0)
    await cancel(sandbox, imp_uid=imp_uid, amount=550)
    status, answer = await sandbox.v1("GET", f"/payments/{imp_uid}/balance")
    assert status == 200
    assert answer["response"]["amount"] == 1100
    assert answer["response"]["primary"] == {"tax_free": 0, "supply": 500, "vat": 50, "service": 0}


async def test_v1_webhooks_are_unsigned_and_silent_by_default(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1"))
    imp_uid = await sandbox.v1_pay("order-0001")
    lost = await sandbox.v1_open("order-0002")
    await sandbox.decide(lost["imp_uid"], "decline")
    await cancel(sandbox, imp_uid=imp_uid, amount=300)
    await sandbox.settle_webhooks()
    assert [shop.body(n) for n in range(len(shop.got))] == [
        {"imp_uid": imp_uid, "merchant_uid": "order-0001", "status": "paid"}
    ]
    assert not any(name.startswith("webhook-") for name in shop.got[0][0])

    _, answer = await cancel(sandbox, imp_uid=imp_uid, amount=300, enable_webhook=True)
    await sandbox.cancel_elsewhere("order-0001", 100)
    await sandbox.settle_webhooks()
    assert [shop.body(n)["status"] for n in (1, 2)] == ["cancelled", "cancelled"]
    assert shop.body(1)["cancellation_id"] == answer["response"]["cancel_history"][-1]["cancellation_id"]


@pytest.mark.parametrize("is_wanted", [False, True])
async def test_a_cancel_that_the_pg_decides_later_is_as_silent_as_it_was_asked_to_be(
    shop: Endpoint, is_wanted: bool
) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1"))
    imp_uid = await sandbox.v1_pay("order-0001", pay_method="paypal", channelKey=names.PAYPAL_CHANNEL, amount=14.2)
    await sandbox.move(timedelta(minutes=10))
    await sandbox.settle_webhooks()
    paid = len(shop.got)
    _, answer = await cancel(sandbox, imp_uid=imp_uid, **({"enable_webhook": True} if is_wanted else {}))
    assert (answer["code"], answer["response"]["cancel_amount"]) == (0, 0)
    await sandbox.move(timedelta(minutes=10))
    await sandbox.settle_webhooks()
    assert sandbox.refunds("order-0001") == [1420]
    assert [shop.body(n)["status"] for n in range(paid, len(shop.got))] == (["cancelled"] if is_wanted else [])


async def test_a_form_and_an_issued_account(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1", v1_webhook_is_form=True))
    imp_uid = await sandbox.v1_pay("order-0001", pay_method="vbank")
    await sandbox.settle_webhooks()
    headers, body = shop.got[0]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert body == f"imp_uid={imp_uid}&merchant_uid=order-0001&status=ready".encode()


@pytest.mark.parametrize(
    ("answers", "retries", "tries", "state"),
    [
        ([500], 0, 1, "DEAD"),
        ([500, 500, 200], 5, 3, "DELIVERED"),
        ([ConnectionRefusedError()], 1, 2, "DELIVERED"),
        ([404], 5, 1, "DEAD"),
        ([500] * 9, 5, 6, "DEAD"),
        ([201], 5, 1, "DELIVERED"),
    ],
)
async def test_v1_tries_again_only_where_it_was_asked_to(
    shop: Endpoint, answers: list[Any], retries: int, tries: int, state: str
) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1", v1_webhook_retries=retries))
    shop.answers = answers
    await sandbox.v1_pay("order-0001")
    began = sandbox.clock.now()
    await sandbox.settle_webhooks(with_retries=True)
    delivery = sandbox.world.state.deliveries[-1]
    assert (len(delivery.tries), delivery.state) == (tries, state)
    assert (sandbox.clock.now() - began).total_seconds() == 60 * (tries - 1)


async def test_a_doubled_webhook_of_v1_takes_no_retry_away(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1", v1_webhook_retries=1))
    shop.answers = [500] * 3
    sandbox.fault("webhook_twice", operation="Transaction.Paid")
    await sandbox.v1_pay("order-0001")
    await sandbox.settle_webhooks(with_retries=True)
    delivery = sandbox.world.state.deliveries[-1]
    assert (len(delivery.tries), delivery.state) == (3, "DEAD")


async def test_the_merchant_is_asked_before_the_approval(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop)
    shop.answers = [(400, '{"reason": "품절"}'.encode())]
    opened = await sandbox.v1_open("order-0001", amount=14.2, currency="USD", confirm_url="https://shop.test/ask")
    result = await sandbox.decide(opened["imp_uid"], "approve")
    assert (result["error_code"], result["error_msg"]) == ("ConfirmProcessFailed", "품절")
    assert shop.body(0) == {"imp_uid": opened["imp_uid"], "merchant_uid": "order-0001", "amount": 14.2}
    assert "webhook-signature" not in shop.got[0][0]
    assert sandbox.captures("order-0001") == []
