"""`/__sandbox__/`: look at the world and bend it. No auth, so it listens to programs on this machine only,
never to a page of another origin.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from jangbu import sandbox
from jangbu.sandbox import control_billing, control_settings, orders, saving, script, script_file
from jangbu.sandbox.control_views import attempt_of, clock_of, payments_of, state_of, webhook_of
from jangbu.sandbox.core import chores
from jangbu.sandbox.core.faults import Fault, as_list
from jangbu.sandbox.core.idempotency import forget_old
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import LONGEST_S, UNREADABLE, ApiError, BrowserRefusal, NotOurs
from jangbu.sandbox.core.records import ChannelType, V1Settings, WebhookVersion
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.window import browser, identity_windows, pages
from jangbu.sandbox.window.callers import is_at_home

Body = TypeVar("Body")
V1_WEBHOOK_RETRIES_MAX = 5


class MoveClock(msgspec.Struct, forbid_unknown_fields=True):
    """One of the three."""

    move_s: float | None = None
    freeze: bool | datetime | None = None
    """True: now. A time: move there first, doing what falls due on the way."""
    real: bool | None = None


class Config(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Settings that PortOne's console has. Without an environment both are set."""

    store_id: str | None = None
    environment: ChannelType | None = None
    webhook_url: str | msgspec.UnsetType | None = msgspec.UNSET
    webhook_secrets: list[str] | None = None
    webhook_version: WebhookVersion | None = None
    webhook_is_form: bool | None = None
    v1_webhook_url: str | msgspec.UnsetType | None = msgspec.UNSET
    v1_webhook_is_form: bool | None = None
    v1_webhook_retries: int | None = None
    v1_tiers: list[str] | None = None


class Resend(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    webhook_id: str | None = None


class Reset(msgspec.Struct, forbid_unknown_fields=True):
    """With a seed, the ids begin as they do in any sandbox of that seed."""

    seed: int | None = None


def configure(parts: Parts, asked: Config) -> dict[str, Any]:
    """Set the store's webhook settings, as a merchant does in PortOne's console (portone-facts §1.5, §4.1,
    §4.2). Refuses all of it when one is wrong.
    """
    state = parts.world.state
    store = state.stores.get(asked.store_id) if asked.store_id else next(iter(state.stores.values()))
    if store is None:
        raise NotOurs(f"no store {asked.store_id}; known: {', '.join(state.stores)}")
    control_settings.refuse_unusable(asked.webhook_url, asked.v1_webhook_url, secrets=asked.webhook_secrets)
    if asked.v1_webhook_retries is not None and not 0 <= asked.v1_webhook_retries <= V1_WEBHOOK_RETRIES_MAX:
        raise NotOurs(f"V1 sends a webhook again at most {V1_WEBHOOK_RETRIES_MAX} times")
    for environment, settings in store.webhooks.items():
        if asked.environment not in (None, environment):
            continue
        if asked.webhook_url is not msgspec.UNSET:
            settings.url = asked.webhook_url or None
        settings.secrets = asked.webhook_secrets or settings.secrets
        settings.version = asked.webhook_version or settings.version
        if asked.webhook_is_form is not None:
            settings.is_form = asked.webhook_is_form
    if store.v1 is not None:
        _configure_v1(store.v1, asked)
    shown = {"storeId": store.id, "webhooks": msgspec.to_builtins(store.webhooks)}
    return shown if store.v1 is None else shown | {"v1": msgspec.to_builtins(store.v1)}


def _configure_v1(settings: V1Settings, asked: Config) -> None:
    """The older API's own webhook settings, which know no environments (portone-facts §4.5) [I: v1_webhook_address]."""
    if asked.v1_webhook_url is not msgspec.UNSET:
        settings.webhook_url = asked.v1_webhook_url or None
    if asked.v1_webhook_is_form is not None:
        settings.webhook_is_form = asked.v1_webhook_is_form
    settings.tiers = asked.v1_tiers if asked.v1_tiers is not None else settings.tiers
    if asked.v1_webhook_retries is not None:
        settings.webhook_retries = asked.v1_webhook_retries


async def set_clock(parts: Parts, asked: MoveClock) -> dict[str, Any]:
    """Move, freeze or let run. It never goes back."""
    given = [value for value in (asked.move_s, asked.freeze, asked.real) if value is not None]
    if len(given) != 1 or given[0] is False:
        raise NotOurs('say one of {"move_s": 60}, {"freeze": true}, {"freeze": "<time>"}, {"real": true}')
    if asked.real:
        parts.clock.run()
    elif asked.move_s is not None:
        if not 0 <= asked.move_s <= LONGEST_S:
            raise NotOurs("the clock does not run backwards, nor more than a century at once")
        await parts.clock.move(timedelta(seconds=asked.move_s))
    else:
        if isinstance(asked.freeze, datetime):
            now = parts.clock.now()
            if asked.freeze.tzinfo is None or not 0 <= (asked.freeze - now).total_seconds() <= LONGEST_S:
                raise NotOurs("freeze at a time with a UTC offset that is not past, nor more than a century ahead")
        parts.clock.freeze()
        if isinstance(asked.freeze, datetime):
            await parts.clock.move(max(asked.freeze - parts.clock.now(), timedelta()))
    forget_old(parts.world, parts.clock.now())
    return clock_of(parts)


async def pay(parts: Parts, raw: bytes) -> dict[str, Any]:
    """A shopper opens a window and agrees, in one step: requestPayment's parameters, and `method` (a name of
    `methods.METHODS`). Answers what requestPayment returns, a refusal's `code` included.
    """
    asked = msgspec.json.decode(raw or b"{}", type=dict[str, Any])
    method = asked.pop("method", None)
    params = {
        "storeId": sandbox.STORE_ID,
        "channelKey": sandbox.CARD_CHANNEL,
        "orderName": "보리차",
        "totalAmount": 1000,
        "currency": "KRW",
        "payMethod": "CARD",
        **asked,
    }
    try:
        opened = browser.open_attempt(
            parts, msgspec.json.encode(params), user_agent="", ip_address="127.0.0.1", opener_origin=None
        )
    except BrowserRefusal as refusal:
        return {"transactionType": "PAYMENT"} | pages.told_of_refusal(refusal)
    attempt = parts.world.attempt(opened["txId"])
    assert attempt is not None, "it was just begun"
    return await browser.decide(parts, attempt, browser.Decision("approve", method))


def reset(parts: Parts, seed: int | None = None) -> dict[str, Any]:
    """A fresh world, as `saving.reset` makes it."""
    saving.reset(parts, seed)
    return state_of(parts)


async def resend(parts: Parts, payment_id: str, webhook_id: str | None) -> dict[str, Any]:
    """Send the payment's latest webhook, or the named one, again."""
    found = [payment for payment in parts.world.payments() if payment.id == payment_id]
    if not found:
        raise ApiError("PAYMENT_NOT_FOUND", f"no payment {payment_id}")
    delivery = parts.world.webhook_to_resend(found[0], webhook_id)
    await parts.courier.resend(delivery)
    return webhook_of(delivery)


def approve_late(parts: Parts, transaction_id: str) -> dict[str, Any]:
    """The PG approves after all, even a failed attempt (portone-facts §10.6)."""
    attempt = parts.world.attempt(transaction_id)
    if attempt is None:
        raise NotOurs(f"no transaction {transaction_id}")
    if not attempt.is_deposit_hidden:
        # This is the word that was waited for, so no other comes. News of a deposit come all the same.
        chores.drop(parts.world.state, transaction_id)
    parts.world.approve(attempt, "card", parts.clock.now(), is_late=True)
    return attempt_of(attempt)


def routes(parts: Parts) -> list[BaseRoute]:
    """The JSON API over the functions above."""
    world, faults = parts.world, parts.faults

    async def state(_: Request) -> Any:
        return state_of(parts)

    async def payments(_: Request) -> Any:
        return {"items": payments_of(parts)}

    async def webhooks(_: Request) -> Any:
        return {"items": [webhook_of(delivery) for delivery in world.state.deliveries]}

    async def clock(request: Request) -> Any:
        if request.method == "GET":
            return clock_of(parts)
        return await set_clock(parts, await _body(request, MoveClock))

    async def faults_(request: Request) -> Any:
        if request.method == "POST":
            faults.order(*await _body(request, list[Fault]))
        return {"items": as_list(faults.waiting)}

    async def forget(request: Request) -> Any:
        raw = await request.body()
        faults.forget(msgspec.json.decode(raw, type=Fault) if raw else None)
        return {"items": as_list(faults.waiting)}

    async def script_(request: Request) -> Any:
        if request.method == "POST":
            script.order(parts, script_file.read(await request.body(), faults.operations))
        return script.shown(parts)

    async def config(request: Request) -> Any:
        return configure(parts, await _body(request, Config))

    async def switches(request: Request) -> Any:
        said = await _body(request, dict[str, Any]) if request.method == "POST" else {}
        return control_settings.set_switches(parts, said)

    async def channels(request: Request) -> Any:
        if request.method == "POST":
            return control_settings.set_channel(parts, await _body(request, control_settings.AskedChannel))
        return {"items": control_settings.channels_of(parts)}

    async def save(_: Request) -> Any:
        parts.save()
        return {}

    async def reset_(request: Request) -> Any:
        return reset(parts, (await _body(request, Reset)).seed)

    async def world_(request: Request) -> Any:
        if request.method == "POST":
            saving.load(parts, await request.body())
            return state_of(parts)
        return msgspec.Raw(saving.saved(parts))

    async def resend_(request: Request) -> Any:
        asked = await _body(request, Resend)
        return await resend(parts, unquote(request.path_params["paymentId"]), asked.webhook_id)

    async def pay_(request: Request) -> Any:
        return await pay(parts, await request.body())

    async def order(request: Request) -> Any:
        named = request.path_params
        return orders.carry_out(parts, unquote(named["paymentId"]), named["order"], await request.body())

    async def keys(_: Request) -> Any:
        return {"items": control_billing.keys_of(parts)}

    async def key_order(request: Request) -> Any:
        named = request.path_params
        return control_billing.carry_out(parts, unquote(named["billingKey"]), named["order"], await request.body())

    async def telephones(_: Request) -> Any:
        return {"items": identity_windows.telephones(parts)}

    async def telephone_order(request: Request) -> Any:
        named = request.path_params
        return identity_windows.carry_out(parts, unquote(named["id"]), named["order"])

    async def approve_late_(request: Request) -> Any:
        return approve_late(parts, request.path_params["transactionId"])

    def route(path: str, act: Callable[[Request], Awaitable[Any]], *methods: Literal["GET", "POST"]) -> Route:
        return Route(path, _guarded(parts, act), methods=list(methods))

    return [
        Mount(
            "/__sandbox__",
            routes=[
                route("/state", state, "GET"),
                route("/payments", payments, "GET"),
                route("/webhooks", webhooks, "GET"),
                route("/clock", clock, "GET", "POST"),
                route("/faults", faults_, "GET", "POST"),
                route("/faults/forget", forget, "POST"),
                route("/script", script_, "GET", "POST"),
                route("/config", config, "POST"),
                route("/switches", switches, "GET", "POST"),
                route("/channels", channels, "GET", "POST"),
                route("/save", save, "POST"),
                route("/reset", reset_, "POST"),
                route("/world", world_, "GET", "POST"),
                route("/pay", pay_, "POST"),
                route("/payments/{paymentId}/resend", resend_, "POST"),
                route("/payments/{paymentId}/{order}", order, "POST"),
                route("/billing-keys", keys, "GET"),
                route("/billing-keys/{billingKey}/{order}", key_order, "POST"),
                route("/identity-verifications", telephones, "GET"),
                route("/identity-verifications/{id}/{order}", telephone_order, "POST"),
                route("/transactions/{transactionId}/approve-late", approve_late_, "POST"),
            ],
        )
    ]


def _guarded(parts: Parts, act: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        # A page in the developer's browser must not reach these routes. Browsers name the origin on every POST, and
        # on no GET of the page's own: so the name that it was asked under counts as well.
        if "origin" in request.headers or not is_at_home(request):
            return json_response(403, {"error": "the control API does not answer web pages"})
        try:
            response = json_response(200, await act(request))
        except ApiError as refusal:
            response = json_response(refusal.status, {"error": str(refusal)})
        except script_file.BadScript as refusal:
            problems = [{"line": each.line, "reason": each.reason} for each in refusal.problems]
            response = json_response(400, {"error": str(refusal), "problems": problems})
        except (*UNREADABLE, NotOurs, BrowserRefusal) as problem:
            response = json_response(400, {"error": str(problem)})
        parts.nudge()
        return response

    return answer


async def _body(request: Request, shape: type[Body]) -> Body:
    return msgspec.json.decode(await request.body() or b"{}", type=shape)
