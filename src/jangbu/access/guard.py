"""The door side of access: a route declares its rule, and nobody passes without it.

    caller: Annotated[Caller, guard(Scoped("payments:create"))]     a FastAPI route
    declare(Route("/health", health), Public("monitors"))           a plain route that needs nobody to be known
    install(app, run); refuse_undeclared(app)                       the program, once everything is mounted

One resolver reads every credential (requirements X4): an Authorization header; only where there is none, the cookie.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from jangbu.access.caller import Caller, nobody
from jangbu.access.cookies import values_in
from jangbu.access.origins import changes_something, is_from_here
from jangbu.access.payer_tokens import looks_like_one
from jangbu.access.refusals import CrossSiteRequest, Forbidden, SignInAgain, Unauthorized
from jangbu.access.rules import (
    Held,
    Known,
    Payers,
    Public,
    Roles,
    Rule,
    Scoped,
    Signed,
    is_fresh,
    may_pass,
    place_of,
    welcomes_payers,
)
from jangbu.access.secret import refuse_without_secret
from jangbu.access.service import limits
from jangbu.access.service.keys import authenticate_key
from jangbu.access.service.payers import authenticate_payer
from jangbu.access.service.sessions import session_of
from jangbu.runtime import Runtime
from jangbu.sight import blind, see

__all__ = ["Caller", "Undeclared", "declare", "guard", "install", "refuse_undeclared", "request_id_of", "rules_of"]

API = "/api/"
CONSOLE = "/console"
SIGN_IN = "/console/sign-in"
KEY_START = "jbk_"

_RULE = "__jangbu_rule__"
_GATE = "jangbu_gate"

log = structlog.get_logger()
Declared = TypeVar("Declared", bound=BaseRoute | Callable[..., Any])
Greet = Callable[[HTTPConnection, Caller], None]


class Undeclared(Exception):  # noqa: N818 (what it says is what is wrong)
    """A route without a rule, or with two. A mistake in the program, found when it starts."""


@dataclass(frozen=True, slots=True)
class _Gate:
    """What a guard needs of the program it stands in."""

    run: Runtime
    greet: Greet | None


def install(app: FastAPI, run: Runtime, *, greet: Greet | None = None) -> None:
    """Let the guards of `app` work. `greet` is told who is signed in, for the page that answers.

    Raises SetupProblem when nothing says what session cookies are signed with.
    """
    refuse_without_secret(run.settings)
    setattr(app.state, _GATE, _Gate(run, greet))
    app.add_middleware(_BeginsBlind)


def guard(rule: Rule) -> Any:
    """A FastAPI dependency that gives the `Caller`.

    It refuses with Unauthorized, Forbidden, CrossSiteRequest, SignInAgain, TooManyRequests.
    """
    return Depends(_BearerGuard(rule) if isinstance(rule, Scoped | Known | Payers) else _Guard(rule))


def declare(what: Declared, rule: Public | Signed) -> Declared:
    """Say that a plain route, a mount or an endpoint needs nobody to be known, and give it back."""
    # A rule that somebody must be checked against is only ever declared by the guard that checks it.
    assert isinstance(rule, Public | Signed), "use guard(): declare() checks nobody"
    setattr(what, _RULE, rule)
    return what


def rules_of(app: FastAPI) -> dict[tuple[str, str], Rule | None]:
    """Every (method, path) with its rule, in mounts too; None where there is none. The first of equal routes counts."""
    found: dict[tuple[str, str], Rule | None] = {}
    for method, path, rule in _declared_in(app.routes):
        found.setdefault((method, path), rule)
    return found


def refuse_undeclared(app: FastAPI) -> None:
    """Raise Undeclared unless every route has a rule and somebody enforces them."""
    missing = [f"{method} {path}" for method, path, rule in _declared_in(app.routes) if rule is None]
    if missing:
        raise Undeclared(
            f"No rule says who may call {', '.join(missing)}. Add guard(…) to the route, or declare(route, Public(…))."
        )
    if not hasattr(app.state, _GATE):
        raise Undeclared("Call access.guard.install(app, run): without it no guard of this program knows anybody.")


def request_id_of(connection: HTTPConnection) -> str:
    """The id that the web floor gave this request, for the audit log; "" outside of it."""
    found: str = connection.scope.get("jangbu.request_id", "")
    return found


class _BeginsBlind:
    """Each request sees no store's rows before it is known who calls (jangbu.sight)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with blind():
            await self._app(scope, receive, send)


class _Guard:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    async def __call__(self, connection: HTTPConnection) -> Caller:
        if isinstance(self.rule, Held):
            see(None)
        gate: _Gate = getattr(connection.app.state, _GATE)
        if isinstance(self.rule, Public | Signed) and not _brings_a_payers_token(connection, self.rule):
            await _count(connection, self.rule, None, gate.run)
            return nobody(request_id_of(connection))
        try:
            caller = await resolve(connection, gate.run)
        except Unauthorized:
            await _count(connection, self.rule, None, gate.run)
            raise
        await _count(connection, self.rule, caller, gate.run)
        if caller is None:
            raise _sign_in_first(connection)
        if caller.customer_id is not None:
            if not welcomes_payers(self.rule):
                log.info("access.forbidden", actor=caller.actor.name, needed=str(self.rule))
                raise Forbidden(needed=str(self.rule))
            see(caller.store_id, caller.customer_id)
            return caller
        if caller.user_id is not None and gate.greet is not None:
            gate.greet(connection, caller)
        if caller.store_id is not None and _is_console(connection):
            # The console is for people and shows every store; a key of one store is to see no other.
            log.info("access.forbidden", actor=caller.actor.name, needed="every store")
            raise Forbidden(needed="every store")
        if not may_pass(self.rule, scopes=caller.scopes, role=caller.role):
            log.info("access.forbidden", actor=caller.actor.name, needed=str(self.rule))
            raise Forbidden(needed=str(self.rule))
        if _is_stale(self.rule, caller, gate.run):
            log.info("access.sign_in_again", actor=caller.actor.name, needed=str(self.rule))
            raise SignInAgain
        see(caller.store_id)
        return caller


class _BearerGuard(_Guard, SecurityBase):
    """The same, and shown in the API's description as a route that wants a key."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.model = HTTPBearer(description="An API key, `jbk_…`; where the route says so, a payer's token.")
        self.scheme_name = "apiKey"


async def resolve(connection: HTTPConnection, run: Runtime) -> Caller | None:
    """Whoever the request's one credential stands for; None when it has none or a wrong one.

    Raises CrossSiteRequest for a change sent with a cookie from elsewhere, Unauthorized for a wrong API key.
    """
    headers = connection.headers.getlist("authorization")
    if headers:
        # A caller who names a credential means that one: never fall back to a cookie that happens to be there.
        return await _bearer(headers, run, request_id_of(connection))
    values = values_in(connection.headers.getlist("cookie"))
    if len(values) != 1:
        # Two session cookies are two stories, and whoever could plant one would choose which we believe (F115).
        if values:
            log.info("access.session_refused", why="several cookies")
        return None
    caller = await session_of(values[0], run=run, request_id=request_id_of(connection))
    if caller is not None and changes_something(connection) and not is_from_here(connection, run.settings):
        log.info("access.cross_site", actor=caller.actor.name, origin=connection.headers.get("origin", "")[:200])
        raise CrossSiteRequest
    return caller


async def _bearer(headers: Sequence[str], run: Runtime, request_id: str) -> Caller | None:
    scheme, _, credential = headers[0].partition(" ")
    credential = credential.strip()
    if len(headers) != 1 or scheme.lower() != "bearer" or not credential:
        return None
    if credential.startswith(KEY_START):
        return await authenticate_key(credential, run=run, request_id=request_id)
    if looks_like_one(credential):
        return await authenticate_payer(credential, run=run, request_id=request_id)
    return await session_of(credential, run=run, request_id=request_id)


async def _count(connection: HTTPConnection, rule: Rule, caller: Caller | None, run: Runtime) -> None:
    """Raise TooManyRequests for one too many to the API, or with a secret that might be guessed (reliability F123).

    Whoever is known is counted by who they are, route by route: many may sit behind one address. Of those who are not,
    payers who hold an id of theirs share their address's wide bound, and all others its narrow one. PortOne's own
    webhooks do not come through here.
    """
    path: str = connection.scope["path"]
    if not (path.startswith(API) or isinstance(rule, Held)):
        return
    if caller is not None:
        route = getattr(connection.scope.get("route"), "path", path)
        subject = f"{caller.store_id or ''} {caller.actor.name} {connection.scope.get('method', '')} {route}"
        await limits.take(subject, run.settings.caller_limit, run=run)
        return
    place = place_of(connection.client.host if connection.client else "")
    if isinstance(rule, Held):
        await limits.take(f"holder {place}", run.settings.caller_limit, run=run)
    else:
        await limits.take(f"stranger {place}", run.settings.stranger_limit, run=run)


def _brings_a_payers_token(connection: HTTPConnection, rule: Rule) -> bool:
    """Whether a token stands beside the secret that would open this by itself. Other credentials do not matter here."""
    headers = connection.headers.getlist("authorization") if welcomes_payers(rule) else []
    return any(looks_like_one(header.partition(" ")[2].strip()) for header in headers)


def _is_stale(rule: Rule, caller: Caller, run: Runtime) -> bool:
    """Whether a person would do by an old session what wants a fresh one (reliability F131)."""
    if not isinstance(rule, Scoped | Roles) or not rule.fresh or caller.user_id is None:
        return False
    return caller.signed_in_at is None or not is_fresh(caller.signed_in_at, run.clock.now())


def _is_console(connection: HTTPConnection) -> bool:
    path: str = connection.scope["path"]
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")


def _sign_in_first(connection: HTTPConnection) -> Exception:
    # From the request line and never from `connection.url`, which is put together with the caller's Host header.
    path, query = connection.scope["path"], connection.scope["query_string"].decode("latin-1")
    looks = connection.scope["type"] == "http" and connection.scope["method"] == "GET"
    if looks and path.startswith(CONSOLE) and "text/html" in connection.headers.get("accept", ""):
        wanted = f"{path}?{query}" if query else path
        return HTTPException(303, headers={"location": f"{SIGN_IN}?next={quote(wanted, safe='/')}"})
    return Unauthorized()


def _declared_in(
    routes: Sequence[BaseRoute], prefix: str = "", above: Rule | None = None
) -> Iterator[tuple[str, str, Rule | None]]:
    """Every method, path and rule. A kind of route that we do not know comes out without a rule, and so is refused."""
    for context in iter_route_contexts(routes):
        route = context.original_route
        path = prefix + (context.path or "")
        rule = _rule_of(context, path) or above
        inside: Sequence[BaseRoute] = getattr(context, "routes", None) or ()
        if isinstance(route, Mount | Host) and inside:
            yield from _declared_in(inside, path, rule)
            continue
        for method in _methods_of(context):
            yield method, path or "/", rule


def _rule_of(context: RouteContext, path: str) -> Rule | None:
    found: set[Rule] = set()
    for holder in (context.original_route, getattr(context, "endpoint", None)):
        declared = getattr(holder, _RULE, None)
        if declared is not None:
            found.add(declared)
    dependant: Dependant | None = getattr(context, "dependant", None)
    if dependant is not None:
        found.update(one.rule for one in _guards_in(dependant))
    if len(found) > 1:
        raise Undeclared(f"{path} declares {len(found)} rules: {', '.join(sorted(str(rule) for rule in found))}.")
    return next(iter(found), None)


def _guards_in(dependant: Dependant) -> Iterator[_Guard]:
    call: Callable[..., Awaitable[Any]] | None = dependant.call
    if isinstance(call, _Guard):
        yield call
    for inner in dependant.dependencies:
        yield from _guards_in(inner)


def _methods_of(context: RouteContext) -> list[str]:
    if isinstance(context.original_route, WebSocketRoute):
        return ["WEBSOCKET"]
    methods = set(getattr(context, "methods", None) or {"*"})
    # HEAD comes with GET and runs the same endpoint.
    return sorted(methods - {"HEAD"} if "GET" in methods else methods)
