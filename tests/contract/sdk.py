"""A running sandbox with PortOne's own Python SDK pointed at it, and PortOne's description judging each answer.

`PaymentClient` alone is used: the whole `PortOneClient` opens sixty HTTP clients (portone-facts §11).
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
from portone_server_sdk.auth import AuthClient
from portone_server_sdk.payment import PaymentClient

from contract.openapi import BESIDE_THE_PROJECT, Description
from jangbu.sandbox import API_SECRET, CARD_CHANNEL, STORE_ID
from jangbu.sandbox.app import operations
from jangbu.sandbox.core.faults import KINDS, Kind
from jangbu.sandbox.core.parts import Parts

DESCRIPTION = Description(BESIDE_THE_PROJECT) if BESIDE_THE_PROJECT else None
BENT = (Kind.CALL, Kind.ANSWER)
SUBS = ("billing_key", "cash_receipt", "additional_feature", "payment_schedule", "promotion")
PATHS = [
    # A literal path wins over one with a parameter.
    (operation.name, operation.method, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", operation.path)))
    for operation in sorted(operations.all, key=lambda each: each.path.count("{"))
]


class Portone:
    """A running sandbox, the SDK pointed at it, and a shopper.

    `is_sync`: each call of the SDK that a test awaits is the one without `_async`, made in a thread.
    """

    def __init__(self, base: str, parts: Parts, http: aiohttp.ClientSession, *, is_sync: bool = False) -> None:
        self.base = base
        self.parts = parts
        self._http = http
        self._is_sync = is_sync
        self._clients: list[Any] = []
        self.answered: dict[str, int] = {}
        """How often each operation answered 200."""
        self.sdk = self.client()

    def client(self, secret: str = API_SECRET, store_id: str | None = None) -> PaymentClient:
        """Another SDK client; closed at the end."""
        return self._watched(PaymentClient(secret=secret, base_url=self.base, store_id=store_id))

    def auth(self) -> AuthClient:
        return self._watched(AuthClient(secret=API_SECRET, base_url=self.base))

    def other(self, kind: type[Any]) -> Any:
        """A client of the SDK for another part of the API."""
        return self._watched(kind(secret=API_SECRET, base_url=self.base, store_id=None))

    async def plain(self, method: str, target: str, body: Any = None) -> Any:
        """What the SDK has no call for, judged as its calls are; refused is wrong."""
        headers = {"authorization": f"PortOne {API_SECRET}"}
        async with httpx.AsyncClient(base_url=self.base, headers=headers) as client:
            client.event_hooks = {"request": [self._note_bends], "response": [self._judge]}
            response = await client.request(method, target, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def _watched(self, client: Any) -> Any:
        self._clients.append(client)
        for each in _with_subs(client):
            if self._is_sync:
                each._sync_client.event_hooks = {"request": [self._note_bends_now], "response": [self._judge_now]}
                each._async_client = None
            else:
                each._async_client.event_hooks = {"request": [self._note_bends], "response": [self._judge]}
                each._sync_client = None
        return InThread(client) if self._is_sync else client

    async def _note_bends(self, request: httpx.Request) -> None:
        self._note_bends_now(request)

    def _note_bends_now(self, request: httpx.Request) -> None:
        waiting = self.parts.faults.waiting
        request.extensions["bent"] = any(KINDS[fault.name][0] in BENT for fault in waiting)

    async def _judge(self, response: httpx.Response) -> None:
        await response.aread()
        self._judge_read(response)

    def _judge_now(self, response: httpx.Response) -> None:
        response.read()
        self._judge_read(response)

    def _judge_read(self, response: httpx.Response) -> None:
        """Every answer that no ordered fault has bent is as PortOne's own description says."""
        request = response.request
        if response.status_code == 200:
            for name, method, path in PATHS:
                if method == request.method and path.fullmatch(request.url.raw_path.decode().partition("?")[0]):
                    self.answered[name] = self.answered.get(name, 0) + 1
                    break
        if DESCRIPTION is not None and not request.extensions["bent"]:
            target = request.url.raw_path.decode()
            assert DESCRIPTION.problems(request.method, target, response.status_code, response.json()) == []

    async def close(self) -> None:
        """The SDK has no close of its own (portone-facts §11)."""
        for client in self._clients:
            for each in _with_subs(client):
                if self._is_sync:
                    each._sync_client.close()
                else:
                    await each._async_client.aclose()

    async def open(self, payment_id: str, **params: Any) -> str:
        asked = {
            "storeId": STORE_ID,
            "channelKey": CARD_CHANNEL,
            "paymentId": payment_id,
            "orderName": "보리차",
            "totalAmount": 11_000,
            "currency": "KRW",
            "payMethod": "CARD",
            **params,
        }
        async with self._http.post(f"{self.base}/__browser__/payments", json=asked) as response:
            opened = await response.json()
        return str(opened["txId"])

    async def issue(self, **params: Any) -> dict[str, Any]:
        """A billing key made in a window; answers what the browser gets."""
        asked = {
            "storeId": STORE_ID,
            "channelKey": CARD_CHANNEL,
            "billingKeyMethod": "CARD",
            "issueName": "정기 결제",
            **params,
        }
        async with self._http.post(f"{self.base}/__browser__/billing-keys", json=asked) as response:
            opened = await response.json()
        target = f"{self.base}/__browser__/billing-keys/{opened['issue']}/decision"
        async with self._http.post(target, json={"action": "approve"}) as response:
            return dict(await response.json())

    async def decide(self, transaction_id: str, action: str) -> None:
        target = f"{self.base}/__browser__/transactions/{transaction_id}/decision"
        async with self._http.post(target, json={"action": action}) as response:
            assert response.status == 200

    async def pay(self, payment_id: str, **params: Any) -> str:
        transaction_id = await self.open(payment_id, **params)
        await self.decide(transaction_id, "approve")
        return transaction_id


class InThread:
    """A client of the SDK whose `name_async` does what its `name` does, without holding up the sandbox."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name.removesuffix("_async"))
        return _in_thread(found) if callable(found) else InThread(found)


def _in_thread(call: Callable[..., Any]) -> Callable[..., Any]:
    async def made(**asked: Any) -> Any:
        return await asyncio.to_thread(call, **asked)

    return made


def _with_subs(client: Any) -> list[Any]:
    return [client, *(getattr(client, name) for name in SUBS if hasattr(client, name))]
