"""Nobody but the window tells a shop's page what became of it, and nobody but the shopper tells the window.

In Chromium. The stranger knows all that can be known: the ids of the window and what its answer looks like.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Frame, Page, expect

from jangbu.sandbox import CARD_CHANNEL, IDENTITY_CHANNEL, STORE_ID
from sandbox.browsing import CHROMIUM, DESKTOP, Shop, open_browser, open_shop, page_of, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: nobody tried to forge a window's answer"),
]
STRANGER = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stranger</title></head>
<body><h1>Stranger</h1></body></html>"""
FORGE = """([to, windowId]) => {
  const result = { transactionType: "PAYMENT", txId: windowId, paymentId: "stolen" };
  const target = { parent: window.parent, opened: window.opened, itself: window }[to];
  for (const told of [{ windowId, result }, { windowId, result, code: null }, JSON.stringify({ windowId, result })]) {
    target.postMessage(told, "*");
  }
}"""
ORDER_ABOUT = """([windowId]) => {
  const frame = document.querySelector("iframe").contentWindow;
  for (const action of ["approve", "decline", "close"]) {
    for (const told of [{ action }, { windowId, action }, { windowId, decision: { action } }, { type: action }]) {
      frame.postMessage(told, "*");
    }
  }
}"""
CALL = """async ([url, type]) => {
  const asked = { method: "POST", headers: { "content-type": type }, body: JSON.stringify({ action: "approve" }) };
  const plain = type === "text/plain" ? { mode: "no-cors", credentials: "include" } : {};
  return fetch(url, { ...asked, ...plain }).then((response) => response.status, () => "refused");
}"""


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def stranger(shop: Shop) -> AsyncIterator[Shop]:
    """Somebody else's site; its pages may call and frame what they like."""
    elsewhere = Shop(shop.base, shop.parts)
    elsewhere.page = STRANGER
    elsewhere.frames = ("*",)
    async with elsewhere.open() as opened:
        shop.frames = (opened.url,)
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


async def opened_by(shop: Shop, page: Page, payment_id: str) -> str:
    """The id of the window that the shop's page has open."""
    await shop.visit(page, payment_id)
    frame = page.locator("iframe[data-portone-window]")
    window_id = await frame.get_attribute("data-portone-window")
    await expect(page.frame_locator("iframe[data-portone-window]").locator(".primary")).to_be_enabled()
    assert window_id is not None
    return window_id


async def frame_at(page: Page, url: str) -> Frame:
    """Another frame in the page, showing `url`."""
    async with page.expect_event("framenavigated", lambda frame: frame.url.startswith(url)) as navigated:
        await page.evaluate(
            """(url) => {
              const frame = document.createElement("iframe");
              frame.id = "other";
              frame.src = url;
              document.body.append(frame);
            }""",
            url,
        )
    frame = await navigated.value
    await frame.wait_for_load_state()
    return frame


async def untouched(shop: Shop, page: Page, payment_id: str) -> None:
    """The page still waits; and when the shopper does pay, it hears of that."""
    # A message is handled in its turn: after this one of our own, whatever came before it has been.
    await page.evaluate(
        "() => new Promise((done) => { addEventListener('message', done, { once: true }); postMessage(0); })"
    )
    await expect(page.locator("#result")).to_be_empty()
    assert shop.status(payment_id) == "READY"
    await press(page.frame_locator("iframe[data-portone-window]").locator(".primary"))
    assert (await shop.result(page))["returned"]["paymentId"] == payment_id
    assert shop.status(payment_id) == "PAID"


async def test_the_shops_own_page_cannot_answer_for_the_window(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        window_id = await opened_by(shop, page, "forged-itself")
        await page.evaluate(FORGE, ["itself", window_id])
        await untouched(shop, page, "forged-itself")


async def test_a_frame_of_another_site_cannot(browser: Browser, shop: Shop, stranger: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        window_id = await opened_by(shop, page, "forged-frame")
        other = await frame_at(page, f"{stranger.url}/")
        await other.evaluate(FORGE, ["parent", window_id])
        await untouched(shop, page, "forged-frame")


async def test_another_window_of_the_same_origin_cannot(browser: Browser, shop: Shop) -> None:
    """The origin is PortOne's, but it is not the frame that was opened."""
    async with page_of(browser, **DESKTOP) as page:
        window_id = await opened_by(shop, page, "forged-origin")
        asked = {"storeId": STORE_ID, "channelKey": CARD_CHANNEL, "paymentId": "forged-other", "orderName": "x"}
        other_url = await page.evaluate(
            """async ([base, asked]) => (await (await fetch(`${base}/__browser__/payments`, {
              method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked),
            })).json()).windowUrl""",
            [shop.base, {**asked, "totalAmount": 1, "currency": "KRW", "payMethod": "CARD"}],
        )
        other = await frame_at(page, shop.base + other_url)
        await other.evaluate(FORGE, ["parent", window_id])
        await untouched(shop, page, "forged-origin")


async def test_somebody_else_in_the_windows_own_frame_cannot(browser: Browser, shop: Shop, stranger: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        window_id = await opened_by(shop, page, "forged-inside")
        window_url = await page.locator("iframe[data-portone-window]").get_attribute("src")
        for url in (f"{stranger.url}/", window_url):
            async with page.expect_event("framenavigated") as navigated:
                await page.evaluate("(url) => { document.querySelector('iframe').src = url; }", url)
            inside = await navigated.value
            await inside.wait_for_load_state()
            if url != window_url:
                await inside.evaluate(FORGE, ["parent", window_id])
        await untouched(shop, page, "forged-inside")


async def test_the_page_that_opened_the_shop_cannot(browser: Browser, shop: Shop, stranger: Shop) -> None:
    context = await browser.new_context(**DESKTOP)
    try:
        page = await context.new_page()
        await page.goto(f"{stranger.url}/")
        async with context.expect_page() as opening:
            await page.evaluate("(url) => { window.opened = window.open(url); }", f"{shop.url}/")
        shops = await opening.value
        await shops.wait_for_load_state()
        # The opener keeps its hold on the window wherever that goes.
        window_id = await opened_by(shop, shops, "forged-opener")
        await page.evaluate(FORGE, ["opened", window_id])
        await untouched(shop, shops, "forged-opener")
    finally:
        await context.close()


async def test_the_window_takes_no_orders_by_message(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        window_id = await opened_by(shop, page, "ordered-about")
        await page.evaluate(ORDER_ABOUT, [window_id])
        await untouched(shop, page, "ordered-about")


@pytest.mark.parametrize("type_", ["application/json", "text/plain"])
async def test_a_strange_page_cannot_decide_in_the_shoppers_place(
    browser: Browser, shop: Shop, stranger: Shop, type_: str
) -> None:
    """Nor can the shop's own page: only the window's."""
    payment_id = f"decided-{type_.partition('/')[0]}"
    context = await browser.new_context(**DESKTOP)
    try:
        page, elsewhere = await context.new_page(), await context.new_page()
        window_id = await opened_by(shop, page, payment_id)
        await elsewhere.goto(f"{stranger.url}/")
        for who in (elsewhere, page):
            said = await who.evaluate(CALL, [f"{shop.base}/__browser__/transactions/{window_id}/decision", type_])
            assert said != 200
        await untouched(shop, page, payment_id)
    finally:
        await context.close()


async def test_a_strange_page_cannot_read_or_frame_the_window(browser: Browser, shop: Shop, stranger: Shop) -> None:
    context = await browser.new_context(**DESKTOP)
    try:
        page, elsewhere = await context.new_page(), await context.new_page()
        window_id = await opened_by(shop, page, "looked-at")
        url = f"{shop.base}/__browser__/transactions/{window_id}/window"
        await elsewhere.goto(f"{stranger.url}/")
        read = await elsewhere.evaluate("(url) => fetch(url).then((response) => response.text(), () => null)", url)
        assert read is None
        await elsewhere.evaluate(
            "(url) => { document.body.innerHTML = '<iframe></iframe>'; document.querySelector('iframe').src = url; }",
            url,
        )
        # Chromium shows a page of its own for what may not be framed.
        await expect(elsewhere.frame_locator("iframe").locator("body")).to_be_attached()
        assert await elsewhere.frame_locator("iframe").locator(".primary").count() == 0
        await untouched(shop, page, "looked-at")
    finally:
        await context.close()


async def test_a_page_without_an_origin_of_its_own_pays_too(browser: Browser, shop: Shop, tmp_path: Path) -> None:
    """A developer opens a file: nobody else can be named as the one to answer, or to show the window in a frame."""
    file = tmp_path / "shop.html"
    file.write_text(f'<!doctype html><title>x</title><body><script src="{shop.base}/v2/browser-sdk.js"></script>')
    asked = {"storeId": STORE_ID, "channelKey": CARD_CHANNEL, "paymentId": "from-a-file", "orderName": "보리차"}
    async with page_of(browser, **DESKTOP) as page:
        await page.goto(file.as_uri())
        await page.evaluate(
            "(asked) => { window.told = PortOne.requestPayment(asked); }",
            {**asked, "totalAmount": 1_000, "currency": "KRW", "payMethod": "CARD"},
        )
        await press(page.frame_locator("iframe[data-portone-window]").locator(".primary"))
        assert (await page.evaluate("window.told"))["paymentId"] == "from-a-file"
    assert shop.status("from-a-file") == "PAID"


@pytest.mark.parametrize(
    ("call", "params", "kind"),
    [
        (
            "requestIssueBillingKey",
            {"storeId": STORE_ID, "channelKey": CARD_CHANNEL, "billingKeyMethod": "CARD"},
            "billing-keys",
        ),
        (
            "requestIdentityVerification",
            {"storeId": STORE_ID, "channelKey": IDENTITY_CHANNEL, "identityVerificationId": "who-strange"},
            "identity-verifications",
        ),
    ],
)
async def test_the_other_windows_are_as_careful(
    browser: Browser, shop: Shop, call: str, params: dict[str, Any], kind: str
) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.call(page, call, params)
        frame = page.locator("iframe[data-portone-window]")
        window_id = await frame.get_attribute("data-portone-window")
        url = f"{shop.base}/__browser__/{kind}/{window_id}/decision"
        assert await page.evaluate(CALL, [url, "text/plain"]) != 200
        await page.evaluate(FORGE, ["itself", window_id])
        window = page.frame_locator("iframe[data-portone-window]")
        await expect(window.locator(".primary")).to_be_enabled()
        await expect(page.locator("#result")).to_be_empty()
        # Had anything been decided meanwhile, this would be a failure.
        await press(window.locator(".icon"))
        assert (await shop.result(page))["returned"]["pgCode"] == "USER_CANCEL"
