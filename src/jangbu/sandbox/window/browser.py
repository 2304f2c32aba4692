"""The shopper's side: the browser SDK, the payment window, and the small JSON API behind both (portone-facts
§7.1).
"""

from typing import Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from jangbu.sandbox.core import (
    accounts,
    approvals,
    channel_groups,
    choosing,
    confirming,
    declines,
    methods,
    opening,
    params,
    ways,
)
from jangbu.sandbox.core.currencies import written
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, BrowserRefusal, NotOurs
from jangbu.sandbox.core.records import Attempt, Failure, Window
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.v1 import window as v1_window
from jangbu.sandbox.window import checkout, identity_windows, issue_windows, pages, signing_in
from jangbu.sandbox.window.callers import decides, leaves, opens
from jangbu.sandbox.window.words import WORDS


class Decision(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What the shopper does in the window."""

    action: Literal["approve", "wait", "decline", "close"]
    method: str | None = None
    choice: str | None = None
    """Of `choices.USUAL`, or of what the merchant narrowed it to."""
    months: int | None = None
    """Over which a card pays; 0 is at once."""
    uses_points: bool | None = None
    reason: str | None = None


def open_attempt(
    parts: Parts, raw: bytes, *, user_agent: str, ip_address: str, opener_origin: str | None
) -> dict[str, Any]:
    """Begin an attempt from requestPayment's parameters; refuses as BrowserRefusal."""
    asked = params.read(raw)
    is_mobile = bool(opening.MOBILE.search(user_agent))
    offer = ways.offer_of(asked, asked.pay_method)
    if offer.discount_minor > asked.total_amount:
        raise opening.unreadable("card.cardPromotion takes off more than totalAmount")
    window = opening.window_of(asked, asked.pay_method, is_mobile=is_mobile, opener_origin=opener_origin, offer=offer)
    origin = {"platformType": "MOBILE" if is_mobile else "PC", "ipAddress": ip_address}
    if user_agent:
        origin["userAgent"] = user_agent
    if opener_origin:
        origin["url"] = opener_origin
    order = params.order_of(parts.world, asked)
    channel_key = asked.channel_key or ""
    if asked.channel_group_id is not None:
        window.channel_group_id = asked.channel_group_id
        group = asked.channel_group_id
        channel_key = channel_groups.pick(parts.world, asked.store_id, group, asked.payment_id, order)
    attempt = parts.world.open_window(
        asked.store_id,
        channel_key,
        asked.payment_id,
        order,
        window,
        origin,
        parts.clock.now(),
    )
    told = pages.opened(window, attempt.transaction_id, f"/transactions/{attempt.transaction_id}")
    return {"txId": attempt.transaction_id} | told


async def decide(parts: Parts, attempt: Attempt, decision: Decision) -> dict[str, Any]:
    """Do what the shopper did, and answer what requestPayment returns. Deciding again changes nothing."""
    if attempt.status != "READY" or attempt.payment_token is not None:
        # What was decided first stands, whatever button is pressed now.
        return result_of(attempt, attempt.failure)
    name = methods.named(decision.method or _offered(parts, attempt)[0])
    if decision.action == "wait" and not _can_wait(parts, attempt, name):
        raise NotOurs(f"{name} does not wait for the PG here")
    if decision.action in ("approve", "wait"):
        _pick(parts, attempt, name, decision)
        await confirming.ask(parts, attempt)
    now, failure = parts.clock.now(), None
    try:
        match decision.action:
            case "approve" | "wait":
                waits = decision.action == "wait"
                approvals.agree(parts.world, parts.faults, attempt, name, now, waits=waits)
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


def _pick(parts: Parts, attempt: Attempt, name: str, decision: Decision) -> None:
    """What is paid with, as far as anybody said. Refuses what the window does not offer."""
    assert attempt.window is not None, "only a browser's attempt has a window"
    order, offer = attempt.order, attempt.window.offer
    attempt.method = choosing.method_of(
        parts.world.ids,
        name,
        order,
        offer,
        choice=decision.choice,
        months=decision.months,
        uses_points=decision.uses_points,
    )
    if name == "card" and offer.discount_minor:
        order.discount_minor = offer.discount_minor


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
        result |= pages.told_of(failure)
    if attempt.order.version == "V1":
        result = v1_window.result_of(attempt, failure)
    return pages.redirected(attempt.window, result)


def window_page(parts: Parts, attempt: Attempt) -> pages.WindowPage:
    """The window as data: what can be paid with, the account that was issued, or that it is over."""
    window, order = attempt.window, attempt.order
    assert window is not None, "only a browser's attempt has a window"
    words = WORDS[window.language]
    amount = written(order.total_minor, order.currency)
    names = _offered(parts, attempt)
    label = {"virtual_account": "issue_account", "convenience_store": "issue_number"}.get(names[0], "pay")
    account, over = None, ""
    if attempt.status != "READY" or attempt.payment_token is not None:
        over = words["over"]
        if accounts.has_number(attempt):
            assert attempt.method is not None, "it has a number"
            over = words["deposited"] if attempt.has_paid else over
            if accounts.is_open(attempt) and not attempt.is_deposit_hidden:
                url = f"/__browser__/transactions/{attempt.transaction_id}/deposit"
                account = pages.issued_account(window, attempt.method, url)
    return pages.WindowPage(
        window=window,
        window_id=attempt.transaction_id,
        decision_url=f"/__browser__/transactions/{attempt.transaction_id}/decision",
        store_name=parts.world.state.stores[attempt.store_id].name,
        heading=order.order_name,
        reference=f"{words['order']} {attempt.payment_id}",
        amount=amount,
        is_live=parts.world.channel_of(attempt).type == "LIVE",
        approve_label=words[label].format(amount=amount),
        over=over,
        can_wait=_can_wait(parts, attempt, names[0]),
        methods=pages.method_choices(window, names),
        months=pages.month_choices(window, choosing.months_offered(order, window.offer)),
        sign_in_url=f"/__browser__/transactions/{attempt.transaction_id}/sign-in",
        declines=pages.decline_choices(window),
        account=account,
    )


def _can_wait(parts: Parts, attempt: Attempt, method: str) -> bool:
    """An account waits for money anyway, and what the server confirms waits for the server."""
    waits_for_money = method in ("virtual_account", "convenience_store")
    return not waits_for_money and not parts.world.channel_of(attempt).approves_manually


def _offered(parts: Parts, attempt: Attempt) -> tuple[str, ...]:
    assert attempt.window is not None, "only a browser's attempt has a window"
    return methods.offered(attempt.window, parts.world.channel_of(attempt).pg_provider)


def routes(parts: Parts) -> list[BaseRoute]:
    """The script, the window and the JSON API: a shop's page on any origin may open a window, and no more."""

    async def v2_script(_: Request) -> Response:
        return script_of("browser-sdk.js")

    async def v1_script(_: Request) -> Response:
        return script_of("iamport.js")

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
            return pages.refused(parts.world.inferred, refusal, transactionType="PAYMENT")
        return _answer_then_send(parts, opened)

    async def decision(request: Request) -> Response:
        attempt = parts.world.attempt(request.path_params["transactionId"])
        if attempt is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such transaction"})
        try:
            # The window's fields are text.
            decided = msgspec.json.decode(await request.body(), type=Decision, strict=False)
            return _answer_then_send(parts, await decide(parts, attempt, decided))
        except (*UNREADABLE, NotOurs) as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})

    def window_of(request: Request) -> Window | None:
        attempt = parts.world.attempt(request.path_params["transactionId"])
        return attempt.window if attempt is not None else None

    async def left(request: Request) -> Response:
        attempt = parts.world.attempt(request.path_params["transactionId"])
        assert attempt is not None, "it has a window"
        return _answer_then_send(parts, await decide(parts, attempt, Decision("close")))

    async def window(request: Request) -> Response:
        attempt = parts.world.attempt(request.path_params["transactionId"])
        if attempt is None or attempt.window is None:
            return pages.unknown()
        return pages.shown(window_page(parts, attempt))

    async def sign_in(request: Request) -> Response:
        return await signing_in.answer(request, window_of(request))

    async def deposit(request: Request) -> Response:
        """The sandbox's own: the shopper goes to the bank."""
        attempt = parts.world.attempt(request.path_params["transactionId"])
        if attempt is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such transaction"})
        if not accounts.has_number(attempt):
            return json_response(400, {"code": "RequestParseFailed", "message": "it has no account or counter number"})
        is_taken = accounts.pay_in(parts.world, parts.faults, attempt, parts.clock.now())
        return _answer_then_send(parts, {"isTaken": is_taken})

    api = Starlette(
        routes=[
            opens("/payments", open_),
            decides("/transactions/{transactionId}/decision", decision),
            decides("/transactions/{transactionId}/deposit", deposit),
            decides("/transactions/{transactionId}/sign-in", sign_in),
            leaves("/transactions/{transactionId}/left", window_of, left),
            Route("/transactions/{transactionId}/window", window),
            *issue_windows.routes(parts),
            *identity_windows.routes(parts),
            *checkout.routes(parts),
            *v1_window.routes(parts),
            Mount("/static", StaticFiles(directory=pages.HERE / "static")),
        ],
    )
    return [
        Route("/v2/browser-sdk.js", v2_script),
        Route("/v1/iamport.js", v1_script),
        Mount("/__browser__", api),
    ]


def script_of(name: str) -> Response:
    """An SDK with what both stand on, in one function: a shop's page gets one global and no more."""
    texts = [(pages.HERE / "scripts" / each).read_text(encoding="utf-8") for each in ("overlay.js", name)]
    text = "".join(('(() => {\n"use strict";\n', *texts, "})();\n"))
    headers = {"access-control-allow-origin": "*", "cache-control": "no-cache"}
    return Response(text, media_type="text/javascript", headers=headers)


def _answer_then_send(parts: Parts, body: dict[str, Any]) -> Response:
    """Webhooks leave after the browser has its answer; no order is promised (portone-facts §4.3)."""
    response = json_response(200, body)
    response.background = BackgroundTask(parts.nudge)
    return response
