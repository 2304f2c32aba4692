"""PortOne's npm package for browsers, in Chromium, on a shop's page: what it asks of the sandbox's script and window.

The package holds no window of its own: it loads PortOne's script, which is the sandbox's here, and passes calls on.
Its types say what a shop may ask and what it gets, so the compiler judges both.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Browser, FrameLocator, Page
from playwright.async_api import Error as PlaywrightError

from contract import node
from contract.npm_shop import MANUAL_CHANNEL, open_npm_shop
from jangbu.sandbox import (
    CARD_CHANNEL,
    EASY_PAY_CHANNEL,
    IDENTITY_CHANNEL,
    JAPAN_CHANNEL,
    PAYPAL_CHANNEL,
    STORE_ID,
)
from sandbox.browsing import CHROMIUM, DESKTOP, PHONE, Shop, open_browser, page_of, press, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM FOUND: the npm package was not tried in a browser"),
]
TIMEOUT_MS = 15_000
ORDER = {
    "storeId": STORE_ID,
    "channelKey": CARD_CHANNEL,
    "orderName": "보리차 선물 세트",
    "totalAmount": 38_500,
    "currency": "KRW",
    "customer": {"customerId": "c-1", "fullName": "김장부", "gender": "GENDER_FEMALE"},
    "customData": {"cart": 7},
    "country": "COUNTRY_KR",
}
PAY = {**ORDER, "payMethod": "CARD", "products": [{"id": "tea", "name": "보리차", "amount": 38_500, "quantity": 1}]}
ISSUE = {
    "storeId": STORE_ID,
    "channelKey": CARD_CHANNEL,
    "billingKeyMethod": "CARD",
    "issueId": "issue-1",
    "issueName": "보리차 정기배송",
}
BOTH = {**ORDER, "billingKeyAndPayMethod": "MOBILE", "productType": "PRODUCT_TYPE_REAL"}
WHO = {"storeId": STORE_ID, "channelKey": IDENTITY_CHANNEL, "customData": "cart 7"}
TYPES = {
    "requestPayment": ("PaymentRequest", "PaymentResponse", "PaymentError"),
    "requestIssueBillingKey": ("IssueBillingKeyRequest", "IssueBillingKeyResponse", "IssueBillingKeyError"),
    "requestIssueBillingKeyAndPay": (
        "IssueBillingKeyAndPayRequest",
        "IssueBillingKeyAndPayResponse",
        "IssueBillingKeyAndPayError",
    ),
    "requestIdentityVerification": (
        "IdentityVerificationRequest",
        "IdentityVerificationResponse",
        "IdentityVerificationError",
    ),
}
"""What the package calls that which a function takes, gives and throws."""
ALWAYS = {
    "requestPayment": {"transactionType", "txId", "paymentId"},
    "requestIssueBillingKey": {"transactionType", "billingKey"},
    "requestIssueBillingKeyAndPay": {"transactionType", "billingKey", "paymentId", "txId"},
    "requestIdentityVerification": {"transactionType", "identityVerificationId", "identityVerificationTxId"},
}
IMPORTS = """import type * as sdk from "@portone/browser-sdk/v2";
type Fields<E> = Omit<E, "stack" | "cause">;"""
FAILED = {"code", "message", "pgCode", "pgMessage"}


@dataclass(frozen=True, slots=True)
class Flow:
    """A call, what the shopper does, and which fields come back beside those that always do."""

    call: str
    params: dict[str, Any]
    does: str = "pays"
    more: frozenset[str] = frozenset()


def failing(call: str, params: dict[str, Any], does: str) -> Flow:
    return Flow(call, params, does, frozenset(FAILED))


def paid_by(way: str, **more: Any) -> Flow:
    does = {
        "VIRTUAL_ACCOUNT": "notes the number",
        "CONVENIENCE_STORE": "notes the number",
        "PAYPAL": "signs in and pays",
    }.get(way, "pays")
    return Flow("requestPayment", {**PAY, "payMethod": way, **more}, does)


FLOWS = {
    "card": paid_by("CARD", card={"installment": {"monthOption": {"fixedMonth": 3}}}),
    "account": paid_by("VIRTUAL_ACCOUNT", virtualAccount={"accountExpiry": {"validHours": 24}}),
    "account-with-receipt": paid_by(
        "VIRTUAL_ACCOUNT", virtualAccount={"cashReceiptType": "CASH_RECEIPT_TYPE_PERSONAL"}
    ),
    "easy": paid_by("EASY_PAY", channelKey=EASY_PAY_CHANNEL, easyPay={"easyPayProvider": "KAKAOPAY"}),
    "transfer": paid_by("TRANSFER", transfer={"cashReceiptType": "ANONYMOUS"}),
    "mobile": paid_by("MOBILE", mobile={"carrier": "SKT"}),
    "certificate": paid_by("GIFT_CERTIFICATE", giftCertificate={"giftCertificateType": "CULTURELAND"}),
    "counter": paid_by("CONVENIENCE_STORE", channelKey=JAPAN_CHANNEL, currency="CURRENCY_JPY", totalAmount=3_850),
    "paypal": paid_by("PAYPAL", channelKey=PAYPAL_CHANNEL, currency="USD", totalAmount=1_420),
    "token": Flow("requestPayment", {**PAY, "channelKey": MANUAL_CHANNEL}, more=frozenset({"paymentToken"})),
    "declined": failing("requestPayment", PAY, "is declined"),
    "closed": failing("requestPayment", PAY, "closes"),
    "key": Flow("requestIssueBillingKey", ISSUE),
    "key-token": Flow(
        "requestIssueBillingKey", {**ISSUE, "channelKey": MANUAL_CHANNEL}, more=frozenset({"billingIssueToken"})
    ),
    "key-declined": failing("requestIssueBillingKey", ISSUE, "is declined"),
    "key-closed": failing("requestIssueBillingKey", ISSUE, "closes"),
    "both": Flow("requestIssueBillingKeyAndPay", BOTH),
    "both-declined": failing("requestIssueBillingKeyAndPay", BOTH, "is declined"),
    "who": Flow("requestIdentityVerification", WHO),
    "who-declined": failing("requestIdentityVerification", WHO, "is declined"),
    "who-closed": failing("requestIdentityVerification", WHO, "closes"),
}
REFUSED = {
    "requestPayment": PAY,
    "requestIssueBillingKey": ISSUE,
    "requestIssueBillingKeyAndPay": BOTH,
    "requestIdentityVerification": WHO,
}


def named(call: str, params: dict[str, Any], name: str) -> dict[str, Any]:
    """The parameters with an id of their own."""
    if call == "requestIdentityVerification":
        return {**params, "identityVerificationId": f"npm-{name}"}
    return params if call == "requestIssueBillingKey" else {**params, "paymentId": f"npm-{name}"}


async def acts(window: Page | FrameLocator, does: str) -> None:
    match does:
        case "pays":
            await press(window.locator(".primary"))
        case "signs in and pays":
            await sign_in(window)
            await press(window.locator(".primary"))
        case "notes the number":
            await press(window.locator(".primary"))
            await window.locator(".account").wait_for()
            await press(window.locator(".primary"))
        case "is declined":
            await press(window.locator("[data-reason]").first)
        case "closes":
            await press(window.locator(".icon"))


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_npm_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
async def returned(browser: Browser, shop: Shop) -> dict[str, dict[str, Any]]:
    """What each flow returned in an overlay."""
    seen: dict[str, dict[str, Any]] = {}
    async with page_of(browser, **DESKTOP) as page:
        page.set_default_timeout(TIMEOUT_MS)
        for name, flow in FLOWS.items():
            await shop.call(page, flow.call, named(flow.call, flow.params, name))
            try:
                await acts(page.frame_locator("iframe[data-portone-window]"), flow.does)
                seen[name] = (await shop.result(page))["returned"]
            except (PlaywrightError, AssertionError, KeyError) as problem:
                seen[name] = {"stuck": f"{problem} {await page.locator('#result').text_content()}"}
    return seen


@pytest.fixture(scope="module")
async def redirected(browser: Browser, shop: Shop) -> dict[str, dict[str, Any]]:
    """What each flow came back with in the query of the redirectUrl, on a telephone."""
    seen: dict[str, dict[str, Any]] = {}
    async with page_of(browser, **PHONE) as page:
        page.set_default_timeout(TIMEOUT_MS)
        for name, flow in FLOWS.items():
            params = named(flow.call, flow.params, f"phone-{name}") | {"redirectUrl": f"{shop.url}/?from=npm"}
            await shop.call(page, flow.call, params)
            try:
                await acts(page, flow.does)
                await page.wait_for_url(f"{shop.url}/?from=npm&**")
            except PlaywrightError:
                seen[name] = {"stuck at": page.url}
                continue
            seen[name] = dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True))
            assert seen[name].pop("from") == "npm"
    return seen


@pytest.mark.parametrize("name", FLOWS)
async def test_an_overlay_gives_exactly_the_packages_fields(returned: dict[str, dict[str, Any]], name: str) -> None:
    flow = FLOWS[name]
    assert returned[name].keys() == ALWAYS[flow.call] | flow.more


@pytest.mark.parametrize("name", FLOWS)
async def test_a_redirection_gives_exactly_the_packages_fields(
    redirected: dict[str, dict[str, Any]], name: str
) -> None:
    flow = FLOWS[name]
    assert redirected[name].keys() == ALWAYS[flow.call] | flow.more


@pytest.fixture(scope="module")
async def refused(browser: Browser, shop: Shop) -> dict[str, dict[str, Any]]:
    """What each function throws when something is missing, and returns when the server refuses."""
    seen: dict[str, dict[str, Any]] = {}
    async with page_of(browser, **DESKTOP) as page:
        for call, params in REFUSED.items():
            asked = named(call, params, "refused")
            await shop.call(page, call, {**asked, "channelKey": None})
            thrown = await shop.result(page)
            await shop.call(page, call, {**asked, "channelKey": "channel-key-none"})
            seen[call] = {"asked": asked, **thrown, **await shop.result(page)}
    return seen


@pytest.mark.parametrize("call", TYPES)
async def test_what_is_wrong_before_the_window_opens_is_thrown_as_the_packages_error(
    refused: dict[str, dict[str, Any]], call: str
) -> None:
    seen, error = refused[call], TYPES[call][2]
    assert seen["is"] == [error]
    assert (seen["thrown"]["__portOneErrorType"], seen["thrown"]["code"]) == (error, "RequestParseFailed")
    told = {name: value for name, value in seen["asked"].items() if name in ALWAYS[call]}
    assert seen["thrown"].items() >= told.items()


@pytest.mark.parametrize("call", TYPES)
async def test_what_the_server_refuses_is_returned_with_every_field(
    refused: dict[str, dict[str, Any]], call: str
) -> None:
    seen = refused[call]["returned"]
    assert (seen["code"], seen.keys()) == ("ChannelNotFound", ALWAYS[call] | {"code", "message"})


async def test_all_that_is_asked_given_and_thrown_is_of_the_packages_types(
    returned: dict[str, dict[str, Any]], redirected: dict[str, dict[str, Any]], refused: dict[str, dict[str, Any]]
) -> None:
    claims: list[tuple[str, Any]] = []
    for name, flow in FLOWS.items():
        asked, given, _ = TYPES[flow.call]
        claims.append((f"sdk.{asked}", named(flow.call, flow.params, name)))
        claims += [(f"sdk.{given}", each) for each in (returned[name], redirected[name])]
    for call, seen in refused.items():
        _, given, error = TYPES[call]
        claims += [(f"sdk.{given}", seen["returned"]), (f"Fields<sdk.{error}>", seen["thrown"])]
    assert await node.type_problems(IMPORTS, claims) == []


async def test_the_package_takes_the_script_that_the_page_has_loaded(browser: Browser) -> None:
    """As docs/howto/develop-against-the-sandbox.md has it: a shop that uses the package changes no code of its own."""
    async with open_npm_shop(has_script_tag=True) as shop, page_of(browser, **DESKTOP) as page:
        await shop.call(page, "requestPayment", {**PAY, "paymentId": "by-script-tag"})
        await press(page.frame_locator("iframe[data-portone-window]").locator(".primary"))
        returned = (await shop.result(page))["returned"]
        assert (returned["paymentId"], shop.status("by-script-tag")) == ("by-script-tag", "PAID")
