"""The shopper's side: the browser SDK, the payment window, and the small JSON API behind both (portone-facts
§7.1).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jinja2
import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from jangbu.money import Money, written
from jangbu.sandbox.core import approvals, confirming, declines, methods, params
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import BrowserRefusal, NotOurs
from jangbu.sandbox.core.records import Attempt, Failure, Window
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.v1 import window as v1_window
from jangbu.sandbox.window import identity_windows, issue_windows
from jangbu.sandbox.window.words import WORDS

HERE = Path(__file__).parent
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
MOBILE = re.compile(r"Mobi|Android|iPhone|iPad")


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """What the shopper does in the window."""

    action: Literal["approve", "decline", "close"]
    method: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeclineChoice:
    name: str
    label: str
    is_hard: bool


@dataclass(frozen=True, slots=True)
class WindowPage:
    """All that templates/window.html may use."""

    words: Mapping[str, str]
    language: str
    transaction_id: str
    store_name: str
    order_name: str
    amount: str
    pay_label: str
    payment_id: str
    is_live: bool
    is_over: bool
    is_redirection: bool
    opener_origin: str
    methods: tuple[tuple[str, str], ...]
    declines: tuple[DeclineChoice, ...]


def open_attempt(
    parts: Parts, raw: bytes, *, user_agent: str, ip_address: str, opener_origin: str | None
) -> dict[str, Any]:
    """Begin an attempt from requestPayment's parameters; refuses as BrowserRefusal."""
    asked = params.read(raw)
    is_mobile = bool(MOBILE.search(user_agent))
    window = params.window_of(asked, is_mobile=is_mobile, opener_origin=opener_origin)
    origin = {"platformType": "MOBILE" if is_mobile else "PC", "ipAddress": ip_address}
    if user_agent:
        origin["userAgent"] = user_agent
    if opener_origin:
        origin["url"] = opener_origin
    assert asked.channel_key is not None, "params.read has seen to it"
    attempt = parts.world.open_window(
        asked.store_id,
        asked.channel_key,
        asked.payment_id,
        params.order_of(parts.world, asked),
        window,
        origin,
        parts.clock.now(),
    )
    return {
        "txId": attempt.transaction_id,
        "windowUrl": f"/__browser__/window/{attempt.transaction_id}",
        "display": window.display,
    }


async def decide(parts: Parts, attempt: Attempt, decision: Decision) -> dict[str, Any]:
    """Do what the shopper did, and answer what requestPayment returns. Deciding again changes nothing."""
    if attempt.status != "READY" or attempt.payment_token is not None:
        # What was decided first stands, whatever button is pressed now.
        return result_of(attempt, attempt.failure)
    if decision.action == "approve":
        await confirming.ask(parts, attempt)
    now, failure = parts.clock.now(), None
    try:
        match decision.action:
            case "approve":
                name = methods.named(decision.method or _offered(parts, attempt)[0])
                approvals.agree(parts.world, parts.faults, attempt, name, now)
            case "decline":
                reason = declines.reason_named(decision.reason or "insufficient_funds")
                parts.world.decline(attempt, reason, now)
            case "close":
                failure = parts.world.close_window(attempt, now)
    except BrowserRefusal as refusal:
        failure = Failure(refusal.code, refusal.message, "", "")
    if attempt.status != "READY":
        failure = attempt.failure
    v1_window.register_key(parts.world, attempt)
    await parts.courier.send_before_return(attempt.transaction_id)
    return result_of(attempt, failure)


def result_of(attempt: Attempt, failure: Failure | None) -> dict[str, Any]:
    """requestPayment's answer: it failed if and only if there is a `code` (portone-facts §7.1)."""
    result: dict[str, Any] = {
        "transactionType": "PAYMENT",
        "txId": attempt.transaction_id,
        "paymentId": attempt.payment_id,
    }
    if failure is None and attempt.payment_token is not None:
        result["paymentToken"] = attempt.payment_token
    if failure is not None:
        result |= {"code": failure.code, "message": failure.reason}
        more = {"pgCode": failure.pg_code, "pgMessage": failure.pg_message}
        result |= {name: value for name, value in more.items() if value}
    if attempt.order.version == "V1":
        result = v1_window.result_of(attempt, failure)
    if attempt.window is not None and attempt.window.display == "REDIRECTION":
        result["redirectTo"] = redirect_target(attempt.window, result)
    return result


def redirect_target(window: Window, result: Mapping[str, str]) -> str:
    """redirectUrl with the same values as query parameters, beside those it has (portone-facts §7.1)."""
    assert window.redirect_url is not None, "a redirection has a redirectUrl"
    url = urlsplit(window.redirect_url)
    query = [*parse_qsl(url.query, keep_blank_values=True), *result.items()]
    return urlunsplit((url.scheme, url.netloc, url.path, urlencode(query), url.fragment))


def window_page(parts: Parts, attempt: Attempt) -> WindowPage:
    """The window as data."""
    window, order = attempt.window, attempt.order
    assert window is not None, "only a browser's attempt has a window"
    words = WORDS[window.language]
    amount = written(Money(order.total_minor, order.currency))
    return WindowPage(
        words=words,
        language=window.language,
        transaction_id=attempt.transaction_id,
        store_name=parts.world.state.stores[attempt.store_id].name,
        order_name=order.order_name,
        amount=amount,
        pay_label=words["pay"].format(amount=amount),
        payment_id=attempt.payment_id,
        is_live=parts.world.channel_of(attempt).type == "LIVE",
        is_over=attempt.status != "READY" or attempt.payment_token is not None,
        is_redirection=window.display == "REDIRECTION",
        opener_origin=window.opener_origin or "",
        methods=tuple((name, words[name]) for name in _offered(parts, attempt)),
        declines=tuple(
            DeclineChoice(reason.name, reason.ko if window.language == "ko" else reason.en, reason.is_hard)
            for reason in declines.REASONS.values()
        ),
    )


def _offered(parts: Parts, attempt: Attempt) -> tuple[str, ...]:
    assert attempt.window is not None, "only a browser's attempt has a window"
    return methods.offered(attempt.window.pay_method, parts.world.channel_of(attempt).pg_provider)


def routes(parts: Parts) -> list[BaseRoute]:
    """The script, the window and the JSON API; the latter two answer a shop's page on any origin."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )

    async def script(_: Request) -> Response:
        headers = {"access-control-allow-origin": "*", "cache-control": "no-cache"}
        text = (HERE / "static" / "browser-sdk.js").read_text(encoding="utf-8")
        return Response(text, media_type="text/javascript", headers=headers)

    async def open_(request: Request) -> Response:
        try:
            opened = open_attempt(
                parts,
                await request.body(),
                user_agent=request.headers.get("user-agent", ""),
                ip_address=request.client.host if request.client else "127.0.0.1",
                opener_origin=request.headers.get("origin"),
            )
        except BrowserRefusal as refusal:
            return _refused(parts, refusal)
        return _answer_then_send(parts, opened)

    async def decision(request: Request) -> Response:
        attempt = parts.world.attempt(request.path_params["transactionId"])
        if attempt is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such transaction"})
        try:
            decided = msgspec.json.decode(await request.body(), type=Decision)
            return _answer_then_send(parts, await decide(parts, attempt, decided))
        except (msgspec.DecodeError, NotOurs) as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})

    async def window(request: Request) -> Response:
        attempt = parts.world.attempt(request.path_params["transactionId"])
        if attempt is None or attempt.window is None:
            return Response("없는 결제창입니다. No such payment window.", 404, media_type="text/plain")
        page = window_page(parts, attempt)
        html = templates.get_template("window.html").render(page=page)
        return HTMLResponse(html, headers=_window_headers(page))

    api = Starlette(
        routes=[
            Route("/payments", open_, methods=["POST"]),
            Route("/transactions/{transactionId}/decision", decision, methods=["POST"]),
            Route("/window/{transactionId}", window),
            *issue_windows.routes(parts),
            *identity_windows.routes(parts),
            *v1_window.routes(parts),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])],
    )
    return [Route("/v2/browser-sdk.js", script), Mount("/__browser__", api)]


def _answer_then_send(parts: Parts, body: dict[str, Any]) -> Response:
    """Webhooks leave after the browser has its answer; no order is promised (portone-facts §4.3)."""
    response = json_response(200, body)
    response.background = BackgroundTask(parts.nudge)
    return response


def _refused(parts: Parts, refusal: BrowserRefusal) -> Response:
    """400 is what the script throws, 200 with a `code` what it returns."""
    body: dict[str, Any] = {"transactionType": "PAYMENT", "code": refusal.code, "message": refusal.message}
    if refusal.pg_code:
        body |= {"pgCode": refusal.pg_code, "pgMessage": refusal.pg_message}
    is_thrown = refusal.code == "RequestParseFailed" or parts.world.inferred.browser_refusals_are_thrown
    return json_response(400 if is_thrown else 200, body)


def _window_headers(page: WindowPage) -> dict[str, str]:
    """Nothing inline, nothing from elsewhere; only the origin that opened the window may frame it, where it
    said its name.
    """
    opener = page.opener_origin if ORIGIN.fullmatch(page.opener_origin) else "*"
    framed_by = "'none'" if page.is_redirection else opener
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'none'; base-uri 'none'; frame-ancestors {framed_by}"
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
