"""Time: aware UTC inside, Asia/Seoul at the edges, and always from a clock that was handed in.

`datetime.now` appears here and nowhere else (tests/test_house.py sees to it).
"""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")
NEVER = 9000
"""Whoever writes 9999-12-31 means that there is no such day, and nothing can be reckoned beyond it."""


class Clock(Protocol):
    """Business time."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime."""
        ...


class SystemClock:
    """The machine's own time, plus an offset that only the sandbox mode ever sets (design §4.7)."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def set_offset(self, seconds: int) -> None:
        """Be this far ahead of the machine from now on."""
        self._offset = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset


class ManualClock:
    """A clock that stands still until it is moved: tests and the simulator."""

    def __init__(self, at: datetime) -> None:
        assert at.tzinfo is not None, "time without a zone is not a time"
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def move(self, by: timedelta) -> datetime:
        """Move forward and say what time it is then."""
        assert by >= timedelta(), "this clock does not run backwards"
        self._at += by
        return self._at


def instant(text: str) -> datetime:
    """An RFC 3339 timestamp as aware UTC. Raises ValueError when it has no offset, or is no time that ever comes."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    if at.year >= NEVER:
        raise ValueError(f"{text!r} is at the end of the calendar")
    return at.astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """`2026-08-01T03:00:09.120Z`: UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seoul_day(at: datetime) -> date:
    """The business day an instant belongs to."""
    return at.astimezone(SEOUL).date()


def seoul(at: datetime) -> str:
    """For people: `2026-08-01 12:00:09` in Korean time."""
    return at.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M:%S")
