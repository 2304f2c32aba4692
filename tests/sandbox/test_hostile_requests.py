"""What tests/contract/test_fuzz.py found, each by its name: requests that nobody should send and somebody will."""

import asyncio
import base64
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, LIVE_CHANNEL, STORE_ID
from jangbu.sandbox.app import running
from jangbu.sandbox.testing import Sandbox

TOO_DEEP = b'{"a":' * 20_000
NOT_UTF8 = b'"\xed\xa0\x80"'
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("raw", [TOO_DEEP, NOT_UTF8])
@pytest.mark.parametrize(
    "target",
    [
        "/payments/ord-000001/cancel",
        "/__browser__/payments",
        "/__browser__/billing-keys",
        "/__browser__/identity-verifications",
        "/__browser__/v1/payments",
        "/__browser__/v1/certifications",
        "/__browser__/transactions/TX/decision",
        "/__sandbox__/faults",
        "/__sandbox__/faults/forget",
        "/__sandbox__/pay",
        "/__sandbox__/reset",
        "/__sandbox__/world",
        "/v1/payments/cancel",
    ],
)
async def test_what_cannot_be_read_is_refused_at_every_door(sandbox: Sandbox, target: str, raw: bytes) -> None:
    opened = (await sandbox.open("ord-000001"))["txId"]
    headers = {**JSON, "authorization": "PortOne sandbox-api-secret"}
    status = 400
    if target.startswith("/v1"):
        # Of a refusal that the operation has no status for, the envelope alone tells.
        headers["authorization"], status = await sandbox.v1_token(), 200
    answered, _, said = await sandbox.transport.send("POST", target.replace("TX", opened), headers, raw)
    assert answered == status
    body = msgspec.json.decode(said)
    assert status == 400 or body["code"] != 0


async def test_a_confirm_server_that_answers_nonsense_says_no() -> None:
    async def answers(*_: Any) -> tuple[int, dict[str, str], bytes]:
        return 400, {}, TOO_DEEP

    sandbox = Sandbox(deliver=answers)
    assert "code" in await sandbox.pay("ord-000001", confirmUrl="https://shop.test/confirm")
    assert sandbox.captures("ord-000001") == []


async def test_an_event_of_a_charge_is_of_the_shape_that_portone_has(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    await sandbox.charge("ord-000001", key)
    await sandbox.cancel("ord-000001", 100)
    _, answer = await sandbox.api("GET", "/payment-events-by-cursor")
    events = [each["paymentEvent"] for each in answer["items"]]
    assert [(each["type"], "billingKey" in each) for each in events] == [("PAID", False), ("PARTIAL_CANCELLED", False)]


@pytest.mark.parametrize("target", ["/v1/payments/prepare/", "/v1/users/getToken/", "/payments/ord-000001/", "/v1/"])
async def test_a_slash_at_the_end_is_another_path(sandbox: Sandbox, target: str) -> None:
    status, _, said = await sandbox.transport.send("GET", target)
    assert (status, msgspec.json.decode(said)["type"]) == (404, "NOT_FOUND")


LISTS = ["/payments", "/billing-keys", "/payment-schedules", "/cash-receipts", "/identity-verifications"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("until", "status"),
    [
        ("0001-01-01T00:00:00Z", 200),
        ("0001-03-01T00:00:00+09:00", 200),
        ("0001-01-01T00:00:00+14:00", 400),
        ("9999-12-31T23:59:59-12:00", 400),
        ("9999-12-31T23:59:59Z", 200),
    ],
)
async def test_a_list_ends_at_any_time_there_is(sandbox: Sandbox, path: str, until: str, status: int) -> None:
    await sandbox.pay("ord-000001")
    assert (await sandbox.api("GET", path, {"filter": {"until": until}}))[0] == status


async def test_a_time_that_utc_has_not_is_refused_wherever_it_is_written(sandbox: Sandbox) -> None:
    beyond = "9999-12-31T23:59:59-12:00"
    key = await sandbox.billing_key()
    payment = {"billingKey": key, "orderName": "tea", "amount": {"total": 1000}, "currency": "KRW"}
    body = {"payment": payment, "timeToPay": beyond}
    assert (await sandbox.api("POST", "/payments/ord-000001/schedule", body))[0] == 400
    account = {"bank": "SHINHAN", "expiry": {"dueDate": beyond}, "option": {"type": "NORMAL"}}
    body = {"method": {"virtualAccount": account}, "channelKey": CARD_CHANNEL, "orderName": "tea"}
    body |= {"amount": {"total": 1000}, "currency": "KRW"}
    assert (await sandbox.api("POST", "/payments/ord-000002/instant", body))[0] == 400
    opened = await sandbox.open(
        "ord-000003", payMethod="VIRTUAL_ACCOUNT", virtualAccount={"accountExpiry": {"dueDate": beyond}}
    )
    assert opened["code"] == "RequestParseFailed"
    assert sandbox.state()["payments"] == {}


@pytest.mark.parametrize("seconds", [-1, -62_135_596_800, 253_402_300_800, 10**18])
async def test_v1_knows_the_years_from_1970_to_9999(sandbox: Sandbox, seconds: int) -> None:
    assert (await sandbox.v1("GET", "/payments/status/all", {"to": seconds}))[0] == 400


@pytest.mark.parametrize(("country", "is_taken"), [("KR", True), ("US", True), ("ZZ", False), ("KR\n", False)])
async def test_a_country_is_one_of_those_there_are(sandbox: Sandbox, country: str, is_taken: bool) -> None:
    key = await sandbox.billing_key()
    assert (await sandbox.charge("ord-000001", key, country=country))[0] == (200 if is_taken else 400)
    assert ("code" not in await sandbox.open("ord-000002", country=country)) == is_taken
    assert ("code" not in await sandbox.open("ord-000003", country=f"COUNTRY_{country}")) == is_taken
    payments = (await sandbox.api("GET", "/payments"))[1]["items"]
    assert {each["country"] for each in payments} == ({country} if is_taken else set())


async def test_a_cursor_that_somebody_wrote_is_refused(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    for place in ("2026-08-01T00:00:00 x", "9999-12-31T23:59:59-12:00 x", "x", ""):
        cursor = base64.urlsafe_b64encode(place.encode()).decode() or "="
        status, answer = await sandbox.api("GET", "/payments-by-cursor", {"cursor": cursor})
        assert (status, answer.get("type")) == (400, "INVALID_REQUEST"), place


async def test_a_onetime_charge_for_nobody_charges_nobody(sandbox: Sandbox) -> None:
    card = {"card_number": "4330-1212-3456-7890", "expiry": "2031-12", "channel_key": LIVE_CHANNEL}
    order = {"merchant_uid": "order-0001", "amount": 1000, "name": "tea", "customer_uid": "c" * 81}
    _, answer = await sandbox.v1("POST", "/subscribe/payments/onetime", card | order)
    assert answer["code"] != 0
    assert sandbox.captures("order-0001") == []
    assert STORE_ID not in sandbox.world.state.billing_keys


@pytest.mark.parametrize(
    "line",
    [
        b"GET /payments/\xea\xb2\xb0 HTTP/1.1",
        b"GET /payments/%00%ff%zz HTTP/1.1",
        b"GET /payments?requestBody=\xff HTTP/1.1",
        b"GET //payments HTTP/1.1",
        b"GET http://elsewhere/payments/x HTTP/1.1",
        b"GET /payments/x?a=%zz&&=&storeId HTTP/1.1",
    ],
)
async def test_bytes_that_no_client_library_sends_break_nothing(line: bytes) -> None:
    async with running(seed=1) as (base, _):
        port = int(base.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            line + b"\r\nHost: x\r\nAuthorization: PortOne sandbox-api-secret\xff\r\nConnection: close\r\n\r\n"
        )
        said = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
    assert said.split(b" ", 2)[1] in (b"400", b"401", b"404"), said


async def test_a_form_of_brackets_is_refused_at_once(sandbox: Sandbox) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", "authorization": await sandbox.v1_token()}
    _, _, said = await sandbox.transport.send("POST", "/v1/payments/cancel", headers, b"[" * 2_000_000 + b"=1")
    assert msgspec.json.decode(said)["code"] != 0
