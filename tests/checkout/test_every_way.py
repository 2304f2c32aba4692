"""Each way to pay on the hosted pages, in a real Chromium: at a desk in Korean, on a phone in English (C6, C7).

What the pages look like is kept in test-output/checkout.
"""

import pytest
from playwright.async_api import Browser, expect

from jangbu.checkout.rules import State
from jangbu.settings.checkout import PAY_METHODS
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, page_of, press, sign_in

from .counter import Counter
from .shop import order_of
from .test_browser import WINDOW, browser, counter, keep, ready

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: nobody paid on the hosted checkout pages"),
]
__all__ = ["browser", "counter"]

NAMES = {
    "CARD": ("신용·체크카드", "Card"),
    "EASY_PAY": ("간편결제", "Easy pay"),
    "TRANSFER": ("계좌이체", "Bank transfer"),
    "VIRTUAL_ACCOUNT": ("가상계좌", "Virtual account"),
    "MOBILE": ("휴대폰", "Mobile phone"),
    "GIFT_CERTIFICATE": ("상품권", "Gift certificate"),
    "PAYPAL": ("페이팔", "PayPal"),
    "ALIPAY": ("알리페이", "Alipay"),
}
DONE = {"ko": "결제가 완료되었습니다", "en": "Paid. Thank you!"}
DECIDING = {"ko": "결제를 확인하고 있습니다", "en": "Checking your payment"}
WAITING = {"ko": "입금을 기다리고 있습니다", "en": "Waiting for your deposit"}


def test_no_way_to_pay_is_left_out() -> None:
    assert tuple(NAMES) == PAY_METHODS


@pytest.mark.parametrize("device", ["desktop-ko", "phone-en"])
@pytest.mark.parametrize("method", PAY_METHODS)
async def test_a_payer_pays(browser: Browser, counter: Counter, method: str, device: str) -> None:
    language = device[-2:]
    currency, written = ("USD", "$14.20") if method == "PAYPAL" else ("KRW", "₩5,500")
    item = await counter.item(1_420 if currency == "USD" else 5_500, currency=currency, name_en="Barley tea")
    session = await counter.session(item)
    async with page_of(browser, **(PHONE if device == "phone-en" else DESKTOP)) as page:
        await counter.visit(page, session, language)
        await page.get_by_role("radio", name=NAMES[method][language == "en"]).check()
        await ready(page)
        await page.locator("#submit").click()
        if method == "PAYPAL":
            await expect(page.locator("#paypal button")).to_be_visible()
            await keep(page, f"{method}-{device}")
            await page.locator("#paypal button").click()
        is_framed = device == "desktop-ko" or method == "PAYPAL"
        window = page.frame_locator(WINDOW) if is_framed else page
        if is_framed:
            await expect(page.locator(WINDOW)).to_be_visible()
        await expect(window.get_by_text(written, exact=True).first).to_be_visible()
        if method == "PAYPAL":
            await sign_in(window)
        await press(window.locator(".primary"))
        if method == "VIRTUAL_ACCOUNT":
            await press(window.get_by_role("button", name={"ko": "확인", "en": "Done"}[language], exact=True))
            await expect(page.get_by_role("heading", name=WAITING[language])).to_be_visible()
            await counter.house.portone.deposit(await order_of(counter.house, session))
        if method == "PAYPAL":
            await expect(page.get_by_role("heading", name=DECIDING[language])).to_be_visible()
            await counter.house.portone.settle_payment(await order_of(counter.house, session))
        await counter.house.hear()
        await counter.house.work()
        await expect(page.get_by_role("heading", name=DONE[language])).to_be_visible()
        await keep(page, f"paid-{method}-{device}")
    assert (await counter.now(session)).state is State.PAID
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1


async def test_who_thinks_better_of_paypal_takes_another_way(browser: Browser, counter: Counter) -> None:
    session = await counter.session(await counter.item(1_420, currency="USD"))
    async with page_of(browser, **DESKTOP) as page:
        await counter.visit(page, session)
        await page.get_by_role("radio", name="페이팔").check()
        await ready(page)
        await page.locator("#submit").click()
        await expect(page.locator("#paypal button")).to_be_visible()
        await page.get_by_role("radio", name="신용·체크카드").check()
        await expect(page.locator("#paypal")).to_be_hidden()
        await page.locator("#submit").click()
        await expect(page.locator(WINDOW)).to_be_visible()
        await press(page.frame_locator(WINDOW).locator(".primary"))
        await expect(page.get_by_role("heading", name=DONE["ko"])).to_be_visible()
    assert counter.house.portone.captured(await order_of(counter.house, session)) == 1
