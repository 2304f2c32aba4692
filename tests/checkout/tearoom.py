"""A shop that shows `<jangbu-checkout>` on a page of its own, under a strict policy; what is seen there is kept."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Error as PageError
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from jangbu.checkout.rules import Session

from .counter import Counter

OUTPUT = Path(__file__).parents[2] / "test-output" / "element"
SHOWN_TRIES = 400
STATUS = "document.querySelector('jangbu-checkout')?.state?.status"
SHOP_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>찻집</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<script type="module" src="/jangbu-checkout.js"></script><script type="module" src="/shop.js"></script></head>
<body><main><h1>찻집</h1>
<jangbu-checkout url="{url}" session="{session}" {more}></jangbu-checkout></main></body>
</html>"""
SHOP_SCRIPT = """
window.told = [];
const element = document.querySelector("jangbu-checkout");
element.addEventListener("jangbu-change", ({ detail }) => window.told.push(detail.status));
element.addEventListener("jangbu-done", ({ detail }) => window.told.push(`paid ${detail.amount}`));
"""


@dataclass
class Tearoom:
    """A shop that shows the element on its own page: another origin than Jangbu, and another site."""

    counter: Counter
    url: str
    element: str
    axe: str
    package: Path
    """Where the JavaScript package and its examples are."""
    ports: tuple[int, ...]
    """Where shops may be whose pages may call us."""

    def app(self) -> Starlette:
        sandbox = self.counter.house.run.settings.portone_url
        policy = (
            f"default-src 'none'; script-src 'self' {sandbox}; connect-src {self.counter.url} {sandbox}; "
            f"frame-src {sandbox}"
        )

        async def page(request: Request) -> Response:
            given = request.query_params
            back = f"/?session={given['session']}&returns=1"
            more = f'return-url="{back}"' if "returns" in given else ""
            text = SHOP_PAGE.format(
                url=self.counter.url,
                session=given["session"],
                language=given.get("lang", "ko"),
                more=more,
            )
            return HTMLResponse(text, headers={"content-security-policy": policy})

        async def script(request: Request) -> Response:
            text = self.element if request.url.path == "/jangbu-checkout.js" else SHOP_SCRIPT
            return Response(text, media_type="text/javascript")

        return Starlette(
            routes=[Route("/", page), Route("/jangbu-checkout.js", script), Route("/shop.js", script)],
        )

    async def visit(self, page: Page, session: Session, more: str = "") -> None:
        await page.goto(f"{self.url}/?session={session.session_id}{more}")

    async def shown(self, page: Page, status: str) -> None:
        """Wait until the element shows a status. (`wait_for_function` would need a policy that lets it evaluate.)"""
        seen = None
        for _ in range(SHOWN_TRIES):
            try:
                seen = await page.evaluate(STATUS)
            except PageError as problem:
                # On a phone the window is a page of its own: asked on the way back, nobody is there to answer.
                if "navigation" not in str(problem):
                    raise
            if seen == status:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"it shows {seen} and not {status}")

    async def keep(self, page: Page, name: str, *, within: str = "jangbu-checkout", whole: bool = True) -> None:
        """A picture, and what must hold of every screen: no wider than the page, and nothing that axe finds."""
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0, f"{name}: the page is {overflow} px wider than the screen"
        await page.screenshot(path=OUTPUT / f"{name}.png", full_page=whole)
        await page.evaluate(self.axe)
        found = await page.evaluate("within => axe.run(within, {iframes: false})", within)
        wrong = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
        assert wrong == [], f"{name}: {wrong}"
        assert len(found["passes"]) > 5
