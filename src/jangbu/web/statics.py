"""Style sheets, fonts and scripts, at addresses that follow from their content and so may be kept for a year."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
_CSS_URL = re.compile(r'url\("([^":]+)"\)')
_YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    digest: str


class Statics:
    """`url("console.css")` → `/static/<digest>/console.css`. Folders of several capabilities share one shelf."""

    prefix = "/static"

    def __init__(self, *folders: Traversable) -> None:
        self._files: dict[str, _File] = {}
        found = dict(pair for folder in folders for pair in _walk(folder))
        # Style sheets last: they name other files, and their own digest must follow from those files' digests.
        for name in sorted(found, key=lambda name: (name.endswith(".css"), name)):
            content = found[name].read_bytes()
            if name.endswith(".css"):
                content = _CSS_URL.sub(lambda match: f'url("{self.url(match[1])}")', content.decode()).encode()
            self.add(name, content)

    def add(self, name: str, content: bytes) -> None:
        """Put one file on the shelf. Two of the same name are a mistake."""
        assert name not in self._files, f"two static files are called {name}"
        kind = _KINDS[name.rpartition(".")[2]]
        self._files[name] = _File(content, kind, hashlib.sha256(content).hexdigest()[:16])

    def url(self, name: str) -> str:
        """Where `name` is served. KeyError when there is no such file."""
        return f"{self.prefix}/{self._files[name].digest}/{name}"

    def names(self) -> Mapping[str, int]:
        """What is on the shelf, with sizes in bytes."""
        return {name: len(file.content) for name, file in self._files.items()}

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
