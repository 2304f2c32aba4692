"""Lists behind row-level security: still by index, and still nobody's but the caller's (requirements B9, F112)."""

import asyncpg
import pytest

from jangbu.payments.lists import store as list_store
from jangbu.payments.lists.rules import ABOVE_ALL, Filter
from jangbu.wiring import Addresses

from .many import NOON, Row, several, uuid, write

FOUND = "SELECT payments_found($1, $2, $3, 100)"


async def found(where: Addresses, stores: str, search: str) -> set[str]:
    """What the look-up gives the request role while it sees these stores."""
    connection = await asyncpg.connect(where.request)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('jangbu.stores', $1, true)", stores)
            rows = await connection.fetch(FOUND, search, list_store._uuid(search), list_store._beginning(search))
        return {str(row[0]) for row in rows}
    finally:
        await connection.close()


async def test_the_look_up_gives_nobody_anothers_payments(where: Addresses) -> None:
    mine = Row(uuid(1), NOON, store_id="store-2", order_name="모자", order_id="o-1", portone={"pgTxId": "pg-1"})
    theirs = Row(uuid(2), NOON, order_name="모자 2", order_id="o-2", portone={"pgTxId": "pg-2"})
    await write(where, [mine, theirs])
    for search in ("모자", "o-2", "pg-2", str(uuid(2)), uuid(2).hex):
        assert str(uuid(2)) in await found(where, "*", search), search
        assert str(uuid(2)) not in await found(where, "store-2", search), search
        assert await found(where, "", search) == set(), search
    assert await found(where, "store-2", "모") == {str(uuid(1))}


async def test_a_temporary_table_of_the_callers_is_not_ours(where: Addresses) -> None:
    await write(where, [Row(uuid(1), NOON, order_id="o-1")])
    connection = await asyncpg.connect(where.owner)
    try:
        settings = await connection.fetchval("SELECT proconfig[1] FROM pg_proc WHERE proname = 'payments_found'")
        allowed = await connection.fetchval(
            "SELECT has_function_privilege('public', oid, 'EXECUTE') FROM pg_proc WHERE proname = 'payments_found'"
        )
    finally:
        await connection.close()
    assert settings.endswith(", pg_temp") and not allowed


@pytest.mark.parametrize(
    ("walk", "index"),
    [
        (list_store.IN_REVIEW, "payments_in_review"),
        (list_store.OF_STATUS, "payments_of_status"),
        (list_store.OF_STORE, "payments_of_store"),
        (list_store.EVERY, "payments_newest"),
    ],
)
@pytest.mark.parametrize("newer", [False, True])
async def test_every_walk_goes_along_its_index(
    where: Addresses, walk: list_store.Walk, index: str, newer: bool
) -> None:
    await write(where, several(60))
    wanted = Filter(statuses=("PAID",), store_id="store-1", in_review=True, search="x")
    asked = list_store.arguments(wanted) | {
        "from_at": ABOVE_ALL.at, "from_id": ABOVE_ALL.id, "candidates_most": 100, "most": 51,
    }  # fmt: skip
    query = walk.newer if newer else walk.older
    connection = await asyncpg.connect(where.request)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('jangbu.stores', '*', true)")
            await connection.fetch(list_store.PLAN_IN_ORDER.sql)
            rows = await connection.fetch(f"EXPLAIN {query.sql}", *[asked[name] for name in query.names])
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert index in plan and "Seq Scan" not in plan and "Sort" not in plan, plan
