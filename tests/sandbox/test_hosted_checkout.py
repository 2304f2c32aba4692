"""The page of a payment session: what it offers, the payment it begins, where it sends the shopper (§8)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.async_api import Browser, expect

from jangbu.sandbox import API_SECRET, CHECKOUT_PROFILE, JAPAN_CHANNEL, PAYPAL_CHANNEL, STORE_ID
from jangbu.sandbox.testing import Endpoint, Sandbox
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, keep, open_browser, open_shop, page_of, sign_in

ITEMS = [{"name": "Barley tea", "unitPrice": 710, "quantity": 2, "code": "tea-1"}]
TERMS = [{"name": "Terms of sale", "url": "https://shop.test/terms"}]
SESSION: dict[str, Any] = {
    "storeId": STORE_ID,
    "paymentId": "order-0001",
    "profileKey": CHECKOUT_PROFILE,
    "country": "US",
    "currency": "USD",
    "totalAmount": 1_420,
    "orderName": "Barley tea",
    "redirectUrl": "https://shop.test/thanks?from=checkout",
    "products": ITEMS,
    "customerName": "Kim",
    "customerEmail": "kim@shop.test",
    "customData": '{"box":7}',
}


async def opened(sandbox: Sandbox, **more: Any) -> str:
    """The page's path: its address is where the caller reached the sandbox."""
    asked = {name: value for name, value in (SESSION | more).items() if value is not None}
    status, made = await sandbox.api("POST", "/payment-sessions", asked)
    assert status == 200, made
    url = urlsplit(made["url"])
    assert (url.scheme, url.netloc) == ("http", "127.0.0.1:8090")
    return url.path


async def page(sandbox: Sandbox, path: str, language: str = "en") -> str:
    status, headers, text = await sandbox.transport.send("GET", path, {"accept-language": language})
    assert status == 200
    assert "'unsafe-inline'" not in headers["content-security-policy"]
    return text.decode()


async def pressed(sandbox: Sandbox, path: str, method: str, **headers: str) -> tuple[int, Any]:
    raw = msgspec.json.encode({"method": method})
    status, _, answer = await sandbox.transport.send("POST", f"{path}/pay", headers, raw)
    return status, msgspec.json.decode(answer)


async def test_what_is_chosen_on_the_page_is_paid_in_its_window(sandbox: Sandbox, shop: Endpoint) -> None:
    path = await opened(sandbox)
    shown = await page(sandbox, path)
    for text in ("Barley tea", "$7.10 × 2", "$14.20", 'value="PAY_PAL"', "Pay $14.20"):
        assert text in shown
    assert "페이팔" in await page(sandbox, path, "ko-KR,ko;q=0.9")
    status, told = await pressed(sandbox, path, "PAY_PAL")
    assert status == 200
    window = told["windowUrl"]
    assert (await sandbox.transport.send("GET", window))[0] == 200
    result = await sandbox.decide(window.split("/")[-2], "approve")
    back = urlsplit(result["redirectTo"])
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert (back.netloc, query["from"], query["paymentId"]) == ("shop.test", "checkout", "order-0001")
    assert "code" not in query
    await sandbox.move(timedelta(hours=1))
    _, payment = await sandbox.api("GET", "/payments/order-0001")
    assert (payment["status"], payment["amount"]["total"], payment["channel"]["key"]) == ("PAID", 1_420, PAYPAL_CHANNEL)
    assert payment["customer"] == {"name": "Kim", "email": "kim@shop.test"}
    assert payment["products"] == [{"id": "tea-1", "name": "Barley tea", "amount": 710, "quantity": 2}]
    assert (payment["customData"], payment["country"]) == ('{"box":7}', "US")
    assert "Transaction.Paid" in shop.types()
    assert "Your order has been received." in await page(sandbox, path)


async def test_without_a_redirect_url_the_page_tells_how_it_ended(sandbox: Sandbox) -> None:
    path = await opened(sandbox, redirectUrl=None)
    _, told = await pressed(sandbox, path, "PAY_PAL")
    tx = told["windowUrl"].split("/")[-2]
    result = await sandbox.decide(tx, "decline", reason="blocked_member")
    assert urlsplit(result["redirectTo"]).path == path
    shown = await page(sandbox, path)
    assert "이용이 정지된 회원입니다." in shown
    assert 'id="pay"' in shown, "another try may succeed"


@pytest.mark.parametrize(
    ("more", "offers"),
    [
        ({"country": "JP", "currency": "JPY", "totalAmount": 299_999}, ["PAY_PAL", "CONVENIENCE_STORE_JP"]),
        ({"country": "JP", "currency": "JPY", "totalAmount": 300_000}, ["PAY_PAL"]),
        ({"country": "KR", "currency": "KRW"}, []),
        ({"country": "JP", "currency": "JPY", "paymentMethod": "CONVENIENCE_STORE_JP"}, ["CONVENIENCE_STORE_JP"]),
        ({"paymentMethod": "CARD_KR"}, []),
    ],
)
async def test_the_page_offers_what_the_profile_does(sandbox: Sandbox, more: dict[str, Any], offers: list[str]) -> None:
    path = await opened(sandbox, **more)
    shown = await page(sandbox, path)
    assert [name for name in ("PAY_PAL", "CONVENIENCE_STORE_JP", "CARD_KR") if f'value="{name}"' in shown] == offers
    assert ("There is no way to pay" in shown) == (offers == [])
    for name in ("PAY_PAL", "CONVENIENCE_STORE_JP"):
        assert (await pressed(sandbox, path, name))[0] == (200 if name in offers else 400)


async def test_a_named_method_goes_straight_to_its_window_unless_there_is_something_to_agree_to(
    sandbox: Sandbox,
) -> None:
    assert 'data-skips="false"' in await page(sandbox, await opened(sandbox))
    assert 'data-skips="true"' in await page(sandbox, await opened(sandbox, paymentMethod="PAY_PAL"))
    asks = await page(sandbox, await opened(sandbox, paymentMethod="PAY_PAL", agreements=TERMS))
    assert 'data-skips="false"' in asks
    assert 'href="https://shop.test/terms"' in asks


async def test_a_checkout_that_is_over_begins_nothing(sandbox: Sandbox) -> None:
    expired, closed = await opened(sandbox, ttlSeconds=60), await opened(sandbox)
    await sandbox.api("POST", f"/payment-sessions/{closed.rpartition('/')[2]}/close")
    await sandbox.move(timedelta(seconds=60))
    for path in (expired, closed):
        assert "This checkout is over." in await page(sandbox, path)
        assert (await pressed(sandbox, path, "PAY_PAL"))[0] == 410
    assert sandbox.payment("order-0001") is None
    assert (await sandbox.transport.send("GET", "/__browser__/checkout/nobody"))[0] == 404
    assert (await pressed(sandbox, "/__browser__/checkout/nobody", "PAY_PAL"))[0] == 410


async def test_what_the_merchant_says_of_the_page_runs_nothing_in_it(sandbox: Sandbox) -> None:
    path = await opened(
        sandbox,
        orderName="<script>alert(1)</script>",
        orderImageUrl="javascript:alert(1)",
        agreements=[{"name": "x", "url": "javascript:alert(1)"}],
        colors={"primary": "rgb(0 0 0 / 0.5)", "primaryHover": "red;background:url(//x)"},
    )
    shown = await page(sandbox, path)
    assert "<script>alert" not in shown
    assert "javascript:" not in shown
    assert 'data-accent="rgb(0 0 0 / 0.5)"' in shown
    assert 'data-accent-hover=""' in shown
    assert (await pressed(sandbox, path, "PAY_PAL", origin="https://evil.test"))[0] == 403


@pytest.mark.parametrize(
    "wrong",
    [{"paymentMethod": "CASH"}, {"products": [{"name": "tea"}]}, {"agreements": [{"name": "terms"}]}],
)
async def test_what_no_page_can_show_is_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert (await sandbox.api("POST", "/payment-sessions", SESSION | wrong))[1]["type"] == "INVALID_REQUEST"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as made:
        yield made


@pytest.fixture(scope="module")
async def counter() -> AsyncIterator[Shop]:
    async with open_shop() as made:
        yield made


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: no checkout's page was looked at")
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_shopper_agrees_pays_and_comes_back(browser: Browser, counter: Shop, device: dict[str, Any]) -> None:
    name = "phone" if device is PHONE else "desktop"
    asked = SESSION | {
        "paymentId": f"hosted-{name}",
        "redirectUrl": f"{counter.url}/",
        "agreements": TERMS,
        "colors": {"primary": "#0a7d4f"},
    }
    async with page_of(browser, locale="en-US", **device) as shown:
        secret = {"authorization": f"PortOne {API_SECRET}"}
        made = await (await shown.request.post(f"{counter.base}/payment-sessions", data=asked, headers=secret)).json()
        await shown.goto(made["url"])
        pay = shown.get_by_role("button", name="Pay $14.20")
        await expect(pay).to_be_disabled()
        await shown.get_by_role("checkbox").check()
        await expect(pay).to_be_enabled()
        assert await shown.evaluate("getComputedStyle(document.querySelector('#pay')).backgroundColor") == (
            "rgb(10, 125, 79)"
        )
        assert await shown.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        await keep(shown, f"{name}-hosted-checkout")
        await pay.click()
        await sign_in(shown)
        await shown.locator(".primary").click()
        await shown.wait_for_url(f"{counter.url}/**")
        assert f"paymentId=hosted-{name}" in shown.url
    assert counter.status(f"hosted-{name}") == "PAY_PENDING"


async def test_the_counter_of_a_convenience_store_is_reached_too(sandbox: Sandbox) -> None:
    path = await opened(sandbox, country="JP", currency="JPY", totalAmount=3_850, products=None)
    _, told = await pressed(sandbox, path, "CONVENIENCE_STORE_JP")
    await sandbox.decide(told["windowUrl"].split("/")[-2], "approve")
    _, payment = await sandbox.api("GET", "/payments/order-0001")
    assert (payment["status"], payment["channel"]["key"]) == ("PAY_PENDING", JAPAN_CHANNEL)
    assert "Your order has been received." in await page(sandbox, path)
