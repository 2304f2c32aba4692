"""A hundred payers and what befalls them, all over public HTTP: the shop's API and PortOne's payment window."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from jangbu.ids import Ids
from jangbu.payments.service.initialize import portone_id_of
from jangbu.settings import Settings

AT_ONCE = 10
TRIES_MAX = 5

# How many of a hundred meet what. The rest simply pay.
FATES = {
    "declined": 10,
    "closed the window": 5,
    "webhook arrives twice": 5,
    "webhook before the browser returns": 3,
    "webhook never arrives": 2,
    "PortOne's answer is lost": 1,
    "sends it back": 4,
    "sends a part back": 3,
    "the refund's answer is lost": 2,
    "refunded in another console": 1,
}
FAULT_OF = {
    "webhook arrives twice": "webhook_twice",
    "webhook before the browser returns": "webhook_before_return",
    "webhook never arrives": "webhook_lost",
}
IN_WORDS = {
    "pays": "paid, and one webhook came",
    "declined": "were declined by the PG",
    "closed the window": "closed the window",
    "webhook arrives twice": "paid; the webhook arrived twice at the same moment",
    "webhook before the browser returns": "paid; the webhook was here before the browser",
    "webhook never arrives": "paid; the browser was closed and no webhook ever came: the sweeper found them",
    "PortOne's answer is lost": "paid; PortOne's answer to the pre-registration was lost: unknown, asked again",
    "sends it back": "paid, and got all of it back",
    "sends a part back": "paid, and got half of it back",
    "the refund's answer is lost": "paid, and got it back; the answer to the refund was lost: found, not done twice",
    "refunded in another console": "paid, and got it back from PortOne's own console: adopted",
}
GOODS = ("보리차 2병", "유기농 녹차", "도자기 찻잔", "우롱차 선물세트", "텀블러", "말차 라떼 키트")


@dataclass(frozen=True, slots=True)
class Payer:
    """One payer: an order, and what will happen to it."""

    order_id: str
    order_name: str
    amount: int
    fate: str


@dataclass(frozen=True, slots=True)
class Experience:
    """What the shop saw of one payer."""

    payer: Payer
    paid: bool
    tries: int


def payers(seed: int, run_number: int, *, count: int = 100) -> list[Payer]:
    """The payers of one run: the same seed and run number give the same people."""
    chance = Ids(seed=seed * 1_000 + run_number).chance()
    fates = [fate for fate, share in FATES.items() for _ in range(share * count // 100)]
    fates += ["pays"] * (count - len(fates))
    chance.shuffle(fates)
    return [
        Payer(
            order_id=f"demo-{seed}-{run_number}-{number:03}",
            order_name=chance.choice(GOODS),
            amount=chance.randrange(10, 1000) * 100,
            fate=fate,
        )
        for number, fate in enumerate(fates, start=1)
    ]


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop's backend, its payers' browsers, and whoever orders PortOne's faults."""

    http: aiohttp.ClientSession
    settings: Settings
    api_key: str

    async def serve_all(self, people: list[Payer], *, on_done: Callable[[], None]) -> list[Experience]:
        """Every payer, ten at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(payer: Payer) -> Experience:
            async with gate:
                experience = await self._serve(payer)
            on_done()
            return experience

        return await asyncio.gather(*(one(payer) for payer in people))

    async def _serve(self, payer: Payer) -> Experience:
        payment_id = portone_id_of(self.settings.portone_store_id, payer.order_id)
        if payer.fate == "PortOne's answer is lost":
            await self._fault("answer_lost", payment_id, operation="pre_register_payment")
        if payer.fate in FAULT_OF:
            await self._fault(FAULT_OF[payer.fate], payment_id, operation="Transaction.Paid")
        payment, tries = await self._initialize(payer)
        assert payment["paymentId"] == payment_id
        await self._in_the_window(payer, payment)
        if payer.fate in {"webhook never arrives", "closed the window"}:
            # The browser is gone too: nobody tells the shop anything.
            return Experience(payer, paid=False, tries=tries)
        answer = await self._ours("verify", {"paymentId": payment_id})
        await self._give_back(payer, payment)
        return Experience(payer, paid=bool(answer[1]["data"]["paid"]), tries=tries)

    async def _give_back(self, payer: Payer, payment: dict[str, Any]) -> None:
        """What some payers get back, and what goes wrong on the way."""
        payment_id = payment["paymentId"]
        body = {"paymentId": payment_id, "reason": "단순 변심"}
        match payer.fate:
            case "sends it back":
                status, answer = await self._ours("cancel", body)
                assert status == 200, answer
            case "sends a part back":
                status, answer = await self._ours("cancel", {**body, "amount": payer.amount // 2})
                assert status == 200, answer
            case "the refund's answer is lost":
                await self._fault("answer_lost", payment_id, operation="cancel_payment")
                status, answer = await self._ours("cancel", body)
                # 202 means "nobody knows yet": nothing to do, it is found out. Where PortOne's webhook is quicker than
                # we are, it is known already.
                assert status in (200, 202), answer
            case "refunded in another console":
                await self._portone(f"/__sandbox__/payments/{payment_id}/console-cancel", {})

    async def _initialize(self, payer: Payer) -> tuple[dict[str, Any], int]:
        body = {"amount": payer.amount, "orderName": payer.order_name, "orderId": payer.order_id}
        for tries in range(1, TRIES_MAX + 1):
            status, answer = await self._ours("initialize", body)
            if status == 200:
                payment: dict[str, Any] = answer["data"]
                return payment, tries
            # 503 means "nobody knows yet": the shop sends the same order again, as the error tells it to.
            assert status == 503, answer
        raise AssertionError(f"{payer.order_id} could not be initialized in {TRIES_MAX} tries")

    async def _in_the_window(self, payer: Payer, payment: dict[str, Any]) -> None:
        from jangbu import sandbox

        opened = await self._portone(
            "/__browser__/payments",
            {
                "storeId": payment["storeId"],
                "channelKey": sandbox.CARD_CHANNEL,
                "paymentId": payment["paymentId"],
                "orderName": payment["orderName"],
                "totalAmount": payment["amount"],
                "currency": payment["currency"],
                "payMethod": "CARD",
            },
        )
        decision: dict[str, Any] = {"action": "approve"}
        if payer.fate == "declined":
            decision = {"action": "decline", "reason": "insufficient_funds"}
        elif payer.fate == "closed the window":
            decision = {"action": "close"}
        await self._portone(f"/__browser__/transactions/{opened['txId']}/decision", decision)

    async def _ours(self, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        url = f"{self.settings.url}/api/portone/{verb}"
        async with self.http.post(url, json=body, headers={"Authorization": f"Bearer {self.api_key}"}) as answer:
            return answer.status, await answer.json()

    async def _portone(self, path: str, body: Any) -> Any:
        async with self.http.post(f"{self.settings.portone_url}{path}", json=body) as answer:
            found = await answer.json()
            assert answer.status == 200, found
            return found

    async def _fault(self, name: str, payment_id: str, *, operation: str) -> None:
        fault = {"name": name, "paymentId": payment_id, "operation": operation}
        await self._portone("/__sandbox__/faults", [fault])
