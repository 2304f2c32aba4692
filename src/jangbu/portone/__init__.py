"""The only code that speaks to PortOne: calls, their outcomes, webhook signatures and bodies.

It decides nothing about our own records. `AiohttpTransport` is loaded on first use, because most commands
that import this package never open a connection.
"""

from typing import TYPE_CHECKING, Any

from jangbu.portone.client import PortOne, PortoneIdUnusable
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
from jangbu.portone.wire import Amount, Cancellation, Channel, Failure, Payment, PaymentPage, PaymentStatus, is_known

if TYPE_CHECKING:
    from jangbu.portone.transport import AiohttpTransport, Transport

__all__ = [
    "AiohttpTransport",
    "Amount",
    "Cancellation",
    "Channel",
    "Done",
    "Failure",
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
    "WebhookBodyUnreadable",
    "WebhookHeadersMissing",
    "WebhookSignatureInvalid",
    "WebhookTimestampTooNew",
    "WebhookTimestampTooOld",
    "Why",
    "is_known",
    "parse_secret",
    "read_notification",
    "sign",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in {"AiohttpTransport", "Transport"}:
        from jangbu.portone import transport

        return getattr(transport, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
