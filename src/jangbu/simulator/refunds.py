"""Who gives money back in a play: the shop and its clerk, a second person, PortOne's console, and slow PGs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from jangbu.audit import Actor
from jangbu.errors import Refusal, Unavailable
from jangbu.payments.cancellations.accounts import RefundAccount, checked
from jangbu.payments.cancellations.refusals import (
    CancelAmountExceeds,
    CancellationInProgress,
    CancellationNotWaiting,
    CancellationRefused,
    SecondPersonNeeded,
)
from jangbu.payments.cancellations.rules import OPEN, RESEND_WITHIN, Ask, Cancellation, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, approve, cancel, reject
from jangbu.payments.refusals import IdempotencyKeyReused
from jangbu.sandbox.core.problems import ApiError
from jangbu.simulator.machine import Process
from jangbu.simulator.model import Purchase, Refund, done_for, left_of, paid_attempt, under_way
from jangbu.simulator.script import May, Scene

SHOP = Authority(Actor("key:shop"))
CLERK = Authority(Actor("console:clerk"), limits={"KRW": 20_000, "USD": 20_000})
BOSS = Authority(Actor("console:boss"))
RECENT = 4
ITSELF, REJECTED = 0.2, 0.4
FORGOTTEN = 0.15
SILENT = 200
"""Of a thousand cancellations in the PG's own console, this many more are told to nobody."""
UNHEARD = 0.5
A_WHILE = timedelta(minutes=20)


class RefundDesk:
    """Everybody who gives money back, and what each of them was told."""

    def __init__(self, scene: Scene) -> None:
        self._mix = scene.mix
        self._line = scene.line
        self._chance = scene.chance
        self._portone = scene.portone
        self._world = scene.portone.world
        self._door = scene.door
        self._notes = scene.notes
        self.refunds: list[Refund] = []
        self._busy_until: dict[str, datetime] = {}

    def choices(self, may: May, purchases: Sequence[Purchase]) -> None:
        """What may happen now."""
        paid = [one for one in purchases if left_of(self._world, one.payment_id)]
        if paid:
            quiet = self._quiet(paid)
            may("shop: refund", 25 if quiet else 5, lambda: self._refund(self._one_to_refund(paid, quiet)))
            may("console: cancels", 2, lambda: self._cancel_elsewhere(self._chance.choice(paid[-RECENT:])))
        if unpaid := [one for one in purchases if one.is_by_account and one.windows and one not in paid]:
            may("shop: refund of what may not be here", 2, lambda: self._refund(self._chance.choice(unpaid[-RECENT:])))
        if self.refunds:
            may("shop: refund again", 12, lambda: self._ask(self._chance.choice(self.refunds[-RECENT:])))
        if waiting := [one for one in self.refunds if one.stands == "WAITING"]:
            may("second person: decides", 8, lambda: self._decide(self._chance.choice(waiting)))
        if slow := self._under_way():
            may("PG: settles a cancellation", 3, lambda: self._settle(self._chance.choice(slow)))

    # The shop and its clerk.

    async def _refund(self, purchase: Purchase) -> None:
        assert purchase.payment_id is not None
        number = len(self.refunds) + 1
        amount, tax_free = self._sum_of(purchase)
        refund = Refund(
            payment_id=purchase.payment_id,
            key=f"refund-key-{number}",
            reason=f"refund {number}",
            amount=amount,
            tax_free=tax_free,
            who=CLERK if self._chance.random() < 0.3 else SHOP,
            first_asked_at=self._portone.clock.now(),
            account=self._account(number) if purchase.is_by_account else None,
        )
        self.refunds.append(refund)
        await self._ask(refund)

    def _account(self, number: int) -> RefundAccount | None:
        """The payer's, which the shop now and then forgets to ask for."""
        if self._chance.random() < FORGOTTEN:
            return None
        return checked("국민은행", f"{123_456_000_000 + number}", self._chance.choice(("김철수", "이영희")))

    def _quiet(self, paid: Sequence[Purchase]) -> list[Purchase]:
        """Those of which no refund is open, as far as the shop knows."""
        now = self._portone.clock.now()
        open_ = {one.payment_id for one in self.refunds if one.stands in OPEN}
        return [
            one
            for one in paid
            if one.payment_id not in open_ and self._busy_until.get(one.payment_id or "", now) <= now
        ]

    def _one_to_refund(self, paid: Sequence[Purchase], quiet: Sequence[Purchase]) -> Purchase:
        """Mostly a quiet one: the answer to others is known beforehand."""
        return self._chance.choice((quiet if quiet and self._chance.random() < 0.8 else paid)[-RECENT:])

    def _sum_of(self, purchase: Purchase) -> tuple[int | None, int | None]:
        """All that is left; or 700 of 1,000, which goes once; or a piece, sometimes more than there is."""
        whole = purchase.amount
        amount = self._chance.choice((None, whole * 7 // 10, whole * 7 // 10, whole // 3, whole // 5, 1, whole + 1))
        if amount is None or not purchase.tax_free:
            return amount or None, None
        return amount or None, self._chance.choice((None, min(amount, purchase.tax_free), amount // 2))

    async def _ask(self, refund: Refund) -> None:
        ask = Ask(
            amount=refund.amount,
            tax_free_amount=refund.tax_free,
            reason=refund.reason,
            request_key=refund.key,
            account=refund.account,
        )

        async def request(web: Process) -> None:
            try:
                outcome = await cancel(
                    refund.payment_id, ask, who=refund.who, run=web.wired.request, portone=web.wired.portone
                )
            except CancellationRefused:
                self._is_told_no(refund)
                return
            except IdempotencyKeyReused:
                self._notes.problem(f"{refund.reason} was asked for again, and taken for another one")
                return
            except Unavailable:
                raise
            except Refusal as refusal:
                self._notes.sometimes(f"a refund was refused: {refusal.code}")
                if isinstance(refusal, CancellationInProgress):
                    self._busy_until[refund.payment_id] = self._portone.clock.now() + A_WHILE
                return
            self._hears(refund, outcome.cancellation)

        await self._door.ask(request)

    def _hears(self, refund: Refund, one: Cancellation) -> None:
        if refund.told:
            self._notes.sometimes("a refund was asked for again")
        if refund.cancellation_id not in (None, one.id):
            self._notes.problem(f"{refund.reason} is {refund.cancellation_id} and {one.id}")
        refund.cancellation_id = one.id
        refund.stands = one.status.value
        refund.told.add(refund.stands)
        self._notes.sometimes(f"the shop was told that a refund is {one.status}")
        self._notes.say(f"{refund.reason} of {refund.payment_id[:6]}: {one.status}")
        made = [each.status for each in done_for(self._world, refund)]
        if one.status is CancellationStatus.SUCCEEDED and "SUCCEEDED" not in made:
            self._notes.problem(f"the shop was told that {refund.reason} was given back, and it was not")
        if one.status in {CancellationStatus.WAITING, CancellationStatus.REJECTED} and made:
            self._notes.problem(f"{refund.reason} is {one.status}, and PortOne was told of it")

    def _is_told_no(self, refund: Refund) -> None:
        refund.stands = "FAILED"
        refund.told.add("FAILED")
        self._notes.sometimes("the shop was told that a refund failed")
        self._notes.say(f"{refund.reason} of {refund.payment_id[:6]}: refused")
        for one in done_for(self._world, refund):
            if one.requested_at - refund.first_asked_at < RESEND_WITHIN:
                self._notes.problem(f"the shop was told that {refund.reason} failed, and PortOne has it {one.status}")
            else:
                # A program that slept for hours between its decision and its call: nobody can call that back. PortOne
                # shows it, so the books follow, and `currentCancellableAmount` keeps it from being a second refund.
                self._notes.sometimes("a cancellation reached PortOne after it was given up")

    # The second person.

    async def _decide(self, refund: Refund) -> None:
        cancellation_id = refund.cancellation_id
        assert cancellation_id is not None
        roll = self._chance.random()

        async def request(web: Process) -> None:
            run, portone = web.wired.request, web.wired.portone
            try:
                if roll < ITSELF:
                    await approve(cancellation_id, who=refund.who, run=run, portone=portone)
                    self._notes.problem(f"{refund.reason} was approved by the one who asked for it")
                elif roll < REJECTED:
                    outcome = await reject(cancellation_id, who=BOSS, run=run)
                    self._hears(refund, outcome.cancellation)
                else:
                    refund.first_asked_at = self._portone.clock.now()
                    outcome = await approve(cancellation_id, who=BOSS, run=run, portone=portone)
                    if outcome.cancellation.status is CancellationStatus.FAILED:
                        self._is_told_no(refund)
                    else:
                        self._hears(refund, outcome.cancellation)
            except SecondPersonNeeded:
                self._notes.sometimes("a refund needs a second person")
                if roll >= ITSELF:
                    self._notes.problem("the second person was not enough")
            except CancellationNotWaiting:
                self._notes.sometimes("a refund was decided already")
                refund.stands = ""
            except CancelAmountExceeds:
                self._notes.sometimes("a refund waited until too little was left")

        await self._door.ask(request)

    # PortOne's side.

    async def cancel_unheard(self, purchases: Sequence[Purchase]) -> None:
        """The last thing that happens, and nobody says a word: only PortOne's list can tell. Goods go back with it."""
        paid = [one for one in purchases if left_of(self._world, one.payment_id)]
        goods = [one for one in paid if one.visit is not None]
        if paid and self._chance.random() < UNHEARD:
            await self._cancel_elsewhere(self._chance.choice(goods or paid), is_last=True)

    async def _cancel_elsewhere(self, purchase: Purchase, *, is_last: bool = False) -> None:
        assert purchase.payment_id is not None
        left = left_of(self._world, purchase.payment_id)
        amount = None if is_last else self._chance.choice((None, left // 2 or None, 1))
        # The clock stands still between two actions, and nobody could tell this change from one a moment ago: PortOne's
        # lists name a payment by when it last changed.
        await self._portone.clock.move(timedelta(milliseconds=1))
        try:
            is_silent = is_last or self._chance.randrange(1000) < self._mix.webhook_lost + SILENT
            await self._portone.cancel_elsewhere(purchase.payment_id, amount, is_silent=is_silent)
        except ApiError as refusal:
            self._notes.sometimes(f"the console refused: {refusal.body['type']}")
            return
        self._notes.sometimes("a payment was cancelled elsewhere")
        self._notes.say(f"{purchase.name}: {amount or left} cancelled in the console")

    def _under_way(self) -> list[str]:
        # Not only those of the shop: money that came too late for its goods is sent back too.
        return [one.id for one in self._world.payments() if under_way(self._world, one.id)]

    async def _settle(self, payment_id: str) -> None:
        succeeds = self._chance.random() < 0.7
        await self._portone.end_cancellation(payment_id, succeeds=succeeds)
        self._notes.sometimes(f"a PG decided later: {'yes' if succeeds else 'no'}")
        self._notes.say(f"the PG settles a cancellation of {payment_id[:6]}: {succeeds}")

    async def settle_all(self) -> None:
        """The PGs decide all that they took on."""
        while slow := self._under_way():
            await self._settle(slow[0])

    def _account_for(self, payment_id: str, refund: Refund) -> dict[str, str] | None:
        """What PortOne must be told of where the money goes: nothing, where it goes back the way it came."""
        paid = paid_attempt(self._world, payment_id)
        if refund.account is None or paid is None or (paid.method or {}).get("type") != "PaymentMethodVirtualAccount":
            return None
        return _told(refund.account)

    def problems(self) -> list[str]:
        """What the shop was told and what PortOne did, once nothing is under way."""
        found = []
        by_reason = {one.reason: one for one in self.refunds}
        for payment_id, body in self._line.cancels:
            wanted = by_reason.get(body["reason"].partition(" [")[0])
            if wanted is None or (account := body.get("refundAccount")) == self._account_for(payment_id, wanted):
                continue
            # Where PortOne named a way to pay that nobody knows, the account that the shop gave goes along.
            if f"/payments/{payment_id}" not in self._line.disguised or account != _told(wanted.account):
                found.append(f"{wanted.reason} was sent without the payer's account, or to another")
        for refund in self.refunds:
            made = done_for(self._world, refund)
            if "SUCCEEDED" in refund.told and not made:
                found.append(f"the shop was told that {refund.reason} was given back, and it was not")
            if "REJECTED" in refund.told and made:
                found.append(f"{refund.reason} was rejected, and given back")
            late = [one for one in made if one.requested_at - refund.first_asked_at >= RESEND_WITHIN]
            if "FAILED" in refund.told and made and not late:
                found.append(f"the shop was told that {refund.reason} failed, and it was given back")
        return found


def _told(account: RefundAccount | None) -> dict[str, str] | None:
    """An account as PortOne is told it."""
    return None if account is None else {"bank": account.bank, "number": account.number, "holderName": account.holder}
