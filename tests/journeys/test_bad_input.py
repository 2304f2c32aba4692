"""Bad input over HTTP: a clear answer with a stable code, and nothing lost or half-done."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jangbu.access import cli as access_cli
from jangbu.app import create
from jangbu.db import Query
from jangbu.payments.service.sync import find
from jangbu.portone import sign
from kit import House, books

SCOPES = ["payments:create", "payments:verify", "payments:read"]
TWIN_SCOPES = ["payments:create", "payments:cancel"]
PAYMENTS = Query(int, "SELECT count(*) FROM payments")
DELIVERIES = Query(int, "SELECT count(*) FROM webhook_logs")


@pytest.fixture
async def shop(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's backend, with its key."""
    key = await access_cli.create_key("tests", SCOPES, run=house.run)
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test", headers=headers) as client:
        yield client


async def count(house: House, what: Query[int]) -> int:
    return await house.run.db.statement(what) or 0


async def test_amount_and_order_name_suffice(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/api/portone/initialize", json={"amount": 10_000, "orderName": "Test Order"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"data", "message", "timestamp"}
    assert (body["data"]["status"], body["data"]["currency"], body["data"]["amount"]) == ("READY", "KRW", 10_000)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"amount": 1000.0, "orderName": "tea"}', "INVALID_REQUEST"),
        ('{"amount": 1e3, "orderName": "tea"}', "INVALID_REQUEST"),
        ('{"amount": "1000", "orderName": "tea"}', "INVALID_REQUEST"),
        ('{"amount": true, "orderName": "tea"}', "INVALID_REQUEST"),
        ('{"amount": null, "orderName": "tea"}', "INVALID_REQUEST"),
        ('{"amount": -1000, "orderName": "tea"}', "AMOUNT_OUT_OF_RANGE"),
        ('{"amount": 0, "orderName": "tea"}', "AMOUNT_OUT_OF_RANGE"),
        ('{"amount": 9007199254740992, "orderName": "tea"}', "AMOUNT_OUT_OF_RANGE"),
        ('{"amount": 99999999999999999999999999, "orderName": "tea"}', None),
        ('{"amount": 1000, "orderName": "tea", "currency": "XXX"}', "UNKNOWN_CURRENCY"),
        ('{"amount": 1000, "orderName": "tea", "currency": "krw"}', "INVALID_REQUEST"),
        ('{"amount": 1000, "orderName": "tea", "storeId": "store-of-somebody-else"}', "STORE_NOT_FOUND"),
        ('{"amount": 1000, "orderName": "tea", "taxFreeAmount": 1001}', "TAX_FREE_AMOUNT_OUT_OF_RANGE"),
        ('{"amount": 1000, "orderName": "tea", "status": "PAID"}', "INVALID_REQUEST"),
        ('{"amount": 1000, "orderName": ""}', "INVALID_REQUEST"),
        ('{"amount": 1000}', "INVALID_REQUEST"),
        ("[]", "INVALID_REQUEST"),
        ("{", "MALFORMED_JSON"),
        ("", None),
    ],
)
async def test_an_amount_is_a_whole_number_and_nothing_else_is_written(
    shop: httpx.AsyncClient, house: House, body: str, code: str | None
) -> None:
    answer = await shop.post("/api/portone/initialize", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()["error"]
    assert set(error) >= {"code", "message", "timestamp", "requestId"}
    assert code is None or error["code"] == code
    assert await count(house, PAYMENTS) == 0


async def test_without_a_key_nobody_states_an_amount(shop: httpx.AsyncClient, house: House) -> None:
    body = {"amount": 1, "orderName": "tea"}
    for headers in (
        {"Authorization": ""},
        {"Authorization": "Bearer jbk_nothing"},
        {"Cookie": "x=y", "Authorization": ""},
    ):
        answer = await shop.post("/api/portone/initialize", json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert await count(house, PAYMENTS) == 0


async def test_a_key_without_the_scope_states_no_amount(shop: httpx.AsyncClient, house: House) -> None:
    reader = await access_cli.create_key("reader", ["payments:read"], run=house.run)
    answer = await shop.post(
        "/api/portone/initialize", json={"amount": 1, "orderName": "x"}, headers={"Authorization": f"Bearer {reader}"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert await count(house, PAYMENTS) == 0


@pytest.mark.parametrize(
    "reference", ["nothing", "01a1fc80-e4b8-7db2-b914-a6b754869229", "../payments", "%00", "가" * 80]
)
async def test_an_unknown_payment_is_404(shop: httpx.AsyncClient, reference: str) -> None:
    answer = await shop.post("/api/portone/verify", json={"paymentId": reference})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "PAYMENT_NOT_FOUND")


async def test_the_same_idempotency_key_gives_the_same_payment_and_another_body_is_refused(
    shop: httpx.AsyncClient, house: House
) -> None:
    headers = {"Idempotency-Key": "checkout-42"}
    body: dict[str, Any] = {"amount": 1_000, "orderName": "tea"}
    first = await shop.post("/api/portone/initialize", json=body, headers=headers)
    again = await shop.post("/api/portone/initialize", json=body, headers=headers)
    assert first.json()["data"]["paymentId"] == again.json()["data"]["paymentId"]
    other = await shop.post("/api/portone/initialize", json=body | {"amount": 2_000}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await count(house, PAYMENTS) == 1


async def test_equal_idempotency_keys_of_two_callers_are_two_payments_and_two_refunds(
    shop: httpx.AsyncClient, house: House
) -> None:
    """F129: two backends number their checkouts alike; neither may be shown, or refused for, what the other did."""
    callers = [
        {"Authorization": f"Bearer {await access_cli.create_key('twin', TWIN_SCOPES, run=house.run)}"} for _ in range(2)
    ]
    same = {"Idempotency-Key": "checkout-42"}
    payments = []
    for caller, amount in zip(callers, (1_000, 2_000), strict=True):
        body = {"amount": amount, "orderName": f"tea {amount}"}
        first = await shop.post("/api/portone/initialize", json=body, headers=caller | same)
        again = await shop.post("/api/portone/initialize", json=body, headers=caller | same)
        assert (first.status_code, again.status_code) == (200, 200), (first.text, again.text)
        assert first.json()["data"]["amount"] == amount
        assert first.json()["data"]["paymentId"] == again.json()["data"]["paymentId"]
        payments.append(first.json()["data"])
    assert len({payment["paymentId"] for payment in payments}) == await count(house, PAYMENTS) == 2
    one = await find(payments[0]["paymentId"], run=house.run)
    await house.portone.pay(one.provider_order_id)
    await house.hear()
    await house.work()
    refunds = []
    for caller, amount in zip(callers, (300, 200), strict=True):
        body = {"paymentId": payments[0]["paymentId"], "amount": amount}
        for _ in range(2):
            answer = await shop.post("/api/portone/cancel", json=body, headers=caller | same)
            assert answer.status_code == 200, answer.text
            assert answer.json()["data"]["cancellation"]["amount"] == amount
            refunds.append(answer.json()["data"]["cancellation"]["id"])
    assert len(set(refunds)) == 2
    assert house.portone.refunds(one.provider_order_id) == [300, 200]


async def test_portone_being_away_is_503_with_when_to_come_back(shop: httpx.AsyncClient, house: House) -> None:
    house.portone.fault("not_reached", operation="pre_register_payment", times=1)
    body = {"amount": 1_000, "orderName": "tea", "orderId": "o-1"}
    answer = await shop.post("/api/portone/initialize", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "PORTONE_OUTCOME_UNKNOWN")
    assert int(answer.headers["retry-after"]) > 0
    assert (await shop.post("/api/portone/initialize", json=body)).status_code == 200


def signed(house: House, body: bytes, *, age: timedelta = timedelta(), webhook_id: str = "wh_1") -> dict[str, str]:
    secret = house.run.settings.webhook_secrets[0]
    return sign(secret, webhook_id, house.run.clock.now() - age, body) | {"content-type": "application/json"}


GOOD = json.dumps(
    {"type": "Transaction.Paid", "timestamp": "2026-08-01T03:00:09Z", "data": {"paymentId": "x", "storeId": "s"}}
).encode()


async def test_a_signed_webhook_is_accepted_and_a_repeat_is_too(shop: httpx.AsyncClient, house: House) -> None:
    for path in ("/api/portone/webhook", "/api/payments/webhook"):
        answer = await shop.post(path, content=GOOD, headers=signed(house, GOOD) | {"Authorization": ""})
        assert answer.status_code == 200, answer.text
    await house.work()
    assert await count(house, DELIVERIES) == 2


NOT_PORTONES = ("unsigned", "other secret", "six minutes old", "six minutes ahead", "one byte", "10 MB", "not utf-8",
                "not json", "empty")  # fmt: skip


@pytest.mark.parametrize("case", NOT_PORTONES)
async def test_a_webhook_that_is_not_portones_is_refused_and_leaves_nothing(
    shop: httpx.AsyncClient, house: House, case: str
) -> None:
    body, headers = GOOD, signed(house, GOOD)
    match case:
        case "unsigned":
            headers = {"content-type": "application/json"}
        case "other secret":
            headers = sign("whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlci0=", "wh_1", house.run.clock.now(), body)
        case "six minutes old":
            headers = signed(house, body, age=timedelta(minutes=6))
        case "six minutes ahead":
            headers = signed(house, body, age=timedelta(minutes=-6))
        case "one byte":
            body = GOOD.replace(b"Paid", b"Pale")
        case "10 MB":
            body = b"{" + b" " * 10_000_000 + b"}"
            headers = signed(house, body)
        case "not utf-8":
            body = b"\xff\xfe\xfa"
            headers = signed(house, body)
        case "not json":
            body = b"hello"
            headers = signed(house, body)
        case "empty":
            body = b""
            headers = signed(house, body)
    answer = await shop.post("/api/portone/webhook", content=body, headers=headers)
    assert answer.status_code in {400, 401, 413}, answer.text
    assert answer.json()["error"]["code"] in {
        "WEBHOOK_HEADERS_MISSING",
        "WEBHOOK_SIGNATURE_INVALID",
        "WEBHOOK_TIMESTAMP_TOO_OLD",
        "WEBHOOK_TIMESTAMP_TOO_NEW",
        "WEBHOOK_BODY_UNREADABLE",
        "BODY_TOO_LARGE",
    }
    assert await count(house, DELIVERIES) == 0
    assert (await books(house)).proof.holds
