"""Asking a signed-in person for their password again, and going on with what they had asked for (reliability F131).

A guard refuses with SignInAgain before the route has done anything. What was sent waits in the page that asks, and goes
on by a 307, with which the browser sends the same form to the first address again. Nothing of it is kept here.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu.access import cookies
from jangbu.access.guard import CONSOLE, Caller, guard, request_id_of, resolve
from jangbu.access.pages import Address, peer, with_session
from jangbu.access.refusals import PasswordWrong, SignInAgain, SignInBusy, SignInRefused, TooManySignIns
from jangbu.access.rules import Role, Roles, local_path
from jangbu.access.service import own
from jangbu.access.service.sessions import sign_in, sign_out
from jangbu.errors import Refusal
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.errors import wants_page

AGAIN = "/console/again"
PASSWORD, TO, CHANGE = OURS = ("again.password", "again.to", "again.change")
"""Names that no form of the console has, because what was asked for comes along under its own."""
FIELDS_MAX = 200

Person = Annotated[Caller, guard(Roles(*Role))]


@dataclass(frozen=True, slots=True)
class AgainPage:
    """All that again.html may use. `fields` is what was asked for, and where."""

    action: str
    email: str
    fields: tuple[tuple[str, str], ...]
    problem: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What waits: an address of the console; whether something was sent there, and what."""

    to: str
    is_change: bool
    fields: tuple[tuple[str, str], ...]


def install(app: FastAPI, run: Runtime) -> None:
    """Let pages of `app` that want a fresh sign-in ask for the password; programs are told by the refusal itself."""

    async def ask(request: Request, refusal: Exception) -> Response:
        caller = await resolve(request, run) if wants_page(request) else None
        if caller is None:
            answer: Any = app.exception_handlers[Refusal]
            told: Response = await answer(request, refusal)
            return told
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
        asked = _Asked(f"{path}?{query}" if query else path, request.method == "POST", ())
        if asked.is_change:
            async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
                asked = replace(asked, fields=_fields(form))
        return await _page(request, caller, run, asked, status=SignInAgain.http_status)

    app.add_exception_handler(SignInAgain, ask)


def routes(run: Runtime, *, address: Address = peer) -> APIRouter:
    """`/console/again`."""
    router = APIRouter(include_in_schema=False)

    @router.get(AGAIN)
    async def nothing_waits(caller: Person) -> Response:  # noqa: ARG001 (the guard is the point)
        # What waited stood in the page that asked; whoever comes by its address alone has nothing to go on with.
        return RedirectResponse(CONSOLE, 303)

    @router.post(AGAIN)
    async def again(request: Request, caller: Person) -> Response:
        async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
            password, to = (str(form.get(name, "")) for name in (PASSWORD, TO))
            asked = _Asked(_in_the_console(to), CHANGE in form, _fields(form))
        person, _ = await own.about(caller, run=run)
        agent = request.headers.get("user-agent", "")
        try:
            _, value = await sign_in(
                person.email, password, address(request), agent, run=run, request_id=request_id_of(request)
            )
        except (SignInRefused, TooManySignIns, SignInBusy) as refusal:
            problem = PasswordWrong() if isinstance(refusal, SignInRefused) else refusal
            response = await _page(request, caller, run, asked, problem=problem, status=problem.http_status)
            if not isinstance(problem, PasswordWrong):
                response.headers["retry-after"] = str(problem.retry_after_s)
            return response
        # As after any sign-in, the session is a new one: who may have learnt the old cookie has learnt nothing.
        for old in cookies.values_in(request.headers.getlist("cookie")):
            await sign_out(old, run=run, request_id=request_id_of(request))
        # 307: the browser sends the very same form once more, to where it was meant for.
        return with_session(RedirectResponse(asked.to, 307 if asked.is_change else 303), value, run.settings)

    return router


async def _page(
    request: Request, caller: Caller, run: Runtime, asked: _Asked, *, status: int, problem: Refusal | None = None
) -> Response:
    person, _ = await own.about(caller, run=run)
    shown = AgainPage(
        action=AGAIN,
        email=person.email,
        fields=((TO, asked.to), *([(CHANGE, "1")] if asked.is_change else []), *asked.fields),
        problem="" if problem is None else problem.sentence(rendering.words(request).language),
    )
    return rendering.page(request, "again.html", shown, status=status)


def _fields(form: FormData) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in form.multi_items() if isinstance(value, str) and name not in OURS)


def _in_the_console(wanted: str) -> str:
    path = local_path(wanted, otherwise=CONSOLE)
    return path if path.startswith(f"{CONSOLE}/") else CONSOLE
