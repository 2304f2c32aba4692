"""PortOne's webhook signatures: Standard Webhooks, as portone-facts §4.2 has them.

    signed text   "{webhook-id}.{webhook-timestamp}." + the raw body
    signature     "v1," + base64(HMAC-SHA256(key, signed text)); the header may hold several, parted by spaces

Whoever uses the body takes the id and the time from `Verified`, never again from the headers: only these were
signed.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from jangbu.errors import Refusal, SetupProblem

TOLERANCE_S = 300
"""How far the signing time may lie from ours, either way, inclusive."""

SIGNATURES_MAX = 100
SIGNATURE_CHARACTERS_MAX = 8_192

_SECRET_PREFIX = "whsec_"  # noqa: S105 (the prefix of every secret, and no secret)
_WEBHOOK_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WebhookHeadersMissing(Refusal):
    """One of the three signature headers is missing, too long, or not what such a header looks like."""

    code = "WEBHOOK_HEADERS_MISSING"
    http_status = 400
    ko = (
        "웹훅 서명 헤더({header})가 없거나 형식이 올바르지 않습니다. 포트원이 보낸 요청인지, "
        "프록시가 webhook-* 헤더를 지우지 않는지 확인해 주세요."
    )
    en = (
        "The webhook header {header} is missing or malformed. Check that the request comes from PortOne and "
        "that no proxy removes webhook-* headers."
    )


class WebhookSignatureInvalid(Refusal):
    """No signature matches any of our secrets."""

    code = "WEBHOOK_SIGNATURE_INVALID"
    http_status = 401
    ko = (
        "웹훅 서명이 일치하지 않습니다. 설정한 웹훅 시크릿이 포트원 콘솔의 값(실연동/테스트 구분)과 같은지, "
        "요청 본문이 중간에서 바뀌지 않는지 확인해 주세요."
    )
    en = (
        "No webhook signature matches. Check that the webhook secret is the one in the PortOne console (live "
        "and test have different ones) and that nothing on the way changes the body."
    )


class WebhookTimestampTooOld(Refusal):
    """The webhook was signed too long ago: a replay, or one of the two clocks is wrong."""

    code = "WEBHOOK_TIMESTAMP_TOO_OLD"
    http_status = 400
    ko = (
        "웹훅이 {seconds}초 전에 서명되었습니다(허용 {tolerance}초). 서버 시각(NTP)을 확인한 뒤 "
        "포트원 콘솔에서 다시 전송해 주세요."
    )
    en = (
        "The webhook was signed {seconds} s ago, and {tolerance} s are allowed. Check this server's clock "
        "(NTP), then send it again from the PortOne console."
    )


class WebhookTimestampTooNew(Refusal):
    """The webhook was signed in our future: one of the two clocks is wrong."""

    code = "WEBHOOK_TIMESTAMP_TOO_NEW"
    http_status = 400
    ko = (
        "웹훅의 서명 시각이 서버 시각보다 {seconds}초 앞서 있습니다(허용 {tolerance}초). "
        "서버 시각(NTP)을 확인한 뒤 포트원 콘솔에서 다시 전송해 주세요."
    )
    en = (
        "The webhook was signed {seconds} s in the future, and {tolerance} s are allowed. Check this "
        "server's clock (NTP), then send it again from the PortOne console."
    )


@dataclass(frozen=True, slots=True)
class Verified:
    """A webhook that PortOne signed. On a redelivery the id is the same again, and `sent_at` is new.

    `secret` says which of ours it was signed with, counted from one.
    """

    webhook_id: str
    sent_at: datetime
    secret: int = 1


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> Verified:
    """Whether one of `secrets` signed exactly these bytes within the last (or next) five minutes.

    Give every secret that is live: PortOne keeps two while one is being replaced. Header names are read in
    any case. Raises WebhookHeadersMissing, WebhookTimestampTooOld, WebhookTimestampTooNew,
    WebhookSignatureInvalid; SetupProblem when there is no secret or a malformed one.
    """
    if not secrets:
        raise SetupProblem("There is no webhook secret. Copy it from the PortOne console and set it.")
    keys = [parse_secret(secret) for secret in secrets]

    webhook_id = _header(headers, "webhook-id", _WEBHOOK_ID)
    timestamp = _header(headers, "webhook-timestamp", _TIMESTAMP)
    signatures = _signatures(headers)
    sent_s = int(timestamp)
    _check_age((now - _EPOCH) // timedelta(seconds=1) - sent_s)

    # Every pair is compared, so that the time this takes says nothing about which secret or signature came
    # close. The encoded text is compared, because base64 has several spellings of the same bytes and PortOne
    # writes only one.
    matched = 0
    for number, key in enumerate(keys, start=1):
        expected = _signature(key, webhook_id, timestamp, body)
        for signature in signatures:
            if hmac.compare_digest(expected, signature):
                matched = matched or number
    if not matched:
        raise WebhookSignatureInvalid()
    return Verified(webhook_id, _EPOCH + timedelta(seconds=sent_s), secret=matched)


def sign(secret: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that make `body` a webhook signed at `at`: for posting ourselves a test one."""
    assert _WEBHOOK_ID.fullmatch(webhook_id), "a webhook id is printable ASCII without spaces"
    timestamp = str((at - _EPOCH) // timedelta(seconds=1))
    signature = _signature(parse_secret(secret), webhook_id, timestamp, body)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature.decode()}",
    }


@lru_cache(maxsize=32)
def parse_secret(secret: str) -> bytes:
    """The key inside `whsec_…`; the prefix may be left out, as PortOne's SDKs allow. Raises SetupProblem.

    Call it once at start, so that a mistyped secret stops the program and not the first webhook.
    """
    encoded = secret.strip().removeprefix(_SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise SetupProblem(
            "The webhook secret is not one PortOne issues: it is whsec_ followed by base64. Copy it again "
            "from the PortOne console (webhook settings), whole and without quotes."
        )
    return key


def _header(headers: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    for given, value in headers.items():
        if given.lower() == name and pattern.fullmatch(value):
            return value
    raise WebhookHeadersMissing(header=name)


def _signatures(headers: Mapping[str, str]) -> list[bytes]:
    """The `v1` signatures, encoded. Other versions are skipped, as PortOne's own verifiers skip them."""
    value = _header(headers, "webhook-signature", re.compile(rf"[\x20-\x7e]{{1,{SIGNATURE_CHARACTERS_MAX}}}"))
    entries = value.split()
    if not 1 <= len(entries) <= SIGNATURES_MAX:
        raise WebhookHeadersMissing(header="webhook-signature")
    return [entry[3:].encode() for entry in entries if entry.startswith("v1,")]


def _check_age(age_s: int) -> None:
    if age_s > TOLERANCE_S:
        raise WebhookTimestampTooOld(seconds=age_s, tolerance=TOLERANCE_S)
    if age_s < -TOLERANCE_S:
        raise WebhookTimestampTooNew(seconds=-age_s, tolerance=TOLERANCE_S)


def _signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    signed = b"%b.%b.%b" % (webhook_id.encode(), timestamp.encode(), body)
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
