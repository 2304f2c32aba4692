"""Billing keys in the local PortOne: issue, confirm, read, delete, and who else can take one (portone-facts §3.1)."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from jangbu.sandbox import API_SECRET, CARD_CHANNEL, EASY_PAY_CHANNEL, LIVE_CHANNEL, MERCHANT_ID, STORE_ID
from jangbu.sandbox.core.billing_records import ChannelGroup
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Channel, Store
from jangbu.sandbox.testing import START, Endpoint, Sandbox

NUMBER = "4330129876541234"
CREDENTIAL = {
    "number": NUMBER,
    "expiryYear": "31",
    "expiryMonth": "12",
    "birthOrBusinessRegistrationNumber": "900101",
    "passwordTwoDigits": "97",
}
GROUP = "channel-group-1"


def body(**more: Any) -> dict[str, Any]:
    return {"channelKey": CARD_CHANNEL, "method": {"card": {"credential": CREDENTIAL}}, **more}


def add_channel(sandbox: Sandbox, pg_provider: str, **more: Any) -> str:
    """One more channel; answers its key."""
    channels = sandbox.world.state.channels
    key = f"channel-key-{pg_provider}"
    channels[key] = Channel(key, f"id-{pg_provider}", pg_provider, STORE_ID, pg_provider, "mid", "TEST", **more)
    return key


def add_group(sandbox: Sandbox, *keys: str) -> None:
    group = ChannelGroup(GROUP, "스마트 라우팅", STORE_ID, list(keys), "TEST")
    sandbox.world.state.channel_groups[GROUP] = group


async def get(sandbox: Sandbox, key: str) -> dict[str, Any]:
    status, info = await sandbox.api("GET", f"/billing-keys/{key}")
    assert status == 200, info
    return info


async def refused(sandbox: Sandbox, method: str, target: str, asked: Any = None) -> tuple[int, str]:
    """Status and type of the refusal; and nothing has changed."""
    before = sandbox.world.to_json()
    status, answer = await sandbox.api(method, target, asked)
    assert status >= 400, answer
    assert sandbox.world.to_json() == before
    return status, answer["type"]


async def in_window(sandbox: Sandbox, action: str = "approve", reason: str | None = None, **params: Any) -> Any:
    """What the browser gets from requestIssueBillingKey, or with a paymentId from …AndPay."""
    asked = {"storeId": STORE_ID, "channelKey": CARD_CHANNEL, "billingKeyMethod": "CARD", **params}
    send = sandbox.transport.send
    headers = {"user-agent": "jangbu-test"}
    status, _, answer = await send("POST", "/__browser__/billing-keys", headers, msgspec.json.encode(asked))
    opened = msgspec.json.decode(answer)
    if "issue" not in opened:
        return opened
    assert status == 200
    decision = {"action": action, **({"reason": reason} if reason else {})}
    target = f"/__browser__/billing-keys/{opened['issue']}/decision"
    _, _, first = await send("POST", target, {}, msgspec.json.encode(decision))
    _, _, again = await send("POST", target, {}, b'{"action":"close"}')
    assert again == first, "what was decided first stands"
    return msgspec.json.decode(first)


async def test_a_key_shows_a_mask_and_nothing_of_the_card_is_kept(sandbox: Sandbox, shop: Endpoint) -> None:
    customer = {"id": "c1", "name": {"separated": {"first": "길동", "last": "홍"}}, "phoneNumber": "01012345678"}
    status, answer = await sandbox.api("POST", "/billing-keys", body(customer=customer, customData="x"))
    assert status == 200
    info = answer["billingKeyInfo"]
    assert info["issuedAt"] == "2026-08-01T03:00:00.000Z"
    assert "channelSpecificFailures" not in answer

    key = await get(sandbox, info["billingKey"])
    assert (key["status"], key["storeId"], key["merchantId"]) == ("ISSUED", STORE_ID, MERCHANT_ID)
    assert key["customer"] == {"id": "c1", "name": "길동 홍", "phoneNumber": "01012345678"}
    assert key["channels"] == info["channels"]
    assert key["channels"][0]["key"] == CARD_CHANNEL
    assert key["methods"][0]["type"] == "BillingKeyPaymentMethodCard"
    assert key["methods"][0]["card"]["number"] == "433012******1234"
    assert "expiry" not in str(key).lower()

    kept = sandbox.log()
    for secret in (NUMBER, NUMBER[6:12], '"97"', "900101"):
        assert secret.encode() not in kept
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Issued"]
    assert shop.body(0)["data"] == {"storeId": STORE_ID, "billingKey": info["billingKey"]}


async def test_skip_webhook_and_notice_urls(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.billing_key(skipWebhook=True)
    await sandbox.billing_key(noticeUrls=["https://a.test/1", "https://a.test/2"])
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Issued"] * 2


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({}, (400, "INVALID_REQUEST")),
        ({"method": {"card": {"credential": CREDENTIAL}}}, (400, "INVALID_REQUEST")),
        ({"channelKey": CARD_CHANNEL, "method": {}}, (400, "INVALID_REQUEST")),
        (body(channelKey="channel-key-unknown"), (404, "CHANNEL_NOT_FOUND")),
        (body(channelKey=None, channelGroupId="unknown"), (404, "CHANNEL_NOT_FOUND")),
        (body(channelKey=EASY_PAY_CHANNEL), (400, "INVALID_REQUEST")),
        (body(storeId="store-other"), (403, "FORBIDDEN")),
        (body(method={"card": {"credential": {**CREDENTIAL, "number": "12"}}}), (502, "PG_PROVIDER")),
        (body(method={"card": {"credential": {**CREDENTIAL, "expiryMonth": "13"}}}), (502, "PG_PROVIDER")),
        (
            body(method={"card": {"credential": {**CREDENTIAL, "expiryYear": "26", "expiryMonth": "07"}}}),
            (502, "PG_PROVIDER"),
        ),
    ],
)
async def test_what_issues_no_key(sandbox: Sandbox, asked: Any, refusal: tuple[int, str]) -> None:
    assert await refused(sandbox, "POST", "/billing-keys", asked) == refusal


async def test_a_card_that_expires_this_month_is_still_good(sandbox: Sandbox) -> None:
    credential = {**CREDENTIAL, "expiryYear": "26", "expiryMonth": "08"}
    assert (await sandbox.api("POST", "/billing-keys", body(method={"card": {"credential": credential}})))[0] == 200


async def test_a_group_issues_on_the_channels_that_take_the_card(sandbox: Sandbox) -> None:
    other = add_channel(sandbox, "NICE_V2")
    add_group(sandbox, CARD_CHANNEL, EASY_PAY_CHANNEL, other)
    sandbox.fault("key_refused")
    status, answer = await sandbox.api("POST", "/billing-keys", body(channelKey=None, channelGroupId=GROUP))
    assert status == 200
    failures = {each["channel"]["key"]: each["type"] for each in answer["channelSpecificFailures"]}
    assert failures == {CARD_CHANNEL: "PG_PROVIDER", EASY_PAY_CHANNEL: "INVALID_REQUEST"}
    key = await get(sandbox, answer["billingKeyInfo"]["billingKey"])
    assert [channel["key"] for channel in key["channels"]] == [other]
    assert key["channelGroup"] == {"id": GROUP, "name": "스마트 라우팅", "isForTest": True}
    assert [each["type"] for each in key["pgBillingKeyIssueResponses"]] == ["FAILED", "FAILED", "ISSUED"]


async def test_a_group_of_which_no_channel_issues_is_channel_specific(sandbox: Sandbox) -> None:
    add_group(sandbox, CARD_CHANNEL, EASY_PAY_CHANNEL)
    sandbox.fault("key_refused")
    status, answer = await sandbox.api("POST", "/billing-keys", body(channelKey=None, channelGroupId=GROUP))
    assert (status, answer["type"], answer["succeededChannels"]) == (502, "CHANNEL_SPECIFIC", [])
    assert len(answer["failures"]) == 2
    assert sandbox.world.state.billing_keys == {}


async def test_a_deleted_key_is_still_read_and_cannot_be_deleted_again(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key()
    await sandbox.move(timedelta(days=1))
    status, answer = await sandbox.api("DELETE", f"/billing-keys/{key}?reason=x")
    assert (status, answer) == (200, {"deletedAt": "2026-08-02T03:00:00.000Z"})
    info = await get(sandbox, key)
    assert (info["status"], info["deletedAt"]) == ("DELETED", answer["deletedAt"])
    assert await refused(sandbox, "DELETE", f"/billing-keys/{key}") == (409, "BILLING_KEY_ALREADY_DELETED")
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Issued", "BillingKey.Deleted"]


async def test_skip_webhook_on_delete(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key()
    await sandbox.api("DELETE", f"/billing-keys/{key}?skipWebhook=true")
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Issued"]


async def test_what_cannot_be_deleted(sandbox: Sandbox) -> None:
    assert await refused(sandbox, "DELETE", "/billing-keys/none") == (404, "BILLING_KEY_NOT_FOUND")
    assert await refused(sandbox, "GET", "/billing-keys/none") == (404, "BILLING_KEY_NOT_FOUND")
    key = await sandbox.billing_key()
    assert await refused(sandbox, "DELETE", f"/billing-keys/{key}?storeId=other") == (403, "FORBIDDEN")
    sandbox.fault("key_refused")
    status, answer = await sandbox.api("DELETE", f"/billing-keys/{key}")
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "DELETE_REFUSED")
    await sandbox.schedule("ord-000001", key, START + timedelta(days=1))
    assert await refused(sandbox, "DELETE", f"/billing-keys/{key}") == (409, "PAYMENT_SCHEDULE_ALREADY_EXISTS")
    await sandbox.move(timedelta(days=2))
    assert (await sandbox.api("DELETE", f"/billing-keys/{key}"))[0] == 200


async def test_a_super_key_that_one_channel_keeps_stays(sandbox: Sandbox) -> None:
    other = add_channel(sandbox, "NICE_V2")
    add_group(sandbox, CARD_CHANNEL, other)
    key = await sandbox.billing_key(channel_key=None, channelGroupId=GROUP)
    sandbox.fault("key_refused")
    status, answer = await sandbox.api("DELETE", f"/billing-keys/{key}")
    assert (status, answer["type"]) == (502, "CHANNEL_SPECIFIC")
    assert [each["channel"]["key"] for each in answer["failures"]] == [CARD_CHANNEL]
    assert [each["key"] for each in answer["succeededChannels"]] == [other]
    assert (await get(sandbox, key))["status"] == "ISSUED"


async def test_naver_pay_wants_a_reason_and_a_requester(sandbox: Sandbox) -> None:
    naver = add_channel(sandbox, "NAVERPAY")
    result = await in_window(sandbox, channelKey=naver, billingKeyMethod="EASY_PAY")
    target = f"/billing-keys/{result['billingKey']}"
    assert (await get(sandbox, result["billingKey"]))["methods"][0]["provider"] == "NAVERPAY"
    assert await refused(sandbox, "DELETE", target + "?reason=x") == (400, "INVALID_REQUEST")
    assert (await sandbox.api("DELETE", target + "?reason=x&requester=CUSTOMER"))[0] == 200


async def test_another_stores_key_is_not_found(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    sandbox.world.state.stores["store-other"] = Store("store-other", "다른 상점", ["other-secret"], {})
    status, answer = await sandbox.api("GET", f"/billing-keys/{key}", secret="other-secret")
    assert (status, answer["type"]) == (404, "BILLING_KEY_NOT_FOUND")


async def test_the_wallets_owner_takes_the_key_away(sandbox: Sandbox, shop: Endpoint) -> None:
    key = await sandbox.billing_key()
    await sandbox.key_order("wallet-update", key)
    assert (await get(sandbox, key))["methods"][0]["card"]["bin"] == "910001"
    await sandbox.key_order("wallet-delete", key)
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Issued", "BillingKey.Updated", "BillingKey.Deleted"]
    assert (await get(sandbox, key))["status"] == "DELETED"

    silent = await sandbox.billing_key()
    await sandbox.key_order("wallet-delete", silent, webhook=False)
    await sandbox.settle_webhooks()
    assert shop.types()[3:] == ["BillingKey.Issued"]
    assert (await sandbox.charge("ord-000001", silent))[1]["type"] == "BILLING_KEY_ALREADY_DELETED"


async def test_the_orders_are_reached_over_http_and_name_what_they_know(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    send = sandbox.transport.send
    status, _, answer = await send("POST", f"/__sandbox__/billing-keys/{key}/refuse", {}, b'{"reason":"lost_card"}')
    assert (status, msgspec.json.decode(answer)["refuses"]) == (200, "lost_card")
    for target, raw in ((key, b'{"reason":"bad_mood"}'), (key, b'{"reason":"lost_card","times":0}'), ("none", b"{}")):
        assert (await send("POST", f"/__sandbox__/billing-keys/{target}/refuse", {}, raw))[0] == 400
    assert (await send("POST", f"/__sandbox__/billing-keys/{key}/melt", {}, b"{}"))[0] == 400
    _, _, answer = await send("GET", "/__sandbox__/billing-keys", {})
    (row,) = msgspec.json.decode(answer)["items"]
    assert (row["billingKey"], row["refuses"], row["schedules"]) == (key, "lost_card", [])


async def test_the_list_filters_sorts_and_pages(sandbox: Sandbox) -> None:
    first = await sandbox.billing_key(customer={"id": "c1", "name": {"full": "홍길동"}})
    await sandbox.move(timedelta(hours=1))
    second = await sandbox.billing_key(LIVE_CHANNEL, customer={"id": "c2"})
    await sandbox.move(timedelta(hours=1))
    wallet = (await in_window(sandbox, channelKey=EASY_PAY_CHANNEL, billingKeyMethod="EASY_PAY"))["billingKey"]
    await sandbox.api("DELETE", f"/billing-keys/{first}")

    async def listed(**asked: Any) -> list[str]:
        query = urlencode({"requestBody": msgspec.json.encode(asked).decode()})
        status, answer = await sandbox.api("GET", f"/billing-keys?{query}")
        assert status == 200, answer
        return [each["billingKey"] for each in answer["items"]]

    assert await listed() == [wallet, second, first]
    assert await listed(sort={"by": "STATUS_TIMESTAMP", "order": "ASC"}) == [second, *sorted([wallet, first])]
    assert await listed(page={"number": 1, "size": 2}) == [first]
    assert await listed(filter={"status": ["DELETED"]}) == [first]
    assert await listed(filter={"customerId": "c2"}) == [second]
    assert await listed(filter={"methods": ["EASY_PAY"]}) == [wallet]
    assert await listed(filter={"platformType": "SDK_PC"}) == [wallet]
    assert await listed(filter={"pgProviders": ["KAKAOPAY"], "version": "V2"}) == [wallet]
    assert await listed(filter={"textSearch": {"field": "CUSTOMER_NAME", "value": "길동"}}) == [first]
    assert await listed(filter={"textSearch": {"field": "CARD_BIN", "value": "433012"}}) == [wallet, second, first]
    assert await listed(filter={"textSearch": {"field": "PG_MERCHANT_ID", "value": "TC0ONE"}}) == [wallet]
    assert await listed(filter={"textSearch": {"field": "USER_AGENT", "value": "jangbu-test"}}) == [wallet]
    assert await listed(filter={"pgCompanies": ["TOSSPAYMENTS"]}) == [second, first]
    assert await listed(filter={"pgCompanies": ["TOSSPAY", "KAKAO"]}) == []
    assert await listed(filter={"timeRangeField": "DELETED_AT"}) == [first]
    assert await listed(filter={"until": "2026-08-01T03:30:00Z"}) == [first]
    await sandbox.move(timedelta(days=91))
    assert await listed() == []
    query = urlencode({"requestBody": '{"filter":{"pgCompanies":["NOBODY"]}}'})
    assert await refused(sandbox, "GET", f"/billing-keys?{query}") == (400, "INVALID_REQUEST")


async def test_a_key_issued_in_a_window(sandbox: Sandbox, shop: Endpoint) -> None:
    result = await in_window(sandbox, issueId="i1", issueName="정기 결제", customer={"customerId": "c1"})
    assert result.keys() == {"transactionType", "billingKey"}
    assert result["transactionType"] == "ISSUE_BILLING_KEY"
    key = await get(sandbox, result["billingKey"])
    assert (key["issueId"], key["issueName"], key["customer"]) == ("i1", "정기 결제", {"id": "c1"})
    assert (await sandbox.charge("ord-000001", result["billingKey"]))[0] == 200
    await sandbox.settle_webhooks()
    assert shop.types()[:2] == ["BillingKey.Ready", "BillingKey.Issued"]


@pytest.mark.parametrize(
    ("action", "reason", "pg_code"),
    [("decline", "lost_card", "LOST_CARD"), ("decline", None, "BLOCKED_CARD"), ("close", None, "USER_CANCEL")],
)
async def test_a_window_that_makes_no_key(
    sandbox: Sandbox, shop: Endpoint, action: str, reason: str | None, pg_code: str
) -> None:
    result = await in_window(sandbox, action, reason)
    assert (result["code"], result["pgCode"]) == ("PGProviderError", pg_code)
    # The type in PortOne's npm package has the field in any case.
    assert result["billingKey"] == ""
    (key,) = sandbox.world.state.billing_keys[STORE_ID]
    assert await refused(sandbox, "GET", f"/billing-keys/{key}") == (404, "BILLING_KEY_NOT_FOUND")
    assert await refused(sandbox, "DELETE", f"/billing-keys/{key}") == (404, "BILLING_KEY_NOT_ISSUED")
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Ready", "BillingKey.Failed"]


async def test_how_an_unfinished_key_is_refused_is_a_switch() -> None:
    sandbox = Sandbox(inferred=Inferred(unconfirmed_key_is_not_issued=False))
    await in_window(sandbox, "close")
    (key,) = sandbox.world.state.billing_keys[STORE_ID]
    assert await refused(sandbox, "DELETE", f"/billing-keys/{key}") == (404, "BILLING_KEY_NOT_FOUND")


async def test_a_pg_that_refuses_in_the_window(sandbox: Sandbox) -> None:
    sandbox.fault("key_refused")
    assert (await in_window(sandbox))["pgCode"] == "ISSUE_REFUSED"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"billingKeyMethod": None}, "RequestParseFailed"),
        ({"billingKeyMethod": "GOLD"}, "RequestParseFailed"),
        ({"storeId": "other"}, "StoreNotFound"),
        ({"channelKey": "other"}, "ChannelNotFound"),
        ({"forceRedirect": True}, "RequestParseFailed"),
        ({"paymentId": "ord-000001", "billingKeyAndPayMethod": "MOBILE"}, "RequestParseFailed"),
    ],
)
async def test_what_opens_no_window(sandbox: Sandbox, params: dict[str, Any], code: str) -> None:
    assert (await in_window(sandbox, **params))["code"] == code
    assert sandbox.world.state.billing_keys == {}


def manual(sandbox: Sandbox) -> str:
    return add_channel(sandbox, "NICE_V2", approves_manually=True)


async def test_the_server_confirms_a_key_once(sandbox: Sandbox, shop: Endpoint) -> None:
    result = await in_window(sandbox, channelKey=manual(sandbox))
    assert result["billingKey"] == "NEEDS_CONFIRMATION"
    token = result["billingIssueToken"]

    assert await refused(sandbox, "POST", "/billing-keys/confirm", {"billingIssueToken": "no"}) == (
        404,
        "BILLING_KEY_NOT_FOUND",
    )
    wrong = {"billingIssueToken": token, "isTest": False}
    assert await refused(sandbox, "POST", "/billing-keys/confirm", wrong) == (409, "INFORMATION_MISMATCH")

    right = {"billingIssueToken": token, "isTest": True}
    status, answer = await sandbox.api("POST", "/billing-keys/confirm", right)
    assert status == 200
    assert (await get(sandbox, answer["billingKey"]))["status"] == "ISSUED"
    assert await refused(sandbox, "POST", "/billing-keys/confirm", right) == (409, "BILLING_KEY_ALREADY_ISSUED")
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Ready", "BillingKey.Issued"]


async def test_a_confirm_that_the_pg_refuses_ends_the_key(sandbox: Sandbox, shop: Endpoint) -> None:
    result = await in_window(sandbox, channelKey=manual(sandbox))
    sandbox.fault("key_refused")
    asked = {"billingIssueToken": result["billingIssueToken"]}
    status, answer = await sandbox.api("POST", "/billing-keys/confirm", asked)
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "ISSUE_REFUSED")
    await sandbox.settle_webhooks()
    assert shop.types() == ["BillingKey.Ready", "BillingKey.Failed"]


AND_PAY = {
    "paymentId": "ord-000001",
    "billingKeyAndPayMethod": "MOBILE",
    "billingKeyMethod": None,
    "orderName": "첫 달",
    "totalAmount": 9_900,
    "taxFreeAmount": 900,
    "currency": "KRW",
}


async def test_one_window_issues_and_pays(sandbox: Sandbox, shop: Endpoint) -> None:
    result = await in_window(sandbox, **AND_PAY)
    assert (result["transactionType"], result["paymentId"]) == ("ISSUE_BILLING_KEY_AND_PAY", "ord-000001")
    assert "code" not in result
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    assert (payment["status"], payment["billingKey"]) == ("PAID", result["billingKey"])
    assert payment["method"]["type"] == "PaymentMethodMobile"
    assert sandbox.captures("ord-000001") == [9_900]
    await sandbox.settle_webhooks()
    assert sorted(shop.types()) == ["BillingKey.Issued", "BillingKey.Ready", "Transaction.Paid", "Transaction.Ready"]
    assert (await in_window(sandbox, **AND_PAY))["code"] == "PaymentAlreadyPaid"


async def test_one_window_declined_leaves_neither_key_nor_money(sandbox: Sandbox) -> None:
    result = await in_window(sandbox, "decline", **AND_PAY)
    assert result["code"] == "PGProviderError"
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    assert (payment["status"], sandbox.captures("ord-000001")) == ("FAILED", [])


@pytest.mark.parametrize(
    "wrong",
    [{"paymentId": "x"}, {"currency": "USD"}, {"totalAmount": 1}, {"taxFreeAmount": 0}, {"isTest": False}],
    ids=str,
)
async def test_issue_and_pay_is_confirmed_only_as_it_was_opened(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    result = await in_window(sandbox, **AND_PAY, channelKey=manual(sandbox))
    assert result["billingKey"] == "NEEDS_CONFIRMATION"
    believed = {
        "billingIssueToken": result["billingIssueToken"],
        **{name: AND_PAY[name] for name in ("paymentId", "currency", "totalAmount", "taxFreeAmount")},
        "isTest": True,
    }
    target = "/billing-keys/confirm-issue-and-pay"
    assert await refused(sandbox, "POST", target, believed | wrong) == (409, "INFORMATION_MISMATCH")
    assert await refused(sandbox, "POST", "/billing-keys/confirm", believed) == (404, "BILLING_KEY_NOT_FOUND")
    assert sandbox.captures("ord-000001") == []
    status, answer = await sandbox.api("POST", target, believed)
    assert (status, answer["paymentId"]) == (200, "ord-000001")
    assert sandbox.captures("ord-000001") == [9_900]
    assert await refused(sandbox, "POST", target, believed) == (409, "BILLING_KEY_ALREADY_ISSUED")


async def test_issue_and_pay_whose_payment_is_declined(sandbox: Sandbox) -> None:
    result = await in_window(sandbox, **AND_PAY, channelKey=manual(sandbox))
    sandbox.fault("pay_refused", reason="limit_exceeded")
    asked = {"billingIssueToken": result["billingIssueToken"]}
    status, answer = await sandbox.api("POST", "/billing-keys/confirm-issue-and-pay", asked)
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "LIMIT_EXCEEDED")


async def opened(sandbox: Sandbox, **params: Any) -> str:
    """The address of the decision in an open window."""
    asked = msgspec.json.encode({"storeId": STORE_ID, "channelKey": CARD_CHANNEL, "billingKeyMethod": "CARD", **params})
    _, _, answer = await sandbox.transport.send("POST", "/__browser__/billing-keys", {}, asked)
    return f"/__browser__/billing-keys/{msgspec.json.decode(answer)['issue']}/decision"


async def test_of_two_open_windows_one_pays_and_the_other_hears_of_it(sandbox: Sandbox, shop: Endpoint) -> None:
    """portone-facts §2.1: at most one attempt of a payment succeeds."""
    windows = [await opened(sandbox, **AND_PAY) for _ in range(2)]
    answers = [await sandbox.transport.send("POST", each, {}, b'{"action":"approve"}') for each in windows]
    assert [status for status, _, _ in answers] == [200, 200]
    first, second = (msgspec.json.decode(answer) for _, _, answer in answers)
    assert ("code" in first, second["code"]) == (False, "PaymentAlreadyPaid")
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["transactionId"] == first["txId"]
    assert sandbox.captures("ord-000001") == [9_900]
    await sandbox.settle_webhooks()
    assert (shop.types().count("Transaction.Paid"), shop.types().count("Transaction.Failed")) == (1, 1)


@pytest.mark.parametrize("keeps", [True, False])
async def test_of_two_confirms_of_a_payment_one_pays_and_the_other_is_refused(keeps: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(declined_issue_and_pay_keeps_key=keeps))
    channel = manual(sandbox)
    windows = [await opened(sandbox, **AND_PAY, channelKey=channel) for _ in range(2)]
    answers = []
    for window in windows:
        _, _, answer = await sandbox.transport.send("POST", window, {}, b'{"action":"approve"}')
        token = msgspec.json.decode(answer)["billingIssueToken"]
        asked = {"billingIssueToken": token}
        answers.append(await sandbox.api("POST", "/billing-keys/confirm-issue-and-pay", asked))
    assert answers[0][0] == 200
    status, refusal = answers[1]
    assert (status, refusal["type"], refusal["pgCode"]) == (502, "PG_PROVIDER", "ALREADY_PAID")
    assert sandbox.captures("ord-000001") == [9_900]
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "PAID"
    _, listed = await sandbox.api("GET", "/billing-keys", {})
    assert len(listed["items"]) == (2 if keeps else 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"totalAmount": 0},
        {"totalAmount": -9_900},
        {"currency": "XXX"},
        {"taxFreeAmount": 9_901},
        {"vatAmount": 9_901},
        {"country": "Korea"},
    ],
)
async def test_issue_and_pay_takes_no_order_that_requestpayment_would_not(sandbox: Sandbox, wrong: dict) -> None:
    asked = {"storeId": STORE_ID, "channelKey": CARD_CHANNEL, **AND_PAY, **wrong}
    body = msgspec.json.encode({name: value for name, value in asked.items() if value is not None})
    status, _, answer = await sandbox.transport.send("POST", "/__browser__/billing-keys", {}, body)
    assert (status, msgspec.json.decode(answer)["code"]) == (400, "RequestParseFailed")
    assert sandbox.state()["payments"] == {}


async def test_issue_and_pay_pays_the_vat_that_was_asked_for(sandbox: Sandbox) -> None:
    tea = {"id": "tea", "name": "보리차", "amount": 9_900, "quantity": 1}
    await in_window(sandbox, **AND_PAY, vatAmount=0, country="KR", products=[tea])
    payment = (await sandbox.api("GET", "/payments/ord-000001"))[1]
    assert (payment["amount"]["vat"], payment["country"], payment["products"]) == (0, "KR", [tea])


async def test_the_browser_hears_of_the_key_of_a_declined_first_payment(sandbox: Sandbox) -> None:
    """The key is good and could be charged: a shop that is told only of the failure would forget it."""
    sandbox.fault("pay_refused", reason="limit_exceeded")
    result = await in_window(sandbox, **AND_PAY)
    assert (result["code"], result["pgCode"]) == ("PGProviderError", "LIMIT_EXCEEDED")
    assert result["pgMessage"]
    assert (await get(sandbox, result["billingKey"]))["status"] == "ISSUED"


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("manually", [True, False])
async def test_whether_a_declined_first_payment_leaves_a_key_is_a_switch(
    shop: Endpoint, keeps: bool, manually: bool
) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(declined_issue_and_pay_keeps_key=keeps))
    asked = {**AND_PAY, **({"channelKey": manual(sandbox)} if manually else {})}
    if not manually:
        sandbox.fault("pay_refused")
    result = await in_window(sandbox, **asked)
    if manually:
        sandbox.fault("pay_refused")
        body = {"billingIssueToken": result["billingIssueToken"]}
        assert (await sandbox.api("POST", "/billing-keys/confirm-issue-and-pay", body))[0] == 502
    else:
        assert (result["code"], bool(result["billingKey"])) == ("PGProviderError", keeps)
    await sandbox.settle_webhooks()
    told = ["BillingKey.Issued", "Transaction.Failed"] if keeps else ["Transaction.Failed", "BillingKey.Failed"]
    assert shop.types()[2:] == told
    _, listed = await sandbox.api("GET", "/billing-keys", {})
    assert [row["status"] for row in listed["items"]] == (["ISSUED"] if keeps else [])
    # What succeeds is the same either way.
    paid = await in_window(sandbox, **{**AND_PAY, "paymentId": "ord-000002"})
    assert (await get(sandbox, paid["billingKey"]))["status"] == "ISSUED"
    assert sandbox.captures("ord-000002") == [9_900]


async def test_the_old_webhook_version_tells_nothing_of_keys(sandbox: Sandbox, shop: Endpoint) -> None:
    for settings in sandbox.world.state.stores[STORE_ID].webhooks.values():
        settings.version = "2024-01-01"
    await sandbox.billing_key()
    await sandbox.settle_webhooks()
    assert shop.got == []


async def test_an_idempotency_key_issues_one_key(sandbox: Sandbox) -> None:
    header = {"idempotency-key": '"0123456789abcdef"', "authorization": f"PortOne {API_SECRET}"}
    answers = [await sandbox.api("POST", "/billing-keys", body(), headers=header) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(sandbox.world.state.billing_keys[STORE_ID]) == 1
