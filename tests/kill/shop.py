"""Shops and payers, over HTTP only: they do not give up, and remember what they were promised.

Whatever dies, a shop may only ever see: the right answer, no answer, or 503 with Retry-After. Anything else is written
down as a complaint.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import aiohttp

from jangbu import sandbox
from jangbu.ids import Ids
from kill.receiver import Receiver, receiver_in
from kill.refunds import ANSWERS, IN_PROGRESS, Plan, Refund, planned
from kill.town import Town
from kit import until

PATIENCE_S = 60
"""How long anything may be down, in all these tests."""
PAUSE_S = (0.05, 0.25)
"""Between two tries. A real shop takes the five seconds of our Retry-After."""
ANSWER_S = 15
ASKS_WHILE_ANOTHER_IS_OPEN = 5
"""Then the shop does something else, and asks again at the end of the day."""

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
    plans: tuple[Plan, ...]
    payment_id: str = ""
    was_told_paid: bool = False
    refunds: dict[str, Refund] = field(default_factory=dict)
    """What was asked back, by its key."""


@dataclass
class Shop:
    """All orders of a run. `calls` counts every answer by what it was about."""

    town: Town
    http: aiohttp.ClientSession
    chance: Random
    orders: list[Order] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    receiver: Receiver | None = None

    def next_order(self) -> Order:
        chance = self.chance
        amount = chance.randrange(10, 1_000) * 100
        order = Order(
            order_id=f"order-{len(self.orders)}",
            amount=amount,
            payer=chance.choice(PAYERS),
            verifies=chance.random() < 0.7,
            plans=planned(amount, chance),
        )
        self.orders.append(order)
        return order

    async def serve_one(self) -> Order:
        """One order from the basket to the refund."""
        order = await self.begin()
        await self.pay(order)
        if order.verifies or order.plans:
            await self.verify(order)
        if order.payer != "leaves":
            for number, plan in enumerate(order.plans):
                await self._carry_out(order, f"{order.order_id}-refund-{number}", plan)
        return order

    async def begin(self) -> Order:
        """A new order, up to where its payer may pay."""
        order = self.next_order()
        body = {"amount": order.amount, "orderName": "보리차", "orderId": order.order_id}
        _, answer = await self._until_answered("initialize", body)
        order.payment_id = answer["data"]["paymentId"]
        return order

    async def verify(self, order: Order) -> None:
        """Ask whether it is paid, once its payer has done what they do."""
        _, answer = await self._until_answered("verify", {"paymentId": order.payment_id})
        order.was_told_paid = answer["data"]["paid"]
        if order.was_told_paid == (order.payer == "leaves"):
            self.complaints.append(f"{order}: was told paid={order.was_told_paid}")

    async def _carry_out(self, order: Order, key: str, plan: Plan) -> None:
        keys = [key, f"{key}-too" if plan.way == "by two people at once" else key]
        await asyncio.gather(
            *(self.refund(order, each, plan.amount) for each in keys[: 1 if plan.way == "once" else 2])
        )

    async def refund(self, order: Order, key: str, amount: int | None) -> bool:
        """Ask until it is taken on or refused; whether it is done. The same key asks about the same refund."""
        refund = order.refunds.setdefault(key, Refund(key, amount))
        body: dict[str, Any] = {"paymentId": order.payment_id, "reason": "환불"}
        if amount is not None:
            body["amount"] = amount
        for _ in range(ASKS_WHILE_ANOTHER_IS_OPEN):
            status, answer = await self._until_answered("cancel", body, key=key, answers=ANSWERS)
            wrong = refund.heard(status, answer)
            if wrong:
                self.complaints.append(f"{order}: {wrong}")
            if status < 400 or answer["error"]["code"] != IN_PROGRESS:
                break
            await self._pause()
        return refund.given is not None

    async def ask_again(self) -> None:
        """When all is quiet: every refund that was asked for is done, or there was nothing left for it."""
        for order in self.orders:
            for refund in order.refunds.values():
                await self.refund(order, refund.key, refund.amount)
                if not refund.is_told:
                    self.complaints.append(f"{order}: {refund} is still not done")
            left = order.amount - sum(refund.given or 0 for refund in order.refunds.values())
            for refund in order.refunds.values():
                if refund.refusal and left >= (refund.amount or 1):
                    self.complaints.append(f"{order}: {refund} was refused, and {left} are left")

    async def call(
        self, verb: str, body: dict[str, Any], *, key: str | None = None, answers: frozenset[str] = frozenset()
    ) -> tuple[int, dict[str, Any]]:
        """Call our API once; (0, {}) when nobody answers. `answers` are the refusals that the shop gave cause for."""
        headers = {"Authorization": f"Bearer {self.town.key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            async with self.http.post(f"{self.town.url}/api/portone/{verb}", json=body, headers=headers) as answer:
                status, found = answer.status, await answer.json()
                retry_after = answer.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError) as lost:
            self.calls[f"{verb}: no answer ({type(lost).__name__})"] += 1
            return 0, {}
        self.calls[f"{verb}: {status} {found['error']['code'] if status >= 400 else ''}".rstrip()] += 1
        if status == 503 and retry_after is None:
            self.complaints.append(f"{verb}: 503 without Retry-After: {found}")
        if status not in {200, 202, 503} and found["error"]["code"] not in answers:
            self.complaints.append(f"{verb} {body}: {status} {found}")
        return status, found

    async def _until_answered(
        self, verb: str, body: dict[str, Any], *, key: str | None = None, answers: frozenset[str] = frozenset()
    ) -> tuple[int, dict[str, Any]]:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < deadline:
            status, answer = await self.call(verb, body, key=key, answers=answers)
            if status in {200, 202} or (status and answer.get("error", {}).get("code") in answers):
                return status, answer
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
async def shop_in(town: Town, seed: int = 0, *, receives: bool = True) -> AsyncIterator[Shop]:
    """A shop that keeps no connection: each call finds whoever lives now. Its own system hears of every event."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    ids = Ids(seed=seed)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout, connector=connector))
        receiver = await stack.enter_async_context(receiver_in(town, ids.chance())) if receives else None
        yield Shop(town, http, ids.chance(), receiver=receiver)


async def sold(shop: Shop, more: int) -> None:
    """Wait until so many more orders were begun."""
    wanted = len(shop.orders) + more

    async def are() -> bool:
        return len(shop.orders) >= wanted

    await until(are, seconds=60, what=f"selling {more} times")


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
