"""GET /payments: both body forms, paging, filters, defaults (portone-facts §1.3, §2.13)."""

from datetime import timedelta
from urllib.parse import quote

import msgspec
import pytest

from jangbu.clock import rfc3339
from jangbu.sandbox import EASY_PAY_CHANNEL, LIVE_CHANNEL
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox


async def listed(sandbox: Sandbox, page: dict | None = None, **filter_: object) -> tuple[list[str], dict]:
    query = {"page": page or {}, "filter": filter_}
    status, body = await sandbox.api("GET", "/payments", query)
    assert status == 200, body
    return [item["id"] for item in body["items"]], body["page"]


@pytest.fixture
async def busy(sandbox: Sandbox) -> Sandbox:
    """One payment of each kind, a minute apart."""
    await sandbox.pay("paid-1")
    await sandbox.move(timedelta(minutes=1))
    await sandbox.decline("failed-2")
    await sandbox.move(timedelta(minutes=1))
    await sandbox.open("ready-3")
    await sandbox.move(timedelta(minutes=1))
    await sandbox.pay("live-4", channelKey=LIVE_CHANNEL)
    await sandbox.move(timedelta(minutes=1))
    await sandbox.pay("kakao-5", channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY", currency="USD")
    await sandbox.pre_register("registered-only", 1000)
    return sandbox


async def test_the_newest_come_first_and_what_was_only_registered_is_not_there(busy: Sandbox) -> None:
    ids, page = await listed(busy)
    assert ids == ["kakao-5", "live-4", "ready-3", "failed-2", "paid-1"]
    assert page == {"number": 0, "size": 10, "totalCount": 5}


async def test_the_query_form_of_the_body_means_the_same(busy: Sandbox) -> None:
    query = quote(msgspec.json.encode({"filter": {"status": ["PAID"]}}).decode(), safe="")
    _, by_query = await busy.api("GET", f"/payments?requestBody={query}")
    _, by_body = await busy.api("GET", "/payments", {"filter": {"status": ["PAID"]}})
    assert by_query == by_body
    assert by_query["page"]["totalCount"] == 3


async def test_pages_are_counted_from_zero_and_cover_every_row_once(busy: Sandbox) -> None:
    seen = []
    for number in range(3):
        ids, page = await listed(busy, {"number": number, "size": 2})
        assert page == {"number": number, "size": 2, "totalCount": 5}
        seen += ids
    assert sorted(seen) == ["failed-2", "kakao-5", "live-4", "paid-1", "ready-3"]
    assert (await listed(busy, {"number": 9, "size": 2}))[0] == []


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ({"number": 59, "size": 1000}, 200),
        ({"number": 60, "size": 1000}, 400),
        ({"number": -1}, 400),
        ({"size": 0}, 400),
    ],
)
async def test_pages_end_at_row_sixty_thousand(sandbox: Sandbox, page: dict, status: int) -> None:
    answered, body = await sandbox.api("GET", "/payments", {"page": page})
    assert answered == status, body


@pytest.mark.parametrize(
    ("filter_", "ids"),
    [
        ({"status": ["FAILED", "READY"]}, ["ready-3", "failed-2"]),
        ({"isTest": False}, ["live-4"]),
        ({"isTest": True, "status": ["PAID"]}, ["kakao-5", "paid-1"]),
        ({"currency": "USD"}, ["kakao-5"]),
        ({"methods": ["EASY_PAY"]}, ["kakao-5"]),
        ({"pgProvider": ["KAKAOPAY"]}, ["kakao-5"]),
        ({"version": "V1"}, []),
        ({"platformType": "SDK_PC", "status": ["READY"]}, ["ready-3"]),
        ({"textSearch": [{"field": "PAYMENT_ID", "value": "live"}]}, ["live-4"]),
        ({"sortOrder": "ASC", "status": ["PAID"]}, ["paid-1", "live-4", "kakao-5"]),
    ],
)
async def test_a_filter_keeps_what_it_says(busy: Sandbox, filter_: dict, ids: list[str]) -> None:
    assert (await listed(busy, **filter_))[0] == ids


async def test_the_filter_says_pending_where_the_payment_says_pay_pending(sandbox: Sandbox) -> None:
    assert (await sandbox.api("GET", "/payments", {"filter": {"status": ["PENDING"]}}))[0] == 200
    assert (await sandbox.api("GET", "/payments", {"filter": {"status": ["PAY_PENDING"]}}))[0] == 400


@pytest.mark.parametrize("is_inclusive", [True, False])
async def test_times_bound_the_list_by_status_change_unless_creation_is_asked_for(is_inclusive: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(list_until_is_inclusive=is_inclusive))
    opened = await sandbox.open("window-1")
    begun = sandbox.clock.now()
    await sandbox.move(timedelta(hours=1))
    await sandbox.decide(opened["txId"], "approve")
    changed = sandbox.clock.now()
    await sandbox.move(timedelta(hours=1))

    early = {"from": rfc3339(begun - timedelta(hours=1)), "until": rfc3339(begun + timedelta(minutes=1))}
    assert (await listed(sandbox, **early))[0] == []
    assert (await listed(sandbox, **early, timestampType="CREATED_AT"))[0] == ["window-1"]
    exactly = {"from": rfc3339(begun), "until": rfc3339(changed)}
    assert (await listed(sandbox, **exactly))[0] == (["window-1"] if is_inclusive else [])


async def test_without_a_from_only_the_last_ninety_days_are_listed(sandbox: Sandbox) -> None:
    await sandbox.pay("long-ago")
    then = sandbox.clock.now()
    await sandbox.move(timedelta(days=91))
    assert (await listed(sandbox))[0] == []
    assert (await listed(sandbox, **{"from": rfc3339(then)}))[0] == ["long-ago"]


async def test_a_filter_the_sandbox_lacks_is_refused_rather_than_ignored(sandbox: Sandbox) -> None:
    status, body = await sandbox.api("GET", "/payments", {"filter": {"cardColour": "RED"}})
    assert (status, body["type"]) == (400, "INVALID_REQUEST")
    assert "cardColour" in body["message"]


@pytest.mark.parametrize("broken", ["{", "[]", '{"page":{"size":"ten"}}', '{"filter":{"from":"yesterday"}}'])
async def test_a_query_that_is_not_understood_is_an_invalid_request(sandbox: Sandbox, broken: str) -> None:
    status, body = await sandbox.api("GET", f"/payments?requestBody={quote(broken, safe='')}")
    assert (status, body["type"]) == (400, "INVALID_REQUEST")


async def test_a_time_without_an_offset_is_an_invalid_request(sandbox: Sandbox) -> None:
    status, body = await sandbox.api("GET", "/payments", {"filter": {"from": "2026-08-01T00:00:00"}})
    assert (status, body["type"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("sort_by", ["REQUESTED_AT", "STATUS_CHANGED_AT"])
async def test_what_the_list_is_sorted_by_unless_asked_is_a_switch(sort_by: str) -> None:
    sandbox = Sandbox(inferred=Inferred(list_sort_by=sort_by))
    first = await sandbox.open("begun-first")
    await sandbox.move(timedelta(minutes=1))
    await sandbox.pay("begun-second")
    await sandbox.move(timedelta(minutes=1))
    await sandbox.decide(first["txId"], "approve")
    by_request, by_change = ["begun-second", "begun-first"], ["begun-first", "begun-second"]
    assert (await listed(sandbox))[0] == (by_request if sort_by == "REQUESTED_AT" else by_change)
    assert (await listed(sandbox, sortBy="STATUS_CHANGED_AT"))[0] == by_change
    assert (await listed(sandbox, sortBy="REQUESTED_AT"))[0] == by_request


async def test_another_stores_list_is_forbidden(sandbox: Sandbox) -> None:
    status, body = await sandbox.api("GET", "/payments", {"filter": {"storeId": "store-other"}})
    assert (status, body["type"]) == (403, "FORBIDDEN")
