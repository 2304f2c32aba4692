"""A real Chromium, and a shop's page in it of another origin than the sandbox's, under a strict policy."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web
from playwright.async_api import Browser, FrameLocator, Locator, Page, async_playwright, expect

from jangbu.sandbox import CARD_CHANNEL, STORE_ID
from jangbu.sandbox.app import running
from jangbu.sandbox.core.parts import Parts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = Path(__file__).parents[2] / "test-output" / "windows"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140 Mobile Safari/537.36",
}
SHOP_PAGE = """<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>찻집</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="{base}/v2/browser-sdk.js"></script>
<script src="{base}/v1/iamport.js"></script><script src="/shop.js" defer></script></head>
<body><h1>찻집</h1><button id="pay">결제</button><pre id="result"></pre></body></html>"""

SHOP_SCRIPT = """
const { call, params } = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");
const show = (value) => { document.querySelector("#result").textContent = JSON.stringify(value); };
document.querySelector("#pay").addEventListener("click", () => {
  if (call.startsWith("IMP.")) {
    IMP.init(params.imp);
    IMP[call.slice(4)](params, (returned) => show({ returned }));
    return;
  }
  PortOne[call](params).then(
    (returned) => show({ returned }),
    (thrown) => show({ thrown: { name: thrown.name, code: thrown.code, message: thrown.message } }),
  );
});
"""


class Shop:
    """A page of another origin with a careful merchant's policy: nothing inline, nobody but PortOne."""

    page = SHOP_PAGE
    script = SHOP_SCRIPT

    def __init__(self, base: str, parts: Parts, files: Mapping[str, Path] | None = None) -> None:
        self.base = base
        self.parts = parts
        self.files = files or {}
        """What else the shop serves, by its path."""
        self.frames: tuple[str, ...] = ()
        """Whom else the shop shows in frames, by their origins."""
        self.url = ""

    async def _page(self, _: web.Request) -> web.Response:
        policy = (
            f"default-src 'none'; script-src 'self' {self.base}; connect-src {self.base}; "
            f"frame-src {' '.join((self.base, *self.frames))}; style-src 'self'"
        )
        return web.Response(
            text=self.page.format(base=self.base),
            content_type="text/html",
            headers={"content-security-policy": policy},
        )

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(text=self.script, content_type="text/javascript")

    async def _file(self, request: web.Request) -> web.Response:
        text = self.files[request.path].read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/javascript")

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Shop"]:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/shop.js", self._script)
        for path in self.files:
            app.router.add_get(path, self._file)
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
        await self.call(page, "requestPayment", params)

    async def call(self, page: Page, name: str, params: Mapping[str, object]) -> None:
        """A page whose button calls `PortOne.name`, or for `IMP.name` V1's; pressed."""
        given = {name: value for name, value in params.items() if value is not None}
        hash_ = msgspec.json.encode({"call": name, "params": given})
        await page.goto("about:blank")
        await page.goto(f"{self.url}/#{hash_.decode()}")
        await page.click("#pay")

    async def result(self, page: Page) -> dict:
        await expect(page.locator("#result")).not_to_be_empty()
        return msgspec.json.decode(await page.locator("#result").text_content() or "")

    def status(self, payment_id: str) -> str | None:
        payment = self.parts.world.payment(STORE_ID, payment_id)
        return payment.current.status if payment and payment.current else None


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    async with running(seed=1) as (base, parts), Shop(base, parts).open() as opened:
        yield opened


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
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


async def press(button: Locator) -> None:
    """Press a button of the window wherever it is: for tests that are not about how it looks.

    Chromium loses a mouse's click at a frame of another site while the page is not in front, or has yet to be drawn.
    """
    await expect(button).to_be_enabled()
    await button.dispatch_event("click")


async def escape(inside: Locator) -> None:
    """Press Escape inside a window, which closes it. A real key whose window goes while it is down may never come up:
    Chromium then says nothing more of it.
    """
    await expect(inside).to_be_enabled()
    await inside.dispatch_event("keydown", {"key": "Escape"})


async def sign_in(window: FrameLocator | Page, email: str = "buyer@paypal.test") -> None:
    """Be one of PayPal's test buyers; the window then shows what there is to agree to."""
    await press(window.locator(f"[data-email='{email}']"))
    await press(window.locator("[data-sign-in]"))
    await expect(window.locator("[data-action=approve]")).to_be_enabled()


async def keep(page: Page, name: str) -> None:
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
