"""The console's journal: what was posted, by account, day and payment, and whether it is what was sealed."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from at_console import at_the_console
from jangbu import embedded
from jangbu.access.rules import Role
from jangbu.ledger import pages
from jangbu.ledger.rules import Account, Entry, Posting
from jangbu.ledger.service import post, seal
from jangbu.money import Money
from jangbu.payments.story.telling import page_of_entry
from jangbu.web import listing
from jangbu.wiring import Addresses
from kit import House
from superuser import tampering

PAYMENT = "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44"
BANK, SUSPENSE = Account("assets:bank"), Account("liabilities:suspense")
SALES = Account("income:sales", store_id="store-1")


async def posted(house: House, key: str, happened_at: datetime, *, debit: Account = BANK, amount: int = 12_345) -> None:
    entry = Entry(
        key=key,
        kind="payment.captured" if key.startswith("payment:") else "test.kind",
        happened_at=happened_at,
        postings=(Posting(debit, Money(amount, "KRW")), Posting(SALES, Money(-amount, "KRW"))),
    )
    async with house.run.db.transaction() as tx:
        assert await post(tx, entry, recorded_at=house.run.clock.now())


@pytest.fixture
async def console(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with at_the_console(house, Role.MANAGER) as client:
        yield client


def keys(page: str) -> list[str]:
    return re.findall(r"<small><code>([^<]+)</code></small>", page)


async def test_it_shows_this_month_and_finds_by_day_in_seoul_by_account_and_by_payment(
    house: House, console: httpx.AsyncClient
) -> None:
    now = house.run.clock.now()
    # The last second of July and the first of August in Seoul; the clock stands in August.
    august = datetime(2026, 7, 31, 15, 0, tzinfo=UTC)
    assert august < now
    await posted(house, f"payment:{PAYMENT}:captured", august - timedelta(seconds=1))
    await posted(house, "opening:1", august)
    await posted(house, "100%_sure:1", now, debit=SUSPENSE)
    path = pages.JOURNAL
    shown = await console.get(path)
    assert keys(shown.text) == ["100%_sure:1", "opening:1"]
    assert "12,345" in shown.text and "assets:bank" in shown.text
    assert "보통예금" in shown.text
    found = {
        "?from=2026-07-31&until=2026-07-31": [f"payment:{PAYMENT}:captured"],
        "?until=2026-07-31": [f"payment:{PAYMENT}:captured"],
        f"?q={PAYMENT}": [f"payment:{PAYMENT}:captured"],
        "?q=opening:": ["opening:1"],
        "?q=%25": [],
        "?q=100%25_": ["100%_sure:1"],
        "?account=liabilities:suspense": ["100%_sure:1"],
        "?account=nothing": [],
        "?from=2026-01-01&account=assets:bank": ["opening:1", f"payment:{PAYMENT}:captured"],
    }
    for asked, wanted in found.items():
        assert keys((await console.get(path + asked)).text) == wanted, asked
    assert f'href="/console/payments/{PAYMENT}"' in (await console.get(f"{path}?q={PAYMENT}")).text
    assert page_of_entry("opening:1") == ""
    for wrong in ("?from=yesterday", "?from=2026-08-02&until=2026-07-01"):
        assert (await console.get(path + wrong)).status_code == 422


async def test_pages_meet_without_a_gap_though_many_happened_at_once(
    house: House, console: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS", 2)
    monkeypatch.setattr(pages, "ONE_MORE", 3)
    now = house.run.clock.now()
    for number in range(5):
        await posted(house, f"test:{number}", now)
    seen, address = [], pages.JOURNAL
    for _ in range(3):
        page = (await console.get(address)).text
        seen += keys(page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = pages.JOURNAL + older[1].replace("&amp;", "&") if older else ""
    assert (seen, address) == ([f"test:{number}" for number in range(4, -1, -1)], "")


async def test_an_altered_entry_stands_out_and_a_sealed_one_shows_its_seal(
    house: House, console: httpx.AsyncClient, where: Addresses, server: embedded.Embedded
) -> None:
    now = house.run.clock.now()
    await posted(house, "test:1", now)
    await posted(house, "test:2", now)
    assert (await console.get(pages.JOURNAL)).text.count("봉인 전") == 2
    await seal(db=house.run.db)
    page = (await console.get(pages.JOURNAL)).text
    assert "#1" in page and "#2" in page and "그대로입니다" in page
    async with tampering(server, where) as intruder:
        await intruder.execute(
            "UPDATE ledger_postings SET amount_minor = amount_minor * 2 "
            " WHERE entry_id = (SELECT id FROM ledger_entries WHERE key = 'test:1')"
        )
    page = (await console.get(pages.JOURNAL)).text
    assert page.count("기록과 다름") == 1 and "기록된 내용과 다릅니다" in page


async def test_the_file_holds_what_the_page_asks_for_in_whole_entries(house: House, console: httpx.AsyncClient) -> None:
    now = house.run.clock.now()
    await posted(house, "test:1", now)
    await posted(house, "test:2", now, debit=SUSPENSE)
    page = (await console.get(f"{pages.JOURNAL}?account=assets:bank")).text
    (address,) = re.findall(r'href="(/console/journal\.csv[^"]*)"', page)
    answer = await console.get(address.replace("&amp;", "&"))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[2] for row in rows[1:]] == ["test:1", "test:1"]
    assert "attachment" in answer.headers["content-disposition"]


async def test_support_sees_no_ledger(house: House) -> None:
    async with at_the_console(house, Role.SUPPORT) as client:
        for path in (pages.JOURNAL, f"{pages.JOURNAL}.csv"):
            assert (await client.get(path)).status_code == 403
        assert pages.JOURNAL not in (await client.get("/console/payments")).text


async def test_refunds_go_out_as_a_file_from_their_page(house: House, console: httpx.AsyncClient) -> None:
    page = (await console.get("/console/refunds")).text
    assert page.count('formaction="/console/refunds.') == 2
    answer = await console.get("/console/refunds.csv?from=2026-08-01&until=")
    assert answer.status_code == 200 and "취소일" in answer.content.decode("utf-8-sig").splitlines()[0]
    async with at_the_console(house, Role.SUPPORT) as support:
        assert "formaction" not in (await support.get("/console/refunds")).text
        assert (await support.get("/console/refunds.csv")).status_code == 403
