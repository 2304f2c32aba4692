"""Style sheets, fonts and scripts, at addresses that follow from their content and so may be kept for a year."""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
    "txt": "text/plain; charset=utf-8",
}
_NAMED_IN = {
    "css": re.compile(r'(url\()"([^":]+)"'),
    # At the beginning of a line: comments name files too, and a file may well speak of one that imports it.
    "js": re.compile(r'^((?:import|export)\b(?:[^"\n]* from)? )"(\.[^":]+)"', re.MULTILINE),
}
"""Where files name others of the shelf."""
_YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    digest: str
    names: tuple[str, ...] = field(default=())
    """The files of the shelf that it names."""


class Statics:
    """`url("console.css")` → `/static/<digest>/console.css`. Folders of several capabilities share one shelf.

    A file that names others gets their addresses before its own digest is taken, so a change of theirs changes it too.
    """

    prefix = "/static"

    def __init__(self, *folders: Traversable, **under: Traversable) -> None:
        """`folders` side by side, and those of `under` each in a folder of its name."""
        self._files: dict[str, _File] = {}
        found = dict(pair for folder in folders for pair in _walk(folder))
        found |= dict(pair for name, folder in under.items() for pair in _walk(folder, f"{name}/"))
        for name in found:
            self._shelve(name, found)

    def _shelve(self, name: str, found: Mapping[str, Traversable]) -> None:
        if name in self._files:
            return
        content, named = found[name].read_bytes(), []

        def addressed(match: re.Match[str]) -> str:
            named.append(posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2])))
            self._shelve(named[-1], found)
            return f'{match[1]}"{self.url(named[-1])}"'

        if (pattern := _NAMED_IN.get(name.rpartition(".")[2])) is not None:
            content = pattern.sub(addressed, content.decode()).encode()
        self.add(name, content, tuple(named))

    def add(self, name: str, content: bytes, names: tuple[str, ...] = ()) -> None:
        """Put one file on the shelf. Two of the same name are a mistake."""
        assert name not in self._files, f"two static files are called {name}"
        kind = _KINDS[name.rpartition(".")[2]]
        self._files[name] = _File(content, kind, hashlib.sha256(content).hexdigest()[:16], names)

    def url(self, name: str) -> str:
        """Where `name` is served. KeyError when there is no such file."""
        return f"{self.prefix}/{self._files[name].digest}/{name}"

    def modules(self, name: str) -> list[str]:
        """Where the modules are that a script imports, and those import: a page asks for all of them at once."""
        known: dict[str, None] = {}
        waiting = [name]
        while waiting:
            new = [each for each in self._files[waiting.pop()].names if each not in known]
            known |= dict.fromkeys(new)
            waiting += new
        return [self.url(each) for each in known]

    def route(self) -> Route:
        """The route that serves the shelf."""
        return Route(f"{self.prefix}/{{digest}}/{{name:path}}", self._serve, include_in_schema=False)

    async def _serve(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return Response(status_code=404, media_type="text/plain")
        # While two releases serve side by side, a page of one may ask the other for its files: answer with what is
        # here, but do not let it be kept under the other's address.
        right = file.digest == request.path_params["digest"]
        cache = f"public, max-age={_YEAR_S}, immutable" if right else "no-cache"
        return Response(file.content, headers={"cache-control": cache, "content-type": file.kind})


def _walk(folder: Traversable, inside: str = "") -> Iterable[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{inside}{each.name}/")
        elif each.name.rpartition(".")[2] in _KINDS:
            yield f"{inside}{each.name}", each
