"""A page of a list in the console: what was asked for, the rows that fit, and the links to the rest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from jangbu.web import rendering
from jangbu.web.chrome import Choice, Pager

Row = TypeVar("Row")

ROWS = 50
ONE_MORE = ROWS + 1
"""How many rows to look for: the one that does not fit tells that there is another page."""


def fitting(
    request: Request, found: Sequence[Row], place: Callable[[Row], str], **changes: str | None
) -> tuple[Sequence[Row], Pager]:
    """The rows that fit, and the links beside them. `place` says where a row stands, for `before` in a link."""
    older = place(found[ROWS - 1]) if len(found) > ROWS else None
    return found[:ROWS], pager(request, older, **changes)


def pager(request: Request, older: str | None, **changes: str | None) -> Pager:
    """The links of a page that ends at `older`, or is the last; `changes` as in `rendering.address`."""
    is_first = not request.query_params.get("before")
    return Pager(
        newest_href=None if is_first else rendering.address(request, before=None, **changes),
        older_href=None if older is None else rendering.address(request, before=older, **changes),
    )


def switch(
    request: Request, name: str, values: Iterable[str], label: Callable[[str], str], **changes: str | None
) -> tuple[Choice, ...]:
    """All, which is "" to `label`, and each of the values that the query's `name` may have."""
    chosen = one_of(request, name, tuple(values))
    return tuple(
        Choice(
            label(value),
            rendering.address(request, **{"before": None, **changes, name: value or None}),
            value == chosen,
        )
        for value in ("", *values)
    )


def one_of(request: Request, name: str, values: Iterable[str]) -> str:
    """The one that was asked for; "" for none of them."""
    asked = request.query_params.get(name, "")
    return asked if asked in tuple(values) else ""


def filled_in(request: Request, name: str, *, most: int) -> str:
    """What was typed into a field of the filter, cut to what it takes. PostgreSQL's text knows no U+0000."""
    return request.query_params.get(name, "").strip()[:most].replace("\0", "")


def as_files(path: str, asked: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The formats that a list can be had in as a file, and where, narrowed as the page is."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return tuple((format_, f"{path}.{ending}?{query}") for format_, ending in (("Excel", "xlsx"), ("CSV", "csv")))
