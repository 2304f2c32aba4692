"""A channel whose PG takes short names only and wants to know who buys: KG Inicis (portone-facts §10.3, §10.4)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from jangbu import embedded
from jangbu.checkout.refusals import BuyerNeeded
from jangbu.checkout.rules import Session, State
from jangbu.checkout.service.prepare import Prepared, prepare
from jangbu.checkout.service.sessions import show
from jangbu.checkout.windows import window_request
from jangbu.payments.channels.rules import Description
from jangbu.payments.channels.service import describe
from jangbu.sandbox import CARD_CHANNEL, STORE_ID
from jangbu.sandbox.core.records import Channel
from kit import TESTER, House, free_port
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, escape, open_browser, page_of, press

from .counter import Counter, counter_at, served
from .js_package import bundle, installed
from .shop import Shop, order_of
from .tearoom import Tearoom

INICIS = "channel-key-00000000-0000-4000-8000-0000000000aa"
CHANNELS = {"CARD": INICIS, "EASY_PAY": CARD_CHANNEL, "TRANSFER": INICIS + "b", "MOBILE": INICIS + "c"}
NAME = "제주 유기농 어린 보리차 티백 대용량 선물 세트"
KIM = {"fullName": "김하늘", "phoneNumber": "010-1234-5678", "email": "kim@example.com"}
NEEDED = ("fullName", "phoneNumber", "email")
WINDOW = "iframe[data-portone-window]"


def contract(house: House) -> None:
    """The merchant's channels at PortOne."""
    for key in set(CHANNELS.values()) - {CARD_CHANNEL}:
        house.portone.world.state.channels[key] = Channel(
            key=key,
            id=key.replace("key", "id"),
            name="이니시스",
            store_id=STORE_ID,
            pg_provider="INICIS_V2",
            pg_merchant_id="INIpayTest",
            type="TEST",
        )


async def say_which_pg(house: House, key: str = INICIS, pg: str = "INICIS_V2") -> None:
    """The merchant describes a channel."""
    said = Description(key=key, name="이니시스", pg_provider=pg, is_live=False)
    await describe(said, actor=TESTER, run=house.run)


@pytest.fixture
async def shop(shop: Shop) -> Shop:
    contract(shop.house)
    object.__setattr__(
        shop.house.run, "settings", shop.house.run.settings.model_copy(update={"checkout_channels": CHANNELS})
    )
    return shop


async def prepared(shop: Shop, session: Session, buyer: dict[str, Any] | None = None, method: str = "CARD") -> Prepared:
    run, portone = shop.house.run, shop.house.wired.portone
    return await prepare(session.session_id, method=method, buyer=buyer, actor=TESTER, run=run, portone=portone)


async def opened(shop: Shop, ready: Prepared) -> dict[str, Any]:
    """What the window of PortOne's makes of what it is opened with."""
    given = window_request(ready, "ko", shop.house.run)
    return await shop.house.portone.open(given.pop("paymentId"), **given)


async def test_nobody_is_sent_to_a_window_that_would_not_open(shop: Shop) -> None:
    await say_which_pg(shop.house)
    tea = await shop.item(name_ko=NAME)
    session = await shop.session(tea, buyer={"fullName": "김하늘", "email": " "})
    assert (await show(session.session_id, run=shop.house.run)).lacks == {"CARD": ("phoneNumber", "email")}
    with pytest.raises(BuyerNeeded, match="telephone, e-mail"):
        await prepared(shop, session)
    assert await shop.stock(tea) == (10, 0), "nothing is held for a window that does not open"
    ready = await prepared(shop, session, {"phoneNumber": "010-1234-5678", "email": "kim@example.com"})
    assert ready.order_name == "제주 유기농 어린 보리차 티..."
    assert "txId" in await opened(shop, ready)
    shown = await show(session.session_id, run=shop.house.run)
    assert (shown.lacks, shown.session.order_name) == ({}, NAME)


async def test_who_buys_may_be_said_with_the_same_order_again(shop: Shop) -> None:
    await say_which_pg(shop.house)
    tea = await shop.item()
    session = await shop.session(tea, order_id="order-1")
    assert (await shop.session(tea, order_id="order-1", buyer=KIM)).id == session.id
    assert (await prepared(shop, session)).buyer == KIM
    # What was said once stays.
    await shop.session(tea, order_id="order-1", buyer={"fullName": "이장부"})
    assert (await prepared(shop, session)).buyer == KIM


async def test_a_pg_that_nobody_knows_yet_is_told_a_name_that_every_pg_takes(shop: Shop) -> None:
    session = await shop.session(await shop.item(name_ko=NAME), buyer=KIM)
    ready = await prepared(shop, session)
    assert "txId" in await opened(shop, ready)
    assert len(ready.order_name.encode()) <= 40
    await shop.house.portone.pay(ready.payment_id, channelKey=INICIS, orderName=ready.order_name, customer=KIM)
    await shop.complete(session)
    # Its first payment has shown which it is; whoever describes it otherwise is not believed.
    stranger = await shop.session(await shop.item())
    assert (await show(stranger.session_id, run=shop.house.run)).lacks == {"CARD": NEEDED}
    await say_which_pg(shop.house, pg="TOSSPAYMENTS")
    assert (await show(stranger.session_id, run=shop.house.run)).lacks == {"CARD": NEEDED}


async def test_what_one_pg_wants_is_not_asked_for_another(shop: Shop) -> None:
    await say_which_pg(shop.house)
    await shop.house.portone.pay("tosspayments-is-seen", amount=1_000)
    session = await shop.session(await shop.item(name_ko=NAME))
    ready = await prepared(shop, session, method="EASY_PAY")
    await shop.house.portone.pay(ready.payment_id)
    await shop.complete(session)
    again = await shop.session(await shop.item(name_ko=NAME))
    assert (await prepared(shop, again, method="EASY_PAY")).order_name == NAME


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
async def tearoom(server: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tearoom]:
    port = free_port()
    more = {"ALLOWED_ORIGINS": f"http://localhost:{port}", "JANGBU_CHECKOUT_CHANNELS": CHANNELS}
    async with installed() as package, counter_at(server, tmp_path_factory.mktemp("home"), **more) as counter:
        contract(counter.house)
        await say_which_pg(counter.house)
        element = (await bundle(package)).read_text(encoding="utf-8")
        axe = (package / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        opened = Tearoom(counter, f"http://localhost:{port}", element, axe, package, ())
        async with served(opened.app(), port):
            yield opened


async def is_asked(page: Page, *names: str) -> None:
    """These fields stand open and are compulsory."""
    for name in names:
        field = page.locator(f"[name={name}]")
        await expect(field).to_be_visible()
        assert await field.evaluate("field => field.required"), name


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: nobody was asked who buys")
@pytest.mark.parametrize(("page_of_whom", "kind"), [("hosted", "phone"), ("shop", "desktop")])
async def test_a_payer_is_asked_for_what_the_pg_needs_and_pays(
    browser: Browser, tearoom: Tearoom, page_of_whom: str, kind: str
) -> None:
    counter: Counter = tearoom.counter
    session = await counter.session(await counter.item(name_ko=NAME))
    is_hosted, is_phone = page_of_whom == "hosted", kind == "phone"
    async with page_of(browser, **(PHONE if is_phone else DESKTOP), locale="ko-KR") as page:
        window = page if is_phone else page.frame_locator(WINDOW)
        await (counter.visit(page, session) if is_hosted else tearoom.visit(page, session))
        mine = page.get_by_role("button", name="₩5,500 결제하기").first
        await expect(mine).to_be_visible()
        await is_asked(page, *NEEDED)
        await expect(page.get_by_text("결제사(PG)에서 요구하는 정보")).to_be_visible()
        await expect(page.get_by_text("(선택)")).to_be_hidden()
        await tearoom.keep(page, f"buyer-needed-{page_of_whom}-{kind}", within="main")
        # Another way to pay has another PG, which wants nothing.
        await page.get_by_role("radio", name="간편결제").check()
        assert not await page.locator("[name=email]").evaluate("field => field.required")
        await expect(page.get_by_text("(선택)")).to_be_visible()
        await page.get_by_role("radio", name="신용·체크카드").check()
        # Whoever has folded it away is shown again what is missing.
        await page.get_by_text("주문하시는 분").click()
        await expect(page.locator("[name=email]")).to_be_hidden()
        await mine.click()
        await expect(page.locator("[name=email]")).to_be_visible()
        for name, value in KIM.items():
            await page.locator(f"[name={name}]").fill(value)
            if name != "email":
                # The browser itself says what is missing, and nothing leaves the page.
                await mine.click()
                assert await page.locator("[name=email]").evaluate("field => field.validity.valueMissing")
        assert (await counter.now(session)).prepares == 0
        await mine.click()
        if not is_phone:
            # Whoever thinks again finds what they have typed.
            await escape(window.get_by_role("button", name="닫기"))
            await expect(page.get_by_text("결제창을 닫으셨습니다")).to_be_visible()
            for name, value in KIM.items():
                await expect(page.locator(f"[name={name}]")).to_have_value(value)
            await counter.later()
            await mine.click()
        await press(window.get_by_role("button", name="₩5,500 결제하기").and_(window.locator("[data-action]")))
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
    assert (await counter.now(session)).state is State.PAID
    payment = counter.house.portone.payment(await order_of(counter.house, session))
    assert payment is not None
    assert payment.attempts[-1].order.order_name == "제주 유기농 어린 보리차 티..."


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: nobody was asked who buys")
@pytest.mark.parametrize(
    ("page_of_whom", "way", "method"), [("hosted", "계좌이체", "TRANSFER"), ("shop", "휴대폰 소액결제", "MOBILE")]
)
async def test_which_pg_it_is_becomes_known_while_the_page_is_open(
    browser: Browser, tearoom: Tearoom, page_of_whom: str, way: str, method: str
) -> None:
    """The shop said who buys; then it is known that the PG needs more than was said."""
    counter = tearoom.counter
    session = await counter.session(await counter.item(), buyer={"fullName": "김하늘", "email": "kim@example.com"})
    async with page_of(browser, **DESKTOP, locale="ko-KR") as page:
        await (counter.visit(page, session) if page_of_whom == "hosted" else tearoom.visit(page, session))
        mine = page.get_by_role("button", name="₩5,500 결제하기")
        await page.get_by_role("radio", name=way).check()
        await expect(mine).to_be_enabled()
        # A card's PG wants it; of this one it is not known.
        phone = page.locator("[name=phoneNumber]")
        assert not await phone.evaluate("field => field.required")
        await say_which_pg(counter.house, CHANNELS[method])
        await mine.click()
        await expect(page.locator("[name=phoneNumber]:required")).to_be_visible()
        await expect(page.get_by_role("radio", name=way)).to_be_checked()
        for name in ("fullName", "email"):
            await expect(page.locator(f"[name={name}]")).to_be_hidden()
        await phone.fill("010-1234-5678")
        await mine.click()
        await press(page.frame_locator(WINDOW).locator(".primary"))
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
