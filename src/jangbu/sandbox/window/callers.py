"""Whose pages may call the shopper's side: a shop's may open a window, the window's own alone may decide."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jangbu.sandbox.core.records import Window
from jangbu.sandbox.gate import json_response

Act = Callable[[Request], Awaitable[Response]]
THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


def is_at_home(request: Request) -> bool:
    """Whether the caller knows the sandbox by a name of this machine.

    A page under a name of somebody's own that leads here (DNS rebinding) is of the same origin as its answers: it may
    read what it GETs, and no browser tells us where it came from. Its `Host` does.
    """
    try:
        return urlsplit(f"http://{request.headers.get('host', '')}").hostname in THIS_MACHINE
    except ValueError:
        return False


def opens(path: str, act: Act) -> Route:
    """What a shop's page may call, on whatever origin it is."""
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["POST"], allow_headers=["*"])
    return Route(path, act, methods=["POST", "OPTIONS"], middleware=[cors])


def decides(path: str, act: Act) -> Route:
    """What the shopper does: of all pages only the window may call it, so no shop pays in the shopper's place."""

    async def guarded(request: Request) -> Response:
        if _is_strange(request):
            return json_response(403, {"code": "UnknownError", "message": "only the window itself decides"})
        return await act(request)

    return Route(path, guarded, methods=["POST"])


def leaves(path: str, window_of: Callable[[Request], Window | None], act: Act) -> Route:
    """A popup that was shut cannot say so itself: the page that opened it says that the shopper left, and no other."""

    async def guarded(request: Request) -> Response:
        window = window_of(request)
        if window is None or window.display != "POPUP" or request.headers.get("origin") != window.opener_origin:
            return json_response(403, {"code": "UnknownError", "message": "only who opened the popup knows it is shut"})
        return await act(request)

    return opens(path, guarded)


def _is_strange(request: Request) -> bool:
    """Browsers name the page's origin on every POST; without one it is a program: a test, or curl."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
