"""The web program: mounts the doors of the capabilities, and serves them."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import uvicorn
from fastapi import FastAPI
from jinja2 import PackageLoader
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from jangbu import mode_guard, wiring
from jangbu.access import again_pages, audit_pages, key_pages, own_pages, payer_pages, people_pages
from jangbu.access import api as access_api
from jangbu.access import pages as access_pages
from jangbu.access.audit_texts import TEXTS as AUDIT_TEXTS
from jangbu.access.guard import Caller, declare, install, refuse_undeclared, rules_of
from jangbu.access.rules import Public
from jangbu.access.texts import TEXTS as ACCESS_TEXTS
from jangbu.checkout import alias_pages, buy_pages, item_api, item_pages, me_api
from jangbu.checkout import api as checkout_api
from jangbu.checkout import pages as checkout_pages
from jangbu.checkout.texts import TEXTS as CHECKOUT_TEXTS
from jangbu.errors import SetupProblem
from jangbu.failpoints import arm_from_environment
from jangbu.identity import api as identity_api
from jangbu.identity import pages as identity_pages
from jangbu.identity.texts import TEXTS as IDENTITY_TEXTS
from jangbu.inbox import api as inbox_api
from jangbu.inbox import log_api as inbox_log_api
from jangbu.inbox import pages as inbox_pages
from jangbu.inbox.texts import TEXTS as INBOX_TEXTS
from jangbu.insight import pages as insight_pages
from jangbu.insight.texts import TEXTS as INSIGHT_TEXTS
from jangbu.ledger import export_api as ledger_export_api
from jangbu.ledger import pages as ledger_pages
from jangbu.ledger.texts import TEXTS as LEDGER_TEXTS
from jangbu.metrics import api as metrics_api
from jangbu.notices import pages as notices_pages
from jangbu.notices.rules import ALERTS
from jangbu.notices.texts import TEXTS as NOTICE_TEXTS
from jangbu.outbox import api as outbox_api
from jangbu.outbox import pages as outbox_pages
from jangbu.outbox.texts import TEXTS as OUTBOX_TEXTS
from jangbu.payments import api as payments_api
from jangbu.payments import review_rules, v1_api
from jangbu.payments.after import api as method_api
from jangbu.payments.after import pages as method_pages
from jangbu.payments.cancellations import api as cancel_api
from jangbu.payments.cancellations import pages as refund_pages
from jangbu.payments.channels import pages as channel_pages
from jangbu.payments.confirm import api as confirm_api
from jangbu.payments.confirm import pages as question_pages
from jangbu.payments.lists import api as payment_list_api
from jangbu.payments.lists import export_api as payment_export_api
from jangbu.payments.lists import pages as payment_list_pages
from jangbu.payments.lists.page import LIST_TEXTS
from jangbu.payments.story import cards, escrow_card
from jangbu.payments.story import pages as story_pages
from jangbu.payments.story import telling as payments_pages
from jangbu.payments.story.method_words import TEXTS as METHOD_TEXTS
from jangbu.payments.story.texts import PAYMENT_TEXTS
from jangbu.ready import say_ready
from jangbu.runtime import Runtime, follow_sandbox_clock
from jangbu.settings import Settings
from jangbu.web import health
from jangbu.web.app_kit import Looks, WebOptions, assemble
from jangbu.web.chrome import NavItem, SignedIn, sign_in_as
from jangbu.web.server import KEPT_S, Server

WEBHOOK_BYTES_MAX = 64 * 1024
OPEN_TO_ALL = {
    "/api-docs": "says how to call us; shows no data",
    "/admin-docs": "says how staff call us; shows no data",
    "/api/openapi.json": "the same, for programs",
    "/api/openapi-admin.json": "the same, for programs",
    "/static/{digest}/{name:path}": "style sheets and fonts",
}
"""The routes the web floor brings itself, and why nobody needs to be known to see them."""


CATALOGUES = (
    PAYMENT_TEXTS,
    METHOD_TEXTS,
    LIST_TEXTS,
    payments_pages.TEXTS,
    refund_pages.TEXTS,
    cards.TEXTS,
    review_rules.TEXTS,
    escrow_card.TEXTS,
    channel_pages.TEXTS,
    question_pages.TEXTS,
    OUTBOX_TEXTS,
    NOTICE_TEXTS,
    INBOX_TEXTS,
    ACCESS_TEXTS,
    AUDIT_TEXTS,
    IDENTITY_TEXTS,
    CHECKOUT_TEXTS,
    INSIGHT_TEXTS,
    LEDGER_TEXTS,
)
"""What the console says, beyond the words of the web floor."""
WITH_PAGES = ("payments", "outbox", "notices", "inbox", "access", "insight", "identity", "checkout", "ledger")
"""Rooms that bring templates."""


def create(wired: wiring.Wired) -> FastAPI:
    """The application over a wired house. Refuses to be built with a route that declares no rule."""
    settings, people, system = wired.settings, wired.request, wired.system
    app = assemble(
        [
            payments_api.routes(people, wired.portone, wired.approves),
            cancel_api.routes(people, wired.portone),
            method_api.routes(people, wired.portone),
            v1_api.routes(people, wired.portone),
            checkout_api.routes(people, wired.portone),
            me_api.routes(people),
            item_api.routes(people),
            checkout_pages.routes(people, wired.portone),
            alias_pages.routes(people),
            buy_pages.routes(people),
            item_pages.routes(people),
            payment_list_api.routes(people),
            payment_export_api.routes(people),
            ledger_export_api.routes(people),
            *confirm_api.routes(wired.webhooks, wired.portone, wired.approves, wired.metrics.confirm_answer),
            ledger_pages.routes(people, payments_pages.page_of_entry),
            *inbox_api.routes(wired.webhooks, wired.metrics.webhook),
            inbox_api.v1_route(wired.webhooks, wiring.v1_payments(wired.webhooks), wired.metrics.webhook),
            inbox_log_api.routes(people),
            inbox_pages.routes(people),
            outbox_api.routes(people, wired.sender),
            payment_list_pages.routes(people),
            story_pages.routes(people),
            refund_pages.routes(people, wired.portone),
            method_pages.routes(people, wired.portone),
            channel_pages.routes(people),
            question_pages.routes(people),
            outbox_pages.routes(people, wired.sender),
            notices_pages.routes(people),
            identity_api.routes(people, wired.portone),
            identity_pages.routes(people),
            insight_pages.routes(people),
            access_pages.routes(people, home=insight_pages.HOME),
            people_pages.routes(people),
            key_pages.routes(people),
            payer_pages.routes(people),
            own_pages.routes(people),
            again_pages.routes(people),
            audit_pages.routes(people),
            access_api.routes(people),
            *health.routes(people, system),
            metrics_api.route(wired.metrics, wired.state(), settings),
        ],
        options=WebOptions(
            allowed_origins=settings.origins,
            https=settings.url.startswith("https://"),
            trusted_proxies=settings.proxies,
            mode=settings.mode,
            body_bytes_by_path=dict.fromkeys((*inbox_api.PATHS, inbox_api.V1, *confirm_api.PATHS), WEBHOOK_BYTES_MAX),
        ),
        clock=system.clock,
        ids=system.ids,
        title="Jangbu",
        looks=Looks(
            templates=tuple(PackageLoader(f"jangbu.{name}") for name in WITH_PAGES),
            statics=(files("jangbu.checkout") / "static",),
            packages={"js": checkout_pages.package()},
            texts=CATALOGUES,
            nav=(
                NavItem("nav.home", insight_pages.HOME, "nav.group.daily"),
                NavItem("nav.payments", payments_pages.LIST, "nav.group.daily", "payments:read"),
                NavItem("nav.refunds", refund_pages.REFUNDS, "nav.group.daily", "payments:read"),
                NavItem("nav.identity", identity_pages.LIST, "nav.group.daily", "identity:read"),
                NavItem("nav.items", item_pages.ITEMS, "nav.group.daily", "items:read"),
                NavItem("nav.journal", ledger_pages.JOURNAL, "nav.group.close", "books:read"),
                NavItem("nav.alerts", ALERTS, "nav.group.watch", "notices:read"),
                NavItem("nav.webhooks", inbox_pages.HOME, "nav.group.watch", "webhooks:read"),
                NavItem("nav.questions", question_pages.QUESTIONS, "nav.group.watch", "payments:read"),
                NavItem("nav.events", outbox_pages.HOME, "nav.group.watch", "events:read"),
                NavItem("nav.notices", notices_pages.NOTICES, "nav.group.watch", "notices:read"),
                NavItem("nav.channels", channel_pages.CHANNELS, "nav.group.watch", "payments:read"),
                NavItem("nav.people", people_pages.PEOPLE, "nav.group.people", "staff:manage"),
                NavItem("nav.keys", key_pages.KEYS, "nav.group.people", "keys:read"),
                NavItem("nav.audit", audit_pages.AUDIT, "nav.group.people", "audit:read"),
            ),
        ),
    )
    install(app, people, greet=_show_who_is_signed_in)
    again_pages.install(app, people)
    for route in app.routes:
        if isinstance(route, Route) and route.path in OPEN_TO_ALL:
            declare(route, Public(OPEN_TO_ALL[route.path]))
    refuse_undeclared(app)
    if settings.mode == "sandbox":
        app.add_middleware(_FollowsClock, run=system)
    templates = [path for _, path in rules_of(app)]
    app.add_middleware(metrics_api.CountsRequests, metrics=wired.metrics, templates=templates)
    return app


def _show_who_is_signed_in(connection: HTTPConnection, caller: Caller) -> None:
    role = "" if caller.role is None else caller.role.value
    sign_in_as(connection, SignedIn(caller.name, role, access_pages.SIGN_OUT, caller.scopes, own_pages.ME))


class _FollowsClock:
    """Sandbox mode: take the moved clock's offset before each request (design §4.7)."""

    def __init__(self, app: ASGIApp, run: Runtime) -> None:
        self._app = app
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            with contextlib.suppress(Exception):
                # The request itself will say that the database is away.
                await follow_sandbox_clock(self._run)
        await self._app(scope, receive, send)


async def serve(settings: Settings, *, with_worker: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is being answered."""
    if settings.mode == "sandbox":
        arm_from_environment()
    listener = listen(settings.host, settings.port)
    async with running(settings) as wired:
        worker = wired.worker() if with_worker else None
        server = Server(served_so(create(wired), drain_s=settings.drain_s), on_start=say_ready)
        working = asyncio.create_task(worker.run()) if worker else None

        def stop() -> None:
            # Asked a second time, it does not wait for what is being answered.
            server.force_exit = server.should_exit
            server.should_exit = True
            if worker:
                worker.stop()

        stop_on_signals(stop)
        await server.serve(sockets=[listener])
        if worker and working:
            worker.stop()
            await working


def served_so(app: ASGIApp, *, drain_s: int) -> uvicorn.Config:
    """How uvicorn serves us. It must not read X-Forwarded-For: web/proxies.py does, and knows whom to believe."""
    return uvicorn.Config(
        app,
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEPT_S,
        timeout_graceful_shutdown=drain_s,
        lifespan="off",
        proxy_headers=False,
    )


@asynccontextmanager
async def running(settings: Settings, *, takes_webhooks: bool = True) -> AsyncIterator[wiring.Wired]:
    """The wired house on the database that the settings name. Raises SetupProblem where the mode forbids to start."""
    if missing := mode_guard.not_ready(settings.said):
        raise SetupProblem(". ".join(missing) + ".")
    async with (
        wiring.addresses(settings) as where,
        wiring.build(settings, where, takes_webhooks=takes_webhooks) as wired,
    ):
        yield wired


def listen(host: str, port: int, *, setting: str = "JANGBU_PORT") -> socket.socket:
    """A listening socket. Raises SetupProblem when the port is taken or not ours to take."""
    if not 0 <= port <= 65535:
        raise SetupProblem(f"{port} is not a port: it must be from 1 to 65535. Correct {setting}.")
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as taken:
        raise SetupProblem(
            f"Port {port} on {host} cannot be used: {os.strerror(taken.errno or 0)}. Another program probably listens "
            f"there; stop it, or choose another port with {setting}."
        ) from taken


def stop_on_signals(stop: Any) -> None:
    """Call `stop` on each SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)
