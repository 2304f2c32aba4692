"""The console's page of staff: invited, given roles, let out, given a link for a new password."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu.access import people_store
from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Role, Scoped, refuse_giving_more, role_of, scopes_of
from jangbu.access.service import links, staff
from jangbu.access.service.links import Made
from jangbu.access.store import Staff
from jangbu.clock import seoul
from jangbu.errors import Refusal
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.texts import Words

PEOPLE = "/console/people"
_DONE = ("role", "out", "in", "sign_out")

Boss = Annotated[Caller, guard(Scoped("staff:manage"))]
FreshBoss = Annotated[Caller, guard(Scoped("staff:manage", fresh=True))]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A member of staff in the list. `state` is a key of the catalogue's people.state."""

    href: str
    name: str
    email: str
    role: str
    state: str
    tone: str
    sessions: int
    since: datetime
    is_you: bool
    is_active: bool
    has_password: bool
    may_change: bool


@dataclass(frozen=True, slots=True)
class LinkShown:
    """A link that was just made."""

    heading: str
    url: str
    explained: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """All that people.html may use."""

    rows: tuple[PersonRow, ...]
    roles: tuple[str, ...]
    action: str
    made: LinkShown | None = None
    notice: str = ""
    problem: str = ""
    email: str = ""
    name: str = ""
    role: str = Role.SUPPORT.value


def routes(run: Runtime) -> APIRouter:
    """`/console/people…`."""
    router = APIRouter(include_in_schema=False)
    _list_routes(router, run)
    _person_routes(router, run)
    return router


def _list_routes(router: APIRouter, run: Runtime) -> None:
    @router.get(PEOPLE)
    async def show(request: Request, caller: Boss) -> Response:
        done = request.query_params.get("done", "")
        t = rendering.words(request)
        return await _page(request, caller, run, notice=t(f"people.done.{done}") if done in _DONE else "")

    @router.post(PEOPLE)
    async def invite(request: Request, caller: FreshBoss) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            email, name, role = (str(form.get(field, "")) for field in ("email", "name", "role"))
        try:
            made = await links.invite(email, name, role, actor=caller.actor, by=caller.role, run=run)
        except Refusal as refusal:
            return await _page(request, caller, run, refusal=refusal, email=email, name=name, role=role)
        return await _page(request, caller, run, made=made)


def _person_routes(router: APIRouter, run: Runtime) -> None:
    one = PEOPLE + "/{user_id}"

    @router.post(one + "/role")
    async def role(request: Request, user_id: UUID, caller: FreshBoss) -> Response:
        async with request.form(max_files=0, max_fields=4) as form:
            wanted = str(form.get("role", ""))
        return await _changed(request, user_id, caller, "role", run, role=wanted)

    @router.post(one + "/out")
    async def let_out(request: Request, user_id: UUID, caller: FreshBoss) -> Response:
        return await _changed(request, user_id, caller, "out", run, is_active=False)

    @router.post(one + "/in")
    async def let_in(request: Request, user_id: UUID, caller: FreshBoss) -> Response:
        return await _changed(request, user_id, caller, "in", run, is_active=True)

    @router.post(one + "/sign-out")
    async def sign_out(user_id: UUID, caller: FreshBoss) -> Response:
        await staff.sign_out_everywhere(str(user_id), by=caller.role, actor=caller.actor, run=run)
        return RedirectResponse(f"{PEOPLE}?done=sign_out", 303)

    @router.post(one + "/link")
    async def link(request: Request, user_id: UUID, caller: FreshBoss) -> Response:
        made = await links.link_for(str(user_id), actor=caller.actor, by=caller.role, run=run)
        return await _page(request, caller, run, made=made)


async def _changed(
    request: Request,
    user_id: UUID,
    caller: Caller,
    done: str,
    run: Runtime,
    *,
    role: str | None = None,
    is_active: bool | None = None,
) -> Response:
    try:
        await staff.change_admin(
            str(user_id), role=role, is_active=is_active, by=caller.role, actor=caller.actor, run=run
        )
    except Refusal as refusal:
        if refusal.http_status == 404:
            raise
        return await _page(request, caller, run, refusal=refusal)
    return RedirectResponse(f"{PEOPLE}?done={done}", 303)


async def _page(
    request: Request,
    caller: Caller,
    run: Runtime,
    *,
    made: Made | None = None,
    notice: str = "",
    refusal: Refusal | None = None,
    email: str = "",
    name: str = "",
    role: str = Role.SUPPORT.value,
) -> Response:
    rendering.stands_at(request, PEOPLE)
    t = rendering.words(request)
    everybody = await staff.list_staff(run=run)
    async with run.db.transaction() as tx:
        running = await people_store.session_counts(tx, run.clock.now())
    shown = PeoplePage(
        rows=tuple(_row(one, running.get(one.user_id, 0), caller) for one in everybody),
        roles=tuple(each.value for each in Role if scopes_of(each) <= caller.scopes),
        action=PEOPLE,
        made=None if made is None else _shown(made, t),
        notice=notice,
        problem=rendering.problem(request, refusal),
        email=email,
        name=name,
        role=role,
    )
    return rendering.page(request, "people.html", shown, refusal=refusal)


def _shown(made: Made, t: Words) -> LinkShown:
    explained = t("people.link.explained", until=seoul(made.expires_at)[:16])
    return LinkShown(t(f"people.link.made.{made.purpose}", email=made.email), made.url, explained)


def _row(person: Staff, sessions: int, caller: Caller) -> PersonRow:
    state, tone = "active", "good"
    if not person.is_active or person.status != "Active":
        state, tone = "out", "neutral"
    elif not person.has_password:
        state, tone = "invited", "waiting"
    return PersonRow(
        href=f"{PEOPLE}/{person.user_id}",
        name=person.name,
        email=person.email,
        role=person.role,
        state=state,
        tone=tone,
        sessions=sessions,
        since=person.created_at,
        is_you=person.user_id == caller.user_id,
        is_active=person.is_active,
        has_password=person.has_password,
        may_change=_may_change(person, caller),
    )


def _may_change(person: Staff, caller: Caller) -> bool:
    role = role_of(person.role)
    try:
        if role is not None:
            refuse_giving_more(role, caller.role)
    except Refusal:
        return False
    return True
