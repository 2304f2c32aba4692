"""Hosted checkout in a play: a shop with few of everything, and payers who want the same last piece."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from jangbu.audit import Actor
from jangbu.checkout.item_rules import Wish
from jangbu.checkout.refusals import (
    ItemNotSold,
    OutOfStock,
    SessionAlreadyPaid,
    SessionAwaitsMoney,
    SessionNotAbandonable,
    SessionOver,
    StockTooLow,
    TooManyTries,
)
from jangbu.checkout.rules import Phase, State
from jangbu.checkout.service.complete import complete
from jangbu.checkout.service.items import ItemChange, NewItem, add_item, change_item
from jangbu.checkout.service.prepare import prepare
from jangbu.checkout.service.sessions import NewSession, Shown, abandon, create_session
from jangbu.checkout.windows import window_request
from jangbu.payments.refusals import PreRegistrationRefused
from jangbu.payments.service.initialize import portone_id_of
from jangbu.sandbox import STORE_ID
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, Visit, paid_attempt
from jangbu.simulator.script import May, Scene

SHOP = Actor("key:shop")
PAYER = Actor("payer")
ITEMS_MAX = 2
STOCK = (1, 2, 2, 4)
PRICES = (5_500, 990, 12_000)
RECENT = 6
GOES_ON = 0.85
PRESSES_MAX = 3
REFUSALS_MAX = 2
"""So often a payer tries again after it is over."""
PAST_ITS_TIME = timedelta(minutes=41)
"""A session lives for 30 minutes, and 10 longer for whoever was in a window."""


@dataclass
class Ware:
    """What the shop knows of one of its items."""

    id: UUID
    prices: set[int]
    """Every price it was ever told to have."""
    stocked: int
    """At most so many were ever put on the shelf: what may have gone wrong is counted too."""


class Visits:
    """The shop's items, and everybody at its checkout. `opens` has a payer open a window."""

    def __init__(self, scene: Scene, opens: Callable[[Purchase], Coroutine[Any, Any, None]]) -> None:
        self.chance = scene.chance
        self.portone = scene.portone
        self.door = scene.door
        self.notes = scene.notes
        self.opens = opens
        self.wares: dict[UUID, Ware] = {}
        self.names: dict[str, str] = {}
        """What the visits are called, by the payments that PortOne has of them."""

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        if len(self.wares) < ITEMS_MAX:
            may("shop: adds an item", 10, self._add)
        else:
            may("shop: counts an item", 2, self._count)
        visits = [one for one in purchases if one.visit is not None and one.visit.session_id]
        going_on = [one for one in visits if one.visit is not None and one.visit.refusals < REFUSALS_MAX][-RECENT:]
        if going_on:
            may("payer: gets ready", 10, lambda: self.get_ready(self.chance.choice(going_on)))
            may("shop: calls a session off", 1, lambda: self._call_off(self.chance.choice(going_on)))
        if visits:
            may("payer: is back", 7, lambda: self._come_back(self.chance.choice(visits[-RECENT:])))

    # The shop.

    async def _add(self) -> None:
        price, stock = self.chance.choice(PRICES), self.chance.choice(STOCK)
        free = self.chance.choice((0, 0, price // 3))
        new = NewItem(name_ko=f"물건 {len(self.wares) + 1}", price=price, tax_free_price=free, stock=stock)

        async def ask(web: Process) -> None:
            item = await add_item(new, store_id=None, actor=SHOP, run=web.wired.request)
            self.wares[item.id] = Ware(item.id, {price}, stock)
            self.notes.say(f"{new.name_ko}: {stock} of it at {price}")

        await self.door.ask(ask)

    async def _count(self) -> None:
        ware = self.chance.choice(list(self.wares.values()))
        more, price = self.chance.choice((-1, 0, 1, 3)), self.chance.choice(PRICES)
        ware.prices.add(price)
        ware.stocked += max(more, 0)

        async def ask(web: Process) -> None:
            change = ItemChange(price=price, tax_free_price=0, stock_change=more)
            try:
                await change_item(ware.id, change, actor=SHOP, run=web.wired.request)
            except StockTooLow:
                self.notes.sometimes("what is promised was not taken off the shelf")

        await self.door.ask(ask)

    def plan(self, purchase: Purchase) -> None:
        """Make a visit to the checkout of a new purchase: one or two things, and never a price."""
        chosen = self.chance.sample(list(self.wares), self.chance.choice((1, 1, min(2, len(self.wares)))))
        wishes = tuple(Wish(one, self.chance.choice((1, 1, 1, 2))) for one in chosen)
        purchase.order_id, purchase.idempotency_key = f"visit-{purchase.number}", None
        purchase.name = f"visit {purchase.number}"
        purchase.currency, purchase.amount, purchase.tax_free = "KRW", 0, 0
        purchase.visit = Visit(wishes)
        self.names[portone_id_of(STORE_ID, purchase.order_id)] = purchase.name

    async def arrive(self, purchase: Purchase) -> None:
        """The shop makes the session, or asks for it again: an order has one."""
        visit = purchase.visit
        assert visit is not None
        assert purchase.order_id is not None
        new = NewSession(visit.wishes, order_id=purchase.order_id, customer_id=f"member-{purchase.number % 3}")

        async def ask(web: Process) -> None:
            shown = await create_session(new, store_id=None, actor=SHOP, run=web.wired.request)
            if visit.session_id not in ("", shown.session.session_id):
                self.notes.problem(f"{purchase.name} has two sessions")
            visit.session_id = shown.session.session_id
            if purchase.amount not in (0, shown.session.amount):
                self.notes.problem(f"{purchase.name} cost {purchase.amount}, and then {shown.session.amount}")
            purchase.amount, purchase.tax_free = shown.session.amount, shown.session.tax_free_amount
            self._judge_price(purchase, shown)
            self.notes.say(f"{purchase.name}: {purchase.amount}, {shown.phase}")

        await self._insist(ask)
        if visit.session_id and self.chance.random() < GOES_ON:
            await self.get_ready(purchase)

    def _judge_price(self, purchase: Purchase, shown: Shown) -> None:
        wrong = [one for one in shown.lines if one.unit_price not in self.wares[one.item_id].prices]
        if wrong or sum(one.unit_price * one.quantity for one in shown.lines) != shown.session.amount:
            self.notes.problem(f"{purchase.name} costs {shown.session.amount}, which is no sum of the shop's prices")

    async def _call_off(self, purchase: Purchase) -> None:
        async def ask(web: Process) -> None:
            try:
                shown = await abandon(_id(purchase), store_id=None, actor=SHOP, run=web.wired.request)
            except SessionNotAbandonable:
                self.notes.sometimes("a session was not called off: it is paid, or money may come")
                return
            self.notes.sometimes("a session was called off")
            if shown.session.state is State.PAID:
                self.notes.problem(f"{purchase.name} was called off, and is paid")

        await self.door.ask(ask)

    # Its payers.

    async def get_ready(self, purchase: Purchase) -> None:
        """The stock is promised, and PortOne told the amount: then a window may be opened."""
        method = "VIRTUAL_ACCOUNT" if purchase.is_by_account else "CARD"
        visit = purchase.visit
        assert visit is not None

        async def ask(web: Process) -> None:
            run, portone = web.wired.request, web.wired.portone
            try:
                ready = await prepare(_id(purchase), method=method, buyer=None, actor=PAYER, run=run, portone=portone)
            except SessionAlreadyPaid:
                self.notes.sometimes("a session is paid, and no window opens")
                visit.refusals += 1
                self._must_be_paid(purchase)
                return
            except (
                ItemNotSold, OutOfStock, SessionAwaitsMoney, SessionOver, TooManyTries, PreRegistrationRefused,
            ) as refusal:  # fmt: skip
                self.notes.sometimes(f"a payer was refused: {refusal.code}")
                visit.refusals += isinstance(refusal, SessionOver)
                return
            visit.request = window_request(ready, "ko", run)
            purchase.payment_ids.add(ready.payment_id)
            self.notes.say(f"{purchase.name}: ready")
            if ready.payment_id != portone_id_of(STORE_ID, purchase.order_id or ""):
                self.notes.problem(f"{purchase.name} is paid as {ready.payment_id}, which is another order's")

        await self._insist(ask)
        if window_of(purchase) is not None and self.chance.random() < GOES_ON:
            await self.opens(purchase)

    async def _insist(self, ask: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
        """Whoever wants to buy presses the button again when nothing comes back."""
        for _ in range(PRESSES_MAX):
            if await self.door.ask(ask):
                return

    async def _come_back(self, purchase: Purchase) -> None:
        async def ask(web: Process) -> None:
            shown = await complete(_id(purchase), actor=PAYER, run=web.wired.request, portone=web.wired.portone)
            self.notes.say(f"{purchase.name}: {shown.phase}")
            if shown.phase is Phase.PAID:
                purchase.is_delivered = True
                self._must_be_paid(purchase)
            self.notes.sometimes(f"a payer was shown: {shown.phase}")

        await self.door.ask(ask)

    def _must_be_paid(self, purchase: Purchase) -> None:
        if paid_attempt(self.portone.world, purchase.payment_id) is None:
            self.notes.problem(f"the payer of {purchase.name} was told that it is paid, and it is not")


def _id(purchase: Purchase) -> str:
    assert purchase.visit is not None
    return purchase.visit.session_id


def window_of(purchase: Purchase) -> dict[str, Any] | None:
    """What the hosted page opens the window with; None for other purchases, and until it is ready."""
    return None if purchase.visit is None else purchase.visit.request
