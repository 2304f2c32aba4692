"""What all pages of the console share: their address, their language, the clock above them, rows of a long list."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode

from jangbu.sandbox.console.passed import Happening
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core.currencies import EXPONENTS, written
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.parts import Parts

PATH = "/__sandbox__/"
PAGES = f"{PATH}console/"
ROWS_MAX = 50
PASSED_SHOWN = 200
TABS = (
    ("payments", PATH),
    ("keys", f"{PAGES}keys"),
    ("identity", f"{PAGES}identity"),
    ("webhooks", f"{PAGES}webhooks"),
    ("faults", f"{PAGES}faults"),
    ("world", f"{PAGES}world"),
)
Query = Mapping[str, str]
Item = TypeVar("Item")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is made from: the world, the words, and what the address says."""

    parts: Parts
    words: Words
    query: Query
    origin: str
    """The address that the browser knows the sandbox by."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a person may fill in: a text, a number, or one of the choices."""

    name: str
    label: str
    kind: str = "text"
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """One order: what it says, what it sends, and what a person may fill in before."""

    label: str
    act: str
    sends: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[Field, ...] = ()
    is_danger: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter of a list, and how many rows it leaves."""

    label: str
    href: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """A part of a long list, the newest first."""

    rows: tuple[Row, ...]
    total: int
    first: int
    newer: str = ""
    older: str = ""


@dataclass(frozen=True, slots=True)
class PassedRow:
    """Something that came due while the clock moved."""

    at: str
    kind: str
    about: str
    outcome: str
    href: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What templates/base.html uses."""

    words: Words
    here: str
    """The page's own address, which its forms come back to."""
    tab: str
    other_language: str
    store_name: str
    now: str
    now_input: str
    is_frozen: bool
    passed: tuple[PassedRow, ...]
    passed_total: int
    is_just_moved: bool
    notice: str = ""
    problem: str = ""
    typed: Query = field(default_factory=dict)
    """What a refused form said, so that nobody types it twice."""

    tabs = TABS


def link(path: str, /, **query: object) -> str:
    """An address of the console; what is empty is left out."""
    said = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(said)}" if said else path


def payment_link(payment_id: str) -> str:
    return link(f"{PAGES}payment", id=payment_id)


def passed_rows(passed: Sequence[Happening]) -> tuple[PassedRow, ...]:
    return tuple(
        PassedRow(
            shown(each.at),
            each.kind,
            each.about,
            each.outcome,
            payment_link(each.payment_id) if each.payment_id else "",
        )
        for each in passed[:PASSED_SHOWN]
    )


def chips_of(
    asked: Asked, path: str, kind: str, words: str, states: Iterable[str], said: Sequence[str], **query: object
) -> tuple[Chip, ...]:
    """A filter for each state that something is in; `said` has each row's, `words` begins the name of its word."""
    chosen, counts = asked.query.get(kind, ""), Counter(said)
    every = Chip(asked.words["all"], link(path, **query), len(said), not chosen)
    return every, *(
        Chip(asked.words[f"{words}_{state}"], link(path, **query, **{kind: state}), counts[state], state == chosen)
        for state in states
        if counts[state] or state == chosen
    )


def listed(
    newest_first: Sequence[Item], row_of: Callable[[Item], Row], asked: Asked, path: str, **query: object
) -> Listed[Row]:
    """The page that the address asks for, each item as its row."""
    said = asked.query.get("page", "")
    # A number nobody's list reaches is the last page: a link may be older than what it leads to.
    last = max((len(newest_first) - 1) // ROWS_MAX, 0)
    page = min(int(said) - 1, last) if said.isascii() and said.isdigit() and len(said) < 9 and int(said) > 0 else 0
    first = page * ROWS_MAX
    return Listed(
        tuple(row_of(each) for each in newest_first[first : first + ROWS_MAX]),
        len(newest_first),
        first + 1 if newest_first else 0,
        newer=link(path, **query, page=page if page > 1 else "") if page else "",
        older=link(path, **query, page=page + 2) if page < last else "",
    )


def shown(at: datetime | None) -> str:
    """In Korean time, where PortOne's console is too."""
    return "" if at is None else f"{at.astimezone(KST):%Y-%m-%d %H:%M:%S}"


def money(amount_minor: int, currency: str) -> str:
    """As people write it, or in minor units of what is no currency: an older world's pre-registration took any."""
    if currency not in EXPONENTS:
        return f"{amount_minor:,} {currency}"
    return written(amount_minor, currency)
