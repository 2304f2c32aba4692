"""What a declared rule does at the door, and that nothing is left undeclared."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import PlainTextResponse, Response

from jangbu.access.cookies import PLAIN_NAME, SECURE_NAME, signed
from jangbu.access.guard import Caller, guard, install
from jangbu.access.rules import Public, Role, Roles, Scoped
from jangbu.access.secret import signing_secret
from jangbu.access.service.keys import create_api_key, revoke_api_key
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import change_admin, create_admin
from jangbu.audit import Actor

Call = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
TESTER = Actor("test")
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
OWN = "http://127.0.0.1:8080"


async def show(caller: Caller) -> dict[str, Any]:
    return {"actor": caller.actor.name, "scopes": sorted(caller.scopes), "role": caller.role}


def guarded(office: Any, **settings: Any) -> FastAPI:
    """An application with a route per kind of rule, besides the pages of access."""
    app: FastAPI = office.app(**settings)
    router = APIRouter()

    @router.get("/api/read")
    @router.post("/api/read")
    async def read(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> dict[str, Any]:
        return await show(caller)

    @router.post("/api/create")
    async def create(caller: Annotated[Caller, guard(Scoped("payments:create"))]) -> dict[str, Any]:
        return await show(caller)

    @router.get("/api/books")
    async def books(caller: Annotated[Caller, guard(Scoped("books:read"))]) -> dict[str, Any]:
        return await show(caller)

    @router.get("/api/admins")
    async def admins(caller: Annotated[Caller, guard(Roles(Role.SUPER_ADMIN, Role.MANAGER))]) -> dict[str, Any]:
        return await show(caller)

    @router.get("/api/open", dependencies=[guard(Public("a test"))])
    async def opened() -> dict[str, Any]:
        return {}

    @router.get("/console/secret")
    async def page(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> Response:
        return PlainTextResponse(caller.name)

    @router.post("/console/change")
    async def change(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> Response:
        return PlainTextResponse(caller.name)

    app.include_router(router)
    return app


async def key_for(office: Any, *scopes: str) -> str:
    _, secret = await create_api_key("shop", scopes, actor=TESTER, run=office.run)
    return secret


def bearer(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


def cookie(value: str, name: str = PLAIN_NAME) -> dict[str, str]:
    return {"cookie": f"{name}={value}"}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_key_opens_its_scopes_and_nothing_else(office: Any, call: Call) -> None:
    secret = await key_for(office, "payments:read")
    async with call(guarded(office)) as client:
        answer = await client.get("/api/read", headers=bearer(secret))
        assert answer.status_code == 200
        assert answer.json()["scopes"] == ["payments:read"]
        assert answer.json()["actor"].startswith("key:")
        assert code(await client.post("/api/create", headers=bearer(secret))) == (403, "FORBIDDEN")
        assert code(await client.get("/api/admins", headers=bearer(secret))) == (403, "FORBIDDEN")
        assert (await client.get("/api/read", headers={"authorization": f"bEARER  {secret}"})).status_code == 200


async def test_a_key_needs_no_origin_and_is_not_a_page(office: Any, call: Call) -> None:
    secret = await key_for(office, "payments:create")
    async with call(guarded(office)) as client:
        evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert (await client.post("/api/create", headers=bearer(secret) | evil)).status_code == 200


async def test_without_a_credential_nobody_passes(office: Any, call: Call) -> None:
    async with call(guarded(office)) as client:
        for method, path in (
            ("GET", "/api/read"),
            ("POST", "/api/create"),
            ("GET", "/api/admins"),
            ("GET", "/api/access/me"),
        ):
            assert code(await client.request(method, path)) == (401, "UNAUTHORIZED")
        assert (await client.get("/api/open")).status_code == 200


WRONG_AUTHORIZATIONS = [
    "",
    "Bearer",
    "Bearer ",
    "Basic a2ltOnB3",
    f"Bearer jbk_abcdefgh_{'x' * 43}",
    "Bearer x y",
    "jbk_x",
    "Bearer \xff",
]


async def test_a_wrong_authorization_is_refused_even_beside_a_good_cookie(office: Any, call: Call) -> None:
    good = cookie(await office.cookie())
    async with call(guarded(office)) as client:
        assert (await client.get("/api/read", headers=good)).status_code == 200
        for value in WRONG_AUTHORIZATIONS:
            headers = [(b"authorization", value.encode("latin-1")), (b"cookie", good["cookie"].encode())]
            assert code(await client.get("/api/read", headers=headers)) == (401, "UNAUTHORIZED"), value


async def test_two_authorizations_are_refused(office: Any, call: Call) -> None:
    secret = await key_for(office, "payments:read")
    async with call(guarded(office)) as client:
        twice = [("authorization", f"Bearer {secret}")] * 2
        assert code(await client.get("/api/read", headers=twice)) == (401, "UNAUTHORIZED")


async def test_a_key_in_the_address_or_in_a_cookie_opens_nothing(office: Any, call: Call) -> None:
    secret = await key_for(office, "payments:read")
    async with call(guarded(office)) as client:
        assert code(await client.get(f"/api/read?api_key={secret}&access_token={secret}")) == (401, "UNAUTHORIZED")
        assert code(await client.get("/api/read", headers=cookie(secret))) == (401, "UNAUTHORIZED")


async def test_a_revoked_key_and_an_expired_one_are_answered_alike(office: Any, call: Call) -> None:
    revoked = await key_for(office, "payments:read")
    await revoke_api_key(revoked[:12], actor=TESTER, run=office.run)
    _, expired = await create_api_key(
        "shop", ["payments:read"], None, office.clock.now() + timedelta(seconds=1), actor=TESTER, run=office.run
    )
    office.clock.move(timedelta(seconds=1))
    async with call(guarded(office)) as client:
        answers = {(await client.get("/api/read", headers=bearer(one))).text for one in (revoked, expired, "jbk_x")}
    assert answers == {'{"error":{"code":"UNAUTHORIZED"}}'}


async def test_a_session_opens_as_cookie_under_either_name_and_as_signed_bearer(office: Any, call: Call) -> None:
    session, value = await sign_in(EMAIL, PASSWORD, "", "tests", run=office.run)
    async with call(guarded(office)) as client:
        for headers in (cookie(value), cookie(value, SECURE_NAME), bearer(value), bearer(value.replace("%3D", "="))):
            answer = await client.get("/api/books", headers=headers)
            assert answer.status_code == 200
            assert answer.json()["actor"] == f"user:{session.user_id}"


async def test_a_raw_or_forged_token_opens_nothing(office: Any, call: Call) -> None:
    session, value = await sign_in(EMAIL, PASSWORD, "", "tests", run=office.run)
    forged = signed(session.token, signing_secret(office.run.settings) + "x")
    async with call(guarded(office)) as client:
        for wrong in (session.token, f"{session.token}.", forged, value[:-4], ""):
            assert code(await client.get("/api/read", headers=bearer(wrong))) == (401, "UNAUTHORIZED")
            assert code(await client.get("/api/read", headers=cookie(wrong))) == (401, "UNAUTHORIZED")


async def test_two_session_cookies_are_refused_even_when_both_are_good(office: Any, call: Call) -> None:
    value = await office.cookie()
    async with call(guarded(office)) as client:
        for both in (f"{PLAIN_NAME}={value}; {SECURE_NAME}={value}", f"{PLAIN_NAME}={value}; {PLAIN_NAME}={value}"):
            assert code(await client.get("/api/read", headers={"cookie": both})) == (401, "UNAUTHORIZED")
        apart = [("cookie", f"{PLAIN_NAME}={value}"), ("cookie", f"{PLAIN_NAME}=other")]
        assert code(await client.get("/api/read", headers=apart)) == (401, "UNAUTHORIZED")


async def test_who_was_demoted_or_let_out_is_refused_at_the_next_request(office: Any, call: Call) -> None:
    await create_admin("lee@shop.example", "이실장", PASSWORD, "Manager", actor=TESTER, run=office.run)
    lee = cookie(await office.cookie("lee@shop.example"))
    async with call(guarded(office)) as client:
        assert (await client.get("/api/books", headers=lee)).status_code == 200
        await change_admin("lee@shop.example", role="Support", actor=TESTER, run=office.run)
        assert code(await client.get("/api/books", headers=lee)) == (403, "FORBIDDEN")
        assert (await client.get("/api/read", headers=lee)).status_code == 200
        await change_admin("lee@shop.example", is_active=False, actor=TESTER, run=office.run)
        assert code(await client.get("/api/read", headers=lee)) == (403, "FORBIDDEN")


async def test_no_session_may_state_a_price_however_high_its_role(office: Any, call: Call) -> None:
    headers = cookie(await office.cookie()) | {"origin": OWN}
    async with call(guarded(office)) as client:
        assert code(await client.post("/api/create", headers=headers)) == (403, "FORBIDDEN")


ALLOWED = "https://shop.example"
CROSS_SITE = [
    # Origin, Sec-Fetch-Site, under /api/?, elsewhere?
    (OWN, None, True, True),
    (OWN, "same-origin", True, True),
    ("http://localhost:8080", None, True, True),
    ("http://[::1]:8080", None, True, True),
    (None, "same-origin", True, True),
    ("null", "same-origin", True, True),
    (ALLOWED, None, True, False),
    (ALLOWED, "cross-site", True, False),
    (None, None, False, False),
    (None, "same-site", False, False),
    (None, "cross-site", False, False),
    (None, "none", False, False),
    ("null", None, False, False),
    ("", None, False, False),
    ("https://evil.example", None, False, False),
    ("https://evil.example", "cross-site", False, False),
    ("http://127.0.0.1", None, False, False),
    ("http://127.0.0.1:8081", "same-site", False, False),
    ("https://127.0.0.1:8080", None, False, False),
    (f"{OWN}.evil.example", None, False, False),
    (f"{OWN}/", None, False, False),
    (OWN.upper(), None, False, False),
    (f"{ALLOWED}.evil.example", None, False, False),
]


async def test_a_change_with_a_cookie_must_come_from_us(office: Any, call: Call) -> None:
    mine = cookie(await office.cookie())
    wrong: list[str] = []
    async with call(guarded(office, allowed_origins=ALLOWED)) as client:
        for origin, site, api, console in CROSS_SITE:
            headers = dict(mine)
            headers |= {} if origin is None else {"origin": origin}
            headers |= {} if site is None else {"sec-fetch-site": site}
            for path, passes in (("/api/read", api), ("/console/change", console)):
                answer = await client.post(path, headers=headers)
                right = answer.status_code == 200 if passes else code(answer) == (403, "CROSS_SITE_REQUEST")
                if not right:
                    wrong.append(f"{origin} {site} {path}: {answer.status_code}")
            if (await client.get("/api/read", headers=headers)).status_code != 200:
                wrong.append(f"{origin} {site}: looking is harmless")
    assert wrong == []


async def test_a_public_address_is_the_only_one_of_our_own(office: Any, call: Call) -> None:
    headers = cookie(await office.cookie())
    async with call(guarded(office, public_url="https://pay.shop.example/")) as client:
        for origin, passes in (
            ("https://pay.shop.example", True),
            ("http://pay.shop.example", False),
            ("https://pay.shop.example:443", False),
            (OWN, False),
        ):
            answer = await client.post("/console/change", headers=headers | {"origin": origin})
            assert (answer.status_code == 200) is passes, origin


async def test_two_origins_are_none(office: Any, call: Call) -> None:
    value = await office.cookie()
    async with call(guarded(office)) as client:
        headers = [("cookie", f"{PLAIN_NAME}={value}"), ("origin", OWN), ("origin", OWN)]
        assert code(await client.post("/console/change", headers=headers)) == (403, "CROSS_SITE_REQUEST")


async def test_a_signed_out_reader_is_led_to_the_sign_in_and_back(office: Any, call: Call) -> None:
    html = {"accept": "text/html,application/xhtml+xml"}
    async with call(guarded(office)) as client:
        answer = await client.get("/console/secret?q=%EA%B9%80&x=1", headers=html)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/console/sign-in?next=/console/secret%3Fq%3D%25EA%25B9%2580%26x%3D1"
        page = await client.get(answer.headers["location"], headers=html)
        assert "next=/console/secret?q=%EA%B9%80&x=1" in page.text
        assert code(await client.get("/console/secret")) == (401, "UNAUTHORIZED")
        assert code(await client.post("/console/change", headers=html)) == (401, "UNAUTHORIZED")
        assert code(await client.get("/api/read", headers=html)) == (401, "UNAUTHORIZED")


async def test_whoever_is_signed_in_is_greeted_and_keys_are_not(office: Any, call: Call) -> None:
    greeted: list[str] = []
    app = guarded(office)
    install(app, office.run, greet=lambda _, caller: greeted.append(caller.name))
    secret = await key_for(office, "payments:read")
    async with call(app) as client:
        await client.get("/api/read", headers=bearer(secret))
        assert greeted == []
        await client.get("/api/read", headers=cookie(await office.cookie()))
    assert greeted == ["김장부"]


async def test_callers_can_ask_who_they_are(office: Any, call: Call) -> None:
    _, secret = await create_api_key("shop", ["payments:read"], "store-1", actor=TESTER, run=office.run)
    async with call(guarded(office)) as client:
        mine = (await client.get("/api/access/me", headers=bearer(secret))).json()
        assert mine["data"]["name"] == "shop"
        assert mine["data"]["scopes"] == ["payments:read"]
        assert mine["data"]["storeId"] == "store-1"
        assert mine["timestamp"] == "2026-08-01T03:00:00.000Z"
        person = (await client.get("/api/access/me", headers=cookie(await office.cookie()))).json()
        assert person["data"]["role"] == "Super Admin"


def test_the_description_of_the_api_says_which_routes_want_a_key(office: Any) -> None:
    app = guarded(office)
    described = get_openapi(title="x", version="1", routes=app.routes)
    assert described["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert described["paths"]["/api/create"]["post"]["security"] == [{"apiKey": []}]
    assert "security" not in described["paths"]["/api/open"]["get"]
    assert "connection" not in str(described)
