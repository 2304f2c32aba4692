"""`GET /api/payments`: every payment once, in order, whatever is asked, for bounded work (F130, F112, F127)."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from jangbu.app import create
from jangbu.payments.lists import store as list_store
from jangbu.payments.lists.api import EXAMPLE
from jangbu.wiring import Addresses
from kit import House, statements_of

from .many import NOON, Row, in_dispute, several, uuid, write
from .test_refund_doors import code, paid, shop

PAYMENTS = "/api/payments"
MICROSECOND = timedelta(microseconds=1)


async def pages(client: httpx.AsyncClient, **query: Any) -> list[list[dict[str, Any]]]:
    """Every page of one list, followed to its end."""
    found, cursor = [], ""
    for _ in range(500):
        answer = await client.get(PAYMENTS, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert data["hasMore"] == (data["next"] is not None)
        found.append(data["payments"])
        if not data["hasMore"]:
            return found
        cursor = data["next"]
    raise AssertionError("this list has no end")


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    return [payment["id"] for page in await pages(client, **query) for payment in page]


def sorted_ids(rows: list[Row]) -> list[str]:
    return [str(row.id) for row in sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)]


async def test_every_payment_comes_once_the_newest_first_whatever_the_limit(house: House, where: Addresses) -> None:
    rows = several(60)
    await write(where, rows)
    async with shop(house, "payments:read") as client:
        for limit in (1, 7, 59, 60, 61):
            assert await ids(client, limit=limit) == sorted_ids(rows)


async def test_payments_made_meanwhile_neither_repeat_nor_hide_any(house: House, where: Addresses) -> None:
    rows = several(20)
    await write(where, rows)
    async with shop(house, "payments:read") as client:
        first = (await client.get(PAYMENTS, params={"limit": 10})).json()["data"]
        await write(where, [Row(uuid(1), NOON + timedelta(days=9))])
        second = (await client.get(PAYMENTS, params={"limit": 10, "cursor": first["next"]})).json()["data"]
    assert [payment["id"] for payment in (*first["payments"], *second["payments"])] == sorted_ids(rows)


async def test_microseconds_and_equal_moments_are_told_apart(house: House, where: Addresses) -> None:
    rows = [Row(uuid(number), NOON + MICROSECOND * (number // 2)) for number in range(8)]
    await write(where, rows)
    async with shop(house, "payments:read") as client:
        assert await ids(client, limit=1) == sorted_ids(rows)


FILTERS: dict[str, tuple[list[Any], Callable[[Row, Any], bool]]] = {
    "status": ([["PAID"], ["FAILED"], ["PAID", "CANCELLED"]], lambda row, wanted: row.status in wanted),
    "amountMin": ([2_001, 50_000], lambda row, wanted: row.amount >= wanted),
    "amountMax": ([50_000, 60_000], lambda row, wanted: row.amount <= wanted),
    "currency": (["KRW", "USD"], lambda row, wanted: row.currency == wanted),
    "method": (["CARD", "EASY_PAY"], lambda row, wanted: wanted == "CARD" and row.method == CARD),
    "channelKey": (["channel-a", "none"], lambda row, wanted: row.channel_key == wanted),
    "review": (["true"], lambda row, _: row.review != ""),
    "disputed": (["true"], lambda row, _: in_dispute(row)),
    "storeId": (["store-1", "store-2"], lambda row, wanted: row.store_id == wanted),
    "createdFrom": (["2026-08-02"], lambda row, _: row.created_at >= NOON.replace(day=1, hour=15)),
    "createdUntil": (["2026-08-02"], lambda row, _: row.created_at < NOON.replace(day=2, hour=15)),
    "paidFrom": (
        ["2026-08-01T20:00:00Z"],
        lambda row, _: row.status in PAID and row.created_at + timedelta(minutes=3) >= NOON.replace(hour=20),
    ),
    "paidUntil": (
        ["2026-08-01T20:02:00Z"],
        lambda row, _: row.status in PAID and row.created_at + timedelta(minutes=3) < NOON.replace(hour=20, minute=2),
    ),
    "q": (
        ["보리차", "보리차 ", "모자", "100%", "a_b", "order-3", "tx-4", "pg-5", "%", "nothing"],
        lambda row, wanted: row.order_name.startswith(wanted.strip())
        or wanted in (row.order_id, row.provider_transaction_id, (row.portone or {}).get("pgTxId")),
    ),
}  # fmt: skip
CARD = {"type": "PaymentMethodCard"}
PAID = {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}


def asked(chance: random.Random) -> dict[str, Any]:
    chosen = chance.sample(sorted(FILTERS), chance.choice([1, 1, 1, 2, 2, 3]))
    return {name: chance.choice(FILTERS[name][0]) for name in chosen}


@pytest.fixture(params=[(10_000, 2_000), (7, 2_000), (7, 5)], ids=["one walk", "short walks", "common names"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walks that stop early, and names that count as common: then a page is made of several."""
    candidates, named = request.param
    monkeypatch.setattr(list_store, "CANDIDATES_MOST", candidates)
    monkeypatch.setattr(list_store, "NAMED_MOST", named)


@pytest.mark.usefixtures("limits")
async def test_filters_say_what_they_say_alone_and_together(house: House, where: Addresses) -> None:
    rows = several(80)
    await write(where, rows)
    chance = random.Random(7)  # noqa: S311
    every = [{name: value} for name, (values, _) in FILTERS.items() for value in values]
    several_held = 0
    async with shop(house, "payments:read") as client:
        for query in [*every, *(asked(chance) for _ in range(40))]:
            held = [row for row in rows if all(FILTERS[name][1](row, value) for name, value in query.items())]
            assert await ids(client, limit=9, **query) == sorted_ids(held), query
            several_held += len(held) > 1 and len(query) > 1
    assert several_held > 5, "filters together found next to nothing: this compares empty lists"


async def test_our_id_in_any_spelling_finds_the_payment(house: House, where: Addresses) -> None:
    await write(where, [Row(uuid(0xABCDEF), NOON), Row(uuid(2), NOON)])
    async with shop(house, "payments:read") as client:
        for spelt in (str(uuid(0xABCDEF)), uuid(0xABCDEF).hex.upper(), f" {uuid(0xABCDEF)} "):
            assert await ids(client, q=spelt) == [str(uuid(0xABCDEF))]


async def test_a_day_is_a_korean_day_and_counts_whole_as_an_end(house: House, where: Addresses) -> None:
    midnight = NOON.replace(hour=15)
    at = {0: midnight - MICROSECOND, 1: midnight, 2: midnight + timedelta(days=1) - MICROSECOND}
    at[3] = midnight + timedelta(days=1)
    await write(where, [Row(uuid(number), moment) for number, moment in at.items()])
    async with shop(house, "payments:read") as client:
        day = await ids(client, createdFrom="2026-08-02", createdUntil="2026-08-02")
        same = await ids(client, createdFrom="2026-08-02T00:00:00+09:00", createdUntil="2026-08-03T00:00:00+09:00")
    assert day == same == [str(uuid(2)), str(uuid(1))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cursor=nonsense", "CURSOR_UNREADABLE"),
        ("cursor=2026-08-01T03:00:00.000Z.1.zz", "CURSOR_UNREADABLE"),
        ("cursor=" + "9" * 201, "INVALID_REQUEST"),
        ("createdFrom=yesterday", "MOMENT_UNREADABLE"),
        ("createdFrom=2026-02-30", "MOMENT_UNREADABLE"),
        ("createdFrom=2026-08-01T00:00:00", "MOMENT_UNREADABLE"),
        ("createdUntil=9999-12-31", "MOMENT_UNREADABLE"),
        ("createdFrom=0001-01-01", "MOMENT_UNREADABLE"),
        ("createdFrom=2026-08-02&createdUntil=2026-08-01T00:00:00Z", "RANGE_BACKWARDS"),
        ("paidFrom=2026-08-03&paidUntil=2026-08-01", "RANGE_BACKWARDS"),
        ("amountMin=2&amountMax=1", "RANGE_BACKWARDS"),
        ("amountMin=1.5", "INVALID_REQUEST"),
        ("amountMin=-1", "INVALID_REQUEST"),
        ("amountMax=9007199254740992", "INVALID_REQUEST"),
        ("status=PAYED", "INVALID_REQUEST"),
        ("stauts=PAID", "INVALID_REQUEST"),
        ("method=CASH", "INVALID_REQUEST"),
        ("currency=krw", "INVALID_REQUEST"),
        ("review=perhaps", "INVALID_REQUEST"),
        ("limit=0", "INVALID_REQUEST"),
        ("limit=501", "INVALID_REQUEST"),
        ("limit=1e2", "INVALID_REQUEST"),
        ("q=" + "x" * 256, "INVALID_REQUEST"),
        ("q=%00", "TEXT_UNSTORABLE"),
        ("channelKey=%00", "TEXT_UNSTORABLE"),
        ("&".join("status=PAID" for _ in range(21)), "INVALID_REQUEST"),
        ("q=" + "x" * 16_000, "QUERY_TOO_LONG"),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else None,
)
async def test_what_cannot_be_read_is_refused_with_a_code(house: House, query: str, expected: str) -> None:
    async with shop(house, "payments:read") as client:
        answer = await client.get(f"{PAYMENTS}?{query}")
    assert (answer.status_code, code(answer)) == (414 if expected == "QUERY_TOO_LONG" else 422, expected)


@pytest.mark.parametrize("query", [b"q=" + b"x" * 2_000_000, b"&".join(b"a%d=1" % n for n in range(200_000))])
@pytest.mark.parametrize(("path", "accept"), [(PAYMENTS, b"*/*"), ("/console/payments", b"text/html")])
async def test_a_query_of_two_megabytes_is_not_read(
    house: House, query: bytes, path: str, accept: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx sends no such address, so this speaks to the application itself."""
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query, "headers": [
            (b"accept", accept)], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "scheme": "http",
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    def short_ones(text: Any, *asked: Any, **more: Any) -> list[Any]:
        assert len(text) < len(query), "somebody takes the query apart"
        return parse_qsl(text, *asked, **more)

    for reader in ("starlette.datastructures", "jangbu.web.rendering"):
        monkeypatch.setattr(f"{reader}.parse_qsl", short_ones)
    await create(house.wired)(scope, receive, send)
    assert said[0]["status"] == 414 and b"QUERY_TOO_LONG" in said[1]["body"]


async def test_a_key_of_one_store_sees_no_other(house: House, where: Addresses) -> None:
    rows = several(30)
    await write(where, rows)
    ours = [row for row in rows if row.store_id == "store-2"]
    theirs = next(row for row in rows if row.store_id == "store-1" and row.order_id)
    async with shop(house, "payments:read", store_id="store-2") as client:
        assert await ids(client, limit=5) == await ids(client, storeId="store-2") == sorted_ids(ours)
        for query in ({"q": str(theirs.id)}, {"q": theirs.order_id}, {"review": "true"}, {"status": "PAID"}):
            assert set(await ids(client, **query)) <= set(sorted_ids(ours)), query
        assert code(await client.get(PAYMENTS, params={"storeId": "store-1"})) == "STORE_NOT_FOUND"
        hidden, absent = [await client.get(f"{PAYMENTS}/{one}") for one in (theirs.id, uuid(5))]
        assert code(hidden) == code(absent) == "PAYMENT_NOT_FOUND"
        assert hidden.json()["error"]["message"] == absent.json()["error"]["message"]
        assert (await client.get(f"{PAYMENTS}/{ours[0].id}")).status_code == 200


async def test_only_who_may_read_payments_reads_them(house: House) -> None:
    async with shop(house, "events:read") as client:
        assert code(await client.get(PAYMENTS)) == code(await client.get(f"{PAYMENTS}/{uuid(1)}")) == "FORBIDDEN"


async def test_one_payment_shows_its_refunds_and_says_what_the_list_says(house: House) -> None:
    payment = await paid(house, order_id="order-7")
    async with shop(house, "payments:read", "payments:cancel") as client:
        body = {"paymentId": str(payment.id), "amount": 4_000}
        assert (await client.post("/api/portone/cancel", json=body)).status_code == 200
        by_id, by_theirs = [
            (await client.get(f"{PAYMENTS}/{one}")).json()["data"] for one in (payment.id, payment.provider_order_id)
        ]
        listed = (await client.get(PAYMENTS)).json()["data"]["payments"]
    assert by_id == by_theirs
    assert [(one["amount"], one["status"]) for one in by_id["cancellations"]] == [(4_000, "SUCCEEDED")]
    assert [{name: by_id[name] for name in listed[0]}] == listed
    assert listed[0]["method"]["type"] == "CARD" and listed[0]["cancellableAmount"] == 7_000


async def test_nothing_of_the_payer_is_shown(house: House, where: Addresses) -> None:
    rows = [row for row in several(10) if row.portone]
    await write(where, rows)
    async with shop(house, "payments:read") as client:
        listed, one = await client.get(PAYMENTS), await client.get(f"{PAYMENTS}/{rows[0].id}")
    assert rows and "4111" not in listed.text + one.text


async def test_the_description_names_every_filter_and_an_example(house: House) -> None:
    async with shop(house, "payments:read") as client:
        paths = (await client.get("/api/openapi.json")).json()["paths"]
    operation = paths[PAYMENTS]["get"]
    described = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
    assert described == {*FILTERS, "cursor", "limit"}
    example = operation["responses"]["200"]["content"]["application/json"]["example"]["data"]["payments"][0]
    assert "get" in paths[f"{PAYMENTS}/{{payment_id}}"] and {"id", "amount", "currency"} <= set(example)


async def test_the_example_has_the_fields_of_an_answer(house: House, where: Addresses) -> None:
    await write(where, several(2))
    async with shop(house, "payments:read") as client:
        answer = (await client.get(PAYMENTS)).json()
    assert set(answer["data"]["payments"][0]) == set(EXAMPLE["data"]["payments"][0])
    assert (set(answer), set(answer["data"])) == (set(EXAMPLE), set(EXAMPLE["data"]))


async def asked_for_a_page(house: House, client: httpx.AsyncClient, **query: Any) -> list[str]:
    """What PostgreSQL is asked for one page, without the caller's key."""
    async with statements_of(house.wired.request.db) as told:
        assert (await client.get(PAYMENTS, params=query)).status_code == 200
    return [one for one in told if "payments" in one or "plan_cache_mode" in one]


async def test_a_page_is_a_handful_of_statements_however_many_payments(house: House, where: Addresses) -> None:
    await write(where, several(120))
    async with shop(house, "payments:read") as client:
        assert len(await asked_for_a_page(house, client)) == 2
        assert len(await asked_for_a_page(house, client, limit=500)) == 3
        assert len(await asked_for_a_page(house, client, q="보리차", status="PAID", limit=500)) == 4
