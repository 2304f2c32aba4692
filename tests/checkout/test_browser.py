"""A payer in a real Chromium on the hosted pages, paying in the local PortOne's window, under our strict policy.

What the pages look like is kept in test-output/checkout.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from jangbu import embedded
from jangbu.access.rules import Role
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.checkout.rules import State
from jangbu.checkout.service.history import history_token
from jangbu.sandbox import CARD_CHANNEL
from kit import TESTER
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, escape, open_browser, page_of

from .counter import Counter, counter_at
from .shop import order_of

OUTPUT = Path(__file__).parents[2] / "test-output" / "checkout"
BYTES_MAX = 100_000
PASSWORD = "보리차 두 병 주세요"
WINDOW = "iframe[data-portone-window]"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the hosted checkout pages were not looked at"),
]


@pytest.fixture(scope="module")
async def counter(server: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counter]:
    async with counter_at(server, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    async with open_browser() as opened:
        yield opened


async def keep(page: Page, name: str) -> None:
    """A picture, and what must hold of every page."""
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0, f"{name}: the page is {overflow} px wider than the screen"
    await page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)


async def ready(page: Page) -> None:
    await expect(page.locator("#submit")).to_be_enabled()


async def test_a_card_at_a_desk(browser: Browser, counter: Counter) -> None:
    tea, cup = await counter.item(stock=2), await counter.item(12_000, name_ko="찻잔", name_en="Tea cup")
    session = await counter.session(tea, cup, redirect_url="http://localhost:3000/thanks")
    async with page_of(browser, **DESKTOP) as page:
        await counter.visit(page, session)
        await ready(page)
        await keep(page, "ready-ko-desktop")
        await page.get_by_role("button", name="₩17,500 결제하기").click()
        await page.frame_locator(WINDOW).get_by_role("button", name="₩17,500 결제하기").click()
        await expect(page).to_have_url(f"{counter.url}/pay/{session.session_id}/success")
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
        back = page.get_by_role("link", name="상점으로 돌아가기")
        assert await back.get_attribute("href") == "http://localhost:3000/thanks"
        await keep(page, "paid-ko-desktop")
        # Whoever goes back to the page, or opens the link again, cannot pay twice.
        await counter.visit(page, session)
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
    assert (await counter.now(session)).state is State.PAID
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1


async def test_an_agreement_at_a_desk_is_approved_by_our_server(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    channel = counter.house.portone.world.state.channels[CARD_CHANNEL]
    channel.approves_manually = True
    async with page_of(browser, **DESKTOP) as page:
        await counter.visit(page, session)
        await ready(page)
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        await page.frame_locator(WINDOW).get_by_role("button", name="₩5,500 결제하기").click()
        await expect(page).to_have_url(f"{counter.url}/pay/{session.session_id}/success")
    channel.approves_manually = False
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1


async def test_a_card_on_a_phone_goes_through_a_redirect(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item(name_en="Barley tea"))
    async with page_of(browser, **PHONE, color_scheme="dark") as page:
        await counter.visit(page, session, "en")
        await ready(page)
        await keep(page, "ready-en-dark-phone")
        await page.get_by_role("button", name="Pay ₩5,500").click()
        await page.get_by_role("button", name="Pay ₩5,500").and_(page.locator("[data-action]")).click()
        await expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible()
        assert page.url == f"{counter.url}/pay/{session.session_id}/success"
        await keep(page, "paid-en-dark-phone")


async def test_a_phone_that_comes_back_without_having_paid_may_try_again(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    async with page_of(browser, **PHONE) as page:
        await counter.visit(page, session)
        await ready(page)
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        await page.get_by_text("결제 거절하기").click()
        await page.get_by_role("button", name="분실 또는 도난 신고된 카드입니다.").click()
        await expect(page.get_by_role("heading", name="결제되지 않았습니다")).to_be_visible()
        await expect(page.get_by_text("분실 또는 도난 신고된 카드입니다.")).to_be_visible()
        await keep(page, "declined-ko-phone")
        await counter.later()
        await page.get_by_role("link", name="다시 시도").click()
        await ready(page)
        # The page has asked PortOne what came of the first try; nobody pays within the two seconds after that.
        await counter.later()
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        await page.get_by_role("button", name="₩5,500 결제하기").and_(page.locator("[data-action]")).click()
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1


async def test_an_account_waits_and_the_page_notices_the_deposit(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    async with page_of(
        browser, **DESKTOP, color_scheme="dark", permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        await counter.visit(page, session)
        await page.get_by_label("가상계좌").check()
        await ready(page)
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        window = page.frame_locator(WINDOW)
        await window.get_by_role("button", name="계좌 발급받기").click()
        await window.get_by_role("button", name="확인").click()
        await expect(page.get_by_role("heading", name="입금을 기다리고 있습니다")).to_be_visible()
        await expect(page.get_by_text("신한은행")).to_be_visible()
        await page.get_by_role("button", name="복사").click()
        await expect(page.get_by_text("계좌번호를 복사했습니다.")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == await page.locator("#number").inner_text() and copied.isdigit()
        await keep(page, "account-ko-dark-desktop")
        await page.set_viewport_size({"width": 360, "height": 740})
        await keep(page, "account-ko-dark-phone")
        await counter.house.portone.deposit(await order_of(counter.house, session))
        await counter.house.hear()
        await counter.house.work()
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()


async def test_a_decline_says_why_and_closing_says_that_nothing_was_paid(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    async with page_of(browser, **DESKTOP) as page:
        await counter.visit(page, session)
        await ready(page)
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        window = page.frame_locator(WINDOW)
        await window.get_by_text("결제 거절하기").click()
        await window.get_by_role("button", name="분실 또는 도난 신고된 카드입니다.").click()
        failed = page.locator("[data-says=failed]")
        await expect(failed).to_contain_text("다른 카드나 결제 수단으로")
        await expect(failed).to_contain_text("분실 또는 도난 신고된 카드입니다.")
        await keep(page, "failed-ko-desktop")
        await counter.later()
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        await escape(window.get_by_role("button", name="닫기"))
        await expect(page.locator("[data-says=cancelled]")).to_be_visible()
        await keep(page, "cancelled-ko-desktop")
        await ready(page)
    assert (await counter.now(session)).state is State.PREPARING


async def test_a_blocked_script_and_a_lost_network_say_so_and_let_the_payer_go_on(
    browser: Browser, counter: Counter
) -> None:
    session = await counter.session(await counter.item())
    async with page_of(browser, **PHONE) as page:
        await page.route("**/browser-sdk.js", lambda route: route.abort())
        await counter.visit(page, session, "en")
        await expect(page.locator("[data-says=blocked]")).to_be_visible()
        await expect(page.locator("#submit")).to_be_disabled()
        await keep(page, "blocked-en-phone")
        await page.unroute("**/browser-sdk.js")
        await page.get_by_role("button", name="Try again").click()
        await ready(page)
        await page.route("**/prepare", lambda route: route.abort())
        await page.get_by_role("button", name="Pay ₩5,500").click()
        await expect(page.locator("[data-says=offline]")).to_be_visible()
        await keep(page, "offline-en-phone")
        await page.unroute("**/prepare")
        await page.get_by_role("button", name="Pay ₩5,500").click()
        await expect(page.locator("[data-action]").first).to_be_visible()


async def test_a_page_whose_own_script_does_not_come_says_so_without_it(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    async with page_of(browser, **PHONE, color_scheme="dark") as page:
        await page.route("**/js/machine.js", lambda route: route.abort())
        await counter.visit(page, session, "en")
        late = page.get_by_text("The payment window could not be loaded").first
        await expect(late).to_be_hidden()
        await page.evaluate("document.getAnimations().forEach((each) => each.finish())")
        await expect(late).to_be_visible()
        await expect(page.locator("#submit")).to_be_disabled()
        await keep(page, "own-script-blocked-en-dark-phone")


async def test_sold_out_meanwhile_is_said_and_what_is_over_is_not_offered(browser: Browser, counter: Counter) -> None:
    tea = await counter.item(stock=1)
    mine, other = await counter.session(tea), await counter.session(tea)
    async with page_of(browser, **DESKTOP) as page:
        await counter.visit(page, mine)
        await ready(page)
        await counter.prepare(other)
        await page.get_by_role("button", name="₩5,500 결제하기").click()
        await expect(page.locator("[data-says=refused]")).to_contain_text("재고가 부족합니다: 보리차")
        await page.goto(f"{counter.url}/pay/cs_nothing?lang=ko")
        await expect(page.get_by_role("heading", name="결제 정보를 찾을 수 없습니다")).to_be_visible()
        await keep(page, "missing-ko-desktop")


async def test_the_keyboard_alone_is_enough(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    async with page_of(browser, **DESKTOP) as page:
        await counter.visit(page, session)
        await ready(page)
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.value") == "EASY_PAY"
        await page.keyboard.press("ArrowUp")
        for _ in range(2):
            await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "submit"
        await page.keyboard.press("Enter")
        await expect(page.frame_locator(WINDOW).get_by_role("button", name="₩5,500 결제하기")).to_be_visible()


async def test_the_page_is_small_and_names_what_each_control_does(
    browser: Browser, counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    session = await counter.session(await counter.item())
    async with page_of(browser, **PHONE) as page:
        ours: dict[str, int] = {}

        async def weigh(response: Any) -> None:
            if response.url.startswith(counter.url):
                ours[response.url] = len(await response.body())

        page.on("response", weigh)
        await counter.visit(page, session)
        await ready(page)
        await page.wait_for_load_state("networkidle")
        with capsys.disabled():
            print(f"\nthe checkout page is {sum(ours.values()):,} bytes in {len(ours)} files, beside PortOne's script")
        assert 0 < sum(ours.values()) < BYTES_MAX
        unnamed = await page.evaluate(
            "[...document.querySelectorAll('input, button, a')]"
            ".filter((one) => !(one.labels?.length || one.textContent.trim())).length"
        )
        assert unnamed == 0


async def test_names_from_outside_are_text(browser: Browser, counter: Counter) -> None:
    hostile = "<img src=x onerror=alert(1)>{{7*7}}"
    session = await counter.session(await counter.item(name_ko=hostile, name_en=hostile))
    async with page_of(browser, **PHONE) as page:
        page.on("dialog", lambda _: pytest.fail("a script ran"))
        await counter.visit(page, session)
        await ready(page)
        await expect(page.get_by_text(hostile).first).to_be_visible()
        assert await page.locator("main img").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_text_is_readable_against_what_is_behind_it(browser: Browser, counter: Counter, theme: str) -> None:
    """WCAG AA: 4.5 to 1, for every text that shows, in every sentence the page may say."""
    session = await counter.session(await counter.item())
    async with page_of(browser, **PHONE, color_scheme=theme, reduced_motion="reduce") as page:
        await counter.visit(page, session)
        await ready(page)
        weak = await page.evaluate(CONTRAST)
        assert weak == []


CONTRAST = """() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (one) => {
    for (let each = one; each; each = each.parentElement) {
      const found = parts(getComputedStyle(each).backgroundColor);
      if (found.length < 4 || found[3] > 0.99) return found;
    }
    return [255, 255, 255];
  };
  document.querySelectorAll("[data-says]").forEach((one) => { one.hidden = false; });
  return [...document.querySelectorAll("body *")]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((one) => one.checkVisibility() && !one.disabled)
    .map((one) => {
      const pair = [light(parts(getComputedStyle(one).color)), light(behind(one))].sort((a, b) => b - a);
      return [one.textContent.trim().slice(0, 40), (pair[0] + 0.05) / (pair[1] + 0.05)];
    })
    .filter(([, ratio]) => ratio < 4.5);
}"""


async def test_a_payers_history_by_its_link(browser: Browser, counter: Counter) -> None:
    tea = await counter.item(stock=50)
    for _ in range(2):
        await counter.bought(tea, customer_id="member-history")
    await counter.bought(tea, customer_id="somebody-else")
    token, _ = history_token("member-history", store_id=None, run=counter.house.run)
    async with page_of(browser, **PHONE) as page:
        await page.goto(f"{counter.url}/pay/history/{token}?lang=ko")
        await expect(page.locator(".history li")).to_have_count(2)
        await keep(page, "history-ko-phone")
        await page.goto(f"{counter.url}/pay/history/{token[:-2]}?lang=en")
        await expect(page.get_by_role("heading", name="This link cannot be used")).to_be_visible()


async def test_staff_look_at_what_is_sold(browser: Browser, counter: Counter) -> None:
    run = counter.house.wired.request
    await counter.prepare(await counter.session(await counter.item(stock=1, name_ko="찻잔", name_en="Tea cup")))
    await create_admin("kim@shop.example", "김장부", PASSWORD, role=Role.MANAGER.value, actor=TESTER, run=run)
    _, cookie = await sign_in("kim@shop.example", PASSWORD, "192.0.2.1", "tests", run=run)
    for name, kind, language in (("desktop", DESKTOP, "ko"), ("phone", PHONE, "en")):
        async with page_of(browser, **kind) as page:
            one = {"name": "better-auth.session_token", "value": cookie, "url": counter.url}
            await page.context.add_cookies([one])
            await page.goto(f"{counter.url}/console/items?lang={language}")
            await expect(page.get_by_text("품절" if language == "ko" else "Sold out").first).to_be_visible()
            await keep(page, f"items-{language}-{name}")


async def test_what_a_payer_sees_when_it_is_over(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item())
    prepared = await counter.prepare(session)
    await counter.house.portone.pay(prepared.payment_id)
    counter.house.portone.fault("amount_changed", times=1)
    await counter.complete(session)
    async with page_of(browser, **PHONE) as page:
        await counter.visit(page, session)
        await expect(page.get_by_role("heading", name="담당자가 확인하고 있습니다")).to_be_visible()
        await keep(page, "in-review-ko-phone")
        late = await counter.session(await counter.item())
        await counter.house.portone.move(timedelta(minutes=31))
        await counter.visit(page, late, "en")
        await expect(page.get_by_role("heading", name="The time to pay is over")).to_be_visible()
        await keep(page, "expired-en-phone")
