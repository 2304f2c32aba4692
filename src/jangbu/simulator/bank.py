"""Payers who are given an account to pay into: in time, late, another sum, twice, or never; and who closes it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from jangbu.audit import Actor
from jangbu.clock import instant
from jangbu.ids import Chance
from jangbu.payments.after.refusals import AccountCloseRefused, AccountNotWaiting
from jangbu.payments.after.service.close import close
from jangbu.sandbox.core import accounts
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase
from jangbu.simulator.script import May, Scene

SHOP = Actor("key:shop")
RECENT = 8
REFUSALS_MAX = 3
"""Then a payer gives up."""
VALID_HOURS = (1, 3, 24)
LEARNED_AFTER_S = (0, 0, 0, 40, 1_500)
"""When PortOne hears of a deposit: at once, or once the bank's own notices have gone round."""


def habits(chance: Chance) -> Inferred:
    """How banks and PGs treat accounts in this play: nobody has published it, so each way is played (facts §10.9)."""
    return Inferred(
        expired_account_becomes=chance.choice(
            ("FAILED", "CANCELLED", "VIRTUAL_ACCOUNT_ISSUED", "VIRTUAL_ACCOUNT_ISSUED")
        ),
        closed_account_becomes=chance.choice(("FAILED", "CANCELLED")),
        end_of_account_is_announced=chance.random() < 0.5,
        wrong_deposit_is_refused=chance.random() < 0.5,
        late_deposit_is_refused=chance.random() < 0.3,
        missing_refund_account_is=chance.choice(("PG_PROVIDER", "INVALID_REQUEST")),
    )


def wish(chance: Chance) -> dict[str, Any]:
    """What a shop's page asks of a window in which an account is issued."""
    expiry = {"accountExpiry": {"validHours": chance.choice(VALID_HOURS)}}
    return {"payMethod": "VIRTUAL_ACCOUNT", "virtualAccount": expiry}


class Bank:
    """Everybody who deals with the accounts that were issued."""

    def __init__(self, scene: Scene) -> None:
        self._door = scene.door
        self._mix = scene.mix
        self._chance = scene.chance
        self._portone = scene.portone
        self._notes = scene.notes
        self._refused: Counter[str] = Counter()

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        issued = [(one, attempt) for one in purchases if (attempt := self._account_of(one)) is not None]
        if not issued:
            return
        unpaid = [
            (one, attempt)
            for one, attempt in issued
            if not attempt.has_paid and self._refused[attempt.transaction_id] < REFUSALS_MAX
        ]
        waiting = [(one, attempt) for one, attempt in unpaid if accounts.is_open(attempt)]
        if unpaid:
            may("payer: deposits", 10, lambda: self._deposit(*self._chance.choice(unpaid[-RECENT:])))
        may("payer: deposits again", 1, lambda: self._deposit(*self._chance.choice(issued[-RECENT:])))
        if waiting:
            if ours := [one for one, _ in waiting if one.api == "v2"]:
                may("shop: closes an account", 5, lambda: self._call_off(self._chance.choice(ours[-RECENT:])))
            may("console: closes an account", 1, lambda: self._close(self._chance.choice(waiting[-RECENT:])[0]))
            may("an account ends", 1, lambda: self._outlive(self._chance.choice(waiting[-RECENT:])[1]))

    def _account_of(self, purchase: Purchase) -> Attempt | None:
        payment = self._portone.payment(purchase.payment_id) if purchase.payment_id else None
        return accounts.account_of(payment) if payment is not None else None

    async def _deposit(self, purchase: Purchase, attempt: Attempt) -> None:
        assert purchase.payment_id is not None
        asked = attempt.order.total_minor
        amount = self._chance.choice((None, None, None, None, asked + 100, asked // 2))
        was_open, was_paid = accounts.is_open(attempt), attempt.has_paid
        is_taken = await self._portone.deposit(
            purchase.payment_id,
            amount,
            is_silent=self._chance.randrange(1000) < self._mix.webhook_lost,
            known_after_s=self._chance.choice(LEARNED_AFTER_S),
        )
        what = "a second deposit" if was_paid else "a deposit"
        when = "in time" if was_open or was_paid else "late"
        sum_ = "" if amount is None else ", of another sum,"
        self._notes.sometimes(f"{what}{sum_} {when}: {'taken' if is_taken else 'refused'}")
        self._notes.say(f"{purchase.name}: {what} of {amount or asked}, {when}, taken {is_taken}")
        self._refused[attempt.transaction_id] += not is_taken
        if is_taken and was_paid:
            self._notes.problem(f"the bank took two deposits for {purchase.name}")

    async def _call_off(self, purchase: Purchase) -> None:
        """The shop no longer wants a deposit, while the payer may be at the bank."""

        async def ask(web: Process) -> None:
            try:
                closed = await close(
                    purchase.payment_id or "", actor=SHOP, run=web.wired.request, portone=web.wired.portone
                )
            except (AccountCloseRefused, AccountNotWaiting) as refusal:
                self._notes.sometimes(f"the shop closed no account: {refusal.code}")
                return
            self._notes.sometimes("the shop closed an account")
            self._notes.say(f"{purchase.name}: {closed.status}, its account is closed")
            payment = self._portone.payment(closed.provider_order_id)
            attempt = None if payment is None else payment.current
            if attempt is not None and awaits_deposit(attempt):
                self._notes.problem(f"the shop was told that the account of {purchase.name} is closed, and it is not")

        await self._door.ask(ask)

    async def _close(self, purchase: Purchase) -> None:
        payment = self._portone.payment(purchase.payment_id or "")
        assert payment is not None
        try:
            accounts.close(self._portone.world, payment, self._portone.clock.now())
        except ApiError as refusal:
            self._notes.sometimes(f"an account was not closed: {refusal.body['type']}")
            return
        self._notes.sometimes("an account was closed before anybody paid")
        self._notes.say(f"{purchase.name}: its account was closed")

    async def _outlive(self, attempt: Attempt) -> None:
        """Time passes until just before or after an account's end: what comes then is just in time, or late."""
        ends_at = end_of(attempt)
        assert ends_at is not None
        at = ends_at + timedelta(seconds=self._chance.choice((-60, -1, 0, 1, 90)))
        await self._portone.clock.move(max(at - self._portone.clock.now(), timedelta()))
        self._notes.say(f"it is {at - ends_at} from the end of an account")


def end_of(attempt: Attempt) -> datetime | None:
    """Until when an account takes money; None for what is no account."""
    said = (attempt.method or {}).get("expiredAt")
    return None if said is None else instant(said)


def awaits_deposit(attempt: Attempt) -> bool:
    """Whether a payer may still bring the money."""
    return accounts.has_number(attempt) and accounts.is_open(attempt)
