"""A payer in a real Chromium on a shop's own page, of another origin and under a strict policy: `<jangbu-checkout>`.

What it looks like is kept in test-output/element.
"""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from jangbu import embedded
from jangbu.access import cli as access_cli
from jangbu.checkout.rules import State
from jangbu.sandbox import CARD_CHANNEL
from kit import free_port
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, escape, open_browser, page_of, press, sign_in

from .counter import counter_at, served
from .js_package import bundle, example_shop, installed, script
from .shop import order_of
from .tearoom import OUTPUT, Tearoom

FOCUSED = "document.querySelector('jangbu-checkout').shadowRoot.activeElement?.tagName"
WINDOW = "iframe[data-portone-window]"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the element was not tried on a page"),
]


@pytest.fixture(scope="module")
async def tearoom(server: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tearoom]:
    port, *ports = (free_port() for _ in range(3))
    origins = ",".join(f"http://localhost:{each}" for each in (port, *ports))
    home = tmp_path_factory.mktemp("home")
    more = {"ALLOWED_ORIGINS": origins, "JANGBU_CHECKOUT_CASH_RECEIPT": True}
    async with installed() as package, counter_at(server, home, **more) as counter:
        element = (await bundle(package)).read_text(encoding="utf-8")
        axe = (package / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        opened = Tearoom(counter, f"http://localhost:{port}", element, axe, package, tuple(ports))
        async with served(opened.app(), port):
            yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    async with open_browser() as opened:
        yield opened


def pay(page: Page, amount: str = "₩5,500", language: str = "ko") -> Locator:
    name = f"{amount} 결제하기" if language == "ko" else f"Pay {amount}"
    return page.locator("jangbu-checkout").get_by_role("button", name=name)


async def test_closed_then_declined_then_paid(browser: Browser, tearoom: Tearoom) -> None:
    counter = tearoom.counter
    tea, cup = await counter.item(stock=2), await counter.item(12_000, name_ko="찻잔", name_en="Tea cup")
    session = await counter.session(tea, cup)
    async with page_of(browser, **DESKTOP) as page:
        await tearoom.visit(page, session)
        await tearoom.shown(page, "ready")
        await tearoom.keep(page, "ready-ko-desktop")
        window = page.frame_locator(WINDOW)
        await pay(page, "₩17,500").click()
        close = window.get_by_role("button", name="닫기")
        await expect(close).to_be_enabled()
        await tearoom.keep(page, "paying-ko-desktop", whole=False)
        await escape(close)
        await tearoom.shown(page, "cancelled")
        await expect(page.get_by_text("결제창을 닫으셨습니다")).to_be_visible()
        assert (
            await page.evaluate("document.querySelector('jangbu-checkout').shadowRoot.activeElement?.tagName")
            == "BUTTON"
        )
        await tearoom.keep(page, "cancelled-ko-desktop")

        await counter.later()
        await pay(page, "₩17,500").click()
        await window.get_by_text("결제 거절하기").click()
        await press(window.get_by_role("button", name="분실 또는 도난 신고된 카드입니다."))
        await tearoom.shown(page, "failed")
        await expect(page.get_by_text("분실 또는 도난 신고된 카드입니다.")).to_be_visible()
        await tearoom.keep(page, "failed-ko-desktop")

        await counter.later()
        await pay(page, "₩17,500").click()
        await press(window.get_by_role("button", name="₩17,500 결제하기"))
        await tearoom.shown(page, "done")
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_focused()
        await tearoom.keep(page, "done-ko-desktop")
        told = await page.evaluate("window.told")
        assert told.count("paid 17500") == 1
        assert [told.count(status) > 0 for status in ("cancelled", "failed", "checking", "done")] == [True] * 4

        # Whoever loads the page again cannot pay twice.
        await page.reload()
        await tearoom.shown(page, "done")
        await expect(pay(page, "₩17,500")).to_have_count(0)
    assert (await counter.now(session)).state is State.PAID
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1


async def test_one_element_is_one_checkout(browser: Browser, tearoom: Tearoom) -> None:
    """Each attribute that was there before the script is news to the element; a press must not reach another one."""
    session = await tearoom.counter.session(await tearoom.counter.item())
    async with page_of(browser, **DESKTOP) as page:
        reads: list[str] = []
        page.on("request", lambda one: reads.append(one.url) if one.url.endswith(session.session_id) else None)
        await tearoom.visit(page, session, "&returns=1")
        await tearoom.shown(page, "ready")
        assert [url for url in reads if "/sessions/" in url] == reads[-1:]


async def test_a_deposit_is_waited_for(browser: Browser, tearoom: Tearoom) -> None:
    counter = tearoom.counter
    session = await counter.session(await counter.item())
    clipboard = {"permissions": ["clipboard-read", "clipboard-write"]}
    async with page_of(browser, **DESKTOP, color_scheme="dark", **clipboard) as page:
        await tearoom.visit(page, session)
        await page.get_by_label("가상계좌").check()
        await tearoom.shown(page, "ready")
        await pay(page).click()
        window = page.frame_locator(WINDOW)
        await press(window.get_by_role("button", name="계좌 발급받기"))
        await press(window.get_by_role("button", name="확인"))
        await tearoom.shown(page, "waiting")
        await expect(page.get_by_text("신한은행")).to_be_visible()
        await page.get_by_role("button", name="복사").click()
        await expect(page.get_by_text("계좌번호를 복사했습니다.")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == await page.locator(".number").inner_text() and copied.isdigit()
        await tearoom.keep(page, "waiting-ko-dark-desktop")
        await page.set_viewport_size({"width": 360, "height": 740})
        await tearoom.keep(page, "waiting-ko-dark-phone")
        await counter.house.portone.deposit(await order_of(counter.house, session))
        await counter.later()
        # The payer comes back from the bank's own app: PortOne is asked, though no webhook has told us anything.
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await tearoom.shown(page, "done")
        await tearoom.keep(page, "done-ko-dark-phone")


async def test_the_network_is_lost_in_the_middle_and_nobody_can_pay_twice(browser: Browser, tearoom: Tearoom) -> None:
    counter = tearoom.counter
    session = await counter.session(await counter.item(name_en="Barley tea"))
    async with page_of(browser, **PHONE) as page:
        await page.route("**/verify", lambda route: route.abort())
        await tearoom.visit(page, session, "&lang=en")
        await tearoom.shown(page, "ready")
        await page.context.set_offline(True)
        await pay(page, language="en").click()
        await tearoom.shown(page, "offline")
        await tearoom.keep(page, "offline-en-phone")
        await page.context.set_offline(False)
        await tearoom.shown(page, "ready")
        # The window closes, the payment is made, and no answer of ours arrives.
        await page.evaluate("Object.defineProperty(window, 'PortOne', {value: {requestPayment: async () => ({})}})")
        await pay(page, language="en").click()
        await tearoom.shown(page, "offline")
        await expect(pay(page, language="en")).to_have_attribute("aria-disabled", "true")
        await counter.house.portone.pay(await order_of(counter.house, session))
        await tearoom.keep(page, "offline-after-paying-en-phone")
        await page.unroute("**/verify")
        await page.get_by_role("button", name="Try again").click()
        await tearoom.shown(page, "done")
        await tearoom.keep(page, "done-en-phone")


async def test_a_blocked_script_is_said_and_tried_again(browser: Browser, tearoom: Tearoom) -> None:
    session = await tearoom.counter.session(await tearoom.counter.item())
    async with page_of(browser, **PHONE, color_scheme="dark") as page:
        await page.route("**/browser-sdk.js", lambda route: route.abort())
        await tearoom.visit(page, session)
        await tearoom.shown(page, "blocked")
        await tearoom.keep(page, "blocked-ko-dark-phone")
        await page.unroute("**/browser-sdk.js")
        await page.get_by_role("button", name="다시 시도").click()
        await tearoom.shown(page, "ready")
        await tearoom.keep(page, "ready-ko-dark-phone")


async def test_a_phone_goes_to_the_window_and_comes_back_to_the_shop(browser: Browser, tearoom: Tearoom) -> None:
    counter = tearoom.counter
    session = await counter.session(await counter.item())
    async with page_of(browser, **PHONE) as page:
        await tearoom.visit(page, session, "&returns=1")
        await tearoom.shown(page, "ready")
        await pay(page).click()
        await page.get_by_text("결제 거절하기").click()
        await page.get_by_role("button", name="분실 또는 도난 신고된 카드입니다.").click()
        await page.wait_for_url(f"{tearoom.url}/**")
        await tearoom.shown(page, "failed")
        await expect(page.get_by_text("분실 또는 도난 신고된 카드입니다.")).to_be_visible()
        await tearoom.keep(page, "failed-ko-phone")
        await counter.later()
        await pay(page).click()
        await page.get_by_role("button", name="₩5,500 결제하기").and_(page.locator("[data-action]")).click()
        await page.wait_for_url(f"{tearoom.url}/**")
        await tearoom.shown(page, "done")
        assert page.url.count("paymentId") == 1 and "code=" not in page.url
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1


async def test_a_phone_comes_back_to_jangbu_where_the_shop_names_no_page(browser: Browser, tearoom: Tearoom) -> None:
    session = await tearoom.counter.session(await tearoom.counter.item())
    async with page_of(browser, **PHONE, locale="ko-KR") as page:
        await tearoom.visit(page, session)
        await tearoom.shown(page, "ready")
        await pay(page).click()
        await page.get_by_role("button", name="₩5,500 결제하기").and_(page.locator("[data-action]")).click()
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
        assert page.url == f"{tearoom.counter.url}/pay/{session.session_id}/success"


async def test_what_an_address_says_is_not_shown_and_not_believed(browser: Browser, tearoom: Tearoom) -> None:
    session = await tearoom.counter.session(await tearoom.counter.item())
    lie = "&returns=1&transactionType=PAYMENT&paymentId=x&code=PG_ERROR&message=Call%20010-0000-0000"
    async with page_of(browser, **PHONE) as page:
        await tearoom.visit(page, session, lie)
        await tearoom.shown(page, "failed")
        await expect(page.get_by_text("010-0000-0000")).to_have_count(0)
        await tearoom.visit(page, session, "&returns=1&transactionType=PAYMENT&paymentId=x&txId=y")
        await tearoom.shown(page, "checking")
        await tearoom.keep(page, "checking-ko-phone")


async def test_what_a_payer_agreed_to_is_approved_by_the_server(browser: Browser, tearoom: Tearoom) -> None:
    """A channel with manual approval: at a desk, and on a phone that brings the payer's yes in its address."""
    counter = tearoom.counter
    channel = counter.house.portone.world.state.channels[CARD_CHANNEL]
    channel.approves_manually = True
    try:
        for kind in (DESKTOP, PHONE):
            session = await counter.session(await counter.item())
            async with page_of(browser, **kind) as page:
                await tearoom.visit(page, session, "&returns=1")
                await tearoom.shown(page, "ready")
                await pay(page).click()
                window = page.frame_locator(WINDOW) if kind is DESKTOP else page
                await press(window.get_by_role("button", name="₩5,500 결제하기").and_(window.locator("[data-action]")))
                await page.wait_for_url(f"{tearoom.url}/**")
                await tearoom.shown(page, "done")
            assert counter.house.portone.captured(await order_of(counter.house, session)) == 1
    finally:
        channel.approves_manually = False


async def test_paypal_draws_its_own_button(browser: Browser, tearoom: Tearoom) -> None:
    counter = tearoom.counter
    item = await counter.item(1_420, currency="USD", name_en="Barley tea")
    session = await counter.session(item)
    async with page_of(browser, **PHONE, locale="en-US") as page:
        await tearoom.visit(page, session, "&lang=en")
        await tearoom.shown(page, "ready")
        await page.get_by_label("PayPal").check()
        await pay(page, "$14.20", "en").click()
        button = page.get_by_role("button", name="Pay with PayPal")
        await expect(button).to_be_visible()
        await tearoom.keep(page, "paypal-en-phone")
        await page.get_by_label("Card").check()
        await expect(button).to_be_hidden()
        await expect(pay(page, "$14.20", "en")).to_be_visible()
        await page.get_by_label("PayPal").check()
        await button.click()
        window = page.frame_locator(WINDOW)
        await sign_in(window)
        await press(window.locator(".primary"))
        # PayPal takes its time to decide: until then nobody is to pay again.
        await tearoom.shown(page, "checking")
        await expect(page.get_by_role("heading", name="Checking your payment")).to_be_visible()
        await tearoom.keep(page, "pending-en-phone")
        await counter.house.portone.settle_payment(await order_of(counter.house, session))
        await counter.later()
        await tearoom.shown(page, "done")
    assert (await counter.now(session)).state is State.PAID


async def test_the_keyboard_alone_is_enough(browser: Browser, tearoom: Tearoom) -> None:
    session = await tearoom.counter.session(await tearoom.counter.item(name_en="Barley tea"))
    async with page_of(browser, **DESKTOP, color_scheme="dark") as page:
        await tearoom.visit(page, session, "&lang=en")
        await tearoom.shown(page, "ready")
        inside = "document.querySelector('jangbu-checkout').shadowRoot.activeElement"
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate(f"{inside}.value") == "EASY_PAY"
        await tearoom.keep(page, "focus-en-dark-desktop")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Phone number")).to_be_visible()
        await tearoom.keep(page, "buyer-en-dark-desktop")
        for _ in range(4):
            await page.keyboard.press("Tab")
        assert await page.evaluate(FOCUSED) == "BUTTON"
        await page.keyboard.press("Enter")
        await expect(page.frame_locator(WINDOW).get_by_role("button", name="Pay ₩5,500")).to_be_visible()


@pytest.mark.parametrize(("where", "look"), [("hosted", "light"), ("shop", "dark")])
async def test_whoever_transfers_is_asked_for_a_cash_receipt_by_keyboard_too(
    browser: Browser, tearoom: Tearoom, where: str, look: str
) -> None:
    counter, language = tearoom.counter, "ko" if look == "light" else "en"
    session = await counter.session(await counter.item(name_en="Barley tea"))
    kind = DESKTOP if where == "shop" else PHONE
    async with page_of(browser, **kind, color_scheme=look) as page:
        if where == "hosted":
            await counter.visit(page, session, language)
        else:
            await tearoom.visit(page, session, f"&lang={language}")
        kinds, numbers = page.locator(".receipt [type=radio]"), page.locator(".receipt .field")
        mine = page.get_by_role("button", name="₩5,500")
        await expect(mine).to_be_enabled()
        await expect(kinds.first).to_be_hidden()
        await page.locator("[name=method][value=TRANSFER]").check()
        await expect(kinds.first).to_be_checked()
        await expect(numbers.locator("visible=true")).to_have_count(0)
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await tearoom.keep(page, f"receipt-{where}-{language}-{look}", within="main")
        business = page.get_by_label("사업자등록번호" if language == "ko" else "Business registration number")
        await expect(business).to_be_visible()
        await page.keyboard.press("Tab")
        await page.keyboard.type("123-45")
        await page.keyboard.press("Enter")
        unfit = "현금영수증 번호" if language == "ko" else "cash receipt"
        await expect(page.get_by_role("status").filter(has_text=unfit)).to_be_visible()
        await tearoom.keep(page, f"receipt-unfit-{where}-{language}-{look}", within="main")
        await business.fill("123-45-67890")
        await mine.click()
        window = page.frame_locator(WINDOW) if where == "shop" else page
        await press(window.locator(".primary"))
        await expect(page.get_by_role("heading", name="Thank you" if language == "en" else "완료")).to_be_visible()
    await counter.house.work()
    order = await order_of(counter.house, session)
    issued = [each for each in counter.house.portone.world.state.cash_receipts if each.payment_id == order]
    assert [(each.type, each.total_minor) for each in issued] == [("CORPORATE", 5_500)]


async def test_sold_out_and_over_and_missing_and_hostile_names(browser: Browser, tearoom: Tearoom) -> None:
    counter = tearoom.counter
    hostile = "<img src=x onerror=alert(1)>"
    tea = await counter.item(stock=1, name_ko=hostile, name_en=hostile)
    mine, other = await counter.session(tea), await counter.session(tea)
    async with page_of(browser, **DESKTOP) as page:
        await tearoom.visit(page, mine)
        await tearoom.shown(page, "ready")
        await expect(page.get_by_text(hostile).first).to_be_visible()
        assert await page.locator("jangbu-checkout img").count() == 0
        await counter.prepare(other)
        await pay(page).click()
        await tearoom.shown(page, "failed")
        await expect(page.get_by_text("재고가 부족합니다")).to_be_visible()
        await tearoom.keep(page, "sold-out-ko-desktop")
        await page.evaluate("document.querySelector('jangbu-checkout').setAttribute('session', 'cs_nothing')")
        await tearoom.shown(page, "missing")
        await tearoom.keep(page, "missing-ko-desktop")


async def test_a_page_that_is_not_on_the_list_hears_nothing(browser: Browser, tearoom: Tearoom) -> None:
    session = await tearoom.counter.session(await tearoom.counter.item())
    context = await browser.new_context(**PHONE)
    page = await context.new_page()
    await page.goto(f"{tearoom.url.replace('localhost', '127.0.0.1')}/?session={session.session_id}")
    await tearoom.shown(page, "offline")
    assert await page.evaluate("document.querySelector('jangbu-checkout').state.session") is None
    await tearoom.keep(page, "not-allowed-ko-phone")
    await context.close()


@pytest.mark.parametrize(("pages", "place"), [("plain", 0), ("react", 1)])
async def test_the_examples_sell_a_cup_of_tea(browser: Browser, tearoom: Tearoom, pages: str, place: int) -> None:
    """A shop's backend with the key, its page with nothing but a session's id; React mounts everything twice."""
    counter = tearoom.counter
    item = await counter.item()
    told = {
        "JANGBU_URL": counter.url,
        "JANGBU_KEY": await access_cli.create_key("shop", ["checkout:create"], run=counter.house.run),
        "ITEM_ID": str(item.id),
        "PORT": str(tearoom.ports[place]),
        "PORTONE_ORIGINS": counter.house.run.settings.portone_url,
    }
    if pages == "react":
        await script(tearoom.package, "build", "examples/react")
    async with (
        example_shop(tearoom.package, pages, told) as url,
        page_of(browser, **DESKTOP, locale="ko-KR") as page,
    ):
        await page.goto(url)
        await page.get_by_role("button", name="주문하기").click()
        pay_now = page.get_by_role("button", name="결제하기")
        await expect(pay_now).to_be_enabled()
        await tearoom.keep(page, f"example-{pages}-ready", within="main")
        window = page.frame_locator(WINDOW)
        await pay_now.click()
        await escape(window.get_by_role("button", name="닫기"))
        await expect(page.get_by_text("결제창을 닫으셨습니다")).to_be_visible()
        await page.reload()
        # The page asks PortOne once more before anybody may pay, and one session is asked about every other second.
        await expect(pay_now).to_be_enabled()
        await counter.later()
        await pay_now.click()
        await press(window.get_by_role("button", name="₩5,500 결제하기"))
        await expect(page.get_by_text("결제가 완료되었습니다")).to_be_visible()
        await tearoom.keep(page, f"example-{pages}-done", within="main")
    assert await counter.stock(item) == (9, 0)
