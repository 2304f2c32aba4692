"""GET /payments: what a merchant looks for in the payments themselves (portone-facts §2.13)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL
from jangbu.sandbox.testing import Endpoint, Sandbox

LOGISTICS = {"logistics": {"company": "CJ", "invoiceNumber": "1", "sentAt": "2026-08-02T10:00:00+09:00"}}
CUSTOMER = {
    "fullName": "홍길동",
    "email": "gildong@shop.test",
    "phoneNumber": "01012345678",
    "address": {"addressLine1": "세종대로 1"},
    "zipcode": "04524",
}


@pytest.fixture
async def many(sandbox: Sandbox) -> Sandbox:
    """A payment of each kind, an hour apart."""
    await sandbox.pay("card-01", customer=CUSTOMER, orderName="우롱차")
    await sandbox.move(timedelta(hours=1))
    await sandbox.pay("kakao-01", channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY")
    await sandbox.move(timedelta(hours=1))
    await sandbox.pay("gift-01", payMethod="GIFT_CERTIFICATE")
    await sandbox.move(timedelta(hours=1))
    await sandbox.pay("parcel-01", payMethod="TRANSFER", isEscrow=True)
    await sandbox.api("POST", "/payments/parcel-01/escrow/logistics", LOGISTICS)
    await sandbox.move(timedelta(hours=1))
    await sandbox.pay("account-01", payMethod="VIRTUAL_ACCOUNT", virtualAccount={"cashReceiptType": "CORPORATE"})
    await sandbox.deposit("account-01")
    await sandbox.move(timedelta(hours=1))
    await sandbox.pay("returned-01", payMethod="TRANSFER", transfer={"cashReceiptType": "PERSONAL"})
    await sandbox.cancel("returned-01")
    await sandbox.move(timedelta(hours=1))
    await sandbox.decline("declined-01")
    return sandbox


async def listed(sandbox: Sandbox, **filter_: Any) -> list[str]:
    status, body = await sandbox.api("GET", "/payments", {"filter": {"sortOrder": "ASC", **filter_}})
    assert status == 200, body
    return [item["id"] for item in body["items"]]


WITH_A_CARD = ["card-01", "kakao-01"]
WITHOUT_A_RECEIPT = ["card-01", "kakao-01", "gift-01", "parcel-01", "declined-01"]


@pytest.mark.parametrize(
    ("filter_", "ids"),
    [
        ({"cardBrand": "LOCAL"}, WITH_A_CARD),
        ({"cardBrand": "VISA"}, []),
        ({"cardType": "CREDIT"}, WITH_A_CARD),
        ({"cardType": "DEBIT"}, []),
        ({"cardOwnerType": "PERSONAL"}, WITH_A_CARD),
        ({"cardOwnerType": "CORPORATE"}, []),
        ({"giftCertificateType": "CULTURELAND"}, ["gift-01"]),
        ({"giftCertificateType": "HAPPYMONEY"}, []),
        ({"isEscrow": True}, ["parcel-01"]),
        ({"isEscrow": False, "methods": ["TRANSFER"]}, ["returned-01"]),
        ({"escrowStatus": "REGISTERED"}, ["parcel-01"]),
        ({"escrowStatus": "CONFIRMED"}, []),
        ({"cashReceiptType": "CORPORATE"}, ["account-01"]),
        ({"cashReceiptType": "NO_RECEIPT"}, WITHOUT_A_RECEIPT),
        ({"cashReceiptStatus": "ISSUED"}, ["account-01"]),
        ({"cashReceiptStatus": "CANCELLED"}, ["returned-01"]),
        ({"cashReceiptIssuedAtRange": {"until": "2026-08-01T07:00:00Z"}}, ["account-01"]),
        ({"cashReceiptIssuedAtRange": {"from": "2026-08-01T07:00:01Z"}}, ["returned-01"]),
        ({"cashReceiptIssuedAtRange": {}}, ["account-01", "returned-01"]),
        ({"cashReceiptCancelledAtRange": {"from": "2026-08-01T07:00:00Z"}}, ["returned-01"]),
        ({"cashReceiptCancelledAtRange": {"until": "2026-08-01T07:00:00Z"}}, []),
        ({"cardBrand": "LOCAL", "cardType": "CREDIT", "methods": ["EASY_PAY"]}, ["kakao-01"]),
    ],
)
async def test_a_filter_keeps_what_it_says(many: Sandbox, filter_: dict[str, Any], ids: list[str]) -> None:
    assert await listed(many, **filter_) == ids


@pytest.mark.parametrize("filter_", [{"methods": ["CARD", "PaymentMethodCard"]}, {"pgProvider": ["TOSS"]}])
async def test_a_word_that_is_none_is_refused(sandbox: Sandbox, filter_: dict[str, Any]) -> None:
    status, answer = await sandbox.api("GET", "/payments", {"filter": filter_})
    assert (status, answer["type"]) == (400, "INVALID_REQUEST")


async def test_the_last_webhook_of_the_present_status_decides(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.open("ready-01")
    await sandbox.settle_webhooks()
    shop.answers = [200, 500, 200, ConnectionResetError()]
    await sandbox.pay("not-ok-01")
    await sandbox.pay("no-line-01")
    assert await listed(sandbox, webhookStatus="SUCCEEDED") == ["ready-01"]
    await sandbox.settle_webhooks()
    assert await listed(sandbox, webhookStatus="SUCCEEDED") == ["ready-01"]
    assert await listed(sandbox, webhookStatus="FAILED_NOT_OK_RESPONSE") == ["not-ok-01"]
    assert await listed(sandbox, webhookStatus="FAILED_UNEXPECTED_ERROR") == ["no-line-01"]
    await sandbox.settle_webhooks(with_retries=True)
    assert sorted(await listed(sandbox, webhookStatus="SUCCEEDED")) == ["no-line-01", "not-ok-01", "ready-01"]


@pytest.mark.parametrize(
    ("field", "value", "ids"),
    [
        ("ORDER_NAME", "우롱", ["card-01"]),
        ("CUSTOMER_NAME", "길동", ["card-01"]),
        ("CUSTOMER_EMAIL", "gildong@", ["card-01"]),
        ("CUSTOMER_PHONE_NUMBER", "01012345678", ["card-01"]),
        ("CUSTOMER_ADDRESS", "세종대로", ["card-01"]),
        ("CUSTOMER_ZIPCODE", "04524", ["card-01"]),
        ("CARD_ISSUER", "SHINHAN_CARD", WITH_A_CARD),
        ("CARD_ACQUIRER", "SHINHAN_CARD", WITH_A_CARD),
        ("CARD_RECEIPT_NAME", "신한", WITH_A_CARD),
        ("CARD_INSTALLMENT", "0", WITH_A_CARD),
        ("CARD_INSTALLMENT", "3", []),
        ("CARD_BIN", "433012", WITH_A_CARD),
        ("CARD_NUMBER", "433012****", WITH_A_CARD),
        ("TRANS_BANK", "SHINHAN", ["parcel-01", "returned-01"]),
        ("VIRTUAL_ACCOUNT_BANK", "SHINHAN", ["account-01"]),
        ("VIRTUAL_ACCOUNT_NUMBER", "562", ["account-01"]),
        ("CANCEL_REASON", "변심", ["returned-01"]),
        ("FAIL_REASON", "잔액", ["declined-01"]),
        ("USER_AGENT", "nobody", []),
        ("SCHEDULE_ID", "", []),
        ("ALL", "길동", ["card-01"]),
    ],
)
async def test_a_text_is_searched_where_it_is_said_to_be(many: Sandbox, field: str, value: str, ids: list[str]) -> None:
    assert await listed(many, textSearch=[{"field": field, "value": value}]) == ids


async def test_what_each_payment_says_of_itself_finds_it_alone(many: Sandbox) -> None:
    attempt = many.payment("returned-01").current
    assert attempt is not None
    [cancellation] = attempt.cancellations
    receipt = many.world.state.cash_receipts[-1]
    gift = many.payment("gift-01").current.method["approvalNumber"]
    for field, value, id_ in (
        ("TX_ID", attempt.transaction_id, "returned-01"),
        ("PG_TX_ID", attempt.pg_tx_id, "returned-01"),
        ("PG_CANCELLATION_ID", cancellation.pg_cancellation_id, "returned-01"),
        ("PG_RECEIPT_ID", receipt.pg_receipt_id, "returned-01"),
        ("RECEIPT_APPROVAL_NUMBER", receipt.issue_number, "returned-01"),
        ("GIFT_CERTIFICATION_APPROVAL_NUMBER", gift, "gift-01"),
        ("CARD_APPROVAL_NUMBER", many.payment("card-01").current.method["approvalNumber"], "card-01"),
    ):
        assert await listed(many, textSearch=[{"field": field, "value": value}]) == [id_], field


async def test_a_key_a_schedule_and_a_merchant_id_are_found(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    await sandbox.schedule("scheduled", key, sandbox.clock.now() + timedelta(hours=1))
    await sandbox.move(timedelta(hours=2))
    schedule_id = sandbox.payment("scheduled").current.schedule_id
    merchant_id = sandbox.world.state.channels[CARD_CHANNEL].pg_merchant_id
    for field, value in (("BILLING_KEY", key), ("SCHEDULE_ID", schedule_id), ("PG_MERCHANT_ID", merchant_id)):
        assert await listed(sandbox, textSearch=[{"field": field, "value": value}]) == ["scheduled"]


async def test_all_of_several_texts_must_be_found_and_an_unknown_field_is_refused(many: Sandbox) -> None:
    both = [{"field": "CUSTOMER_NAME", "value": "홍"}, {"field": "ORDER_NAME", "value": "우롱"}]
    assert await listed(many, textSearch=both) == ["card-01"]
    assert await listed(many, textSearch=[*both, {"field": "PAYMENT_ID", "value": "kakao-01"}]) == []
    query = {"filter": {"textSearch": [{"field": "CARD_EXPIRY", "value": "x"}]}}
    assert (await many.api("GET", "/payments", query))[0] == 400


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        ({"pgProviders": ["TOSSPAYMENTS"]}, 2),
        ({"pgProviders": ["KAKAOPAY"]}, 0),
        ({"pgCompanies": ["KCP", "TOSSPAYMENTS"]}, 2),
        ({"pgCompanies": ["TOSSPAY"]}, 0),
        ({"pgMerchantId": "nobody"}, 0),
        ({"pgReceiptId": "nobody"}, 0),
    ],
)
async def test_receipts_are_found_by_what_the_pg_calls_them(many: Sandbox, filter_: dict, count: int) -> None:
    status, body = await many.api("GET", "/cash-receipts", {"filter": filter_})
    assert (status, body["page"]["totalCount"]) == (200, count)
    receipt = many.world.state.cash_receipts[0]
    channel = many.world.state.channels[CARD_CHANNEL]
    mine = {"pgReceiptId": receipt.pg_receipt_id, "pgMerchantId": channel.pg_merchant_id}
    assert (await many.api("GET", "/cash-receipts", {"filter": mine}))[1]["page"]["totalCount"] == 1


async def test_a_companys_older_and_newer_modules_are_found_under_its_one_name(many: Sandbox) -> None:
    channel = many.world.state.channels[CARD_CHANNEL]
    for provider, company in (
        ("NICE_V2", "NICE"),
        ("TOSSPAY_V2", "TOSSPAY"),
        ("UPLUS", "TOSSPAYMENTS"),
        ("KAKAOPAY", "KAKAOPAY"),
        ("HTML5_INICIS", "INICIS"),
        ("HECTO_GLOBAL", "SETTLE"),
    ):
        channel.pg_provider = provider
        for wanted, count in ((company, 2), ("KAKAO", 0)):
            query = {"filter": {"pgCompanies": [wanted]}}
            _, body = await many.api("GET", "/cash-receipts", query)
            assert body["page"]["totalCount"] == count, (provider, wanted)


async def test_months_are_found_by_their_number(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    await sandbox.charge("in-six", key, installmentMonth=6)
    await sandbox.charge("at-once", key)
    assert await listed(sandbox, textSearch=[{"field": "CARD_INSTALLMENT", "value": "6"}]) == ["in-six"]


async def test_an_empty_list_of_wanted_values_counts_as_absent(many: Sandbox) -> None:
    everything = await listed(many)
    for name in ("status", "methods", "pgProvider", "textSearch"):
        assert await listed(many, **{name: []}) == everything
    wanted = {"statuses": [], "types": [], "pgProviders": [], "pgCompanies": []}
    _, receipts = await many.api("GET", "/cash-receipts", {"filter": wanted})
    assert receipts["page"]["totalCount"] == len(receipts["items"]) == 2
