"""What may be asked of the list of payments: filters, days, places in the list. No I/O."""

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from jangbu.clock import SEOUL, instant
from jangbu.errors import Refusal

PAGE_DEFAULT, PAGE_MAX = 50, 500
SEARCH_LONGEST = 255

METHODS: dict[str, str] = {
    "CARD": "PaymentMethodCard",
    "EASY_PAY": "PaymentMethodEasyPay",
    "TRANSFER": "PaymentMethodTransfer",
    "VIRTUAL_ACCOUNT": "PaymentMethodVirtualAccount",
    "MOBILE": "PaymentMethodMobile",
    "GIFT_CERTIFICATE": "PaymentMethodGiftCertificate",
    "CONVENIENCE_STORE": "PaymentMethodConvenienceStore",
    "CRYPTO": "PaymentMethodCrypto",
}
"""PortOne's word of its own list filter, and the type that stands in its answer for a payment (portone-facts §2.2)."""
METHOD_OF_TYPE = {type_: word for word, type_ in METHODS.items()}


class MomentUnreadable(Refusal):
    """A bound of a period is a day or a moment with its offset."""

    code = "MOMENT_UNREADABLE"
    http_status = 422
    ko = "기간을 읽을 수 없습니다({field}). 2026-08-01(한국 날짜) 또는 2026-08-01T00:00:00+09:00처럼 입력해 주세요."
    en = "{field} is not a day (2026-08-01, in Korea) nor a moment with an offset (2026-08-01T00:00:00+09:00)."


class RangeBackwards(Refusal):
    """A range that ends before it begins holds nothing; whoever asks for it meant another one."""

    code = "RANGE_BACKWARDS"
    http_status = 422
    ko = "범위의 끝이 시작보다 앞입니다({field})."
    en = "The range ends before it begins ({field})."


class CursorUnreadable(Refusal):
    """A cursor is the `next` of an earlier page, as it was given."""

    code = "CURSOR_UNREADABLE"
    http_status = 422
    ko = "커서를 읽을 수 없습니다. 앞선 응답의 next 값을 그대로 보내 주세요."
    en = "This is not a cursor. Send the `next` of an earlier page as it was given."


class Place(NamedTuple):
    """Where a page ends: the sort key of the list, which never changes for a payment."""

    at: datetime
    id: UUID


ABOVE_ALL = Place(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))
BELOW_ALL = Place(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which payments are wanted; what is left as it is does not narrow. Periods are [from, until)."""

    store_id: str = ""
    statuses: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_until: datetime | None = None
    paid_from: datetime | None = None
    paid_until: datetime | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    currency: str = ""
    method: str = ""
    channel_key: str = ""
    in_review: bool = False
    search: str = ""

    def __post_init__(self) -> None:
        for name in ("created", "paid"):
            since, until = getattr(self, f"{name}_from"), getattr(self, f"{name}_until")
            if since is not None and until is not None and since > until:
                raise RangeBackwards(field=name)
        if self.amount_min is not None and self.amount_max is not None and self.amount_min > self.amount_max:
            raise RangeBackwards(field="amount")

    @property
    def narrows(self) -> bool:
        """Whether anything is asked beyond "everything"."""
        return any(getattr(self, each.name) != each.default for each in fields(self))

    def told(self) -> dict[str, Any]:
        """What narrows, as JSON values: for the audit line of an export."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        said = {name: value for name, value in values.items() if value not in (None, "", (), False)}
        return {
            name: value.isoformat()
            if isinstance(value, datetime)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in said.items()
        }


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def moment(text: str, field: str, *, is_end: bool = False) -> datetime | None:
    """A bound as somebody wrote it: a Korean day, which as an end counts whole, or an exact moment. None for "".

    Raises MomentUnreadable.
    """
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
            return datetime.combine(day, time(), SEOUL).astimezone(UTC)
        # A plus sign that was not escaped arrives as a blank.
        return instant(text.replace(" ", "+") if "T" in text else text)
    except (ValueError, OverflowError):
        raise MomentUnreadable(field=field) from None
