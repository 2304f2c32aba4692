"""Payers who come with a token of their shop: what is theirs, and nothing of anybody else's (requirements C2, C3)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from jangbu.access.guard import rules_of
from jangbu.access.payer_tokens import AUDIENCE
from jangbu.access.refusals import PayerSecretUnknown, TooManyPayerSecrets
from jangbu.access.rules import Public, Signed, welcomes_payers
from jangbu.access.service.keys import create_api_key
from jangbu.access.service.payers import create_payer_secret, end_payer_secret
from jangbu.app import create
from jangbu.db import Query
from jangbu.sandbox import CARD_CHANNEL
from jangbu.sight import blind, see
from kit import TESTER, House, patiently

from .shop import Shop, order_of

MINE = "/api/v1/me/payments"
SESSIONS_SEEN = Query(str, "SELECT session_id FROM payment_sessions ORDER BY created_at")
PAYMENTS_SEEN = Query(str, "SELECT session_id FROM payment_history ORDER BY created_at")
STORED = Query(
    str, "SELECT to_jsonb(s)::text || (SELECT string_agg(l::text, '') FROM audit_log l) FROM payer_secrets s"
)


class Backend:
    """A shop's server: it has a secret, and vouches for whoever is signed in there."""

    def __init__(self, house: House, kid: str, secret: str) -> None:
        self.house, self.kid, self.secret = house, kid, secret

    def bearer(self, customer: str = "member-1", **more: Any) -> dict[str, str]:
        at = int(self.house.run.clock.now().timestamp())
        claims = {"sub": customer, "aud": AUDIENCE, "iat": at, "exp": at + 600} | more
        made = jwt.encode(claims, self.secret, algorithm="HS256", headers={"kid": self.kid})
        return {"authorization": f"Bearer {made}"}


async def backend_of(house: House, store_id: str | None = None) -> Backend:
    made, secret = await create_payer_secret(store_id, actor=TESTER, run=house.wired.request)
    return Backend(house, made.kid, secret)


@pytest.fixture
async def backend(house: House) -> Backend:
    return await backend_of(house)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    app = create(house.wired)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as made:
        yield made


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_payers_see_their_own_payments_in_pages_and_nobody_elses(
    shop: Shop, backend: Backend, client: httpx.AsyncClient
) -> None:
    item = await shop.item(stock=20)
    own = [(await shop.bought(item)).session_id for _ in range(3)]
    other = await shop.bought(item, customer_id="member-2")
    await shop.bought(item, customer_id="")
    seen: list[str] = []
    cursor = ""
    for _ in range(2):
        answer = (await client.get(MINE, params={"limit": 2, "cursor": cursor}, headers=backend.bearer())).json()
        seen += [one["sessionId"] for one in answer["data"]["payments"]]
        cursor = answer["data"]["next"] or ""
    assert (seen, cursor) == (own[::-1], "")
    (theirs,) = (await client.get(MINE, headers=backend.bearer("member-2"))).json()["data"]["payments"]
    assert theirs["sessionId"] == other.session_id
    assert (theirs["amount"], theirs["currency"], theirs["status"]) == (5_500, "KRW", "PAID")
    assert (await client.get(MINE, headers=backend.bearer("nobody"))).json()["data"]["payments"] == []


async def test_another_stores_payer_of_the_same_name_sees_nothing(
    shop: Shop, house: House, client: httpx.AsyncClient
) -> None:
    session = await shop.bought(await shop.item())
    elsewhere = await backend_of(house, "store-elsewhere")
    assert (await client.get(MINE, headers=elsewhere.bearer())).json()["data"]["payments"] == []
    answer = await client.get(f"/api/v1/payments/sessions/{session.session_id}", headers=elsewhere.bearer())
    assert code(answer) == (404, "CHECKOUT_SESSION_NOT_FOUND")


async def test_a_wrong_token_is_nobody(shop: Shop, house: House, backend: Backend, client: httpx.AsyncClient) -> None:
    session = await shop.session(await shop.item())
    path = f"/api/v1/payments/sessions/{session.session_id}"
    at = int(house.run.clock.now().timestamp())
    unknown = Backend(house, "jbp_AAAAAAAA", backend.secret)
    forged = Backend(house, backend.kid, "x" * 43)
    for headers in (
        {},
        {"authorization": "Bearer a.b.c"},
        unknown.bearer(),
        forged.bearer(),
        backend.bearer(exp=at),
        backend.bearer(aud="else"),
    ):
        assert code(await client.get(MINE, headers=headers)) == (401, "UNAUTHORIZED")
        # Where the session's id alone would do, a token that comes along must be right.
        by_id = await client.get(path, headers=headers)
        assert by_id.status_code == (401 if headers else 200)


async def test_a_payer_reads_and_pays_their_own_session_only(
    shop: Shop, backend: Backend, client: httpx.AsyncClient
) -> None:
    session = await shop.session(await shop.item())
    nobodys = await shop.session(await shop.item(), customer_id="")
    shop.house.portone.world.state.channels[CARD_CHANNEL].approves_manually = True
    token: dict[str, str] = {}
    for method, more, body in (
        ("GET", "", None),
        ("POST", "/prepare", {}),
        ("POST", "/verify", {}),
        ("POST", "/confirm", token),
    ):
        own = f"/api/v1/payments/sessions/{session.session_id}{more}"
        for path, headers in (
            (own, backend.bearer("member-2")),
            (f"/api/v1/payments/sessions/{nobodys.session_id}{more}", backend.bearer()),
            (f"/api/v1/payments/sessions/cs_nothing{more}", backend.bearer()),
        ):
            if body is token:
                await shop.house.portone.move(timedelta(seconds=3))
                result = await shop.house.portone.pay(await order_of(shop.house, session))
                token["paymentToken"] = result["paymentToken"]
            answer = await client.request(method, path, json=body, headers=headers)
            assert code(answer) == (404, "CHECKOUT_SESSION_NOT_FOUND"), path
        assert (await client.request(method, own, json=body, headers=backend.bearer())).status_code == 200, own


async def test_a_payer_makes_and_pays_a_session_of_their_own(
    shop: Shop, house: House, backend: Backend, client: httpx.AsyncClient
) -> None:
    item = await shop.item()
    lines = {"lines": [{"itemId": str(item.id), "quantity": 2}]}
    path = "/api/v1/payments/sessions"
    for refused in ({"orderId": "order-1"}, {"customerId": "member-2"}):
        answer = await client.post(path, json=lines | refused, headers=backend.bearer())
        assert code(answer) == (422, "PAYER_FIELD_REFUSED")
    made = (await client.post(path, json=lines, headers=backend.bearer())).json()["data"]
    assert made["amount"] == 11_000
    prepared = await client.post(f"{path}/{made['sessionId']}/prepare", json={}, headers=backend.bearer())
    payment_id = prepared.json()["data"]["request"]["paymentId"]
    assert "code" not in await house.portone.pay(payment_id)
    done = await client.post(f"{path}/{made['sessionId']}/verify", headers=backend.bearer())
    assert done.json()["data"]["phase"] == "paid"
    (mine,) = (await client.get(MINE, headers=backend.bearer())).json()["data"]["payments"]
    assert mine["sessionId"] == made["sessionId"]


async def test_a_payer_cannot_hold_a_whole_shelf(shop: Shop, backend: Backend, client: httpx.AsyncClient) -> None:
    item = await shop.item()
    for _ in range(19):
        await shop.session(item)
    lines = {"lines": [{"itemId": str(item.id)}]}
    path = "/api/v1/payments/sessions"
    assert (await client.post(path, json=lines, headers=backend.bearer())).status_code == 201
    answer = await client.post(path, json=lines, headers=backend.bearer())
    assert code(answer) == (429, "TOO_MANY_SESSIONS") and answer.headers["retry-after"] == "600"
    assert (await client.post(path, json=lines, headers=backend.bearer("member-2"))).status_code == 201


async def test_nor_by_asking_many_times_at_once(shop: Shop, backend: Backend, client: httpx.AsyncClient) -> None:
    item = await shop.item()
    await shop.crowd()
    lines = {"lines": [{"itemId": str(item.id)}]}

    async def ask() -> httpx.Response:
        return await client.post("/api/v1/payments/sessions", json=lines, headers=backend.bearer())

    answers = Counter(answer.status_code for answer in await asyncio.gather(*(patiently(ask) for _ in range(30))))
    assert answers == {201: 20, 429: 10}


async def test_a_payers_token_opens_nothing_else(house: House, backend: Backend, client: httpx.AsyncClient) -> None:
    welcome = set()
    for (method, path), rule in rules_of(create(house.wired)).items():
        if welcomes_payers(rule):
            welcome.add((method, path))
        elif not isinstance(rule, Public | Signed):
            address = path.replace("{form}", "csv").replace("{language}", "ko")
            answer = await client.request(
                method, address, json=None if method == "GET" else {}, headers=backend.bearer()
            )
            assert code(answer) == (403, "FORBIDDEN"), f"{method} {path}"
    assert welcome == {
        ("GET", MINE),
        ("POST", "/api/v1/payments/sessions"),
        ("GET", "/api/v1/payments/sessions/{session_id}"),
        ("POST", "/api/v1/payments/sessions/{session_id}/prepare"),
        ("POST", "/api/v1/payments/sessions/{session_id}/confirm"),
        ("POST", "/api/v1/payments/sessions/{session_id}/verify"),
    }


async def test_neither_keys_nor_staff_are_payers(house: House, client: httpx.AsyncClient) -> None:
    _, key = await create_api_key("shop", ["checkout:create", "payments:read"], actor=TESTER, run=house.run)
    assert code(await client.get(MINE, headers={"authorization": f"Bearer {key}"})) == (403, "FORBIDDEN")


async def test_two_secrets_at_once_and_an_ended_one_is_over(
    house: House, backend: Backend, client: httpx.AsyncClient
) -> None:
    people = house.wired.request
    second = await backend_of(house)
    with pytest.raises(TooManyPayerSecrets):
        await create_payer_secret(actor=TESTER, run=people)
    await create_payer_secret("store-elsewhere", actor=TESTER, run=people)
    for one in (backend, second):
        assert (await client.get(MINE, headers=one.bearer())).status_code == 200
    for _ in range(2):
        await end_payer_secret(backend.kid, actor=TESTER, run=people)
    assert code(await client.get(MINE, headers=backend.bearer())) == (401, "UNAUTHORIZED")
    assert (await client.get(MINE, headers=second.bearer())).status_code == 200
    await create_payer_secret(actor=TESTER, run=people)
    with pytest.raises(PayerSecretUnknown):
        await end_payer_secret("jbp_AAAAAAAA", actor=TESTER, run=people)


async def test_the_secret_lies_nowhere_as_it_is(house: House, backend: Backend) -> None:
    stored = await house.run.db.statement(STORED)
    assert stored is not None and backend.kid in stored and backend.secret not in stored


async def test_the_database_shows_a_payer_their_own_rows_whatever_a_statement_forgets(shop: Shop, house: House) -> None:
    item = await shop.item()
    own, other = await shop.bought(item, customer_id="o'Neil"), await shop.bought(item)
    people = house.wired.request.db
    own_store = house.run.settings.portone_store_id
    for store_id, customer, sessions in (
        (own_store, "o'Neil", [own.session_id]),
        (own_store, "nobody", []),
        ("store-elsewhere", "o'Neil", []),
        (own_store, "", []),
        (own_store, None, [own.session_id, other.session_id]),
    ):
        with blind():
            see(store_id, customer)
            async with people.transaction() as tx:
                assert await tx.all(SESSIONS_SEEN) == sessions, customer
                assert await tx.all(PAYMENTS_SEEN) == sessions, customer
        # What one request named, the next one on the same connection does not inherit.
        async with people.transaction() as tx:
            assert len(await tx.all(SESSIONS_SEEN)) == 2


async def test_whoever_is_no_payer_does_not_pay_for_the_policy(house: House) -> None:
    """A subquery on payments is dear to the planner: their lists would be estimated, and compiled, as great work."""
    people = house.wired.request.db
    async with people.transaction() as tx:
        plan = await tx.all(Query(str, "EXPLAIN SELECT * FROM payments ORDER BY created_at DESC, id DESC LIMIT 51"))
    assert any("jangbu.stores" in line for line in plan), "the stores' policy is there"
    assert not any("SubPlan" in line or "EXISTS" in line for line in plan), plan


@pytest.mark.parametrize(("alias", "leads"), [("success", "return"), ("fail", "return?code=FAILED")])
async def test_the_addresses_that_shops_know_lead_to_the_sessions_page(
    shop: Shop, client: httpx.AsyncClient, alias: str, leads: str
) -> None:
    session = await shop.session(await shop.item())
    for name in ("session_id", "sessionId"):
        answer = await client.get(f"/payment/{alias}", params={name: session.session_id, "paymentId": "x"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/pay/{session.session_id}/{leads}")
    on = await client.get(answer.headers["location"])
    assert on.status_code in (200, 303)
    for wrong in ("", "cs_", "//evil.example", "cs_x/../../console", "cs_x?y", "cs_é"):
        missing = await client.get(f"/payment/{alias}", params={"session_id": wrong}, headers={"accept": "text/html"})
        assert missing.status_code == 404, wrong
