"""Payments, refunds and the journal as files: what is in them, who may have them, who had them (F127, F128)."""

import csv
import io
from pathlib import Path

import httpx
import pytest
from python_calamine import CalamineWorkbook

from jangbu import audit
from jangbu.ledger.service import balances
from jangbu.payments.service.initialize import Order, initialize
from jangbu.web import files
from jangbu.wiring import Addresses
from kit import TESTER, House

from .many import NOON, Row, several, uuid, write
from .test_refund_doors import code, desk, paid, shop
from .test_suspense import mismatched

EXPORTS = "/api/exports"
DAYS = {"from": "2020-01-01", "until": "2030-12-31"}


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def book_of(answer: httpx.Response) -> CalamineWorkbook:
    assert answer.status_code == 200, answer.text
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.content))


async def lines(house: House, what: str) -> list[audit.Line]:
    async with house.run.db.transaction() as tx:
        return await audit.of_subject(tx, f"export:{what}")


async def test_the_file_holds_every_payment_asked_for_the_oldest_first(house: House, where: Addresses) -> None:
    rows = several(120)
    await write(where, rows)
    async with shop(house, "payments:export") as client:
        every = rows_of(await client.get(f"{EXPORTS}/payments.csv"))
        some = rows_of(await client.get(f"{EXPORTS}/payments.csv", params={"status": "FAILED", "currency": "USD"}))
    in_order = [str(row.id) for row in sorted(rows, key=lambda row: (row.created_at, row.id))]
    assert [row["장부 결제 ID"] for row in every] == in_order
    wanted = {str(row.id) for row in rows if (row.status, row.currency) == ("FAILED", "USD")}
    assert {row["장부 결제 ID"] for row in some} == wanted != set()


async def test_a_row_says_what_the_payment_is(house: House) -> None:
    payment = await paid(house, order_id="=2+3")
    async with shop(house, "payments:export", "payments:cancel") as client:
        body = {"paymentId": str(payment.id), "amount": 4_400, "reason": "@reason"}
        assert (await client.post("/api/portone/cancel", json=body)).status_code == 200
        answer = await client.get(f"{EXPORTS}/payments.csv")
        (row,), (refund,) = rows_of(answer), rows_of(await client.get(f"{EXPORTS}/refunds.csv", params=DAYS))
    assert row["상태"] == "부분 취소" and row["상태 코드"] == "PARTIAL_CANCELLED" and row["주문 번호"] == "'=2+3"
    money = ("통화", "요청 금액", "부가세", "결제 금액", "취소 금액", "취소 가능 금액")
    assert [row[name] for name in money] == ["KRW", "11000", "1000", "11000", "4400", "6600"]
    assert row["결제 시각"].startswith(row["결제일"]) and row["결제 수단"] == "카드"
    assert (refund["취소 금액"], refund["부가세"], refund["사유"]) == ("4400", "400", "'@reason")
    assert refund["요청한 사람"] == "API 키 shop"
    assert (refund["상태"], refund["장부 결제 ID"]) == ("취소 완료", str(payment.id))
    assert (
        answer.headers["content-disposition"].endswith('.csv"')
        and "attachment" in answer.headers["content-disposition"]
    )
    assert answer.headers["cache-control"] == "no-store"


async def test_the_files_add_up_to_what_the_ledger_says(house: House) -> None:
    """Captured less given back is what the PG owes, by the list, by either file, by the journal and by the books.

    What was asked for and declined, or is waited for, is in none of it; what came otherwise than asked is in suspense.
    """
    for amount in (11_000, 5_500, 3_301):
        await paid(house, amount)
    refunded = await paid(house, 22_000)
    unpaid = [Order(amount=amount, currency="KRW", order_name="보리차") for amount in (9_900, 7_700)]
    declined, waiting = [
        await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone) for order in unpaid
    ]
    await house.portone.decline(declined.provider_order_id)
    await house.hear()
    await house.work()
    short = await mismatched(house, total=500)
    async with shop(house, "payments:export", "payments:cancel", "books:read") as client:
        for part in (2_200, 1_099):
            await client.post("/api/portone/cancel", json={"paymentId": str(refunded.id), "amount": part})
        payments = book_of(await client.get(f"{EXPORTS}/payments.xlsx"))
        each = rows_of(await client.get(f"{EXPORTS}/payments.csv"))
        refunds = rows_of(await client.get(f"{EXPORTS}/refunds.csv", params=DAYS))
        journal = rows_of(await client.get(f"{EXPORTS}/journal.csv", params=DAYS))
    async with desk(house, "kim", "Support") as console:
        page = (await console.get("/console/payments")).text
    sums = dict(zip(*payments.get_sheet_by_name("합계").to_python(), strict=True))
    owed = sum(line.balance_minor for line in await balances(db=house.run.db) if line.path == "assets:pg_receivable")
    assert owed == 11_000 + 5_500 + 3_301 + 22_000 - 2_200 - 1_099 + 500
    assert sums["결제 금액"] - sums["취소 금액"] == sums["취소 가능 금액"] == owed - 500
    assert sums["요청 금액"] == sums["결제 금액"] + 9_900 + 7_700 + 11_000 and sums["건수"] == 7
    by_id = {row["장부 결제 ID"]: row for row in each}
    assert [by_id[str(one.id)]["결제 금액"] for one in (declined, waiting, short)] == ["0", "0", "0"]
    assert by_id[str(short.id)]["가수금"] == "₩500" and by_id[str(refunded.id)]["가수금"] == ""
    assert "<dt>7건 중 결제 4건</dt>" in page and "− 취소 ₩3,299 = ₩38,502</small>" in page
    assert "미결제 ₩17,600 제외" in page and "가수금 1건 별도" in page
    assert sum(int(row["취소 금액"]) for row in refunds) == 3_299
    receivable = [row for row in journal if row["계정과목"] == "PG 미수금"]
    assert {row["계정"] for row in receivable} == {"assets:pg_receivable"}
    assert sum(int(row["차변"]) - int(row["대변"]) for row in receivable) == owed
    assert sum(int(row["차변"]) for row in journal) == sum(int(row["대변"]) for row in journal) > 0


async def test_refunds_are_of_the_day_the_money_went_back(house: House) -> None:
    payment = await paid(house)
    async with shop(house, "payments:export", "payments:cancel") as client:
        await client.post("/api/portone/cancel", json={"paymentId": str(payment.id)})
        (row,) = rows_of(await client.get(f"{EXPORTS}/refunds.csv"))
        day = row["취소일"]
        same = rows_of(await client.get(f"{EXPORTS}/refunds.csv", params={"from": day, "until": day}))
        later = await client.get(f"{EXPORTS}/refunds.csv", params={"from": "2090-01-01"})
        backwards = await client.get(f"{EXPORTS}/refunds.csv", params={"from": day, "until": "2020-01-01"})
    assert same == [row] and rows_of(later) == [] and later.content.startswith(b"\xef\xbb\xbf")
    assert code(backwards) == "RANGE_BACKWARDS"


async def test_who_took_what_out_stands_in_the_audit_log(house: House, where: Addresses) -> None:
    await write(where, several(10))
    async with shop(house, "payments:export", "books:read") as client:
        await client.get(f"{EXPORTS}/payments.xlsx", params={"currency": "KRW", "createdFrom": "2026-08-01"})
        await client.get(f"{EXPORTS}/journal.csv", params=DAYS)
    (line,), (journal,) = await lines(house, "payments"), await lines(house, "journal")
    assert line.actor.startswith("key:") and line.action == "payments.exported"
    assert line.facts["format"] == "xlsx" and 0 < line.facts["rows"] < 10
    assert line.facts["asked"] == {"currency": "KRW", "created_from": "2026-07-31T15:00:00+00:00"}
    assert journal.facts["rows"] == 0


@pytest.mark.parametrize("path", ["payments.csv", "payments.xlsx", "refunds.csv"])
async def test_reading_payments_is_not_enough_to_take_them_out(house: House, path: str) -> None:
    async with shop(house, "payments:read", "books:read") as client:
        assert code(await client.get(f"{EXPORTS}/{path}")) == "FORBIDDEN"
    assert await lines(house, path.partition(".")[0]) == []


async def test_the_journal_is_for_who_may_see_the_books_of_every_store(house: House) -> None:
    async with shop(house, "payments:export") as client:
        assert code(await client.get(f"{EXPORTS}/journal.csv", params=DAYS)) == "FORBIDDEN"
    async with shop(house, "books:read", store_id="store-1") as client:
        assert code(await client.get(f"{EXPORTS}/journal.csv", params=DAYS)) == "FORBIDDEN"


async def test_a_key_of_one_store_takes_out_that_store(house: House, where: Addresses) -> None:
    rows = several(40)
    await write(where, rows)
    async with shop(house, "payments:export", store_id="store-2") as client:
        found = rows_of(await client.get(f"{EXPORTS}/payments.csv"))
        assert code(await client.get(f"{EXPORTS}/payments.csv", params={"storeId": "store-1"})) == "STORE_NOT_FOUND"
        assert code(await client.get(f"{EXPORTS}/refunds.csv", params={"storeId": "store-1"})) == "STORE_NOT_FOUND"
    assert {row["장부 결제 ID"] for row in found} == {str(row.id) for row in rows if row.store_id == "store-2"}


async def test_the_lists_button_gives_exactly_what_the_list_shows(house: House, where: Addresses) -> None:
    await write(where, [*several(30), Row(uuid(1), NOON, order_name="보리차 & 컵")])
    async with desk(house, "lee", "Manager") as console:
        page = await console.get("/console/payments", params={"q": "보리차 &", "from": "2026-08-01"})
        assert "/console/payments.xlsx?q=" in page.text
        file = await console.get("/console/payments.csv", params={"q": "보리차 &", "from": "2026-08-01"})
        assert [row["장부 결제 ID"] for row in rows_of(file)] == [str(uuid(1))]
    async with desk(house, "kim", "Support") as console:
        assert "/console/payments.xlsx" not in (await console.get("/console/payments")).text
        assert (await console.get("/console/payments.csv")).status_code == 403


async def test_only_a_few_files_are_made_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(house, "payments:export") as client:
        monkeypatch.setattr(files, "AT_ONCE_MAX", 0)
        busy = await client.get(f"{EXPORTS}/payments.csv")
        monkeypatch.setattr(files, "AT_ONCE_MAX", 1)
        free = [await client.get(f"{EXPORTS}/payments.csv") for _ in range(2)]
    assert (busy.status_code, code(busy)) == (503, "EXPORTS_BUSY") and busy.headers["retry-after"] == "20"
    assert [answer.status_code for answer in free] == [200, 200]


async def test_nothing_is_left_behind(
    house: House, where: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await write(where, several(10))
    async with shop(house, "payments:export") as client:
        for query in ({}, {"q": "\0"}):
            await client.get(f"{EXPORTS}/payments.csv", params=query)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("payments.pdf", "INVALID_REQUEST"),
        ("payments.csv?cursor=x", "INVALID_REQUEST"),
        ("payments.csv?createdFrom=x", "MOMENT_UNREADABLE"),
        ("journal.csv", "INVALID_REQUEST"),
        ("journal.csv?from=2026-08-02&until=2026-07-01", "RANGE_BACKWARDS"),
        ("orders.csv", "NOT_FOUND"),
    ],
)
async def test_what_is_no_file_of_ours_is_refused(house: House, path: str, expected: str) -> None:
    async with shop(house, "payments:export", "books:read") as client:
        assert code(await client.get(f"{EXPORTS}/{path}")) == expected
