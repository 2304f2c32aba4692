"""The rows of the sandbox's world. Plain data: what may happen to them is `world.py`."""

from datetime import datetime
from typing import Any, Literal

import msgspec

ChannelType = Literal["TEST", "LIVE"]
AttemptStatus = Literal["READY", "PAID", "FAILED", "PARTIAL_CANCELLED", "CANCELLED"]
Trigger = Literal["CONSOLE", "API", "PORTONE_ADMIN", "CHARGEBACK"]
SUCCEEDED = frozenset({"PAID", "PARTIAL_CANCELLED", "CANCELLED"})
"""The statuses of an attempt that took the money, whatever went back later."""
WebhookVersion = Literal["2024-04-25", "2024-01-01"]
DeliveryState = Literal["WAITING", "DELIVERED", "DEAD", "LOST"]

WEBHOOK_SECRETS_MAX = 2
"""Up to two secrets per environment at once, for rotation (portone-facts §4.2)."""


class WebhookSettings(msgspec.Struct):
    """Where and how a store hears of payments, separately for live and test (portone-facts §1.5, §4.1)."""

    url: str | None = None
    secrets: list[str] = []
    """Oldest first."""
    version: WebhookVersion = "2024-04-25"
    is_form: bool = False
    """Only 2024-01-01 can be form-urlencoded."""


class Store(msgspec.Struct):
    id: str
    name: str
    api_secrets: list[str]
    webhooks: dict[ChannelType, WebhookSettings]


class Channel(msgspec.Struct):
    key: str
    id: str
    name: str
    store_id: str
    pg_provider: str
    pg_merchant_id: str
    type: ChannelType


class PreRegistration(msgspec.Struct):
    total_minor: int | None
    tax_free_minor: int | None
    currency: str | None
    at: datetime


class Order(msgspec.Struct):
    """What is being paid for, whichever way the attempt began. Amounts in minor units of `currency`."""

    order_name: str
    total_minor: int
    tax_free_minor: int
    vat_minor: int
    currency: str
    customer: dict[str, Any]
    """In the output shape of portone-facts §2.2."""
    custom_data: str | None = None
    products: list[dict[str, Any]] | None = None
    notice_urls: list[str] = []
    country: str | None = None
    is_cultural_expense: bool | None = None


class Window(msgspec.Struct):
    """The payment window a browser opened, as its page needs it."""

    pay_method: str
    display: Literal["IFRAME", "REDIRECTION"]
    opener_origin: str | None
    redirect_url: str | None
    language: Literal["ko", "en"]


class Failure(msgspec.Struct):
    code: str
    reason: str
    pg_code: str
    pg_message: str


class Cancellation(msgspec.Struct):
    """One giving back of money (portone-facts §2.8). Amounts in minor units of the order's currency."""

    id: str
    status: Literal["REQUESTED", "SUCCEEDED", "FAILED"]
    total_minor: int
    tax_free_minor: int
    vat_minor: int
    reason: str
    trigger: Trigger
    requested_at: datetime
    pg_cancellation_id: str | None = None
    cancelled_at: datetime | None = None
    receipt_url: str | None = None


class Attempt(msgspec.Struct):
    """One transaction of a payment (portone-facts §2.1)."""

    transaction_id: str
    payment_id: str
    store_id: str
    channel_key: str
    order: Order
    origin: dict[str, str]
    requested_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    status: AttemptStatus = "READY"
    window: Window | None = None
    method: dict[str, Any] | None = None
    pg_tx_id: str | None = None
    receipt_url: str | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None
    cancellations: list[Cancellation] = []


class Payment(msgspec.Struct):
    """A paymentId: at most a pre-registration and any number of attempts, of which at most one succeeds."""

    id: str
    store_id: str
    preregistration: PreRegistration | None = None
    attempts: list[Attempt] = []

    @property
    def succeeded(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.status in SUCCEEDED), None)

    @property
    def current(self) -> Attempt | None:
        """The attempt that speaks for the payment: the one that succeeded, else the latest."""
        return self.succeeded or (self.attempts[-1] if self.attempts else None)


class Try(msgspec.Struct):
    """One POST to a webhook URL and what came back."""

    webhook_id: str
    requested_at: datetime
    headers: dict[str, str]
    responded_at: datetime | None = None
    status: int | None = None
    response_headers: dict[str, str] = {}
    response_body: str = ""
    problem: str | None = None


class Delivery(msgspec.Struct):
    """One webhook to one URL: up to 1 + 5 tries (portone-facts §4.3)."""

    number: int
    id: str
    type: str
    payment_id: str
    store_id: str
    transaction_id: str
    payment_status: str
    environment: ChannelType
    url: str
    content_type: str
    body: str
    triggered_at: datetime
    next_try_at: datetime
    state: DeliveryState = "WAITING"
    tries: list[Try] = []
    resends: int = 0
    is_twice: bool = False
    is_before_return: bool = False


class Token(msgspec.Struct):
    """An access or refresh token (portone-facts §1.1)."""

    value: str
    kind: Literal["ACCESS", "REFRESH"]
    store_id: str
    secret: str
    expires_at: datetime


class IdempotencyRecord(msgspec.Struct):
    """A finished or outstanding request under its key (portone-facts §1.4)."""

    fingerprint: str
    started_at: datetime
    status: int | None = None
    """None while outstanding."""
    body: bytes = b""


class State(msgspec.Struct):
    """All of it: what the state file holds."""

    merchant_id: str
    stores: dict[str, Store]
    channels: dict[str, Channel]
    seed: int | None = None
    lives: int = 1
    """How often this world was started: a restart goes on with other random numbers, never with the same
    again.
    """
    payments: dict[str, dict[str, Payment]] = {}
    """By store id, then paymentId."""
    deliveries: list[Delivery] = []
    tokens: list[Token] = []
    idempotency: dict[str, IdempotencyRecord] = {}
