"""Pages: one template, one frozen dataclass, two languages. Templates see nothing else.

In a template: `page` is the dataclass, `chrome` the frame, `t` the words, `static(name)` a file's address,
`modules(name)` those of what a script imports.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from jangbu.clock import rfc3339, seoul
from jangbu.errors import Refusal
from jangbu.money import written
from jangbu.web import language
from jangbu.web.chrome import THEME_COOKIE, THEMES, Choice, Chrome, Mode, NavItem, NavLink, Theme, person_of
from jangbu.web.statics import Statics
from jangbu.web.texts import TEXTS, Catalogue, Words, joined

_SWITCHES = ("lang", "theme")
_YEAR_S = 31_536_000
_PATH = "jangbu.page_path"


class Pages:
    """Renders pages. Built once; `templates` and `texts` come from the capabilities whose pages this program shows."""

    def __init__(
        self,
        *,
        statics: Statics,
        templates: Sequence[BaseLoader] = (),
        texts: Sequence[Catalogue] = (),
        nav: Sequence[NavItem] = (),
        mode: Mode = "live",
        https: bool = False,
    ) -> None:
        self._statics = statics
        self._texts = joined(TEXTS, *texts)
        self._nav = tuple(nav)
        self._mode: Mode = mode
        self._https = https
        self.environment = Environment(
            loader=ChoiceLoader([PackageLoader("jangbu.web"), *templates]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.filters.update(seoul=seoul, rfc3339=rfc3339, written=written)
        self.environment.globals.update(static=statics.url, modules=statics.modules)

    def words(self, request: Request) -> Words:
        """The words in the language of whoever is asking: for pages that must build sentences before they render."""
        return Words(language.for_page(request), self._texts)

    def page(
        self,
        request: Request,
        template: str,
        context: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """`template` with `context`, the page's frozen dataclass, as `page`."""
        assert dataclasses.is_dataclass(context), f"{template}: a page is described by one dataclass"
        words = self.words(request)
        chrome = self._chrome(request, words)
        # Handed in rather than imported by each template, so that macros see the language of this page.
        html = self.environment.get_template(template).render(page=context, chrome=chrome, t=words)
        response = HTMLResponse(html, status_code=status, headers=dict(headers or {}))
        response.headers["content-language"] = words.language
        if "lang" in request.query_params:
            self._remember(response, language.LANGUAGE_COOKIE, words.language)
        if "theme" in request.query_params:
            self._remember(response, THEME_COOKIE, chrome.theme)
        return response

    def _chrome(self, request: Request, words: Words) -> Chrome:
        theme = _theme(request)
        return Chrome(
            language=words.language,
            theme=theme,
            mode=self._mode,
            person=person_of(request),
            nav=self._menu(request, words),
            languages=(
                Choice("한국어", address(request, lang="ko"), words.language == "ko"),
                Choice("English", address(request, lang="en"), words.language == "en"),
            ),
            themes=tuple(
                Choice(words(f"theme.{each}"), address(request, theme=each), each == theme) for each in THEMES
            ),
        )

    def _menu(self, request: Request, words: Words) -> tuple[NavLink, ...]:
        person = person_of(request)
        if person is None:
            return ()
        links: list[NavLink] = []
        group = ""
        for item in self._nav:
            if item.needs and item.needs not in person.permissions:
                continue
            current = request.url.path == item.href or request.url.path.startswith(f"{item.href}/")
            heading = words(item.group) if item.group != group else ""
            links.append(NavLink(words(item.label), item.href, current, heading))
            group = item.group
        return tuple(links)

    def _remember(self, response: HTMLResponse, cookie: str, value: str) -> None:
        response.set_cookie(cookie, value, max_age=_YEAR_S, secure=self._https, httponly=True, samesite="lax")


def page(
    request: Request, template: str, context: Any, *, status: int = 200, refusal: Refusal | None = None
) -> HTMLResponse:
    """`Pages.page` of the application that is answering: what a door calls. `refusal` is what the page tells of."""
    pages: Pages = request.app.state.pages
    return pages.page(request, template, context, status=status if refusal is None else refusal.http_status)


def words(request: Request) -> Words:
    """`Pages.words` of the application that is answering."""
    pages: Pages = request.app.state.pages
    return pages.words(request)


def stands_at(request: Request, path: str) -> None:
    """Say where the page that answers a form stands, whose own address nobody can follow a link to."""
    request.scope[_PATH] = path


def problem(request: Request, refusal: Refusal | None) -> str:
    """What a page says of a refusal; "" where nothing was refused."""
    return "" if refusal is None else refusal.sentence(words(request).language)


def address(request: Request, **changes: str | None) -> str:
    """This page's address with some query values changed; None takes one away.

    The language and theme switches never travel further: a link that is copied to a colleague must not change theirs.
    """
    values = {name: value for name, value in parse_qsl(request.url.query) if name not in _SWITCHES}
    for name, value in changes.items():
        values.pop(name, None)
        if value is not None:
            values[name] = value
    # Never the path that was asked for: one that begins with two slashes would be another site's address.
    return f"{request.scope.get(_PATH, '')}?{urlencode(values)}"


def _theme(request: Request) -> Theme:
    wanted = request.query_params.get("theme") or request.cookies.get(THEME_COOKIE)
    return next((theme for theme in THEMES if theme == wanted), "auto")
