"""Payers and their windows: they pay, decline, leave, linger, come back, and now and then pay another sum."""

from collections.abc import Sequence
from typing import Any

from jangbu import sandbox
from jangbu.ids import from_facts
from jangbu.payments.service.initialize import portone_id_of
from jangbu.sandbox.control import approve_late
from jangbu.simulator import approvals, bank, elders, visits
from jangbu.simulator.approvals import Approvals
from jangbu.simulator.crew import Crew
from jangbu.simulator.model import Purchase, paid_attempt
from jangbu.simulator.script import May, Scene

RECENT = 4
AT_ONCE, AT_ONCE_AT_CHECKOUT = 0.6, 0.9
PRODUCTS = [{"id": "tea", "name": "보리차", "amount": 1, "quantity": 1}]


def _code(told: dict[str, Any]) -> str | None:
    """Why it did not go well, by either API; None where it did."""
    code = told.get("code", told.get("error_code"))
    return None if code is None else str(code)


class Payers:
    """Everybody in front of a window."""

    def __init__(self, scene: Scene, approvals_: Approvals, crew: Crew) -> None:
        self._mix = scene.mix
        self._chance = scene.chance
        self._portone = scene.portone
        self._notes = scene.notes
        self._approvals = approvals_
        self._crew = crew

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        if any(one.windows for one in purchases if one.visit is not None):
            may("payer: lingers", 3, lambda: self._linger(purchases))
        if any(one.windows for one in purchases):
            may("payer: decides", 12, lambda: self._decide(purchases))
            may("PG: approves late", 2, self._approve_late)

    async def open(self, purchase: Purchase) -> None:
        """Open a window, and mostly decide in it at once."""
        if purchase.payment_id is None:
            return
        channel = approvals.CHANNEL if purchase.is_confirmed_by_us else sandbox.CARD_CHANNEL
        if self._chance.randrange(1000) < self._mix.tamper:
            channel = sandbox.LIVE_CHANNEL
        if purchase.api == "v1":
            opened = await self._portone.v1_open(
                purchase.payment_id, **elders.window_of(purchase, purchase.amount, channel)
            )
        else:
            opened = await self._portone.open(purchase.payment_id, **{**self._asked(purchase), "channelKey": channel})
        if (code := _code(opened)) is not None:
            self._notes.sometimes(f"the window stayed shut: {code}")
            return
        if purchase.windows:
            self._notes.sometimes("a second window was opened")
        purchase.windows.append(opened.get("txId") or opened["imp_uid"])
        if self._chance.random() < (AT_ONCE if purchase.visit is None else AT_ONCE_AT_CHECKOUT):
            await self._act_in(purchase, purchase.windows[-1])

    def _asked(self, purchase: Purchase) -> dict[str, Any]:
        return visits.window_of(purchase) or {
            "orderName": purchase.name,
            "taxFreeAmount": purchase.tax_free,
            "totalAmount": purchase.amount,
            "currency": purchase.currency,
            "payMethod": purchase.method,
            **(bank.wish(self._chance) if purchase.is_by_account else {}),
            **({"isEscrow": True, "products": PRODUCTS} if purchase.is_in_escrow else {}),
        }

    async def _decide(self, purchases: Sequence[Purchase]) -> None:
        windows = [(one, opened) for one in purchases for opened in one.windows]
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
        self._notes.sometimes(f"payer: {action}")
        self._notes.say(f"{purchase.name}: {action}, told {_code(told) or 'fine'}")
        if _code(told) == "PaymentAlreadyPaid":
            self._notes.sometimes("a second success was refused by PortOne")
        await self._approvals.hear(purchase, told)

    async def _linger(self, purchases: Sequence[Purchase]) -> None:
        """Somebody is in the bank's app for so long that their session is over, and its stock is for sale again."""
        await self._portone.clock.move(visits.PAST_ITS_TIME)
        self._notes.say("a session's time passes")
        await self._crew.some_minute()
        undecided = [
            (one, opened)
            for one in purchases
            for opened in one.windows
            if one.visit is not None and self._is_undecided(opened)
        ]
        if undecided and self._chance.random() < 0.7:
            await self._act_in(*self._chance.choice(undecided[-RECENT:]))

    async def _approve_late(self) -> None:
        failed = [
            attempt
            for attempt in self._portone.world.attempts()
            if attempt.status == "FAILED" and paid_attempt(self._portone.world, attempt.payment_id) is None
        ]
        if failed:
            attempt = self._chance.choice(failed)
            approve_late(self._portone.parts, attempt.transaction_id)
            self._notes.sometimes("a failed attempt was approved late")
            self._notes.say(f"{attempt.order.order_name}: approved late")

    async def tamper(self, purchase: Purchase) -> None:
        """Somebody who knows how ids are made pays another sum before we fixed the right one."""
        if purchase.order_id is not None:
            payment_id = portone_id_of(sandbox.STORE_ID, purchase.order_id)
        elif purchase.idempotency_key is not None:
            payment_id = from_facts("key", sandbox.STORE_ID, purchase.idempotency_key)
        amount = purchase.amount + self._chance.choice((100, 1, 5_000))
        if purchase.api == "v1":
            told = await self._portone.v1_open(payment_id, **elders.window_of(purchase, amount, sandbox.CARD_CHANNEL))
            if _code(told) is None:
                told = await self._portone.decide(told["imp_uid"], "approve")
        else:
            currency = self._chance.choice((purchase.currency, "KRW"))
            told = await self._portone.pay(payment_id, orderName=purchase.name, totalAmount=amount, currency=currency)
        code = _code(told) or "paid"
        self._notes.sometimes(f"tampered: {code}")
        self._notes.say(f"{purchase.name}: tampered, told {code}")
