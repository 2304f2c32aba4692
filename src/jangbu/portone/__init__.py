"""The only code that speaks to PortOne: calls, their outcomes, webhook signatures and bodies.

It decides nothing about our own records. `AiohttpTransport` is loaded on first use, because most commands
that import this package never open a connection.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jangbu.portone.calling import Observe, PortoneIdUnusable
from jangbu.portone.client import PortOne
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
from jangbu.portone.v1 import PortOneV1
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
    "PortOneV1",
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
    """PortOne as the operator set it up, with its V1 where that is; over `transport` where a test hands one in.
    `observe` hears of every call.
    """
    secret, store_id = settings.v2_api_secret, settings.portone_store_id
    v1_key, v1_secret = settings.v1_credentials
    # What comes before V1's paths is told apart from where it is, so that one transport can carry both.
    v1_parts = urlsplit(settings.portone_v1_url)
    async with AsyncExitStack() as stack:

        async def to(address: str) -> "Transport":
            if transport is not None:
                return transport
            from jangbu.portone.transport import AiohttpTransport

            patience = settings.portone_read_timeout_s
            return await stack.enter_async_context(AiohttpTransport(address, read_timeout_s=patience))

        portone = PortOne(await to(settings.portone_url), api_secret=secret, store_id=store_id, observe=observe)
        if v1_key:
            portone.v1 = PortOneV1(
                await to(f"{v1_parts.scheme}://{v1_parts.netloc}"),
                api_key=v1_key,
                api_secret=v1_secret,
                store_id=store_id,
                root=v1_parts.path.rstrip("/"),
                refund_banks=settings.v1_refund_banks,
                observe=observe,
            )
        yield portone


def __getattr__(name: str) -> Any:
    if name in {"AiohttpTransport", "Transport"}:
        from jangbu.portone import transport

        return getattr(transport, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
