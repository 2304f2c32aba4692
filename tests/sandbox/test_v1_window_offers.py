"""What `IMP.request_pay` and `IMP.certification` say of their windows (portone-facts §7.2)."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import IDENTITY_CHANNEL, LIVE_CHANNEL, STORE_ID, V1_USER_CODE
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Attempt
from jangbu.sandbox.testing import Sandbox
from jangbu.sandbox.v1.offers import PAY_METHODS

PAY = {"imp": V1_USER_CODE, "pay_method": "card", "merchant_uid": "v1-0001", "name": "보리차", "amount": 60_000}
CERTIFY = {"imp": V1_USER_CODE, "merchant_uid": "v1-who"}
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"

OF_WALLETS = {
    "samsungpay": "samsung",
    "naverpay_card": "naverpay",
    "naverpay_point": "naverpay",
    "tosspay_card": "tosspay",
    "tosspay_money": "tosspay",
    "ssgpay_bank": "ssgpay",
}


async def called(sandbox: Sandbox, path: str, asked: dict[str, Any], agent: str = "desktop") -> dict[str, Any]:
    headers = {"origin": "https://shop.test", "user-agent": agent}
    _, _, raw = await sandbox.transport.send("POST", f"/__browser__/v1{path}", headers, msgspec.json.encode(asked))
    return dict(msgspec.json.decode(raw))


async def paid(sandbox: Sandbox, asked: dict[str, Any], **picked: Any) -> Attempt:
    opened = await called(sandbox, "/payments", PAY | asked)
    assert "error_code" not in opened, opened
    assert (await sandbox.decide(opened["imp_uid"], "approve", **picked))["success"]
    payment = sandbox.world.payment(STORE_ID, "v1-0001")
    assert payment is not None
    assert payment.current is not None
    return payment.current


@pytest.mark.parametrize(
    ("pg", "key"),
    [
        ("kakaopay", "000000000002"),
        ("kakaopay.TC0ONETIME", "000000000002"),
        ("tosspayments", "000000000001"),
        ("tosspayments.jangbu_live", "000000000003"),
        (None, "000000000001"),
    ],
)
async def test_pg_names_the_channel_by_its_pg_and_the_merchants_id_there(
    sandbox: Sandbox, pg: str | None, key: str
) -> None:
    asked = {"pay_method": "kakaopay"} if pg and pg.startswith("kakaopay") else {}
    assert (await paid(sandbox, asked | {"pg": pg})).channel_key.endswith(key)


async def test_a_key_comes_before_pg_and_a_pg_nobody_has_is_refused(sandbox: Sandbox) -> None:
    assert (await paid(sandbox, {"pg": "kakaopay", "channelKey": LIVE_CHANNEL})).channel_key == LIVE_CHANNEL
    for pg in ("kcp", "tosspayments.another", ""):
        refused = await called(sandbox, "/payments", PAY | {"merchant_uid": "v1-0002", "pg": pg})
        assert refused["error_code"] == "ChannelNotFound"


@pytest.mark.parametrize(
    ("due", "at"),
    [
        ("2030-01-02", "2030-01-02T14:59:59"),
        ("20300102", "2030-01-02T14:59:59"),
        ("2030-01-02 10:30:00", "2030-01-02T01:30:00"),
        ("20300102103000", "2030-01-02T01:30:00"),
    ],
)
async def test_an_account_lapses_when_vbank_due_says(sandbox: Sandbox, due: str, at: str) -> None:
    attempt = await paid(sandbox, {"pay_method": "vbank", "vbank_due": due})
    assert attempt.method is not None
    assert attempt.method["expiredAt"].startswith(at)


async def test_vbank_due_is_in_the_zone_that_the_switch_says(sandbox: Sandbox) -> None:
    sandbox.world.inferred = Inferred(due_dates_are_in="UTC")
    attempt = await paid(sandbox, {"pay_method": "vbank", "vbank_due": "20300102103000"})
    assert attempt.method is not None
    assert attempt.method["expiredAt"].startswith("2030-01-02T10:30:00")


@pytest.mark.parametrize(
    ("asked", "picked", "issuer", "installment"),
    [
        ({"display": {"card_quota": [6]}}, {"months": "6"}, "SHINHAN_CARD", (6, False)),
        ({"card": {"direct": {"code": "367", "quota": 3}}}, {}, "HYUNDAI_CARD", (3, False)),
        (
            {"card": {"detail": [{"card_code": "*", "enabled": False}, {"card_code": "366", "enabled": True}]}},
            {},
            "SHINHAN_CARD",
            (0, False),
        ),
        (
            {"card": {"detail": [{"card_code": "381", "max_month": 3}]}, "useFreeInterestFromMall": True},
            {"choice": "9410", "months": "3"},
            "KOOKMIN_CARD",
            (3, True),
        ),
        (
            {"card": {"detail": [{"card_code": "381", "max_month": 3}]}, "useFreeInterestFromMall": True},
            {"choice": "9410", "months": "4"},
            "KOOKMIN_CARD",
            (4, False),
        ),
        ({"useFreeInterestFromMall": True}, {"months": "2"}, "SHINHAN_CARD", (2, True)),
    ],
)
async def test_cards_and_their_months_are_as_the_page_says(
    sandbox: Sandbox, asked: dict[str, Any], picked: dict[str, Any], issuer: str, installment: tuple[int, bool]
) -> None:
    method = (await paid(sandbox, asked, **picked)).method
    assert method is not None
    told = method["installment"]
    assert (method["card"]["issuer"], (told["month"], told["isInterestFree"])) == (issuer, installment)


@pytest.mark.parametrize(
    ("asked", "picked"),
    [
        ({"display": {"card_quota": []}}, {"months": "2"}),
        ({"display": {"card_quota": [6]}}, {"months": "3"}),
        ({"card": {"direct": {"code": "367"}}}, {"choice": "SAMSUNG_CARD"}),
        ({"card": {"detail": [{"card_code": "366", "enabled": False}]}}, {"choice": "SHINHAN_CARD"}),
    ],
)
async def test_what_was_not_offered_cannot_be_picked(
    sandbox: Sandbox, asked: dict[str, Any], picked: dict[str, Any]
) -> None:
    opened = await called(sandbox, "/payments", PAY | asked)
    with pytest.raises(AssertionError, match="RequestParseFailed"):
        await sandbox.decide(opened["imp_uid"], "approve", **picked)


@pytest.mark.parametrize(
    ("pay_method", "told"),
    [
        ("payco", {"provider": "PAYCO"}),
        ("naverpay_card", {"provider": "NAVERPAY", "easyPayMethod": "PaymentMethodCard"}),
        ("naverpay_point", {"provider": "NAVERPAY", "easyPayMethod": "PaymentMethodEasyPayMethodCharge"}),
        ("ssgpay_bank", {"provider": "SSGPAY", "easyPayMethod": "PaymentMethodTransfer"}),
        ("booknlife", {"giftCertificateType": "BOOKNLIFE"}),
    ],
)
async def test_a_pay_method_that_is_a_wallet_or_a_certificate_opens_it_alone(
    sandbox: Sandbox, pay_method: str, told: dict[str, str]
) -> None:
    method = (await paid(sandbox, {"pay_method": pay_method})).method or {}
    assert method["easyPayMethod"]["type"] == told.pop("easyPayMethod") if "easyPayMethod" in told else True
    assert told.items() <= method.items()


@pytest.mark.parametrize("pay_method", [name for name in PAY_METHODS if name != "unionpay"])
async def test_what_is_asked_for_is_told_before_and_after_it_is_paid(sandbox: Sandbox, pay_method: str) -> None:
    asked = PAY | {"pay_method": pay_method, "channelKey": LIVE_CHANNEL}
    opened = await called(sandbox, "/payments", asked)
    path = f"/payments/{opened['imp_uid']}"
    # What a wallet pays with is not in the words that are told (portone-facts §6.3).
    told = OF_WALLETS.get(pay_method, pay_method)
    assert (await sandbox.v1("GET", path))[1]["response"]["pay_method"] == told
    await sandbox.decide(opened["imp_uid"], "approve")
    assert (await sandbox.v1("GET", path))[1]["response"]["pay_method"] == told


async def test_products_are_told_and_paypal_means_dollars(sandbox: Sandbox) -> None:
    products = [{"name": "보리차", "unitPrice": 30_000, "quantity": 2}]
    attempt = await paid(sandbox, {"products": products})
    assert attempt.order.products == [{"id": "보리차", "name": "보리차", "amount": 30_000, "quantity": 2}]
    asked = PAY | {"merchant_uid": "v1-0002", "pay_method": "paypal", "amount": 14.2, "pg": "paypal_v2"}
    opened = await called(sandbox, "/payments", asked)
    order = sandbox.world.attempt(opened["imp_uid"])
    assert order is not None
    assert (order.order.currency, order.order.total_minor) == ("USD", 1420)


@pytest.mark.parametrize(
    "wrong",
    [
        {"vbank_due": "soon", "pay_method": "vbank"},
        {"vbank_due": "2030-13-01", "pay_method": "vbank"},
        {"card": {"direct": {"code": "999"}}},
        {"pay_method": "barter"},
    ],
)
async def test_a_word_that_is_none_is_refused_before_anything_opens(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert (await called(sandbox, "/payments", PAY | wrong))["error_code"] == "RequestParseFailed"
    assert sandbox.world.payment(STORE_ID, "v1-0001") is None


async def test_a_certification_is_a_popup_with_what_the_merchant_knows(sandbox: Sandbox) -> None:
    asked = CERTIFY | {"pg": "danal.jangbu-danal", "name": "박장부", "phone": "01099998888", "carrier": "MVNO"}
    opened = await called(sandbox, "/certifications", asked)
    assert opened["display"] == "POPUP"
    _, _, page = await sandbox.transport.send("GET", opened["windowUrl"])
    for shown in ('value="박장부"', 'value="01099998888"', '<option value="KT_MVNO">'):
        assert shown in page.decode()
    assert '<option value="SKT">' not in page.decode()
    assert (await called(sandbox, "/certifications", CERTIFY | {"pg": "inicis"}))["error_code"] == "ChannelNotFound"


async def test_a_telephones_certification_goes_back_unless_it_is_a_popup(sandbox: Sandbox) -> None:
    assert (await called(sandbox, "/certifications", CERTIFY, PHONE))["error_code"] == "RequestParseFailed"
    assert (await called(sandbox, "/certifications", CERTIFY | {"popup": True}, PHONE))["display"] == "POPUP"


@pytest.mark.parametrize(("born", "is_old_enough"), [("0711223", True), ("0711233", False)])
async def test_who_is_too_young_is_not_verified(born: str, *, is_old_enough: bool) -> None:
    # In Korea it is the 22nd already.
    sandbox = Sandbox(at=datetime(2026, 11, 21, 15, 30, tzinfo=UTC))
    opened = await called(sandbox, "/certifications", CERTIFY | {"min_age": 19, "channelKey": IDENTITY_CHANNEL})
    target = opened["leftUrl"].replace("/left", "/decision")
    raw = msgspec.json.encode({"action": "verify", "identityNumber": born})
    _, _, answered = await sandbox.transport.send("POST", target, {}, raw)
    result = msgspec.json.decode(answered)
    assert ("error_code" not in result) is is_old_enough, result


@pytest.mark.parametrize(
    ("field", "longest"), [("merchant_uid", "x" * 40), ("name", "가" * 40), ("buyer_name", "김" * 16)]
)
async def test_v1s_names_are_as_long_as_it_says_and_no_longer(sandbox: Sandbox, field: str, longest: str) -> None:
    refused = await called(sandbox, "/payments", PAY | {field: longest + longest[0]})
    assert refused["error_code"] == "RequestParseFailed"
    assert field in refused["error_msg"]
    assert "error_code" not in await called(sandbox, "/payments", PAY | {field: longest})
