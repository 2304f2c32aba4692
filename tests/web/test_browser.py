"""The pages in a real browser: both languages, both themes, both sizes, and nothing fetched from elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
OUTPUT = Path("test-output/web")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"SKIPPED ALOUD: no browser at {CHROMIUM}; pages were not looked at"
    ),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        await browser.close()


async def watched(browser: Browser, size: str, theme: str) -> tuple[Page, list[str], list[str]]:
    """A page, with what the browser complained about and every address it asked for."""
    width, height = SIZES[size]
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
    page = await context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    return page, complaints, asked


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_console_pages_draw_whole_and_without_complaint(
    browser: Browser, address: str, language: str, theme: str, size: str
) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    page, complaints, asked = await watched(browser, size, theme)
    for name, path in {
        "story": "/console/payments/1",
        "apart": "/console/payments/apart",
        "list": "/console/payments",
        "empty": "/console/payments?q=nothing",
        "sign-in": "/sign-in",
        "error": "/console/sold-out",
    }.items():
        await page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={language}")
        await page.evaluate("document.fonts.ready")
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0, f"{name}: the page is {overflow} px wider than the screen"
        assert await page.evaluate("document.fonts.check('16px Pretendard', '장부')"), "the Korean font did not load"
        await page.screenshot(path=OUTPUT / f"{name}-{language}-{theme}-{size}.png", full_page=True)
    # The error page's own status is the one complaint that is meant.
    assert [said for said in complaints if "409" not in said] == []
    assert [url for url in asked if not url.startswith(address)] == []


async def test_the_sandbox_banner_stays_in_sight_while_scrolling(browser: Browser, address: str) -> None:
    for size in SIZES:
        page, _, _ = await watched(browser, size, "light")
        await page.goto(f"{address}/console/payments/1")
        await page.evaluate("window.scrollTo(0, 2000)")
        box = await page.locator(".mode-banner").bounding_box()
        assert box is not None
        assert box["y"] == 0
        assert box["width"] == SIZES[size][0]


async def test_the_theme_switch_outlives_the_page_and_beats_the_system(browser: Browser, address: str) -> None:
    page, _, _ = await watched(browser, "desktop", "light")
    await page.goto(f"{address}/console/payments?q=모자&lang=ko")
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.click(".switch >> text=어둡게")
    await page.click(".row-link >> nth=0")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert "theme=" not in page.url


@pytest.mark.parametrize("path", ["/api-docs", "/admin-docs"])
async def test_the_docs_pages_draw_with_nothing_from_elsewhere(browser: Browser, address: str, path: str) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    page, complaints, asked = await watched(browser, "desktop", "light")
    await page.goto(f"{address}{path}")
    await page.wait_for_selector(".opblock")
    await page.click(".opblock >> nth=0")
    await page.wait_for_selector(".responses-wrapper")
    await page.screenshot(path=OUTPUT / f"docs{path.replace('/', '-')}.png", full_page=True)
    assert await page.locator(".errors-wrapper").count() == 0
    await page.click("text=Try it out")
    await page.click(".execute")
    await page.wait_for_selector(".live-responses-table")
    assert f"{address}/api/" in await page.inner_text(".request-url")
    # The example that was tried is refused, which the browser mentions.
    assert [said for said in complaints if "422" not in said] == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
