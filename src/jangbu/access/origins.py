"""Against cross-site requests: where a change sent with a cookie may come from.

One rule for forms and JSON alike, without tokens to hand around: the browser itself says where a request started.

1. `Sec-Fetch-Site: same-origin` is enough. Pages cannot set it, and the browser compares what it really connected to:
   it holds behind any proxy and under any name.
2. Otherwise `Origin` must be our public address, or, under `/api/` only, one of ALLOWED_ORIGINS.
3. Otherwise no; so a cookie with neither header is refused too. Every browser sends Origin with a POST; what sends a
   cookie without it is a script, and scripts have API keys.

SameSite=Lax on the cookie stands behind this, not in front of it: it knows sites, not origins, and takes every port of
a machine and every subdomain for the same site.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from jangbu.mode_guard import LOOPBACK
from jangbu.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def changes_something(connection: HTTPConnection) -> bool:
    """Whether the request may change anything. A WebSocket may: browsers let any page open one with our cookie."""
    return connection.scope["type"] != "http" or connection.scope["method"] not in SAFE_METHODS


def is_from_here(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether the browser says that the request started on our own pages, or where it may."""
    if connection.headers.getlist("sec-fetch-site") == ["same-origin"]:
        return True
    given = connection.headers.getlist("origin")
    if len(given) != 1:
        return False
    allowed = own_origins(settings)
    if connection.scope["path"].startswith("/api/"):
        allowed = (*allowed, *settings.origins)
    return given[0] in allowed


def own_origins(settings: Settings) -> Sequence[str]:
    """Our public address as an origin; on a machine without one, under each of its loopback names."""
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    hosts = sorted(LOOPBACK | {host}) if not settings.public_url and host in LOOPBACK else [host]
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return tuple(f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{port}" for name in hosts)
