"""Who acts in a play: the shop, its payers, PortOne, the workers, the operator, and time."""

from datetime import datetime, timedelta

from jangbu import sandbox
from jangbu.audit import Actor
from jangbu.ids import Chance, from_facts
from jangbu.payments.refusals import IdempotencyKeyReused, OrderHasOtherTerms, PaymentUnknown, PreRegistrationRefused
from jangbu.payments.rules import Status
from jangbu.payments.service.initialize import Order, initialize, portone_id_of
from jangbu.payments.service.sync import find, sync
from jangbu.payments.service.verify import verify
from jangbu.sandbox.control import approve_late
from jangbu.sandbox.core.webhook_records import Delivery
from jangbu.sandbox.testing import Sandbox
from jangbu.simulator import approvals, bank, visits
from jangbu.simulator.crew import Crew
from jangbu.simulator.machine import Machine, Process
from jangbu.simulator.merchant import Merchant
from jangbu.simulator.mix import Mix
from jangbu.simulator.model import Purchase
from jangbu.simulator.outside import Door, LineToPortOne, headers_forged
from jangbu.simulator.refunds import RefundDesk
from jangbu.simulator.script import Action, Notes, Work

SHOP = Actor("key:shop")
OPERATOR = Actor("cli:operator")
LIVE_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000003"
RECENT = 8
STEPS_PER_ORDER = 9
BY_ACCOUNT, AT_CHECKOUT, BY_APPROVAL = 0.3, 0.4, 0.25


class Cast:
    """Everybody, with what each of them remembers. `say` writes the trace."""

    def __init__(
        self,
        *,
        mix: Mix,
        chance: Chance,
        portone: Sandbox,
        line: LineToPortOne,
        door: Door,
        workers: list[Machine],
        merchant: Merchant,
        notes: Notes,
    ) -> None:
        self._mix = mix
        self._chance = chance
        self._portone = portone
        self._line = line
        self._door = door
        self._workers = workers
        self._say = notes.say
        self._sometimes = notes.sometimes
        self._problem = notes.problem
        self.merchant = merchant
        self.crew = Crew(chance=chance, workers=workers, notes=notes)
        self.refunds = RefundDesk(mix=mix, chance=chance, portone=portone, line=line, door=door, notes=notes)
        self.approvals = approvals.Approvals(chance, portone, door, notes)
        self.visits = visits.Visits(chance, portone, door, notes, self._open)
        self.bank = bank.Bank(mix=mix, chance=chance, portone=portone, door=door, notes=notes)
        self.purchases: list[Purchase] = []
        self._hot: Purchase
        self._webhooks_from: datetime | None = None

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
            may("payer: window", 10, self._open_window)
            may("payer: tampers", self._mix.tamper // 20, self._tamper)
            may("operator: sync", 2, self._operator_syncs)
        if any(one.windows for one in self.purchases if one.visit is not None):
            may("payer: lingers", 2, self._linger)
        if any(one.windows for one in self.purchases):
            may("payer: decides", 12, self._decide)
            may("PG: approves late", 2, self._approve_late)
        if due := self.due_webhooks():
            may("PortOne: webhook", 14, lambda: self._deliver(self._chance.choice(due)))
        if self._mix.webhook_forged and self._portone.world.state.deliveries:
            may("somebody: forges", 1 + self._mix.webhook_forged // 20, self._forge)
        self.bank.choices(may, self.purchases)
        self.visits.choices(may, self.purchases)
        self.approvals.choices(may, self.purchases)
        self.refunds.choices(may, self.purchases)
        self.merchant.choices(may)
        may("PortOne: away", self._mix.outage // 10, self._go_away)
        may("PortOne: sends no webhooks", self._mix.webhook_outage // 10, self._fall_silent)
        self.crew.choices(may)
        down = [one for one in (*self._workers, *self._door.webs) if not one.is_up]
        if down:
            may("operator: restarts", (1000 - self._mix.stays_down) // 40 + 4, lambda: self._restart(down))
        may("time passes", 8, self._move)
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
        purchase.is_confirmed_by_us = self._chance.random() < BY_APPROVAL
        purchase.is_by_account = purchase.currency == "KRW" and self._chance.random() < BY_ACCOUNT
        if self.visits.wares and self._chance.random() < AT_CHECKOUT:
            self.visits.plan(purchase)
        self.purchases.append(purchase)
        self._hot = purchase
        await self._initialize(purchase)

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
        )

        async def ask(web: Process) -> None:
            run = web.wired.request
            try:
                payment = await initialize(order, actor=SHOP, run=run, portone=web.wired.portone)
            except OrderHasOtherTerms:
                if not other_terms:
                    raise
                return
            except IdempotencyKeyReused:
                if not other_terms:
                    raise
                return
            except PreRegistrationRefused:
                # Passed on from a PG, it may be said of a call that did what it was asked.
                self._sometimes("the amount was refused in advance")
                return
            if payment.status is not Status.REGISTRATION_FAILED:
                purchase.payment_ids.add(payment.provider_order_id)
            self._say(f"{purchase.name} is {payment.status}")

        if purchase.asked > 1:
            self._sometimes("the shop asked again")
        await self._door.ask(ask)

    async def _verify(self, purchase: Purchase) -> None:
        if purchase.payment_id is None:
            return
        payment_id = purchase.payment_id

        async def ask(web: Process) -> None:
            verdict = await verify(payment_id, actor=SHOP, run=web.wired.request, portone=web.wired.portone)
            self._say(f"{purchase.name}: paid {verdict.is_paid}, {verdict.payment.status} {verdict.mismatch}")
            if not verdict.is_paid:
                return
            purchase.is_delivered = True
            known = self._portone.payment(payment_id)
            if known is None or known.succeeded is None:
                self._problem(f"the shop was told that {purchase.name} is paid, and it is not")

        await self._door.ask(ask)

    # The payer.

    async def _open_window(self) -> None:
        await self._open(self._recent())

    async def _open(self, purchase: Purchase) -> None:
        if purchase.payment_id is None:
            return
        channel = approvals.CHANNEL if purchase.is_confirmed_by_us else sandbox.CARD_CHANNEL
        if self._chance.randrange(1000) < self._mix.tamper:
            channel = LIVE_CHANNEL
        asked = visits.window_of(purchase) or {
            "orderName": purchase.name,
            "taxFreeAmount": purchase.tax_free,
            "totalAmount": purchase.amount,
            "currency": purchase.currency,
            **(bank.wish(self._chance) if purchase.is_by_account else {}),
        }
        opened = await self._portone.open(purchase.payment_id, **{**asked, "channelKey": channel})
        if "txId" not in opened:
            self._sometimes(f"the window stayed shut: {opened['code']}")
            return
        if purchase.windows:
            self._sometimes("a second window was opened")
        purchase.windows.append(opened["txId"])
        if self._chance.random() < 0.6:
            await self._act_in(purchase, opened["txId"])

    async def _decide(self) -> None:
        windows = [(one, opened) for one in self.purchases for opened in one.windows]
        # Mostly one that is still open, for however long: of the others the answer is known beforehand.
        undecided = [(one, opened) for one, opened in windows if self._is_undecided(opened)]
        await self._act_in(*self._chance.choice(undecided if undecided and self._chance.random() < 0.8 else windows))

    def _is_undecided(self, transaction_id: str) -> bool:
        attempt = self._portone.world.attempt(transaction_id)
        return attempt is not None and attempt.status == "READY" and attempt.payment_token is None

    async def _act_in(self, purchase: Purchase, transaction_id: str) -> None:
        roll = self._chance.randrange(1000)
        action = "decline" if roll < self._mix.decline else "close" if roll < self._mix.decline + 80 else "approve"
        told = await self._portone.decide(transaction_id, action)
        self._sometimes(f"payer: {action}")
        self._say(f"{purchase.name}: {action}, told {told.get('code', 'fine')}")
        if told.get("code") == "PaymentAlreadyPaid":
            self._sometimes("a second success was refused by PortOne")
        await self.approvals.hear(purchase, told)

    async def _linger(self) -> None:
        """Somebody is in the bank's app for so long that their session is over, and its stock is for sale again."""
        await self._portone.clock.move(visits.PAST_ITS_TIME)
        self._say("a session's time passes")
        up = [one for one in self._workers if one.is_up]
        if up:
            await self.crew.minute(self._chance.choice(up))

    async def _approve_late(self) -> None:
        failed = [
            attempt
            for attempt in self._portone.world.attempts()
            if attempt.status == "FAILED" and not self._is_paid(attempt.payment_id)
        ]
        if failed:
            attempt = self._chance.choice(failed)
            approve_late(self._portone.parts, attempt.transaction_id)
            self._sometimes("a failed attempt was approved late")
            self._say(f"{attempt.order.order_name}: approved late")

    async def _tamper(self) -> None:
        """Somebody who knows how ids are made pays another sum before we fixed the right one."""
        purchase = self._recent()
        if purchase.order_id is not None:
            payment_id = portone_id_of(sandbox.STORE_ID, purchase.order_id)
        elif purchase.idempotency_key is not None:
            payment_id = from_facts("key", sandbox.STORE_ID, purchase.idempotency_key)
        told = await self._portone.pay(
            payment_id,
            orderName=purchase.name,
            totalAmount=purchase.amount + self._chance.choice((100, 1, 5_000)),
            currency=self._chance.choice((purchase.currency, "KRW")),
        )
        self._sometimes(f"tampered: {told.get('code', 'paid')}")
        self._say(f"{purchase.name}: tampered, told {told.get('code', 'paid')}")

    def _is_paid(self, payment_id: str) -> bool:
        known = self._portone.payment(payment_id)
        return known is not None and known.succeeded is not None

    # PortOne.

    def due_webhooks(self) -> list[Delivery]:
        """What PortOne would send now."""
        now = self._portone.clock.now()
        return [
            one for one in self._portone.world.state.deliveries if one.state == "WAITING" and one.next_try_at <= now
        ]

    async def _deliver(self, delivery: Delivery) -> None:
        roll = self._chance.randrange(1000)
        if self._webhooks_from is not None and self._portone.clock.now() < self._webhooks_from:
            # All of its tries fall into these hours: what PortOne has given up on, it does not send later.
            delivery.state = "LOST"
            self._sometimes("a webhook fell into an outage")
            return
        if not delivery.tries and roll < self._mix.webhook_lost:
            delivery.state = "LOST"
            self._sometimes("a webhook was lost")
            return
        if roll >= 1000 - self._mix.webhook_again:
            delivery = self._chance.choice(self._portone.world.state.deliveries)
        await self.deliver(delivery)

    async def deliver(self, delivery: Delivery) -> None:
        """Send one webhook now, the first time or again."""
        await self._portone.parts.courier.resend(delivery)
        self._say(f"{delivery.type} of {delivery.payment_id[:6]}: {delivery.tries[-1].status}")

    async def _forge(self) -> None:
        """Somebody saw a webhook on its way, and sends one like it."""
        tried = [one for one in self._portone.world.state.deliveries if one.tries]
        if not tried:
            return
        delivery = self._chance.choice(tried)
        seen = self._chance.choice(delivery.tries).headers
        how = self._chance.choice(("signature", "none", "old"))
        try:
            status, _, _ = await self._door(delivery.url, headers_forged(seen, how), delivery.body.encode())
        except ConnectionError:
            return
        self._sometimes("a forged webhook was refused")
        if status < 400:
            self._problem(f"a forged webhook ({how}) was answered {status}")

    async def _go_away(self) -> None:
        hours = self._chance.choice((0.1, 1, 6))
        self._line.down_until = self._portone.clock.now() + timedelta(hours=hours)
        self._say(f"PortOne is away for {hours} h")

    async def _fall_silent(self) -> None:
        hours = self._chance.choice((1, 6, 30))
        self._webhooks_from = self._portone.clock.now() + timedelta(hours=hours)
        self._say(f"PortOne sends no webhooks for {hours} h")

    # The operator, and time.

    async def _operator_syncs(self) -> None:
        purchase = self._recent()
        if purchase.payment_id is not None:
            await self.sync(purchase.payment_id)

    async def sync(self, payment_id: str) -> None:
        """The operator has one payment read again."""

        async def ask(web: Process) -> None:
            try:
                payment = await find(payment_id, run=web.wired.system)
                payment = await sync(payment, actor=OPERATOR, run=web.wired.system, portone=web.wired.portone)
            except PaymentUnknown:
                self._problem(f"the shop was told the id {payment_id}, and there is no such payment")
                return
            self._say(f"{payment.order_name}: synced, {payment.status}")

        await self._door.ask(ask)

    async def _restart(self, down: list[Machine]) -> None:
        machine = self._chance.choice(down)
        machine.start()
        self._say(f"{machine.name} starts again")

    async def _move(self) -> None:
        seconds = self._chance.choice((1, 2, 10, 45, 70, 130, 310, 1_000, 3_700, 11_000))
        if self._chance.random() < 0.05:
            seconds = self._chance.choice((22_000, 90_000, 200_000))
        await self._portone.clock.move(timedelta(seconds=seconds))
        self._say(f"{seconds} s pass")
