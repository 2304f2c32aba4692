"""What a webhook says: a verified one of V2, in either of its two versions, or V1's (portone-facts §4.1, §4.5).

A webhook is a hint to go and look: it carries no amount, and its order of arrival means nothing. So whatever
is unknown here passes through, and only a body that cannot be read at all is refused.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from jangbu.errors import Refusal
from jangbu.portone.wire import Unreadable, decode_object, moment, text, without_nul

Version = Literal["2024-04-25", "2024-01-01", "v1"]

UNKNOWN_TYPE = "Unknown"
"""The type of a body that names none, such as the console's test webhook, whose form is not documented."""

V1_STATUSES = frozenset({"paid", "ready", "failed", "cancelled"})
_FORM = "application/x-www-form-urlencoded"
_FORM_FIELDS_MAX = 100
_OLD_FIELDS = frozenset({"payment_id", "tx_id", "status"})


class WebhookBodyUnreadable(Refusal):
    """The body is not UTF-8, or not the object or form that a PortOne webhook is."""

    code = "WEBHOOK_BODY_UNREADABLE"
    http_status = 400
    ko = "웹훅 본문을 읽을 수 없습니다. 포트원 콘솔에서 웹훅 버전(2024-04-25 권장)과 콘텐츠 타입을 확인해 주세요."
    en = (
        "The webhook's body cannot be read. Check the webhook version (2024-04-25 is best) and content type "
        "in the PortOne console."
    )


@dataclass(frozen=True, slots=True)
class Notification:
    """Something happened to a payment or a billing key. `at` is when, and the same on every redelivery."""

    type: str
    at: datetime | None
    payment_id: str | None
    transaction_id: str | None
    store_id: str | None
    cancellation_id: str | None
    # A billing key charges a card, so neither it nor the body it stands in may reach a log.
    billing_key: str | None = field(repr=False)
    version: Version
    raw: dict[str, Any] = field(repr=False)


def read(body: bytes, content_type: str = "application/json") -> Notification:
    """The notification in a verified body. Raises WebhookBodyUnreadable.

    `content_type` only decides for a body that is not a JSON object: the old version may come as a form.
    """
    try:
        raw = _form(body) if _is_form(body, content_type) else decode_object(body)
    except Unreadable as failure:
        raise WebhookBodyUnreadable(problem=str(failure)) from None
    if "type" not in raw and "merchant_uid" in raw:
        return _v1(raw)
    if "type" not in raw and not _OLD_FIELDS.isdisjoint(raw):
        return _old(raw)
    return _current(raw)


def _current(raw: dict[str, Any]) -> Notification:
    data = raw.get("data")
    if not isinstance(data, dict):
        data = {}
    return Notification(
        type=text(raw, "type") or UNKNOWN_TYPE,
        at=moment(raw, "timestamp"),
        payment_id=text(data, "paymentId") or None,
        transaction_id=text(data, "transactionId") or None,
        store_id=text(data, "storeId") or None,
        cancellation_id=text(data, "cancellationId") or None,
        billing_key=text(data, "billingKey") or None,
        version="2024-04-25",
        raw=raw,
    )


def _old(raw: dict[str, Any]) -> Notification:
    """2024-01-01: the status words are the ends of today's types, so one vocabulary serves both."""
    status = text(raw, "status")
    return Notification(
        type=f"Transaction.{status}" if status else UNKNOWN_TYPE,
        at=None,
        payment_id=text(raw, "payment_id") or None,
        transaction_id=text(raw, "tx_id") or None,
        store_id=None,
        cancellation_id=None,
        billing_key=None,
        version="2024-01-01",
        raw=raw,
    )


def _v1(raw: dict[str, Any]) -> Notification:
    """V1's: unsigned, so that not even what it is about is more than a claim."""
    status = text(raw, "status")
    return Notification(
        type=f"V1.{status if status in V1_STATUSES else 'other'}",
        at=None,
        payment_id=text(raw, "merchant_uid") or None,
        transaction_id=text(raw, "imp_uid") or None,
        store_id=None,
        cancellation_id=text(raw, "cancellation_id") or None,
        billing_key=None,
        version="v1",
        raw=raw,
    )


def _is_form(body: bytes, content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == _FORM and not body.lstrip().startswith(b"{")


def _form(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS_MAX)
    except ValueError as failure:
        raise Unreadable(f"not a form ({type(failure).__name__})") from None
    if not pairs:
        raise Unreadable("an empty form")
    fields: dict[str, Any] = without_nul(dict(pairs))
    return fields
