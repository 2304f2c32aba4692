"""`/__sandbox__/`: look at the world and bend it. No auth, so it listens to programs on this machine only,
never to a page of another origin.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from jangbu.clock import rfc3339
from jangbu.sandbox import cancels
from jangbu.sandbox.faults import Fault, as_list
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.idempotency import forget_old
from jangbu.sandbox.parts import Parts
from jangbu.sandbox.problems import ApiError, NotOurs
from jangbu.sandbox.records import WEBHOOK_SECRETS_MAX, Attempt, ChannelType, Delivery, Payment, Trigger, WebhookVersion
from jangbu.sandbox.wire import amount_json, cancellation_json
from jangbu.sandbox.world import default_state

Body = TypeVar("Body")


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


class Resend(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    webhook_id: str | None = None


class CancelElsewhere(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A cancellation that no API call asked for."""

    amount: int | None = None
    tax_free_amount: int | None = None
    reason: str = "콘솔에서 취소"
    trigger: Trigger = "CONSOLE"
    is_silent: bool = False
    """No webhook tells of it."""


class EndCancellation(msgspec.Struct, forbid_unknown_fields=True):
    succeeds: bool


def state_of(parts: Parts) -> dict[str, Any]:
    """Counts and sums as PortOne itself counts: one row a payment, by currency and status, in minor units."""
    currencies: dict[str, dict[str, dict[str, int]]] = {}
    preregistered = 0
    for payment in parts.world.payments():
        attempt = payment.current
        if attempt is None:
            preregistered += 1
            continue
        amount = amount_json(attempt)
        of_currency = currencies.setdefault(attempt.order.currency, {})
        row = of_currency.setdefault(attempt.status, {"count": 0, "total": 0, "paid": 0, "cancelled": 0})
        row["count"] += 1
        for name in ("total", "paid", "cancelled"):
            row[name] += amount[name]
    webhooks: dict[str, int] = {}
    for delivery in parts.world.state.deliveries:
        webhooks[delivery.state] = webhooks.get(delivery.state, 0) + 1
    return {
        "payments": currencies,
        "preRegisteredOnly": preregistered,
        "webhooks": webhooks,
        "faultsWaiting": len(parts.faults.waiting),
        "clock": clock_of(parts),
    }


def clock_of(parts: Parts) -> dict[str, Any]:
    """The sandbox's time. `offsetS` is how far it runs ahead of the machine's; null while it stands still."""
    offset = parts.clock.offset
    return {
        "now": rfc3339(parts.clock.now()),
        "mode": "frozen" if parts.clock.is_frozen else "running",
        "offsetS": None if offset is None else offset.total_seconds(),
    }


def payments_of(parts: Parts) -> list[dict[str, Any]]:
    """Every payment with all its attempts, oldest first."""
    return [
        {
            "paymentId": payment.id,
            "storeId": payment.store_id,
            "status": payment.current.status if payment.current else None,
            "preRegistered": _preregistered(payment.preregistration),
            "attempts": [_attempt_json(attempt) for attempt in payment.attempts],
        }
        for payment in parts.world.payments()
    ]


def _preregistered(fixed: Any) -> dict[str, Any] | None:
    if fixed is None:
        return None
    return {
        "totalAmount": fixed.total_minor,
        "taxFreeAmount": fixed.tax_free_minor,
        "currency": fixed.currency,
    }


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "transactionId": attempt.transaction_id,
        "status": attempt.status,
        "channelKey": attempt.channel_key,
        "totalAmount": attempt.order.total_minor,
        "currency": attempt.order.currency,
        "requestedAt": rfc3339(attempt.requested_at),
        "statusChangedAt": rfc3339(attempt.status_changed_at),
        "failureCode": attempt.failure.pg_code if attempt.failure else None,
        "cancellations": [cancellation_json(each) for each in attempt.cancellations],
    }


def webhook_of(delivery: Delivery) -> dict[str, Any]:
    """One webhook with every try of it."""
    shown: dict[str, Any] = msgspec.to_builtins(delivery)
    if delivery.state != "WAITING":
        del shown["next_try_at"]
    return shown


def configure(parts: Parts, asked: Config) -> dict[str, Any]:
    """Set the store's webhook settings, as a merchant does in PortOne's console (portone-facts §1.5, §4.1,
    §4.2).
    """
    state = parts.world.state
    store = state.stores.get(asked.store_id) if asked.store_id else next(iter(state.stores.values()))
    if store is None:
        raise NotOurs(f"no store {asked.store_id}; known: {', '.join(state.stores)}")
    if asked.webhook_secrets is not None and not 1 <= len(asked.webhook_secrets) <= WEBHOOK_SECRETS_MAX:
        raise NotOurs(f"a store has one to {WEBHOOK_SECRETS_MAX} webhook secrets, oldest first")
    for environment, settings in store.webhooks.items():
        if asked.environment not in (None, environment):
            continue
        if asked.webhook_url is not msgspec.UNSET:
            settings.url = asked.webhook_url or None
        settings.secrets = asked.webhook_secrets or settings.secrets
        settings.version = asked.webhook_version or settings.version
        if asked.webhook_is_form is not None:
            settings.is_form = asked.webhook_is_form
    return {"storeId": store.id, "webhooks": msgspec.to_builtins(store.webhooks)}


async def set_clock(parts: Parts, asked: MoveClock) -> dict[str, Any]:
    """Move, freeze or let run. It never goes back."""
    given = [value for value in (asked.move_s, asked.freeze, asked.real) if value is not None]
    if len(given) != 1 or given[0] is False:
        raise NotOurs('say one of {"move_s": 60}, {"freeze": true}, {"freeze": "<time>"}, {"real": true}')
    if asked.real:
        parts.clock.run()
    elif asked.move_s is not None:
        if asked.move_s < 0:
            raise NotOurs("the clock does not run backwards")
        await parts.clock.move(timedelta(seconds=asked.move_s))
    else:
        parts.clock.freeze()
        if isinstance(asked.freeze, datetime):
            if asked.freeze.tzinfo is None or asked.freeze < parts.clock.now():
                raise NotOurs("freeze at a time with a UTC offset that is not past")
            await parts.clock.move(asked.freeze - parts.clock.now())
    forget_old(parts.world, parts.clock.now())
    return clock_of(parts)


def reset(parts: Parts) -> dict[str, Any]:
    """A fresh default world that keeps only where webhooks go. Faults are forgotten, the clock stays."""
    old = parts.world.state
    fresh = default_state(old.seed)
    fresh.lives = old.lives + 1
    for store_id in fresh.stores:
        if store_id in old.stores:
            fresh.stores[store_id].webhooks = old.stores[store_id].webhooks
    parts.world.load(fresh)
    parts.faults.clear()
    parts.courier.reload()
    return state_of(parts)


async def resend(parts: Parts, payment_id: str, webhook_id: str | None) -> dict[str, Any]:
    """Send the payment's latest webhook, or the named one, again."""
    delivery = parts.world.webhook_to_resend(_payment(parts, payment_id), webhook_id)
    await parts.courier.resend(delivery)
    return webhook_of(delivery)


def approve_late(parts: Parts, transaction_id: str) -> dict[str, Any]:
    """The PG approves after all, even a failed attempt (portone-facts §10.6)."""
    attempt = parts.world.attempt(transaction_id)
    if attempt is None:
        raise NotOurs(f"no transaction {transaction_id}")
    parts.world.approve(attempt, "card", parts.clock.now(), is_late=True)
    return _attempt_json(attempt)


def cancel_elsewhere(parts: Parts, payment_id: str, asked: CancelElsewhere) -> dict[str, Any]:
    """Give money back as the merchant does in PortOne's console, or a PG of itself (portone-facts §2.8, §10.13)."""
    made = cancels.cancel(
        parts.world,
        _payment(parts, payment_id),
        amount_minor=asked.amount,
        tax_free_minor=asked.tax_free_amount,
        vat_minor=None,
        cancellable_minor=None,
        reason=asked.reason,
        now=parts.clock.now(),
        trigger=asked.trigger,
        is_silent=asked.is_silent,
    )
    return cancellation_json(made)


def end_cancellation(parts: Parts, payment_id: str, *, succeeds: bool) -> dict[str, Any]:
    """The PG settles the payment's cancellation that it took on."""
    return cancellation_json(
        cancels.end(parts.world, _payment(parts, payment_id), parts.clock.now(), succeeds=succeeds)
    )


def _payment(parts: Parts, payment_id: str) -> Payment:
    found = [payment for payment in parts.world.payments() if payment.id == payment_id]
    if not found:
        raise ApiError("PAYMENT_NOT_FOUND", f"no payment {payment_id}")
    return found[0]


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

    async def config(request: Request) -> Any:
        return configure(parts, await _body(request, Config))

    async def save(_: Request) -> Any:
        parts.save()
        return {}

    async def reset_(_: Request) -> Any:
        return reset(parts)

    async def resend_(request: Request) -> Any:
        asked = await _body(request, Resend)
        return await resend(parts, request.path_params["paymentId"], asked.webhook_id)

    async def cancel_(request: Request) -> Any:
        return cancel_elsewhere(parts, request.path_params["paymentId"], await _body(request, CancelElsewhere))

    async def end_cancellation_(request: Request) -> Any:
        asked = await _body(request, EndCancellation)
        return end_cancellation(parts, request.path_params["paymentId"], succeeds=asked.succeeds)

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
                route("/config", config, "POST"),
                route("/save", save, "POST"),
                route("/reset", reset_, "POST"),
                route("/payments/{paymentId}/resend", resend_, "POST"),
                route("/payments/{paymentId}/cancel", cancel_, "POST"),
                route("/payments/{paymentId}/end-cancellation", end_cancellation_, "POST"),
                route("/transactions/{transactionId}/approve-late", approve_late_, "POST"),
            ],
        )
    ]


def _guarded(parts: Parts, act: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        # A page in the developer's browser must not reach these routes: browsers name the origin on every
        # POST.
        if "origin" in request.headers:
            return json_response(403, {"error": "the control API does not answer web pages"})
        try:
            response = json_response(200, await act(request))
        except ApiError as refusal:
            response = json_response(refusal.status, {"error": str(refusal)})
        except (NotOurs, msgspec.DecodeError) as problem:
            response = json_response(400, {"error": str(problem)})
        parts.nudge()
        return response

    return answer


async def _body(request: Request, shape: type[Body]) -> Body:
    return msgspec.json.decode(await request.body() or b"{}", type=shape)
