"""The console's alerts, the messages that were sent, and a preview of what each kind says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.notices import store
from jangbu.notices.channels import is_configured
from jangbu.notices.messages import Message, write
from jangbu.notices.refusals import AlertUnknown, NoticeKindUnknown, NoticeUnknown
from jangbu.notices.rules import ALERTS, SAMPLES, Channel, FactsUnreadable, State, as_facts
from jangbu.notices.service import alerts, delivery
from jangbu.notices.texts import TEXTS, problem
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Choice, Pager
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.language import Language
from jangbu.web.listing import ONE_MORE, fitting, one_of, switch
from jangbu.web.requests import CONTENT_SECURITY_POLICY
from jangbu.web.texts import Words

NOTICES = "/console/notices"
PREVIEW = f"{NOTICES}/preview"
MANAGE = "notices:manage"
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
"""A mail carries its style with it, and must not do anything else here."""
_SEVERITIES = {"critical": "bad", "warning": "waiting", "info": "neutral"}
_STATES = {"sent": "good", "failed": "waiting", "given_up": "bad", "queued": "neutral", "unconfigured": "waiting"}

Reader = Annotated[Caller, guard(Scoped("notices:read"))]
Manager = Annotated[Caller, guard(Scoped(MANAGE))]


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert. `message` is None when another release raised it; each href is set where it leads or may."""

    kind: str
    severity: str
    tone: str
    message: Message | None
    href: str | None
    created_at: datetime
    told: int
    acknowledged_at: datetime | None
    acknowledged_name: str
    acknowledge_href: str | None


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """All that alerts.html may use."""

    rows: tuple[AlertRow, ...]
    pager: Pager


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One message. `state` is a key of the catalogue's notices.state; `problem` is a sentence, or ""."""

    title: str
    channel: str
    recipient: str
    state: str
    tone: str
    attempts: int
    problem: str
    created_at: datetime
    due_at: datetime | None
    retry_href: str | None


@dataclass(frozen=True, slots=True)
class NoticesPage:
    """All that notices.html may use. `missing` are keys of sentences about channels that are not configured."""

    rows: tuple[NoticeRow, ...]
    states: tuple[Choice, ...]
    missing: tuple[str, ...]
    preview_href: str
    pager: Pager


@dataclass(frozen=True, slots=True)
class PreviewedMessage:
    """One language of a preview; `mail_href` is the mail as a page of its own."""

    language: Language
    heading: str
    message: Message
    parts: tuple[tuple[str, str], ...]
    link_words: str
    mail_href: str


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """All that notice_preview.html may use."""

    kinds: tuple[Choice, ...]
    messages: tuple[PreviewedMessage, ...]
    back_href: str


def routes(run: Runtime) -> APIRouter:
    """`/console/alerts` and `/console/notices…`."""
    router = APIRouter(include_in_schema=False)
    _alert_routes(router, run)
    _preview_routes(router, run)
    _notice_routes(router, run)
    return router


def _alert_routes(router: APIRouter, run: Runtime) -> None:
    @router.get(ALERTS)
    async def alerts_list(request: Request, caller: Reader, before: str = "") -> Response:
        async with run.db.transaction() as tx:
            found = await store.alerts(tx, before=_alert_cursor(before), now=run.clock.now(), most=ONE_MORE)
        t = rendering.words(request)
        fit, pager = fitting(request, found, _place_of_alert)
        rows = tuple(_alert_row(one, t, caller, run) for one in fit)
        return rendering.page(request, "alerts.html", AlertsPage(rows, pager))

    @router.post(ALERTS + "/{alert_id}/acknowledge")
    async def acknowledge(alert_id: str, caller: Manager) -> Response:
        try:
            which = UUID(alert_id)
        except ValueError:
            raise AlertUnknown from None
        await alerts.acknowledge(which, actor=caller.actor, run=run)
        return RedirectResponse(ALERTS, 303)


def _notice_routes(router: APIRouter, run: Runtime) -> None:
    @router.get(NOTICES)
    async def notices_list(request: Request, caller: Reader, before: str = "") -> Response:
        state = one_of(request, "state", State)
        async with run.db.transaction() as tx:
            found = await store.notices(tx, state=state, before=cursor_of(before), now=run.clock.now(), most=ONE_MORE)
        t = rendering.words(request)
        fit, pager = fitting(request, found, lambda one: cursor_text(one.created_at, one.id))
        page = NoticesPage(
            rows=tuple(_notice_row(one, t, caller, run) for one in fit),
            states=switch(request, "state", State, lambda one: t(f"notices.state.{one}") if one else t("notices.all")),
            missing=tuple(
                f"notices.{channel}_missing" for channel in Channel if not is_configured(channel, run.settings)
            ),
            preview_href=f"{PREVIEW}/{next(iter(SAMPLES))}",
            pager=pager,
        )
        return rendering.page(request, "notices.html", page)

    @router.post(NOTICES + "/{notice_id}/retry")
    async def retry(notice_id: str, caller: Manager) -> Response:
        try:
            which = UUID(notice_id)
        except ValueError:
            raise NoticeUnknown from None
        await delivery.retry(which, actor=caller.actor, run=run)
        return RedirectResponse(NOTICES, 303)


def _preview_routes(router: APIRouter, run: Runtime) -> None:
    def sample(kind: str, language: Language) -> Message:
        if kind not in SAMPLES:
            raise NoticeKindUnknown(known=", ".join(SAMPLES))
        return write(SAMPLES[kind], language, run.settings)

    @router.get(PREVIEW + "/{kind}")
    async def preview(request: Request, kind: str, caller: Reader) -> Response:  # noqa: ARG001 (the guard is the point)
        t = rendering.words(request)
        page = PreviewPage(
            kinds=tuple(Choice(sample(each, t.language).title, f"{PREVIEW}/{each}", each == kind) for each in SAMPLES),
            messages=(
                _previewed("ko", t("preview.korean"), sample(kind, "ko"), kind),
                _previewed("en", t("preview.english"), sample(kind, "en"), kind),
            ),
            back_href=NOTICES,
        )
        response = rendering.page(request, "notice_preview.html", page)
        response.headers["content-security-policy"] = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
        return response

    @router.get(PREVIEW + "/{kind}/{language}")
    async def mail(kind: str, language: Language, caller: Reader) -> Response:  # noqa: ARG001
        message = sample(kind, language)
        return HTMLResponse(message.html, headers={"content-security-policy": MAIL_POLICY})


def _previewed(language: Language, heading: str, message: Message, kind: str) -> PreviewedMessage:
    own = Words(language, TEXTS)
    parts = (
        (own("message.happened"), message.happened),
        (own("message.means"), message.means),
        (own("message.todo"), message.todo),
    )
    return PreviewedMessage(language, heading, message, parts, own("message.open"), f"{PREVIEW}/{kind}/{language}")


def _alert_row(alert: store.Alert, t: Words, caller: Caller, run: Runtime) -> AlertRow:
    try:
        facts = as_facts(alert.kind, alert.facts)
        message, path = write(facts, t.language, run.settings), facts.path
    except FactsUnreadable:
        message, path = None, ALERTS
    may = MANAGE in caller.scopes and alert.acknowledged_at is None
    return AlertRow(
        kind=alert.kind,
        severity=alert.severity,
        tone=_SEVERITIES[alert.severity],
        message=message,
        href=None if path == ALERTS else path,
        created_at=alert.created_at,
        told=alert.told,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_name=alert.acknowledged_name or alert.acknowledged_by or "",
        acknowledge_href=f"{ALERTS}/{alert.id}/acknowledge" if may else None,
    )


def _notice_row(notice: store.Notice, t: Words, caller: Caller, run: Runtime) -> NoticeRow:
    try:
        title = write(as_facts(notice.kind, notice.facts), t.language, run.settings).title
    except FactsUnreadable:
        title = notice.kind
    waits = notice.state == State.QUEUED and notice.last_error == delivery.NOT_CONFIGURED
    state = "unconfigured" if waits else notice.state
    is_stuck = waits or notice.state in {State.FAILED, State.GIVEN_UP}
    return NoticeRow(
        title=title,
        channel=t(f"notices.channel.{notice.channel}"),
        recipient=notice.recipient,
        state=state,
        tone=_STATES[state],
        attempts=notice.attempts,
        problem="" if waits else problem(notice.last_error, t),
        created_at=notice.created_at,
        due_at=notice.due_at if notice.state == State.FAILED else None,
        retry_href=f"{NOTICES}/{notice.id}/retry" if is_stuck and MANAGE in caller.scopes else None,
    )


def _place_of_alert(alert: store.Alert) -> str:
    return f"{int(alert.acknowledged_at is None)}.{cursor_text(alert.created_at, alert.id)}"


def _alert_cursor(text: str) -> tuple[bool, datetime, UUID] | None:
    is_open, _, rest = text.partition(".")
    place = cursor_of(rest)
    return None if place is None else (is_open == "1", *place)
