"""Lists by cursor, a payment's transactions, and lists that shift while they are read (portone-facts §2.13)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Store
from jangbu.sandbox.testing import Sandbox

PAYMENTS, EVENTS = "/payments-by-cursor", "/payment-events-by-cursor"


async def page(sandbox: Sandbox, target: str, **body: Any) -> list[dict]:
    status, answer = await sandbox.api("GET", target, body)
    assert status == 200, answer
    return answer["items"]


async def walk(sandbox: Sandbox, target: str, **body: Any) -> list[dict]:
    """Every row, page after page until an empty one, as a client must."""
    rows: list[dict] = []
    while got := await page(sandbox, target, **body):
        rows += got
        body["cursor"] = got[-1]["cursor"]
    return rows


def ids(rows: list[dict]) -> list[str]:
    return [row["payment"]["id"] for row in rows]


async def test_every_payment_is_met_once_whatever_changes_on_the_way(sandbox: Sandbox) -> None:
    for number in range(7):
        await sandbox.pay(f"ord-00000{number}")
        await sandbox.move(timedelta(minutes=number % 2))
    first = await page(sandbox, PAYMENTS, size=3)
    assert ids(first) == ["ord-000000", "ord-000001", "ord-000002"]
    # Neither a change nor a newcomer moves what is not read yet.
    await sandbox.cancel("ord-000001")
    await sandbox.pay("ord-000007")
    rest = await walk(sandbox, PAYMENTS, size=3, cursor=first[-1]["cursor"])
    assert ids(rest) == [f"ord-00000{number}" for number in range(3, 8)]


async def test_the_default_is_ten_rows_of_the_last_ninety_days_and_a_thousand_is_the_most(sandbox: Sandbox) -> None:
    await sandbox.pay("ancient-1")
    await sandbox.move(timedelta(days=90, seconds=1))
    for number in range(12):
        await sandbox.pay(f"recent-{number:02d}")
    await sandbox.pre_register("registered", 1_000)
    assert ids(await page(sandbox, PAYMENTS)) == [f"recent-{number:02d}" for number in range(10)]
    assert len(await page(sandbox, PAYMENTS, size=1000)) == 12
    old = await page(sandbox, PAYMENTS, **{"from": "2026-01-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"})
    assert ids(old) == ["ancient-1"]
    for wrong in ({"size": 1001}, {"size": 0}, {"cursor": "%%%"}, {"cursor": "YWJj"}, {"from": "2026-01-01T00:00:00"}):
        status, answer = await sandbox.api("GET", PAYMENTS, wrong)
        assert (status, answer["type"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("newest_first", [True, False])
async def test_the_order_of_a_list_by_cursor_is_a_switch(newest_first: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(cursor_lists_are_newest_first=newest_first))
    names = [f"ord-00000{number}" for number in range(5)]
    for name in names:
        await sandbox.pay(name)
        await sandbox.move(timedelta(seconds=1))
    assert ids(await walk(sandbox, PAYMENTS, size=2)) == (names[::-1] if newest_first else names)


@pytest.mark.parametrize("inclusive", [True, False])
async def test_a_list_by_cursor_has_the_same_edge_as_the_other(inclusive: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(list_until_is_inclusive=inclusive))
    await sandbox.pay("ord-000001")
    assert ids(await page(sandbox, PAYMENTS, until="2026-08-01T03:00:00Z")) == (["ord-000001"] if inclusive else [])


async def test_events_are_the_money_that_moved_and_add_up(sandbox: Sandbox) -> None:
    await sandbox.decline("ord-000001")
    await sandbox.pay("ord-000001", totalAmount=11_000)
    await sandbox.open("ord-000002")
    await sandbox.cancel("ord-000001", 3_000)
    sandbox.fault("cancel_waits")
    await sandbox.cancel("ord-000001", 1_000)
    await sandbox.end_cancellation("ord-000001", succeeds=False)
    await sandbox.chargeback("ord-000001")
    rows = [row["paymentEvent"] for row in await walk(sandbox, EVENTS, size=1)]
    assert [(row["type"], row["eventAmount"]) for row in rows] == [
        ("PAID", 11_000),
        ("PARTIAL_CANCELLED", -3_000),
        ("CANCELLED", -8_000),
    ]
    assert [row["totalAmount"]["cancelled"] for row in rows] == [0, 3_000, 11_000]
    assert [row.get("cancellation", {}).get("trigger") for row in rows] == [None, "API", "CHARGEBACK"]
    assert {row["paymentId"] for row in rows} == {"ord-000001"}
    assert len({row["id"] for row in rows}) == 3
    assert {row["transactionId"] for row in rows} == {sandbox.payment("ord-000001").current.transaction_id}


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_payments_transactions_are_its_attempts(newest_first: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(transactions_are_newest_first=newest_first))
    lost = await sandbox.decline("ord-000001")
    won = await sandbox.pay("ord-000001")
    late = await sandbox.pay("ord-000001")
    assert late["code"] == "PaymentAlreadyPaid"
    rows = await page(sandbox, "/payments/ord-000001/transactions")
    told = [(row["id"], row["paymentId"], row["status"]) for row in rows]
    expected = [(lost["txId"], "ord-000001", "FAILED"), (won["txId"], "ord-000001", "PAID")]
    assert told == (expected[::-1] if newest_first else expected)


async def test_an_unknown_payment_has_no_transactions(sandbox: Sandbox) -> None:
    for target in ("/payments/nobody/transactions", "/payments/ord-000001/transactions"):
        await sandbox.pre_register("ord-000001", 1_000)
        status, answer = await sandbox.api("GET", target)
        assert (status, answer["type"]) == (404, "PAYMENT_NOT_FOUND")


@pytest.mark.parametrize("target", [PAYMENTS, EVENTS, "/payments/ord-000001/transactions"])
async def test_another_stores_rows_are_not_in_sight(sandbox: Sandbox, target: str) -> None:
    sandbox.world.state.stores["store-other"] = Store("store-other", "다른 상점", ["other-secret"], {})
    await sandbox.pay("ord-000001")
    status, answer = await sandbox.api("GET", target, secret="other-secret")
    assert answer.get("items", []) == []
    status, answer = await sandbox.api("GET", target + "?storeId=store-other", {"storeId": "store-other"})
    assert (status, answer["type"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("page_repeats", ["e", "d", "d", "c", "b", "a"]), ("page_skips", ["e", "d", "b", "a"])],
)
async def test_a_list_may_shift_between_two_pages(sandbox: Sandbox, fault: str, seen: list[str]) -> None:
    for name in "abcde":
        await sandbox.pay(f"ord-00000{name}")
        await sandbox.move(timedelta(seconds=1))
    # What comes or goes stays so for the pages that follow.
    sandbox.fault(fault, operation="get_payments", times=3)
    got = []
    for number in range(4):
        _, answer = await sandbox.api("GET", "/payments", {"page": {"number": number, "size": 2}})
        got += [item["id"][-1] for item in answer["items"]]
    assert got == seen


@pytest.mark.parametrize(("fault", "seen"), [("page_repeats", "abbc"), ("page_skips", "abd")])
async def test_a_list_by_cursor_may_shift_as_well(sandbox: Sandbox, fault: str, seen: str) -> None:
    for name in "abcd":
        await sandbox.pay(f"ord-00000{name}")
    first = await page(sandbox, PAYMENTS, size=2)
    sandbox.fault(fault, operation="get_payments_by_cursor")
    second = await page(sandbox, PAYMENTS, size=2, cursor=first[-1]["cursor"])
    assert "".join(id_[-1] for id_ in ids(first + second)) == seen
