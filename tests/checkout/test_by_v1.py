"""Checkout by V1's windows: the same sessions, pages and package, and PortOne's V1 is asked what came of it (C5, C6).

What it looks like is kept in test-output/element.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from playwright.async_api import Browser, expect

from jangbu import embedded
from jangbu.app import create
from jangbu.checkout.refusals import CheckoutNotSetUp
from jangbu.checkout.rules import Phase, State, ways_to_pay
from jangbu.checkout.views import session_view
from jangbu.checkout.windows import window_request
from jangbu.errors import SetupProblem
from jangbu.failpoints import Crash, armed
from jangbu.payments.channels.rules import Description
from jangbu.payments.channels.service import describe
from jangbu.payments.refusals import OrderHasOtherTerms
from jangbu.sandbox import CARD_CHANNEL, V1_USER_CODE
from jangbu.settings import Settings
from jangbu.settings.checkout import PAY_METHODS
from jangbu.wiring import Addresses
from kit import TESTER, books, free_port, house_at, settings_in
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, escape, page_of, press

from .counter import counter_at, served
from .js_package import bundle, installed
from .shop import Shop, nothing_is_broken, order_of
from .tearoom import Tearoom
from .test_element import browser, pay

__all__ = ["browser"]
ORIGIN = "http://127.0.0.1:8080"
WINDOW = "iframe[data-portone-window]"


@pytest.fixture
async def shop(where: Addresses, settings: Settings) -> AsyncIterator[Shop]:
    async with house_at(where, settings.model_copy(update={"checkout_v1_code": V1_USER_CODE})) as house:
        yield Shop(house)
        await nothing_is_broken(house)


def test_v1_takes_won_and_the_ways_that_it_has_words_for() -> None:
    channels = dict.fromkeys(PAY_METHODS, "channel-key-1")
    assert tuple(ways_to_pay(channels, "KRW", "v1")) == ("CARD", "EASY_PAY", "TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE")
    assert ways_to_pay(channels, "USD", "v1") == {}
    assert "PAYPAL" in ways_to_pay(channels, "USD", "v2")


def test_without_v1s_key_nothing_starts() -> None:
    with pytest.raises(SetupProblem, match="JANGBU_CHECKOUT_V1_CODE"):
        settings_in("test", JANGBU_CHECKOUT_V1_CODE="imp12345678", PORTONE_V1_API_KEY="", PORTONE_V1_API_SECRET="")


async def test_the_window_gets_v1s_words_and_fits_its_limits(shop: Shop) -> None:
    # Of a PG that nobody knows the name would be cut to what every PG takes (tests/checkout/test_pg_wishes.py).
    known = Description(key=CARD_CHANNEL, name="토스", pg_provider="UPLUS", is_live=False)
    await describe(known, actor=TESTER, run=shop.house.run)
    item = await shop.item(tax_free_price=500, name_ko="아" * 60)
    session = await shop.session(item, buyer={"fullName": "김" * 30, "email": "kim@shop.example"})
    prepared = await shop.prepare(session, "VIRTUAL_ACCOUNT")
    request = window_request(prepared, "en", shop.house.run)
    assert request["userCode"] == V1_USER_CODE
    shown = request["pay"]
    due = shown.pop("vbank_due")
    assert len(due) == 12 and due.isdigit()
    assert shown == {
        "channelKey": CARD_CHANNEL,
        "pay_method": "vbank",
        "merchant_uid": prepared.payment_id,
        "name": "아" * 40,
        "amount": 5_500,
        "tax_free": 500,
        "currency": "KRW",
        "language": "en",
        "m_redirect_url": f"{shop.house.run.settings.url}/pay/{session.session_id}/return",
        "buyer_name": "김" * 16,
        "buyer_email": "kim@shop.example",
    }
    view = session_view(prepared.shown, shop.house.run)
    assert (view["api"], view["sdk"]) == ("v1", "http://127.0.0.1:8090/v1/iamport.js")


async def test_what_v1_knows_is_delivered_once_whatever_the_address_claims(shop: Shop) -> None:
    house = shop.house
    tea = await shop.item(stock=3)
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    back = f"/pay/{session.session_id}/return?imp_uid=imp_1&merchant_uid={prepared.payment_id}"
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as payer:
        claimed = await payer.get(back)
        assert "결제를 확인하고 있습니다" in claimed.text, "it claims to be paid, and PortOne knows nothing of it"
        for no in ("&imp_success=false", "&error_code=F400&error_msg=x"):
            assert (await payer.get(back + no)).headers["location"].endswith("/fail")
        await house.portone.v1_pay(prepared.payment_id, amount=5_500, channelKey=CARD_CHANNEL)
        await shop.house.portone.move(timedelta(seconds=3))
        # The other way round: the address says that it failed.
        assert (await payer.get(f"{back}&imp_success=false")).headers["location"].endswith("/success")
    assert (await shop.now(session)).state is State.PAID
    await house.hear()
    await house.work()
    assert await shop.stock(tea) == (2, 0) and await shop.moved("sold") == 1
    assert (await books(house)).proof.holds and house.portone.captured(prepared.payment_id) == 1


async def test_killed_between_holding_the_stock_and_opening_the_window(shop: Shop) -> None:
    tea = await shop.item(stock=1)
    session = await shop.session(tea)
    for point in ("checkout.prepare.held", "payment.register.answered", "checkout.prepare.registered"):
        with armed(point), pytest.raises(Crash):
            await shop.prepare(session)
    prepared = await shop.prepare(session)
    await shop.house.portone.v1_pay(prepared.payment_id, amount=5_500, channelKey=CARD_CHANNEL)
    with armed("checkout.complete.asked"), pytest.raises(Crash):
        await shop.complete(session)
    await shop.house.portone.move(timedelta(seconds=3))
    assert (await shop.complete(session)).phase is Phase.PAID
    assert await shop.stock(tea) == (0, 0)


async def test_dollars_are_not_for_v1_and_a_session_that_was_begun_stays_with_its_api(
    shop: Shop, where: Addresses, settings: Settings
) -> None:
    with pytest.raises(CheckoutNotSetUp):
        await shop.session(await shop.item(1_420, currency="USD"))
    session = await shop.session(await shop.item(stock=1))
    prepared = await shop.prepare(session)
    await shop.house.portone.v1_pay(prepared.payment_id, amount=5_500, channelKey=CARD_CHANNEL)
    run = shop.house.run
    object.__setattr__(run, "settings", settings)
    with pytest.raises(OrderHasOtherTerms):
        await shop.prepare(session)
    assert (await shop.complete(session)).phase is Phase.PAID, "what was paid by V1 is found by V1"


@pytest.fixture(scope="module")
async def tearoom(server: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tearoom]:
    port = free_port()
    more = {"ALLOWED_ORIGINS": f"http://localhost:{port}", "JANGBU_CHECKOUT_V1_CODE": V1_USER_CODE}
    async with installed() as package, counter_at(server, tmp_path_factory.mktemp("home"), **more) as counter:
        element = (await bundle(package)).read_text(encoding="utf-8")
        axe = (package / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        opened = Tearoom(counter, f"http://localhost:{port}", element, axe, package, ())
        async with served(opened.app(), port):
            yield opened


@pytest.mark.parametrize(("page_of_whom", "kind"), [("hosted", "phone"), ("shop", "desktop")])
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: nobody paid in a window of V1")
async def test_a_payer_is_declined_thinks_again_and_pays(
    browser: Browser, tearoom: Tearoom, page_of_whom: str, kind: str
) -> None:
    counter = tearoom.counter
    session = await counter.session(await counter.item())
    is_hosted, is_phone = page_of_whom == "hosted", kind == "phone"
    async with page_of(browser, **(PHONE if is_phone else DESKTOP), locale="ko-KR") as page:
        window = page if is_phone else page.frame_locator(WINDOW)
        mine = page.locator("#submit") if is_hosted else pay(page)
        await (counter.visit(page, session) if is_hosted else tearoom.visit(page, session, "&returns=1"))
        await expect(mine).to_be_enabled()
        await mine.click()
        if not is_phone:
            await escape(window.get_by_role("button", name="닫기"))
            await expect(page.get_by_text("결제창을 닫으셨습니다")).to_be_visible()
            await counter.later()
            await mine.click()
        await window.get_by_text("결제 거절하기").click()
        await press(window.get_by_role("button", name="분실 또는 도난 신고된 카드입니다."))
        if is_hosted and is_phone:
            # On a phone the window is the page, and its button says the same words: only our heading says it has gone.
            await expect(page.get_by_role("heading", name="결제되지 않았습니다")).to_be_visible()
        await expect(page.get_by_text("분실 또는 도난 신고된 카드입니다.")).to_be_visible()
        await tearoom.keep(page, f"v1-failed-{page_of_whom}-{kind}", within="main")
        await counter.later()
        if is_hosted and is_phone:
            await page.get_by_role("link", name="다시 시도").click()
            await expect(mine).to_be_enabled()
            await counter.later()
        await mine.click()
        await press(window.get_by_role("button", name="₩5,500 결제하기").and_(window.locator("[data-action]")))
        await expect(page.get_by_role("heading", name="결제가 완료되었습니다")).to_be_visible()
        await tearoom.keep(page, f"v1-done-{page_of_whom}-{kind}", within="main")
    assert (await counter.now(session)).state is State.PAID
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1
