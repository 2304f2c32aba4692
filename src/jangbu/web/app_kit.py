"""Puts a web application together: the routes it is given, inside everything that surrounds every route."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI
from jinja2 import BaseLoader
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from jangbu import __version__
from jangbu.clock import Clock
from jangbu.ids import Ids
from jangbu.web import docs
from jangbu.web.chrome import Mode, NavItem
from jangbu.web.envelope import Answer
from jangbu.web.errors import ErrorAnswers
from jangbu.web.proxies import Network, Proxied
from jangbu.web.rendering import Pages
from jangbu.web.requests import BODY_BYTES_MAX, Bounded, Crossable, Headed, Identified, LastResort, checked_origins
from jangbu.web.statics import Statics
from jangbu.web.texts import Catalogue


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What an operator decides about the web program. Defaults are those of a developer's machine."""

    allowed_origins: tuple[str, ...] = ("http://localhost:3000",)
    https: bool = False
    """Whether people reach us by https, whoever ends TLS: turns on HSTS and Secure cookies."""
    mode: Mode = "live"
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    body_bytes_max: int = BODY_BYTES_MAX
    body_bytes_by_path: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Exact path → its own limit."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the capabilities bring to the pages: templates, words, static files and menu entries."""

    templates: tuple[BaseLoader, ...] = ()
    texts: tuple[Catalogue, ...] = ()
    statics: tuple[Traversable, ...] = ()
    nav: tuple[NavItem, ...] = ()
    packages: Mapping[str, Traversable] = field(default_factory=lambda: MappingProxyType({}))
    """Static files that are also something of their own, each under a folder's name."""


def assemble(
    parts: Sequence[APIRouter | BaseRoute],
    *,
    options: WebOptions,
    clock: Clock,
    ids: Ids,
    title: str,
    looks: Looks | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]] | None = None,
) -> FastAPI:
    """The application. Raises SetupProblem when `options.allowed_origins` holds something that is not an origin.

    `app.state` then carries `pages`, `clock` and `options`.
    """
    looks = looks or Looks()
    checked_origins(options.allowed_origins)
    statics = Statics(files("jangbu.web") / "static", *looks.statics, **looks.packages)
    docs.shelve(statics)
    pages = Pages(
        statics=statics,
        templates=looks.templates,
        texts=looks.texts,
        nav=looks.nav,
        mode=options.mode,
        https=options.https,
    )
    answers = ErrorAnswers(clock=clock, pages=pages)
    app = FastAPI(
        title=title,
        version=__version__,
        default_response_class=Answer,
        lifespan=lifespan,
        # FastAPI's own docs fetch Swagger UI from a public CDN.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # An address is right or it is a 404; a redirect would lose a POST's body on some clients.
        redirect_slashes=False,
        middleware=[
            Middleware(Proxied, trusted=options.trusted_proxies),
            Middleware(Identified, ids=ids),
            Middleware(Headed, https=options.https),
            Middleware(Crossable, allowed_origins=options.allowed_origins, answers=answers),
            Middleware(LastResort, answers=answers),
            Middleware(
                Bounded,
                answers=answers,
                limit_bytes=options.body_bytes_max,
                by_path=options.body_bytes_by_path,
            ),
        ],
    )
    app.state.pages = pages
    app.state.clock = clock
    app.state.options = options
    answers.install(app)
    for part in parts:
        if isinstance(part, APIRouter):
            app.include_router(part)
        else:
            app.router.routes.append(part)
    app.router.routes.extend([*docs.routes(app, statics, options.mode), statics.route()])
    return app
