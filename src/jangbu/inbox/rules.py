"""What of a webhook's body may be shown, and to whom. Pure.

PortOne's bodies name things by their ids and nothing else (portone-facts §4.1). But they are written by others, and a
later version may bring a payer's name: so whoever may not see bodies sees the ids we know and masks for the rest.
"""

from typing import Any

BODIES = "webhooks:bodies"
"""The scope that shows a body whole."""

KEY_CHARACTERS_SHOWN = 8
MASK = "•••"
_TELLS_NOTHING = frozenset(
    {
        "type",
        "timestamp",
        "storeId",
        "paymentId",
        "transactionId",
        "cancellationId",
        # Version 2024-01-01.
        "payment_id",
        "tx_id",
        "status",
        # V1.
        "imp_uid",
        "merchant_uid",
        "cancellation_id",
    }
)
"""Fields that are about a payment and never about a person."""


def without_keys(value: Any) -> Any:
    """A webhook's body with its billing keys cut short, for everybody: whoever has one can charge the card."""
    if isinstance(value, dict):
        return {name: _cut(part) if name == "billingKey" else without_keys(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_keys(part) for part in value]
    return value


def masked(value: Any) -> Any:
    """A webhook's body for those who may not see it whole: its form, the ids that we know, and masks."""
    if isinstance(value, dict):
        return {name: part if _may_show(name, part) else masked(part) for name, part in value.items()}
    if isinstance(value, list):
        return [masked(part) for part in value]
    return value if value is None else MASK


def shown_body(body: Any, scopes: frozenset[str]) -> Any:
    """A body as somebody with these scopes may see it."""
    return without_keys(body) if BODIES in scopes else masked(body)


def _may_show(name: str, value: Any) -> bool:
    return name in _TELLS_NOTHING and isinstance(value, str)


def _cut(key: Any) -> Any:
    return f"{key[:KEY_CHARACTERS_SHOWN]}…" if isinstance(key, str) else "…"
