"""Tables as files for people: CSV and Excel, written by a process of its own, in memory that does not grow.

`write` hands rows to that process as they come. Making a million cells is work of many seconds, which must not keep
the requests of others waiting, and an Excel file is only whole at its end; so the file is made first and sent then.
"""

import asyncio
import csv
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from jangbu.clock import SEOUL
from jangbu.money import exponent_of

Kind = Literal["text", "amount", "currency", "time", "day"]
Format = Literal["csv", "xlsx"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHEET_ROWS_MAX = 1_048_576
"""Rows of one Excel sheet, its heading among them."""
EXACT_IN_EXCEL = 10**15
"""From here on Excel rounds: it keeps fifteen digits."""
_BATCH = 500
_END = b"end\n"
# Spreadsheet programs take what begins so for a formula (OWASP ASVS 1.2.10); the full-width forms do as well.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and what stands under it.

    `time` and `day` take an instant and show it in Korean time. `amount` takes minor units of the row's `currency` and
    shows what people write, won or dollars and cents: nobody who adds up a column divides some of its lines first.
    """

    heading: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds. `name` is that of its sheet."""

    name: str
    columns: tuple[Column, ...]

    def currency_of(self, row: Sequence[Any]) -> str:
        """What the amounts of a row are of; "" where they are no money."""
        return next((value for column, value in zip(self.columns, row, strict=True) if column.kind == "currency"), "")


class SheetFailed(Exception):  # noqa: N818 (what it says is what happened)
    """The process that writes the file ended without finishing it. A bug, or a full disk; it said which to the log."""


async def write(path: Path, table: Table, rows: AsyncIterator[Sequence[Any]], *, kind: Format) -> int:
    """Write a file; how many rows. When anything goes wrong, or the caller gives up, no file is left."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jangbu.sheets", str(path), kind, stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    count, batch, is_whole = 0, [], False
    try:
        child.stdin.write(msgspec.json.encode(table) + b"\n")
        async for row in rows:
            count += 1
            batch.append(row)
            if len(batch) == _BATCH:
                child.stdin.write(msgspec.json.encode(batch) + b"\n")
                await child.stdin.drain()
                batch = []
        child.stdin.write(msgspec.json.encode(batch) + b"\n" + _END)
        await child.stdin.drain()
        child.stdin.close()
        is_whole = await child.wait() == 0
    except (BrokenPipeError, ConnectionResetError):
        await child.wait()
    finally:
        if not is_whole:
            if child.returncode is None:
                child.kill()
                await child.wait()
            path.unlink(missing_ok=True)  # noqa: ASYNC240 (one call, and nobody waits for it)
    if not is_whole:
        raise SheetFailed(f"the writer of {table.name} ended with {child.returncode}")
    return count


def safe_text(value: str) -> str:
    """Text that no spreadsheet program takes for a formula (reliability F128)."""
    clean = _UNPRINTABLE.sub("\ufffd", value)
    return f"'{clean}" if _FORMULA.match(clean.lstrip(" ")) else clean


def _main(path: str, wanted: str) -> int:
    lines = iter(sys.stdin.buffer.readline, b"")
    table = msgspec.json.decode(next(lines), type=Table)
    rows = _Rows(lines)
    if wanted == "xlsx":
        _write_xlsx(path, table, rows)
    else:
        with Path(path).open("w", encoding="utf-8-sig", newline="") as file:
            _write_csv(file, table, rows)
    # Whoever fed us may have died half-way; then what we wrote looks whole and is not.
    return 0 if rows.is_whole else 3


class _Rows:
    """The rows as they come in; `is_whole` once the last one was announced."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.is_whole = False

    def __iter__(self) -> Iterator[list[Any]]:
        for line in self._lines:
            if line == _END:
                self.is_whole = True
                return
            yield from msgspec.json.decode(line)


def _in_seoul(text: str) -> datetime:
    # Whole seconds: Excel rounds what it shows, and half a second before midnight is still today.
    return datetime.fromisoformat(text).astimezone(SEOUL).replace(tzinfo=None, microsecond=0)


def _in_major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent_of(currency)) if currency else Decimal(minor)


def _write_csv(file: IO[str], table: Table, rows: _Rows) -> None:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([column.heading for column in table.columns])
    kinds = [column.kind for column in table.columns]
    for row in rows:
        currency = table.currency_of(row)
        writer.writerow([_csv_cell(kind, value, currency) for kind, value in zip(kinds, row, strict=True)])


def _csv_cell(kind: Kind, value: Any, currency: str) -> str:
    if value is None:
        return ""
    if kind == "amount":
        assert type(value) is int, f"{value!r} is no amount"
        return f"{_in_major(value, currency):f}"
    if kind == "time":
        return _in_seoul(value).strftime("%Y-%m-%d %H:%M:%S")
    if kind == "day":
        return _in_seoul(value).date().isoformat()
    return safe_text(value)


def _write_xlsx(path: str, table: Table, rows: _Rows) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(
        path,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
        },
    )
    bold = book.add_format({"bold": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    amount = _AmountForms(book)
    text = book.add_format({"num_format": "@"})
    totals = _Totals(table)

    def new_sheet(number: int) -> Any:
        sheet = book.add_worksheet(table.name if number == 1 else f"{table.name} ({number})")
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(table.columns):
            sheet.set_column(place, place, _WIDTHS[column.kind])
            sheet.write_string(0, place, column.heading, bold)
        return sheet

    sheets, line = 1, 1
    sheet = new_sheet(1)
    for row in rows:
        if line == SHEET_ROWS_MAX:
            sheets, line = sheets + 1, 1
            sheet = new_sheet(sheets)
        totals.add(row)
        currency = table.currency_of(row)
        for place, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            if value is None:
                continue
            if column.kind == "amount":
                _write_amount(sheet, line, place, value, currency, amount)
            elif column.kind == "time":
                sheet.write_datetime(line, place, _in_seoul(value))
            elif column.kind == "day":
                sheet.write_datetime(line, place, _in_seoul(value).date(), day)
            else:
                # As text and nothing else: a long number of an order stays what it is, a formula is not one.
                sheet.write_string(line, place, _UNPRINTABLE.sub("\ufffd", value), text)
        line += 1
    totals.write(book.add_worksheet("합계"), bold, amount)
    book.close()


_WIDTHS: dict[Kind, int] = {"text": 24, "amount": 14, "currency": 7, "time": 20, "day": 12}


class _AmountForms:
    """How a cell shows an amount: with as many decimals as its currency has."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[int, Any] = {}

    def of(self, currency: str) -> Any:
        exponent = exponent_of(currency) if currency else 0
        if exponent not in self._made:
            decimals = "." + "0" * exponent if exponent else ""
            self._made[exponent] = self._book.add_format({"num_format": f"#,##0{decimals}"})
        return self._made[exponent]


def _write_amount(sheet: Any, line: int, place: int, minor: int, currency: str, forms: _AmountForms) -> None:
    if abs(minor) < EXACT_IN_EXCEL:
        sheet.write_number(line, place, _in_major(minor, currency), forms.of(currency))
    else:
        sheet.write_string(line, place, f"{_in_major(minor, currency):f}")


class _Totals:
    """How many rows of each currency, and what each column of amounts adds up to."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._amounts = [n for n, column in enumerate(table.columns) if column.kind == "amount"]
        self._headings = [table.columns[n].heading for n in self._amounts]
        self._sums: dict[str, list[int]] = {}

    def add(self, row: list[Any]) -> None:
        sums = self._sums.setdefault(self._table.currency_of(row), [0] * (1 + len(self._amounts)))
        sums[0] += 1
        for place, column in enumerate(self._amounts, start=1):
            sums[place] += row[column] or 0

    def write(self, sheet: Any, bold: Any, amount: _AmountForms) -> None:
        for place, heading in enumerate(["통화", "건수", *self._headings]):
            sheet.set_column(place, place, 16)
            sheet.write_string(0, place, heading, bold)
        for line, (currency, sums) in enumerate(sorted(self._sums.items()), start=1):
            sheet.write_string(line, 0, currency)
            _write_amount(sheet, line, 1, sums[0], "", amount)
            for place, value in enumerate(sums[1:], start=2):
                _write_amount(sheet, line, place, value, currency, amount)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2]))
