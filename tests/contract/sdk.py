"""A running sandbox with PortOne's own Python SDK pointed at it.

`PaymentClient` alone is used: the whole `PortOneClient` opens sixty HTTP clients (portone-facts §11).
"""

from typing import Any

import aiohttp
from portone_server_sdk.auth import AuthClient
from portone_server_sdk.payment import PaymentClient

from jangbu.sandbox import API_SECRET, CARD_CHANNEL, STORE_ID
from jangbu.sandbox.parts import Parts


class Portone:
    """A running sandbox, the SDK pointed at it, and a shopper."""

    def __init__(self, base: str, parts: Parts, http: aiohttp.ClientSession) -> None:
        self.base = base
        self.parts = parts
        self._http = http
        self._clients: list[Any] = []
        self.sdk = self.client()

    def client(self, secret: str = API_SECRET, store_id: str | None = None) -> PaymentClient:
        """Another SDK client; closed at the end."""
        client = PaymentClient(secret=secret, base_url=self.base, store_id=store_id)
        self._clients.append(client)
        return client

    def auth(self) -> AuthClient:
        self._clients.append(AuthClient(secret=API_SECRET, base_url=self.base))
        return self._clients[-1]

    async def close(self) -> None:
        """The SDK has no close of its own (portone-facts §11)."""
        subs = ("billing_key", "cash_receipt", "additional_feature", "payment_schedule", "promotion")
        for client in self._clients:
            for each in (client, *(getattr(client, name) for name in subs if hasattr(client, name))):
                await each._async_client.aclose()
                each._sync_client.close()

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

    async def decide(self, transaction_id: str, action: str) -> None:
        target = f"{self.base}/__browser__/transactions/{transaction_id}/decision"
        async with self._http.post(target, json={"action": action}) as response:
            assert response.status == 200

    async def pay(self, payment_id: str, **params: Any) -> str:
        transaction_id = await self.open(payment_id, **params)
        await self.decide(transaction_id, "approve")
        return transaction_id
