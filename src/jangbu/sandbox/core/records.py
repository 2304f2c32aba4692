"""The rows of the sandbox's world. Plain data: what may happen to them is for `world.py` and its neighbours."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import msgspec

ChannelType = Literal["TEST", "LIVE"]
AttemptStatus = Literal[
    "READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "PAID", "PARTIAL_CANCELLED", "CANCELLED", "FAILED"
]

CancellationStatus = Literal["REQUESTED", "SUCCEEDED", "FAILED"]
CancelTrigger = Literal["CONSOLE", "API", "PORTONE_ADMIN", "CHARGEBACK"]
WebhookVersion = Literal["2024-04-25", "2024-01-01"]
Version = Literal["V1", "V2"]
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


class V1Settings(msgspec.Struct):
    """What a store has of the older API (portone-facts §6.1, §4.5)."""

    user_code: str
    """What `IMP.init` is given."""
    imp_key: str
    imp_secret: str
    default_channel_key: str
    """The channel of a call that names none, which the older API allows."""
    webhook_url: str | None = None
    webhook_is_form: bool = False
    webhook_retries: int = 0
    """How often PortOne tries again, one minute apart: never, unless the merchant asked for it."""
    tiers: list[str] = []
    """Codes of sub-stores: three letters or digits each. Their payments are this store's, told to their own callers."""


class Store(msgspec.Struct):
    id: str
    name: str
    api_secrets: list[str]
    webhooks: dict[ChannelType, WebhookSettings]
    v1: V1Settings | None = None


class Channel(msgspec.Struct):
    key: str
    id: str
    name: str
    store_id: str
    pg_provider: str
    pg_merchant_id: str
    type: ChannelType
    approves_manually: bool = False
    """The browser gets a token, and the server's confirm approves, or issues the key (portone-facts §2.5, §3.1)."""
    captures_later: bool = False
    """An approval waits for the server's capture (portone-facts §2.7)."""


class PreRegistration(msgspec.Struct):
    total_minor: int | None
    tax_free_minor: int | None
    currency: str | None
    at: datetime
    total_major: Decimal | None = None
    """Instead of `total_minor`, where V1 was told no currency: what its coins are, the window says."""


class AccountWish(msgspec.Struct):
    """What a virtual account is to be like, where the merchant says so (portone-facts §2.6)."""

    bank: str | None = None
    valid_hours: int | None = None
    due_at: datetime | None = None
    remittee_name: str | None = None
    is_fixed: bool = False
    account_number: str | None = None


class ReceiptWish(msgspec.Struct):
    """The cash receipt to be issued once a transfer or deposit is paid. None: the shopper wants none."""

    type: Literal["PERSONAL", "CORPORATE"] | None


class CashReceipt(msgspec.Struct):
    """A cash receipt (portone-facts §2.11). Whose it is, an identity number, is not kept."""

    number: int
    store_id: str
    payment_id: str
    channel_key: str
    order_name: str
    currency: str
    total_minor: int
    tax_free_minor: int
    vat_minor: int
    type: Literal["PERSONAL", "CORPORATE"]
    is_manual: bool
    status: Literal["ISSUED", "CANCELLED", "ISSUE_FAILED"]
    status_updated_at: datetime
    issue_number: str | None = None
    pg_receipt_id: str | None = None
    issued_at: datetime | None = None
    cancelled_at: datetime | None = None


class Order(msgspec.Struct, gc=False):
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
    product_count: int | None = None
    notice_urls: Sequence[str] = ()
    country: str | None = None
    is_cultural_expense: bool | None = None
    account: AccountWish | None = None
    is_escrow: bool = False
    confirm_url: str | None = None
    """Asked just before the approval (portone-facts §4.4)."""
    receipt: ReceiptWish | None = None
    discount_minor: int = 0
    """What a promotion takes off `total_minor` for the shopper (portone-facts §10.11)."""
    promotion_id: str | None = None
    version: Version = "V2"
    """Which API it was asked through."""
    issues_key: str | None = None
    """The `customer_uid` of a V1 window: paying in it registers what was paid with (portone-facts §7.2)."""
    tier: str | None = None
    """The sub-store of V1's that it is of (portone-facts §6.1)."""


class Offer(msgspec.Struct, omit_defaults=True):
    """How the merchant narrowed what a window lets the shopper choose from; an empty one leaves everything open."""

    ways: list[str] = []
    """Ways to pay, by the names of `methods.METHODS`."""
    choices: dict[str, list[str]] = {}
    """Within a way to pay (`choices.USUAL`), the usual one first."""
    months: list[int] | None = None
    """Over which a card may pay; 0 is at once."""
    free_months: dict[str, list[int]] = {}
    """Months whose interest the merchant pays, by the card's company."""
    pays_interest: bool = False
    """The merchant pays it of every card."""
    with_points: bool = False
    """The card's points are used unless the shopper says no."""
    discount_minor: int = 0
    """A card company's coupon, for its card."""
    wallet: str | None = None
    """Which one is registered, by the API's word."""

    @property
    def says_of_cards(self) -> bool:
        return self.months is not None or bool(self.free_months) or self.pays_interest or self.with_points


class Window(msgspec.Struct):
    """The payment window a browser opened, as its page needs it."""

    pay_method: str
    display: Literal["IFRAME", "POPUP", "REDIRECTION"]
    opener_origin: str | None
    redirect_url: str | None
    language: Literal["ko", "en"]
    offer: Offer = msgspec.field(default_factory=Offer)
    channel_group_id: str | None = None
    """Whose channels the attempt's was chosen from."""
    typed: dict[str, str] = {}
    """What its fields say at first."""
    charges_later: str = ""
    """The sum that is shown where something is registered."""
    min_age: int | None = None
    payer: str | None = None
    """Which of PayPal's test buyers signed in (`payers.PAYERS`)."""


class Failure(msgspec.Struct):
    code: str
    reason: str
    pg_code: str
    pg_message: str


class Cancellation(msgspec.Struct):
    """One cancellation of an attempt (portone-facts §2.8). Amounts are of the order, in minor units."""

    id: str
    status: CancellationStatus
    total_minor: int
    tax_free_minor: int
    vat_minor: int
    reason: str
    trigger: CancelTrigger
    requested_at: datetime
    pg_cancellation_id: str | None = None
    cancelled_at: datetime | None = None
    receipt_url: str | None = None
    retains_discount: bool = False
    refund_minor: int = 0
    """What the shopper gets back: the order's amount, less a discount that is released with it."""
    skips_webhook: bool = False
    """Whoever asked for it wanted none."""


class Dispute(msgspec.Struct):
    """A shopper's complaint at the PG (portone-facts §2.2)."""

    reason: str
    created_at: datetime
    pg_dispute_id: str
    resolved_at: datetime | None = None


class Attempt(msgspec.Struct, gc=False):
    """One transaction of a payment (portone-facts §2.1). What it has none of is the one empty tuple."""

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
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None
    cancellations: Sequence[Cancellation] = ()
    """Oldest first."""
    hidden_cancellations: Sequence[Cancellation] = ()
    """Made in the PG's own console, and PortOne does not know of them yet (portone-facts §10.13)."""
    billing_key: str | None = None
    schedule_id: str | None = None
    disputes: Sequence[Dispute] = ()
    """Oldest first."""
    closed_at: datetime | None = None
    """When its virtual account was closed or lapsed."""
    has_lapsed: bool = False
    payment_token: str | None = None
    """For the server's confirm; `chosen` is what the shopper agreed to pay with (portone-facts §2.5)."""
    token_expires_at: datetime | None = None
    chosen: str | None = None
    capture: Literal["WAITING", "DONE"] | None = None
    escrow: dict[str, Any] | None = None
    """In the output shape of portone-facts §2.2; `escrow_told` is what PortOne's API shows."""
    is_deposit_hidden: bool = False
    """The money is at the bank, and PortOne does not know of it yet (portone-facts §4.3)."""

    @property
    def escrow_told(self) -> dict[str, Any] | None:
        """Of a payment made through V1 always REGISTERED, whatever became of the parcel (portone-facts §2.2)."""
        if self.escrow is None or self.order.version == "V2":
            return self.escrow
        shown = {name: value for name, value in self.escrow.items() if name != "isAutomaticallyConfirmed"}
        return {**shown, "status": "REGISTERED"}

    @property
    def receipt_url(self) -> str | None:
        """The PG's receipt: there is one once money came in."""
        return f"https://receipt.sandbox.invalid/{self.transaction_id}" if self.has_paid else None

    @property
    def has_paid(self) -> bool:
        """Money came in, whatever became of it since."""
        return self.paid_at is not None


class Payment(msgspec.Struct, gc=False):
    """A paymentId: at most a pre-registration and any number of attempts, of which at most one succeeds."""

    id: str
    store_id: str
    preregistration: PreRegistration | None = None
    attempts: Sequence[Attempt] = ()

    @property
    def succeeded(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.has_paid), None)

    @property
    def current(self) -> Attempt | None:
        """The attempt that speaks for the payment: the one that succeeded, else the latest."""
        return self.succeeded or (self.attempts[-1] if self.attempts else None)


class Sums(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """`PaymentAmount` (portone-facts §2.2). There is one for each event, and in this shape it is small."""

    total: int
    tax_free: int
    vat: int
    supply: int
    discount: int
    paid: int
    cancelled: int
    cancelled_tax_free: int


def uuid_of(said: str) -> str:
    """The same for the same text, and in the shape of a UUID: what can be made again need not be kept."""
    digest = hashlib.sha256(said.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


@lru_cache(maxsize=4096)
def sums_of(*amounts: int) -> Sums:
    """One for all events with the same sums, in the order of the fields: a shop has few prices and many payments."""
    return Sums(*amounts)


class Event(msgspec.Struct, gc=False):
    """Money that moved: an approval, or a cancellation that succeeded. Nothing else ever moves any."""

    type: Literal["PAID", "PARTIAL_CANCELLED", "CANCELLED"]
    store_id: str
    payment_id: str
    transaction_id: str
    amount_minor: int
    """Negative for cancellations."""
    currency: str
    at: datetime
    total: Sums
    """Of the payment as the event left it."""
    cancellation_id: str | None = None

    @property
    def id(self) -> str:
        """Of what moved it: an approval moves money once, and so does a cancellation."""
        return uuid_of(f"{self.transaction_id} {self.cancellation_id or ''}")


ChoreKind = Literal["settle_cancel", "learn_cancel", "finish_payment", "expire_account", "learn_deposit"]


class Chore(msgspec.Struct):
    """What the PG will do by itself later, on the sandbox's clock."""

    due_at: datetime
    number: int
    kind: ChoreKind
    transaction_id: str
    cancellation_id: str | None = None
    is_success: bool = True
    is_announced: bool = True


class Token(msgspec.Struct):
    """An access or refresh token (portone-facts §1.1)."""

    value: str
    kind: Literal["ACCESS", "REFRESH", "V1"]
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
