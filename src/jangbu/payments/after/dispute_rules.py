"""A payer's complaint at the PG: what PortOne tells of it, and what that does to the money. No I/O.

PortOne says that a dispute was opened and that it is over; neither how much is in dispute nor how it ended
(portone-facts §2.2). So all that is left of the payment is held, and what ends the holding is a fact: the money went
back (a cancellation says so), or a person says what the PG told them. `disputes` stand in PortOne's answer for a
payment that is PAID, and for no other.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import count
from uuid import UUID

from jangbu import ids
from jangbu.money import Money
from jangbu.payments.review_rules import DISPUTE_UNTOLD
from jangbu.payments.rules import Payment
from jangbu.payments.seen import SeenDispute


class DisputeStatus(StrEnum):
    """Where a dispute stands."""

    OPEN = "OPEN"
    """The PG looks into it; the money is held."""
    UNTOLD = "UNTOLD"
    """Over at PortOne, or no longer shown there, and nobody has said how it ended: a person does."""
    WON = "WON"
    """The money stays ours."""
    LOST = "LOST"
    """The issuer took it back, or a person says that it is gone."""
    RETURNED = "RETURNED"
    """All of the money was given back otherwise; nothing is left to dispute."""


ACTIVE = frozenset({DisputeStatus.OPEN, DisputeStatus.UNTOLD})
CHARGEBACK = "CHARGEBACK"


class MoveKind(StrEnum):
    """What happens to money in dispute, from account to account."""

    HELD = "held"
    """What the PG owes us is in doubt: pg_receivable → disputed."""
    RELEASED = "released"
    """It no longer is: disputed → pg_receivable, from where a cancellation may take it."""
    WRITTEN_OFF = "written_off"
    """It is gone, and no cancellation says so: disputed → write_off."""
    RECOVERED = "recovered"
    """A cancellation says so after all, and takes it from where it was: write_off → pg_receivable."""


@dataclass(frozen=True, slots=True)
class Move:
    """Money that moves because of a dispute, in minor units of the payment's currency."""

    kind: MoveKind
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One row of `payment_disputes`."""

    id: UUID
    payment_id: UUID
    portone_dispute_id: str
    reason: str
    status: DisputeStatus
    currency: str
    held_amount: int = 0
    written_off_amount: int = 0
    opened_at: datetime
    resolved_at: datetime | None = None
    wanted_outcome: str = ""
    wanted_by: str = ""
    decided_by: str = ""
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", DisputeStatus(self.status))

    @property
    def held(self) -> Money:
        """What of the payment's money is in doubt because of it."""
        return Money(self.held_amount, self.currency)

    @property
    def is_active(self) -> bool:
        """Nobody has said how it ended."""
        return self.status in ACTIVE


@dataclass(frozen=True, slots=True)
class Step:
    """One dispute that moved, and the money with it."""

    before: Dispute | None
    after: Dispute
    moves: tuple[Move, ...] = ()


def learn(payment: Payment, known: Sequence[Dispute], shown: Sequence[SeenDispute], now: datetime) -> list[Step]:
    """What PortOne's list of disputes means for ours (F42). In any order, however often, the end is the same.

    One that is not shown any more is UNTOLD: PortOne cannot tell us its end. What a person decided stays decided.
    """
    rows = {one.id: one for one in known}
    steps: list[Step] = []
    met: set[UUID] = set()
    for one in sorted(shown, key=lambda each: (each.opened_at or now, each.pg_id)):
        named = {each.pg_id for each in shown if each is not one}
        free = [row for row in rows.values() if row.id not in met and row.portone_dispute_id not in named - {""}]
        before = _known_as(one, payment, free)
        status = DisputeStatus.UNTOLD if one.is_over else DisputeStatus.OPEN
        resolved_at = (one.resolved_at or now) if one.is_over else None
        if before is None:
            held = _free(payment, list(rows.values()))
            after = Dispute(
                id=_new_id(one, payment, rows),
                payment_id=payment.id,
                portone_dispute_id=one.pg_id,
                reason=one.reason,
                status=status,
                currency=payment.currency,
                held_amount=held,
                opened_at=one.opened_at or now,
                resolved_at=resolved_at,
                created_at=now,
            )
            steps.append(Step(None, after, (Move(MoveKind.HELD, held),) if held else ()))
        else:
            after = before
            if before.is_active and before.status is not status:
                # Open again: what somebody wanted to decide is no longer to be decided.
                after = replace(before, status=status, resolved_at=resolved_at, wanted_outcome="", wanted_by="")
                steps.append(Step(before, after))
        rows[after.id] = after
        met.add(after.id)
    unseen = [one for one in known if one.status is DisputeStatus.OPEN and one.id not in met]
    return steps + [Step(one, replace(one, status=DisputeStatus.UNTOLD, resolved_at=now)) for one in unseen]


def give_way(known: Sequence[Dispute], *, amount: int, left: int, is_chargeback: bool, now: datetime) -> list[Step]:
    """Money goes back (`amount`, `left` stays): what was held of it, or written off, is where the entry takes it from.

    With the last of it every dispute is over, and an issuer that takes money back has decided.
    """
    steps, to_free = [], amount
    for before in known:
        released = min(before.held_amount, to_free)
        recovered = min(before.written_off_amount, to_free - released)
        to_free -= released + recovered
        after = replace(
            before,
            held_amount=before.held_amount - released,
            written_off_amount=before.written_off_amount - recovered,
        )
        if before.is_active and left == 0:
            over = DisputeStatus.LOST if is_chargeback else DisputeStatus.RETURNED
            after = replace(after, status=over, resolved_at=before.resolved_at or now, wanted_outcome="", wanted_by="")
        elif before.status is DisputeStatus.OPEN and is_chargeback:
            after = replace(after, status=DisputeStatus.UNTOLD, resolved_at=now)
        moves = [Move(MoveKind.RELEASED, released)] if released else []
        moves += [Move(MoveKind.RECOVERED, recovered)] if recovered else []
        if after != before:
            steps.append(Step(before, after, tuple(moves)))
    return steps


def decide(one: Dispute, known: Sequence[Dispute], outcome: DisputeStatus, *, by: str) -> list[Step]:
    """A person says how it ended. Won money that another dispute is about too stays held, for that one."""
    assert one.status is DisputeStatus.UNTOLD, f"a dispute that is {one.status} is not for a person to decide"
    assert outcome in {DisputeStatus.WON, DisputeStatus.LOST}, f"nobody decides {outcome}"
    over = replace(one, status=outcome, held_amount=0, wanted_outcome="", wanted_by="", decided_by=by)
    if one.held_amount == 0:
        return [Step(one, over)]
    if outcome is DisputeStatus.LOST:
        lost = replace(over, written_off_amount=one.held_amount)
        return [Step(one, lost, (Move(MoveKind.WRITTEN_OFF, one.held_amount),))]
    heir = next((each for each in known if each.is_active and each.id != one.id), None)
    if heir is None:
        return [Step(one, over, (Move(MoveKind.RELEASED, one.held_amount),))]
    return [Step(one, over), Step(heir, replace(heir, held_amount=heir.held_amount + one.held_amount))]


def reviewed(payment: Payment, disputes: Sequence[Dispute]) -> Payment:
    """The payment with its mark for a person; a graver reason keeps its place."""
    is_untold = any(one.status is DisputeStatus.UNTOLD for one in disputes)
    if is_untold:
        return replace(payment, review=payment.reviewed_for(DISPUTE_UNTOLD))
    return replace(payment, review="") if payment.review == DISPUTE_UNTOLD else payment


def _free(payment: Payment, known: Sequence[Dispute]) -> int:
    """What of the payment's money is in the books as owed by the PG, and in no doubt yet."""
    taken = sum(one.held_amount + one.written_off_amount for one in known)
    return max(payment.cancellable_amount - taken, 0)


def _known_as(one: SeenDispute, payment: Payment, rows: Sequence[Dispute]) -> Dispute | None:
    """The row of a dispute, of those that no other in the same answer stands for."""
    by_name = [row for row in rows if one.pg_id and row.portone_dispute_id == one.pg_id]
    # The PG's name for it is optional, and may come later than the dispute. Of several that were opened at the same
    # moment, the one that stands where PortOne shows it: each keeps its own story.
    by_time = sorted(
        (
            row
            for row in rows
            if row.opened_at == one.opened_at and (not one.pg_id or row.portone_dispute_id in ("", one.pg_id))
        ),
        key=lambda row: (row.reason != one.reason, (row.status is DisputeStatus.OPEN) == one.is_over),
    )
    by_facts = [row for row in rows if row.id == _id_of(one, payment)]
    return next(iter(by_name or by_time or by_facts), None)


def _id_of(one: SeenDispute, payment: Payment, number: int = 1) -> UUID:
    name = one.pg_id or (one.opened_at.isoformat() if one.opened_at else one.reason)
    return UUID(ids.from_facts("dispute", str(payment.id), name, *([str(number)] if number > 1 else [])))


def _new_id(one: SeenDispute, payment: Payment, rows: Container[UUID]) -> UUID:
    """An id that no row has: of several without a name that were opened at one moment, each has its number."""
    return next(each for number in count(1) if (each := _id_of(one, payment, number)) not in rows)
