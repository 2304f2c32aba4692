"""The payment window in a real Chromium, opened by a shop's page of another origin under a strict policy.

What the windows look like is kept in test-output/windows.
"""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, expect

from jangbu.sandbox import STORE_ID
from sandbox.browsing import CHROMIUM, PHONE, Shop, escape, keep, open_browser, open_shop, page_of, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the payment window was not looked at"),
]


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


async def test_paying_in_the_overlay_returns_the_result_and_gives_the_page_back(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, viewport={"width": 1280, "height": 800}) as page:
        await shop.visit(page, "overlay-paid")
        window = page.frame_locator("iframe[data-portone-window]")
        await expect(window.get_by_role("heading", name="보리차 선물 세트 외 2건")).to_be_visible()
        await expect(window.get_by_text("₩38,500", exact=True)).to_be_visible()
        await keep(page, "desktop")
        assert shop.status("overlay-paid") == "READY"

        await window.get_by_role("button", name="₩38,500 결제하기").click()
        result = await shop.result(page)
        assert result["returned"]["paymentId"] == "overlay-paid"
        assert result["returned"].keys() == {"transactionType", "txId", "paymentId"}
        assert shop.status("overlay-paid") == "PAID"
        await expect(page.locator("iframe")).to_have_count(0)


async def test_a_decline_in_the_overlay_returns_a_code(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, viewport={"width": 1280, "height": 800}) as page:
        await shop.visit(page, "overlay-declined")
        window = page.frame_locator("iframe[data-portone-window]")
        await window.get_by_text("결제 거절하기").click()
        await expect(window.get_by_text("사용 한도를 초과했습니다.")).to_be_visible()
        await keep(page, "desktop-declines")
        await window.get_by_role("button", name="분실 또는 도난 신고된 카드입니다.").click()
        returned = (await shop.result(page))["returned"]
        assert (returned["code"], returned["pgCode"]) == ("PGProviderError", "LOST_CARD")
        assert shop.status("overlay-declined") == "FAILED"


@pytest.mark.parametrize("way", ["button", "escape"])
async def test_closing_the_window_returns_a_code(browser: Browser, shop: Shop, way: str) -> None:
    async with page_of(browser, viewport={"width": 1280, "height": 800}) as page:
        await shop.visit(page, f"overlay-closed-{way}")
        window = page.frame_locator("iframe[data-portone-window]")
        close = window.get_by_role("button", name="닫기")
        await (press(close) if way == "button" else escape(close))
        returned = (await shop.result(page))["returned"]
        assert (returned["code"], returned["pgCode"]) == ("PGProviderError", "USER_CANCEL")


async def test_kakaopay_can_be_chosen(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, viewport={"width": 1280, "height": 800}) as page:
        await shop.visit(page, "overlay-kakao", locale="EN_US")
        window = page.frame_locator("iframe[data-portone-window]")
        await window.get_by_label("KakaoPay").check()
        await keep(page, "desktop-english")
        await window.get_by_role("button", name="Pay ₩38,500").click()
        await shop.result(page)
        payment = shop.parts.world.payment(STORE_ID, "overlay-kakao")
        assert payment is not None
        assert payment.succeeded is not None
        assert payment.succeeded.method is not None
        assert payment.succeeded.method["provider"] == "KAKAOPAY"


async def test_a_missing_parameter_is_thrown_and_a_refusal_is_returned(browser: Browser, shop: Shop) -> None:
    async with page_of(browser) as page:
        await shop.visit(page, "thrown-1", orderName=None)
        thrown = (await shop.result(page))["thrown"]
        assert (thrown["name"], thrown["code"]) == ("PortOneError", "RequestParseFailed")
        await shop.visit(page, "thrown-2", totalAmount=0)
        assert (await shop.result(page))["thrown"]["code"] == "RequestParseFailed"
        await shop.visit(page, "refused-1", channelKey="channel-key-none")
        returned = (await shop.result(page))["returned"]
        assert (returned["code"], returned["paymentId"]) == ("ChannelNotFound", "refused-1")
        await expect(page.locator("iframe")).to_have_count(0)


async def test_a_phone_is_redirected_and_comes_back_with_the_result_in_the_query(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **PHONE) as page:
        await shop.visit(page, "phone-paid", redirectUrl=f"{shop.url}/?order=7")
        await expect(page.get_by_role("heading", name="보리차 선물 세트 외 2건")).to_be_visible()
        await keep(page, "phone")
        overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0
        await page.get_by_role("button", name="₩38,500 결제하기").tap()
        await page.wait_for_url(f"{shop.url}/**")
        query = parse_qs(urlsplit(page.url).query)
        assert query["order"] == ["7"]
        assert query["paymentId"] == ["phone-paid"]
        assert "code" not in query
        assert shop.status("phone-paid") == "PAID"


async def test_a_window_that_is_over_says_so(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **PHONE) as page:
        await shop.visit(page, "phone-over", redirectUrl=f"{shop.url}/")
        await expect(page.get_by_role("button", name="₩38,500 결제하기")).to_be_visible()
        window_url = page.url
        await page.get_by_text("결제 거절하기").tap()
        await expect(page.get_by_role("button", name="유효기간이 지난 카드입니다.")).to_be_visible()
        await keep(page, "phone-declines")
        await page.get_by_role("button", name="유효기간이 지난 카드입니다.").tap()
        await page.wait_for_url(f"{shop.url}/**")
        assert parse_qs(urlsplit(page.url).query)["pgCode"] == ["EXPIRED_CARD"]
        await page.goto(window_url)
        await expect(page.get_by_text("이미 끝난 결제입니다.")).to_be_visible()
        await keep(page, "phone-over")
