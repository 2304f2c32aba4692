"""V1: accounts that a server opens, receipts, certifications, codes."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu import sandbox as names
from jangbu.sandbox.control import Config, configure
from jangbu.sandbox.control_settings import AskedChannel, set_channel
from jangbu.sandbox.core.world import World
from jangbu.sandbox.testing import START, Endpoint, Sandbox

NOW = int(START.timestamp())
DAY = 86_400
ACCOUNT = {
    "channel_key": names.LIVE_CHANNEL,
    "merchant_uid": "order-0001",
    "amount": 1100,
    "vbank_code": "088",
    "vbank_due": NOW + DAY,
    "vbank_holder": "장부 상점",
    "name": "보리차",
}
PERSON = {"name": "김장부", "phone": "010-1234-5678", "birth": "90.02.28", "gender_digit": "2", "carrier": "LGT"}


async def account(sandbox: Sandbox, **changes: Any) -> Any:
    status, answer = await sandbox.v1("POST", "/vbanks", ACCOUNT | changes)
    assert status == 200
    return answer


async def test_an_account_is_opened_and_paid_into(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop)
    configure(sandbox.parts, Config(v1_webhook_url="https://shop.test/v1"))
    opened = (await account(sandbox))["response"]
    assert (opened["status"], opened["vbank_code"], opened["vbank_name"]) == ("ready", "088", "신한은행")
    assert (opened["vbank_holder"], opened["vbank_date"], opened["vbank_issued_at"]) == ("장부 상점", NOW + DAY, NOW)
    await sandbox.deposit("order-0001")
    await sandbox.settle_webhooks()
    assert [shop.body(n)["status"] for n in range(len(shop.got))] == ["ready", "paid"]
    _, paid = await sandbox.v1("GET", f"/payments/{opened['imp_uid']}")
    assert (paid["response"]["status"], paid["response"]["vbank_num"]) == ("paid", opened["vbank_num"])
    assert (await account(sandbox))["code"] == 1
    assert sandbox.captures("order-0001") == [1100]


@pytest.mark.parametrize(
    "wrong",
    [{"vbank_code": "999"}, {"vbank_due": NOW}, {"amount": 0}, {"channel_key": "nobody"}, {"merchant_uid": "x"}],
)
async def test_what_opens_no_account(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert (await account(sandbox, **wrong))["code"] == 1
    assert sandbox.state()["payments"] == {}


async def test_an_account_with_a_number_of_its_own(sandbox: Sandbox) -> None:
    assert (await account(sandbox, vbank_num="56212345678901"))["response"]["vbank_num"] == "56212345678901"


async def test_an_account_is_closed_once(sandbox: Sandbox) -> None:
    path = f"/vbanks/{(await account(sandbox))['response']['imp_uid']}"
    status, closed = await sandbox.v1("DELETE", path)
    assert (status, closed["response"]["status"], closed["response"]["cancelled_at"]) == (200, "cancelled", NOW)
    assert (await sandbox.v1("DELETE", path))[0] == 400
    assert (await sandbox.v1("DELETE", "/vbanks/imp_nobody"))[0] == 404
    assert not await sandbox.deposit("order-0001")


async def test_hecto_alone_lets_an_account_be_changed(sandbox: Sandbox) -> None:
    path = f"/vbanks/{(await account(sandbox))['response']['imp_uid']}"
    assert (await sandbox.v1("PUT", path, {"amount": 2200}))[0] == 400
    sandbox.world.state.channels[names.LIVE_CHANNEL].pg_provider = "SETTLE"
    status, changed = await sandbox.v1("PUT", path, {"amount": 2200, "vbank_due": NOW + 3 * DAY})
    assert (status, changed["response"]["amount"], changed["response"]["vbank_date"]) == (200, 2200, NOW + 3 * DAY)
    assert (await sandbox.v1("PUT", path, {"vbank_due": NOW}))[0] == 400
    assert (await sandbox.v1("PUT", path, {"amount": 0}))[0] == 400
    await sandbox.move(timedelta(days=2))
    assert await sandbox.deposit("order-0001")
    assert sandbox.captures("order-0001") == [2200]
    assert (await sandbox.v1("PUT", path, {"amount": 1}))[0] == 400


async def test_an_account_that_was_put_off_still_ends(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[names.LIVE_CHANNEL].pg_provider = "SETTLE"
    path = f"/vbanks/{(await account(sandbox))['response']['imp_uid']}"
    await sandbox.v1("PUT", path, {"vbank_due": NOW + 3 * DAY})
    await sandbox.move(timedelta(days=3))
    assert not await sandbox.deposit("order-0001")


async def test_a_refused_change_of_an_account_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[names.LIVE_CHANNEL].pg_provider = "SETTLE"
    path = f"/vbanks/{(await account(sandbox))['response']['imp_uid']}"
    assert (await sandbox.v1("PUT", path, {"vbank_due": NOW + 3 * DAY, "amount": 0}))[0] == 400
    await sandbox.move(timedelta(days=2))
    assert not await sandbox.deposit("order-0001"), "it lapsed at its first end"


async def test_an_account_that_was_paid_into_is_changed_no_more(sandbox: Sandbox) -> None:
    """PortOne has not heard of the money yet; the bank has, and the account does not lapse with it."""
    sandbox.world.state.channels[names.LIVE_CHANNEL].pg_provider = "SETTLE"
    path = f"/vbanks/{(await account(sandbox))['response']['imp_uid']}"
    assert await sandbox.deposit("order-0001", known_after_s=3 * DAY)
    for change in ({"vbank_due": NOW + 2 * DAY}, {"amount": 2200}):
        status, refused = await sandbox.v1("PUT", path, change)
        assert (status, "ALREADY_DEPOSITED" in refused["message"]) == (400, True)
    await sandbox.move(timedelta(days=4))
    assert sandbox.captures("order-0001") == [1100]


async def test_a_receipt_is_of_what_is_left(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", amount=1100, pay_method="trans")
    path = f"/receipts/{imp_uid}"
    assert (await sandbox.v1("GET", path))[0] == 404
    await sandbox.v1("POST", "/payments/cancel", {"imp_uid": imp_uid, "amount": 550})
    status, made = await sandbox.v1("POST", path, {"identifier": "01012345678", "type": "company"})
    receipt = made["response"]
    assert (status, receipt["amount"], receipt["vat"], receipt["type"]) == (200, 550, 50, "company")
    assert (await sandbox.v1("GET", path))[1]["response"] == receipt
    _, payment = await sandbox.v1("GET", f"/payments/{imp_uid}")
    assert payment["response"]["cash_receipt_issued"] is True
    assert (await sandbox.v1("POST", path, {"identifier": "x"}))[0] == 400
    assert b"01012345678" not in sandbox.world.to_json()
    _, gone = await sandbox.v1("DELETE", path)
    assert gone["response"]["cancelled_at"] == NOW
    assert (await sandbox.v1("DELETE", path))[0] == 400


async def test_what_has_no_receipt(sandbox: Sandbox) -> None:
    card = await sandbox.v1_pay("order-0001")
    assert (await sandbox.v1("POST", f"/receipts/{card}", {"identifier": "x"}))[0] == 400
    transfer = await sandbox.v1_pay("order-0002", pay_method="trans")
    assert (await sandbox.v1("POST", f"/receipts/{transfer}"))[0] == 400
    assert (await sandbox.v1("POST", f"/receipts/{transfer}", {"identifier": "x", "tax_free": 1001}))[0] == 400
    for method, fields in (("POST", {"identifier": "x"}), ("DELETE", None)):
        if method == "DELETE":
            await sandbox.v1("POST", f"/receipts/{transfer}", {"identifier": "x"})
        sandbox.fault("receipt_fails")
        assert (await sandbox.v1(method, f"/receipts/{transfer}", fields))[0] == 400


async def test_a_receipt_that_could_not_be_issued_is_seen_by_v2_too(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", pay_method="trans")
    path = f"/receipts/{imp_uid}"
    sandbox.fault("receipt_fails", operation="issue_cash_receipt")
    assert (await sandbox.v1("POST", path, {"identifier": "x"}))[0] == 400
    assert (await sandbox.v1("GET", path))[0] == 404
    _, receipt = await sandbox.api("GET", "/payments/order-0001/cash-receipt")
    assert receipt["status"] == "ISSUE_FAILED"
    assert (await sandbox.v1("POST", path, {"identifier": "x"}))[0] == 200


async def test_what_is_ordered_for_the_end_of_a_receipt_strikes_v1s_too(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", pay_method="trans")
    path = f"/receipts/{imp_uid}"
    sandbox.fault("receipt_fails", operation="cancel_cash_receipt")
    assert (await sandbox.v1("POST", path, {"identifier": "x"}))[0] == 200
    assert (await sandbox.v1("DELETE", path))[0] == 400
    assert (await sandbox.v1("DELETE", path))[0] == 200


async def ask(sandbox: Sandbox, **changes: Any) -> Any:
    _, answer = await sandbox.v1("POST", "/certifications/otp/request", PERSON | changes)
    return answer["response"]["imp_uid"]


async def test_a_certification_by_code(sandbox: Sandbox) -> None:
    imp_uid = await ask(sandbox, merchant_uid="who-0001", is_mvno="true")
    _, before = await sandbox.v1("GET", f"/certifications/{imp_uid}")
    assert (before["response"]["certified"], before["response"]["certified_at"]) == (False, 0)
    otp = sandbox.world.state.identity_verifications[names.STORE_ID][imp_uid].otp
    path = f"/certifications/otp/confirm/{imp_uid}"
    wrong = "000000" if otp != "000000" else "1"
    assert (await sandbox.v1("POST", path, {"otp": wrong}))[0] == 400
    assert (await sandbox.v1("POST", path))[0] == 400
    status, answer = await sandbox.v1("POST", path, {"otp": otp})
    who = answer["response"]
    assert (status, who["certified"], who["name"], who["phone"]) == (200, True, "김장부", "01012345678")
    assert (who["birthday"], who["gender"], who["carrier"], who["merchant_uid"]) == (
        "1990-02-28",
        "female",
        "LGT",
        "who-0001",
    )
    assert (len(who["unique_key"]), len(who["unique_in_site"])) == (88, 64)
    assert (await sandbox.v1("POST", path, {"otp": otp}))[0] == 400
    seen = (await sandbox.api("GET", f"/identity-verifications/{imp_uid}"))[1]
    assert (seen["version"], seen["verifiedCustomer"]["ci"]) == ("V1", who["unique_key"])


async def test_a_deleted_certification_is_forgotten(sandbox: Sandbox) -> None:
    imp_uid = await ask(sandbox)
    assert (await sandbox.v1("DELETE", f"/certifications/{imp_uid}"))[0] == 200
    assert (await sandbox.v1("GET", f"/certifications/{imp_uid}"))[0] == 404
    assert "김장부".encode() not in sandbox.world.to_json()


@pytest.mark.parametrize("wrong", [{"phone": "none"}, {"birth": "901332"}, {"gender_digit": "9"}, {"carrier": "ATT"}])
async def test_nobody_is_asked_with_wrong_words(sandbox: Sandbox, wrong: dict[str, str]) -> None:
    assert (await sandbox.v1("POST", "/certifications/otp/request", PERSON | wrong))[0] == 400


async def test_codes_and_channels(sandbox: Sandbox) -> None:
    _, banks = await sandbox.v1("GET", "/banks")
    assert {"code": "088", "name": "신한은행"} in banks["response"]
    assert (await sandbox.v1("GET", "/banks/088"))[1]["response"]["name"] == "신한은행"
    _, cards = await sandbox.v1("GET", "/cards")
    assert {"code": "381", "name": "KB국민카드"} in cards["response"]
    assert (len(banks["response"]), len(cards["response"])) == (79, 23)
    assert (await sandbox.v1("GET", "/cards/366"))[1]["response"]["name"] == "신한카드"
    assert (await sandbox.v1("GET", "/cards/999"))[0] == (await sandbox.v1("GET", "/banks/999"))[0] == 404
    _, channels = await sandbox.v1("GET", "/users/pg")
    live = [each["channel_key"] for each in channels["response"] if not each["sandbox"]]
    assert live == [names.LIVE_CHANNEL]


@pytest.mark.parametrize(
    ("pg", "is_for"),
    [("DANAL", "certification"), ("INICIS_UNIFIED", "certification"), ("KCP_V2", "payment"), ("INICIS_V2", "payment")],
)
async def test_a_channel_that_only_verifies_is_listed_as_one(sandbox: Sandbox, pg: Any, is_for: str) -> None:
    made = set_channel(sandbox.parts, AskedChannel(pg_provider=pg))
    _, channels = await sandbox.v1("GET", "/users/pg")
    assert [each["type"] for each in channels["response"] if each["channel_key"] == made["key"]] == [is_for]


async def test_what_v1_made_survives_a_restart_and_repeats_from_a_seed() -> None:
    logs = []
    for _ in range(2):
        sandbox = Sandbox(seed=5)
        await sandbox.v1_pay("order-0001", customer_uid="customer-1")
        row = {"merchant_uid": "month-0001", "schedule_at": NOW + DAY, "amount": 1000, "name": "정기 구독"}
        await sandbox.v1("POST", "/subscribe/payments/schedule", {"customer_uid": "customer-1", "schedules": [row]})
        await ask(sandbox)
        await sandbox.pay("order-0002", totalAmount=20_000, promotionId=names.PROMOTION_ID)
        logs.append(sandbox.log())
        whole = sandbox.world.to_json()
        later = World.from_json(whole, sandbox.clock)
        later.state.lives -= 1
        assert later.to_json() == whole
    assert logs[0] == logs[1]
