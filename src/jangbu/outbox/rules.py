"""What an endpoint is, what an answer of one means, and when to try again. No I/O; "now" and chance are arguments."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from jangbu.outbox.refusals import EndpointSecretMalformed

RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after each failed try the next one comes: the schedule that Standard Webhooks 1.0.0 recommends."""
TRIES_MAX = 1 + len(RETRY_AFTER)
JITTER_PERCENT = 20
DISABLED_AFTER = timedelta(days=5)
"""An endpoint that has only failed for this long is switched off."""
ENDPOINTS_MAX = 20
"""Each endpoint takes one of a worker's slots at most, so that dead ones can never take them all."""
ROTATION_H_DEFAULT, ROTATION_H_MAX = 24, 168
SECRET_BYTES_MIN, SECRET_BYTES_MAX, SECRET_BYTES_MADE = 24, 64, 32
SECRET_PREFIX = "whsec_"  # noqa: S105 (the prefix of every secret, and no secret)
TEST_SUBJECT = "test:"
ANSWER_CHARACTERS_MAX = 2_000
URL_CHARACTERS_MAX = 2_000
SEQ_MAX = 2**53 - 1
"""The largest number that every JSON reader takes, and far below PostgreSQL's."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A subscription: which events go to which address. No types means all of them; no store means every store."""

    id: UUID
    url: str
    description: str
    types: list[str]
    store_id: str
    state: str
    disabled_reason: str
    disabled_at: datetime | None
    failing_since: datetime | None
    position: int
    version: int
    created_at: datetime

    @property
    def subject(self) -> str:
        """How events and the audit log call it."""
        return f"webhook_endpoint:{self.id}"

    @property
    def shown_url(self) -> str:
        """The URL without its query, which may hold a token."""
        return self.url.partition("?")[0]

    @property
    def origin(self) -> str:
        """Scheme and host alone, for messages that leave the house: a path may hold a token too."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """An event with its place in the feed."""

    seq: int
    id: UUID
    type: str
    version: int
    subject: str
    store_id: str
    happened_at: datetime
    data: dict[str, Any]

    @property
    def is_test(self) -> bool:
        """Whether it stands for nothing that happened."""
        return self.subject.startswith(TEST_SUBJECT) or self.type == "webhook_endpoint.test"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try, as a stable word; the status and the beginning of the body where there was an answer."""

    outcome: str
    status: int | None = None
    body: str = ""


def outcome_of(status: int) -> str:
    """What a status means: 2xx is the only yes, 3xx is a no because nothing follows it, 410 asks us to stop."""
    if 200 <= status < 300:
        return "delivered"
    if 300 <= status < 400:
        return "redirected"
    return "gone" if status == 410 else "refused"


def next_try(tries: int, now: datetime, chance_percent: int) -> datetime | None:
    """When to try again after `tries` failed ones, a little later by chance so that many do not come at once.

    None when that was the last one.
    """
    assert 0 <= chance_percent <= JITTER_PERCENT, "chance_percent is within JITTER_PERCENT"
    if tries >= TRIES_MAX:
        return None
    wait = RETRY_AFTER[tries - 1]
    return now + wait + wait * chance_percent // 100


def is_to_be_disabled(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint has failed for long enough."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER


def secret_of(key: bytes) -> str:
    """`whsec_…` of some bytes."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The bytes inside `whsec_…`. Raises EndpointSecretMalformed."""
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise EndpointSecretMalformed from None
    if encoded == secret or not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise EndpointSecretMalformed
    return key


def signed_headers(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0: a signature for every secret that is live, the newest first."""
    assert secrets, "an endpoint always has a secret"
    timestamp = str((at - _EPOCH) // timedelta(seconds=1))
    signed = b"%b.%b.%b" % (message_id.encode(), timestamp.encode(), body)
    signatures = [base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature.decode()}" for signature in signatures),
    }
