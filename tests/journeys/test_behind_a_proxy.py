"""The web program behind a proxy, as it stands in real life: over sockets, with callers at addresses of their own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass

import aiohttp
import pytest
import uvicorn

from jangbu import audit
from jangbu.access.rules import FAILURES_MAX
from jangbu.access.service.staff import create_admin
from jangbu.app import create, served_so
from jangbu.db import Query
from jangbu.doctor.outside import proxies, public_address
from jangbu.inbox.store import open_count
from jangbu.portone import sign
from kit import TESTER, House, with_settings
from small_proxy import proxy_before

PUBLIC = "https://pay.example.com"
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
PROXY, FURTHER_PROXY, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.9"
ANNA, BOB = "127.0.1.7", "127.0.1.8"
SESSION_IP = Query(str, "SELECT ip_address FROM session ORDER BY created_at DESC, id DESC LIMIT 1")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@dataclass(frozen=True)
class Place:
    """The program on its own port, and where callers find it."""

    port: int
    house: House

    def caller(self, at: str) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Somebody who calls from this address, and keeps no cookies."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(local_addr=(at, 0), force_close=True), cookie_jar=aiohttp.DummyCookieJar()
        )


@pytest.fixture
async def place(house: House) -> AsyncIterator[Place]:
    await create_admin(EMAIL, "김장부", PASSWORD, actor=TESTER, run=house.wired.request)
    wired = with_settings(house.wired, public_url=PUBLIC, trusted_proxies=f"{PROXY},{FURTHER_PROXY}")
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(served_so(create(wired), drain_s=1))
    task = asyncio.create_task(server.serve([listener]))
    yield Place(listener.getsockname()[1], house)
    server.should_exit = True
    await task
    listener.close()


async def signs_in(
    http: aiohttp.ClientSession,
    port: int,
    password: str,
    *,
    email: str = EMAIL,
    origin: str = PUBLIC,
    spoofed: str = "",
) -> aiohttp.ClientResponse:
    headers = {"origin": origin, "accept": "text/html"} | ({"x-forwarded-for": spoofed} if spoofed else {})
    answer = await http.post(
        f"http://127.0.0.1:{port}/console/sign-in",
        data={"email": email, "password": password},
        headers=headers,
        allow_redirects=False,
    )
    await answer.read()
    return answer


async def test_lock_outs_and_the_audit_log_know_callers_by_their_own_address(place: Place) -> None:
    async with proxy_before(place.port) as port, place.caller(ANNA) as anna, place.caller(BOB) as bob:
        for number in range(FAILURES_MAX):
            # Whatever she writes into the header, she is counted as herself.
            answer = await signs_in(anna, port, "wrong", email=f"{number}@shop.example", spoofed=f"6.6.6.{number}")
            assert answer.status == 401
        assert (await signs_in(anna, port, PASSWORD, spoofed="6.6.6.66")).status == 429
        answer = await signs_in(bob, port, PASSWORD)
        assert answer.status == 303
    assert await place.house.run.db.statement(SESSION_IP) == BOB
    async with place.house.run.db.transaction() as tx:
        assert len(await audit.of_subject(tx, f"ip:{ANNA}")) == FAILURES_MAX


async def test_a_chain_of_proxies_is_followed_to_its_end(place: Place) -> None:
    async with (
        proxy_before(place.port) as inner,
        proxy_before(inner, speaks_from=FURTHER_PROXY) as outer,
        place.caller(BOB) as bob,
    ):
        assert (await signs_in(bob, outer, PASSWORD, spoofed=ANNA)).status == 303
    assert await place.house.run.db.statement(SESSION_IP) == BOB


@pytest.mark.parametrize("spoofed", [ANNA, f"{ANNA}, {PROXY}", "", "garbage", "x" * 5_000])
async def test_somebody_who_is_no_proxy_of_ours_speaks_for_nobody(place: Place, spoofed: str) -> None:
    async with place.caller(STRANGER) as stranger:
        assert (await signs_in(stranger, place.port, PASSWORD, spoofed=spoofed)).status == 303
    assert await place.house.run.db.statement(SESSION_IP) == STRANGER
    async with proxy_before(place.port, speaks_from=STRANGER) as port, place.caller(BOB) as bob:
        assert (await signs_in(bob, port, PASSWORD, spoofed=spoofed)).status == 303
    assert await place.house.run.db.statement(SESSION_IP) == STRANGER


async def test_cookies_headers_and_origins_follow_the_public_address_and_not_the_proxys(place: Place) -> None:
    async with proxy_before(place.port) as port, place.caller(BOB) as bob:
        answer = await signs_in(bob, port, PASSWORD)
        cookie = next(
            value for value in answer.headers.getall("set-cookie") if not value.split("=")[1].startswith('""')
        )
        assert cookie.startswith("__Secure-")
        assert "secure" in cookie.lower().split("; ")
        assert answer.headers["location"].startswith("/")
        assert answer.headers["strict-transport-security"]
        for elsewhere in (f"http://127.0.0.1:{port}", "https://pay.example.com.evil.example", "null"):
            assert (await signs_in(bob, port, PASSWORD, origin=elsewhere)).status == 403


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_webhook_arrives_byte_for_byte(place: Place, chunked: bool) -> None:
    """A body that any reader of JSON would write differently: one changed byte and the signature is wrong."""
    body = (
        '{ "type" : "Transaction.Paid",\r\n\t"data":{"paymentId":"\\u0070-1","x":1.50,"y":"보리\\/\u2028"},"z":null}  '
    )
    settings = place.house.run.settings
    headers = sign(settings.webhook_secrets[0], "msg_1", place.house.run.clock.now(), body.encode())
    data = pieces(body.encode()) if chunked else body.encode()
    async with (
        proxy_before(place.port) as port,
        place.caller(STRANGER) as portone,
        portone.post(
            f"http://127.0.0.1:{port}/api/portone/webhook",
            data=data,
            headers={**headers, "content-type": "application/json"},
        ) as answer,
    ):
        assert answer.status == 200, await answer.text()
    async with place.house.run.db.transaction() as tx:
        assert await open_count(tx) == 1


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 7):
        yield body[start : start + 7]


async def test_a_body_that_is_too_large_is_told_so_through_the_proxy(place: Place) -> None:
    async with (
        proxy_before(place.port) as port,
        place.caller(STRANGER) as portone,
        portone.post(f"http://127.0.0.1:{port}/api/portone/webhook", data=b"x" * 70_000) as answer,
    ):
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "BODY_TOO_LARGE")


async def test_the_doctor_posts_itself_a_webhook_through_the_proxy(place: Place) -> None:
    async with proxy_before(place.port) as port:
        settings = place.house.run.settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
        assert (await public_address(settings, place.house.run.clock)).mark == "good"


async def test_the_doctor_tells_when_every_caller_would_seem_to_be_the_proxy(house: House) -> None:
    behind = house.run.settings.model_copy(update={"public_url": PUBLIC})
    assert proxies(behind).mark == "look"
    assert proxies(behind.model_copy(update={"trusted_proxies": PROXY})).mark == "good"
    assert proxies(house.run.settings).mark == "good"
