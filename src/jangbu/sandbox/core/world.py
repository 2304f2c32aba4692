"""The whole state of the local PortOne and every step it can take.

No I/O; `now` is an argument of each step.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from jangbu.clock import Clock, rfc3339
from jangbu.ids import Ids
from jangbu.sandbox.core import bodies, declines, methods
from jangbu.sandbox.core.billing_records import Schedule
from jangbu.sandbox.core.inferred import Inferred, switched
from jangbu.sandbox.core.naming_rules import refuse_what_the_pg_refuses, refuse_without_customer
from jangbu.sandbox.core.problems import ApiError, BrowserRefusal
from jangbu.sandbox.core.records import (
    Attempt,
    Channel,
    ChannelType,
    Event,
    Failure,
    Order,
    Payment,
    PreRegistration,
    Store,
    Window,
    sums_of,
)
from jangbu.sandbox.core.state import State, forget_unfinished, keep_once
from jangbu.sandbox.core.webhook_records import ByPayment, Delivery, form_of


class World:
    """PortOne's own records and rules. One thread drives it, and no step awaits, so each step is atomic."""

    def __init__(self, state: State, clock: Clock, inferred: Inferred | None = None) -> None:
        self.assumed = inferred or Inferred()
        self._clock = clock
        self.on_webhook: Callable[[Delivery], None] = lambda _: None
        """Told of each new webhook before anything else happens."""
        self.on_schedule: Callable[[Schedule], None] = lambda _: None
        """Told of each schedule that is new or was moved."""
        self.load(state)

    def load(self, state: State) -> None:
        """Become `state`; everything before is forgotten."""
        self.inferred = switched(self.assumed, state.switches)
        keep_once(state)
        forget_unfinished(state)
        self.state = state
        # Each life draws other numbers: a restarted world must never hand out an id it handed out before.
        seed = None if state.seed is None else state.seed * 1_000_003 + state.lives
        self.ids = Ids(self._clock, seed)
        self._attempts = {attempt.transaction_id: attempt for attempt in self.attempts()}
        self._deliveries = ByPayment()
        for delivery in state.deliveries:
            self._deliveries.add(delivery)

    def to_json(self) -> bytes:
        """The state as JSON; the same state gives the same bytes."""
        return msgspec.json.encode(self.state)

    @classmethod
    def from_json(cls, data: bytes, clock: Clock, inferred: Inferred | None = None) -> "World":
        """The world `data` was written from, in its next life."""
        state = msgspec.json.decode(data, type=State)
        state.lives += 1
        return cls(state, clock, inferred)

    # What is there.

    def attempts(self) -> Iterator[Attempt]:
        """Every attempt there ever was, oldest payment first."""
        for payment in self.payments():
            yield from payment.attempts

    def payments(self) -> Iterator[Payment]:
        """Every payment, pre-registered only ones included."""
        for of_store in self.state.payments.values():
            yield from of_store.values()

    def payment(self, store_id: str, payment_id: str) -> Payment | None:
        """The payment of this store, or None. An id of one store says nothing in another."""
        return self.state.payments.get(store_id, {}).get(payment_id)

    def attempt(self, transaction_id: str) -> Attempt | None:
        return self._attempts.get(transaction_id)

    def channel_of(self, attempt: Attempt) -> Channel:
        return self.state.channels[attempt.channel_key]

    def deliveries_of(self, payment: Payment) -> Sequence[Delivery]:
        """The webhooks of a payment, oldest first."""
        return self._deliveries.of(payment.store_id, payment.id)

    # What PortOne's API does.

    def pre_register(
        self,
        store: Store,
        payment_id: str,
        *,
        total_minor: int | None,
        tax_free_minor: int | None,
        currency: str | None,
        now: datetime,
        replaces: bool,
        total_major: Decimal | None = None,
    ) -> None:
        """Fix what a window may ask for (portone-facts §2.4, §6.2), anew if this `replaces`. Refuses ALREADY_PAID."""
        payment = self._payment_made_sure_of(store.id, payment_id)
        if payment.succeeded is not None:
            raise ApiError("ALREADY_PAID", "The payment is already paid.")
        if payment.preregistration is None or replaces:
            payment.preregistration = PreRegistration(total_minor, tax_free_minor, currency, now, total_major)

    def vat_of(self, total_minor: int, tax_free_minor: int) -> int:
        """The default VAT, "taxable ÷ 11" (portone-facts §2.3)."""
        taxable = total_minor - tax_free_minor
        match self.inferred.vat_rounding:
            case "half_up":
                return (2 * taxable + 11) // 22
            case "down":
                return taxable // 11
            case "up":
                return -(-taxable // 11)

    # What happens in the browser.

    def open_window(
        self,
        store_id: str,
        channel_key: str,
        payment_id: str,
        order: Order,
        window: Window,
        origin: dict[str, str],
        now: datetime,
    ) -> Attempt:
        """Begin an attempt, READY (portone-facts §2.2, §13.3), and announce it.

        Refuses as a BrowserRefusal.
        """
        store = self.state.stores.get(store_id)
        if store is None:
            raise BrowserRefusal("StoreNotFound", f"store {store_id} is not found")
        channel = self.state.channels.get(channel_key)
        if channel is None or channel.store_id != store.id:
            raise BrowserRefusal("ChannelNotFound", f"channel {channel_key} is not found")
        refuse_what_the_pg_refuses(self.inferred, channel, payment_id, order)
        refuse_without_customer(channel, order)
        payment = self.payment(store.id, payment_id)
        if payment is not None:
            _refuse_second_success(payment)
            _refuse_other_amount(payment, order)
        payment = self._payment_made_sure_of(store.id, payment_id)
        attempt = Attempt(
            transaction_id=self.new_transaction_id(order),
            payment_id=payment_id,
            store_id=store.id,
            channel_key=channel.key,
            order=order,
            origin=origin,
            requested_at=now,
            updated_at=now,
            status_changed_at=now,
            window=window,
        )
        payment.attempts = (*payment.attempts, attempt)
        self._attempts[attempt.transaction_id] = attempt
        self.announce(attempt, "Transaction.Ready", now)
        return attempt

    def approve(
        self,
        attempt: Attempt,
        method: str,
        now: datetime,
        *,
        is_late: bool = False,
        trigger: str | None = None,
        is_announced: bool = True,
    ) -> None:
        """→ PAID, whatever it waited for; with `is_late` also from FAILED, as some PGs do (portone-facts §10.6).

        At most one attempt of a payment succeeds (§2.1): a second one fails and is refused as
        PaymentAlreadyPaid.
        """
        if attempt.has_paid or (attempt.status == "FAILED" and not is_late):
            return
        self.refuse_second_success(attempt, now)
        self.choose(attempt, method)
        attempt.capture = "WAITING" if self.channel_of(attempt).captures_later else None
        attempt.status = "PAID"
        attempt.failed_at = attempt.failure = attempt.closed_at = None
        attempt.paid_at = attempt.updated_at = attempt.status_changed_at = now
        self.note(attempt, "PAID", attempt.order.total_minor - attempt.order.discount_minor, now)
        if is_announced:
            self.announce(attempt, "Transaction.Paid", now, trigger=trigger)

    def choose(self, attempt: Attempt, method: str) -> None:
        """What the shopper pays with, and the PG's number for it. A method that was chosen before stays."""
        if attempt.method is None:
            attempt.method = methods.of(method, self.ids)
        if attempt.order.is_escrow and attempt.escrow is None:
            attempt.escrow = dict(bodies.ESCROW_AT_FIRST[attempt.order.version])
        if attempt.pg_tx_id is None:
            attempt.pg_tx_id = f"pg{self.ids.token(18)}"

    def refuse_second_success(self, attempt: Attempt, now: datetime) -> None:
        """At most one attempt of a payment succeeds (§2.1): another fails, and is refused as PaymentAlreadyPaid."""
        payment = self._payment_made_sure_of(attempt.store_id, attempt.payment_id)
        if payment.succeeded is not None:
            self.fail(attempt, declines.ALREADY_PAID.failure("PaymentAlreadyPaid"), now)
            _refuse_second_success(payment)

    def decline(self, attempt: Attempt, reason: declines.Decline, now: datetime, *, is_announced: bool = True) -> None:
        """READY → FAILED: the PG says no. A later attempt may succeed (portone-facts §2.2)."""
        if attempt.status == "READY":
            self.fail(attempt, reason.failure("PGProviderError"), now, is_announced=is_announced)

    def close_window(self, attempt: Attempt, now: datetime) -> Failure:
        """The shopper leaves. Answers what the browser is told; what becomes of the attempt is a switch."""
        failure = declines.CLOSED.failure(self.inferred.close_code)
        if self.inferred.close_makes_failed and attempt.status == "READY":
            self.fail(attempt, failure, now)
        return failure

    def fail(
        self,
        attempt: Attempt,
        failure: Failure,
        now: datetime,
        *,
        trigger: str | None = None,
        is_announced: bool = True,
    ) -> None:
        """→ FAILED. What has paid or failed stays as it is."""
        if attempt.has_paid or attempt.status in ("FAILED", "CANCELLED"):
            return
        attempt.status = "FAILED"
        attempt.failure = failure
        attempt.failed_at = attempt.updated_at = attempt.status_changed_at = now
        if is_announced:
            self.announce(attempt, "Transaction.Failed", now, trigger=trigger)

    def new_transaction_id(self, order: Order) -> str:
        """V2's transactionId or V1's `imp_uid`, which has 32 characters at most (portone-facts §6.3)."""
        if order.version == "V2":
            return str(self.ids.uuid())
        return f"imp_{self.ids.chance().randrange(10**12):012d}"

    def enter(self, attempt: Attempt) -> None:
        """Begin an attempt without a window: the server asked for it."""
        payment = self._payment_made_sure_of(attempt.store_id, attempt.payment_id)
        # Not appended: that would keep room for more, and most payments have one attempt.
        payment.attempts = (*payment.attempts, attempt)
        self._attempts[attempt.transaction_id] = attempt

    def _payment_made_sure_of(self, store_id: str, payment_id: str) -> Payment:
        of_store = self.state.payments.setdefault(store_id, {})
        return of_store.setdefault(payment_id, Payment(payment_id, store_id))

    def note(
        self,
        attempt: Attempt,
        type_: Literal["PAID", "PARTIAL_CANCELLED", "CANCELLED"],
        amount_minor: int,
        now: datetime,
        *,
        cancellation_id: str | None = None,
    ) -> None:
        """Write down that money moved: what a list of events tells, and what tests count."""
        self.state.events.append(
            Event(
                type=type_,
                store_id=attempt.store_id,
                payment_id=attempt.payment_id,
                transaction_id=attempt.transaction_id,
                # The same number is one object with the order's.
                amount_minor=attempt.order.total_minor if amount_minor == attempt.order.total_minor else amount_minor,
                currency=attempt.order.currency,
                at=now,
                total=sums_of(*bodies.amount_json(attempt).values()),
                cancellation_id=cancellation_id,
            )
        )

    # Webhooks: which there are. Sending them is webhooks.py.

    def announce(
        self,
        attempt: Attempt,
        type_: str,
        now: datetime,
        *,
        cancellation_id: str | None = None,
        trigger: str | None = None,
    ) -> None:
        """One webhook per URL; `noticeUrls` replace the store's, an empty list counts as absent (§2.3)."""
        environment = self.channel_of(attempt).type
        store = self.state.stores[attempt.store_id]
        body = bodies.webhook_body(store, environment, type_, attempt, now, cancellation_id)
        if body is None:
            return
        self.send(
            *body,
            urls=attempt.order.notice_urls,
            environment=environment,
            type_=type_,
            now=now,
            store_id=attempt.store_id,
            payment_id=attempt.payment_id,
            transaction_id=attempt.transaction_id,
            payment_status=attempt.status,
            trigger=trigger,
            is_v1=attempt.order.version == "V1",
        )

    def send(
        self,
        body: str,
        content_type: str,
        *,
        urls: Sequence[str],
        environment: ChannelType,
        type_: str,
        now: datetime,
        store_id: str,
        payment_id: str = "",
        transaction_id: str = "",
        payment_status: str = "",
        billing_key: str = "",
        trigger: str | None = None,
        is_v1: bool = False,
    ) -> None:
        """Put a webhook on its way to each of `urls`, else to the store's own."""
        form = form_of(body, payment_id, transaction_id, now)
        own = bodies.webhook_url_of(self.state.stores[store_id], environment, is_v1=is_v1)
        for url in urls or ([own] if own else []):
            delivery = Delivery(
                number=len(self.state.deliveries) + 1,
                type=type_,
                payment_id=payment_id,
                store_id=store_id,
                transaction_id=transaction_id,
                payment_status=payment_status,
                environment=environment,
                url=url,
                content_type=content_type,
                form=form,
                triggered_at=now,
                next_try_at=now,
                trigger=trigger,
                is_v1=is_v1,
                billing_key=billing_key,
            )
            self.state.deliveries.append(delivery)
            self._deliveries.add(delivery)
            self.on_webhook(delivery)

    def knows(self, delivery: Delivery) -> bool:
        """Whether this very webhook belongs to the present state, and not to one from before a reset."""
        at = delivery.number - 1
        return at < len(self.state.deliveries) and self.state.deliveries[at] is delivery

    def webhook_to_resend(self, payment: Payment, webhook_id: str | None) -> Delivery:
        """The named webhook of the payment, else its latest (portone-facts §2.12). Refuses as PortOne does."""
        known = [each for each in self.deliveries_of(payment) if webhook_id in (None, each.id)]
        if not known:
            raise ApiError("WEBHOOK_NOT_FOUND", "The webhook is not found.")
        if known[-1].resends >= self.inferred.webhook_resends_max:
            raise ApiError("MAX_WEBHOOK_RETRY_COUNT_REACHED", "The webhook was resent too often.")
        known[-1].resends += 1
        return known[-1]


def _refuse_second_success(payment: Payment) -> None:
    if payment.succeeded is not None:
        raise BrowserRefusal("PaymentAlreadyPaid", f"payment {payment.id} is already paid")


def _refuse_other_amount(payment: Payment, order: Order) -> None:
    """Only what was pre-registered is compared: every field of it is optional (portone-facts §2.4, §6.2)."""
    if (fixed := payment.preregistration) is None:
        return
    compared: list[tuple[Any, Any]] = [
        (fixed.total_minor, order.total_minor),
        (fixed.tax_free_minor, order.tax_free_minor),
        (fixed.currency, order.currency),
        (fixed.total_major, bodies.major_of(order.total_minor, order.currency)),
    ]
    if any(wanted is not None and wanted != given for wanted, given in compared):
        message = f"the amount differs from the one registered at {rfc3339(fixed.at)}"
        raise BrowserRefusal("AmountNotEqualToPredefined", message)
