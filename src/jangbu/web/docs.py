"""`/api-docs`, `/admin-docs`, `/api/openapi.json`: the API's own pages, from our own address, with no internet.

Swagger UI comes out of the `swagger-ui-bundle` wheel; only its start is ours, in a file, so that the pages live
under the same strict Content-Security-Policy as all others.
"""

from html import escape
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from swagger_ui_bundle import swagger_ui_path

from jangbu.web.chrome import Mode
from jangbu.web.openapi import Audience, description
from jangbu.web.statics import Statics
from jangbu.web.texts import TEXTS

PUBLIC_JSON = "/api/openapi.json"
ADMIN_JSON = "/api/openapi-admin.json"

_SHIPPED = {
    "docs/swagger-ui.css": "swagger-ui.css",
    "docs/swagger-ui-bundle.js": "swagger-ui-bundle.js",
    "docs/favicon.png": "favicon-32x32.png",
}
_PAGE = """<!doctype html>
<html lang="ko">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{style}">
{mode_style}
</head>
<body>
{banner}
<div id="swagger-ui" data-description="{description}"></div>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>
</html>
"""


def shelve(statics: Statics) -> None:
    """Put Swagger UI on the shelf of static files."""
    for name, shipped in _SHIPPED.items():
        # The maps that the files name for debuggers are not served, and asking for them would be a 404 each time.
        content = Path(swagger_ui_path, shipped).read_bytes()
        statics.add(name, content.partition(b"sourceMappingURL=")[0] if shipped.endswith(("js", "css")) else content)


def routes(app: FastAPI, statics: Statics, mode: Mode) -> list[Route]:
    """The docs pages of `app`, which must have all its routes by the time somebody looks."""
    built: dict[Audience, JSONResponse] = {}

    def json_for(audience: Audience) -> JSONResponse:
        if audience not in built:
            # Not ours to encode: schemas rightly contain limits like 0.5, which the money encoder refuses.
            built[audience] = JSONResponse(description(app, audience))
        return built[audience]

    async def public_json(_: Request) -> Response:
        return json_for("public")

    async def admin_json(_: Request) -> Response:
        return json_for("admin")

    async def public_page(_: Request) -> Response:
        return _page(f"{app.title} API", PUBLIC_JSON, statics, mode)

    async def admin_page(_: Request) -> Response:
        return _page(f"{app.title} Admin API", ADMIN_JSON, statics, mode)

    return [
        Route("/api-docs", public_page, include_in_schema=False),
        Route("/admin-docs", admin_page, include_in_schema=False),
        Route(PUBLIC_JSON, public_json, include_in_schema=False),
        Route(ADMIN_JSON, admin_json, include_in_schema=False),
    ]


def _page(title: str, description_url: str, statics: Statics, mode: Mode) -> HTMLResponse:
    html = _PAGE.format(
        banner="" if mode == "live" else _banner(mode),
        mode_style="" if mode == "live" else f'<link rel="stylesheet" href="{statics.url("docs-mode.css")}">',
        title=escape(title),
        icon=statics.url("docs/favicon.png"),
        style=statics.url("docs/swagger-ui.css"),
        bundle=statics.url("docs/swagger-ui-bundle.js"),
        start=statics.url("docs-start.js"),
        description=escape(description_url),
    )
    return HTMLResponse(html)


def _banner(mode: Mode) -> str:
    said = " · ".join(dict.fromkeys(TEXTS[f"mode.{mode}.explained"]))
    return f'<p class="mode-banner" role="status"><strong>{TEXTS[f"mode.{mode}"][0]}</strong> {escape(said)}</p>'
