"""The console's event pages: endpoints, what was sent to each, and every try with its answer."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu import events
from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.errors import Refusal
from jangbu.outbox.announcements import TEST
from jangbu.outbox.delivery_store import Attempt, Backlog, Delivery
from jangbu.outbox.rules import SEQ_MAX, Endpoint
from jangbu.outbox.sender import Sender
from jangbu.outbox.service import endpoints, replay
from jangbu.periods import MomentUnreadable, moment
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Choice, Pager
from jangbu.web.cursors import number_of
from jangbu.web.listing import ONE_MORE, fitting, one_of, switch

HOME = "/console/events"
MANAGE = "events:manage"
_STATES = ("pending", "exhausted", "delivered")
_TONES = {"delivered": "good", "exhausted": "bad", "pending": "waiting"}

Reader = Annotated[Caller, guard(Scoped("events:read"))]
Manager = Annotated[Caller, guard(Scoped(MANAGE))]
FreshManager = Annotated[Caller, guard(Scoped(MANAGE, fresh=True))]
Seq = Annotated[int, Path(le=SEQ_MAX)]


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint in the list. `state` is a key of the catalogue's events.state."""

    href: str
    url: str
    description: str
    types: tuple[str, ...]
    state: str
    tone: str
    waiting: int
    given_up: int


@dataclass(frozen=True, slots=True)
class EventsPage:
    """All that events.html may use. `problem` is what was wrong with the form, whose fields are shown as they were."""

    rows: tuple[EndpointRow, ...]
    types: tuple[str, ...]
    may_manage: bool
    action: str
    problem: str = ""
    url: str = ""
    description: str = ""
    chosen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery in the log."""

    href: str
    seq: int
    type: str
    state: str
    tone: str
    tries: int
    outcome: str
    status: int | None
    at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointPage:
    """All that endpoint.html may use."""

    row: EndpointRow
    store: str
    created_at: datetime
    failing_since: datetime | None
    is_enabled: bool
    may_manage: bool
    rows: tuple[DeliveryRow, ...]
    states: tuple[Choice, ...]
    pager: Pager
    back_href: str
    secret: str = ""
    notice: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """All that delivery.html may use."""

    row: DeliveryRow
    event_id: str
    endpoint_url: str
    body: str
    attempts: tuple[Attempt, ...]
    may_manage: bool
    back_href: str


def routes(run: Runtime, sender: Sender) -> APIRouter:
    """`/console/events…`."""
    router = APIRouter(include_in_schema=False)
    _list_routes(router, run, sender)
    _endpoint_routes(router, run)
    _delivery_routes(router, run)
    return router


def _list_routes(router: APIRouter, run: Runtime, sender: Sender) -> None:
    @router.get(HOME)
    async def show(request: Request, caller: Reader) -> Response:
        return rendering.page(request, "events.html", await _events_page(caller, run))

    @router.post(HOME)
    async def add(request: Request, caller: FreshManager) -> Response:
        async with request.form(max_files=0, max_fields=60) as form:
            url, description = (str(form.get(name, "")).strip() for name in ("url", "description"))
            types = [str(one) for one in form.getlist("types")]
        t = rendering.words(request)
        try:
            made, secret = await endpoints.create(
                url, types=types, description=_one_line(description), actor=caller.actor, run=run, sender=sender
            )
        except Refusal as refusal:
            shown = await _events_page(
                caller, run, problem=refusal.sentence(t.language), url=url, description=description, types=types
            )
            return rendering.page(request, "events.html", shown, status=refusal.http_status)
        return await _endpoint(request, made.id, caller, run, secret=secret)


def _endpoint_routes(router: APIRouter, run: Runtime) -> None:
    one = HOME + "/endpoints/{endpoint_id}"

    @router.get(one)
    async def show(request: Request, endpoint_id: UUID, caller: Reader) -> Response:
        return await _endpoint(request, endpoint_id, caller, run)

    @router.post(one + "/test")
    async def test(endpoint_id: UUID, caller: Manager) -> Response:
        await endpoints.send_test(endpoint_id, actor=caller.actor, run=run)
        return RedirectResponse(f"{HOME}/endpoints/{endpoint_id}", 303)

    @router.post(one + "/enable")
    async def enable(endpoint_id: UUID, caller: Manager) -> Response:
        await endpoints.enable(endpoint_id, actor=caller.actor, run=run)
        return RedirectResponse(f"{HOME}/endpoints/{endpoint_id}", 303)

    @router.post(one + "/disable")
    async def disable(endpoint_id: UUID, caller: Manager) -> Response:
        await endpoints.disable(endpoint_id, actor=caller.actor, run=run)
        return RedirectResponse(f"{HOME}/endpoints/{endpoint_id}", 303)

    @router.post(one + "/remove")
    async def remove(endpoint_id: UUID, caller: Manager) -> Response:
        await endpoints.remove(endpoint_id, actor=caller.actor, run=run)
        return RedirectResponse(HOME, 303)

    @router.post(one + "/rotate")
    async def rotate(request: Request, endpoint_id: UUID, caller: FreshManager) -> Response:
        secret = await endpoints.rotate(endpoint_id, actor=caller.actor, run=run)
        return await _endpoint(request, endpoint_id, caller, run, secret=secret)

    @router.post(one + "/replay")
    async def replay_span(request: Request, endpoint_id: UUID, caller: Manager) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            first, last = (str(form.get(name, "")) for name in ("first", "last"))
            undelivered = "undelivered" in form
        t = rendering.words(request)
        try:
            since, until = _bound("first", first), _bound("last", last, is_end=True)
            sent = await replay.replay_span(
                endpoint_id, since=since, until=until, undelivered=undelivered, actor=caller.actor, run=run
            )
        except Refusal as refusal:
            if refusal.http_status == 404:
                raise
            return await _endpoint(request, endpoint_id, caller, run, problem=refusal.sentence(t.language))
        return await _endpoint(request, endpoint_id, caller, run, notice=t("events.replay.done", count=sent))


def _delivery_routes(router: APIRouter, run: Runtime) -> None:
    one = HOME + "/endpoints/{endpoint_id}/deliveries/{seq}"

    @router.get(one)
    async def show(request: Request, endpoint_id: UUID, seq: Seq, caller: Reader) -> Response:
        endpoint = await endpoints.find(endpoint_id, run=run)
        told = await replay.tell(endpoint_id, seq, run=run)
        shown = DeliveryPage(
            row=_delivery_row(told.delivery),
            event_id=str(told.event.id),
            endpoint_url=endpoint.shown_url,
            body=json.dumps(json.loads(told.body), ensure_ascii=False, indent=2),
            attempts=tuple(told.attempts),
            may_manage=MANAGE in caller.scopes,
            back_href=f"{HOME}/endpoints/{endpoint_id}",
        )
        return rendering.page(request, "delivery.html", shown)

    @router.post(one + "/replay")
    async def replay_one(endpoint_id: UUID, seq: Seq, caller: Manager) -> Response:
        told = await replay.tell(endpoint_id, seq, run=run)
        await replay.replay(told.event.id, endpoint_id, actor=caller.actor, run=run)
        return RedirectResponse(f"{HOME}/endpoints/{endpoint_id}/deliveries/{seq}", 303)


async def _events_page(
    caller: Caller,
    run: Runtime,
    *,
    problem: str = "",
    url: str = "",
    description: str = "",
    types: list[str] | None = None,
) -> EventsPage:
    found, backlog = await endpoints.every(run=run)
    return EventsPage(
        rows=tuple(_endpoint_row(one, backlog.get(one.id)) for one in found),
        types=tuple(kind.name for kind in events.declared() if kind.is_public and kind.name != TEST),
        may_manage=MANAGE in caller.scopes,
        action=HOME,
        problem=problem,
        url=url,
        description=description,
        chosen=frozenset(types or ()),
    )


async def _endpoint(
    request: Request,
    endpoint_id: UUID,
    caller: Caller,
    run: Runtime,
    *,
    secret: str = "",
    notice: str = "",
    problem: str = "",
) -> Response:
    rendering.stands_at(request, f"{HOME}/endpoints/{endpoint_id}")
    t, state = rendering.words(request), one_of(request, "state", _STATES)
    below = number_of(request.query_params.get("before", ""))
    endpoint = await endpoints.find(endpoint_id, run=run)
    _, backlog = await endpoints.every(run=run)
    found = await replay.deliveries(endpoint_id, before=below, state=state, most=ONE_MORE, run=run)
    rows, pager = fitting(request, found, lambda one: str(one.seq))
    shown = EndpointPage(
        row=_endpoint_row(endpoint, backlog.get(endpoint.id)),
        store=endpoint.store_id,
        created_at=endpoint.created_at,
        failing_since=endpoint.failing_since,
        is_enabled=endpoint.state == "enabled",
        may_manage=MANAGE in caller.scopes,
        rows=tuple(_delivery_row(one) for one in rows),
        states=switch(
            request, "state", _STATES, lambda one: t(f"events.delivery.{one}") if one else t("events.log.all")
        ),
        pager=pager,
        back_href=HOME,
        secret=secret,
        notice=notice,
        problem=problem,
    )
    return rendering.page(request, "endpoint.html", shown, status=422 if problem else 200)


def _endpoint_row(endpoint: Endpoint, backlog: Backlog | None) -> EndpointRow:
    state, tone = "enabled", "good"
    if endpoint.state != "enabled":
        state, tone = endpoint.disabled_reason, "neutral" if endpoint.disabled_reason == "by_hand" else "bad"
    elif endpoint.failing_since is not None:
        state, tone = "troubled", "waiting"
    return EndpointRow(
        href=f"{HOME}/endpoints/{endpoint.id}",
        url=endpoint.shown_url,
        description=endpoint.description,
        types=tuple(endpoint.types),
        state=state,
        tone=tone,
        waiting=backlog.pending if backlog else 0,
        given_up=backlog.exhausted if backlog else 0,
    )


def _delivery_row(delivery: Delivery) -> DeliveryRow:
    return DeliveryRow(
        href=f"{HOME}/endpoints/{delivery.endpoint_id}/deliveries/{delivery.seq}",
        seq=delivery.seq,
        type=delivery.type,
        state=delivery.state,
        tone=_TONES.get(delivery.state, "neutral"),
        tries=delivery.tries,
        outcome=delivery.last_outcome,
        status=delivery.last_status,
        at=delivery.tried_at or delivery.created_at,
        due_at=delivery.due_at if delivery.tries else None,
    )


def _bound(field: str, text: str, *, is_end: bool = False) -> datetime:
    """A day in Seoul, as a form's date field writes it, and as `moment` reads it; but it must be there."""
    at = moment(text, field, is_end=is_end)
    if at is None:
        raise MomentUnreadable(field=field)
    return at


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200]
