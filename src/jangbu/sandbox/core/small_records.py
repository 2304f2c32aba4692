"""What PortOne keeps of promotions and of hosted checkouts (portone-facts §8)."""

from datetime import datetime
from typing import Any, Literal

import msgspec


class DiscountStep(msgspec.Struct):
    """From `amount_from` on: `value` minor units, or per cent."""

    amount_from: int
    scheme: Literal["AMOUNT", "PERCENT"]
    value: int


class Promotion(msgspec.Struct):
    """A discount on cards of one company that somebody pays for until its budget is spent."""

    id: str
    store_id: str
    name: str
    card_company: str
    currency: str
    steps: list[DiscountStep]
    budget_minor: int
    created_at: datetime
    start_at: datetime
    end_at: datetime
    max_discount_minor: int | None = None
    is_paused: bool = False
    terminated_at: datetime | None = None
    recovers: bool = True
    """A discount that a cancel releases goes back to the budget."""


class CheckoutRule(msgspec.Struct):
    """A method that a hosted checkout offers, and where; an empty list is any. Sums in minor units, both included."""

    payment_method: str
    channel_key: str
    countries: list[str] = []
    currencies: list[str] = []
    min_minor: int = 0
    max_minor: int | None = None


class CheckoutProfile(msgspec.Struct):
    key: str
    store_id: str
    rules: list[CheckoutRule]


class PaymentSession(msgspec.Struct):
    """A hosted checkout that somebody can be sent to, until it expires or is closed."""

    id: str
    store_id: str
    asked: dict[str, Any]
    created_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
