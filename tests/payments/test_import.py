"""Payments brought over from another system: every problem by its line, all or nothing, once (requirements B7)."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jangbu.checks.service import run_checks
from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.ledger.service import balances
from jangbu.payments import store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.fold import fold
from jangbu.payments.cancellations.rules import Ask, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.importing import service as importing
from jangbu.payments.importing.rules import FileUnreadable, ImportRefused
from jangbu.payments.importing.service import Report, bring_over, check
from jangbu.payments.rules import Payment
from jangbu.payments.seen import SeenCancellation
from jangbu.payments.service.sync import is_of_v1
from jangbu.sandbox import CARD_CHANNEL
from kit import TESTER, House, books

from .test_refund_doors import paid

HEAD = "paymentId,orderId,orderName,amount,currency,taxFreeAmount,vatAmount,createdAt,paidAt,method,channelKey,pg"
LINES = (
    "old-1,order-1,보리차,11000,KRW,,,2024-03-01 10:00:00,2024-03-01 10:01:00,CARD,channel-1,TOSSPAYMENTS",
    "old-2,order-2,모자,22000,KRW,11000,,2024-03-02T01:00:00Z,2024-03-02T01:00:30Z,TRANSFER,,",
    'old-3,,"지갑, 가죽",1050,USD,,95,2024-03-03 10:00:00,2024-03-03 10:00:00,,,',
)
REFUND_HEAD = "paymentId,cancellationId,amount,cancelledAt,taxFreeAmount,reason"
REFUNDS = (
    "old-1,cancel-1,11000,2024-03-05 10:00:00,,변심",
    "old-2,cancel-2,3000,2024-03-06 10:00:00,3000,",
    "old-2,cancel-3,4000,2024-03-07 10:00:00,0,두 번째",
)
COUNTS = {
    name: Query(int, f"SELECT count(*) FROM {name}")
    for name in ("payments", "payment_cancellations", "ledger_entries", "events", "pgqueuer")
}


def files(
    folder: Path, lines: Any = LINES, refunds: Any = REFUNDS, *, encoding: str = "utf-8-sig"
) -> tuple[Path, Path]:
    made = folder / "payments.csv", folder / "refunds.csv"
    made[0].write_text("\r\n".join([HEAD, *lines]) + "\r\n", encoding)
    made[1].write_text("\n".join([REFUND_HEAD, *refunds]) + "\n", encoding)
    return made


async def counted(house: House) -> dict[str, int]:
    async with house.run.db.transaction() as tx:
        return {name: await tx.one(query) for name, query in COUNTS.items()}


async def summed(house: House) -> Counter[tuple[str, str]]:
    """What each account holds, of all its dimensions, by currency."""
    found: Counter[tuple[str, str]] = Counter()
    for one in await balances(db=house.run.db):
        found[one.path, one.currency] += one.balance_minor
    return found


async def imported(house: House, name: str) -> Payment:
    async with house.run.db.transaction() as tx:
        found = await store.find(tx, name)
    assert found is not None
    return found


async def test_what_is_brought_over_stands_in_the_books_and_everything_holds(house: House, tmp_path: Path) -> None:
    report = await bring_over(*files(tmp_path), actor=TESTER, run=house.run)
    assert (report.new.payments, report.new.refunds, report.known) == (3, 3, 0)
    assert report.new.taken == {"KRW": 33_000, "USD": 1_050} and report.new.returned == {"KRW": 18_000, "USD": 0}
    first, second, third = [await imported(house, f"old-{number}") for number in (1, 2, 3)]
    assert [one.status.value for one in (first, second, third)] == ["CANCELLED", "PARTIAL_CANCELLED", "PAID"]
    assert (second.vat_amount, second.cancelled_amount, second.cancellable_amount) == (1_000, 7_000, 15_000)
    assert (
        third.vat_amount == 95
        and third.paid_at is not None
        and third.paid_at.isoformat() == "2024-03-03T01:00:00+00:00"
    )
    assert second.due_at is None, "nobody asks PortOne about what is long over"
    proven = await books(house)
    assert proven.proof.holds and proven.events == []
    sums = await summed(house)
    assert (sums["assets:pg_receivable", "KRW"], sums["assets:pg_receivable", "USD"]) == (15_000, 1_050)
    assert sums["liabilities:vat_payable", "KRW"] == -(1_000 - 364), "a refund of taxed goods takes its VAT back"
    assert sums["liabilities:vat_payable", "USD"] == -95
    results = await run_checks(house.wired.checks, run=house.run, full=True)
    assert [one.check.id for one in results if not one.holds] == ["I24"], "no worker runs here, and all else holds"


async def test_given_again_it_changes_nothing(house: House, tmp_path: Path) -> None:
    await bring_over(*files(tmp_path), actor=TESTER, run=house.run)
    before = await counted(house)
    again = await bring_over(*files(tmp_path), actor=TESTER, run=house.run)
    assert (again.new.payments, again.known) == (0, 3) and await counted(house) == before


async def test_a_dry_run_changes_nothing_and_says_what_would_be(house: House, tmp_path: Path) -> None:
    before = await counted(house)
    report = await check(*files(tmp_path), run=house.run)
    assert (report.new.payments, report.new.refunds, report.problem_count) == (3, 3, 0)
    assert await counted(house) == before


async def test_after_a_crash_it_goes_on_where_it_stopped(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 1)
    with armed("payments.import.batch", at_pass=2), pytest.raises(Crash):
        await bring_over(*files(tmp_path), actor=TESTER, run=house.run)
    assert (await counted(house))["payments"] == 1
    report = await bring_over(*files(tmp_path), actor=TESTER, run=house.run)
    assert (report.new.payments, report.known) == (2, 1)
    assert (await books(house)).proof.holds
    assert (await summed(house))["assets:pg_receivable", "KRW"] == 15_000


def line(**changed: str) -> str:
    cells = dict(zip(HEAD.split(","), LINES[0].split(","), strict=True)) | {"paymentId": "old-9", "orderId": ""}
    return ",".join((cells | changed).values())


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "11000.5"}, "amount"),
        ({"amount": "１１０００"}, "amount"),
        ({"amount": "9007199254740993"}, "amount"),
        ({"currency": "XXX"}, "amount"),
        ({"currency": ""}, "currency"),
        ({"taxFreeAmount": "11001"}, "taxFreeAmount"),
        ({"vatAmount": "11001"}, "vatAmount"),
        ({"paidAt": ""}, "paidAt"),
        ({"paidAt": "01/03/2024"}, "paidAt"),
        ({"paidAt": "2024-03-01 09:59:59"}, "paidAt"),
        ({"paidAt": "2090-01-01"}, "paidAt"),
        ({"method": "CASH"}, "method"),
        ({"orderName": " "}, "orderName"),
        ({"orderName": "a\x00b"}, "orderName"),
        ({"paymentId": ""}, "paymentId"),
        ({"paymentId": "x" * 201}, "paymentId"),
        ({"paymentId": "old-1"}, "paymentId"),
        ({"orderId": "order-2"}, "orderId"),
    ],
)
async def test_a_line_that_is_wrong_is_named_and_nothing_is_written(
    house: House, tmp_path: Path, changed: dict[str, str], column: str
) -> None:
    before = await counted(house)
    made = files(tmp_path, [*LINES, line(**changed)])
    report = await check(*made, run=house.run)
    assert [(one.file, one.line, one.column) for one in report.problems] == [("payments", 5, column)], report.problems
    with pytest.raises(ImportRefused):
        await bring_over(*made, actor=TESTER, run=house.run)
    assert await counted(house) == before


async def test_every_cell_of_a_line_that_is_wrong_is_named_at_once(house: House, tmp_path: Path) -> None:
    wrong = line(
        amount="15.000", currency="XXX", vatAmount="x", createdAt="", paidAt="1. 3.", method="카드", orderName=""
    )
    refund = "old-2,,0,gestern,,"
    report = await check(*files(tmp_path, [*LINES, wrong], [*REFUNDS, refund]), run=house.run)
    columns = {(one.file, one.line): set() for one in report.problems}
    for one in report.problems:
        columns[one.file, one.line].add(one.column)
    assert columns == {
        ("refunds", 5): {"amount", "cancelledAt", "cancellationId"},
        ("payments", 5): {"amount", "vatAmount", "createdAt", "paidAt", "method", "orderName"},
    }
    assert report.problem_count == len(report.problems) == 3 + 7, "the currency is told beside the amount"


@pytest.mark.parametrize(
    ("refund", "file", "at", "column"),
    [
        ("old-7,cancel-9,100,2024-03-08 10:00:00,,", "refunds", 5, "paymentId"),
        ("old-3,cancel-9,0,2024-03-08 10:00:00,,", "refunds", 5, "amount"),
        ("old-3,cancel-9,10,2024-03-08 10:00:00,11,", "refunds", 5, "taxFreeAmount"),
        ("old-3,,10,2024-03-08 10:00:00,,", "refunds", 5, "cancellationId"),
        ("old-3,cancel-9,1051,2024-03-08 10:00:00,,", "payments", 4, "amount"),
        ("old-2,cancel-3,4000,2024-03-07 10:00:00,0,", "payments", 3, "amount"),
        ("old-3,cancel-9,10,2024-03-01 10:00:00,,", "payments", 4, "paidAt"),
    ],
)
async def test_refunds_that_do_not_fit_are_named(
    house: House, tmp_path: Path, refund: str, file: str, at: int, column: str
) -> None:
    report = await check(*files(tmp_path, refunds=[*REFUNDS, refund]), run=house.run)
    assert [(one.file, one.line, one.column) for one in report.problems] == [(file, at, column)], report.problems


async def test_a_payment_of_ours_is_not_brought_over_again(house: House, tmp_path: Path) -> None:
    mine = await paid(house, order_id="order-7")
    same = line(paymentId=mine.provider_order_id)
    order = line(paymentId="old-8", orderId="order-7")
    report: Report = await check(*files(tmp_path, [*LINES, same, order]), run=house.run)
    assert [(one.line, one.column) for one in report.problems] == [(5, "paymentId"), (6, "orderId")]
    assert "paid_at" in report.problems[0].what and mine.provider_order_id in report.problems[1].what


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            HEAD.replace("paidAt", "paid") + "\n",
            "missing columns: paidAt; unknown columns: paid .there are paymentId, .*paidAt",
        ),
        (HEAD + "\na,b\n", "line 2: not as many cells"),
        (HEAD + '\n"old-1\n', "payments.csv"),
        ("", "missing columns"),
    ],
)
async def test_a_file_that_is_no_table_is_refused(house: House, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "payments.csv").write_text(text, "utf-8")
    with pytest.raises(FileUnreadable, match=why):
        await check(tmp_path / "payments.csv", None, run=house.run)


async def test_a_file_in_the_korean_code_page_is_said_to_be_one(house: House, tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="not UTF-8"):
        await check(*files(tmp_path, encoding="cp949"), run=house.run)


async def test_what_portone_says_later_of_an_imported_refund_is_not_booked_again(house: House, tmp_path: Path) -> None:
    await bring_over(*files(tmp_path), actor=TESTER, run=house.run)
    payment = await imported(house, "old-2")
    async with house.run.db.transaction() as tx:
        known = await cancellation_store.of_payment(tx, payment.id)
    at = known[0].cancelled_at
    shown = [
        SeenCancellation(name, "SUCCEEDED", amount, tax_free, "PortOne's own words", "CONSOLE", None, at, at)
        for name, amount, tax_free in (("cancel-2", 3_000, 3_000), ("cancel-3", 4_000, 0))
    ]
    folded = fold(payment, known, shown, said="PARTIAL_CANCELLED", now=house.run.clock.now())
    assert folded.payment == payment and all(change.event is None for change in folded.changes)


async def test_a_payment_of_v1_goes_back_by_v1_and_its_webhooks_are_known(house: House, tmp_path: Path) -> None:
    imp_uid = await house.portone.v1_pay("old-v1", amount=11_000, channelKey=CARD_CHANNEL)
    head, day = "paymentId,orderName,amount,currency,createdAt,paidAt,transactionId,api", "2024-03-01 10:00:00"
    path = tmp_path / "v1.csv"
    for of, problems in (("v3", 1), ("", 0), ("v1", 0)):
        line = f"old-v1,보리차,11000,KRW,{day},{day},{imp_uid},{of}"
        path.write_text(f"{head}\n{line}\n", "utf-8")
        assert (await check(path, None, run=house.run)).problem_count == problems
    path.write_text(f"{head}\n{line.replace(imp_uid, '')}\n", "utf-8")
    assert [one.column for one in (await check(path, None, run=house.run)).problems] == ["transactionId"]
    path.write_text(f"{head}\n{line}\n", "utf-8")
    await bring_over(path, None, actor=TESTER, run=house.run)
    assert await is_of_v1("old-v1", run=house.run)
    who = Authority(TESTER)
    outcome = await cancel("old-v1", Ask(amount=4_000), who=who, run=house.run, portone=house.wired.portone)
    assert outcome.cancellation.status is CancellationStatus.SUCCEEDED
    assert house.portone.refunds("old-v1") == [4_000]
    assert any("/payments/cancel" in line for line in house.portone.transport.transcript), "by V1"
