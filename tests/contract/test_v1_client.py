"""A V1 client that others wrote (`iamport-rest-client`) is pointed at the sandbox, and reads it as it reads PortOne.

It was written in 2021, so it neither names channels nor asks for test payments: the store's default channel is live
here. Being synchronous it works in a thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import pytest
import requests
from iamport import Iamport

from contract.swagger import BESIDE_THE_PROJECT, FILE, V1Description
from jangbu.sandbox import LIVE_CHANNEL, V1_KEY, V1_SECRET, V1_USER_CODE
from jangbu.sandbox.app import running
from jangbu.sandbox.core.parts import Parts

DESCRIPTION = V1Description(BESIDE_THE_PROJECT) if BESIDE_THE_PROJECT else None
CARD = {"card_number": "4330-1212-3456-7890", "expiry": "2031-12", "birth": "900101", "pwd_2digit": "12"}


class V1:
    """The client, and a shopper."""

    def __init__(self, base: str, parts: Parts, http: aiohttp.ClientSession) -> None:
        self.base = base
        self.parts = parts
        self._http = http
        self.client = Iamport(V1_KEY, V1_SECRET, imp_url=f"{base}/v1/")
        self.client.requests_session.hooks["response"].append(self._judge)

    def _judge(self, response: requests.Response, *_: Any, **__: Any) -> None:
        path = response.request.path_url.removeprefix("/v1")
        if DESCRIPTION is not None:
            method, status = str(response.request.method), response.status_code
            assert DESCRIPTION.problems(method, path, status, response.json()) == []

    async def __call__(self, act: Callable[..., Any], *args: Any, **fields: Any) -> Any:
        return await asyncio.to_thread(act, *args, **fields)

    async def pay(self, merchant_uid: str, **params: Any) -> str:
        asked = {
            "imp": V1_USER_CODE,
            "channelKey": LIVE_CHANNEL,
            "pay_method": "card",
            "merchant_uid": merchant_uid,
            "name": "보리차",
            "amount": 1000,
            **params,
        }
        async with self._http.post(f"{self.base}/__browser__/v1/payments", json=asked) as response:
            imp_uid = (await response.json())["imp_uid"]
        target = f"{self.base}/__browser__/transactions/{imp_uid}/decision"
        async with self._http.post(target, json={"action": "approve"}) as response:
            assert response.status == 200
        return str(imp_uid)


@pytest.fixture(scope="module")
async def v1() -> AsyncIterator[V1]:
    async with running(seed=1) as (base, parts), aiohttp.ClientSession() as http:
        for store in parts.world.state.stores.values():
            assert store.v1 is not None
            store.v1.default_channel_key = LIVE_CHANNEL
        whole = V1(base, parts, http)
        yield whole
        whole.client.requests_session.close()


def test_the_answers_are_compared_with_portones_description() -> None:
    if DESCRIPTION is None:
        pytest.skip(f"no answer of V1 is compared with PortOne's description: there is no {FILE} beside the project")


async def refused(v1: V1, act: Callable[..., Any], *args: Any, **fields: Any) -> tuple[str, Any]:
    """Which of the client's two errors it was, and its code."""
    try:
        await v1(act, *args, **fields)
    except Iamport.ResponseError as problem:
        return "code", problem.code
    except Iamport.HttpError as problem:
        return "http", problem.code
    raise AssertionError("it was not refused")


async def test_the_client_finds_a_payment(v1: V1) -> None:
    imp_uid = await v1.pay("found-0001")
    client = v1.client
    found: Mapping[str, Any] = await v1(client.find, imp_uid=imp_uid)
    assert (found["status"], found["amount"], found["merchant_uid"]) == ("paid", 1000, "found-0001")
    assert await v1(client.find, merchant_uid="found-0001") == found
    assert await v1(client.is_paid, 1000, imp_uid=imp_uid)
    assert not await v1(client.is_paid, 1001, imp_uid=imp_uid)
    assert await refused(v1, client.find, imp_uid="imp_nobody") == ("http", 404)


async def test_the_client_prepares(v1: V1) -> None:
    client = v1.client
    assert (await v1(client.prepare, merchant_uid="prepared-1", amount=1000))["amount"] == 1000
    assert await v1(client.prepare_validate, "prepared-1", 1000)
    assert not await v1(client.prepare_validate, "prepared-1", 999)
    assert await refused(v1, client.prepare, merchant_uid="prepared-1", amount=1) == ("code", 1)


async def test_the_client_cancels_in_part_and_reads_a_refusal(v1: V1) -> None:
    imp_uid = await v1.pay("cancel-0001")
    client = v1.client
    part = await v1(client.cancel, "변심", imp_uid=imp_uid, amount=300, checksum=1000)
    assert (part["status"], part["cancel_amount"]) == ("paid", 300)
    assert await refused(v1, client.cancel, "변심", imp_uid=imp_uid, amount=300, checksum=1000) == ("code", 1)
    whole = await v1(client.cancel, "변심", merchant_uid="cancel-0001")
    assert (whole["status"], whole["cancel_amount"], len(whole["cancel_history"])) == ("cancelled", 1000, 2)
    assert await refused(v1, client.cancel, "변심", imp_uid=imp_uid) == ("code", 1)


async def test_the_client_keeps_a_card_and_charges_it(v1: V1) -> None:
    client = v1.client
    made = await v1(client.customer_create, customer_uid="customer-1", **CARD)
    assert made["card_number"] == "433012******7890"
    assert await v1(client.customer_get, "customer-1") == made
    order = {"customer_uid": "customer-1", "merchant_uid": "again-0001", "amount": 1000, "name": "정기 구독"}
    paid = await v1(client.pay_again, **order)
    assert (paid["status"], paid["customer_uid_usage"]) == ("paid", "payment")
    assert await refused(v1, client.pay_again, **order) == ("code", 1)
    once = await v1(client.pay_onetime, merchant_uid="once-00001", amount=1000, name="보리차", **CARD)
    assert (once["status"], once["customer_uid"]) == ("paid", None)
    assert (await v1(client.customer_delete, "customer-1"))["customer_uid"] == "customer-1"
    assert await refused(v1, client.customer_get, "customer-1") == ("http", 404)


async def test_the_client_schedules(v1: V1) -> None:
    client = v1.client
    await v1(client.customer_create, customer_uid="customer-2", **CARD)
    at = int(v1.parts.clock.now().timestamp()) + 86_400
    rows = [{"merchant_uid": f"month-000{n}", "schedule_at": at, "amount": 1000, "name": "정기 구독"} for n in (1, 2)]
    made = await v1(client.pay_schedule, customer_uid="customer-2", schedules=rows)
    assert [row["schedule_status"] for row in made] == ["scheduled", "scheduled"]
    assert (await v1(client.pay_schedule_get, "month-0001"))["schedule_at"] == at
    listed = await v1(client.pay_schedule_get_between, schedule_from=at - 60, schedule_to=at + 60)
    assert [row["merchant_uid"] for row in listed] == ["month-0002", "month-0001"]
    revoked = await v1(client.pay_unschedule, customer_uid="customer-2", merchant_uid="month-0001")
    assert [row["schedule_status"] for row in revoked] == ["revoked"]


async def test_a_wrong_secret_is_http_401(v1: V1) -> None:
    stranger = Iamport(V1_KEY, "wrong", imp_url=f"{v1.base}/v1/")
    assert await refused(v1, stranger.find, imp_uid="imp_nobody") == ("http", 401)
    stranger.requests_session.close()
