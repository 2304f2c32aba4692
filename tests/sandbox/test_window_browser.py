"""The payment window in a real Chromium, opened by a shop's page of another origin under a strict policy.

Set JANGBU_SCREENSHOTS to a folder to keep what the window looks like.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

from jangbu.sandbox import CARD_CHANNEL, STORE_ID
from jangbu.sandbox.app import running
from jangbu.sandbox.core.parts import Parts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = os.environ.get("JANGBU_SCREENSHOTS")
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140 Mobile Safari/537.36",
}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the payment window was not looked at"),
]

SHOP_PAGE = """<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>찻집</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="{base}/v2/browser-sdk.js"></script><script src="/shop.js" defer></script></head>
<body><h1>찻집</h1><button id="pay">결제</button><pre id="result"></pre></body></html>"""

SHOP_SCRIPT = """
const params = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");
const show = (value) => { document.querySelector("#result").textContent = JSON.stringify(value); };
document.querySelector("#pay").addEventListener("click", () => {
  PortOne.requestPayment(params).then(
    (returned) => show({ returned }),
    (thrown) => show({ thrown: { name: thrown.name, code: thrown.code, message: thrown.message } }),
  );
});
"""


class Shop:
    """A page of another origin with a careful merchant's policy: nothing inline, nobody but PortOne."""

    def __init__(self, base: str, parts: Parts) -> None:
        self.base = base
        self.parts = parts
        self.url = ""

    async def _page(self, _: web.Request) -> web.Response:
        policy = (
            f"default-src 'none'; script-src 'self' {self.base}; connect-src {self.base}; "
            f"frame-src {self.base}; style-src 'self'"
        )
        return web.Response(
            text=SHOP_PAGE.format(base=self.base),
            content_type="text/html",
            headers={"content-security-policy": policy},
        )

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(text=SHOP_SCRIPT, content_type="text/javascript")

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Shop"]:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/shop.js", self._script)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        # Another host name than the sandbox's makes the two different sites, not only different ports.
        self.url = f"http://localhost:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def visit(self, page: Page, payment_id: str, **more: object) -> None:
        params = {
            "storeId": STORE_ID,
            "channelKey": CARD_CHANNEL,
            "paymentId": payment_id,
            "orderName": "보리차 선물 세트 외 2건",
            "totalAmount": 38_500,
            "currency": "KRW",
            "payMethod": "CARD",
            **more,
        }
        hash_ = msgspec.json.encode({name: value for name, value in params.items() if value is not None})
        await page.goto("about:blank")
        await page.goto(f"{self.url}/#{hash_.decode()}")
        await page.click("#pay")

    async def result(self, page: Page) -> dict:
        await expect(page.locator("#result")).not_to_be_empty(timeout=5000)
        return msgspec.json.decode(await page.locator("#result").text_content() or "")

    def status(self, payment_id: str) -> str | None:
        payment = self.parts.world.payment(STORE_ID, payment_id)
        return payment.current.status if payment and payment.current else None


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with running(seed=1) as (base, parts), Shop(base, parts).open() as open_shop:
        yield open_shop


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield chromium
        await chromium.close()


@asynccontextmanager
async def page_of(browser: Browser, **context: object) -> AsyncIterator[Page]:
    """A page that fails the test when anything lands in its console as an error."""
    opened = await browser.new_context(**context)
    page = await opened.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    try:
        yield page
    finally:
        await opened.close()
    # A refusal's status and a favicon that is not there are news to the browser, not faults.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


async def keep(page: Page, name: str) -> None:
    if SCREENSHOTS:
        await page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


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
        await expect(close).to_be_enabled()
        await (close.click() if way == "button" else close.press("Escape"))
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
