"""A person's own page, and the page that a one-time link leads to."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import SIGN_IN, Caller, guard, request_id_of
from jangbu.access.origins import is_from_here
from jangbu.access.people_store import OwnSession
from jangbu.access.refusals import CrossSiteRequest, PasswordsDiffer, PersonUnknown
from jangbu.access.rules import PASSWORD_LONGEST, PASSWORD_SHORTEST, Public, Role, Roles
from jangbu.access.service import links, own
from jangbu.errors import Refusal
from jangbu.runtime import Runtime
from jangbu.web import rendering

ME = "/console/me"
_DONE = ("password", "session")
Person = Annotated[Caller, guard(Roles(*Role))]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One place where a person is signed in."""

    session: OwnSession
    is_this: bool
    end_href: str


@dataclass(frozen=True, slots=True)
class MePage:
    """All that me.html may use."""

    name: str
    email: str
    role: str
    sessions: tuple[SessionRow, ...]
    action: str
    shortest: int
    longest: int
    notice: str
    problem: str


@dataclass(frozen=True, slots=True)
class LinkPage:
    """All that link.html may use."""

    name: str
    email: str
    action: str
    shortest: int
    longest: int
    problem: str


def routes(run: Runtime) -> APIRouter:
    """`/console/me…` and `/console/link/{token}`."""
    router = APIRouter(include_in_schema=False)
    _own_routes(router, run)
    _link_routes(router, run)
    return router


def _own_routes(router: APIRouter, run: Runtime) -> None:
    @router.get(ME)
    async def show(request: Request, caller: Person) -> Response:
        return await _me(request, caller, run)

    @router.post(ME + "/password")
    async def password(request: Request, caller: Person) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            present, new, again = (str(form.get(field, "")) for field in ("present", "new", "again"))
        try:
            if new != again:
                raise PasswordsDiffer
            await own.change_password(caller, present, new, run=run)
        except Refusal as refusal:
            return await _me(request, caller, run, refusal)
        return RedirectResponse(f"{ME}?done=password", 303)

    @router.post(ME + "/sessions/end-others")
    async def end_others(caller: Person) -> Response:
        await own.end_other_sessions(caller, run=run)
        return RedirectResponse(f"{ME}?done=session", 303)

    @router.post(ME + "/sessions/{session_id}/end")
    async def end(session_id: UUID, caller: Person) -> Response:
        await own.end_session(caller, session_id, run=run)
        return RedirectResponse(f"{ME}?done=session", 303)


def _link_routes(router: APIRouter, run: Runtime) -> None:
    one = links.PATH + "{token}"

    @router.get(one, dependencies=[guard(Public("whoever has the link is the one it was handed to"))])
    async def show(request: Request, token: str) -> Response:
        return await _link(request, token, run)

    @router.post(one, dependencies=[guard(Public("whoever has the link is the one it was handed to"))])
    async def choose(request: Request, token: str) -> Response:
        if not is_from_here(request, run.settings):
            raise CrossSiteRequest
        async with request.form(max_files=0, max_fields=8) as form:
            new, again = (str(form.get(field, "")) for field in ("new", "again"))
        try:
            if new != again:
                raise PasswordsDiffer
            await links.use(token, new, run=run, request_id=request_id_of(request))
        except Refusal as refusal:
            if refusal.http_status == 410:
                raise
            return await _link(request, token, run, refusal)
        return RedirectResponse(SIGN_IN, 303)


async def _me(request: Request, caller: Caller, run: Runtime, refusal: Refusal | None = None) -> Response:
    t, done = rendering.words(request), request.query_params.get("done", "")
    if caller.role is None:
        raise PersonUnknown
    rendering.stands_at(request, ME)
    person, sessions = await own.about(caller, run=run)
    shown = MePage(
        name=person.name,
        email=person.email,
        role=caller.role.value,
        sessions=tuple(SessionRow(one, one.id == caller.session_id, f"{ME}/sessions/{one.id}/end") for one in sessions),
        action=ME,
        shortest=PASSWORD_SHORTEST,
        longest=PASSWORD_LONGEST,
        notice=t(f"me.done.{done}") if done in _DONE and refusal is None else "",
        problem=rendering.problem(request, refusal),
    )
    return rendering.page(request, "me.html", shown, refusal=refusal)


async def _link(request: Request, token: str, run: Runtime, refusal: Refusal | None = None) -> Response:
    found = await links.look(token, run=run)
    shown = LinkPage(
        name=found.name,
        email=found.email,
        action=f"{links.PATH}{token}",
        shortest=PASSWORD_SHORTEST,
        longest=PASSWORD_LONGEST,
        problem=rendering.problem(request, refusal),
    )
    return rendering.page(request, "link.html", shown, refusal=refusal)
