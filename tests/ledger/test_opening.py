"""Opening the books: every account holds what was stated, in one balanced entry for each currency, once."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from jangbu.checks.service import run_checks
from jangbu.clock import SEOUL
from jangbu.errors import SetupProblem
from jangbu.ledger.opening import look, open_books
from jangbu.ledger.opening_rules import OpenedOtherwise, OpeningRefused
from jangbu.ledger.rules import Account, Entry, credit, debit
from jangbu.ledger.service import balances, post
from jangbu.money import Money
from kit import TESTER, House, books

HEAD = "account,currency,debit,credit,storeId,pg"
LINES = (
    "assets:bank,KRW,5000000,,,",
    "assets:pg_receivable,KRW,30000,,store-1,TOSSPAYMENTS",
    "liabilities:vat_payable,KRW,,120000,store-1,",
    "assets:bank,USD,1250,,,",
)


def table(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "balances.csv"
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8-sig")
    return path


def day_of(house: House) -> date:
    return house.run.clock.now().astimezone(SEOUL).date()


async def held(house: House) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for one in await balances(db=house.run.db):
        found[one.path, one.currency] += one.balance_minor
    return found


async def sold_before(house: House) -> None:
    """A sale of the day before, as an import leaves it: owed by a PG that has paid long ago."""
    won = Money(110_000, "KRW")
    pg = Account("assets:pg_receivable", store_id="store-1", pg="TOSSPAYMENTS")
    at = house.run.clock.now() - timedelta(days=2)
    legs = debit(pg, won) + credit(Account("income:sales", store_id="store-1"), won)
    async with house.run.db.transaction() as tx:
        await post(tx, Entry("test:sale", "test.posted", at, legs), recorded_at=at)


async def test_every_account_holds_what_was_stated_and_everything_holds(house: House, tmp_path: Path) -> None:
    opening = await open_books(table(tmp_path, *LINES), day_of(house), actor=TESTER, run=house.run)
    assert [entry.key for entry in opening.entries] == [f"opening:{day_of(house)}:{name}" for name in ("KRW", "USD")]
    assert +(await held(house)) - Counter() == {
        ("assets:bank", "KRW"): 5_000_000, ("assets:pg_receivable", "KRW"): 30_000, ("assets:bank", "USD"): 1_250,
    }  # fmt: skip
    sums = await held(house)
    assert (sums["equity:opening", "KRW"], sums["equity:opening", "USD"]) == (-4_910_000, -1_250)
    assert sums["liabilities:vat_payable", "KRW"] == -120_000
    assert (await books(house)).proof.holds, "the opening is expected, and is there"
    results = await run_checks(house.wired.checks, run=house.run, full=True)
    assert [one.check.id for one in results if not one.holds] == ["I24"], "no worker runs here, and all else holds"


async def test_what_was_brought_over_is_counted_in(house: House, tmp_path: Path) -> None:
    await sold_before(house)
    made = table(tmp_path, *LINES, "income:sales,KRW,,,store-1,")
    opening = await open_books(made, day_of(house), actor=TESTER, run=house.run)
    sums = await held(house)
    assert sums["assets:pg_receivable", "KRW"] == 30_000 and sums["income:sales", "KRW"] == 0
    (leg,) = [one for one in opening.entries[0].postings if one.account.path == "assets:pg_receivable"]
    assert leg.amount == Money(30_000 - 110_000, "KRW")


async def test_an_account_that_holds_something_must_be_stated(house: House, tmp_path: Path) -> None:
    await sold_before(house)
    looked = await look(table(tmp_path, *LINES), day_of(house), run=house.run)
    (problem,) = looked.problems
    assert "income:sales / store-1 holds ₩110,000 in credit" in problem.what
    with pytest.raises(OpeningRefused):
        await open_books(table(tmp_path, *LINES), day_of(house), actor=TESTER, run=house.run)
    assert (await held(house))["assets:bank", "KRW"] == 0


async def test_it_is_posted_once_and_never_changed(house: House, tmp_path: Path) -> None:
    day = day_of(house)
    await open_books(table(tmp_path, *LINES), day, actor=TESTER, run=house.run)
    before = await held(house)
    assert (await open_books(table(tmp_path, *LINES), day, actor=TESTER, run=house.run)).is_known
    assert await held(house) == before
    other = table(tmp_path, LINES[0].replace("5000000", "5000001"), *LINES[1:])
    with pytest.raises(OpenedOtherwise):
        await open_books(other, day, actor=TESTER, run=house.run)
    assert await held(house) == before and (await books(house)).proof.holds


@pytest.mark.parametrize(
    "line",
    [
        "assets:gold,KRW,1,,,",
        "equity:opening,KRW,1,,,",
        "assets:bank,XXX,1,,,",
        "assets:bank,KRW,1,1,store-1,",
        "assets:bank,KRW,-1,,store-1,",
        "assets:bank,KRW,1.5,,store-1,",
        "assets:bank,KRW,9007199254740992,,store-1,",
        "assets:bank,KRW,7,,,",
    ],
)
async def test_a_line_that_is_wrong_is_named(house: House, tmp_path: Path, line: str) -> None:
    looked = await look(table(tmp_path, *LINES, line), day_of(house), run=house.run)
    assert [one.line for one in looked.problems] == [6]


async def test_a_day_that_has_not_begun_is_not_opened(house: House, tmp_path: Path) -> None:
    with pytest.raises(OpeningRefused):
        await open_books(table(tmp_path, *LINES), day_of(house) + timedelta(days=1), actor=TESTER, run=house.run)


@pytest.mark.parametrize("head", ["account,currency,debit", HEAD + ",x"])
async def test_a_file_without_the_columns_is_refused(house: House, tmp_path: Path, head: str) -> None:
    with pytest.raises(SetupProblem, match="needs the columns"):
        await look(table(tmp_path, head=head), day_of(house), run=house.run)
