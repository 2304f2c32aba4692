"""What a shop's page says of a way to pay, in the window and in the payment (portone-facts §2.2, §7.1)."""

from typing import Any

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, CHANNEL_GROUP, EASY_PAY_CHANNEL, IDENTITY_CHANNEL, STORE_ID
from jangbu.sandbox.core.billing_records import ChannelGroup
from jangbu.sandbox.testing import Sandbox

SAMSUNG = {"publisher": "SAMSUNG_CARD", "issuer": "SAMSUNG_CARD", "name": "삼성카드"}
GROUP = "channel-group-cheap"


async def page_of(sandbox: Sandbox, opened: dict[str, Any]) -> str:
    status, _, page = await sandbox.transport.send("GET", opened["windowUrl"], {}, b"")
    assert status == 200
    return page.decode()


async def paid(sandbox: Sandbox, params: dict[str, Any], **picked: Any) -> dict[str, Any]:
    """The payment as PortOne tells of it."""
    opened = await sandbox.open("ord-000001", **params)
    assert "code" not in opened, opened
    result = await sandbox.decide(opened["txId"], "approve", **picked)
    assert "code" not in result, result
    return (await sandbox.api("GET", "/payments/ord-000001"))[1]


@pytest.mark.parametrize(
    ("params", "picked", "method"),
    [
        ({"card": {"cardCompany": "SAMSUNG_CARD"}}, {}, {"card": SAMSUNG}),
        ({"card": {"cardCompany": "CARD_COMPANY_SAMSUNG_CARD"}}, {}, {"card": SAMSUNG}),
        ({"card": {"availableCards": ["BC_CARD", "SAMSUNG_CARD"]}}, {"choice": "SAMSUNG_CARD"}, {"card": SAMSUNG}),
        ({"card": {"useCardPoint": True}}, {}, {"pointUsed": True}),
        (
            {"payMethod": "EASY_PAY", "easyPay": {"easyPayProvider": "PAYCO"}},
            {},
            {"provider": "PAYCO", "easyPayMethod": {"type": "PaymentMethodCard"}},
        ),
        (
            {"payMethod": "EASY_PAY", "easyPay": {"easyPayProvider": "NAVERPAY", "availablePayMethods": ["CARD"]}},
            {},
            {"provider": "NAVERPAY", "easyPayMethod": {"type": "PaymentMethodCard"}},
        ),
        (
            {"payMethod": "EASY_PAY", "easyPay": {"easyPayProvider": "TOSSPAY", "availableCards": ["SAMSUNG_CARD"]}},
            {"choice": "CARD:SAMSUNG_CARD"},
            {"provider": "TOSSPAY", "easyPayMethod": {"card": SAMSUNG}},
        ),
        (
            {"payMethod": "EASY_PAY", "easyPay": {"availablePayMethods": ["MONEY"]}},
            {"method": "tosspay", "choice": "CHARGE"},
            {"provider": "TOSSPAY", "easyPayMethod": {"type": "PaymentMethodEasyPayMethodCharge"}},
        ),
        ({"payMethod": "ALIPAY_PLUS", "alipayPlus": {"easyPayProvider": "GCASH"}}, {}, {"provider": "G_CASH"}),
        (
            {"payMethod": "GIFT_CERTIFICATE", "giftCertificate": {"giftCertificateType": "CULTURE_GIFT"}},
            {},
            {"giftCertificateType": "CULTUREGIFT"},
        ),
        ({"payMethod": "TRANSFER", "transfer": {"bankCode": "BANK_NH_NONGHYUP_BANK"}}, {}, {"bank": "NONGHYUP"}),
        (
            {"payMethod": "MOBILE", "mobile": {"avaliableCarriers": ["KT", "LGU"]}},
            {"choice": "LGU"},
            {"type": "PaymentMethodMobile"},
        ),
    ],
)
async def test_what_the_merchant_asked_for_is_paid_with(
    sandbox: Sandbox, params: dict[str, Any], picked: dict[str, Any], method: dict[str, Any]
) -> None:
    told = (await paid(sandbox, params, **picked))["method"]
    assert holds(told, method), told


def holds(told: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(name in told and holds(told[name], value) for name, value in wanted.items())
    return bool(told == wanted)


@pytest.mark.parametrize(
    ("account", "bank", "type_"),
    [
        ({"bankCode": "WOORI_BANK"}, "WOORI", "NORMAL"),
        ({"bankCode": "WOORI_BANK", "availableBanks": ["EPOST", "K_BANK"]}, "POST", "NORMAL"),
        ({"fixedOption": {"accountNumber": "11022033"}}, "SHINHAN", "FIXED"),
        ({"fixedOption": {"pgAccountId": "for-kim"}}, "SHINHAN", "FIXED"),
    ],
)
async def test_an_account_is_at_the_bank_and_of_the_kind_that_was_asked_for(
    sandbox: Sandbox, account: dict[str, Any], bank: str, type_: str
) -> None:
    method = (await paid(sandbox, {"payMethod": "VIRTUAL_ACCOUNT", "virtualAccount": account}))["method"]
    assert (method["bank"], method["accountType"]) == (bank, type_)
    if number := account.get("fixedOption", {}).get("accountNumber"):
        assert method["accountNumber"] == number


@pytest.mark.parametrize(
    ("params", "picked"),
    [
        ({"card": {"cardCompany": "SAMSUNG_CARD"}}, {"choice": "4312"}),
        ({"card": {"availableCards": ["BC_CARD"]}}, {"choice": "SAMSUNG_CARD"}),
        ({"payMethod": "TRANSFER", "transfer": {"bankCode": "HANA_BANK"}}, {"choice": "WOORI"}),
        ({"payMethod": "MOBILE", "mobile": {"carrier": "SKT"}}, {"choice": "KT"}),
        ({"totalAmount": 60_000, "card": {"installment": {"monthOption": {"fixedMonth": 3}}}}, {"months": "6"}),
        ({"totalAmount": 60_000, "card": {"useInstallment": False}}, {"months": "2"}),
        ({"totalAmount": 49_999}, {"months": "2"}),
    ],
)
async def test_what_was_not_offered_cannot_be_picked(
    sandbox: Sandbox, params: dict[str, Any], picked: dict[str, Any]
) -> None:
    opened = await sandbox.open("ord-000001", **params)
    with pytest.raises(AssertionError, match="RequestParseFailed"):
        await sandbox.decide(opened["txId"], "approve", **picked)
    assert sandbox.captured("ord-000001") == 0


@pytest.mark.parametrize(
    ("card", "months", "installment"),
    [
        ({}, "3", {"month": 3, "isInterestFree": False}),
        ({"installment": {"monthOption": {"fixedMonth": 6}}}, None, {"month": 6, "isInterestFree": False}),
        ({"installment": {"monthOption": {"availableMonthList": [2, 4]}}}, None, {"month": 0, "isInterestFree": False}),
        (
            {"useFreeInterestFromMall": True},
            "5",
            {"month": 5, "isInterestFree": True, "isInterestFreeFromMerchant": True},
        ),
        (
            {
                "cardCompany": "SAMSUNG_CARD",
                "installment": {"freeInstallmentPlans": [{"cardCompany": "SAMSUNG_CARD", "months": [2, 3]}]},
            },
            "3",
            {"month": 3, "isInterestFree": True, "isInterestFreeFromMerchant": True},
        ),
        (
            {
                "cardCompany": "BC_CARD",
                "installment": {"freeInstallmentPlans": [{"cardCompany": "SAMSUNG_CARD", "months": [2, 3]}]},
            },
            "3",
            {"month": 3, "isInterestFree": False},
        ),
    ],
)
@pytest.mark.parametrize("in_wallet", [False, True])
async def test_a_card_pays_over_the_months_that_were_offered(
    sandbox: Sandbox, card: dict[str, Any], months: str | None, installment: dict[str, Any], *, in_wallet: bool
) -> None:
    picked = {} if months is None else {"months": months}
    params: dict[str, Any] = {"totalAmount": 50_000, "card": card}
    if in_wallet:
        company = card.get("cardCompany")
        wallet = {name: value for name, value in card.items() if name != "cardCompany"}
        wallet |= {"easyPayProvider": "KAKAOPAY", "availableCards": [company or "BC_CARD"]}
        params = {"totalAmount": 50_000, "payMethod": "EASY_PAY", "easyPay": wallet}
    method = (await paid(sandbox, params, **picked))["method"]
    assert method.get("easyPayMethod", method)["installment"] == installment


async def test_a_card_companys_coupon_is_taken_off_what_its_card_pays(sandbox: Sandbox) -> None:
    coupon = {"promotionId": "samsung-1", "discountAmount": 300}
    payment = await paid(sandbox, {"card": {"cardCompany": "SAMSUNG_CARD", "cardPromotion": coupon}})
    assert (payment["amount"]["total"], payment["amount"]["discount"], payment["amount"]["paid"]) == (1000, 300, 700)


@pytest.mark.parametrize(
    "wrong",
    [
        {"card": {"cardCompany": "MY_CARD"}},
        {"card": {"cardPromotion": {"promotionId": "samsung-1", "discountAmount": 300}}},
        {"card": {"cardCompany": "BC_CARD", "cardPromotion": {"promotionId": "bc-1", "discountAmount": 1001}}},
        {"easyPay": {"easyPayProvider": "MYPAY"}},
        {"easyPay": {"availablePayMethods": ["GOLD"]}},
        {"mobile": {"carrier": "VERIZON"}},
        {"giftCertificate": {"giftCertificateType": "CINEMA"}},
        {"payMethod": "TRANSFER", "transfer": {"bankCode": "MY_BANK"}},
        {"payMethod": "VIRTUAL_ACCOUNT", "virtualAccount": {"availableBanks": ["WOORI_BANK", "MY_BANK"]}},
    ],
)
async def test_a_word_that_is_none_is_refused_before_anything_opens(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert (await sandbox.open("ord-000001", **wrong))["code"] == "RequestParseFailed"
    assert sandbox.state()["payments"] == {}


async def test_a_wallet_paid_from_an_account_has_the_receipt_that_was_asked_for(sandbox: Sandbox) -> None:
    easy_pay = {"easyPayProvider": "TOSSPAY", "cashReceiptType": "PERSONAL", "availablePayMethods": ["TRANSFER"]}
    payment = await paid(sandbox, {"payMethod": "EASY_PAY", "easyPay": easy_pay})
    assert payment["cashReceipt"]["status"] == "ISSUED"


async def test_the_window_shows_what_is_left_to_choose(sandbox: Sandbox) -> None:
    plans = [{"cardCompany": "SAMSUNG_CARD", "months": [2, 3]}]
    card = {
        "cardCompany": "SAMSUNG_CARD",
        "useCardPoint": True,
        "installment": {"monthOption": {"availableMonthList": [2, 3]}, "freeInstallmentPlans": plans},
    }
    page = await page_of(sandbox, await sandbox.open("ord-000001", totalAmount=50_000, card=card))
    for shown in ("삼성카드 2, 3개월 무이자", '<option value="3">3개월</option>', "카드 포인트 사용"):
        assert shown in page
    for hidden in ("카카오페이", "신한카드", "4개월"):
        assert hidden not in page
    assert "할부 기간" not in await page_of(sandbox, await sandbox.open("ord-000002"))


async def test_a_group_gives_one_of_its_channels_and_is_told(sandbox: Sandbox) -> None:
    chosen = set()
    for number in range(20):
        payment_id = f"ord-{number:06d}"
        await sandbox.pay(payment_id, channelKey=None, channelGroupId=CHANNEL_GROUP)
        payment = (await sandbox.api("GET", f"/payments/{payment_id}"))[1]
        assert payment["channelGroup"] == {"id": CHANNEL_GROUP, "name": "카드와 카카오페이", "isForTest": True}
        chosen.add(payment["channel"]["key"])
    assert chosen == {CARD_CHANNEL, EASY_PAY_CHANNEL}
    # Toss Payments wants six characters of an id; KakaoPay takes any.
    await sandbox.pay("ab", channelKey=None, channelGroupId=CHANNEL_GROUP)
    assert (await sandbox.api("GET", "/payments/ab"))[1]["channel"]["key"] == EASY_PAY_CHANNEL


async def test_a_group_without_a_channel_for_the_order_is_refused(sandbox: Sandbox) -> None:
    sandbox.world.state.channel_groups[GROUP] = ChannelGroup(GROUP, "나눠 받기", STORE_ID, [CARD_CHANNEL], "TEST")
    refused = await sandbox.open("ab", channelKey=None, channelGroupId=GROUP)
    assert refused["code"] == "AllChannelsNotSatisfied"
    assert (await sandbox.open("ab", channelKey=None, channelGroupId="no-group"))["code"] == "ChannelNotFound"


async def test_what_a_key_is_for_is_shown_and_what_is_registered_is_as_asked(sandbox: Sandbox) -> None:
    asked = {
        "storeId": STORE_ID,
        "channelKey": CARD_CHANNEL,
        "billingKeyMethod": "EASY_PAY",
        "displayAmount": 9_900,
        "easyPay": {
            "easyPayProvider": "PAYCO",
            "availableCards": ["SAMSUNG_CARD"],
            "availablePayMethods": ["CARD"],
        },
    }
    opened = await called(sandbox, "/billing-keys", asked)
    page = await page_of(sandbox, opened)
    assert "₩9,900" in page
    assert "삼성카드" in page
    assert "계좌이체" not in page
    target = opened["leftUrl"].replace("/left", "/decision")
    await sandbox.transport.send("POST", target, {}, msgspec.json.encode({"action": "approve"}))
    (method,) = (await sandbox.api("GET", f"/billing-keys/{opened['issue']}"))[1]["methods"]
    assert (method["provider"], method["method"]["card"]["issuer"]) == ("PAYCO", "SAMSUNG_CARD")
    assert (await called(sandbox, "/billing-keys", asked | {"displayAmount": -1}))["code"] == "RequestParseFailed"


async def test_who_the_merchant_knows_need_not_be_typed(sandbox: Sandbox) -> None:
    customer = {
        "fullName": "박장부",
        "phoneNumber": "01099998888",
        "birthYear": "2001",
        "birthMonth": "2",
        "birthDay": "3",
        "gender": "FEMALE",
    }
    asked = {
        "storeId": STORE_ID,
        "channelKey": IDENTITY_CHANNEL,
        "identityVerificationId": "who-1",
        "customer": customer,
    }
    page = await page_of(sandbox, await called(sandbox, "/identity-verifications", asked))
    for typed in ("박장부", "01099998888", "0102034"):
        assert f'value="{typed}"' in page


@pytest.mark.parametrize("display", ["POPUP", "IFRAME"])
async def test_only_the_page_that_opened_a_popup_says_that_it_was_shut(sandbox: Sandbox, display: str) -> None:
    opened = await sandbox.open("ord-000001", windowType={"pc": display})
    assert opened["display"] == display
    strange = await sandbox.transport.send("POST", opened["leftUrl"], {"origin": "https://stranger.test"}, b"{}")
    assert strange[0] == 403
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "READY"
    status, _, raw = await sandbox.transport.send("POST", opened["leftUrl"], {"origin": "https://shop.test"}, b"{}")
    if display == "IFRAME":
        assert status == 403
        return
    result = msgspec.json.decode(raw)
    assert (status, result["code"], result["pgCode"]) == (200, "PGProviderError", "USER_CANCEL")
    # Once more changes nothing.
    again = await sandbox.transport.send("POST", opened["leftUrl"], {"origin": "https://shop.test"}, b"{}")
    assert msgspec.json.decode(again[2]) == result


async def called(sandbox: Sandbox, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    headers = {"origin": "https://shop.test", "user-agent": "desktop"}
    _, _, raw = await sandbox.transport.send("POST", f"/__browser__{path}", headers, msgspec.json.encode(asked))
    return dict(msgspec.json.decode(raw))
