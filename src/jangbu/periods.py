"""Periods as people write them: Korean days or exact moments."""

import re
from datetime import UTC, date, datetime, time, timedelta

from jangbu.clock import SEOUL, instant
from jangbu.errors import Refusal


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
