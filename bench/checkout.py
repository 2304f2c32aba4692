"""What a payer on a slow phone waits for: the hosted page and the element, in a throttled Chromium."""

import asyncio
import shutil
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import Browser, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bench.figures import Finding, Round, interleaved
from bench.place import ROUNDS, Place
from jangbu import wiring
from jangbu.app import create, listen
from jangbu.audit import Actor
from jangbu.checkout.item_rules import Wish
from jangbu.checkout.service.items import NewItem, add_item
from jangbu.checkout.service.sessions import NewSession, create_session
from jangbu.runtime import Runtime
from jangbu.sandbox.app import running
from jangbu.settings import load

ELEMENT = Path(__file__).parents[1] / "js" / "dist" / "jangbu-checkout.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SLOWER = 4
LATENCY_MS, DOWN_BYTES_S, UP_BYTES_S = 150, 1_600_000 // 8, 750_000 // 8
"""A middling phone on a slow mobile network: what page audits commonly take for one."""
THROTTLED = f"{LATENCY_MS} ms there and back, {DOWN_BYTES_S * 8 / 1e6} Mbit/s, a processor {SLOWER} times slower"
PHONE = {"width": 390, "height": 844}
WAIT_MS_MAX, SHIFT_MAX, BYTES_MAX = 3_000, 0.1, 60_000
TARGET = f"≤ {WAIT_MS_MAX:,} ms, shift ≤ {SHIFT_MAX}, ≤ {BYTES_MAX // 1000} kB"
BENCH = Actor("bench")
PATIENCE_S = 60
WATCH = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.shift += each.value;
}).observe({ type: "layout-shift", buffered: true });
const isReady = () =>
  document.querySelector("#submit:not(:disabled)") ||
  document.querySelector("jangbu-checkout")?.state?.canPay ||
  (document.querySelector("#bare") && window.PortOne);
const look = () => {
  if (isReady()) window.tellReady(performance.now());
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
SHOP = """<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/shop.css">
{head}</head>
<body><main><h1>Shop</h1>{body}<p>What stands below, and ought to stay where it is.</p></main></body></html>"""
CSS = "jangbu-checkout:not(:defined) { display: block; min-height: 640px; }"


@dataclass(frozen=True)
class Visit:
    """One visit of somebody who was never there: until they could press, how far things jumped, what was sent."""

    ready_ms: float
    shift: float
    sent_bytes: int


@dataclass(frozen=True)
class Street:
    """The browser, and where the pages are."""

    browser: Browser
    hosted: str
    element: str
    bare: str
    portone: str


async def hosted(place: Place) -> Finding:
    """Until the hosted page's button can be pressed, against a page of nothing but PortOne's script."""
    return await _measured(place, "checkout", "hosted")


async def element(place: Place) -> Finding:
    """The same for `<jangbu-checkout>` on a shop's page of another origin."""
    if not ELEMENT.is_file():
        return _not_measured("checkout-element", "`npm ci && npm run build` in js/ makes what it measures")
    return await _measured(place, "checkout-element", "element")


def _not_measured(name: str, why: str) -> Finding:
    return Finding(name, "ms", [], [], "", TARGET, None, notes=[why])


async def _measured(place: Place, name: str, page: str) -> Finding:
    if CHROMIUM is None:
        return _not_measured(name, "no Chromium was found")
    async with place.database(f"bench_{page}") as where, _street(where, place.home) as street:
        visits: list[Visit] = []

        async def ours() -> float:
            visits.append(await _visit(street, getattr(street, page)))
            return visits[-1].ready_ms

        async def yardstick() -> float:
            return (await _visit(street, street.bare)).ready_ms

        await ours()
        visits.clear()
        rounds = await interleaved(ROUNDS, ours, yardstick, neighbours=place.neighbours)
    return _finding(name, rounds, visits)


def _finding(name: str, rounds: list[Round], visits: list[Visit]) -> Finding:
    shift, sent = max(each.shift for each in visits), max(each.sent_bytes for each in visits)
    waited = statistics.median(one.ours for one in rounds)
    return Finding(
        name=name,
        unit="ms",
        ours=[one.ours for one in rounds],
        yardstick=[one.yardstick for one in rounds],
        yardstick_name="PortOne's script alone",
        target=TARGET,
        held=waited <= WAIT_MS_MAX and shift <= SHIFT_MAX and sent <= BYTES_MAX,
        notes=[f"{sent:,} bytes besides PortOne's script, layout shift {shift:.3f}", THROTTLED],
        others=[one.others for one in rounds if one.others is not None],
    )


async def _visit(street: Street, address: str) -> Visit:
    context = await street.browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    try:
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        await devtools.send("Network.enable")
        speed = {"latency": LATENCY_MS, "downloadThroughput": DOWN_BYTES_S, "uploadThroughput": UP_BYTES_S}
        await devtools.send("Network.emulateNetworkConditions", {"offline": False, **speed})
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        theirs: set[str] = set()
        sizes: dict[str, float] = {}

        def begun(event: dict[str, Any]) -> None:
            if event["request"]["url"].startswith(street.portone):
                theirs.add(event["requestId"])

        def ended(event: dict[str, Any]) -> None:
            sizes[event["requestId"]] = event["encodedDataLength"]

        devtools.on("Network.requestWillBeSent", begun)
        devtools.on("Network.loadingFinished", ended)
        ready: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        await page.expose_function("tellReady", lambda at_ms: ready.set_result(at_ms))
        await page.add_init_script(WATCH)
        await page.goto(address)
        ready_ms = await asyncio.wait_for(ready, PATIENCE_S)
        # What jumps when everything has been drawn counts too.
        await page.wait_for_load_state("networkidle")
        shift = await page.evaluate("window.shift")
        return Visit(ready_ms, shift, int(sum(size for key, size in sizes.items() if key not in theirs)))
    finally:
        await context.close()


@asynccontextmanager
async def _street(where: wiring.Addresses, home: Path) -> AsyncIterator[Street]:
    with listen("127.0.0.1", 0) as ours, listen("127.0.0.1", 0) as theirs:
        url, shop = (
            f"http://{host}:{at.getsockname()[1]}" for host, at in (("127.0.0.1", ours), ("localhost", theirs))
        )
        async with running(seed=1) as (portone, _):
            settings = load(
                _env_file=None,
                JANGBU_MODE="sandbox",
                JANGBU_HOME=home,
                JANGBU_PORT=ours.getsockname()[1],
                JANGBU_SANDBOX_PORT=int(portone.rpartition(":")[2]),
                ALLOWED_ORIGINS=shop,
            )
            async with (
                wiring.build(settings, where) as wired,
                _served(create(wired), ours),
                _served(_shop(url, portone), theirs),
                async_playwright() as playwright,
            ):
                session = await _session(wired.system)
                flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
                yield Street(
                    browser, f"{url}/pay/{session}?lang=ko", f"{shop}/?session={session}", f"{shop}/bare", portone
                )
                await browser.close()


async def _session(run: Runtime) -> str:
    item = await add_item(NewItem("보리차", 5_500, "Barley tea", stock=10), store_id=None, actor=BENCH, run=run)
    made = await create_session(NewSession((Wish(item.id, 2),)), store_id=None, actor=BENCH, run=run)
    return made.session.session_id


def _shop(url: str, portone: str) -> Starlette:
    async def with_element(request: Request) -> Response:
        body = f'<jangbu-checkout url="{url}" session="{request.query_params["session"]}"></jangbu-checkout>'
        head = '<script type="module" src="/jangbu-checkout.js"></script>'
        return HTMLResponse(SHOP.format(head=head, body=body))

    async def bare(_: Request) -> Response:
        return HTMLResponse(
            SHOP.format(head=f'<script src="{portone}/v2/browser-sdk.js"></script>', body='<p id="bare">')
        )

    async def script(_: Request) -> Response:
        return Response(ELEMENT.read_bytes(), media_type="text/javascript")

    async def css(_: Request) -> Response:
        return Response(CSS, media_type="text/css")

    paths = {"/": with_element, "/bare": bare, "/jangbu-checkout.js": script, "/shop.css": css}
    return Starlette(routes=[Route(path, each) for path, each in paths.items()])


@asynccontextmanager
async def _served(app: Any, listener: Any) -> AsyncIterator[None]:
    config = uvicorn.Config(app, access_log=False, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not serving.done(), "the server did not start"
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await serving
