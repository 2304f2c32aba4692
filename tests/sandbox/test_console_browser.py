"""The console in a real Chromium, with JavaScript switched off: on a computer and on a phone.

What it looks like is kept in test-output/windows.
"""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, keep, open_browser, open_shop, page_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the sandbox's console was not looked at"),
]
TABS = ("결제", "빌링키", "본인인증", "웹훅", "장애", "설정")
UNNAMED = """[...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
.filter((each) => !each.labels.length).map((each) => each.outerHTML)"""


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


async def fits(page: Page) -> bool:
    # With JavaScript off for the page itself, this still asks the browser.
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_a_person_tries_the_window_and_bends_the_world_without_any_shop(browser: Browser, shop: Shop) -> None:
    """With JavaScript: the payment window needs it, the console around it does not."""
    async with page_of(browser, **DESKTOP) as page:
        await page.goto(f"{shop.base}/__sandbox__/")
        await page.get_by_label("결제 수단").select_option("virtual_account")
        await page.get_by_label("금액").fill("12000")
        await page.get_by_label("주문번호 (paymentId)").fill("console-1")
        await page.get_by_role("button", name="결제창 열기").click()
        await expect(page.get_by_text("₩12,000", exact=True)).to_be_visible()
        await page.get_by_role("button", name="계좌 발급받기").click()
        await page.get_by_role("button", name="확인").click()
        await expect(page).to_have_url(re.compile(r"/__sandbox__/console/payment\?id=console-1&"))
        await expect(page.get_by_role("heading", name="보리차")).to_be_visible()
        await expect(page.get_by_text("입금 대기").first).to_be_visible()
        await keep(page, "console-payment")
        await page.get_by_role("button", name="₩11,900 입금").click()
        await expect(page.get_by_role("status")).to_have_text("은행이 입금을 받지 않았습니다.")
        await page.get_by_role("button", name="₩12,000 입금").click()
        await expect(page.get_by_text("PAID", exact=True)).to_be_visible()
        assert shop.status("console-1") == "PAID"
        await page.get_by_text("PG 관리자에서 취소…").click()
        await page.get_by_label("금액 (비우면 전액)").first.fill("2000")
        await page.get_by_role("button", name="하기").first.click()
        await expect(page.get_by_text("PARTIAL_CANCELLED", exact=True)).to_be_visible()
        assert shop.status("console-1") == "PARTIAL_CANCELLED"


async def test_all_of_the_console_works_on_a_phone_without_javascript(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **PHONE, java_script_enabled=False) as page:
        await page.goto(f"{shop.base}/__sandbox__/")
        await page.get_by_role("button", name="1일").click()
        await expect(page.get_by_role("status")).to_have_text("시계를 옮겼습니다.")
        for tab in TABS:
            await page.get_by_role("link", name=tab, exact=True).click()
            await expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute("aria-current", "page")
            assert await fits(page), tab
            await keep(page, f"console-phone-{TABS.index(tab)}")
        await page.get_by_label("새 시드").fill("7")
        await page.get_by_role("link", name="장애", exact=True).click()
        await page.get_by_label("YAML").fill("- fault: status_500\n- fault: slwo\n")
        await page.get_by_role("button", name="스크립트 주문하기").click()
        await expect(page.get_by_role("alert")).to_contain_text("2행: 'slwo': 그런 fault 값이 없습니다")
        await expect(page.get_by_label("YAML")).to_have_value("- fault: status_500\n- fault: slwo\n")
        await page.get_by_role("link", name="English").click()
        await expect(page.get_by_role("heading", name="Faults", exact=True)).to_be_visible()
        await page.get_by_role("combobox", name="Fault", exact=True).select_option("status_500")
        await page.get_by_role("button", name="Order a fault").click()
        await expect(page.get_by_role("button", name="Forget", exact=True)).to_be_visible()
        assert [each.name for each in shop.parts.faults.waiting] == ["status_500"]
        await page.get_by_role("button", name="Forget", exact=True).click()
        await expect(page.get_by_text("No fault waits.")).to_be_visible()


async def test_the_keyboard_alone_reaches_the_clock_and_every_field_has_a_name(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await page.goto(f"{shop.base}/__sandbox__/")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="본문으로")).to_be_focused()
        for _ in range(2):
            await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="멈추기")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text("시계를 멈췄습니다.")
        assert shop.parts.clock.is_frozen
        for path in ("", "console/keys", "console/webhooks", "console/faults", "console/world"):
            await page.goto(f"{shop.base}/__sandbox__/{path}")
            unnamed = await page.evaluate(UNNAMED)
            assert unnamed == [], path
        await page.goto(f"{shop.base}/__sandbox__/console/world")
        async with page.expect_download() as waiting:
            await page.get_by_role("link", name="JSON 내려받기").click()
        saved = await (await waiting.value).path()
        await page.get_by_role("button", name="모두 지우고 처음부터").click()
        await expect(page.get_by_text("결제가 없습니다.")).to_be_visible()
        await page.goto(f"{shop.base}/__sandbox__/console/world")
        await page.get_by_label("저장한 파일").set_input_files(saved)
        await page.get_by_role("button", name="불러오기").click()
        await expect(page.get_by_role("status")).to_have_text("불러왔습니다.")
