"""Payers who complain at the PG, issuers who take money back, and people who say how it ended (F42)."""

from collections.abc import Sequence
from datetime import timedelta

from jangbu.audit import Actor
from jangbu.payments.after.dispute_rules import DisputeStatus
from jangbu.payments.after.refusals import DisputeNotToDecide, DisputeUnknown
from jangbu.payments.after.service.disputes import active_disputes, end
from jangbu.payments.cancellations.service.cancel import Authority
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, paid_attempt
from jangbu.simulator.script import May, Scene

CLERK = Authority(Actor("console:clerk"), limits={"KRW": 5_000})
BOSS = Authority(Actor("console:boss"))
RECENT = 4
DISPUTES_MAX = 2
"""So often one payer complains."""


class Complaints:
    """Everybody who deals with a dispute. `told` is what people were told that they decided, by our ids."""

    def __init__(self, scene: Scene) -> None:
        self._weight = scene.mix.custom.disputes
        self._chance = scene.chance
        self._portone = scene.portone
        self._door = scene.door
        self._notes = scene.notes
        self.told: dict[str, str] = {}
        self._is_any = False

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        if not self._weight:
            return
        of_v2 = [paid_attempt(self._portone.world, one.payment_id) for one in purchases if one.api == "v2"]
        paid = [one for one in of_v2 if one is not None and one.status == "PAID"]
        calm = [one for one in paid if len(one.disputes) < DISPUTES_MAX][-RECENT:]
        hot = [one for one in paid if any(each.resolved_at is None for each in one.disputes)]
        if calm:
            may("payer: complains", self._weight, lambda: self._happens("dispute", self._chance.choice(calm)))
        if hot:
            may("PG: a dispute is over", 6, lambda: self._happens("resolve-dispute", self._chance.choice(hot)))
            may("issuer: takes money back", 2, lambda: self._take_back(self._chance.choice(hot)))
        if self._is_any:
            may("person: decides a dispute", 8, self._decide)

    async def _happens(self, order: str, paid: Attempt) -> None:
        # PortOne's lists name a payment by when it changed, and no two changes share their time.
        await self._portone.clock.move(timedelta(milliseconds=1))
        await self._portone.order(order, paid.payment_id)
        self._is_any = True
        self._notes.sometimes(f"the PG: {order}")
        self._notes.say(f"{order} of {paid.payment_id[:6]}")

    async def _take_back(self, paid: Attempt) -> None:
        await self._portone.clock.move(timedelta(milliseconds=1))
        amount = self._chance.choice((None, paid.order.total_minor // 2 or None))
        try:
            await self._portone.chargeback(paid.payment_id, amount)
        except ApiError as refusal:
            self._notes.sometimes(f"the issuer took nothing back: {refusal.body['type']}")
            return
        self._notes.sometimes("the issuer took money back")
        self._notes.say(f"chargeback of {paid.payment_id[:6]}: {amount or 'all'}")

    async def _decide(self) -> None:
        outcome = self._chance.choice((DisputeStatus.WON, DisputeStatus.LOST))
        who = self._chance.choice((CLERK, BOSS, BOSS))
        which = self._chance.random()

        async def ask(web: Process) -> None:
            run, portone = web.wired.request, web.wired.portone
            open_ = await active_disputes(run=run)
            # Mostly one that is for a person; the others are refused.
            mine = [one for one in open_ if one.status == DisputeStatus.UNTOLD] or open_
            if not mine:
                return
            one = mine[int(which * len(mine))]
            try:
                _, dispute = await end(one.id, outcome, who=who, run=run, portone=portone)
            except (DisputeNotToDecide, DisputeUnknown) as refusal:
                self._notes.sometimes(f"a dispute was not decided: {refusal.code}")
                return
            self._notes.say(f"a dispute of {one.order_name} is {dispute.status} {dispute.wanted_outcome}")
            if dispute.is_active:
                self._notes.sometimes("a dispute needs a second person")
                if who is BOSS:
                    self._notes.problem("the second person was not enough for a dispute")
                return
            self._notes.sometimes(f"a person decided a dispute: {dispute.status}")
            if (dispute.status, dispute.held_amount) != (outcome, 0):
                self._notes.problem(f"a dispute was decided {outcome}, and is {dispute.status}")
            if self.told.setdefault(str(one.id), outcome) != outcome:
                self._notes.problem(f"a dispute of {one.order_name} was decided both ways")

        await self._door.ask(ask)
