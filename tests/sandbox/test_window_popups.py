"""A payment window of its own beside the shop's page, in Chromium (portone-facts §7.1)."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, keep, open_browser, open_shop, page_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: no popup was looked at"),
]
POPUP = {"windowType": {"pc": "POPUP", "mobile": "POPUP"}}


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


async def popup_of(page: Page, shop: Shop, payment_id: str, **more: object) -> Page:
    async with page.expect_popup() as opened:
        await shop.visit(page, payment_id, **POPUP, **more)
    return await opened.value


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_paying_in_a_popup_returns_the_result_and_shuts_it(browser: Browser, shop: Shop, device: dict) -> None:
    payment_id = f"popup-paid-{device['viewport']['width']}"
    async with page_of(browser, **device) as page:
        popup = await popup_of(page, shop, payment_id, popup={"center": True})
        await expect(popup.get_by_role("button", name="₩38,500 결제하기")).to_be_enabled()
        await keep(popup, payment_id)
        assert await page.locator("iframe").count() == 0
        await popup.get_by_role("button", name="₩38,500 결제하기").click()
        returned = (await shop.result(page))["returned"]
        assert "code" not in returned
        if not popup.is_closed():
            await popup.wait_for_event("close")
    assert shop.status(payment_id) == "PAID"


async def test_an_account_is_shown_in_the_popup_before_it_shuts(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        popup = await popup_of(page, shop, "popup-account", payMethod="VIRTUAL_ACCOUNT")
        await popup.get_by_role("button", name="계좌 발급받기").click()
        await expect(popup.get_by_text("아래로 입금해 주세요")).to_be_visible()
        await expect(page.locator("#result")).to_be_empty()
        await popup.get_by_role("button", name="확인", exact=True).click()
        assert "code" not in (await shop.result(page))["returned"]
    assert shop.status("popup-account") == "VIRTUAL_ACCOUNT_ISSUED"


async def test_shutting_the_popup_is_leaving(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        popup = await popup_of(page, shop, "popup-shut")
        await expect(popup.get_by_role("button", name="₩38,500 결제하기")).to_be_enabled()
        await popup.close()
        returned = (await shop.result(page))["returned"]
    assert (returned["code"], returned["pgCode"]) == ("PGProviderError", "USER_CANCEL")
    assert shop.status("popup-shut") == "FAILED"


async def test_where_popups_are_blocked_the_overlay_serves(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await page.add_init_script("window.open = () => null")
        await shop.visit(page, "popup-blocked", **POPUP)
        window = page.frame_locator("iframe[data-portone-window]")
        await window.get_by_role("button", name="₩38,500 결제하기").click()
        assert "code" not in (await shop.result(page))["returned"]
    assert shop.status("popup-blocked") == "PAID"


@pytest.mark.parametrize(
    ("iframe", "background"), [(None, "rgba(15, 23, 42, 0.55)"), ({"dim": False}, "rgba(0, 0, 0, 0)")]
)
async def test_the_page_behind_is_dimmed_unless_the_shop_says_no(
    browser: Browser, shop: Shop, iframe: dict | None, background: str
) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, f"dim-{iframe is None}", iframe=iframe)
        around = page.locator("div:has(> iframe[data-portone-window])")
        await expect(around).to_have_css("background-color", background)


async def test_months_belong_to_a_card_and_a_wallets_card_alone(browser: Browser, shop: Shop) -> None:
    asked = {"payMethod": "EASY_PAY", "totalAmount": 60_000, "easyPay": {"easyPayProvider": "TOSSPAY"}}
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, "wallet-months", **asked)
        window = page.frame_locator("iframe[data-portone-window]")
        months = window.get_by_label("할부 기간")
        await expect(months).to_be_hidden()
        await window.get_by_label("결제 방법").select_option("CARD")
        await months.select_option("3")
        await window.locator(".primary").click()
        assert "code" not in (await shop.result(page))["returned"]
    payment = shop.parts.world.payment(next(iter(shop.parts.world.state.stores)), "wallet-months")
    assert payment is not None
    assert payment.succeeded is not None
    method = payment.succeeded.method or {}
    assert (method["provider"], method["easyPayMethod"]["installment"]["month"]) == ("TOSSPAY", 3)
