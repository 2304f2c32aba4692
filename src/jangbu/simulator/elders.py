"""Payers and shops of PortOne's V1: another window, another way to ask, unsigned webhooks (requirements C2)."""

from collections.abc import Sequence
from typing import Any

from jangbu.audit import Actor
from jangbu.payments.refusals import ImpUidOfAnotherPayment
from jangbu.payments.service.verify import verify_imp_uid
from jangbu.sandbox import control
from jangbu.sandbox.testing import Sandbox
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, paid_attempt
from jangbu.simulator.outside import V1_WEBHOOK_URL
from jangbu.simulator.script import May, Scene

SHOP = Actor("key:shop")
RECENT = 6
METHODS = {"CARD": "card", "TRANSFER": "trans", "VIRTUAL_ACCOUNT": "vbank"}
RETRIES = 2


def announce(portone: Sandbox) -> None:
    """Have V1's webhooks sent to us too."""
    control.configure(portone.parts, control.Config(v1_webhook_url=V1_WEBHOOK_URL, v1_webhook_retries=RETRIES))


def window_of(purchase: Purchase, amount: int, channel: str) -> dict[str, Any]:
    """What `IMP.request_pay` is given."""
    return {
        "pay_method": METHODS[purchase.method],
        "name": purchase.name,
        "amount": amount,
        "tax_free": purchase.tax_free,
        "channelKey": channel,
    }


class Elders:
    """A shop whose page still uses V1."""

    def __init__(self, scene: Scene) -> None:
        self._chance = scene.chance
        self._portone = scene.portone
        self._door = scene.door
        self._notes = scene.notes

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        shown = [one for one in purchases if one.api == "v1" and one.windows][-RECENT:]
        if shown:
            may("shop: is shown an imp_uid", 7, lambda: self._show(self._chance.choice(shown), shown))

    async def _show(self, purchase: Purchase, others: Sequence[Purchase]) -> None:
        """A browser brings an imp_uid back: its own, or that of another purchase, paid and real."""
        of = self._chance.choice((purchase, purchase, self._chance.choice(others)))
        imp_uid = self._chance.choice(of.windows)

        async def ask(web: Process) -> None:
            run, portone = web.wired.request, web.wired.portone
            try:
                verdict = await verify_imp_uid(imp_uid, purchase.payment_id or "", actor=SHOP, run=run, portone=portone)
            except ImpUidOfAnotherPayment:
                self._notes.sometimes("an imp_uid of another payment was refused")
                if of is purchase:
                    self._notes.problem(f"an imp_uid of {purchase.name} was taken for another's")
                return
            self._notes.say(f"{purchase.name}: shown an imp_uid, paid {verdict.is_paid}")
            if of is not purchase:
                self._notes.problem(f"an imp_uid of {of.name} was taken for one of {purchase.name}")
            if not verdict.is_paid:
                return
            purchase.is_delivered = True
            self._notes.sometimes("an imp_uid was paid")
            if paid_attempt(self._portone.world, purchase.payment_id) is None:
                self._notes.problem(f"the shop was told that {purchase.name} is paid, and it is not")

        await self._door.ask(ask)
