"""Shops and payers, over HTTP only: they do not give up, and remember what they were promised.

Whatever dies, a shop may only ever see: the right answer, no answer, or 503 with Retry-After. Anything else is written
down as a complaint.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import aiohttp

from jangbu import sandbox
from jangbu.ids import Ids
from kill.town import Town

PATIENCE_S = 60
"""How long anything may be down, in all these tests."""
PAUSE_S = (0.05, 0.25)
"""Between two tries. A real shop takes the five seconds of our Retry-After."""
ANSWER_S = 15

Payer = Literal["pays", "is declined, then pays", "pays in two windows at once", "leaves"]
PAYERS: tuple[Payer, ...] = ("pays", "pays", "pays", "is declined, then pays", "pays in two windows at once", "leaves")


@dataclass
class Order:
    """One order, what will happen to it, and what the shop was told of it."""

    order_id: str
    amount: int
    payer: Payer
    verifies: bool
    """Else the payer's browser is gone, and only the webhook tells."""
    refunds: tuple[int, ...]
    payment_id: str = ""
    was_told_paid: bool = False
    asked: dict[str, int] = field(default_factory=dict)
    """Refunds that we took on, by their key."""


@dataclass
class Shop:
    """All orders of a run. `calls` counts every answer by what it was about."""

    town: Town
    http: aiohttp.ClientSession
    chance: Random
    orders: list[Order] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    can_refund: bool = True

    def next_order(self) -> Order:
        chance = self.chance
        amount = chance.randrange(10, 1_000) * 100
        refunds: tuple[int, ...] = chance.choice([(), (), (amount,), (amount // 4,), (amount // 4, amount // 2)])
        order = Order(
            order_id=f"order-{len(self.orders)}",
            amount=amount,
            payer=chance.choice(PAYERS),
            verifies=chance.random() < 0.7,
            refunds=refunds if self.can_refund else (),
        )
        self.orders.append(order)
        return order

    async def serve_one(self) -> Order:
        """One order from the basket to the refund."""
        order = await self.begin()
        await self.pay(order)
        if order.verifies or order.refunds:
            await self.verify(order)
        if order.payer != "leaves":
            for number, amount in enumerate(order.refunds):
                if not await self.refund(order, f"{order.order_id}-refund-{number}", amount):
                    break
        return order

    async def begin(self) -> Order:
        """A new order, up to where its payer may pay."""
        order = self.next_order()
        body = {"amount": order.amount, "orderName": "보리차", "orderId": order.order_id}
        answer = await self._until_answered("initialize", body)
        order.payment_id = answer["data"]["paymentId"]
        return order

    async def verify(self, order: Order) -> None:
        """Ask whether it is paid, once its payer has done what they do."""
        answer = await self._until_answered("verify", {"paymentId": order.payment_id})
        order.was_told_paid = answer["data"]["paid"]
        if order.was_told_paid == (order.payer == "leaves"):
            self.complaints.append(f"{order}: was told paid={order.was_told_paid}")

    async def refund(self, order: Order, key: str, amount: int) -> bool:
        """Ask until it is taken on; whether it is done by now. The same key asks about the same refund."""
        order.asked[key] = amount
        body = {"paymentId": order.payment_id, "amount": amount, "reason": "환불"}
        answer = await self._until_answered("cancel", body, key=key)
        return bool(answer["data"]["cancellation"]["status"] == "SUCCEEDED")

    async def ask_again(self) -> None:
        """When all is quiet: every refund that was taken on is done, and every order is what it was."""
        for order in self.orders:
            for key, amount in order.asked.items():
                if not await self.refund(order, key, amount):
                    self.complaints.append(f"{order}: the refund {key} is still not done")

    async def call(self, verb: str, body: dict[str, Any], *, key: str | None = None) -> tuple[int, dict[str, Any]]:
        """Call our API once; (0, {}) when nobody answers."""
        headers = {"Authorization": f"Bearer {self.town.key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            async with self.http.post(f"{self.town.url}/api/portone/{verb}", json=body, headers=headers) as answer:
                status, found = answer.status, await answer.json()
                retry_after = answer.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError):
            self.calls[f"{verb}: no answer"] += 1
            return 0, {}
        self.calls[f"{verb}: {status} {found['error']['code'] if status >= 400 else ''}".rstrip()] += 1
        if status == 503 and retry_after is None:
            self.complaints.append(f"{verb}: 503 without Retry-After: {found}")
        if status not in {200, 202, 503}:
            self.complaints.append(f"{verb} {body}: {status} {found}")
        return status, found

    async def _until_answered(self, verb: str, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < deadline:
            status, answer = await self.call(verb, body, key=key)
            if status in {200, 202}:
                return answer
            await self._pause()
        raise AssertionError(f"{verb} {body} was not answered within {PATIENCE_S} s: {dict(self.calls)}")

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.uniform(*PAUSE_S))

    async def pay(self, order: Order) -> None:
        """What the order's payer does in the window."""
        match order.payer:
            case "pays":
                await self.in_a_window(order, "approve")
            case "is declined, then pays":
                await self.in_a_window(order, "decline")
                await self.in_a_window(order, "approve")
            case "pays in two windows at once":
                await asyncio.gather(self.in_a_window(order, "approve"), self.in_a_window(order, "approve"))
            case "leaves":
                await self.in_a_window(order, "close")

    async def in_a_window(self, order: Order, action: str) -> None:
        """Open a payment window and press a button."""
        asked = {
            "storeId": sandbox.STORE_ID,
            "channelKey": sandbox.CARD_CHANNEL,
            "paymentId": order.payment_id,
            "orderName": "보리차",
            "totalAmount": order.amount,
            "currency": "KRW",
            "payMethod": "CARD",
        }
        opened = await self._portone("payments", asked)
        # The other window may have paid already: then this one does not open.
        if "txId" in opened:
            await self._portone(f"transactions/{opened['txId']}/decision", {"action": action})

    async def _portone(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with self.http.post(f"{self.town.portone_url}/__browser__/{path}", json=body) as answer:
                    found: dict[str, Any] = await answer.json()
                    assert answer.status == 200, found
                    return found
            except (aiohttp.ClientError, TimeoutError):
                await self._pause()
        raise AssertionError(f"PortOne did not answer {path} within {PATIENCE_S} s")


@asynccontextmanager
async def shop_in(town: Town, seed: int = 0) -> AsyncIterator[Shop]:
    """A shop that keeps no connection: each call finds whoever lives now."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        yield Shop(town, http, Ids(seed=seed).chance(), can_refund=await _portone_cancels(town, http))


async def _portone_cancels(town: Town, http: aiohttp.ClientSession) -> bool:
    async with http.post(
        f"{town.portone_url}/payments/nobody/cancel",
        json={"reason": "?"},
        headers={"Authorization": f"PortOne {sandbox.API_SECRET}"},
    ) as answer:
        return bool((await answer.json())["type"] == "PAYMENT_NOT_FOUND")


@asynccontextmanager
async def load(shop: Shop, *, shoppers: int, think_s: float = 0.1) -> AsyncIterator[None]:
    """That many shoppers, one order after another, for as long as the block lasts; then the begun ones are finished."""
    closing = asyncio.Event()

    async def one() -> None:
        while not closing.is_set():
            await shop.serve_one()
            await asyncio.sleep(think_s)

    everybody = [asyncio.create_task(one()) for _ in range(shoppers)]
    try:
        yield
        closing.set()
        await asyncio.gather(*everybody)
    finally:
        for task in everybody:
            task.cancel()
        await asyncio.gather(*everybody, return_exceptions=True)
