"""V1: what a field of a call changes, seen where the payment is read; the PG's own fields are read and checked (§6)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jangbu import sandbox as names
from jangbu.sandbox.core.billing_records import ChannelGroup
from jangbu.sandbox.testing import START, Sandbox

CARD = {"card_number": "4330-1212-3456-7890", "expiry": "2031-12", "channel_key": names.LIVE_CHANNEL}
ORDER = {"amount": 20_000, "name": "정기 구독"}
ACCOUNT = {"channel_key": names.LIVE_CHANNEL, "amount": 1100, "vbank_code": "020", "name": "보리차"}
NOW = int(START.timestamp())
DAY = 86_400
GROUP = "channel-group-1"


@pytest.fixture
async def registered(sandbox: Sandbox) -> Sandbox:
    await done(sandbox, "/subscribe/customers/customer-1", CARD)
    return sandbox


async def done(sandbox: Sandbox, path: str, fields: dict[str, Any], method: str = "POST") -> Any:
    status, answer = await sandbox.v1(method, path, fields)
    assert (status, answer["code"]) == (200, 0), answer
    return answer["response"]


async def charged(sandbox: Sandbox, merchant_uid: str, path: str, **more: Any) -> dict[str, Any]:
    """The payment as V2 shows it: V1's own answer has no such fields."""
    fields = {"merchant_uid": merchant_uid, **ORDER, **more}
    match path:
        case "again":
            await done(sandbox, "/subscribe/payments/again", {"customer_uid": "customer-1", **fields})
        case "onetime":
            await done(sandbox, "/subscribe/payments/onetime", CARD | fields)
        case _:
            row = {"schedule_at": NOW + DAY, **fields}
            await done(sandbox, "/subscribe/payments/schedule", {"customer_uid": "customer-1", "schedules": [row]})
            await sandbox.move(timedelta(days=1))
    status, payment = await sandbox.api("GET", f"/payments/{merchant_uid}")
    assert status == 200
    return payment


@pytest.mark.parametrize("path", ["again", "onetime", "schedule"])
async def test_the_fields_of_a_charge_are_what_is_charged(registered: Sandbox, path: str) -> None:
    payment = await charged(
        registered,
        "order-0001",
        path,
        promotion_id=names.PROMOTION_ID,
        product_count=3,
        browser_ip="203.0.113.7",
        card_quota=3,
        interest_free_by_merchant=True,
        use_card_point=True,
        vat=1_500,
        product_type="real",
        bypass='{"pg": 1}',
        extra={"naverUseCfm": "20260901"},
    )
    amount = payment["amount"]
    assert (amount["total"], amount["discount"], amount["paid"], amount["vat"]) == (20_000, 2_000, 18_000, 1_500)
    assert (payment["promotionId"], payment["productCount"]) == (names.PROMOTION_ID, 3)
    assert payment["origin"]["ipAddress"] == "203.0.113.7"
    method = payment["method"]
    assert method["installment"] == {"month": 3, "isInterestFree": True, "isInterestFreeFromMerchant": True}
    assert method["pointUsed"] is True
    assert registered.captures("order-0001") == [18_000]
    listed = await done(registered, "/payments/find/order-0001", {}, "GET")
    assert listed["promotion"] == {"id": names.PROMOTION_ID, "discount": 2_000}


@pytest.mark.parametrize("path", ["again", "onetime"])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"promotion_id": "promotion-id-none"}, "promotionId"),
        ({"promotion_id": names.PROMOTION_ID, "currency": "USD"}, "결제수단"),
        ({"product_type": "service"}, "product_type"),
        ({"cash_receipt_type": "everybody"}, "cash_receipt_type"),
        ({"product_count": "many"}, "product_count"),
        ({"bypass": 7}, "bypass"),
        ({"vat": 20_001}, "결제 금액"),
    ],
)
async def test_a_charge_that_cannot_be_makes_no_payment(
    registered: Sandbox, path: str, more: dict[str, Any], said: str
) -> None:
    fields = {"merchant_uid": "order-0001", **ORDER, **more}
    fields |= {"customer_uid": "customer-1"} if path == "again" else CARD
    status, answer = await registered.v1("POST", f"/subscribe/payments/{path}", fields)
    assert (status, answer["response"]) == (200, None)
    assert answer["code"] != 0
    assert said in answer["message"]
    assert registered.payment("order-0001") is None


async def test_the_newer_name_of_the_vat_wins(registered: Sandbox) -> None:
    payment = await charged(registered, "order-0001", "again", vat=1_500, vat_amount=0)
    assert payment["amount"]["vat"] == 0


async def test_a_wallets_account_is_charged_with_its_receipt(sandbox: Sandbox) -> None:
    channel = sandbox.world.state.channels[names.LIVE_CHANNEL]
    channel.pg_provider = "TOSSPAY_V2"
    opened = await sandbox.v1_open("first-0001", pay_method="tosspay", customer_uid="customer-1")
    await sandbox.decide(opened["imp_uid"], "approve", method="tosspay")
    for merchant_uid, type_, issued in (
        ("month-0001", "person", True),
        ("month-0002", "company", True),
        ("month-0003", "anonymous", False),
        ("month-0004", None, False),
    ):
        payment = await charged(sandbox, merchant_uid, "again", cash_receipt_type=type_)
        assert payment["method"]["easyPayMethod"]["type"] == "PaymentMethodTransfer"
        assert (payment["cashReceiptIssuanceStatus"] == "ISSUED") is issued
        read = await done(sandbox, f"/payments/find/{merchant_uid}", {}, "GET")
        assert (read["cash_receipt_issued"], read["customer_uid"]) == (issued, "customer-1")


@pytest.fixture
def group(sandbox: Sandbox) -> ChannelGroup:
    keys = [names.EASY_PAY_CHANNEL, names.LIVE_CHANNEL, names.CARD_CHANNEL]
    made = ChannelGroup(GROUP, "둘", names.STORE_ID, keys, "TEST")
    sandbox.world.state.channel_groups[GROUP] = made
    return made


async def test_a_group_registers_the_card_wherever_it_is_taken(sandbox: Sandbox, group: ChannelGroup) -> None:
    fields = {**CARD, "channel_group_id": GROUP, "customer_id": "member-7", "cvc": "123", "customer_addr": "세종대로 1"}
    customer = await done(sandbox, "/subscribe/customers/customer-1", fields)
    assert customer["customer_addr"] == "세종대로 1"
    _, key = await sandbox.api("GET", "/billing-keys/customer-1")
    # A wallet takes no keyed-in card.
    assert [each["key"] for each in key["channels"]] == [names.LIVE_CHANNEL, names.CARD_CHANNEL]
    assert (key["channelGroup"]["id"], key["customer"]["id"]) == (GROUP, "member-7")
    group.channel_keys = [names.EASY_PAY_CHANNEL]
    status, answer = await sandbox.v1("POST", "/subscribe/customers/customer-2", fields)
    assert (status, answer["code"]) == (200, 1)
    group.channel_keys = []
    assert (await sandbox.v1("POST", "/subscribe/customers/customer-2", fields))[1]["code"] == 1
    assert b'"123"' not in sandbox.world.to_json()


@pytest.mark.usefixtures("group")
async def test_a_group_sends_a_keyed_in_payment_to_one_of_its_channels(sandbox: Sandbox) -> None:
    sandbox.world.state.channel_groups[GROUP].channel_keys = [names.LIVE_CHANNEL, names.CARD_CHANNEL]
    seen = set()
    for number in range(20):
        more = {"channelGroupId": GROUP, "pg": "kakaopay", "cvc": "123", "secure_3d_token": "t"}
        payment = await charged(sandbox, f"order-{number:04d}", "onetime", **more)
        seen.add(payment["channel"]["key"])
    assert seen == {names.LIVE_CHANNEL, names.CARD_CHANNEL}


async def test_a_card_that_fails_its_check_is_neither_registered_nor_scheduled(sandbox: Sandbox) -> None:
    row = {"merchant_uid": "month-0001", "schedule_at": NOW + DAY, **ORDER}
    fields = {**CARD, "customer_uid": "customer-1", "schedules": [row], "customer_id": "member-7"}
    sandbox.fault("pay_refused", reason="lost_card")
    status, answer = await sandbox.v1("POST", "/subscribe/payments/schedule", {**fields, "checking_amount": 100})
    assert (status, answer["code"]) == (200, 1)
    assert "LOST_CARD" in answer["message"]
    assert (await sandbox.v1("GET", "/subscribe/customers/customer-1"))[0] == 404
    assert not sandbox.world.state.schedules
    sandbox.fault("pay_refused", reason="lost_card")
    assert len(await done(sandbox, "/subscribe/payments/schedule", {**fields, "checking_amount": 0})) == 1
    # The check of a customer who is registered, of whom the PG wants nothing any more.
    sandbox.parts.faults.waiting.clear()
    await sandbox.key_order("refuse", "customer-1", reason="blocked_card")
    later = {"customer_uid": "customer-1", "schedules": [row | {"merchant_uid": "month-0002"}], "checking_amount": 100}
    assert "BLOCKED_CARD" in (await sandbox.v1("POST", "/subscribe/payments/schedule", later))[1]["message"]
    assert list(sandbox.world.payments()) == [], "nothing of a check is listed"
    wrong = later | {"checking_amount": -1}
    assert (await sandbox.v1("POST", "/subscribe/payments/schedule", wrong))[1]["code"] != 0


async def test_an_account_of_any_bank_and_a_fixed_one_by_its_key(sandbox: Sandbox) -> None:
    async def opened(merchant_uid: str, **more: Any) -> tuple[Any, Any]:
        due = {"merchant_uid": merchant_uid, "vbank_due": NOW + DAY}
        told = await done(sandbox, "/vbanks", ACCOUNT | due | more)
        return told, (await sandbox.api("GET", f"/payments/{merchant_uid}"))[1]

    first, payment = await opened("order-0001", vbank_key="member-7", product_count=2, escrow_password="1234")
    assert (first["vbank_code"], first["vbank_name"]) == ("020", "우리은행")
    assert (payment["method"]["accountType"], payment["productCount"]) == ("FIXED", 2)
    again, _ = await opened("order-0002", vbank_key="member-7", vbank_code="292")
    other, _ = await opened("order-0003", vbank_key="member-8")
    assert first["vbank_num"] == again["vbank_num"] != other["vbank_num"]
    assert again["vbank_name"] == "케이프투자증권"
    _, unlimited = await opened("order-0004", fixed_unlimited_vbank=True)
    _, plain = await opened("order-0005")
    assert (unlimited["method"]["accountType"], plain["method"]["accountType"]) == ("FIXED", "NORMAL")
    assert b"1234" not in msgspec.json.encode(sandbox.world.state.payments)
    status, _ = await sandbox.v1("DELETE", f"/vbanks/{first['imp_uid']}", {"pg_api_key": "of-inicis"})
    assert status == 200


async def test_a_receipt_says_the_vat_that_was_given(sandbox: Sandbox) -> None:
    for number, (more, vat) in enumerate((({"vat_amount": 50}, 50), ({"vat": 70}, 70), ({}, 100))):
        merchant_uid = f"order-{number:04d}"
        due = {"merchant_uid": merchant_uid, "vbank_due": NOW + DAY}
        imp_uid = (await done(sandbox, "/vbanks", ACCOUNT | due))["imp_uid"]
        await sandbox.deposit(merchant_uid)
        asked = {"identifier": "01012345678", "identifier_type": "phone", "buyer_name": "김장부", "corp_reg_no": "1"}
        receipt = await done(sandbox, f"/receipts/{imp_uid}", asked | more)
        assert (receipt["amount"], receipt["vat"]) == (1100, vat)
        assert (await sandbox.v1("POST", f"/receipts/{imp_uid}", asked | {"identifier_type": "cat"}))[1]["code"] != 0
    too_much = {"identifier": "01012345678", "vat_amount": 1000, "tax_free": 101}
    await done(sandbox, f"/receipts/{imp_uid}", {}, "DELETE")
    assert (await sandbox.v1("POST", f"/receipts/{imp_uid}", too_much))[0] == 400


async def test_who_somebody_is_by_the_operators_app_and_by_a_channel_that_pg_names(sandbox: Sandbox) -> None:
    person = {"name": "김장부", "phone": "010-1234-5678", "birth": "900228", "gender_digit": "2", "carrier": "LGT"}
    asked = person | {"pg": "danal.jangbu-danal", "company": "장부 상점", "verification_method": "APP", "bypass": "{}"}
    imp_uid = (await done(sandbox, "/certifications/otp/request", asked))["imp_uid"]
    target = f"/certifications/otp/confirm/{imp_uid}"
    assert (await sandbox.v1("POST", target, {}))[1]["code"] != 0, "nobody agreed in the app"
    verification = sandbox.world.state.identity_verifications[names.STORE_ID][imp_uid]
    assert verification.method == "APP"
    await sandbox.transport.send("POST", f"/__sandbox__/identity-verifications/{imp_uid}/approve", {}, b"{}")
    assert (await done(sandbox, target, {}))["certified"] is True
    assert (await sandbox.v1("POST", "/certifications/otp/request", asked | {"pg": "danal.nobody"}))[1]["code"] != 0
    assert (await sandbox.v1("POST", "/certifications/otp/request", asked | {"verification_method": "FAX"}))[0] == 400


async def test_who_asks_for_a_cancel_is_read(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001")
    asked = {"imp_uid": imp_uid, "amount": 300, "extra": {"requester": "nobody"}}
    assert (await sandbox.v1("POST", "/payments/cancel", asked))[1]["code"] != 0
    assert (await done(sandbox, "/payments/cancel", asked | {"extra": {"requester": "customer"}}))[
        "cancel_amount"
    ] == 300
    form = {"imp_uid": imp_uid, "amount": "300", "extra[requester]": "admin"}
    status, answer = await sandbox.v1("POST", "/payments/cancel", form, is_form=True)
    assert (status, answer["response"]["cancel_amount"]) == (200, 600)
