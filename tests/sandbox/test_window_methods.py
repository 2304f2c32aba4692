"""Every way to pay, picked by a person in Chromium through the browser SDK (portone-facts §2.2, §7.1)."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect

from jangbu.sandbox import JAPAN_CHANNEL, PAYPAL_CHANNEL, STORE_ID
from jangbu.sandbox.core import declines
from jangbu.sandbox.core.records import Attempt
from jangbu.sandbox.testing import Sandbox
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, keep, open_browser, open_shop, page_of, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the payment window was not looked at"),
]
PAYPAL = {"channelKey": PAYPAL_CHANNEL, "currency": "USD", "locale": "EN_US"}
COUNTER = {"channelKey": JAPAN_CHANNEL, "currency": "JPY", "locale": "EN_US"}
WAYS: dict[str, dict] = {
    "CARD": {},
    "EASY_PAY": {},
    "TRANSFER": {},
    "VIRTUAL_ACCOUNT": {},
    "MOBILE": {},
    "GIFT_CERTIFICATE": {},
    "PAYPAL": PAYPAL,
    "ALIPAY": {},
    "ALIPAY_PLUS": {"locale": "EN_US"},
    "CONVENIENCE_STORE": COUNTER,
}
WAITS_FOR_MONEY = ("VIRTUAL_ACCOUNT", "CONVENIENCE_STORE")
AGAIN = {
    True: ("다시 시도해도 거절", "a retry fails too"),
    False: ("다시 시도하면 가능", "a retry may succeed"),
}
PICKED = {
    "CARD": ("테스트 카드", "9410", ("card", "issuer"), "KOOKMIN_CARD"),
    "TRANSFER": ("출금 은행", "WOORI", ("bank",), "WOORI"),
    "GIFT_CERTIFICATE": ("상품권 종류", "BOOKNLIFE", ("giftCertificateType",), "BOOKNLIFE"),
}


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


def window_in(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[data-portone-window]")


def attempt_of(shop: Shop, payment_id: str) -> Attempt:
    payment = shop.parts.world.payment(STORE_ID, payment_id)
    assert payment is not None
    assert payment.current is not None
    return payment.current


@pytest.mark.parametrize("way", [way for way in WAYS if way not in WAITS_FOR_MONEY])
async def test_a_shopper_pays(browser: Browser, shop: Shop, way: str) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, f"paid-{way}", payMethod=way, **WAYS[way])
        window = window_in(page)
        await expect(window.locator(".primary")).to_be_enabled()
        if way in PICKED:
            await window.get_by_label(PICKED[way][0]).select_option(PICKED[way][1])
        await keep(page, f"desktop-{way}")
        if way == "PAYPAL":
            await sign_in(window)
            await keep(page, "desktop-PAYPAL-signed-in")
        await window.locator(".primary").click()
        assert "code" not in (await shop.result(page))["returned"]
    attempt = attempt_of(shop, f"paid-{way}")
    assert attempt.status == ("PAY_PENDING" if way == "PAYPAL" else "PAID")
    if way in PICKED:
        told = attempt.method
        for name in PICKED[way][2]:
            assert isinstance(told, dict)
            told = told[name]
        assert told == PICKED[way][3]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_hard", [True, False])
async def test_a_way_to_pay_is_declined_hard_and_soft(browser: Browser, shop: Shop, way: str, is_hard: bool) -> None:
    reason = next(each for each in declines.offered(way) if each.is_hard is is_hard)
    payment_id = f"declined-{way}-{is_hard}"
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, payment_id, payMethod=way, **WAYS[way])
        window = window_in(page)
        await window.locator("summary").click()
        button = window.locator(f"[data-reason={reason.name}]")
        # The label is what a person reads; it says too whether trying again helps.
        is_english = "locale" in WAYS[way]
        await expect(button).to_contain_text(reason.en if is_english else reason.ko)
        again = {
            True: ("다시 시도해도 거절", "a retry fails too"),
            False: ("다시 시도하면 가능", "a retry may succeed"),
        }
        await expect(button).to_contain_text(again[is_hard][is_english])
        if is_hard:
            await keep(page, f"desktop-{way}-declines")
        await button.click()
        returned = (await shop.result(page))["returned"]
    assert (returned["code"], returned["pgCode"]) == ("PGProviderError", reason.pg_code)
    assert shop.status(payment_id) == "FAILED"


@pytest.mark.parametrize("way", WAYS)
async def test_every_window_can_be_closed(browser: Browser, shop: Shop, way: str) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, f"closed-{way}", payMethod=way, **WAYS[way])
        await window_in(page).locator(".icon").click()
        returned = (await shop.result(page))["returned"]
    assert returned["pgCode"] == "USER_CANCEL"


@pytest.mark.parametrize("way", ["CARD", "TRANSFER", "MOBILE"])
async def test_an_approval_is_left_pending(browser: Browser, shop: Shop, way: str) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, f"waits-{way}", payMethod=way)
        window = window_in(page)
        await window.get_by_text("결제 거절하기").click()
        await window.get_by_role("button", name="승인 대기로 두기").click()
        returned = (await shop.result(page))["returned"]
    assert "code" not in returned
    assert shop.status(f"waits-{way}") == "PAY_PENDING"


async def test_an_account_is_issued_copied_and_paid_into(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **DESKTOP) as page:
        await shop.visit(page, "account", payMethod="VIRTUAL_ACCOUNT")
        window = window_in(page)
        await window.get_by_label("입금 은행").select_option("KAKAO")
        await keep(page, "desktop-VIRTUAL_ACCOUNT")
        await window.get_by_role("button", name="계좌 발급받기").click()
        await expect(window.get_by_text("아래로 입금해 주세요")).to_be_visible()
        attempt = attempt_of(shop, "account")
        assert attempt.status == "VIRTUAL_ACCOUNT_ISSUED"
        method = attempt.method
        assert method is not None
        assert method["bank"] == "KAKAO"
        await expect(window.get_by_text("카카오뱅크")).to_be_visible()
        await expect(window.get_by_text(method["accountNumber"], exact=True)).to_be_visible()
        # 72 hours on, in Korean time whatever zone the browser is in.
        await expect(window.get_by_text("(KST)")).to_be_visible()
        await expect(window.get_by_text("샌드박스 기능")).to_be_visible()
        await expect(page.locator("#result")).to_be_empty()

        await window.get_by_role("button", name="번호 복사").click()
        await expect(window.get_by_text("복사했습니다.")).to_be_visible()
        await keep(page, "desktop-VIRTUAL_ACCOUNT-issued")
        await window.get_by_role("button", name="입금하기").click()
        await expect(window.get_by_text("입금이 확인되었습니다.")).to_be_visible()
        await keep(page, "desktop-VIRTUAL_ACCOUNT-deposited")
        assert shop.status("account") == "PAID"
        await window.locator(".primary").click()
        assert (await shop.result(page))["returned"].keys() == {"transactionType", "txId", "paymentId"}


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_number_is_given_for_the_counter_and_paid_there(browser: Browser, shop: Shop, device: dict) -> None:
    name = "phone" if device is PHONE else "desktop"
    payment_id = f"counter-{name}"
    async with page_of(browser, **device) as page:
        redirect = {"redirectUrl": f"{shop.url}/"} if device is PHONE else {}
        await shop.visit(page, payment_id, payMethod="CONVENIENCE_STORE", **COUNTER, **redirect)
        window = page if device is PHONE else window_in(page)
        await window.get_by_role("button", name="Get a payment number").click()
        await expect(window.get_by_text("Please deposit here")).to_be_visible()
        attempt = attempt_of(shop, payment_id)
        assert (attempt.status, attempt.method and attempt.method["type"]) == (
            "PAY_PENDING",
            "PaymentMethodConvenienceStore",
        )
        assert attempt.method is not None
        for field in ("convenienceStoreBrand", "receiptNumber", "confirmationNumber"):
            await expect(window.get_by_text(attempt.method[field], exact=True)).to_be_visible()
        await expect(window.get_by_text("(KST)")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        await keep(page, f"{name}-CONVENIENCE_STORE-issued")
        await window.get_by_role("button", name="Deposit", exact=True).click()
        await expect(window.get_by_text("The deposit has arrived.")).to_be_visible()
        assert shop.status(payment_id) == "PAID"
        await window.locator(".primary").click()
        if device is PHONE:
            await page.wait_for_url(f"{shop.url}/**")
            assert "code=" not in page.url
        else:
            assert (await shop.result(page))["returned"].keys() == {"transactionType", "txId", "paymentId"}


async def test_an_account_may_be_paid_into_later(browser: Browser, shop: Shop) -> None:
    async with page_of(browser, **PHONE) as page:
        more = {"redirectUrl": f"{shop.url}/", "locale": "EN_US"}
        await shop.visit(page, "account-later", payMethod="VIRTUAL_ACCOUNT", **more)
        await expect(page.get_by_label("Bank to deposit at")).to_be_visible()
        await keep(page, "phone-VIRTUAL_ACCOUNT")
        await page.get_by_role("button", name="Get an account number").tap()
        await expect(page.get_by_text("Please deposit here")).to_be_visible()
        await keep(page, "phone-VIRTUAL_ACCOUNT-issued")
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        await page.get_by_role("button", name="Done").tap()
        await page.wait_for_url(f"{shop.url}/**")
        assert "paymentId=account-later" in page.url
        assert "code=" not in page.url
    assert shop.status("account-later") == "VIRTUAL_ACCOUNT_ISSUED"


@pytest.mark.parametrize("way", WAYS)
async def test_a_phones_window_fits(browser: Browser, shop: Shop, way: str) -> None:
    async with page_of(browser, **PHONE) as page:
        await shop.visit(page, f"phone-{way}", payMethod=way, redirectUrl=f"{shop.url}/", **WAYS[way])
        await expect(page.locator(".primary")).to_be_enabled()
        await keep(page, f"phone-{way}")
        await page.locator("summary").tap()
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


@pytest.mark.parametrize(
    "decision",
    [
        {"action": "approve", "method": "transfer", "choice": "4312"},
        {"action": "approve", "method": "mobile", "choice": "VERIZON"},
        {"action": "wait", "method": "virtual_account"},
    ],
)
async def test_what_no_window_offers_is_refused(decision: dict) -> None:
    sandbox = Sandbox()
    opened = await sandbox.open("order-1", payMethod="TRANSFER")
    target = f"/__browser__/transactions/{opened['txId']}/decision"
    status, _, _ = await sandbox.transport.send("POST", target, {}, msgspec.json.encode(decision))
    assert status == 400
    assert (await sandbox.api("GET", "/payments/order-1"))[1]["status"] == "READY"


async def test_a_refused_account_hides_no_account_that_was_issued() -> None:
    sandbox = Sandbox()
    issued = await sandbox.open("order-1", payMethod="VIRTUAL_ACCOUNT")
    await sandbox.decide(issued["txId"], "approve", choice="WOORI")
    again = await sandbox.open("order-1", payMethod="VIRTUAL_ACCOUNT")
    sandbox.fault("pay_refused")
    refused = await sandbox.decide(again["txId"], "approve", choice="HANA")
    assert refused["code"] == "PGProviderError"
    target = f"/__browser__/transactions/{issued['txId']}/deposit"
    status, _, body = await sandbox.transport.send("POST", target, {}, b"{}")
    assert (status, msgspec.json.decode(body)) == (200, {"isTaken": True})
    assert (await sandbox.api("GET", "/payments/order-1"))[1]["method"]["bank"] == "WOORI"
