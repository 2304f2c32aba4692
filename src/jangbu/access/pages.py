"""Signing in to the console, and out of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.cookies import NAMES, SECURE_NAME, name_for, values_in
from jangbu.access.guard import CONSOLE, SIGN_IN, guard, request_id_of
from jangbu.access.origins import is_from_here
from jangbu.access.refusals import CrossSiteRequest, SignInBusy, SignInRefused, TooManySignIns
from jangbu.access.rules import EMAIL_LONGEST, SESSION_LIFE, Public, local_path
from jangbu.access.service.sessions import session_of, sign_in, sign_out
from jangbu.errors import Refusal
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.web.chrome import SignInPage

SIGN_OUT = "/console/sign-out"
HOME = "/console/payments"


Render = Callable[[Request, str, str, Refusal | None], Response]
"""Request, e-mail address as typed, where to go afterwards, what went wrong: the page."""
Address = Callable[[HTTPConnection], str]


def in_the_consoles_look(request: Request, email: str, wanted: str, problem: Refusal | None) -> Response:
    """The page by the `pages` that the web floor hangs on its application."""
    pages: Any = request.app.state.pages
    sentence = "" if problem is None else problem.sentence(pages.words(request).language)
    page = SignInPage(SIGN_IN, email, sentence, (("next", wanted),))
    response: Response = pages.page(request, "sign_in.html", page)
    return response


def peer(connection: HTTPConnection) -> str:
    """The caller's address: the peer's, or what a trusted proxy said (web/proxies.py)."""
    return connection.client.host if connection.client else ""


def routes(
    run: Runtime, *, render: Render = in_the_consoles_look, address: Address = peer, home: str = HOME
) -> APIRouter:
    """`/console`, `/console/sign-in` and `/console/sign-out`.

    Failed sign-ins are counted by `address`.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(CONSOLE, dependencies=[guard(Public("only says where the console begins"))])
    async def console() -> Response:
        return RedirectResponse(home, 303)

    @router.get(SIGN_IN, dependencies=[guard(Public("here people become known"))])
    async def sign_in_page(request: Request) -> Response:
        wanted = local_path(request.query_params.get("next", ""), otherwise=home)
        if await _is_signed_in(request):
            return RedirectResponse(wanted, 303)
        return render(request, "", wanted, None)

    @router.post(SIGN_IN, dependencies=[guard(Public("here people become known"))])
    async def sign_in_form(request: Request) -> Response:
        # Without this, another site could sign a browser in to the attacker's account and watch what is done there.
        _refuse_cross_site(request)
        async with request.form(max_files=0, max_fields=8) as form:
            email, password, wanted = (str(form.get(name, "")) for name in ("email", "password", "next"))
        wanted = local_path(wanted, otherwise=home)
        agent = request.headers.get("user-agent", "")
        try:
            _, value = await sign_in(
                email, password, address(request), agent, run=run, request_id=request_id_of(request)
            )
        except (SignInRefused, TooManySignIns, SignInBusy) as refusal:
            response = render(request, email[:EMAIL_LONGEST], wanted, refusal)
            response.status_code = refusal.http_status
            if not isinstance(refusal, SignInRefused):
                response.headers["retry-after"] = str(refusal.retry_after_s)
            return response
        for old in values_in(request.headers.getlist("cookie")):
            await sign_out(old, run=run, request_id=request_id_of(request))
        return with_session(RedirectResponse(wanted, 303), value, run.settings)

    @router.post(SIGN_OUT, dependencies=[guard(Public("it only ends the session of whoever sends it"))])
    async def sign_out_form(request: Request) -> Response:
        _refuse_cross_site(request)
        for value in values_in(request.headers.getlist("cookie")):
            await sign_out(value, run=run, request_id=request_id_of(request))
        response = RedirectResponse(SIGN_IN, 303)
        _forget_cookies(response, *NAMES)
        return response

    async def _is_signed_in(request: Request) -> bool:
        values = values_in(request.headers.getlist("cookie"))
        return len(values) == 1 and await session_of(values[0], run=run) is not None

    def _refuse_cross_site(request: Request) -> None:
        if not is_from_here(request, run.settings):
            raise CrossSiteRequest

    return router


def with_session(response: Response, value: str, settings: Settings) -> Response:
    """`response`, with which a browser is signed in by the session of this value."""
    mine = name_for(settings.url)
    _set_cookie(response, mine, value)
    # An old cookie under the other name would make every later request ambiguous.
    _forget_cookies(response, *(name for name in NAMES if name != mine))
    return response


def _set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=SESSION_LIFE // timedelta(seconds=1),
        path="/",
        secure=name == SECURE_NAME,
        httponly=True,
        samesite="lax",
    )


def _forget_cookies(response: Response, *names: str) -> None:
    for name in names:
        response.delete_cookie(name, path="/", secure=name == SECURE_NAME, httponly=True, samesite="lax")
