"""What else a shop's page opens in Chromium: billing keys, identity verification, and V1's `IMP` (§7.1, §7.2)."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect

from jangbu.sandbox import CARD_CHANNEL, IDENTITY_CHANNEL, PAYPAL_CHANNEL, STORE_ID, V1_USER_CODE, control_settings
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, keep, open_browser, open_shop, page_of, press, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the windows were not looked at"),
]
ISSUE = {
    "storeId": STORE_ID,
    "channelKey": CARD_CHANNEL,
    "billingKeyMethod": "CARD",
    "issueId": "issue-1",
    "issueName": "보리차 정기배송",
}
WHO = {"storeId": STORE_ID, "channelKey": IDENTITY_CHANNEL, "identityVerificationId": "who-1"}
PAY = {
    "imp": V1_USER_CODE,
    "channelKey": CARD_CHANNEL,
    "pay_method": "card",
    "name": "보리차",
    "amount": 11_000,
}


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


def window_in(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[data-portone-window]")


async def came_back(page: Page, shop: Shop) -> dict[str, str]:
    await page.wait_for_url(f"{shop.url}/**")
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def test_a_card_is_registered(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "requestIssueBillingKey", ISSUE)
        window = window_in(page)
        await expect(window.get_by_role("heading", name="보리차 정기배송")).to_be_visible()
        await keep(page, "desktop-issue")
        await window.get_by_role("button", name="등록하기").click()
        returned = (await shop.result(page))["returned"]
    assert returned.keys() == {"transactionType", "billingKey"}
    key = shop.parts.world.state.billing_keys[STORE_ID][returned["billingKey"]]
    assert key.status == "ISSUED"


async def test_a_registration_is_declined_closed_or_refused(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "requestIssueBillingKey", ISSUE)
        await window_in(page).locator("summary").click()
        await window_in(page).locator("[data-reason=lost_card]").click()
        assert (await shop.result(page))["returned"]["pgCode"] == "LOST_CARD"
        await shop.call(page, "requestIssueBillingKey", ISSUE)
        await window_in(page).locator(".icon").click()
        assert (await shop.result(page))["returned"]["pgCode"] == "USER_CANCEL"
        await shop.call(page, "requestIssueBillingKey", {**ISSUE, "channelKey": "channel-key-none"})
        assert (await shop.result(page))["returned"]["code"] == "ChannelNotFound"
        await shop.call(page, "requestIssueBillingKey", {**ISSUE, "billingKeyMethod": None})
        assert (await shop.result(page))["thrown"]["code"] == "RequestParseFailed"


async def test_a_phone_registers_and_comes_back(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **PHONE) as page:
        await shop.call(page, "requestIssueBillingKey", {**ISSUE, "redirectUrl": f"{shop.url}/?cart=7"})
        await page.get_by_role("button", name="등록하기").tap()
        query = await came_back(page, shop)
    assert query["cart"] == "7"
    assert query["transactionType"] == "ISSUE_BILLING_KEY"
    assert query["billingKey"] in shop.parts.world.state.billing_keys[STORE_ID]


async def test_a_phone_bill_is_registered_and_paid_at_once(browser: Browser, shop: Shop) -> None:
    asked = {
        "storeId": STORE_ID,
        "channelKey": CARD_CHANNEL,
        "paymentId": "both-1",
        "orderName": "보리차",
        "totalAmount": 5000,
        "currency": "KRW",
        "billingKeyAndPayMethod": "MOBILE",
    }
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "requestIssueBillingKeyAndPay", asked)
        await window_in(page).get_by_role("button", name="등록하고 ₩5,000 결제하기").click()
        returned = (await shop.result(page))["returned"]
    assert returned["transactionType"] == "ISSUE_BILLING_KEY_AND_PAY"
    assert returned["paymentId"] == "both-1"
    assert shop.status("both-1") == "PAID"


async def test_somebody_is_verified_as_who_they_type(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "requestIdentityVerification", WHO)
        window = window_in(page)
        await window.get_by_label("이름").fill("이회계")
        await keep(page, "desktop-identity")
        await window.get_by_role("button", name="인증하기").click()
        returned = (await shop.result(page))["returned"]
    assert returned["identityVerificationId"] == "who-1"
    assert "code" not in returned
    found = shop.parts.world.state.identity_verifications[STORE_ID]["who-1"]
    assert (found.status, found.person and found.person.name) == ("VERIFIED", "이회계")


async def test_nobody_is_verified(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **PHONE) as page:
        more = {"identityVerificationId": "who-2", "redirectUrl": f"{shop.url}/", "locale": "EN_US"}
        await shop.call(page, "requestIdentityVerification", WHO | more)
        await expect(page.get_by_role("button", name="Verify")).to_be_enabled()
        await keep(page, "phone-identity")
        await page.locator("summary").tap()
        await page.get_by_role("button", name="No match").tap()
        query = await came_back(page, shop)
    assert query["pgCode"] == "IDENTITY_MISMATCH"
    assert query["identityVerificationId"] == "who-2"


async def test_where_refusals_are_thrown_no_window_opens_and_none_returns(browser: Browser, shop: Shop) -> None:
    control_settings.set_switches(shop.parts, {"browser_refusals_are_thrown": True})
    async with page_of(browser, **DESKTOP) as page:
        for call, asked in (("requestIssueBillingKey", ISSUE), ("requestIdentityVerification", WHO)):
            await shop.call(page, call, {**asked, "channelKey": "channel-key-none"})
            assert (await shop.result(page))["thrown"]["code"] == "ChannelNotFound"
    control_settings.set_switches(shop.parts, {"browser_refusals_are_thrown": None})


async def test_v1_pays_in_the_overlay(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "IMP.request_pay", PAY | {"merchant_uid": "v1-paid"})
        await window_in(page).get_by_role("button", name="₩11,000 결제하기").click()
        returned = (await shop.result(page))["returned"]
    assert returned.keys() == {"imp_uid", "merchant_uid", "success", "imp_success"}
    assert (returned["merchant_uid"], returned["success"]) == ("v1-paid", True)
    assert shop.status("v1-paid") == "PAID"


async def test_v1_hears_of_a_failure_in_the_callback(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "IMP.request_pay", PAY | {"merchant_uid": "v1-declined"})
        await window_in(page).locator("summary").click()
        await window_in(page).locator("[data-reason=expired_card]").click()
        returned = (await shop.result(page))["returned"]
        assert returned["success"] is False
        assert returned["error_msg"] == "유효기간이 지난 카드입니다."
        await shop.call(page, "IMP.request_pay", PAY | {"merchant_uid": "v1-wrong", "pay_method": "shells"})
        refused = (await shop.result(page))["returned"]
        assert (refused["error_code"], refused["merchant_uid"]) == ("RequestParseFailed", "v1-wrong")
        await shop.call(page, "IMP.request_pay", PAY | {"merchant_uid": "v1-who", "imp": None})
        assert (await shop.result(page))["returned"]["success"] is False


async def test_v1_takes_a_phone_to_an_account_and_back(browser: Browser, shop: Shop) -> None:
    more = {"merchant_uid": "v1-account", "pay_method": "vbank", "m_redirect_url": f"{shop.url}/?a=1"}
    async with page_of(browser, **PHONE) as page:
        await shop.call(page, "IMP.request_pay", PAY | more)
        await page.get_by_role("button", name="계좌 발급받기").tap()
        await expect(page.get_by_text("아래로 입금해 주세요")).to_be_visible()
        await page.get_by_role("button", name="확인", exact=True).tap()
        query = await came_back(page, shop)
    assert (query["a"], query["merchant_uid"], query["imp_success"]) == ("1", "v1-account", "true")
    assert query["imp_uid"].startswith("imp_")
    assert "error_code" not in query
    assert shop.status("v1-account") == "VIRTUAL_ACCOUNT_ISSUED"


async def test_v1_certifies(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        async with page.expect_popup() as opened:
            await shop.call(page, "IMP.certification", {"imp": V1_USER_CODE, "merchant_uid": "v1-who"})
        await (await opened.value).get_by_role("button", name="인증하기").click()
        returned = (await shop.result(page))["returned"]
    assert (returned["merchant_uid"], returned["success"]) == ("v1-who", True)
    found = shop.parts.world.state.identity_verifications[STORE_ID][returned["imp_uid"]]
    assert (found.status, found.merchant_uid) == ("VERIFIED", "v1-who")


SHOW = """([name, first, more]) => {
  const container = document.createElement("div");
  container.className = "portone-ui-container";
  if (!document.querySelector(".portone-ui-container")) document.body.append(container);
  const result = document.querySelector("#result");
  result.textContent = "";
  IMP[name](first, more, (returned) => { result.textContent = JSON.stringify({ returned }); });
}"""


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_v1_paypals_button_pays_for_a_tier_and_leaves_the_page_where_it_is(
    browser: Browser, shop: Shop, device: dict
) -> None:
    store = shop.parts.world.state.stores[STORE_ID]
    assert store.v1 is not None
    store.v1.tiers = ["ABC"]
    merchant_uid = f"v1-spb-{device['viewport']['width']}"
    asked = {
        "channelKey": PAYPAL_CHANNEL,
        "merchant_uid": merchant_uid,
        "name": "Tea",
        "amount": 14.2,
        "currency": "USD",
    }
    async with page_of(browser, **device) as page:
        await page.goto(shop.url)
        await page.evaluate(SHOW, ["loadUI", "paypal-spb", asked])
        button = page.locator(".portone-ui-container button")
        await button.click()
        assert (await shop.result(page))["returned"]["error_code"] == "NotInitialized"
        await page.evaluate("code => IMP.agency(code, 'XYZ')", V1_USER_CODE)
        await button.click()
        await expect(page.locator("#result")).to_contain_text("has no tier XYZ")
        for name, said in (("loadUI", "paypal-rt"), ("loadModule", "fds")):
            await page.evaluate(SHOW, [name, said, asked])
            refused = (await shop.result(page))["returned"]
            assert (refused["error_code"], refused["merchant_uid"]) == ("RequestParseFailed", merchant_uid)
            assert said in refused["error_msg"]

        await page.evaluate("code => IMP.agency(code, 'ABC')", V1_USER_CODE)
        await page.evaluate(SHOW, ["loadUI", "paypal-spb", asked])
        await page.evaluate("asked => IMP.updateLoadUIRequest('paypal-spb', asked)", asked | {"amount": 28.4})
        await button.click()
        window = window_in(page)
        await sign_in(window)
        await expect(window.get_by_text("$28.40", exact=True)).to_be_visible()
        await press(window.locator(".primary"))
        returned = (await shop.result(page))["returned"]
    assert (returned["merchant_uid"], "error_code" in returned) == (merchant_uid, False)
    assert shop.status(merchant_uid) == "PAY_PENDING"
