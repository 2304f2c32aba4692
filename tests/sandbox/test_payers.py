"""PayPal's test buyers: who signs in decides what becomes of the payment (requirements D12, portone-facts §3.4)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import PAYPAL_CHANNEL, STORE_ID
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.payers import PASSWORD, PAYERS
from jangbu.sandbox.testing import Endpoint, Sandbox

PAYPAL: dict[str, Any] = {"channelKey": PAYPAL_CHANNEL, "payMethod": "PAYPAL", "currency": "USD", "totalAmount": 1_999}
KEY = {"storeId": STORE_ID, "channelKey": PAYPAL_CHANNEL, "billingKeyMethod": "PAYPAL", "locale": "EN_US"}


async def sign_in(
    sandbox: Sandbox, window: str, email: str, password: str = PASSWORD, origin: str | None = None
) -> tuple[int, Any]:
    raw = msgspec.json.encode({"email": email, "password": password})
    headers = {"origin": origin} if origin else {}
    status, _, answer = await sandbox.transport.send("POST", f"/__browser__/{window}/sign-in", headers, raw)
    return status, msgspec.json.decode(answer)


async def page(sandbox: Sandbox, url: str) -> str:
    status, _, text = await sandbox.transport.send("GET", url)
    assert status == 200
    return text.decode()


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [("KO_KR", "이메일 또는 비밀번호가 맞지 않습니다."), ("EN_US", "The email or the password is not right.")],
)
async def test_nobody_pays_before_a_buyer_signed_in(sandbox: Sandbox, locale: str, sentence: str) -> None:
    opened = await sandbox.open("order-1", locale=locale, **PAYPAL)
    window, url = f"transactions/{opened['txId']}", opened["windowUrl"]
    before = await page(sandbox, url)
    assert 'data-action="approve"' not in before
    assert all(email in before for email in PAYERS)
    assert PASSWORD in before
    for email, password in (("nobody@paypal.test", PASSWORD), ("buyer@paypal.test", "guess"), ("", "")):
        assert await sign_in(sandbox, window, email, password) == (403, {"message": sentence})
    assert 'data-action="approve"' not in await page(sandbox, url)

    status, told = await sign_in(sandbox, window, " Buyer@PayPal.test ")
    assert (status, told) == (200, {"name": "Jangbu Kim", "email": "buyer@paypal.test"})
    after = await page(sandbox, url)
    assert 'data-action="approve"' in after
    assert "Jangbu Kim" in after
    assert 'name="password"' not in after


async def test_a_shops_page_signs_nobody_in(sandbox: Sandbox) -> None:
    opened = await sandbox.open("order-1", **PAYPAL)
    window = f"transactions/{opened['txId']}"
    assert (await sign_in(sandbox, window, "buyer@paypal.test", origin="https://shop.test"))[0] == 403
    assert 'data-action="approve"' not in await page(sandbox, opened["windowUrl"])


async def test_who_signs_in_where_there_is_no_paypal_is_refused(sandbox: Sandbox) -> None:
    opened = await sandbox.open("order-1")
    assert (await sign_in(sandbox, f"transactions/{opened['txId']}", "buyer@paypal.test"))[0] == 403
    assert (await sign_in(sandbox, "transactions/nobody", "buyer@paypal.test"))[0] == 404
    status, _, _ = await sandbox.transport.send(
        "POST", f"/__browser__/transactions/{opened['txId']}/sign-in", {}, b"[1]"
    )
    assert status == 400


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(
    ("email", "code"),
    [("buyer@paypal.test", None), ("broke@paypal.test", "INSUFFICIENT_FUNDS"), ("suspended@paypal.test", "BLOCKED")],
)
async def test_paypal_pays_or_refuses_whoever_signed_in(
    shop: Endpoint, waits: bool, email: str, code: str | None
) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(paypal_waits=waits))
    opened = await sandbox.open("order-1", **PAYPAL)
    assert (await sign_in(sandbox, f"transactions/{opened['txId']}", email))[0] == 200
    result = await sandbox.decide(opened["txId"], "approve")
    if waits:
        assert "code" not in result, "nobody knows yet"
        assert (await sandbox.api("GET", "/payments/order-1"))[1]["status"] == "PAY_PENDING"
        await sandbox.move(timedelta(hours=1))
    elif code is not None:
        assert result["pgCode"].startswith(code)
    _, payment = await sandbox.api("GET", "/payments/order-1")
    assert payment["status"] == ("PAID" if code is None else "FAILED")
    assert sandbox.captured("order-1") == (1 if code is None else 0)


async def test_a_key_of_a_buyer_without_funds_is_issued_and_declines(sandbox: Sandbox) -> None:
    send = sandbox.transport.send
    _, _, answer = await send("POST", "/__browser__/billing-keys", {}, msgspec.json.encode(KEY))
    key = msgspec.json.decode(answer)["issue"]
    assert 'data-action="approve"' not in await page(sandbox, f"/__browser__/billing-keys/{key}/window")
    assert (await sign_in(sandbox, f"billing-keys/{key}", "broke@paypal.test"))[0] == 200
    assert "Binjigap Lee" in await page(sandbox, f"/__browser__/billing-keys/{key}/window")
    await send("POST", f"/__browser__/billing-keys/{key}/decision", {}, b'{"action":"approve"}')
    assert (await sandbox.api("GET", f"/billing-keys/{key}"))[1]["status"] == "ISSUED"
    assert (await sandbox.charge("order-1", key, currency="USD", channelKey=PAYPAL_CHANNEL))[0] == 200
    await sandbox.move(timedelta(hours=1))
    assert (await sandbox.api("GET", "/payments/order-1"))[1]["status"] == "FAILED"
