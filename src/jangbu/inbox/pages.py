"""The console's webhook log: the list with its filters, and one webhook whole."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import SEOUL
from jangbu.inbox import log
from jangbu.inbox.log import BEGINNING, END, FAILED_AT_ONCE, STATUSES, Told, Wanted
from jangbu.inbox.log_store import Row, Try
from jangbu.inbox.rules import BODIES, shown_body
from jangbu.inbox.service import is_unsigned
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Choice, Pager
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.listing import ONE_MORE, filled_in, fitting, one_of, switch
from jangbu.web.texts import Words

HOME = "/console/webhooks"
PAYMENTS = "/console/payments"
REPLAY = "webhooks:replay"
_TONES = {"processed": "good", "failed": "bad", "received": "waiting", "skipped": "neutral"}

Reader = Annotated[Caller, guard(Scoped("webhooks:read"))]
Replayer = Annotated[Caller, guard(Scoped(REPLAY))]


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook in the list."""

    href: str
    type: str
    status: str
    tone: str
    payment: str
    error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WebhooksPage:
    """All that webhooks.html may use. `failed` is how many failed, in words; "" where none or nobody to mend it."""

    rows: tuple[WebhookRow, ...]
    statuses: tuple[Choice, ...]
    pager: Pager
    action: str
    status: str
    type: str
    payment: str
    first: str
    last: str
    is_filtered: bool
    failed: str
    notice: str


@dataclass(frozen=True, slots=True)
class WebhookPage:
    """All that webhook.html may use. `secret` is the number of the secret that had signed; 0 when nobody noted it."""

    row: WebhookRow
    webhook_id: str
    payment_href: str
    portone_payment_id: str
    processed_at: datetime | None
    sent_at: datetime | None
    sender: str
    content_type: str
    secret: int
    is_unsigned: bool
    tries: tuple[tuple[Try, str], ...]
    body: str
    answer: str
    is_masked: bool
    may_replay: bool
    notice: str
    back_href: str


def routes(run: Runtime) -> APIRouter:
    """`/console/webhooks…`."""
    router = APIRouter(include_in_schema=False)

    @router.get(HOME)
    async def list_(request: Request, caller: Reader) -> Response:
        return rendering.page(request, "webhooks.html", await _list(request, caller, run))

    @router.post(HOME + "/handle-failed")
    async def handle_failed(caller: Replayer) -> Response:
        queued = await log.handle_failed_again(actor=caller.actor, run=run)
        return RedirectResponse(f"{HOME}?{urlencode({'status': 'failed', 'queued': queued})}", 303)

    @router.get(HOME + "/{webhook}")
    async def show(request: Request, webhook: UUID, caller: Reader) -> Response:
        told = await log.tell(webhook, run=run)
        return rendering.page(request, "webhook.html", _whole(request, told, caller))

    @router.post(HOME + "/{webhook}/handle")
    async def handle(webhook: UUID, caller: Replayer) -> Response:
        queued = await log.handle_again(webhook, actor=caller.actor, run=run)
        return RedirectResponse(f"{HOME}/{webhook}?queued={int(queued)}", 303)

    return router


async def _list(request: Request, caller: Caller, run: Runtime) -> WebhooksPage:
    t, asked = rendering.words(request), request.query_params
    status = one_of(request, "status", STATUSES)
    type_, payment = (filled_in(request, name, most=320) for name in ("type", "payment"))
    first, last = _day(asked.get("first", "")), _day(asked.get("last", ""))
    wanted = Wanted(
        status=status,
        type=type_,
        payment=payment,
        since=BEGINNING if first is None else _begins(first),
        until=END if last is None else _begins(last) + timedelta(days=1),
        before=cursor_of(asked.get("before", "")),
    )
    found = await log.page_of_log(wanted, most=ONE_MORE, run=run)
    rows, pager = fitting(request, found, lambda one: cursor_text(one.received_at, one.id), queued=None)
    return WebhooksPage(
        rows=tuple(_row(one, t) for one in rows),
        statuses=switch(request, "status", STATUSES, lambda one: t(f"webhooks.status.{one or 'all'}"), queued=None),
        pager=pager,
        action=HOME,
        status=status,
        type=type_,
        payment=payment,
        first="" if first is None else first.isoformat(),
        last="" if last is None else last.isoformat(),
        is_filtered=bool(status or type_ or payment or first or last),
        failed=await _failed(caller, run),
        notice=_queued(asked.get("queued", ""), t),
    )


async def _failed(caller: Caller, run: Runtime) -> str:
    failed = await log.failed_count(run=run) if REPLAY in caller.scopes else 0
    if failed > FAILED_AT_ONCE:
        return f"{FAILED_AT_ONCE:,}+"
    return f"{failed:,}" if failed else ""


def _whole(request: Request, told: Told, caller: Caller) -> WebhookPage:
    t, webhook = rendering.words(request), told.webhook
    came = webhook.came_with or {}
    seconds = str(came.get("webhook-timestamp", ""))
    queued = request.query_params.get("queued", "")
    return WebhookPage(
        row=WebhookRow(
            href=f"{HOME}/{webhook.id}",
            type=webhook.webhook_type or t("webhooks.type.unnamed"),
            status=webhook.status,
            tone=_TONES[webhook.status],
            payment=str(webhook.payment_id or ""),
            error=webhook.error_message or "",
            at=webhook.received_at,
        ),
        webhook_id=webhook.webhook_id,
        payment_href=f"{PAYMENTS}/{webhook.payment_id}" if webhook.payment_id else "",
        portone_payment_id=webhook.provider_transaction_id or "",
        processed_at=None if webhook.status == "failed" else webhook.processed_at,
        sent_at=datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() and len(seconds) < 12 else None,
        sender=" ".join(str(came[name]) for name in ("source", "user-agent") if name in came),
        content_type=str(came.get("content-type", "")),
        secret=int(came.get("secret", 0)),
        is_unsigned=is_unsigned(webhook.webhook_id),
        tries=tuple((one, _TONES[one.outcome]) for one in told.tries),
        body=_pretty(shown_body(webhook.request_body, caller.scopes)),
        answer=_pretty(webhook.response_body) if webhook.response_body else "",
        is_masked=BODIES not in caller.scopes,
        may_replay=REPLAY in caller.scopes,
        notice=t("webhooks.again.waits") if queued == "0" else _queued(queued, t),
        back_href=HOME,
    )


def _row(row: Row, t: Words) -> WebhookRow:
    return WebhookRow(
        href=f"{HOME}/{row.id}",
        type=row.webhook_type or t("webhooks.type.unnamed"),
        status=row.status,
        tone=_TONES[row.status],
        payment=row.provider_transaction_id or "",
        error=row.error_message or "",
        at=row.received_at,
    )


def _queued(text: str, t: Words) -> str:
    # It only says what was done; who types another number there reads that number.
    return t("webhooks.again.queued", count=int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else ""


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None


def _begins(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SEOUL)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
