"""What the world outside knows: the shop's orders, and what PortOne took for them. The judge of the books is here.

Nothing of ours is asked: the expected state of a payment follows from the order and PortOne's own record.
"""

from dataclasses import dataclass, field
from datetime import datetime

from jangbu.sandbox.records import Attempt, Payment
from jangbu.sandbox.world import World

WHOLE = ("PAID", "PARTIAL_CANCELLED", "CANCELLED")


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

    @property
    def payment_id(self) -> str | None:
        return next(iter(self.payment_ids), None)


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


def expected_of(purchase: Purchase, attempt: Attempt | None, *, is_live: bool) -> Expected:
    """What PortOne's successful attempt, if any, means for our books (reliability F08, F16; ADR 0011)."""
    if attempt is None:
        return UNPAID
    order = attempt.order
    if is_live:
        # This is a sandbox installation: real money is a mix-up for a person, and not ours to book.
        return Expected("MISMATCH", "live_channel")
    if order.currency != purchase.currency:
        return Expected("MISMATCH", "other_currency", order.total_minor, -order.total_minor, order.currency)
    if order.total_minor != purchase.amount:
        return Expected("MISMATCH", "other_amount", order.total_minor, -order.total_minor, order.currency)
    return Expected("PAID", "", order.total_minor, 0, order.currency)


def succeeded(world: World, payment: Payment | None) -> tuple[Attempt | None, bool]:
    """The attempt of a payment that took money, and whether its channel was a live one."""
    attempt = payment.succeeded if payment is not None else None
    return attempt, attempt is not None and world.channel_of(attempt).type == "LIVE"


def captured_twice(world: World) -> list[str]:
    """Orders that were paid more than once at PortOne, under whatever ids."""
    paid: dict[str, int] = {}
    for attempt in world.attempts():
        if attempt.status in WHOLE:
            paid[attempt.order.order_name] = paid.get(attempt.order.order_name, 0) + 1
    return [f"order {name} was paid {times} times at PortOne" for name, times in paid.items() if times > 1]
