"""Signing in to the console with a browser, and the ways it must not go."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from jangbu.access.cookies import PLAIN_NAME, SECURE_NAME
from jangbu.access.service.sessions import session_of

Call = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
OWN = {"origin": "http://127.0.0.1:8080"}
FORM = {"email": EMAIL, "password": PASSWORD}


def set_cookies(answer: httpx.Response) -> dict[str, str]:
    """Name → the whole Set-Cookie line."""
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def value_of(line: str) -> str:
    return line.partition("=")[2].partition(";")[0]


async def test_signing_in_gives_better_auths_cookie_and_leads_on(office: Any, call: Call) -> None:
    async with call(office.app()) as client:
        answer = await client.post("/console/sign-in", data=FORM | {"next": "/console/x?y=1"}, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/x?y=1")
    cookies = set_cookies(answer)
    attributes = {part.strip().lower() for part in cookies[PLAIN_NAME].split(";")[1:]}
    assert attributes == {"max-age=604800", "path=/", "httponly", "samesite=lax"}
    caller = await session_of(value_of(cookies[PLAIN_NAME]), run=office.run)
    assert caller is not None
    assert caller.name == "김장부"
    assert "max-age=0" in cookies[SECURE_NAME].lower(), "an old cookie of the other name goes"


async def test_over_https_the_cookie_is_secure_and_says_so_in_its_name(office: Any, call: Call) -> None:
    url = "https://pay.shop.example"
    async with call(office.app(public_url=url), url) as client:
        cookies = set_cookies(await client.post("/console/sign-in", data=FORM, headers={"origin": url}))
    attributes = {part.strip().lower() for part in cookies[SECURE_NAME].split(";")[1:]}
    assert attributes == {"max-age=604800", "path=/", "httponly", "samesite=lax", "secure"}
    assert "max-age=0" in cookies[PLAIN_NAME].lower()


async def test_a_wrong_password_shows_the_form_again_without_it(office: Any, call: Call) -> None:
    async with call(office.app()) as client:
        answer = await client.post(
            "/console/sign-in", data={"email": EMAIL, "password": "wrong password", "next": "/console/x"}, headers=OWN
        )
    assert answer.status_code == 401
    assert "problem=SIGN_IN_REFUSED" in answer.text
    assert f"email={EMAIL}" in answer.text
    assert "next=/console/x" in answer.text
    assert "wrong password" not in answer.text
    assert set_cookies(answer) == {}


async def test_too_many_failures_say_when_to_come_back(
    office: Any, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashlib.scrypt", lambda *_, **__: bytes(64))
    async with call(office.app()) as client:
        for _ in range(10):
            wrong = {"email": "lee@shop.example", "password": "x"}
            assert (await client.post("/console/sign-in", data=wrong, headers=OWN)).status_code == 401
        answer = await client.post("/console/sign-in", data=FORM, headers=OWN)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert "problem=TOO_MANY_SIGN_INS" in answer.text


ELSEWHERE = [
    "",
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/x//evil.example",
    "console",
]


async def test_signing_in_never_leads_to_another_site(office: Any, call: Call) -> None:
    async with call(office.app()) as client:
        for wanted in ELSEWHERE:
            page = await client.get("/console/sign-in", params={"next": wanted})
            assert "next=/console/payments\n" in page.text, wanted
            answer = await client.post("/console/sign-in", data=FORM | {"next": wanted}, headers=OWN)
            assert answer.headers["location"] == "/console/payments", wanted
            signed_in = {"cookie": f"{PLAIN_NAME}={value_of(set_cookies(answer)[PLAIN_NAME])}"}
            again = await client.get("/console/sign-in", params={"next": wanted}, headers=signed_in)
            assert (again.status_code, again.headers["location"]) == (303, "/console/payments"), wanted
            client.cookies.clear()


async def test_another_site_can_neither_sign_a_browser_in_nor_out(office: Any, call: Call) -> None:
    value = await office.cookie()
    mine = {"cookie": f"{PLAIN_NAME}={value}"}
    async with call(office.app()) as client:
        for headers in ({}, {"origin": "https://evil.example"}, {"origin": "http://localhost:3000"}):
            answer = await client.post("/console/sign-in", data=FORM, headers=headers)
            assert (answer.status_code, set_cookies(answer)) == (403, {})
            answer = await client.post("/console/sign-out", headers=headers | mine)
            assert (answer.status_code, set_cookies(answer)) == (403, {})
    assert await session_of(value, run=office.run) is not None


async def test_signing_out_ends_the_session_and_takes_both_cookies(office: Any, call: Call) -> None:
    value = await office.cookie()
    async with call(office.app()) as client:
        for _ in range(2):
            answer = await client.post("/console/sign-out", headers=OWN | {"cookie": f"{PLAIN_NAME}={value}"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
            assert all("max-age=0" in line.lower() for line in set_cookies(answer).values())
            assert set(set_cookies(answer)) == {PLAIN_NAME, SECURE_NAME}
            assert await session_of(value, run=office.run) is None


async def test_signing_in_again_ends_the_session_before(office: Any, call: Call) -> None:
    before = await office.cookie()
    async with call(office.app()) as client:
        answer = await client.post("/console/sign-in", data=FORM, headers=OWN | {"cookie": f"{PLAIN_NAME}={before}"})
    assert await session_of(before, run=office.run) is None
    assert await session_of(value_of(set_cookies(answer)[PLAIN_NAME]), run=office.run) is not None


async def test_ambiguous_cookies_are_cured_by_signing_in(office: Any, call: Call) -> None:
    value = await office.cookie()
    both = {"cookie": f"{PLAIN_NAME}={value}; {SECURE_NAME}=old"}
    async with call(office.app()) as client:
        assert "sign in" in (await client.get("/console/sign-in", headers=both)).text
        answer = await client.post("/console/sign-in", data=FORM, headers=OWN | both)
        assert answer.status_code == 303
        assert "max-age=0" in set_cookies(answer)[SECURE_NAME].lower()


async def test_the_console_begins_where_the_program_says(office: Any, call: Call) -> None:
    async with call(office.app()) as client:
        answer = await client.get("/console")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/payments")


async def test_nonsense_in_the_form_is_refused_calmly(office: Any, call: Call) -> None:
    async with call(office.app()) as client:
        for body in (b"", b"email=%00&password=%ff", b"email", b"\xff\xfe", b"a=1&" * 9):
            headers = OWN | {"content-type": "application/x-www-form-urlencoded"}
            answer = await client.post("/console/sign-in", content=body, headers=headers)
            assert answer.status_code in (400, 401)
        answer = await client.post("/console/sign-in", json=FORM, headers=OWN)
        assert answer.status_code == 401
        answer = await client.post("/console/sign-in", files={"email": ("a.txt", b"x")}, headers=OWN)
        assert answer.status_code == 400
