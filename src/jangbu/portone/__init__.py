"""The only code that speaks to PortOne: calls, their outcomes, webhook signatures and bodies.

It decides nothing about our own records. `AiohttpTransport` is loaded on first use, because most commands
that import this package never open a connection.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from jangbu.portone.client import Observe, PortOne, PortoneIdUnusable
from jangbu.portone.identity import IdentityVerification, VerifiedCustomer
from jangbu.portone.notification import Notification, WebhookBodyUnreadable
from jangbu.portone.notification import read as read_notification
from jangbu.portone.outcomes import Done, Outcome, Refused, Unknown, Why
from jangbu.portone.signature import (
    Verified,
    WebhookHeadersMissing,
    WebhookSignatureInvalid,
    WebhookTimestampTooNew,
    WebhookTimestampTooOld,
    parse_secret,
    sign,
    verify,
)
from jangbu.portone.wire import Amount, Cancellation, Channel, Failure, Payment, PaymentPage, PaymentStatus

if TYPE_CHECKING:
    from jangbu.portone.transport import AiohttpTransport, Transport
    from jangbu.settings import Settings

__all__ = [
    "AiohttpTransport",
    "Amount",
    "Cancellation",
    "Channel",
    "Done",
    "Failure",
    "IdentityVerification",
    "Notification",
    "Outcome",
    "Payment",
    "PaymentPage",
    "PaymentStatus",
    "PortOne",
    "PortoneIdUnusable",
    "Refused",
    "Transport",
    "Unknown",
    "Verified",
    "VerifiedCustomer",
    "WebhookBodyUnreadable",
    "WebhookHeadersMissing",
    "WebhookSignatureInvalid",
    "WebhookTimestampTooNew",
    "WebhookTimestampTooOld",
    "Why",
    "from_settings",
    "parse_secret",
    "read_notification",
    "sign",
    "verify",
]


@asynccontextmanager
async def from_settings(
    settings: "Settings", transport: "Transport | None" = None, *, observe: Observe | None = None
) -> AsyncIterator[PortOne]:
    """PortOne as the operator set it up; over `transport` where a test hands one in. `observe` hears of every call."""
    secret, store_id = settings.v2_api_secret, settings.portone_store_id
    if transport is not None:
        yield PortOne(transport, api_secret=secret, store_id=store_id, observe=observe)
        return
    from jangbu.portone.transport import AiohttpTransport

    address, patience = settings.portone_url, settings.portone_read_timeout_s
    async with AiohttpTransport(address, read_timeout_s=patience) as opened:
        yield PortOne(opened, api_secret=secret, store_id=store_id, observe=observe)


def __getattr__(name: str) -> Any:
    if name in {"AiohttpTransport", "Transport"}:
        from jangbu.portone import transport

        return getattr(transport, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
