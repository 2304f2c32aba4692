"""Cash receipts in a play: wished for with an order, issued by hand, taken back by hand (portone-facts §2.11)."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from jangbu.audit import Actor
from jangbu.payments.after.receipt_rules import Receipt, ReceiptStatus, Wish, checked
from jangbu.payments.after.service import receipts
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, left_of
from jangbu.simulator.script import May, Scene

SHOP = Actor("key:shop")
RECENT = 4
WISHED = 0.6
"""How many ask for it with their order."""


class Receipts:
    """The shop that gives cash receipts."""

    def __init__(self, scene: Scene) -> None:
        self._weight = scene.mix.custom.receipts
        self._chance = scene.chance
        self._world = scene.portone.world
        self._door = scene.door
        self._notes = scene.notes

    def wish(self, purchase: Purchase) -> None:
        """Perhaps the payer of a new order wants one."""
        if self._weight and purchase.is_in_cash and self._chance.random() < WISHED:
            purchase.receipt = self._number()

    def _number(self) -> Wish:
        return checked("PERSONAL", f"010{self._chance.randrange(10**8):08d}")

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        if not self._weight:
            return
        paid = [one for one in purchases if one.is_in_cash and left_of(self._world, one.payment_id)][-RECENT:]
        if paid:
            may("shop: issues a receipt", self._weight, lambda: self._issue(self._chance.choice(paid)))
        issued = [one for one in purchases if self._has_one(one)][-RECENT:]
        if issued:
            may("shop: takes a receipt back", self._weight // 2, lambda: self._take_back(self._chance.choice(issued)))

    def _has_one(self, purchase: Purchase) -> bool:
        return any(one.payment_id in purchase.payment_ids for one in self._world.state.cash_receipts)

    async def _issue(self, purchase: Purchase) -> None:
        wish = self._number()

        async def call(web: Process) -> Receipt:
            run, portone = web.wired.request, web.wired.portone
            return await receipts.issue(purchase.payment_id or "", wish, actor=SHOP, run=run, portone=portone)

        await self._ask(purchase, call)

    async def _take_back(self, purchase: Purchase) -> None:
        async def call(web: Process) -> Receipt:
            run, portone = web.wired.request, web.wired.portone
            return await receipts.cancel(purchase.payment_id or "", actor=SHOP, run=run, portone=portone)

        await self._ask(purchase, call)

    async def _ask(self, purchase: Purchase, call: Callable[[Process], Coroutine[Any, Any, Receipt]]) -> None:
        async def ask(web: Process) -> None:
            told = await call(web)
            self._notes.sometimes(f"the shop was told that a receipt is {told.status}")
            self._notes.say(f"{purchase.name}: its receipt is {told.status}")
            self._judge(purchase, told)

        await self._door.ask(ask, refused="a receipt was refused")

    def _judge(self, purchase: Purchase, told: Receipt) -> None:
        """What was told is so at PortOne; one that was issued may have been taken back since."""
        if told.status not in {ReceiptStatus.ISSUED, ReceiptStatus.CANCELLED}:
            return
        rows = self._world.state.cash_receipts
        found = [one.status for one in rows if one.issue_number == told.issue_number]
        if not found or (told.status is ReceiptStatus.CANCELLED and found != ["CANCELLED"]):
            self._notes.problem(f"the shop was told that the receipt of {purchase.name} is {told.status}: {found}")
