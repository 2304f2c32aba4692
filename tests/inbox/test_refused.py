"""What PortOne did not send, or nobody can read, is refused in words and leaves nothing behind (F23, F26, F31)."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import pytest

from jangbu import embedded
from jangbu.errors import Refusal
from jangbu.portone import (
    WebhookBodyUnreadable,
    WebhookHeadersMissing,
    WebhookSignatureInvalid,
    WebhookTimestampTooNew,
    WebhookTimestampTooOld,
)
from jangbu.runtime import Runtime
from jangbu.wiring import Addresses
from kit import fresh_database

from .hooks import PortOneSends, a_body


@pytest.fixture(scope="module")
async def where(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """One database for all of these: nothing here may leave anything in it."""
    async with fresh_database(server) as addresses:
        yield addresses


async def nothing_stored(sends: PortOneSends) -> bool:
    return await sends.log() == [] and await sends.jobs() == []


def without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def with_signature(value: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda headers: {**headers, "webhook-signature": value.replace("{good}", headers["webhook-signature"])}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (without("webhook-id"), WebhookHeadersMissing),
        (without("webhook-timestamp"), WebhookHeadersMissing),
        (without("webhook-signature"), WebhookHeadersMissing),
        (with_signature(""), WebhookHeadersMissing),
        (with_signature("{good} " * 101), WebhookHeadersMissing),
        (with_signature("v1,서명"), WebhookHeadersMissing),
        (with_signature("v2,AAAA"), WebhookSignatureInvalid),
        (with_signature("v1,"), WebhookSignatureInvalid),
        (with_signature("v1,AAAA"), WebhookSignatureInvalid),
        (lambda headers: {**headers, "webhook-id": "wh-2"}, WebhookSignatureInvalid),
        (lambda headers: {**headers, "webhook-timestamp": "1.5"}, WebhookHeadersMissing),
    ],
    ids=[
        "no id",
        "no time",
        "no signature",
        "empty signature",
        "a hundred and one",
        "not ASCII",
        "another version only",
        "version only",
        "somebody else's",
        "another id",
        "time is no whole number",
    ],
)
async def test_what_portone_did_not_sign_is_refused_and_leaves_nothing(
    sends: PortOneSends, change: Callable[[dict[str, str]], dict[str, str]], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await sends(a_body(), change=change)
    assert 400 <= refusal.http_status < 500
    assert await nothing_stored(sends)


async def test_one_changed_byte_anywhere_is_refused(sends: PortOneSends) -> None:
    body = a_body()
    for place in range(len(body)):
        spoilt = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(WebhookSignatureInvalid):
            await sends(body, changed_body=spoilt)
    for spoilt in (body + b" ", b" " + body, body[:-1], b""):
        with pytest.raises(WebhookSignatureInvalid):
            await sends(body, changed_body=spoilt)
    assert await nothing_stored(sends)


@pytest.mark.parametrize(
    ("age", "refusal"),
    [
        (timedelta(minutes=6), WebhookTimestampTooOld),
        (timedelta(seconds=301), WebhookTimestampTooOld),
        (timedelta(seconds=-301), WebhookTimestampTooNew),
        (timedelta(minutes=-6), WebhookTimestampTooNew),
    ],
)
async def test_what_was_signed_too_long_ago_or_ahead_is_refused(
    sends: PortOneSends, run: Runtime, age: timedelta, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await sends(a_body(), at=run.clock.now() - age)
    assert await nothing_stored(sends)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "\xff\xfe"}',
        "{}".encode("utf-16"),
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"type": "A.B"} trailing',
        b'{"type": "\\ud800"}',
        b'{"amount": NaN}',
        b"payment_id=p-1",
    ],
)
async def test_a_signed_body_that_cannot_be_read_is_a_clear_refusal(sends: PortOneSends, body: bytes) -> None:
    with pytest.raises(WebhookBodyUnreadable):
        await sends(body)
    assert await nothing_stored(sends)


async def test_the_request_role_cannot_take_webhooks(sends: PortOneSends, request_run: Runtime) -> None:
    """The webhook door works under the system role; a person's session could never put words in PortOne's mouth."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await PortOneSends(request_run)(a_body())
    assert await nothing_stored(sends)
