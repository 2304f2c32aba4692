"""The webhook log for programs: `/api/webhooks…` (requirements B15)."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import instant
from jangbu.inbox import log
from jangbu.inbox.log import BEGINNING, END, Told, Wanted
from jangbu.inbox.log_store import Row, Try, Whole
from jangbu.inbox.rules import shown_body
from jangbu.runtime import Runtime
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.envelope import ok
from jangbu.web.errors import InvalidRequest

PAGE_MAX = 200
Status = Literal["", "received", "processed", "failed", "skipped"]
Reader = Annotated[Caller, guard(Scoped("webhooks:read"))]
Replayer = Annotated[Caller, guard(Scoped("webhooks:replay"))]


def routes(run: Runtime) -> APIRouter:
    """`/api/webhooks…`. A key of one store sees that store's webhooks alone."""
    router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

    @router.get("", summary="What PortOne told us, the latest first")
    async def list_(
        caller: Reader,
        status: Status = "",
        type: Annotated[str, Query(max_length=100, description="Only this type.")] = "",  # noqa: A002 (its name on the wire)
        payment: Annotated[
            str, Query(max_length=320, description="A payment's id, PortOne's paymentId, or a webhook-id; whole.")
        ] = "",
        since: Annotated[str, Query(max_length=40, description="Received then or later (RFC 3339).")] = "",
        until: Annotated[str, Query(max_length=40, description="Received before then (RFC 3339).")] = "",
        before: Annotated[str, Query(max_length=100, description="The `next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="How many at most.")] = 50,
    ) -> Response:
        """Ask again with `before=next` until `next` is null: webhooks that come meanwhile move nothing."""
        wanted = Wanted(
            status=status,
            type=type,
            payment=payment,
            since=_moment("since", since) or BEGINNING,
            until=_moment("until", until) or END,
            store_id=caller.store_id or "",
            before=_place(before),
        )
        found = await log.page_of_log(wanted, most=limit + 1, run=run)
        last = found[limit - 1] if len(found) > limit else None
        shown = {
            "webhooks": [row_view(one) for one in found[:limit]],
            "next": None if last is None else cursor_text(last.received_at, last.id),
        }
        return ok(shown, clock=run.clock)

    @router.post("/handle-failed", status_code=202, summary="Handle again whatever failed")
    async def handle_failed(caller: Replayer) -> Response:
        """The oldest thousand. Always safe: PortOne is asked once more what is true of each payment."""
        queued = await log.handle_failed_again(store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok({"queued": queued}, status=202, clock=run.clock)

    @router.get("/{id}", summary="One webhook: what it said, and what came of it")
    async def show(id: UUID, caller: Reader) -> Response:  # noqa: A002 (its name on the wire)
        """Billing keys are cut short for everybody; without the scope `webhooks:bodies` all but known ids is hidden."""
        told = await log.tell(id, store_id=caller.store_id or "", run=run)
        return ok(told_view(told, caller.scopes), clock=run.clock)

    @router.post("/{id}/handle", status_code=202, summary="Handle one webhook again")
    async def handle(id: UUID, caller: Replayer) -> Response:  # noqa: A002
        """`queued` is false when that waits already. Always safe: PortOne is asked once more what is true."""
        queued = await log.handle_again(id, store_id=caller.store_id or "", actor=caller.actor, run=run)
        return ok({"queued": queued}, status=202, clock=run.clock)

    return router


def row_view(row: Row | Whole) -> dict[str, Any]:
    """A webhook without its body."""
    return {
        "id": row.id,
        "webhookId": row.webhook_id,
        "type": row.webhook_type,
        "status": row.status,
        "paymentId": row.payment_id,
        "portonePaymentId": row.provider_transaction_id,
        "error": row.error_message,
        "receivedAt": row.received_at,
        "processedAt": row.processed_at,
    }


def told_view(told: Told, scopes: frozenset[str]) -> dict[str, Any]:
    """A webhook whole, as somebody with these scopes may see it."""
    return row_view(told.webhook) | {
        "cameWith": told.webhook.came_with,
        "requestBody": shown_body(told.webhook.request_body, scopes),
        "responseStatus": told.webhook.response_status,
        "responseBody": told.webhook.response_body,
        "tries": [try_view(one) for one in told.tries],
    }


def try_view(one: Try) -> dict[str, Any]:
    """One try. `askedBy` is null when the queue tried by itself."""
    return {
        "startedAt": one.started_at,
        "endedAt": one.ended_at,
        "outcome": one.outcome,
        "error": one.error_message,
        "askedBy": one.asked_by or None,
    }


def _moment(field: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return instant(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(details=[{"field": field, "problem": "not a time with an offset (RFC 3339)"}]) from None


def _place(before: str) -> tuple[datetime, UUID] | None:
    place = cursor_of(before)
    if before and place is None:
        raise InvalidRequest(details=[{"field": "before", "problem": "not a `next` of ours"}])
    return place
