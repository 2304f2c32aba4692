"""The weightiest routes want a password given within 15 minutes (reliability F131, Step-up)."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from at_console import ORIGIN, PASSWORD, at_the_console, stranger
from jangbu.access.guard import rules_of
from jangbu.access.rules import FRESH_FOR, Role, Roles, Scoped, is_fresh
from jangbu.access.service.keys import create_api_key, list_api_keys
from jangbu.app import create
from kit import TESTER, House

NOW = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)
FRESH = {
    # whoever approves
    ("POST", "/console/refunds/{cancellation_id}/{decision}"),
    # who a person is, in full
    ("POST", "/api/identity/{verification_id}/reveal"),
    ("POST", "/console/identity/{verification_id}/reveal"),
    # keys, and the secrets and addresses of those who hear from us
    ("POST", "/console/keys"),
    ("POST", "/console/keys/{key_id}/revoke"),
    ("POST", "/console/keys/payers"),
    ("POST", "/console/keys/payers/{secret_id}/end"),
    ("POST", "/api/events/endpoints"),
    ("PATCH", "/api/events/endpoints/{endpoint_id}"),
    ("POST", "/api/events/endpoints/{endpoint_id}/rotate"),
    ("POST", "/console/events"),
    ("POST", "/console/events/endpoints/{endpoint_id}/rotate"),
    # people and their roles
    ("POST", "/api/access/people"),
    ("POST", "/api/access/people/{user_id}/link"),
    ("POST", "/console/people"),
    ("POST", "/console/people/{user_id}/in"),
    ("POST", "/console/people/{user_id}/link"),
    ("POST", "/console/people/{user_id}/out"),
    ("POST", "/console/people/{user_id}/role"),
    ("POST", "/console/people/{user_id}/sign-out"),
}
KEY_FORM = {"name": "쇼핑몰 <서버>", "scopes": ["payments:read", "books:read"], "store": "", "expires": ""}


@pytest.fixture
async def boss(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A Super Admin who signed in a moment ago."""
    async with at_the_console(house) as client:
        yield client


async def later(house: House, by: timedelta = FRESH_FOR) -> None:
    await house.portone.move(by)


def hidden(page: str) -> list[tuple[str, str]]:
    """What a page would send along."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return [(unescape(name), unescape(value)) for name, value in found]


async def sent(client: httpx.AsyncClient, path: str, fields: list[tuple[str, str]]) -> httpx.Response:
    """A form as a browser sends it."""
    body = httpx.QueryParams(fields).__str__()
    return await client.post(
        path, content=body, headers={"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN}
    )


def cookie_in(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def test_the_routes_that_want_it_are_these(house: House) -> None:
    rules = rules_of(create(house.wired))
    assert {at for at, rule in rules.items() if isinstance(rule, Scoped | Roles) and rule.fresh} == FRESH


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(0), True),
        (FRESH_FOR - timedelta(microseconds=1), True),
        (FRESH_FOR, False),
        (timedelta(seconds=-59), True),
        (timedelta(seconds=-61), False),
    ],
)
def test_a_sign_in_is_fresh_for_a_quarter_of_an_hour(age: timedelta, fresh: bool) -> None:
    assert is_fresh(NOW - age, NOW) is fresh


async def test_an_old_session_is_refused_on_each_of_them_and_does_nothing_there(
    house: House, boss: httpx.AsyncClient
) -> None:
    app = create(house.wired)
    assert set(rules_of(app)) >= FRESH
    await later(house)
    for method, path in sorted(FRESH):
        address = re.sub(r"\{[^}]+\}", "00000000-0000-0000-0000-000000000000", path)
        body = {"json": {}} if path.startswith("/api/") else {"data": KEY_FORM}
        answer = await boss.request(method, address, headers={"accept": "application/json"}, **body)  # type: ignore[arg-type]
        assert answer.status_code == 403, f"{method} {path}"
        assert answer.json()["error"]["code"] == "FRESH_SIGN_IN_NEEDED", f"{method} {path}"
    assert await list_api_keys(run=house.run) == []
    assert (await boss.get("/console/keys")).status_code == 200, "looking is not asked for again"


async def test_what_was_asked_goes_on_once_the_password_is_given(house: House, boss: httpx.AsyncClient) -> None:
    await later(house)
    old = boss.headers["cookie"]
    asked = await boss.post("/console/keys", data=KEY_FORM)
    assert asked.status_code == 403
    assert "super_admin@shop.example" in asked.text
    fields = hidden(asked.text)
    wrong = await sent(boss, "/console/again", [*fields, ("again.password", "보리차 세 병")])
    assert (wrong.status_code, hidden(wrong.text)) == (422, fields)
    assert "보리차 세 병" not in wrong.text
    right = await sent(boss, "/console/again", [*fields, ("again.password", PASSWORD)])
    assert (right.status_code, right.headers["location"]) == (307, "/console/keys")
    boss.headers["cookie"] = cookie_in(right)
    done = await sent(boss, "/console/keys", [*fields, ("again.password", PASSWORD)])
    assert done.status_code == 200 and "jbk_" in done.text and PASSWORD not in done.text
    (made,) = await list_api_keys(run=house.run)
    assert (made.name, made.scopes) == (KEY_FORM["name"], KEY_FORM["scopes"])
    # The session is another one: the old cookie is worth nothing any more.
    assert (await boss.get("/console/me", headers={"cookie": old, "accept": "*/*"})).status_code == 401


async def test_a_form_without_fields_goes_on_too(house: House, boss: httpx.AsyncClient) -> None:
    key, _ = await create_api_key("old", ["payments:read"], actor=TESTER, run=house.run)
    await later(house)
    asked = await boss.post(f"/console/keys/{key.id}/revoke")
    right = await sent(boss, "/console/again", [*hidden(asked.text), ("again.password", PASSWORD)])
    assert (right.status_code, right.headers["location"]) == (307, f"/console/keys/{key.id}/revoke")
    boss.headers["cookie"] = cookie_in(right)
    assert (await boss.post(right.headers["location"])).status_code == 303
    (now,) = await list_api_keys(run=house.run)
    assert now.revoked_at is not None


@pytest.mark.parametrize("to", ["//evil.example/", "https://evil.example/", "/api/portone/cancel", "/pay/x", ""])
async def test_it_goes_on_to_the_console_and_nowhere_else(boss: httpx.AsyncClient, to: str) -> None:
    fields = [("again.to", to), ("again.change", "1"), ("again.password", PASSWORD)]
    answer = await sent(boss, "/console/again", fields)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console")


async def test_guesses_are_counted_as_those_of_signing_in(house: House, boss: httpx.AsyncClient) -> None:
    for _ in range(10):
        wrong = await sent(boss, "/console/again", [("again.to", "/console/keys"), ("again.password", "아니오")])
        assert wrong.status_code == 422
    locked = await sent(boss, "/console/again", [("again.to", "/console/keys"), ("again.password", PASSWORD)])
    assert locked.status_code == 429 and int(locked.headers["retry-after"]) > 0
    assert "set-cookie" not in locked.headers


async def test_nobody_is_asked_who_is_not_signed_in_or_comes_from_elsewhere(
    house: House, boss: httpx.AsyncClient
) -> None:
    async with stranger(house) as nobody:
        assert (await sent(nobody, "/console/again", [("again.password", PASSWORD)])).status_code == 401
    elsewhere = await boss.post(
        "/console/again", data={"again.password": PASSWORD}, headers={"origin": "https://evil.example"}
    )
    assert elsewhere.status_code == 403 and "CROSS_SITE_REQUEST" in elsewhere.text


async def test_who_may_not_is_told_so_and_not_asked_for_a_password(house: House) -> None:
    async with at_the_console(house, Role.MANAGER) as manager:
        await later(house)
        answer = await manager.post("/console/keys", data=KEY_FORM)
        assert answer.status_code == 403 and "again.password" not in answer.text


async def test_a_key_has_no_password_and_passes_by_its_scope(house: House, boss: httpx.AsyncClient) -> None:
    scopes = ["identity:reveal", "events:manage"]
    _, key = await create_api_key("server", scopes, actor=TESTER, run=house.run)
    await later(house, timedelta(days=400))
    headers: dict[str, Any] = {"authorization": f"Bearer {key}", "accept": "application/json"}
    path = "/api/identity/00000000-0000-0000-0000-000000000000/reveal"
    answer = await boss.post(path, json={"reason": "why"}, headers=headers)
    assert answer.json()["error"]["code"] == "IDENTITY_NOT_FOUND"
