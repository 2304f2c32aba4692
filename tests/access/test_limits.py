"""How many requests are taken from whom (reliability F123; requirements E10)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st

from jangbu.access import limit_store
from jangbu.access.guard import Caller, guard
from jangbu.access.refusals import TooManyRequests
from jangbu.access.rules import Held, Public, Scoped
from jangbu.access.service.keys import create_api_key
from jangbu.access.service.limits import forget, take
from jangbu.audit import Actor
from jangbu.limits import Limit, read_limit
from jangbu.web.proxies import Proxied

MINUTE = timedelta(minutes=1)
THREE = Limit(3, MINUTE)
Call = Callable[..., Any]


def test_a_limit_is_read_as_it_is_written() -> None:
    assert read_limit("100/15m") == Limit(100, timedelta(minutes=15))
    assert read_limit("100/15m").step == timedelta(seconds=9)  # type: ignore[union-attr]
    assert read_limit("off") is None
    for wrong in ("", "100", "0/1m", "1/0s", "-1/1m", "100/15", "1e3/1m", "１/1m", "100/15m ", "100/1d"):
        with pytest.raises(ValueError, match="no limit"):
            read_limit(wrong)


@given(st.integers(1, 10**8), st.integers(1, 10**5), st.sampled_from("smh"))
def test_the_steps_of_a_window_fill_it_to_the_microsecond_each(most: int, length: int, unit: str) -> None:
    limit = read_limit(f"{most}/{length}{unit}")
    assert limit is not None
    assert abs(limit.step * most - limit.window) <= timedelta(microseconds=1) * most


async def refused(subject: str, limit: Limit, office: Any) -> int:
    """For how many seconds one more is refused; 0 when it is not."""
    try:
        await take(subject, limit, run=office.run)
    except TooManyRequests as refusal:
        return refusal.retry_after_s
    return 0


async def test_who_waited_as_long_as_was_said_gets_through_and_a_refusal_costs_nothing(office: Any) -> None:
    assert [await refused("a", THREE, office) for _ in range(5)] == [0, 0, 0, 20, 20]
    assert await refused("b", THREE, office) == 0, "somebody else"
    office.clock.move(timedelta(seconds=19))
    assert await refused("a", THREE, office) == 1
    office.clock.move(timedelta(seconds=1))
    assert [await refused("a", THREE, office) for _ in range(2)] == [0, 20]
    office.clock.move(MINUTE)
    assert [await refused("a", THREE, office) for _ in range(4)] == [0, 0, 0, 20]


async def test_all_programs_share_it_to_the_last_request(office: Any) -> None:
    taken = await asyncio.gather(*(refused("a", Limit(30, MINUTE), office) for _ in range(100)))
    assert taken.count(0) == 30


async def test_who_has_all_of_their_limit_again_is_forgotten(office: Any, run: Any) -> None:
    for _ in range(3):
        await take("a", THREE, run=office.run)
    await take("b", THREE, run=office.run)
    office.clock.move(timedelta(seconds=21))
    await forget(run=replace(run, clock=office.clock))
    left = [await run.db.statement(limit_store.FREE_AT, subject=name) is None for name in ("a", "b")]
    assert left == [False, True]
    assert await refused("a", THREE, office) == 0


def guarded(office: Any, **settings: Any) -> Any:
    """An application with a route for keys by two methods, another one, an open one, and one that a secret opens."""
    app, router = office.app(**settings), APIRouter()

    @router.get("/api/read")
    @router.post("/api/read")
    async def read(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> str:
        return caller.name

    @router.get("/api/books")
    async def books(caller: Annotated[Caller, guard(Scoped("books:read"))]) -> str:
        return caller.name

    @router.get("/api/open", dependencies=[guard(Public("a test"))])
    async def opened() -> None: ...

    @router.get("/pay/{session_id}", dependencies=[guard(Held("a test"))])
    async def held() -> None: ...

    app.include_router(router)
    return app


async def key_for(office: Any, *scopes: str) -> str:
    _, secret = await create_api_key("shop", scopes, actor=Actor("test"), run=office.run)
    return secret


def bearer(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


async def answers(client: httpx.AsyncClient, times: int, path: str = "/api/read", **more: Any) -> list[int]:
    return [(await client.get(path, **more)).status_code for _ in range(times)]


async def test_strangers_share_the_limit_of_their_address_and_wrong_keys_count(office: Any, call: Call) -> None:
    async with call(guarded(office, limit_strangers="3/1m")) as client:
        assert await answers(client, 1) == [401]
        assert await answers(client, 1, headers=bearer(f"jbk_abcdefgh_{'x' * 43}")) == [401]
        assert await answers(client, 1, "/api/open") == [200]
        refusal = await client.get("/api/open")
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (429, "TOO_MANY_REQUESTS")
        assert refusal.headers["retry-after"] == "20"
        good = await key_for(office, "payments:read")
        assert await answers(client, 5, headers=bearer(good)) == [200] * 5, "of the same address, and known"
        assert (await client.get("/console/sign-in")).status_code == 200


async def test_each_key_and_each_route_has_its_own(office: Any, call: Call) -> None:
    one, other = [await key_for(office, "payments:read", "books:read") for _ in range(2)]
    async with call(guarded(office, limit_callers="2/1m")) as client:
        assert await answers(client, 3, headers=bearer(one)) == [200, 200, 429]
        assert await answers(client, 1, "/api/books", headers=bearer(one)) == [200]
        assert await answers(client, 1, headers=bearer(other)) == [200]
        assert (await client.post("/api/read", headers=bearer(one))).status_code == 200
        # Whatever is asked of it in the address is the same route.
        assert await answers(client, 1, headers=bearer(one), params={"x": "1"}) == [429]


async def test_an_address_is_what_a_trusted_proxy_saw_and_a_network_of_ipv6(office: Any) -> None:
    app = Proxied(guarded(office, limit_strangers="1/1m"), trusted=())

    async def asked(ip: str, **headers: str) -> int:
        transport = httpx.ASGITransport(app=app, client=(ip, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return (await client.get("/api/read", headers=headers)).status_code

    assert await asked("192.0.2.1") == 401
    assert await asked("192.0.2.1", **{"x-forwarded-for": "192.0.2.77"}) == 429, "everybody can write that"
    assert await asked("192.0.2.2") == 401
    assert await asked("2001:db8::1") == 401
    assert await asked("2001:db8::2:1") == 429, "of the same /64"
    assert await asked("2001:db8:0:1::1") == 401


async def test_guessing_at_secrets_is_bounded_and_payers_behind_one_address_are_not_strangers(
    office: Any, call: Call
) -> None:
    async with call(guarded(office, limit_strangers="1/1m", limit_callers="3/1m")) as client:
        pages = [(await client.get(f"/pay/guess-{number}")).status_code for number in range(4)]
        assert pages == [200, 200, 200, 429]


async def test_off_is_any_number(office: Any, call: Call) -> None:
    async with call(guarded(office, limit_strangers="off", limit_callers="off")) as client:
        assert set(await answers(client, 120)) == {401}
