"""The console's list: the same rules as the API, as a page that works without JavaScript."""

import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jangbu.money import Money, written
from jangbu.payments.lists import store as list_store
from jangbu.wiring import Addresses
from kit import House

from .many import NOON, TAKEN, Row, several, uuid, write
from .test_list_api import sorted_ids
from .test_refund_doors import desk

LIST = "/console/payments"
MINUTE = timedelta(minutes=1)


def shown(answer: httpx.Response) -> list[str]:
    """The ids of the payments on a page, in order."""
    assert answer.status_code == 200, answer.text
    return re.findall(rf'class="row-link" href="{LIST}/([0-9a-f-]+)"', answer.text)


def link(answer: httpx.Response, words: str) -> str | None:
    """Where the link with these words leads."""
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>[^<]*{re.escape(words)}', answer.text)
    return html.unescape(found[1]) if found else None


async def test_older_and_newer_lead_through_all_and_back(house: House, where: Addresses) -> None:
    rows = [Row(uuid(number), NOON + MINUTE * number) for number in range(130)]
    await write(where, rows)
    wanted = sorted_ids(rows)
    async with desk(house, "kim", "Support") as console:
        first = await console.get(LIST)
        second = await console.get(LIST + str(link(first, "이전 내역")))
        third = await console.get(LIST + str(link(second, "이전 내역")))
        assert shown(first) + shown(second) + shown(third) == wanted
        assert link(third, "이전 내역") is None and link(first, "더 최근") is None
        back = await console.get(LIST + str(link(third, "더 최근")))
        assert shown(back) == shown(second)
        newest = await console.get(LIST + str(link(back, "더 최근")))
        assert shown(newest) == shown(first) and link(newest, "더 최근") is None
        assert shown(await console.get(LIST + str(link(third, "처음으로")))) == shown(first)


async def test_what_was_asked_stays_asked_on_the_next_page_and_in_the_form(house: House, where: Addresses) -> None:
    rows = [
        Row(uuid(number), NOON + MINUTE * number, "FAILED" if number % 2 else "PAID", order_name="모자")
        for number in range(140)
    ]
    await write(where, rows)
    query = {"q": "모", "status": "FAILED", "from": "2026-08-01", "until": "2026-08-01", "min": "₩10,000"}
    async with desk(house, "kim", "Support") as console:
        first = await console.get(LIST, params=query)
        second = await console.get(LIST + str(link(first, "이전 내역")))
        assert shown(first) + shown(second) == [one for one in sorted_ids(rows) if int(one[-4:], 16) % 2 == 0]
        for value in ("모", "2026-08-01", "₩10,000"):
            assert f'value="{value}"' in second.text
        assert '<input type="hidden" name="status" value="FAILED">' in second.text
        paid = await console.get(LIST + str(link(second, "결제 완료")))
        assert set(shown(paid)) < {str(row.id) for row in rows if row.status == "PAID"}
        assert shown(await console.get(LIST + str(link(second, "결제 실패"))))[0] == sorted_ids(rows)[0]


async def test_the_sums_are_of_all_that_is_asked_by_currency(house: House, where: Addresses) -> None:
    rows = several(120)
    await write(where, rows)
    looked_at = [row for row in rows if row.review]
    won, dollars = [[row for row in looked_at if row.currency == currency] for currency in ("KRW", "USD")]
    won_taken, dollars_taken = [[row.amount for row in them if row.status in TAKEN] for them in (won, dollars)]
    async with desk(house, "kim", "Support") as console:
        answer = await console.get(LIST, params={"review": "1"})
    facts = re.findall(r"<dt>(\d+)건 중 결제 (\d+)건</dt><dd><span class=\"money\">([^<]+)", answer.text)
    assert facts == [
        (str(len(won)), str(len(won_taken)), f"₩{sum(won_taken):,}"),
        (str(len(dollars)), str(len(dollars_taken)), written(Money(sum(dollars_taken), "USD"))),
    ]
    assert shown(answer) == sorted_ids([row for row in rows if row.review])[:50]


async def test_a_sum_that_is_not_of_all_says_so(
    house: House, where: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(where, several(20))
    async with desk(house, "kim", "Support") as console:
        whole = await console.get(LIST)
        monkeypatch.setattr(list_store, "TOTALS_MOST", 10)
        part = await console.get(LIST)
    assert "까지만 살펴본 합계" in part.text and "까지만 살펴본 합계" not in whole.text


async def test_a_page_that_stopped_early_says_how_far_it_looked(
    house: House, where: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Row(uuid(number), NOON + MINUTE * number, amount=5 if number == 0 else 900) for number in range(20)]
    await write(where, rows)
    monkeypatch.setattr(list_store, "CANDIDATES_MOST", 8)
    async with desk(house, "kim", "Support") as console:
        answer = await console.get(LIST, params={"max": "5"})
        assert shown(answer) == [] and "2026-08-01 12:12:00까지 찾아보았습니다" in answer.text
        assert "조건에 맞는 결제가 없습니다" not in answer.text, "nobody knows that yet"
        for _ in range(2):
            answer = await console.get(LIST + str(link(answer, "이어서 찾기")))
    assert shown(answer) == [str(uuid(0))] and link(answer, "이어서 찾기") is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"min": "abc"}, "금액을 읽을 수 없습니다"),
        ({"from": "2026-13-01"}, "기간을 읽을 수 없습니다"),
        ({"from": "2026-08-02", "until": "2026-08-01T00:00:00Z"}, "범위의 끝이 시작보다 앞입니다"),
        ({"min": "2000", "max": "1000"}, "범위의 끝이 시작보다 앞입니다"),
    ],
)
async def test_what_cannot_be_read_is_said_beside_what_was_typed(house: House, query: Any, said: str) -> None:
    async with desk(house, "kim", "Support") as console:
        answer = await console.get(LIST, params=query)
    assert answer.status_code == 422 and said in answer.text
    assert all(f'value="{value}"' in answer.text for value in query.values())


async def test_an_order_name_is_text_and_never_markup(house: House, where: Addresses) -> None:
    name = '<script>alert(1)</script>"&'
    await write(where, [Row(uuid(1), NOON, order_name=name)])
    async with desk(house, "kim", "Support") as console:
        answer = await console.get(LIST, params={"q": name})
    assert shown(answer) == [str(uuid(1))]
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)" in answer.text


async def test_a_cursor_that_somebody_changed_shows_the_newest(house: House, where: Addresses) -> None:
    await write(where, several(5))
    async with desk(house, "kim", "Support") as console:
        newest = shown(await console.get(LIST))
        assert shown(await console.get(LIST, params={"before": "x"})) == newest
        assert shown(await console.get(LIST, params={"after": "x", "q": "\0"})) == newest
