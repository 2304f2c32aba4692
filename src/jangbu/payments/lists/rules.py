"""What may be asked of the list of payments: filters, places in the list. No I/O."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from jangbu.errors import Refusal
from jangbu.periods import RangeBackwards

PAGE_DEFAULT, PAGE_MAX = 50, 500
SEARCH_LONGEST = 255


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
    in_dispute: bool = False
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
