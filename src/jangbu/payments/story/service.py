"""Everything known about one payment, read in one snapshot: for the console, the CLI and whoever asks at 3 a.m."""

from dataclasses import dataclass

from jangbu import audit, events
from jangbu.payments import store
from jangbu.payments.after import dispute_store, receipt_store
from jangbu.payments.after.dispute_rules import Dispute
from jangbu.payments.after.receipt_rules import Receipt
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import Cancellation
from jangbu.payments.confirm import store as confirm_store
from jangbu.payments.confirm.store import Asked
from jangbu.payments.people_store import names_of
from jangbu.payments.refusals import PaymentUnknown
from jangbu.payments.rules import Payment
from jangbu.payments.store import Attempt
from jangbu.payments.story.store import PostedLeg, SeenWebhook, legs_of, webhooks_of
from jangbu.runtime import Runtime

__all__ = ["Asked", "Attempt", "PostedLeg", "SeenWebhook", "Story", "tell"]


@dataclass(frozen=True, slots=True)
class Story:
    """One payment and all that happened to it."""

    payment: Payment
    attempts: list[Attempt]
    questions: list[Asked]
    cancellations: list[Cancellation]
    disputes: list[Dispute]
    receipt: Receipt | None
    webhooks: list[SeenWebhook]
    changes: list[events.Event]
    legs: list[PostedLeg]
    audit: list[audit.Line]
    names: dict[str, str]
    """Of those who stand in `audit`, by actor."""


async def tell(reference: str, *, run: Runtime) -> Story:
    """The story of a payment, by our id or PortOne's. Raises PaymentUnknown."""
    async with run.db.transaction(snapshot=True) as tx:
        payment = await store.find(tx, reference)
        if payment is None:
            raise PaymentUnknown(reference=reference)
        acts = await audit.of_subject(tx, payment.subject)
        return Story(
            payment=payment,
            attempts=await store.attempts(tx, payment.id),
            questions=await confirm_store.of_payment(tx, payment.id),
            cancellations=await cancellation_store.of_payment(tx, payment.id),
            disputes=await dispute_store.of_payment(tx, payment.id),
            receipt=await receipt_store.of_payment(tx, payment.id),
            webhooks=await webhooks_of(tx, payment.provider_order_id),
            changes=await events.of_subject(tx, payment.subject),
            legs=await legs_of(tx, f"{payment.subject}:"),
            audit=acts,
            names=await names_of(tx, [line.actor for line in acts]),
        )
