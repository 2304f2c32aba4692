"""The console as a person without JavaScript has it: pages, and buttons that are found by what they say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from jangbu.sandbox.testing import Sandbox

ORIGIN = "http://127.0.0.1:8090"
HOME = "/__sandbox__/"


@dataclass
class Form:
    action: str
    is_post: bool
    heading: str
    """What the <details> around it says."""
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each <select>: what each option says, and its value."""
    files: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """What each says, its name and its value."""


class Forms(HTMLParser):
    """The forms of a page, filled in as the browser would send them untouched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[Form] = []
        self._form: Form | None = None
        self._details: list[str] = []
        self._text: list[str] | None = None
        self._open: Mapping[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "details":
            self._details.append("")
        elif tag == "form":
            heading = self._details[-1] if self._details else ""
            self._form = Form(said.get("action", ""), said.get("method") == "post", heading)
            self.all.append(self._form)
        elif tag in ("summary", "button", "option", "textarea"):
            self._text, self._open = [], said
        elif tag == "select" and self._form is not None:
            self._select = said["name"]
        elif tag == "input" and self._form is not None:
            self._input(self._form, said)

    def _input(self, form: Form, said: Mapping[str, str]) -> None:
        kind = said.get("type", "text")
        if kind == "file":
            form.files.append(said["name"])
        elif kind != "checkbox" or "checked" in said:
            form.fields[said["name"]] = said.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._text or []).strip()
        if tag == "summary":
            self._details[-1] = text
        elif tag == "details":
            self._details.pop()
        elif tag == "form":
            self._form = None
        elif self._form is not None and tag == "button":
            self._form.buttons.append((text, self._open.get("name", ""), self._open.get("value", "")))
        elif self._form is not None and tag == "option" and "list" not in self._open:
            is_first = self._select not in self._form.fields
            value = self._open.get("value", text)
            self._form.choices.setdefault(self._select, {})[text] = value
            if is_first or "selected" in self._open:
                self._form.fields[self._select] = value
        elif self._form is not None and tag == "textarea":
            self._form.fields[self._open["name"]] = text
        if tag in ("summary", "button", "option", "textarea"):
            self._text = None

    _select = ""


class Person:
    """Somebody at the console of a sandbox in process."""

    def __init__(self, sandbox: Sandbox, language: str = "ko") -> None:
        transport = httpx.ASGITransport(app=sandbox.app)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        self.http.cookies.set("jangbu_sandbox_language", language, path=HOME)
        self.url = ORIGIN + HOME
        self.status = 0
        self.page = ""

    async def go(self, path: str = HOME) -> str:
        """Open a page, following redirects as far as they stay in the console."""
        self._take(await self.http.get(urljoin(self.url, path)))
        return self.page

    async def press(self, label: str, files: Mapping[str, bytes] | None = None, **typed: str) -> str:
        """Press the button, or send the form behind the fold, that says `label`. Answers the page that comes.

        What is chosen is there to be chosen: an option's words, or its value.
        """
        form, name, value = self._find(label)
        for field_name, options in form.choices.items():
            if field_name in typed:
                typed[field_name] = options.get(typed[field_name], typed[field_name])
                assert typed[field_name] in options.values(), f"{typed[field_name]!r} is none of {options}"
        fields = {**form.fields, **typed} | ({name: value} if name else {})
        headers = {"origin": ORIGIN}
        url = urljoin(self.url, form.action)
        if form.files:
            sent = {each: ("a file", (files or {}).get(each, b"")) for each in form.files}
            answer = await self.http.post(url, data=fields, files=sent, headers=headers)
        else:
            answer = await self.http.post(url, data=fields, headers=headers)
        self._take(answer)
        if answer.status_code == 303:
            where = urljoin(self.url, answer.headers["location"])
            self.url = where
            if where.startswith(ORIGIN + HOME):
                self._take(await self.http.get(where))
        return self.page

    def _find(self, label: str) -> tuple[Form, str, str]:
        for form in Forms(self.page).all:
            for text, name, value in form.buttons:
                if form.is_post and (text == label or form.heading == label):
                    return form, name, value
        raise AssertionError(f"no button says {label!r} on {self.url}: {self.labels()}")

    def labels(self) -> list[str]:
        """What there is to press."""
        forms = [form for form in Forms(self.page).all if form.is_post]
        return [text if form.heading == "" else form.heading for form in forms for text, _, _ in form.buttons]

    def _take(self, answer: httpx.Response) -> None:
        self.status, self.page = answer.status_code, answer.text
        if answer.status_code != 303:
            self.url = str(answer.url)
