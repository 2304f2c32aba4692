"""Payers on a channel with manual approval: they agree, and no money moves before the shop's server says so (B2)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from jangbu import sandbox
from jangbu.audit import Actor
from jangbu.checkout.service.confirm import confirm_session
from jangbu.errors import Refusal, Unavailable
from jangbu.payments.confirm.refusals import ConfirmInProgress
from jangbu.payments.confirm.service import UNDER_WAY, Agreed, confirm
from jangbu.sandbox.testing import Sandbox
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, paid_attempt
from jangbu.simulator.script import May, Scene

SHOP = Actor("key:shop")
CHANNEL = "channel-key-00000000-0000-4000-8000-000000000077"
RECENT = 5
AT_ONCE = 0.8


def open_channel(portone: Sandbox) -> None:
    """A channel that waits for the server's approval, beside those of the default world."""
    channels = portone.world.state.channels
    channels[CHANNEL] = msgspec.structs.replace(
        channels[sandbox.CARD_CHANNEL], key=CHANNEL, id=CHANNEL.replace("key", "id"), approves_manually=True
    )


class Approvals:
    """The shop's server, when a browser is back from such a channel."""

    def __init__(self, scene: Scene) -> None:
        self.chance = scene.chance
        self.portone = scene.portone
        self.door = scene.door
        self.notes = scene.notes
        self.busy: set[str] = set()
        """Orders of which the shop was told that they are being approved."""

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        if agreed := [one for one in purchases if one.agreed][-RECENT:]:
            may("shop: approves", 8, lambda: self._approve(self.chance.choice(agreed)))

    async def hear(self, purchase: Purchase, told: dict[str, Any]) -> None:
        """What the window answered: perhaps the payer's agreement, with which most shops lose no time."""
        if "paymentToken" not in told:
            return
        purchase.agreed.append(Agreed(told["paymentToken"], told["txId"]))
        self.notes.sometimes("a payer agreed, and nothing is taken yet")
        if self.chance.random() < AT_ONCE:
            await self._approve(purchase)
            if purchase.name in self.busy:
                # As the refusal advises: whoever began it has an answer by then, or is dead.
                await self.portone.clock.move(UNDER_WAY + timedelta(seconds=5))
                await self._approve(purchase)

    async def _approve(self, purchase: Purchase) -> None:
        # Mostly the latest; an older one is what a browser that was left open brings back.
        agreed = purchase.agreed[-1] if self.chance.random() < 0.8 else self.chance.choice(purchase.agreed)

        self.busy.discard(purchase.name)

        async def ask(web: Process) -> None:
            run, portone = web.wired.request, web.wired.portone
            try:
                if purchase.visit is not None:
                    session_id = purchase.visit.session_id
                    shown = await confirm_session(session_id, agreed, actor=SHOP, run=run, portone=portone)
                    is_paid = shown.phase == "paid"
                else:
                    verdict = await confirm(
                        purchase.payment_id or "",
                        agreed,
                        actor=SHOP,
                        run=run,
                        portone=portone,
                        approves=web.wired.approves,
                    )
                    is_paid = verdict.is_paid
            except Unavailable:
                raise
            except Refusal as refusal:
                self.notes.sometimes(f"an approval was refused: {refusal.code}")
                if isinstance(refusal, ConfirmInProgress):
                    self.busy.add(purchase.name)
                self.notes.say(f"{purchase.name}: not approved, {refusal.code}")
                return
            self.notes.say(f"{purchase.name}: approved, paid {is_paid}")
            self.notes.sometimes("the shop was told that what it approved is paid" if is_paid else "approved, not paid")
            if not is_paid:
                return
            purchase.is_delivered = True
            if paid_attempt(self.portone.world, purchase.payment_id) is None:
                self.notes.problem(f"the shop was told that {purchase.name} is approved and paid, and it is not")

        await self.door.ask(ask)
