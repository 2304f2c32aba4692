"""`jangbu payments export`: files of payments and refunds from a terminal."""

from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from cli.test_books import a_paid_payment
from cli.tools import Jangbu
from kit import House


async def test_export_writes_payments_and_says_how_many(jangbu: Jangbu, house: House, folder: Path) -> None:
    payment = await a_paid_payment(house)
    ran = await jangbu("payments", "export", "paid.xlsx", "--paid", "--since", "2020-01-01", "--status", "PAID")
    assert ran.code == 0 and "1 payments in paid.xlsx" in ran.out
    rows = CalamineWorkbook.from_path(folder / "paid.xlsx").get_sheet_by_name("결제").to_python()
    assert payment in rows[1] and 11_000 in rows[1]
    refunds = await jangbu("payments", "export", "refunds.csv", "--what", "refunds", "--json")
    assert (refunds.code, refunds.json["rows"]) == (0, 0)


@pytest.mark.parametrize(
    "options",
    [
        ("x.pdf",),
        ("no/x.csv",),
        ("x.csv", "--status", "PAYED"),
        ("x.csv", "--since", "yesterday"),
        ("x.csv", "--since", "2026-08-02", "--until", "2026-07-01"),
    ],
)
async def test_export_refuses_what_it_cannot_do_and_writes_nothing(
    jangbu: Jangbu, folder: Path, options: tuple[str, ...]
) -> None:
    ran = await jangbu("payments", "export", *options)
    assert ran.code in (1, 2) and "Traceback" not in ran.err
    assert [path.name for path in folder.iterdir() if path.suffix in (".csv", ".pdf")] == []
