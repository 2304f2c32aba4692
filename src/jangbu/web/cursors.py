"""Where a page of a list ends, as it stands in a link: a time and the id that breaks ties."""

from datetime import datetime
from uuid import UUID

from jangbu.clock import instant, rfc3339


def cursor_text(at: datetime, row_id: UUID) -> str:
    """A place in a list that is sorted by time and id."""
    return f"{rfc3339(at)}.{at.microsecond}.{row_id.hex}"


def cursor_of(text: str) -> tuple[datetime, UUID] | None:
    """The same, back; None, the first page, for anything else somebody typed there."""
    try:
        at, microsecond, row_id = text.rsplit(".", 2)
        return instant(at).replace(microsecond=int(microsecond)), UUID(row_id)
    except (ValueError, OverflowError):
        return None


def number_of(text: str) -> int | None:
    """A place in a list that is sorted by number, a bigint; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
