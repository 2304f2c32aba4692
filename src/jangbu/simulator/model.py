"""What the world outside knows: the shop's orders, and what PortOne took for them. The judge of the books is here.

Nothing of ours is asked: the expected state of a payment follows from the order and PortOne's own record.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.checkout.item_rules import Wish as WareWish
from jangbu.payments.after.receipt_rules import Wish
from jangbu.payments.cancellations.accounts import RefundAccount
from jangbu.payments.cancellations.service.cancel import Authority
from jangbu.payments.confirm.service import Agreed
from jangbu.sandbox import STORE_ID
from jangbu.sandbox.core.records import Attempt, Cancellation, Payment
from jangbu.sandbox.core.world import World


@dataclass
class Visit:
    """A payer at hosted checkout: what is wished for, and what they learned of their session."""

    wishes: tuple[WareWish, ...]
    session_id: str = ""
    request: dict[str, Any] | None = None
    """What their page opens a payment window with."""
    refusals: int = 0
    """How often they were told that it is over, or paid."""


@dataclass
class Purchase:
    """An order of the shop. `name` is its order name, which PortOne's records carry too: the business key."""

    number: int
    name: str
    order_id: str | None
    idempotency_key: str | None
    amount: int
    tax_free: int
    currency: str
    made_at: datetime
    payment_ids: set[str] = field(default_factory=set)
    """PortOne's ids that the shop was ever told. More than one is a second chance to pay twice."""
    asked: int = 0
    windows: list[str] = field(default_factory=list)
    """Transactions that a payer opened."""
    is_delivered: bool = False
    """The shop was told "paid" and sent the goods."""
    api: str = "v2"
    method: str = "CARD"
    receipt: Wish | None = None
    """A cash receipt that its payer asked for with it."""
    is_in_escrow: bool = False
    is_confirmed_by_us: bool = False
    """Its channel takes no money before we approve what the payer agreed to."""
    agreed: list[Agreed] = field(default_factory=list)
    """What payers agreed to, and their browsers brought back."""
    visit: Visit | None = None

    @property
    def payment_id(self) -> str | None:
        return next(iter(self.payment_ids), None)

    @property
    def is_by_account(self) -> bool:
        """Its payers are given an account to pay into."""
        return self.method == "VIRTUAL_ACCOUNT"

    @property
    def is_in_cash(self) -> bool:
        """There may be a cash receipt of it."""
        return self.api == "v2" and self.visit is None and self.method in ("TRANSFER", "VIRTUAL_ACCOUNT")


@dataclass
class Refund:
    """Something the shop wants to give back, once. `reason` is its business key: PortOne's records carry it too."""

    payment_id: str
    key: str
    reason: str
    amount: int | None
    tax_free: int | None
    who: Authority
    first_asked_at: datetime
    account: RefundAccount | None = None
    """Where the money is to go, which is needed where it came to a virtual account."""
    cancellation_id: UUID | None = None
    stands: str = ""
    """Its status, as far as the shop knows."""
    told: set[str] = field(default_factory=set)
    """What the shop was told of it: SUCCEEDED, FAILED, REJECTED and so on."""


@dataclass(frozen=True)
class Expected:
    """How a payment must stand once everything has settled."""

    status: str | None
    """None: not captured, and any unpaid status will do."""
    review: str = ""
    in_receivable: int = 0
    in_suspense: int = 0
    currency: str = ""


UNPAID = Expected(None)


def paid_attempt(world: World, payment_id: str | None) -> Attempt | None:
    """The attempt of a payment that took money; None where none did, and where there is no payment."""
    payment = world.payment(STORE_ID, payment_id) if payment_id is not None else None
    return payment.succeeded if payment is not None else None


def is_live(world: World, attempt: Attempt) -> bool:
    """Whether it took real money."""
    return world.channel_of(attempt).type == "LIVE"


def expected_of(world: World, purchase: Purchase, attempt: Attempt | None) -> Expected:
    """What PortOne's successful attempt, if any, means for our books (reliability F08, F16, F37; ADR 0011)."""
    if attempt is None:
        return UNPAID
    order = attempt.order
    if is_live(world, attempt):
        # This is a sandbox installation: real money is a mix-up for a person, and not ours to book.
        return Expected("MISMATCH", "live_channel")
    left = order.total_minor - sum(given_back(attempt).values())
    mismatch = ""
    if order.currency != purchase.currency:
        mismatch = "other_currency"
    elif order.total_minor != purchase.amount:
        mismatch = "other_amount"
    if mismatch:
        return Expected("MISMATCH", mismatch if left else "returned", left, -left, order.currency)
    status = "PAID" if left == order.total_minor else "PARTIAL_CANCELLED" if left else "CANCELLED"
    return Expected(status, "", left, 0, order.currency)


def captured_twice(world: World, visits: Mapping[str, str]) -> list[str]:
    """Orders that were paid more than once at PortOne, under whatever ids. `visits` are the names of those whose order
    name is that of what was bought, by their payments.
    """
    paid: dict[str, int] = {}
    for attempt in world.attempts():
        if attempt.has_paid:
            name = visits.get(attempt.payment_id, attempt.order.order_name)
            paid[name] = paid.get(name, 0) + 1
    return [f"order {name} was paid {times} times at PortOne" for name, times in paid.items() if times > 1]


# Cancellations as PortOne has them. Only here is the sandbox's record of them known.


def given_back(attempt: Attempt) -> dict[str, int]:
    """What really went back: PortOne's cancellation ids with their sums."""
    return {one.id: one.total_minor for one in attempt.cancellations if one.status == "SUCCEEDED"}


def under_way(world: World, payment_id: str) -> bool:
    """Whether the PG took on a cancellation of this payment and has not decided."""
    return any(one.status == "REQUESTED" for one in cancellations_of(world, payment_id))


def left_of(world: World, payment_id: str | None) -> int:
    """What may still be given back of a payment."""
    paid = paid_attempt(world, payment_id)
    if paid is None:
        return 0
    return paid.order.total_minor - sum(one.total_minor for one in paid.cancellations if one.status != "FAILED")


def cancellations_of(world: World, payment_id: str) -> Sequence[Cancellation]:
    """Every cancellation of a payment, whatever became of it."""
    paid = paid_attempt(world, payment_id)
    return paid.cancellations if paid is not None else ()


def done_for(world: World, refund: Refund) -> list[Cancellation]:
    """The cancellations at PortOne that were made for this refund and did not fail; one at most, if all is well."""
    return [one for one in cancellations_of(world, refund.payment_id) if _is_for(one, refund.reason)]


def _is_for(one: Cancellation, reason: str) -> bool:
    return one.status != "FAILED" and one.reason.startswith(f"{reason} ")


def given_back_twice(world: World) -> Iterator[str]:
    """Refunds that PortOne made twice, and payments of which more went back than was ever taken."""
    for attempt in world.attempts():
        if not attempt.cancellations:
            continue
        made: dict[str, int] = {}
        for one in attempt.cancellations:
            if one.trigger == "API" and one.status != "FAILED":
                wish = one.reason.partition(" [")[0]
                made[wish] = made.get(wish, 0) + 1
        for wish, times in made.items():
            if times > 1:
                yield f"{wish} of {attempt.order.order_name} was made {times} times at PortOne"
        if sum(given_back(attempt).values()) > attempt.order.total_minor:
            yield f"more of {attempt.order.order_name} was given back than was taken"


def is_untold(world: World, payment: Payment) -> bool:
    """Whether PortOne gave money back of which no webhook told us: we would have to ask, and have no reason to."""
    heard = [
        (delivery.triggered_at, one.requested_at)
        for delivery in world.deliveries_of(payment)
        for one in delivery.tries
        if one.status == 200
    ]
    return any(
        all(triggered < one.cancelled_at and asked <= one.cancelled_at for triggered, asked in heard)
        for one in cancellations_of(world, payment.id)
        if one.cancelled_at is not None
    )
