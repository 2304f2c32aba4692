"""PayPal's buttons through PortOne's npm package in Chromium: `loadPaymentUI` and `loadIssueBillingKeyUI`.

portone-facts §3.4, §7.1.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect

from contract import node
from contract.npm_shop import open_npm_shop
from jangbu.sandbox import PAYPAL_CHANNEL, STORE_ID
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, keep, open_browser, page_of, press, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: PayPal's buttons were not pressed"),
]
SPB = {
    "uiType": "PAYPAL_SPB",
    "storeId": STORE_ID,
    "channelKey": PAYPAL_CHANNEL,
    "orderName": "Barley tea",
    "totalAmount": 1_420,
    "currency": "USD",
    "locale": "EN_US",
}
RT = {
    "uiType": "PAYPAL_RT",
    "storeId": STORE_ID,
    "channelKey": PAYPAL_CHANNEL,
    "billingKeyMethod": "PAYPAL",
    "issueName": "Tea every month",
    "locale": "EN_US",
}
IMPORTS = 'import type * as sdk from "@portone/browser-sdk/v2";\ntype Fields<E> = Omit<E, "stack" | "cause">;'


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_npm_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


def window_in(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[data-portone-window]")


async def loaded(shop: Shop, page: Page, call: str, params: dict[str, Any]) -> None:
    await shop.call(page, call, params)
    await expect(page.locator(".portone-ui-container button")).to_be_visible()


async def press_paypal(page: Page) -> None:
    await page.locator(".portone-ui-container button").click()


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_paypals_button_pays(browser: Browser, shop: Shop, device: dict[str, Any]) -> None:
    """On a telephone too the page stays: there is no redirectUrl."""
    payment_id = f"spb-{device['viewport']['width']}"
    async with page_of(browser, **device) as page:
        await loaded(shop, page, "loadPaymentUI", {**SPB, "paymentId": payment_id})
        await keep(page, f"{payment_id}-button")
        assert shop.status(payment_id) is None, "nothing is begun before the button is pressed"
        await press_paypal(page)
        await expect(window_in(page).get_by_text("$14.20", exact=True)).to_be_visible()
        await sign_in(window_in(page))
        await press(window_in(page).locator(".primary"))
        returned = (await shop.result(page))["returned"]
    assert (returned["paymentId"], "code" in returned) == (payment_id, False)
    assert shop.status(payment_id) == "PAY_PENDING"


async def test_a_failure_goes_to_the_callback_and_the_button_can_be_pressed_again(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await loaded(shop, page, "loadPaymentUI", {**SPB, "paymentId": "spb-again"})
        await press_paypal(page)
        await press(window_in(page).locator(".icon"))
        seen = await shop.result(page)
        assert (seen["by"], seen["is"], seen["thrown"]["pgCode"]) == ("onPaymentFail", ["PaymentError"], "USER_CANCEL")
        await expect(page.locator("iframe")).to_have_count(0)

        await press_paypal(page)
        await sign_in(window_in(page))
        await press(window_in(page).locator(".primary"))
        await expect(page.locator("#result")).to_contain_text("returned")
        assert shop.status("spb-again") == "PAY_PENDING"


async def test_a_changed_request_is_what_is_paid(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await loaded(shop, page, "loadPaymentUI", {**SPB, "paymentId": "spb-changed"})
        changed = {**SPB, "paymentId": "spb-changed", "totalAmount": 2_840}
        wrong = await page.evaluate("(changed) => window.update(changed)", {**changed, "uiType": "PAYPAL_RT"})
        assert wrong["thrown"]["code"] == "RequestParseFailed"
        assert await page.evaluate("(changed) => window.update(changed)", changed) is None
        await press_paypal(page)
        await expect(window_in(page).get_by_text("$28.40", exact=True)).to_be_visible()
        await sign_in(window_in(page))
        await press(window_in(page).locator(".primary"))
        await shop.result(page)
    payment = shop.parts.world.payment(STORE_ID, "spb-changed")
    assert payment is not None
    assert payment.current is not None
    assert payment.current.order.total_minor == 2_840


async def test_what_the_server_refuses_at_the_press_is_a_failure_too(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await loaded(shop, page, "loadPaymentUI", {**SPB, "paymentId": "spb-none", "channelKey": "channel-key-none"})
        await press_paypal(page)
        seen = await shop.result(page)
    assert (seen["by"], seen["thrown"]["code"]) == ("onPaymentFail", "ChannelNotFound")


@pytest.mark.parametrize(
    ("call", "params", "error"),
    [
        ("loadPaymentUI", {**SPB, "paymentId": None}, "LoadPaymentUIError"),
        ("loadPaymentUI", {**SPB, "paymentId": "spb-x", "uiType": "PAYPAL_RT"}, "LoadPaymentUIError"),
        ("loadIssueBillingKeyUI", {**RT, "billingKeyMethod": None}, "LoadIssueBillingKeyUIError"),
    ],
)
async def test_what_cannot_be_loaded_is_thrown(
    browser: Browser, shop: Shop, call: str, params: dict[str, Any], error: str
) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, call, params)
        seen = await shop.result(page)
    assert (seen["is"], seen["thrown"]["code"]) == ([error], "RequestParseFailed")


async def test_paypals_other_button_issues_a_key(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, "loadIssueBillingKeyUI", {**RT, "billingKeyMethod": None})
        not_loaded = (await shop.result(page))["thrown"]
        await loaded(shop, page, "loadIssueBillingKeyUI", RT)
        await press_paypal(page)
        await press(window_in(page).locator("[data-reason]").first)
        seen = await shop.result(page)
        assert (seen["by"], seen["is"]) == ("onIssueBillingKeyFail", ["IssueBillingKeyError"])
        await press_paypal(page)
        await sign_in(window_in(page))
        await press(window_in(page).locator(".primary"))
        await expect(page.locator("#result")).to_contain_text("returned")
        returned = (await shop.result(page))["returned"]
    key = shop.parts.world.state.billing_keys[STORE_ID][returned["billingKey"]]
    assert (key.status, key.method) == ("ISSUED", {"type": "BillingKeyPaymentMethodPaypal"})
    claims = [
        ("sdk.LoadIssueBillingKeyUIRequest", RT),
        ("sdk.LoadPaymentUIRequest", {**SPB, "paymentId": "spb"}),
        ("sdk.IssueBillingKeyResponse", returned),
        ("Fields<sdk.IssueBillingKeyError>", seen["thrown"]),
        ("Fields<sdk.LoadIssueBillingKeyUIError>", not_loaded),
    ]
    assert await node.type_problems(IMPORTS, claims) == []
