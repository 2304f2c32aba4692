"""What a shop's page passes to requestPayment, and what comes back (portone-facts §7.1)."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL, IDENTITY_CHANNEL, STORE_ID
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"
PARAMS = {
    "storeId": STORE_ID,
    "channelKey": CARD_CHANNEL,
    "paymentId": "ord-000001",
    "orderName": "보리차",
    "totalAmount": 1000,
    "currency": "KRW",
    "payMethod": "CARD",
}


async def request(
    sandbox: Sandbox, params: dict, agent: str = "desktop", *, path: str = "payments"
) -> tuple[int, dict]:
    headers = {"origin": "https://shop.test", "user-agent": agent}
    status, _, body = await sandbox.transport.send("POST", f"/__browser__/{path}", headers, msgspec.json.encode(params))
    return status, msgspec.json.decode(body)


@pytest.mark.parametrize(
    "missing", ["storeId", "paymentId", "orderName", "totalAmount", "currency", "payMethod", "channelKey"]
)
async def test_a_missing_parameter_is_thrown_before_anything_opens(sandbox: Sandbox, missing: str) -> None:
    status, body = await request(sandbox, {name: PARAMS[name] for name in PARAMS if name != missing})
    assert (status, body["code"]) == (400, "RequestParseFailed")
    assert missing in body["message"]
    assert sandbox.state()["payments"] == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"totalAmount": "1000"},
        {"totalAmount": 10.5},
        {"totalAmount": 0},
        {"totalAmount": -1},
        {"totalAmount": 2**53},
        {"currency": "XXX"},
        {"payMethod": "BARTER"},
        {"orderName": ""},
        {"taxFreeAmount": 1001},
        {"forceRedirect": True},
        {"windowType": {"pc": "REDIRECTION"}},
    ],
)
async def test_a_wrong_parameter_is_thrown_before_anything_opens(sandbox: Sandbox, wrong: dict) -> None:
    status, body = await request(sandbox, {**PARAMS, **wrong})
    assert (status, body["code"]) == (400, "RequestParseFailed")
    assert sandbox.state()["payments"] == {}


async def test_old_enum_prefixes_are_accepted(sandbox: Sandbox) -> None:
    asked = {
        **PARAMS,
        "currency": "CURRENCY_KRW",
        "payMethod": "PAY_METHOD_TRANSFER",
        "country": "COUNTRY_KR",
        "customer": {"fullName": "김장부", "gender": "GENDER_FEMALE", "address": {"country": "COUNTRY_KR"}},
        "transfer": {"cashReceiptType": "CASH_RECEIPT_TYPE_ANONYMOUS"},
        "customData": {"currency": "CURRENCY_KRW"},
    }
    status, _ = await request(sandbox, asked)
    assert status == 200
    payment = (await sandbox.api("GET", "/payments/ord-000001"))[1]
    assert (payment["currency"], payment["country"], payment["customer"]["gender"]) == ("KRW", "KR", "FEMALE")
    assert payment["customer"]["address"]["oneLine"] == "KR"
    # What is the merchant's own is not touched.
    assert payment["customData"] == '{"currency":"CURRENCY_KRW"}'


ISSUE_AND_PAY = {**PARAMS, "billingKeyAndPayMethod": "MOBILE"}


@pytest.mark.parametrize("are_thrown", [True, False])
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("payments", PARAMS),
        ("billing-keys", {"storeId": STORE_ID, "billingKeyMethod": "CARD"}),
        ("billing-keys", ISSUE_AND_PAY),
        ("identity-verifications", {"storeId": STORE_ID, "identityVerificationId": "who-0001"}),
    ],
)
async def test_whether_a_refusal_of_the_server_is_thrown_is_a_switch(are_thrown: bool, path: str, params: dict) -> None:
    sandbox = Sandbox(inferred=Inferred(browser_refusals_are_thrown=are_thrown))
    status, body = await request(sandbox, {**params, "channelKey": "channel-key-none"}, path=path)
    assert status == (400 if are_thrown else 200)
    assert body["code"] == "ChannelNotFound"


@pytest.mark.parametrize("path", ["payments", "billing-keys"])
async def test_what_the_pg_refuses_before_the_window_opens_is_told_in_its_words(sandbox: Sandbox, path: str) -> None:
    status, body = await request(sandbox, {**ISSUE_AND_PAY, "orderName": "차" * 101}, path=path)
    assert (status, body["code"]) == (200, "PGProviderError")
    assert (body["pgCode"], body["pgMessage"]) == ("INVALID_ORDER_NAME", "상품명이 너무 깁니다.")
    sent = msgspec.json.encode({"paymentId": "ord-000001", "orderName": "차" * 101})
    _, _, raw = await sandbox.transport.send("POST", "/__sandbox__/pay", {}, sent)
    assert msgspec.json.decode(raw) == {"transactionType": "PAYMENT"} | body


@pytest.mark.parametrize("are_thrown", [True, False])
async def test_v1s_callback_hears_of_every_refusal_whatever_v2_throws(are_thrown: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(browser_refusals_are_thrown=are_thrown))
    for path in ("payments", "certifications"):
        asked = {"imp": "imp99999999", "pay_method": "card", "merchant_uid": "o", "name": "보리차", "amount": 1}
        status, body = await request(sandbox, asked, path=f"v1/{path}")
        assert (status, body.keys()) == (200, {"error_code", "error_msg"})


@pytest.mark.parametrize(
    ("agent", "more", "display"),
    [
        ("desktop", {}, "IFRAME"),
        ("desktop", {"forceRedirect": True}, "REDIRECTION"),
        ("desktop", {"windowType": {"pc": "REDIRECTION"}}, "REDIRECTION"),
        (PHONE, {}, "REDIRECTION"),
        (PHONE, {"windowType": {"mobile": "IFRAME"}}, "IFRAME"),
    ],
)
async def test_a_computer_gets_an_overlay_and_a_phone_a_redirection(
    sandbox: Sandbox, agent: str, more: dict, display: str
) -> None:
    params = {**PARAMS, "redirectUrl": "https://shop.test/done", **more}
    _, opened = await request(sandbox, params, agent)
    assert opened["display"] == display
    platform = (await sandbox.api("GET", "/payments/ord-000001"))[1]["origin"]["platformType"]
    assert platform == ("MOBILE" if agent == PHONE else "PC")


async def test_a_redirection_carries_the_result_in_the_query_beside_what_was_there(sandbox: Sandbox) -> None:
    params = {**PARAMS, "forceRedirect": True, "redirectUrl": "https://shop.test/done?cart=7#top"}
    _, opened = await request(sandbox, params)
    paid = await sandbox.decide(opened["txId"], "approve")
    url = urlsplit(paid["redirectTo"])
    assert (url.netloc, url.path, url.fragment) == ("shop.test", "/done", "top")
    assert parse_qs(url.query) == {
        "cart": ["7"],
        "transactionType": ["PAYMENT"],
        "txId": [opened["txId"]],
        "paymentId": ["ord-000001"],
    }

    _, opened = await request(sandbox, {**params, "paymentId": "ord-000002"})
    closed = await sandbox.decide(opened["txId"], "close")
    query = parse_qs(urlsplit(closed["redirectTo"]).query)
    assert query["code"] == ["PGProviderError"]
    assert query["pgCode"] == ["USER_CANCEL"]


@pytest.mark.parametrize(
    "decision",
    [
        {"action": "steal"},
        {"action": "approve", "method": "shells"},
        {"action": "decline", "reason": "moonphase"},
        {},
    ],
)
async def test_an_unknown_decision_is_refused_and_decides_nothing(sandbox: Sandbox, decision: dict) -> None:
    opened = await sandbox.open("ord-000001")
    target = f"/__browser__/transactions/{opened['txId']}/decision"
    status, _, _ = await sandbox.transport.send("POST", target, {}, msgspec.json.encode(decision))
    assert status == 400
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "READY"


async def test_a_shops_page_on_any_origin_may_call(sandbox: Sandbox) -> None:
    preflight = {
        "origin": "https://shop.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    status, headers, _ = await sandbox.transport.send("OPTIONS", "/__browser__/payments", preflight)
    assert status == 200
    assert headers["access-control-allow-origin"] == "*"
    _, headers, script = await sandbox.transport.send("GET", "/v2/browser-sdk.js")
    assert headers["content-type"].startswith("text/javascript")
    assert b"PortOne" in script


@pytest.mark.parametrize("what", ["payments", "billing-keys", "identity-verifications"])
async def test_of_all_pages_only_the_window_decides(sandbox: Sandbox, what: str) -> None:
    """A program, which names no origin, may too: a test, or a person with curl."""
    asked = {
        "payments": PARAMS,
        "billing-keys": PARAMS | {"paymentId": None, "billingKeyMethod": "CARD"},
        "identity-verifications": PARAMS | {"channelKey": IDENTITY_CHANNEL, "identityVerificationId": "who-1"},
    }[what]
    headers = {"origin": "https://shop.test", "host": "sandbox.test:8090"}
    _, _, body = await sandbox.transport.send("POST", f"/__browser__/{what}", headers, msgspec.json.encode(asked))
    window_id = msgspec.json.decode(body)["windowId"]
    target = f"/__browser__/{what.replace('payments', 'transactions')}/{window_id}/decision"
    action = b'{"action":"close"}'
    for origin in ("https://shop.test", "null", "http://sandbox.test:8091", "http://sandbox.test"):
        told = {**headers, "origin": origin}
        status, answered, body = await sandbox.transport.send("POST", target, told, action)
        assert (status, "access-control-allow-origin" in answered) == (403, False)
        status, answered, _ = await sandbox.transport.send(
            "OPTIONS", target, told | {"access-control-request-method": "POST"}
        )
        assert "access-control-allow-origin" not in answered
    for origin in ("http://sandbox.test:8090", "https://sandbox.test:8090"):
        status, _, _ = await sandbox.transport.send("POST", target, {**headers, "origin": origin}, action)
        assert status == 200


async def test_the_window_page_allows_nothing_inline_and_only_its_opener_as_frame(sandbox: Sandbox) -> None:
    opened = await sandbox.open("ord-000001", orderName="<script>alert(1)</script> & 차")
    status, headers, body = await sandbox.transport.send("GET", opened["windowUrl"])
    html = body.decode()
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors https://shop.test")
    assert "&lt;script&gt;alert(1)" in html
    assert "style=" not in html
    assert "onclick" not in html
    assert "₩1,000 결제하기" in html

    redirected = await sandbox.open("ord-000002", forceRedirect=True, redirectUrl="https://shop.test/")
    _, headers, _ = await sandbox.transport.send("GET", redirected["windowUrl"])
    assert headers["content-security-policy"].endswith("frame-ancestors 'none'")


async def test_the_window_speaks_english_when_asked_and_offers_what_the_channel_has(sandbox: Sandbox) -> None:
    opened = await sandbox.open("ord-000001", locale="EN_US", channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY")
    _, _, body = await sandbox.transport.send("GET", opened["windowUrl"])
    html = body.decode()
    assert 'lang="en"' in html
    assert "Pay ₩1,000" in html
    assert 'value="kakaopay"' in html
    assert 'value="card"' not in html
    await sandbox.decide(opened["txId"], "approve")
    _, _, body = await sandbox.transport.send("GET", opened["windowUrl"])
    assert "This payment is over." in body.decode()


async def test_kakaopay_can_be_chosen_in_a_card_window(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", method="kakaopay")
    method = (await sandbox.api("GET", "/payments/ord-000001"))[1]["method"]
    assert (method["type"], method["provider"]) == ("PaymentMethodEasyPay", "KAKAOPAY")
    assert method["easyPayMethod"]["type"] == "PaymentMethodCard"
