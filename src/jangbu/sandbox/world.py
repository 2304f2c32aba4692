"""The whole state of the local PortOne and every step it can take.

No I/O; `now` is an argument of each step.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from jangbu import sandbox
from jangbu.clock import Clock, rfc3339
from jangbu.ids import Ids
from jangbu.sandbox import bodies, declines
from jangbu.sandbox.inferred import Inferred
from jangbu.sandbox.problems import ApiError, BrowserRefusal
from jangbu.sandbox.records import (
    SUCCEEDED,
    Attempt,
    Channel,
    Delivery,
    Failure,
    Order,
    Payment,
    PreRegistration,
    State,
    Store,
    WebhookSettings,
    Window,
)

PAYMENT_ID_RULES = {
    "TOSSPAYMENTS": re.compile(r"[A-Za-z0-9\-_=]{6,64}"),
    "KCP_V2": re.compile(r"[A-Za-z0-9]+"),
    "KPN": re.compile(r"[A-Za-z0-9]+"),
    "SMARTRO_V2": re.compile(r"[A-Za-z0-9]{1,40}"),
}
"""PortOne has no rule for a paymentId of its own; the PGs do (portone-facts §10.2)."""

ORDER_NAME_CHARACTERS_MAX = {"TOSSPAYMENTS": 100, "KAKAOPAY": 100, "NAVERPAY": 128, "TOSSPAY_V2": 255}
"""portone-facts §10.3."""


class World:
    """PortOne's own records and rules. One thread drives it, and no step awaits, so each step is atomic."""

    def __init__(self, state: State, clock: Clock, inferred: Inferred | None = None) -> None:
        self.inferred = inferred or Inferred()
        self._clock = clock
        self.on_webhook: Callable[[Delivery], None] = lambda _: None
        """Told of each new webhook before anything else happens."""
        self.load(state)

    def load(self, state: State) -> None:
        """Become `state`; everything before is forgotten."""
        self.state = state
        # Each life draws other numbers: a restarted world must never hand out an id it handed out before.
        seed = None if state.seed is None else state.seed * 1_000_003 + state.lives
        self.ids = Ids(self._clock, seed)
        self._attempts = {attempt.transaction_id: attempt for attempt in self.attempts()}
        self._deliveries: dict[tuple[str, str], list[Delivery]] = {}
        for delivery in state.deliveries:
            self._remember(delivery)

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

    def deliveries_of(self, payment: Payment) -> list[Delivery]:
        """The webhooks of a payment, oldest first."""
        return self._deliveries.get((payment.store_id, payment.id), [])

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
    ) -> None:
        """Fix what a window for this paymentId may ask for (portone-facts §2.4). Refuses ALREADY_PAID."""
        payment = self._payment_made_sure_of(store.id, payment_id)
        if payment.succeeded is not None:
            raise ApiError("ALREADY_PAID", "The payment is already paid.")
        if payment.preregistration is None or self.inferred.preregister_overwrites:
            payment.preregistration = PreRegistration(total_minor, tax_free_minor, currency, now)

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
        _refuse_what_the_pg_refuses(channel, payment_id, order)
        payment = self.payment(store.id, payment_id)
        if payment is not None:
            _refuse_second_success(payment)
            _refuse_other_amount(payment, order)
        payment = self._payment_made_sure_of(store.id, payment_id)
        attempt = Attempt(
            transaction_id=str(self.ids.uuid()),
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
        payment.attempts.append(attempt)
        self._attempts[attempt.transaction_id] = attempt
        self.announce(attempt, "Transaction.Ready", now)
        return attempt

    def approve(self, attempt: Attempt, method: str, now: datetime, *, is_late: bool = False) -> None:
        """READY → PAID; with `is_late` also FAILED → PAID, as some PGs do (portone-facts §10.6).

        At most one attempt of a payment succeeds (§2.1): a second one fails and is refused as
        PaymentAlreadyPaid.
        """
        if attempt.status in SUCCEEDED or (attempt.status == "FAILED" and not is_late):
            return
        payment = self._payment_made_sure_of(attempt.store_id, attempt.payment_id)
        if payment.succeeded is not None:
            self._fail(attempt, declines.ALREADY_PAID.failure("PaymentAlreadyPaid"), now)
            _refuse_second_success(payment)
        attempt.method = bodies.of_approval(method, self.ids)
        attempt.pg_tx_id = f"pg{self.ids.token(18)}"
        attempt.receipt_url = f"https://receipt.sandbox.invalid/{attempt.transaction_id}"
        attempt.status = "PAID"
        attempt.failed_at = attempt.failure = None
        attempt.paid_at = attempt.updated_at = attempt.status_changed_at = now
        self.announce(attempt, "Transaction.Paid", now)

    def decline(self, attempt: Attempt, reason: declines.Decline, now: datetime) -> None:
        """READY → FAILED: the PG says no. A later attempt may succeed (portone-facts §2.2)."""
        self._fail(attempt, reason.failure("PGProviderError"), now)

    def close_window(self, attempt: Attempt, now: datetime) -> Failure:
        """The shopper leaves. Answers what the browser is told; what becomes of the attempt is a switch."""
        failure = declines.CLOSED.failure(self.inferred.close_code)
        if self.inferred.close_makes_failed:
            self._fail(attempt, failure, now)
        return failure

    def _fail(self, attempt: Attempt, failure: Failure, now: datetime) -> None:
        if attempt.status != "READY":
            return
        attempt.status = "FAILED"
        attempt.failure = failure
        attempt.failed_at = attempt.updated_at = attempt.status_changed_at = now
        self.announce(attempt, "Transaction.Failed", now)

    def _payment_made_sure_of(self, store_id: str, payment_id: str) -> Payment:
        of_store = self.state.payments.setdefault(store_id, {})
        return of_store.setdefault(payment_id, Payment(payment_id, store_id))

    # Webhooks: which there are. Sending them is webhooks.py.

    def announce(self, attempt: Attempt, type_: str, now: datetime, *, cancellation_id: str | None = None) -> None:
        """One webhook per URL; `noticeUrls` replace the store's, an empty list counts as absent (§2.3)."""
        environment = self.channel_of(attempt).type
        settings = self.state.stores[attempt.store_id].webhooks[environment]
        for url in attempt.order.notice_urls or ([settings.url] if settings.url else []):
            body, content_type = bodies.webhook_body(settings, type_, attempt, now, cancellation_id)
            delivery = Delivery(
                number=len(self.state.deliveries) + 1,
                id=f"wh_{self.ids.uuid()}",
                type=type_,
                payment_id=attempt.payment_id,
                store_id=attempt.store_id,
                transaction_id=attempt.transaction_id,
                payment_status=attempt.status,
                environment=environment,
                url=url,
                content_type=content_type,
                body=body,
                triggered_at=now,
                next_try_at=now,
            )
            self.state.deliveries.append(delivery)
            self._remember(delivery)
            self.on_webhook(delivery)

    def knows(self, delivery: Delivery) -> bool:
        """Whether this very webhook belongs to the present state, and not to one from before a reset."""
        of_payment = self._deliveries.get((delivery.store_id, delivery.payment_id), [])
        return any(known is delivery for known in of_payment)

    def _remember(self, delivery: Delivery) -> None:
        self._deliveries.setdefault((delivery.store_id, delivery.payment_id), []).append(delivery)

    def webhook_to_resend(self, payment: Payment, webhook_id: str | None) -> Delivery:
        """The named webhook of the payment, else its latest (portone-facts §2.12).

        Refuses as PortOne does.
        """
        known = [each for each in self.deliveries_of(payment) if webhook_id in (None, each.id)]
        if not known:
            raise ApiError("WEBHOOK_NOT_FOUND", "The webhook is not found.")
        if known[-1].resends >= self.inferred.webhook_resends_max:
            raise ApiError("MAX_WEBHOOK_RETRY_COUNT_REACHED", "The webhook was resent too often.")
        known[-1].resends += 1
        return known[-1]


def _refuse_what_the_pg_refuses(channel: Channel, payment_id: str, order: Order) -> None:
    rule = PAYMENT_ID_RULES.get(channel.pg_provider)
    if rule is not None and not rule.fullmatch(payment_id):
        _refuse_for_pg("주문번호 형식이 올바르지 않습니다.", "INVALID_ORDER_ID")
    if len(order.order_name) > ORDER_NAME_CHARACTERS_MAX.get(channel.pg_provider, 255):
        _refuse_for_pg("상품명이 너무 깁니다.", "INVALID_ORDER_NAME")


def _refuse_for_pg(message: str, pg_code: str) -> NoReturn:
    raise BrowserRefusal("PGProviderError", message, pg_code, message)


def _refuse_second_success(payment: Payment) -> None:
    if payment.succeeded is not None:
        raise BrowserRefusal("PaymentAlreadyPaid", f"payment {payment.id} is already paid")


def _refuse_other_amount(payment: Payment, order: Order) -> None:
    """Only what was pre-registered is compared: every field of it is optional (portone-facts §2.4)."""
    fixed = payment.preregistration
    if fixed is None:
        return
    compared: list[tuple[Any, Any]] = [
        (fixed.total_minor, order.total_minor),
        (fixed.tax_free_minor, order.tax_free_minor),
        (fixed.currency, order.currency),
    ]
    if any(wanted is not None and wanted != given for wanted, given in compared):
        raise BrowserRefusal(
            "AmountNotEqualToPredefined",
            f"the amount differs from the one registered at {rfc3339(fixed.at)}",
        )


def default_state(seed: int | None = None) -> State:
    """One store that knows where to send webhooks once it is told, two test channels and a live one."""
    store_id = sandbox.STORE_ID

    def channel(number: int, name: str, provider: str, mid: str) -> Channel:
        return Channel(
            key=f"channel-key-00000000-0000-4000-8000-{number:012d}",
            id=f"channel-id-00000000-0000-4000-8000-{number:012d}",
            name=name,
            store_id=store_id,
            pg_provider=provider,
            pg_merchant_id=mid,
            type="LIVE" if number == 3 else "TEST",
        )

    channels = [
        channel(1, "카드 (토스페이먼츠)", "TOSSPAYMENTS", "tosspayments"),
        channel(2, "카카오페이", "KAKAOPAY", "TC0ONETIME"),
        channel(3, "카드 (실연동)", "TOSSPAYMENTS", "jangbu_live"),
    ]
    store = Store(
        id=store_id,
        name="장부 상점",
        api_secrets=[sandbox.API_SECRET],
        webhooks={
            "TEST": WebhookSettings(secrets=[sandbox.WEBHOOK_SECRET]),
            "LIVE": WebhookSettings(secrets=[sandbox.WEBHOOK_SECRET]),
        },
    )
    return State(
        merchant_id=sandbox.MERCHANT_ID,
        stores={store_id: store},
        channels={each.key: each for each in channels},
        seed=seed,
    )


def default_world(clock: Clock, seed: int | None = None, inferred: Inferred | None = None) -> World:
    """A fresh world with the constants of `jangbu.sandbox`; without a seed its ids do not repeat."""
    return World(default_state(seed), clock, inferred)
