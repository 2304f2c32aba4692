"""The frame around every console page, and the pages that belong to no capability: what their templates may use."""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from jangbu.web.language import Language

Mode = Literal["sandbox", "test", "live"]
Theme = Literal["auto", "light", "dark"]

THEMES: tuple[Theme, ...] = ("auto", "light", "dark")
THEME_COOKIE = "jangbu_theme"
_PERSON = "jangbu.person"


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the console's menu. `label` and `group` are keys of the catalogue; `needs` is a permission or ""."""

    label: str
    href: str
    group: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whoever is using the console. `permissions` decides which menu entries are shown, never what is allowed.

    `profile_href` leads to the person's own page, where there is one.
    """

    name: str
    role: str
    sign_out_href: str
    permissions: frozenset[str] = frozenset()
    profile_href: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One position of a switch."""

    label: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class NavLink:
    """A menu entry as drawn; `starts_group` carries the group's heading where a new one begins, else ""."""

    label: str
    href: str
    current: bool
    starts_group: str


@dataclass(frozen=True, slots=True)
class Chrome:
    """All that templates/layout.html may use."""

    language: Language
    theme: Theme
    mode: Mode
    person: SignedIn | None
    nav: tuple[NavLink, ...]
    languages: tuple[Choice, ...]
    themes: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """All that templates/error.html may use."""

    status: int
    code: str
    sentence: str
    request_id: str
    problems: tuple[tuple[str, str], ...] = ()
    """Field and what is wrong with it."""

    @property
    def heading(self) -> str:
        """A key of the catalogue."""
        return f"error.{self.status}" if self.status in (403, 404, 500, 503) else "error.other"


@dataclass(frozen=True, slots=True)
class SignInPage:
    """All that templates/sign_in.html may use. `problem` is the sentence of what went wrong last time, or ""."""

    action: str
    email: str = ""
    problem: str = ""
    hidden: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A label with its value. `exact` values are ids, keys and the like: drawn so that one click selects the whole."""

    label: str
    value: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Pager:
    """Links made from cursors; None where there is no such page."""

    newest_href: str | None
    older_href: str | None


def sign_in_as(request: HTTPConnection, person: SignedIn) -> None:
    """Show `person` in the top bar of the page that answers this request. Called by `access`, once it knows."""
    request.scope[_PERSON] = person


def person_of(request: HTTPConnection) -> SignedIn | None:
    """Whom `sign_in_as` named, if anyone."""
    found: SignedIn | None = request.scope.get(_PERSON)
    return found
