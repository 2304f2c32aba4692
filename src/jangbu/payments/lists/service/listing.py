"""Lists of payments: a page, and what it adds up to."""

from dataclasses import dataclass

from jangbu.payments import store
from jangbu.payments.after import dispute_store, receipt_store
from jangbu.payments.after.dispute_rules import Dispute
from jangbu.payments.after.receipt_rules import Receipt
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import Cancellation
from jangbu.payments.lists import store as list_store
from jangbu.payments.lists.rules import PAGE_DEFAULT, Filter, Place
from jangbu.payments.lists.store import ListedPayment, Page, Total, Totals
from jangbu.payments.refusals import PaymentUnknown
from jangbu.payments.rules import Payment
from jangbu.runtime import Runtime

__all__ = ["ListedPayment", "Listing", "Page", "Total", "Totals", "detail", "listed"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A page, and the sums of everything that was asked for; None where nobody wanted them."""

    page: Page
    totals: Totals | None


async def listed(
    wanted: Filter,
    *,
    start: Place | None = None,
    newer: bool = False,
    most: int = PAGE_DEFAULT,
    with_totals: bool = False,
    run: Runtime,
) -> Listing:
    """Payments next to `start`, newest first, from one picture of the database. Four short statements, six at most."""
    async with run.db.transaction(snapshot=True) as tx:
        walk = await list_store.walk_of(tx, wanted)
        page = await list_store.page(tx, walk, wanted, start=start, newer=newer, most=most)
        sums = await list_store.totals(tx, walk, wanted) if with_totals else None
    return Listing(page, sums)


@dataclass(frozen=True, slots=True)
class Detail:
    """One payment with all that hangs on it."""

    payment: Payment
    cancellations: list[Cancellation]
    disputes: list[Dispute]
    receipt: Receipt | None


async def detail(reference: str, *, store_id: str | None, run: Runtime) -> Detail:
    """One payment by our id or PortOne's. Raises PaymentUnknown.

    `store_id` limits it to one store: another's payment is as unknown as one that is not there.
    """
    async with run.db.transaction(snapshot=True) as tx:
        payment = await store.find(tx, reference)
        if payment is None or store_id not in (None, payment.store_id):
            raise PaymentUnknown(reference=reference)
        return Detail(
            payment,
            await cancellation_store.of_payment(tx, payment.id),
            await dispute_store.of_payment(tx, payment.id),
            await receipt_store.of_payment(tx, payment.id),
        )
