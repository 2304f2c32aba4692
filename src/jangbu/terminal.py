"""How commands speak: results on stdout, everything else on stderr; tables for people, one JSON document for programs.

Imports nothing heavy, because every command's module imports it and `jangbu --help` must answer at once.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID

import typer

from jangbu.clock import SEOUL, instant, rfc3339
from jangbu.errors import SetupProblem

if TYPE_CHECKING:
    from jangbu.runtime import Runtime

T = TypeVar("T")

Opener = Callable[[], AbstractAsyncContextManager["Runtime"]]
"""What a capability's commands receive to reach the database: it opens under `jangbu_system` and closes again."""

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for programs.")]

Mark = Literal["good", "bad", "look", "none"]
MARKS: dict[Mark, tuple[str, str]] = {
    "good": ("✓", "green"),
    "bad": ("✗", "red"),
    "look": ("!", "yellow"),
    "none": ("–", "bright_black"),
}
BYTES_MAX = 10_000
"""Nobody hands in more than this for one account or number."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def execute(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work."""
    # Only commands that run need it; `--help` does not, and answers the sooner.
    import asyncio

    return asyncio.run(work)


def say(text: str = "") -> None:
    """A line of the result, on stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """A line about the work, on stderr."""
    typer.echo(text, err=True)


def styled(text: str, colour: str, *, bold: bool = False) -> str:
    """`text` in a colour; plain where stdout is no terminal or NO_COLOR asks for none."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return typer.style(text, fg=colour, bold=bold)


def mark(kind: Mark) -> str:
    """✓, ✗, ! or –."""
    sign, colour = MARKS[kind]
    return styled(sign, colour, bold=True)


def document(value: Any) -> None:
    """The result as one JSON document on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    raise AssertionError(f"{type(value).__name__} has no JSON form here")


def clean(text: object) -> str:
    """`text` fit for one line of a terminal: what outsiders sent must not move the cursor or forge a line."""
    return _CONTROL.sub("�", str(text))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Figures go to the right."""

    title: str
    right: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their titles: drawn where stdout is a terminal, aligned text elsewhere."""
    cells = [[clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(columns, cells)
    else:
        _aligned(columns, cells)


def listed(
    name: str,
    found: Sequence[T],
    columns: Mapping[str, Callable[[T], object]],
    *,
    figures: Collection[str] = (),
    nothing: str,
    whole: Callable[[T], object],
    as_json: bool,
) -> None:
    """A list as every command shows it: one document under `name`, a table, or the sentence that there is `nothing`.

    `columns` are titles and what stands under them, those of `figures` to the right; `whole` is all of a row, as JSON.
    """
    if as_json:
        document({name: [whole(row) for row in found]})
    elif not found:
        say(nothing)
    else:
        rows = [[cell(row) for cell in columns.values()] for row in found]
        table([Column(title, right=title in figures) for title in columns], rows)


def details(known: Mapping[str, object], *, width: int = 11) -> None:
    """What is known of one thing, a line each; what is empty is left out."""
    for name, fact in known.items():
        if fact:
            say(f"  {name:<{width}}{clean(fact)}")


def _drawn(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in cells:
        # Text and not str: a "[" in an order's name is not markup.
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def _aligned(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *cells]
    widths = [max(cell_len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = []
        for column, cell, width in zip(columns, line, widths, strict=True):
            # A Korean letter takes two places, so str.ljust would not align.
            space = " " * (width - cell_len(cell))
            padded.append(space + cell if column.right else cell + space)
        say("  ".join(padded).rstrip())


@contextmanager
def working(text: str) -> Iterator[None]:
    """Say on stderr what is going on, while it goes on; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def asked(what: str, *prompts: tuple[str, str | None]) -> list[str]:
    """What a person at the terminal answers to each prompt, which has a default or must be answered.

    Raises SetupProblem where nobody is there.
    """
    if not sys.stdin.isatty():
        raise SetupProblem(f"Nobody is here to be asked for {what}. Hand in a file, or - for stdin.")
    return [str(typer.prompt(text, default=default, show_default=False, err=True)).strip() for text, default in prompts]


def handed_in(where: str, what: str) -> bytes:
    """The beginning of a file, or of stdin for `-`: for what is never an argument, because `ps` shows those.

    Raises SetupProblem, without what was read.
    """
    try:
        return sys.stdin.buffer.read(BYTES_MAX) if where == "-" else Path(where).read_bytes()[:BYTES_MAX]
    except (OSError, ValueError):
        raise SetupProblem(f"The file with {what} cannot be read.") from None


def moment(text: str, *, end: bool = False) -> datetime:
    """An instant a person typed: RFC 3339 with its offset, or a day in Seoul, as its beginning or, with `end`, its end.

    Raises typer.BadParameter.
    """
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            begins = datetime(day.year, day.month, day.day, tzinfo=SEOUL)
            return begins + timedelta(days=1) if end else begins
        return instant(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time. Write a day in Seoul (2026-08-01), or a time with its offset "
            "(2026-08-01T09:00:00+09:00)."
        ) from None


def through(text: str) -> datetime:
    """The last instant that still belongs to what a person typed: a whole day, or that very time."""
    return moment(text, end=True) - timedelta(microseconds=1) if _DAY.fullmatch(text) else moment(text)


def ago(seconds: float) -> str:
    """A span for people: 3 s, 5 min, 2 h, 4 days."""
    whole = int(seconds)
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if whole >= 2 * size or (unit != "days" and whole >= size):
            return f"{whole // size} {unit}"
    return f"{whole} s"


def file_kind(to: Path) -> Literal["csv", "xlsx"]:
    """What the file's name says it is. Raises typer.BadParameter; never writes over a file."""
    if to.suffix.lower() not in (".csv", ".xlsx"):
        raise typer.BadParameter(f"{to} must end in .csv or .xlsx.")
    if to.exists():
        raise typer.BadParameter(f"{to} is there already; move it away, or choose another name.")
    if not to.parent.is_dir():
        raise typer.BadParameter(f"There is no folder {to.parent}.")
    return "csv" if to.suffix.lower() == ".csv" else "xlsx"
