"""Payments without a window: a card keyed in over the API, an account issued over it (portone-facts §2.6)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Endpoint, Sandbox

PAYMENT = "/payments/ord-000001"
CARD = {
    "number": "4330129876543210",
    "expiryYear": "31",
    "expiryMonth": "07",
    "birthOrBusinessRegistrationNumber": "870512",
    "passwordTwoDigits": "64",
}
ACCOUNT = {"bank": "KOOKMIN", "expiry": {"validHours": 5}, "option": {"type": "NORMAL"}, "remitteeName": "장부상회"}
ORDER = {"orderName": "전화 주문", "amount": {"total": 11_000}, "currency": "KRW", "channelKey": CARD_CHANNEL}


def keyed_in(**credential: str) -> dict[str, Any]:
    return {**ORDER, "method": {"card": {"credential": CARD | credential, "installmentMonth": 3}}}


def account(**more: Any) -> dict[str, Any]:
    return {**ORDER, "method": {"virtualAccount": ACCOUNT | more}}


async def instant(sandbox: Sandbox, body: dict[str, Any], **more: Any) -> tuple[int, Any]:
    return await sandbox.api("POST", PAYMENT + "/instant", body, **more)


async def get(sandbox: Sandbox) -> dict[str, Any]:
    status, body = await sandbox.api("GET", PAYMENT)
    assert status == 200, body
    return body


async def test_a_keyed_in_card_pays_and_the_answer_says_little(sandbox: Sandbox, shop: Endpoint) -> None:
    status, answer = await instant(sandbox, {**keyed_in(), "isCulturalExpense": True})
    payment = await get(sandbox)
    assert (status, answer) == (200, {"payment": {"pgTxId": payment["pgTxId"], "paidAt": payment["paidAt"]}})
    assert (payment["status"], payment["origin"]["platformType"]) == ("PAID", "API")
    assert (payment["amount"]["vat"], payment["isCulturalExpense"]) == (1_000, True)
    assert payment["method"]["card"]["number"] == "433012******3210"
    assert payment["method"]["installment"]["month"] == 3
    assert sandbox.captures("ord-000001") == [11_000]
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Paid"]
    assert (await sandbox.pay("ord-000001"))["code"] == "PaymentAlreadyPaid"


@pytest.mark.parametrize("outcome", ["paid", "declined", "malformed"])
async def test_nothing_of_a_keyed_in_card_is_kept_but_its_mask(sandbox: Sandbox, outcome: str) -> None:
    if outcome == "declined":
        sandbox.fault("pay_refused", reason="lost_card")
    body = keyed_in() if outcome != "malformed" else keyed_in(number="4330129876543210777x")
    await instant(sandbox, body, headers={"idempotency-key": '"keyed-in-0123456789"'})
    log = sandbox.log().decode()
    assert "ord-000001" in log
    for secret in ("4330129876543210", "9876543210", "870512", '"64"', '"31"', '"07"', "passwordTwoDigits", "expiry"):
        assert secret not in log, secret


@pytest.mark.parametrize(
    ("credential", "pg_code"),
    [
        ({"number": "433012"}, "INVALID_CARD_NUMBER"),
        ({"number": "4330-1298-7654-3210"}, "INVALID_CARD_NUMBER"),
        ({"expiryYear": "2031"}, "INVALID_EXPIRY"),
        ({"expiryMonth": "13"}, "INVALID_EXPIRY"),
        ({"expiryYear": "26", "expiryMonth": "07"}, "EXPIRED_CARD"),
    ],
)
async def test_a_card_that_no_pg_takes_fails_the_payment(
    sandbox: Sandbox, shop: Endpoint, credential: dict[str, str], pg_code: str
) -> None:
    status, answer = await instant(sandbox, keyed_in(**credential))
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", pg_code)
    payment = await get(sandbox)
    assert (payment["status"], payment["failure"]["pgCode"]) == ("FAILED", pg_code)
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Failed"]
    # A failed attempt ends nothing: the next one may succeed. A card is good until its month is over.
    assert (await instant(sandbox, keyed_in(expiryYear="26", expiryMonth="08")))[0] == 200
    assert sandbox.captures("ord-000001") == [11_000]


@pytest.mark.parametrize(
    ("number", "issuer"), [("4312001122334455", "SHINHAN_CARD"), ("9410001122334455", "KOOKMIN_CARD")]
)
async def test_the_test_cards_are_taken_after_their_month(sandbox: Sandbox, number: str, issuer: str) -> None:
    status, _ = await instant(sandbox, keyed_in(number=number, expiryYear="25", expiryMonth="12"))
    card = (await get(sandbox))["method"]["card"]
    assert (status, card["issuer"], card["number"]) == (200, issuer, f"{number[:6]}******{number[-4:]}")


async def test_another_end_than_the_test_cards_own_is_judged(sandbox: Sandbox) -> None:
    _, answer = await instant(sandbox, keyed_in(number="4312001122334455", expiryYear="25", expiryMonth="11"))
    assert answer["pgCode"] == "EXPIRED_CARD"


@pytest.mark.parametrize("is_told", [True, False])
async def test_skip_webhook_silences_the_success_and_a_switch_the_decline(shop: Endpoint, is_told: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(declined_charge_is_announced=is_told))
    sandbox.fault("pay_refused")
    assert (await instant(sandbox, {**keyed_in(), "skipWebhook": True}))[0] == 502
    assert (await instant(sandbox, {**keyed_in(), "skipWebhook": True}))[0] == 200
    await sandbox.settle_webhooks()
    assert shop.types() == (["Transaction.Failed"] if is_told else [])


async def test_an_account_is_issued_and_paid_into(sandbox: Sandbox, shop: Endpoint) -> None:
    status, answer = await instant(sandbox, account())
    issued = await get(sandbox)
    # `paidAt` is a lie of PortOne's: nothing is paid yet.
    assert (status, answer["payment"]["paidAt"]) == (200, "2026-08-01T03:00:00.000Z")
    assert issued["status"] == "VIRTUAL_ACCOUNT_ISSUED"
    method = issued["method"]
    assert (method["bank"], method["remitteeName"]) == ("KOOKMIN", "장부상회")
    assert method["expiredAt"] == "2026-08-01T08:00:00.000Z"
    assert sandbox.captures("ord-000001") == []
    await sandbox.deposit("ord-000001")
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.VirtualAccountIssued", "Transaction.Paid"]
    assert sandbox.captures("ord-000001") == [11_000]


async def test_a_fixed_account_a_due_date_and_a_receipt(sandbox: Sandbox) -> None:
    more = {
        "expiry": {"dueDate": "2026-08-03T18:00:00+09:00"},
        "option": {"type": "FIXED", "fixed": {"accountNumber": "56211112222333"}},
        "cashReceipt": {"type": "PERSONAL", "customerIdentityNumber": "01012345678"},
    }
    await instant(sandbox, account(**more))
    method = (await get(sandbox))["method"]
    assert (method["accountNumber"], method["accountType"]) == ("56211112222333", "FIXED")
    assert method["expiredAt"] == "2026-08-03T09:00:00.000Z"
    assert "01012345678" not in sandbox.log().decode()
    await sandbox.deposit("ord-000001")
    assert (await sandbox.api("GET", PAYMENT + "/cash-receipt"))[1]["type"] == "PERSONAL"


async def test_an_account_that_nobody_pays_into_lapses(sandbox: Sandbox) -> None:
    await instant(sandbox, account())
    await sandbox.move(timedelta(hours=6))
    assert (await get(sandbox))["status"] == "FAILED"
    assert not await sandbox.deposit("ord-000001")


WRONG = {
    "neither": {**ORDER, "method": {}},
    "both": {**ORDER, "method": {"card": {"credential": CARD}, "virtualAccount": ACCOUNT}},
    "no channel": {**keyed_in(), "channelKey": None},
    "a wallet's channel": {**keyed_in(), "channelKey": EASY_PAY_CHANNEL},
    "no end": account(expiry={}),
    "two ends": account(expiry={"validHours": 1, "dueDate": "2026-08-03"}),
    "no time": account(expiry={"dueDate": "tomorrow"}),
    "no hours": account(expiry={"validHours": 0}),
    "fixed to nothing": account(option={"type": "FIXED"}),
    "fixed twice": account(option={"type": "FIXED", "fixed": {"accountNumber": "1", "pgAccountId": "2"}}),
    "the browser's word for a bank": account(bank="KOOKMIN_BANK"),
    "no name": {**keyed_in(), "orderName": ""},
    "no money": {**keyed_in(), "amount": {"total": 0}},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_a_body_that_says_nothing_definite_begins_nothing(sandbox: Sandbox, body: dict[str, Any]) -> None:
    status, answer = await instant(sandbox, body)
    assert (status, answer["type"]) == (400, "INVALID_REQUEST")
    assert sandbox.payment("ord-000001") is None


async def test_a_slow_pg_leaves_it_pending(sandbox: Sandbox) -> None:
    sandbox.fault("pay_waits")
    assert (await instant(sandbox, keyed_in()))[0] == 200
    assert (await get(sandbox))["status"] == "PAY_PENDING"
    assert await sandbox.settle_payment("ord-000001") == "PAID"


async def test_a_lost_answer_and_its_repetition_take_the_money_once(sandbox: Sandbox) -> None:
    sandbox.fault("answer_lost", operation="pay_instantly")
    key = {"idempotency-key": '"keyed-in-0123456789"'}
    with pytest.raises(ConnectionResetError):
        await instant(sandbox, keyed_in(), headers=key)
    assert (await instant(sandbox, keyed_in(), headers=key))[0] == 200
    assert (await instant(sandbox, keyed_in()))[1]["type"] == "ALREADY_PAID"
    assert sandbox.captured("ord-000001") == 1


async def test_a_manual_channel_asks_nobody_when_the_server_pays(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].approves_manually = True
    assert (await instant(sandbox, keyed_in()))[0] == 200
    assert (await get(sandbox))["status"] == "PAID"


@pytest.mark.parametrize("months", [-1, 61, 2**40, "3"])
async def test_no_card_pays_over_such_months(sandbox: Sandbox, months: Any) -> None:
    method = {"card": {"credential": CARD, "installmentMonth": months}}
    key = await sandbox.billing_key()
    answers = [
        await sandbox.api("POST", "/payments/ord-000001/instant", {**ORDER, "method": method}),
        await sandbox.charge("ord-000001", key, installmentMonth=months),
        await sandbox.schedule("ord-000001", key, sandbox.clock.now() + timedelta(days=1), installmentMonth=months),
    ]
    assert [(status, answer["type"]) for status, answer in answers] == [(400, "INVALID_REQUEST")] * 3
