"""Who acts in a play: the shop, its payers, PortOne, the workers, the operator, and time."""

from collections.abc import Sequence
from datetime import timedelta

from jangbu.audit import Actor
from jangbu.payments.refusals import IdempotencyKeyReused, OrderHasOtherTerms, PaymentUnknown, PreRegistrationRefused
from jangbu.payments.rules import Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find, sync
from jangbu.payments.service.verify import verify
from jangbu.simulator.approvals import Approvals
from jangbu.simulator.bank import Bank
from jangbu.simulator.complaints import Complaints
from jangbu.simulator.crew import Crew
from jangbu.simulator.elders import Elders
from jangbu.simulator.machine import Machine, Process
from jangbu.simulator.merchant import Merchant
from jangbu.simulator.model import Purchase, paid_attempt
from jangbu.simulator.parcels import Parcels
from jangbu.simulator.payers import PRODUCTS, Payers
from jangbu.simulator.post import Post
from jangbu.simulator.receipts import Receipts
from jangbu.simulator.refunds import RefundDesk
from jangbu.simulator.script import Action, Scene, Work
from jangbu.simulator.visits import Visits

SHOP = Actor("key:shop")
OPERATOR = Actor("cli:operator")
RECENT = 8
STEPS_PER_ORDER = 9
IN_ESCROW = 0.7


class Cast:
    """Everybody, with what each of them remembers."""

    def __init__(self, scene: Scene, workers: Sequence[Machine], merchant: Merchant) -> None:
        self._mix = scene.mix
        self._chance = scene.chance
        self._portone = scene.portone
        self._line = scene.line
        self._door = scene.door
        self._notes = scene.notes
        self._machines = (*workers, *scene.door.webs)
        self.merchant = merchant
        self.post = Post(scene)
        self.crew = Crew(scene, workers)
        self.refunds = RefundDesk(scene)
        self.approvals = Approvals(scene)
        self.payers = Payers(scene, self.approvals, self.crew)
        self.visits = Visits(scene, self.payers.open)
        self.bank = Bank(scene)
        self.elders = Elders(scene)
        self.complaints = Complaints(scene)
        self.receipts = Receipts(scene)
        self.parcels = Parcels(scene)
        self.purchases: list[Purchase] = []
        self._hot: Purchase

    def choices(self, steps_left: int) -> list[Action]:
        """What may happen now."""
        found: list[Action] = []

        def may(label: str, weight: int, work: Work) -> None:
            if weight:
                found.append(Action(label, weight, work))

        if steps_left > STEPS_PER_ORDER:
            may("shop: order", 6, self._order)
        if self.purchases:
            may("shop: again", 7, lambda: self._initialize(self._recent()))
            may("shop: verify", 7, lambda: self._verify(self._recent()))
            may("payer: window", 5, lambda: self.payers.open(self._recent()))
        # Most of what goes wrong goes wrong before anything is paid. Those who still want to buy come again.
        recent = self.purchases[-RECENT:]
        if unheard := [one for one in recent if one.payment_id is None]:
            may("shop: asks on", 12, lambda: self._initialize(self._chance.choice(unheard)))
        world = self._portone.world
        if unpaid := [one for one in recent if one.payment_id and paid_attempt(world, one.payment_id) is None]:
            may("payer: comes to pay", 16, lambda: self.payers.open(self._chance.choice(unpaid)))
            may("payer: tampers", self._mix.tamper // 20, lambda: self.payers.tamper(self._recent()))
            may("operator: sync", 2, lambda: self.sync(self._recent()))
        self.payers.choices(may, self.purchases)
        self.post.choices(may)
        self.bank.choices(may, self.purchases)
        self.visits.choices(may, self.purchases)
        self.approvals.choices(may, self.purchases)
        self.refunds.choices(may, self.purchases)
        self.elders.choices(may, self.purchases)
        self.complaints.choices(may, self.purchases)
        self.receipts.choices(may, self.purchases)
        self.parcels.choices(may, self.purchases)
        self.merchant.choices(may)
        may("PortOne: away", self._mix.outage // 10, self._go_away)
        self.crew.choices(may)
        if down := [one for one in self._machines if not one.is_up]:
            # With nobody at home hardly anything can happen: then it is seen sooner.
            urgency = 1 if any(web.is_up for web in self._door.webs) else 12
            may("operator: restarts", urgency * ((1000 - self._mix.stays_down) // 40 + 4), lambda: self._restart(down))
        # While PortOne is away nothing but waiting helps anybody.
        may("time passes", 24 if self._line.is_away else 8, self._move)
        return found

    # The shop.

    def _recent(self) -> Purchase:
        # Often the one that somebody just dealt with: what meets there is what interests us.
        if self._chance.random() < 0.5:
            return self._hot
        self._hot = self._chance.choice(self.purchases[-RECENT:])
        return self._hot

    async def _order(self) -> None:
        number = len(self.purchases) + 1
        amount = self._chance.choice((1_000, 11_000, 990, 35_910, self._chance.randint(100, 999_999)))
        kind = self._chance.randrange(10)
        purchase = Purchase(
            number=number,
            name=f"order {number}",
            order_id=f"order-{number}" if kind < 7 else None,
            idempotency_key=f"key-{number}",
            amount=amount,
            tax_free=self._chance.choice((0, 0, 0, amount // 2, amount)),
            currency="USD" if self._chance.random() < 0.1 else "KRW",
            made_at=self._portone.clock.now(),
        )
        self._decide_how(purchase)
        self.purchases.append(purchase)
        self._hot = purchase
        await self._initialize(purchase)

    def _decide_how(self, purchase: Purchase) -> None:
        """By which API and method it is paid, where, and what comes with it."""
        custom = self._mix.custom
        roll = self._chance.randrange(1000)
        if purchase.currency == "KRW" and roll < custom.by_account + custom.by_transfer:
            purchase.method = "VIRTUAL_ACCOUNT" if roll < custom.by_account else "TRANSFER"
        if self.visits.wares and self._chance.randrange(1000) < custom.at_checkout:
            self.visits.plan(purchase)
        elif purchase.currency == "KRW" and self._chance.randrange(1000) < custom.by_v1:
            purchase.api = "v1"
        if purchase.api == "v2":
            purchase.is_confirmed_by_us = self._chance.randrange(1000) < custom.by_approval
        if purchase.is_in_cash:
            self.receipts.wish(purchase)
            purchase.is_in_escrow = bool(custom.escrow) and self._chance.random() < IN_ESCROW

    async def _initialize(self, purchase: Purchase) -> None:
        if purchase.visit is not None:
            await self.visits.arrive(purchase)
            return
        purchase.asked += 1
        # Only once it is written down: until then, whatever comes first are the terms.
        other_terms = bool(purchase.payment_ids) and self._chance.random() < 0.05
        order = Order(
            amount=purchase.amount + other_terms,
            currency=purchase.currency,
            order_name=purchase.name,
            tax_free_amount=purchase.tax_free,
            order_id=purchase.order_id,
            idempotency_key=purchase.idempotency_key,
            api=purchase.api,
            receipt=purchase.receipt,
            is_escrow=purchase.is_in_escrow,
            products=PRODUCTS if purchase.is_in_escrow else None,
        )

        async def ask(web: Process) -> None:
            run = web.wired.request
            try:
                payment = await initialize(order, actor=SHOP, run=run, portone=web.wired.portone)
            except (OrderHasOtherTerms, IdempotencyKeyReused):
                if not other_terms:
                    raise
                return
            except PreRegistrationRefused:
                # Passed on from a PG, it may be said of a call that did what it was asked.
                self._notes.sometimes("the amount was refused in advance")
                return
            if payment.status is not Status.REGISTRATION_FAILED:
                purchase.payment_ids.add(payment.provider_order_id)
            self._notes.say(f"{purchase.name} is {payment.status}")

        if purchase.asked > 1:
            self._notes.sometimes("the shop asked again")
        await self._door.ask(ask)

    async def _verify(self, purchase: Purchase) -> None:
        if purchase.payment_id is None:
            return
        payment_id = purchase.payment_id

        async def ask(web: Process) -> None:
            verdict = await verify(payment_id, actor=SHOP, run=web.wired.request, portone=web.wired.portone)
            self._notes.say(f"{purchase.name}: paid {verdict.is_paid}, {verdict.payment.status} {verdict.mismatch}")
            if not verdict.is_paid:
                return
            purchase.is_delivered = True
            if paid_attempt(self._portone.world, payment_id) is None:
                self._notes.problem(f"the shop was told that {purchase.name} is paid, and it is not")

        await self._door.ask(ask)

    # The operator, PortOne's weather, and time.

    async def sync(self, purchase: Purchase) -> None:
        """The operator has one payment read again."""
        payment_id = purchase.payment_id
        if payment_id is None:
            return

        async def ask(web: Process) -> None:
            try:
                payment = await find(payment_id, run=web.wired.system)
                payment = await sync(payment, actor=OPERATOR, run=web.wired.system, portone=web.wired.portone)
            except PaymentUnknown:
                self._notes.problem(f"the shop was told the id {payment_id}, and there is no such payment")
                return
            self._notes.say(f"{payment.order_name}: synced, {payment.status}")

        await self._door.ask(ask)

    async def _restart(self, down: list[Machine]) -> None:
        machine = self._chance.choice(down)
        machine.start()
        self._notes.say(f"{machine.name} starts again")

    async def _go_away(self) -> None:
        hours = self._chance.choice((0.1, 1, 6))
        self._line.down_until = self._portone.clock.now() + timedelta(hours=hours)
        self._notes.say(f"PortOne is away for {hours} h")

    async def _move(self) -> None:
        seconds = self._chance.choice((1, 2, 10, 45, 70, 130, 310, 1_000, 3_700, 11_000))
        if self._chance.random() < 0.05:
            seconds = self._chance.choice((22_000, 90_000, 200_000))
        await self._portone.clock.move(timedelta(seconds=seconds))
        self._notes.say(f"{seconds} s pass")
