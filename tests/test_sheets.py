"""Files for spreadsheets: no cell is a formula, no number is changed, no half file is left (F128)."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from jangbu import sheets
from jangbu.sheets import Column, Format, SheetFailed, Table

AT = datetime(2026, 7, 31, 15, 0, 1, 500_000, tzinfo=UTC)
SECOND = datetime(2026, 8, 1, 0, 0, 1)  # noqa: DTZ001 (a cell has no zone)
TABLE = Table(
    "시험",
    (Column("이름"), Column("통화", "currency"), Column("금액", "amount"), Column("시각", "time"), Column("날", "day")),
)


async def given(rows: list[list[Any]]) -> AsyncIterator[list[Any]]:
    for row in rows:
        yield row


async def written(tmp_path: Path, rows: list[list[Any]], kind: Format) -> Path:
    path = tmp_path / f"file.{kind}"
    assert await sheets.write(path, TABLE, given(rows), kind=kind) == len(rows)
    return path


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "=cmd|' /C calc'!A0",
    "＝1",
    "\n=1",
    '=HYPERLINK("x")',
]
TEXTS = ["보리차, 2병", 'say "hi"', "two\nlines", "0012345", "9007199254740993", "'quoted", "a=b", "", "1e5", "TRUE"]


async def test_csv_has_a_mark_for_excel_crlf_and_quotes_as_the_rfc_says(tmp_path: Path) -> None:
    rows = [[text, "KRW", 1, AT, AT] for text in TEXTS]
    path = await written(tmp_path, rows, "csv")
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf\xec\x9d\xb4\xeb\xa6\x84,") and raw.endswith(b"\r\n")
    assert raw.count(b"\r\n") == len(rows) + 1
    assert [row[0] for row in read_csv(path)] == ["이름", *TEXTS]


async def test_csv_shows_korean_days_and_plain_numbers(tmp_path: Path) -> None:
    rows = [["a", "KRW", -12_300, AT, AT], ["b", "USD", None, None, None], ["c", "USD", 1_205, None, None]]
    path = await written(tmp_path, rows, "csv")
    assert read_csv(path)[1:] == [
        ["a", "KRW", "-12300", "2026-08-01 00:00:01", "2026-08-01"],
        ["b", "USD", "", "", ""],
        ["c", "USD", "12.05", "", ""],
    ]


async def test_no_csv_cell_is_a_formula(tmp_path: Path) -> None:
    path = await written(tmp_path, [[text, "KRW", 1, AT, AT] for text in FORMULAS], "csv")
    cells = [row[0] for row in read_csv(path)[1:]]
    assert cells == [f"'{text}" for text in FORMULAS]


async def test_no_excel_cell_is_a_formula_or_a_link_and_text_stays_text(tmp_path: Path) -> None:
    texts = [*FORMULAS[:4], *TEXTS[:6], "https://shop.example/"]
    path = await written(tmp_path, [[text, "KRW", 1, AT, AT] for text in texts], "xlsx")
    rows = CalamineWorkbook.from_path(path).get_sheet_by_name("시험").to_python()
    assert [row[0] for row in rows[1:]] == texts
    with ZipFile(path) as inside:
        xml = b"".join(inside.read(name) for name in inside.namelist() if "worksheets" in name)
    assert b"<f>" not in xml and b"<hyperlink" not in xml


async def test_excel_has_numbers_dates_and_the_sums_by_currency(tmp_path: Path) -> None:
    rows = [["a", "KRW", 11_000, AT, AT], ["b", "USD", 5, AT, None], ["c", "KRW", -1_000, AT, AT]]
    book = CalamineWorkbook.from_path(await written(tmp_path, rows, "xlsx"))
    lines = book.get_sheet_by_name("시험").to_python()
    assert lines[1][2:] == [11_000, SECOND, date(2026, 8, 1)]
    assert book.get_sheet_by_name("합계").to_python() == [
        ["통화", "건수", "금액"],
        ["KRW", 2, 10_000],
        ["USD", 1, 0.05],
    ]
    with ZipFile(tmp_path / "file.xlsx") as inside:
        assert b'"#,##0.00"' in inside.read("xl/styles.xml"), "cents are shown as cents"


async def test_an_amount_excel_would_round_is_text(tmp_path: Path) -> None:
    exact = 9_007_199_254_740_991
    book = CalamineWorkbook.from_path(await written(tmp_path, [["a", "KRW", exact, AT, AT]] * 2, "xlsx"))
    assert book.get_sheet_by_name("시험").to_python()[1][2] == str(exact)
    assert book.get_sheet_by_name("합계").to_python()[1][2] == str(2 * exact)


async def test_a_sheet_that_is_full_goes_on_in_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.xlsx"
    batch = sheets.msgspec.json.encode([[f"{n}", "KRW", n, AT, AT] for n in range(7)])
    monkeypatch.setattr(sheets, "SHEET_ROWS_MAX", 4)
    rows = sheets._Rows(iter([batch, sheets._END]))
    sheets._write_xlsx(str(path), TABLE, rows)
    book = CalamineWorkbook.from_path(path)
    assert book.sheet_names == ["시험", "시험 (2)", "시험 (3)", "합계"]
    found = [row[0] for name in book.sheet_names[:3] for row in book.get_sheet_by_name(name).to_python()[1:]]
    assert found == [str(n) for n in range(7)] and rows.is_whole
    assert book.get_sheet_by_name("합계").to_python()[1] == ["KRW", 7, 21]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_no_file_is_left_of_rows_that_stopped(tmp_path: Path, kind: Format) -> None:
    async def breaking() -> AsyncIterator[list[Any]]:
        for number in range(2_000):
            yield [str(number), "KRW", number, AT, AT]
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        await sheets.write(tmp_path / f"file.{kind}", TABLE, breaking(), kind=kind)
    assert list(tmp_path.iterdir()) == []


async def test_no_file_is_left_when_the_caller_gives_up(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[list[Any]]:
        while True:
            begun.set()
            yield ["a", "KRW", 1, AT, AT]

    task = asyncio.create_task(sheets.write(tmp_path / "file.csv", TABLE, endless(), kind="csv"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SheetFailed):
        await sheets.write(tmp_path / "no" / "file.csv", TABLE, given([["a", "KRW", 1, AT, AT]] * 5_000), kind="csv")


async def test_characters_excel_cannot_hold_are_marked(tmp_path: Path) -> None:
    path = await written(tmp_path, [["a\x00b\x1bc", "KRW", 1, AT, AT]], "xlsx")
    assert CalamineWorkbook.from_path(path).get_sheet_by_name("시험").to_python()[1][0] == "a\ufffdb\ufffdc"
