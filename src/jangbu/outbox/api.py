"""The feed, and where events are sent: `/api/events…`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from jangbu import events
from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import instant
from jangbu.outbox.delivery_store import Attempt, Backlog, Delivery
from jangbu.outbox.refusals import EventStoreRefused
from jangbu.outbox.rules import ROTATION_H_DEFAULT, ROTATION_H_MAX, SEQ_MAX, URL_CHARACTERS_MAX, Endpoint
from jangbu.outbox.sender import Sender
from jangbu.outbox.service import endpoints, feed, replay
from jangbu.runtime import Runtime
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok
from jangbu.web.errors import InvalidRequest

PAGE_MAX = 500
State = Literal["", "pending", "delivered", "exhausted", "cancelled"]
Reader = Annotated[Caller, guard(Scoped("events:read"))]
Manager = Annotated[Caller, guard(Scoped("events:manage"))]
FreshManager = Annotated[Caller, guard(Scoped("events:manage", fresh=True))]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="How many at most.")]
Position = Annotated[int, Query(ge=0, le=SEQ_MAX, description="The `next` of the page before; 0 is the beginning.")]


_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_Url = Annotated[
    str, Field(min_length=1, max_length=URL_CHARACTERS_MAX, examples=["https://shop.example/hooks/jangbu"])
]
_Types = Annotated[list[str], Field(max_length=50, description="Empty: every type.", examples=[["payment.paid"]])]
_Description = Annotated[str, Field(max_length=200, pattern=_PRINTABLE, description="For people.")]
_Secret = Annotated[
    str | None, Field(min_length=1, max_length=200, description="Your own, `whsec_…`; left out, one is made.")
]


class EndpointBody(Body):
    """Where to send what."""

    url: _Url
    description: _Description = ""
    types: _Types = Field(default_factory=list)
    store_id: str | None = Field(
        default=None, max_length=200, pattern=_PRINTABLE, description="Only this store's events."
    )
    secret: _Secret = None


class ChangeBody(Body):
    """What to change; what is left out stays."""

    url: _Url | None = None
    description: _Description | None = None
    types: _Types | None = None
    version: int | None = Field(default=None, description="The version you saw: refused if it changed since.")


class RotateBody(Body):
    """How to replace the secret."""

    keep_hours: int = Field(
        default=ROTATION_H_DEFAULT, ge=0, le=ROTATION_H_MAX, description="How long the old secret signs beside the new."
    )
    secret: _Secret = None


class ReplayBody(Body):
    """Whom to send one event again. Nobody named: every endpoint that it was owed to."""

    endpoint_id: str | None = Field(default=None, min_length=36, max_length=36)


class SpanBody(Body):
    """What to send again, by the time it happened."""

    since: str = Field(description="RFC 3339, inclusive.", examples=["2026-08-01T00:00:00+09:00"])
    until: str = Field(description="RFC 3339, exclusive.", examples=["2026-08-02T00:00:00+09:00"])
    undelivered: bool = Field(default=False, description="Only what the endpoint has not received.")


def routes(run: Runtime, sender: Sender) -> APIRouter:
    """The feed's routes and the endpoints'."""
    router = APIRouter(prefix="/api/events", tags=["events"])
    _feed(router, run)
    _endpoints(router, run, sender)
    _deliveries(router, run)
    # Last, because every other path here would look like an event's id to it.
    _one_event(router, run)
    return router


def _feed(router: APIRouter, run: Runtime) -> None:
    @router.get("", summary="Events after a position, in order")
    async def read(
        caller: Reader,
        after: Position = 0,
        limit: Limit = 100,
        type: Annotated[str, Query(max_length=100, description="Only this type.")] = "",  # noqa: A002 (its name on the wire)
    ) -> Response:
        """Keep `next` beside what you made of the events, and ask again with `after=next`: nothing is ever skipped."""
        page = await feed.read(after=after, most=limit, type_=type, store_id=caller.store_id or "", run=run)
        shown = [feed.view(event, mode=run.settings.mode) for event in page.events]
        return ok({"events": shown, "next": page.next, "hasMore": page.has_more}, clock=run.clock)

    @router.get("/types", summary="Every type of event there is")
    async def types(caller: Reader) -> Response:  # noqa: ARG001 (the guard is the point)
        """With its version, what it means, and an example of its data."""
        shown = [
            {"type": kind.name, "version": kind.version, "ko": kind.ko, "en": kind.en, "example": kind.example}
            for kind in events.declared()
            if kind.is_public
        ]
        return ok({"types": shown}, clock=run.clock)


def _one_event(router: APIRouter, run: Runtime) -> None:
    @router.get("/{event_id}", summary="One event, and how it was delivered")
    async def show(event_id: UUID, caller: Reader) -> Response:
        """The event as it stands in the feed, with its deliveries."""
        event, deliveries = await feed.find(event_id, store_id=caller.store_id or "", run=run)
        shown = feed.view(event, mode=run.settings.mode)
        return ok(shown | {"deliveries": [delivery_view(one) for one in deliveries]}, clock=run.clock)

    @router.post("/{event_id}/replay", summary="Send one event again")
    async def replay_event(event_id: UUID, body: ReplayBody, caller: Manager) -> Response:
        """The same event under the same `webhook-id`, as new tries."""
        to = None if body.endpoint_id is None else _uuid("endpointId", body.endpoint_id)
        sent = await replay.replay(event_id, to, store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok({"endpoints": sent}, clock=run.clock)


def _endpoints(router: APIRouter, run: Runtime, sender: Sender) -> None:
    @router.get("/endpoints", summary="Where events are sent")
    async def list_endpoints(caller: Reader) -> Response:
        """Every endpoint, with what waits there."""
        found, backlog = await endpoints.every(store_id=caller.store_id or "", run=run)
        return ok({"endpoints": [endpoint_view(one, caller, backlog.get(one.id)) for one in found]}, clock=run.clock)

    @router.post("/endpoints", status_code=201, summary="Send events to an address")
    async def create(body: EndpointBody, caller: FreshManager) -> Response:
        """From now on. The answer's `secret` verifies the signatures; it is shown this once."""
        if caller.store_id is not None and body.store_id not in (None, caller.store_id):
            raise EventStoreRefused
        made, secret = await endpoints.create(
            body.url,
            types=body.types,
            description=body.description,
            store_id=body.store_id or caller.store_id or "",
            secret=body.secret or "",
            actor=caller.actor,
            run=run,
            sender=sender,
        )
        return ok(endpoint_view(made, caller) | {"secret": secret}, status=201, clock=run.clock)

    @router.get("/endpoints/{endpoint_id}", summary="One endpoint")
    async def show(endpoint_id: UUID, caller: Reader) -> Response:
        """Without its secret, which nobody can see again."""
        one = await endpoints.find(endpoint_id, store_id=caller.store_id or "", run=run)
        _, backlog = await endpoints.every(run=run)
        return ok(endpoint_view(one, caller, backlog.get(one.id)), clock=run.clock)

    @router.patch("/endpoints/{endpoint_id}", summary="Change an endpoint")
    async def change(endpoint_id: UUID, body: ChangeBody, caller: FreshManager) -> Response:
        """For whatever is sent from now on."""
        changed = await endpoints.change(
            endpoint_id,
            url=body.url,
            description=body.description,
            types=body.types,
            version=body.version,
            store_id=caller.store_id or "",
            actor=caller.actor,
            run=run,
            sender=sender,
        )
        return ok(endpoint_view(changed, caller), clock=run.clock)

    @router.delete("/endpoints/{endpoint_id}", summary="Send nothing there any more")
    async def remove(endpoint_id: UUID, caller: Manager) -> Response:
        """For good; what waits is not sent either. The log stays."""
        await endpoints.remove(endpoint_id, store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok({"removed": True}, clock=run.clock)

    @router.post("/endpoints/{endpoint_id}/rotate", summary="Replace the signing secret")
    async def rotate(endpoint_id: UUID, body: RotateBody, caller: FreshManager) -> Response:
        """Both sign for `keepHours`, so that your receiver can change over in its own time."""
        secret = await endpoints.rotate(
            endpoint_id,
            keep_h=body.keep_hours,
            secret=body.secret or "",
            store_id=caller.store_id or "",
            actor=caller.actor,
            run=run,
        )
        return ok({"secret": secret, "keepHours": body.keep_hours}, clock=run.clock)

    @router.post("/endpoints/{endpoint_id}/test", status_code=202, summary="Send a test event to one endpoint")
    async def test(endpoint_id: UUID, caller: Manager) -> Response:
        """By the way every event takes; look at its delivery a moment later."""
        event_id = await endpoints.send_test(endpoint_id, store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok({"eventId": str(event_id)}, status=202, clock=run.clock)

    @router.post("/endpoints/{endpoint_id}/enable", summary="Switch an endpoint on again")
    async def enable(endpoint_id: UUID, caller: Manager) -> Response:
        """It goes on where it stopped."""
        one = await endpoints.enable(endpoint_id, store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok(endpoint_view(one, caller), clock=run.clock)

    @router.post("/endpoints/{endpoint_id}/disable", summary="Switch an endpoint off for a while")
    async def disable(endpoint_id: UUID, caller: Manager) -> Response:
        """Nothing is forgotten meanwhile."""
        one = await endpoints.disable(endpoint_id, store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok(endpoint_view(one, caller), clock=run.clock)


def _deliveries(router: APIRouter, run: Runtime) -> None:
    @router.get("/endpoints/{endpoint_id}/deliveries", summary="What was sent to an endpoint")
    async def deliveries(
        endpoint_id: UUID,
        caller: Reader,
        state: State = "",
        before: Annotated[int | None, Query(ge=1, le=SEQ_MAX, description="Only below this `seq`.")] = None,
        limit: Limit = 100,
    ) -> Response:
        """The latest first."""
        await endpoints.find(endpoint_id, store_id=caller.store_id or "", run=run)
        found = await replay.deliveries(endpoint_id, before=before, state=state, most=limit, run=run)
        return ok({"deliveries": [delivery_view(one) for one in found]}, clock=run.clock)

    @router.get("/endpoints/{endpoint_id}/deliveries/{seq}", summary="One delivery, with every try")
    async def delivery(endpoint_id: UUID, seq: Annotated[int, Path(le=SEQ_MAX)], caller: Reader) -> Response:
        """With the body as it is sent, and the beginning of each answer."""
        await endpoints.find(endpoint_id, store_id=caller.store_id or "", run=run)
        told = await replay.tell(endpoint_id, seq, run=run)
        shown = delivery_view(told.delivery) | {
            "body": told.body.decode(),
            "attempts": [attempt_view(one) for one in told.attempts],
        }
        return ok(shown, clock=run.clock)

    @router.post("/endpoints/{endpoint_id}/replay", summary="Send a stretch of time again")
    async def replay_span(endpoint_id: UUID, body: SpanBody, caller: Manager) -> Response:
        """What this endpoint wants of it, also from before it was made."""
        sent = await replay.replay_span(
            endpoint_id,
            since=_moment("since", body.since),
            until=_moment("until", body.until),
            undelivered=body.undelivered,
            store_id=caller.store_id or "",
            actor=caller.actor,
            run=run,
        )
        return ok({"events": sent}, clock=run.clock)


def endpoint_view(endpoint: Endpoint, caller: Caller, backlog: Backlog | None = None) -> dict[str, Any]:
    """An endpoint as the caller may see it: a token in its URL's query is for those who manage it."""
    return {
        "id": endpoint.id,
        "url": endpoint.url if "events:manage" in caller.scopes else endpoint.shown_url,
        "description": endpoint.description,
        "types": endpoint.types,
        "storeId": endpoint.store_id or None,
        "enabled": endpoint.state == "enabled",
        "disabledReason": endpoint.disabled_reason,
        "disabledAt": endpoint.disabled_at,
        "failingSince": endpoint.failing_since,
        "pending": backlog.pending if backlog else 0,
        "exhausted": backlog.exhausted if backlog else 0,
        "version": endpoint.version,
        "createdAt": endpoint.created_at,
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """A delivery without its tries."""
    return {
        "endpointId": delivery.endpoint_id,
        "eventId": delivery.event_id,
        "seq": delivery.seq,
        "type": delivery.type,
        "state": delivery.state,
        "tries": delivery.tries,
        "replays": delivery.replays,
        "dueAt": delivery.due_at,
        "triedAt": delivery.tried_at,
        "deliveredAt": delivery.delivered_at,
        "lastOutcome": delivery.last_outcome,
        "lastStatus": delivery.last_status,
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """One try."""
    return {
        "startedAt": attempt.started_at,
        "tookMs": attempt.took_ms,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "answer": attempt.answer,
    }


def _moment(field: str, text: str) -> datetime:
    try:
        return instant(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(details=[{"field": field, "problem": "not a time with an offset (RFC 3339)"}]) from None


def _uuid(field: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(details=[{"field": field, "problem": "not an id"}]) from None
