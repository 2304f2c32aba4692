"""Orders in escrow: the shop tells of the parcel, corrects itself, confirms; the payer sends it back (facts §2.10)."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from jangbu.audit import Actor
from jangbu.payments.after.service import escrow
from jangbu.payments.after.service.escrow import Told
from jangbu.portone.after import Parcel
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, left_of, paid_attempt
from jangbu.simulator.script import May, Scene

SHOP = Actor("key:shop")
RECENT = 4
NUMBERS = ("1001", "1002", "1003")


class Parcels:
    """The shop's sending office, and what becomes of its parcels."""

    def __init__(self, scene: Scene) -> None:
        self._weight = scene.mix.custom.escrow
        self._chance = scene.chance
        self._portone = scene.portone
        self._door = scene.door
        self._notes = scene.notes
        self._asked: dict[str, list[str]] = {}
        """Invoice numbers that PortOne may have been told, by payment, in order."""

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        held = [one for one in purchases if one.is_in_escrow and left_of(self._portone.world, one.payment_id)]
        if not held:
            return
        may("shop: sends a parcel", self._weight, lambda: self._send(self._chance.choice(held[-RECENT:])))
        may("shop: confirms a purchase", self._weight // 2, lambda: self._complete(self._chance.choice(held[-RECENT:])))
        if away := [one for one in held if self._escrow(one.payment_id).get("status") == "REGISTERED"]:
            may("a parcel arrives, or comes back", 3, lambda: self._arrive(self._chance.choice(away)))

    def _escrow(self, payment_id: str | None) -> dict[str, Any]:
        """How PortOne has it; empty for what is not paid."""
        paid = paid_attempt(self._portone.world, payment_id)
        return (paid.escrow or {}) if paid is not None else {}

    async def _send(self, purchase: Purchase) -> None:
        assert purchase.payment_id is not None
        parcel = Parcel("CJ", self._chance.choice(NUMBERS), purchase.made_at)
        self._asked.setdefault(purchase.payment_id, []).append(parcel.invoice_number)

        async def call(web: Process) -> Told:
            run, portone = web.wired.request, web.wired.portone
            return await escrow.send(purchase.payment_id or "", parcel, actor=SHOP, run=run, portone=portone)

        await self._ask(purchase, "send", call)

    async def _complete(self, purchase: Purchase) -> None:
        async def call(web: Process) -> Told:
            run, portone = web.wired.request, web.wired.portone
            return await escrow.complete(purchase.payment_id or "", actor=SHOP, run=run, portone=portone)

        await self._ask(purchase, "complete", call)

    async def _ask(self, purchase: Purchase, what: str, call: Callable[[Process], Coroutine[Any, Any, Told]]) -> None:
        async def ask(web: Process) -> None:
            told = await call(web)
            self._notes.sometimes(f"escrow: {what} is {'done' if told.is_done else 'under way'}")
            self._notes.say(f"{purchase.name}: {what}, {told.escrow.status} {told.escrow.invoice_number}")
            if what == "complete" and told.is_done and self._escrow(purchase.payment_id).get("status") != "CONFIRMED":
                self._notes.problem(f"the shop was told that {purchase.name} is confirmed, and it is not")
            if what == "send" and told.is_done and not self._escrow(purchase.payment_id).get("invoiceNumber"):
                self._notes.problem(f"the shop was told that the parcel of {purchase.name} is known, and it is not")

        await self._door.ask(ask, refused=f"escrow: {what} was refused")

    async def _arrive(self, purchase: Purchase) -> None:
        status = self._chance.choice(("DELIVERED", "DELIVERED", "REJECTED", "CONFIRMED"))
        await self._portone.order("escrow", purchase.payment_id or "", status=status)
        self._notes.sometimes(f"a parcel was {status}")
        self._notes.say(f"{purchase.name}: its parcel is {status}")

    def problems(self) -> list[str]:
        """Once nothing is under way: PortOne was told of no parcel but the shop's."""
        found = []
        for payment_id, asked in self._asked.items():
            shown = self._escrow(payment_id).get("invoiceNumber")
            if shown is not None and shown not in asked:
                found.append(f"PortOne has the parcel {shown} for {payment_id}, the shop sent {asked}")
        return found
