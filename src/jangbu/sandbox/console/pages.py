"""The pages and their forms. They answer a browser on this machine and their own forms, nobody else's.

Whoever can make the developer's browser send a form could move the sandbox's clock or empty it. So a form must say that
it comes from this very origin, and the origin must be a name of this machine: a name of somebody's own that leads here
(DNS rebinding) is refused, and no other page may frame these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from jangbu.sandbox import saving
from jangbu.sandbox.console import refusals
from jangbu.sandbox.console.acts import ACTS, NOTICES, Desk, Sent, told
from jangbu.sandbox.console.billing import keys_page
from jangbu.sandbox.console.faults import faults_page
from jangbu.sandbox.console.frame import PAGES, PATH, Asked, Frame, Query, link, passed_rows, shown
from jangbu.sandbox.console.identity import identity_page
from jangbu.sandbox.console.payments import payment_page, payments_page
from jangbu.sandbox.console.webhooks import webhook_page, webhooks_page
from jangbu.sandbox.console.words import WORDS, Language, Words
from jangbu.sandbox.console.world import world_page
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, ApiError, BrowserRefusal, NotOurs
from jangbu.sandbox.script_file import BadScript
from jangbu.sandbox.window.callers import is_at_home

HERE = Path(__file__).parent
FORM_BYTES_MAX = 64_000_000
"""A saved world of some ten thousand payments."""
FIELDS_MAX = 200
"""That of the switches has as many fields as there are switches."""
KEPT = ("id", "number", "q", "status", "state", "page", "fault")
COOKIE = "jangbu_sandbox_language"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    # With "no-referrer" a browser would call a form's origin "null".
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
REFUSALS = (*UNREADABLE, ApiError, NotOurs, BrowserRefusal)


@dataclass(frozen=True, slots=True)
class View:
    """A page: its template, the tab it is under, and what makes it."""

    template: str
    tab: str
    make: Callable[[Asked], Any]


VIEWS = {
    PATH: View("payments.html", "payments", payments_page),
    f"{PAGES}payment": View("payment.html", "payments", payment_page),
    f"{PAGES}keys": View("keys.html", "keys", keys_page),
    f"{PAGES}identity": View("identity.html", "identity", identity_page),
    f"{PAGES}webhooks": View("webhooks.html", "webhooks", webhooks_page),
    f"{PAGES}webhook": View("webhook.html", "webhooks", webhook_page),
    f"{PAGES}faults": View("faults.html", "faults", faults_page),
    f"{PAGES}world": View("world.html", "world", world_page),
}


def routes(parts: Parts) -> list[BaseRoute]:
    """The pages, the addresses their forms go to, and the world as a file."""
    desk = Desk(parts)

    async def show(request: Request) -> Response:
        if (refused := _refuse_stranger(request)) is not None:
            return refused
        here = link(request.url.path, **request.query_params)
        response = _page(desk, request, here)
        if (language := request.query_params.get("language")) in WORDS:
            response.set_cookie(COOKIE, language, max_age=31_536_000, path=PATH, httponly=True, samesite="strict")
        return response

    async def act(request: Request) -> Response:
        if (refused := _refuse_stranger(request)) is not None:
            return refused
        if (does := ACTS.get(request.path_params["act"])) is None:
            return _plain(404, "There is no such form. 없는 양식입니다.")
        try:
            sent = await _sent(request)
        except HTTPException as problem:
            return _plain(problem.status_code, str(problem.detail))
        here = sent.fields.get("here", PATH)
        if urlsplit(here).path not in VIEWS:
            here = PATH
        try:
            done = await does(desk, sent)
        except REFUSALS as problem:
            raw = sent.files.get("yaml")
            typed = {**sent.fields, "script": raw.decode(errors="replace")} if raw else sent.fields
            return _page(desk, request, here, problem=problem, typed=typed)
        finally:
            parts.nudge()
        return RedirectResponse(told(done.to or _plainly(here), done.notice), 303, HEADERS)

    async def save(request: Request) -> Response:
        if (refused := _refuse_stranger(request)) is not None:
            return refused
        name = f"sandbox-{parts.clock.now().astimezone(KST):%Y%m%d-%H%M%S}.json"
        headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
        return Response(saving.saved(parts), 200, headers, media_type="application/json")

    async def there(_: Request) -> Response:
        return RedirectResponse(PATH, 307, HEADERS)

    return [
        Route("/__sandbox__", there, methods=["GET"]),
        *(Route(path, show, methods=["GET"]) for path in VIEWS),
        Route(f"{PAGES}save", save, methods=["GET"]),
        Route(f"{PAGES}{{act}}", act, methods=["POST"]),
    ]


def _refuse_stranger(request: Request) -> Response | None:
    host = request.headers.get("host", "")
    if not is_at_home(request):
        return _plain(403, "Open this page as http://127.0.0.1 or http://localhost. 이 주소로만 열립니다.")
    if request.method == "POST" and request.headers.get("origin") != f"http://{host}":
        return _plain(403, "Only this page's own forms are answered. 이 페이지의 양식만 받습니다.")
    return None


async def _sent(request: Request) -> Sent:
    """The form, and the files in it. Refuses one that does not say how long it is, or is too long."""
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit():
        raise HTTPException(411, "How long is it? 길이를 알 수 없습니다.")
    if int(length) > FORM_BYTES_MAX:
        raise HTTPException(413, "That is too much for a form. 양식이 너무 큽니다.")
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    async with request.form(max_files=1, max_fields=FIELDS_MAX) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                fields[name] = value
    return Sent(
        fields,
        _words(request),
        f"http://{request.headers['host']}",
        request.headers.get("user-agent", ""),
        request.client.host if request.client else "127.0.0.1",
        files,
    )


def _words(request: Request) -> Words:
    """What the address says, else what was chosen before, else Korean."""
    said = request.query_params.get("language") or request.cookies.get(COOKIE)
    language: Language = "en" if said == "en" else "ko"
    return WORDS[language]


def _page(
    desk: Desk, request: Request, here: str, *, problem: Exception | None = None, typed: Query | None = None
) -> Response:
    origin = f"http://{request.headers['host']}"
    status, html = render(desk, here, _words(request), origin, problem=problem, typed=typed)
    return HTMLResponse(html, status, HEADERS)


def render(
    desk: Desk, here: str, words: Words, origin: str, *, problem: Exception | None = None, typed: Query | None = None
) -> tuple[int, str]:
    """The page at `here`, an address of the console: its status and HTML. With a `problem`, what a form asked for
    was refused, and `typed` is what the form said.
    """
    url = urlsplit(here)
    asked = Asked(desk.parts, words, dict(parse_qsl(url.query, keep_blank_values=True)), origin)
    view, page, status = VIEWS[url.path], None, 200 if problem is None else 400
    template = view.template
    try:
        page = view.make(asked)
    except NotOurs as missing:
        problem, status, template = problem or missing, 404 if problem is None else 400, "nothing.html"
    frame = _frame(desk, asked, view.tab, here, problem=problem, typed=typed or {})
    return status, TEMPLATES.get_template(template).render(frame=frame, w=words, page=page)


def _frame(desk: Desk, asked: Asked, tab: str, here: str, *, problem: Exception | None, typed: Query) -> Frame:
    clock, said, words = desk.parts.clock, asked.query.get("said", ""), asked.words
    now = clock.now().astimezone(KST)
    here = _plainly(here)
    other = "ko" if words.language == "en" else "en"
    return Frame(
        words=words,
        here=here,
        tab=tab,
        other_language=f"{here}&language={other}" if "?" in here else link(here, language=other),
        store_name=next(iter(desk.parts.world.state.stores.values())).name,
        now=shown(now),
        now_input=f"{now:%Y-%m-%dT%H:%M}",
        is_frozen=clock.is_frozen,
        passed=passed_rows(desk.passed),
        passed_total=len(desk.passed),
        is_just_moved=said == "moved",
        notice=words[f"said_{said}"] if said in NOTICES and problem is None else "",
        problem=_told(problem, words, typed) if problem is not None else "",
        typed=typed,
    )


def _told(problem: Exception, words: Words, typed: Query) -> str:
    """The refusal in the page's language; of a script each mistake with its line as it was written."""
    if not isinstance(problem, BadScript):
        return refusals.told(problem, words)
    lines = typed.get("script", "").splitlines()
    told_lines = []
    for each in problem.problems:
        written = lines[each.line - 1].strip() if 0 < each.line <= len(lines) else ""
        line = f"{words['line'].format(line=each.line)}: {refusals.sentence(each.reason, words)}"
        told_lines.append(f"{line}\n    {written}" if written else line)
    return "\n".join(told_lines)


def _plainly(here: str) -> str:
    """The address with what chooses the page's rows, and no more: not what it told of an earlier form, nor the
    language, which is a cookie's to remember.
    """
    url = urlsplit(here)
    kept = {name: value for name, value in parse_qsl(url.query) if name in KEPT}
    return link(url.path, **kept)


def _plain(status: int, text: str) -> Response:
    return Response(text, status, HEADERS, media_type="text/plain")
