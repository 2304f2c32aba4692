"""Every route declares its rule, or the program does not start."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route

from jangbu.access.guard import Caller, Undeclared, declare, guard, refuse_undeclared, rules_of
from jangbu.access.rules import SCOPES, Known, Public, Role, Roles, Scoped, Signed
from jangbu.errors import SetupProblem

Call = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def endpoint(_: Request) -> Response:
    return PlainTextResponse("")


def test_rules_of_names_every_route_of_every_kind() -> None:
    app = FastAPI(openapi_url=None)
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")

    @inner.get("/one")
    async def one(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> None: ...

    @inner.api_route("/two", methods=["PUT", "DELETE"], dependencies=[guard(Roles(Role.MANAGER, Role.SUPER_ADMIN))])
    async def two() -> None: ...

    inner.routes.append(declare(Route("/plain", endpoint, methods=["POST"]), Signed("by PortOne")))
    outer.include_router(inner)
    guarded_as_a_whole = APIRouter(prefix="/all", dependencies=[guard(Known("a test"))])

    @guarded_as_a_whole.get("/three")
    async def three() -> None: ...

    def deep(caller: Annotated[Caller, guard(Scoped("books:read"))]) -> str:
        return caller.name

    @app.get("/deep")
    async def four(_: Annotated[str, Depends(deep)]) -> None: ...

    @app.websocket("/live")
    async def five(_: WebSocket, caller: Annotated[Caller, guard(Scoped("webhooks:read"))]) -> None: ...

    app.include_router(outer)
    app.include_router(guarded_as_a_whole)
    app.router.routes += [
        declare(Route("/health", endpoint), Public("monitors")),
        Mount(
            "/sub",
            routes=[declare(Route("/x", endpoint), Public("x")), Mount("/deeper", routes=[Route("/y", endpoint)])],
        ),
        declare(Mount("/files", app=PlainTextResponse("")), Public("files")),
        declare(Mount("/shelf", routes=[Route("/z", endpoint)]), Public("shelf")),
        Host("api.example", app=FastAPI(openapi_url=None)),
    ]
    assert {key: str(rule) for key, rule in rules_of(app).items()} == {
        ("GET", "/outer/inner/one"): "scope payments:read",
        ("PUT", "/outer/inner/two"): "role Super Admin or Manager",
        ("DELETE", "/outer/inner/two"): "role Super Admin or Manager",
        # FastAPI gives a router's own prefix only to what is added by its decorators.
        ("POST", "/outer/plain"): "signed: by PortOne",
        ("GET", "/all/three"): "known caller: a test",
        ("GET", "/deep"): "scope books:read",
        ("WEBSOCKET", "/live"): "scope webhooks:read",
        ("GET", "/health"): "public: monitors",
        ("GET", "/sub/x"): "public: x",
        ("GET", "/sub/deeper/y"): "None",
        ("*", "/files"): "public: files",
        ("GET", "/shelf/z"): "public: shelf",
        ("*", "/"): "None",
    }


def undeclared_api_route(app: FastAPI) -> None:
    @app.post("/api/forgotten")
    async def forgotten() -> None: ...


def undeclared_included(app: FastAPI) -> None:
    router = APIRouter(prefix="/api")

    @router.post("/forgotten")
    async def forgotten() -> None: ...

    app.include_router(router)


class UnheardOf(BaseRoute):
    pass


UNDECLARED: list[Callable[[FastAPI], Any]] = [
    undeclared_api_route,
    undeclared_included,
    lambda app: app.router.routes.append(Route("/api/forgotten", endpoint)),
    lambda app: app.router.routes.append(Mount("/api/forgotten", app=PlainTextResponse(""))),
    lambda app: app.mount("/api/forgotten", FastAPI()),
    lambda app: app.add_api_websocket_route("/api/forgotten", endpoint),
    lambda app: app.router.routes.append(UnheardOf()),
]


def test_a_route_without_a_rule_stops_the_program(office: Any) -> None:
    for add in UNDECLARED:
        app = office.app()
        refuse_undeclared(app)
        add(app)
        with pytest.raises(Undeclared, match="No rule says"):
            refuse_undeclared(app)


def test_a_second_route_of_the_same_name_is_not_hidden_by_the_first(office: Any) -> None:
    app = office.app()
    app.router.routes.append(Route("/console/sign-in", endpoint))
    with pytest.raises(Undeclared, match="GET /console/sign-in"):
        refuse_undeclared(app)


def test_a_route_with_two_rules_stops_the_program(office: Any) -> None:
    app = office.app()

    @app.get("/both", dependencies=[guard(Public("a mistake"))])
    async def both(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> None: ...

    with pytest.raises(Undeclared, match="/both declares 2 rules"):
        refuse_undeclared(app)


def test_a_program_without_a_gate_does_not_start() -> None:
    app = FastAPI(openapi_url=None)
    app.router.routes.append(declare(Route("/health", endpoint), Public("monitors")))
    with pytest.raises(Undeclared, match="install"):
        refuse_undeclared(app)


async def test_a_guard_without_a_gate_lets_nobody_in(call: Call) -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/x")
    async def x(caller: Annotated[Caller, guard(Known("a test"))]) -> None: ...

    async with call(app) as client:
        with pytest.raises(AttributeError):
            await client.get("/x")


def test_declaring_a_rule_that_somebody_must_be_checked_against_is_refused() -> None:
    with pytest.raises(AssertionError, match="use guard"):
        declare(Route("/x", endpoint), Scoped("payments:read"))  # type: ignore[type-var]


def test_cookies_of_a_shared_database_need_a_secret_of_the_operators(office: Any) -> None:
    with pytest.raises(SetupProblem, match="BETTER_AUTH_SECRET"):
        office.app(database_url="postgresql://somewhere/else")


def test_every_scope_can_be_declared() -> None:
    assert [guard(Scoped(name)).dependency.rule.scope for name in SCOPES] == list(SCOPES)
