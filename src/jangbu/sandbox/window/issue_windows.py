"""Billing keys that a shopper makes in a window, and the server's confirm of them (portone-facts §3.1, §7.1).

What requestIssueBillingKey and requestIssueBillingKeyAndPay ask for; `pages` has the page they click in.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.sandbox.core import approvals, billing_keys, charges, declines, issuing, opening, params, payers, ways
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.currencies import EXPONENTS, written
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, ApiError, BrowserRefusal, NotOurs
from jangbu.sandbox.core.records import Attempt, Failure, Store, Window
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.window import pages, signing_in
from jangbu.sandbox.window.callers import decides, leaves, opens
from jangbu.sandbox.window.words import WORDS

NEEDS_CONFIRMATION = "NEEDS_CONFIRMATION"
"""What the browser gets for a key while the server has yet to confirm it (portone-facts §3.1)."""


class RequestIssue(params.RequestOrder, rename="camel", kw_only=True):
    """The parameters of both calls that the sandbox reads; a paymentId makes it issue-and-pay."""

    billing_key_method: Literal["CARD", "MOBILE", "EASY_PAY", "PAYPAL"] | None = None
    billing_key_and_pay_method: Literal["MOBILE"] | None = None
    issue_id: str | None = None
    issue_name: str | None = None
    display_amount: int | None = None
    payment_id: str | None = None
    order_name: str | None = None
    total_amount: int | None = None
    currency: str | None = None


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """What the shopper does."""

    action: Literal["approve", "decline", "close"]
    method: str | None = None
    choice: str | None = None
    """As in a payment's window: what is registered, where there is something to choose (`issuing.REGISTERED`)."""
    reason: str | None = None


def begin(parts: Parts, raw: bytes, *, ip_address: str, opener_origin: str | None, user_agent: str = "") -> BillingKey:
    """Open the window: a key that is READY, and for issue-and-pay a READY payment too.

    Refuses as a BrowserRefusal.
    """
    asked = opening.decoded(raw, RequestIssue)
    world, now = parts.world, parts.clock.now()
    is_mobile = bool(opening.MOBILE.search(user_agent))
    like_payment = _as_payment(asked)
    if asked.payment_id is not None:
        params.checked(like_payment)
    method = like_payment.pay_method
    offer = ways.offer_to_register(asked, method)
    window = opening.window_of(asked, method, is_mobile=is_mobile, opener_origin=opener_origin, offer=offer)
    window.charges_later = _shown_amount(asked)
    store = world.state.stores.get(asked.store_id)
    if store is None:
        raise BrowserRefusal("StoreNotFound", f"store {asked.store_id} is not found")
    channel = world.state.channels.get(asked.channel_key or "")
    if channel is None or channel.store_id != store.id:
        raise BrowserRefusal("ChannelNotFound", f"channel {asked.channel_key} is not found")
    order = params.order_of(world, like_payment)
    attempt = None
    if asked.payment_id is not None:
        platform = "MOBILE" if is_mobile else "PC"
        origin = {"platformType": platform, "ipAddress": ip_address}
        if user_agent:
            origin["userAgent"] = user_agent
        attempt = world.open_window(store.id, channel.key, asked.payment_id, order, window, origin, now)
    key = BillingKey(
        id=f"billing-key-{world.ids.uuid()}",
        store_id=store.id,
        channel_keys=[channel.key],
        requested_at=now,
        customer=order.customer,
        custom_data=order.custom_data,
        issue_id=asked.issue_id,
        issue_name=asked.issue_name,
        notice_urls=asked.notice_urls or [],
        platform="MOBILE" if is_mobile else "PC",
        user_agent=user_agent or None,
        window=window,
        transaction_id=attempt.transaction_id if attempt is not None else None,
    )
    if attempt is not None:
        attempt.billing_key = key.id
    billing_keys.enter(world, key)
    billing_keys.announce(world, key, "BillingKey.Ready", now)
    return key


def decide(parts: Parts, key: BillingKey, decision: Decision) -> dict[str, Any]:
    """Do what the shopper did; answers what the browser gets. Deciding again changes nothing."""
    world, now = parts.world, parts.clock.now()
    if key.status == "READY":
        match decision.action:
            case "approve":
                _approve(world, parts.faults, key, decision, now)
            case "decline":
                reason = declines.reason_named(decision.reason or "blocked_card")
                _give_up(world, key, reason.failure("PGProviderError"), now)
            case "close":
                _give_up(world, key, declines.CLOSED.failure(world.inferred.close_code), now)
    return result_of(world, key)


def result_of(world: World, key: BillingKey) -> dict[str, Any]:
    """It failed if and only if there is a `code` (portone-facts §7.1)."""
    attempt = world.attempt(key.transaction_id) if key.transaction_id is not None else None
    result: dict[str, Any] = {"transactionType": "ISSUE_BILLING_KEY"}
    if attempt is not None:
        result = {
            "transactionType": "ISSUE_BILLING_KEY_AND_PAY",
            "paymentId": attempt.payment_id,
            "txId": attempt.transaction_id,
        }
    failure = key.failure or (attempt.failure if attempt is not None else None)
    if failure is not None:
        # The key may stay when only the payment was declined. Without one the field is there all the same, empty
        # [I: billing_key_of_failed_issue].
        result["billingKey"] = key.id if key.status == "ISSUED" else ""
        return result | pages.told_of(failure)
    if key.status == "NEEDS_CONFIRMATION":
        return result | {"billingKey": NEEDS_CONFIRMATION, "billingIssueToken": key.issue_token}
    return result | {"billingKey": key.id}


def window_page(world: World, key: BillingKey, window: Window) -> pages.WindowPage:
    """The window as data: what is registered, and for issue-and-pay what is paid at once."""
    words = WORDS[window.language]
    attempt = world.attempt(key.transaction_id) if key.transaction_id is not None else None
    amount, heading, label = window.charges_later, key.issue_name or words["issue"], words["issue_register"]
    reference = f"{words['issue_id']} {key.issue_id}" if key.issue_id else words["issue"]
    if attempt is not None:
        order = attempt.order
        amount, heading = written(order.total_minor, order.currency), order.order_name
        reference, label = f"{words['order']} {attempt.payment_id}", words["issue_and_pay"].format(amount=amount)
    return pages.WindowPage(
        window=window,
        window_id=key.id,
        decision_url=f"/__browser__/billing-keys/{key.id}/decision",
        store_name=world.state.stores[key.store_id].name,
        heading=heading,
        reference=reference,
        amount=amount,
        pays=attempt is not None,
        is_live=world.state.channels[key.channel_keys[0]].type == "LIVE",
        approve_label=label,
        over="" if key.status == "READY" else words["over"],
        methods=pages.method_choices(window, issuing.offered(window)),
        sign_in_url=f"/__browser__/billing-keys/{key.id}/sign-in",
        declines=pages.decline_choices(window),
    )


def confirm(
    world: World,
    faults: Faults,
    store: Store,
    token: str,
    now: datetime,
    *,
    is_test: bool | None,
    is_announced: bool,
    payment: dict[str, Any] | None = None,
) -> BillingKey:
    """The server's word that the key may be issued. `payment` is what it believes of the payment made with it: a key
    that has one is issued by `issue_and_pay`.

    Refuses as PortOne does; a key that the PG then refuses is FAILED.
    """
    keys = world.state.billing_keys.get(store.id, {}).values()
    key = next((key for key in keys if key.issue_token == token), None)
    if key is None or (key.transaction_id is not None) != (payment is not None):
        raise ApiError("BILLING_KEY_NOT_FOUND", "The billing key is not found.")
    if key.status != "NEEDS_CONFIRMATION":
        raise ApiError("BILLING_KEY_ALREADY_ISSUED", "The billing key is issued already.")
    channel = world.state.channels[key.channel_keys[0]]
    believed: dict[str, Any] = {"isTest": is_test, **(payment or {})}
    real: dict[str, Any] = {"isTest": channel.type == "TEST"}
    if key.transaction_id is not None:
        attempt = _payment_of(world, key)
        real |= {
            "paymentId": attempt.payment_id,
            "currency": attempt.order.currency,
            "totalAmount": attempt.order.total_minor,
            "taxFreeAmount": attempt.order.tax_free_minor,
        }
    if any(said is not None and said != real[name] for name, said in believed.items()):
        raise ApiError("INFORMATION_MISMATCH", "What was sent differs from what the window was opened with.")
    if faults.take(Kind.PG, billing_keys.ISSUE, key.id, "key_refused") is not None:
        failure = _refusal()
        _give_up(world, key, failure, now)
        raise ApiError("PG_PROVIDER", failure.reason, pgCode=failure.pg_code, pgMessage=failure.pg_message)
    if key.transaction_id is None:
        billing_keys.succeed(world, key, now, is_announced=is_announced)
    return key


def issue_and_pay(
    world: World, faults: Faults, key: BillingKey, now: datetime, *, is_announced: bool = True
) -> Attempt:
    """Issue the key and pay with it. A payment that the PG declines, or that another attempt has paid meanwhile
    (portone-facts §2.1), is FAILED, and what the key is then is a switch [I: declined_issue_and_pay_keeps_key].
    """
    attempt = _payment_of(world, key)
    is_kept = world.inferred.declined_issue_and_pay_keeps_key
    if is_kept:
        billing_keys.succeed(world, key, now, is_announced=is_announced)
    attempt.method = charges.payment_method(world, key, charges.Wish(attempt.payment_id, key.id, attempt.order))
    # A second success is refused, and has failed by then: whoever asked is told of that as of a decline.
    with suppress(BrowserRefusal):
        approvals.approve(world, faults, attempt, "card", now, is_announced=is_announced)
    if not is_kept and attempt.failure is not None:
        billing_keys.fail(world, key, attempt.failure, now)
    elif not is_kept:
        billing_keys.succeed(world, key, now, is_announced=is_announced)
    return attempt


def _payment_of(world: World, key: BillingKey) -> Attempt:
    attempt = world.attempt(key.transaction_id or "")
    assert attempt is not None, "a key of issue-and-pay has a payment"
    return attempt


def _approve(world: World, faults: Faults, key: BillingKey, decision: Decision, now: datetime) -> None:
    assert key.window is not None, "a window's key has a window"
    key.method = issuing.method_of(world, key, key.window, decision.method, decision.choice)
    payer = payers.of(key.window)
    key.refuses = payer.refusal if payer is not None else None
    if world.state.channels[key.channel_keys[0]].approves_manually:
        key.status, key.issue_token = "NEEDS_CONFIRMATION", f"bit_{world.ids.token(32)}"
        return
    if faults.take(Kind.PG, billing_keys.ISSUE, key.id, "key_refused") is not None:
        _give_up(world, key, _refusal(), now)
        return
    if key.transaction_id is None:
        billing_keys.succeed(world, key, now, is_announced=True)
    else:
        issue_and_pay(world, faults, key, now)


def _refusal() -> Failure:
    return Failure(
        "PGProviderError", "등록할 수 없는 결제수단입니다.", "ISSUE_REFUSED", "등록할 수 없는 결제수단입니다."
    )


def _give_up(world: World, key: BillingKey, failure: Failure, now: datetime) -> None:
    billing_keys.fail(world, key, failure, now)
    if key.transaction_id is not None:
        world.fail(_payment_of(world, key), failure, now)


def _shown_amount(asked: RequestIssue) -> str:
    """What the merchant says will be charged with it: shown, and no more."""
    if asked.display_amount is None:
        return ""
    currency = asked.currency or "KRW"
    if currency not in EXPONENTS or not 0 <= asked.display_amount <= AMOUNT_MINOR_MAX:
        raise opening.unreadable("displayAmount: not a sum of money")
    return written(asked.display_amount, currency)


def _as_payment(asked: RequestIssue) -> params.RequestPayment:
    """The same parameters as requestPayment's, as far as both have them. Refuses what the SDK would throw."""
    method = asked.billing_key_method
    if asked.payment_id is not None:
        method = asked.billing_key_and_pay_method
        if not asked.order_name or asked.total_amount is None or asked.currency is None:
            raise BrowserRefusal("RequestParseFailed", "orderName, totalAmount and currency are required")
    if method is None:
        raise BrowserRefusal("RequestParseFailed", "billingKeyMethod is required")
    shared = {name: getattr(asked, name) for name in params.RequestOrder.__struct_fields__}
    return params.RequestPayment(
        **shared,
        payment_id=asked.payment_id or "",
        order_name=asked.order_name or asked.issue_name or "",
        total_amount=asked.total_amount or 0,
        currency=asked.currency or "KRW",
        pay_method=method,
    )


def routes(parts: Parts) -> list[BaseRoute]:
    """The JSON API under `/__browser__`."""

    async def open_(request: Request) -> Response:
        try:
            key = begin(
                parts,
                await request.body(),
                ip_address=request.client.host if request.client else "127.0.0.1",
                opener_origin=request.headers.get("origin"),
                user_agent=request.headers.get("user-agent", ""),
            )
        except BrowserRefusal as refusal:
            return pages.refused(parts.world.inferred, refusal)
        assert key.window is not None, "begin has opened one"
        parts.nudge()
        return json_response(200, {"issue": key.id} | pages.opened(key.window, key.id, f"/billing-keys/{key.id}"))

    def key_of(request: Request) -> BillingKey | None:
        wanted = unquote(request.path_params["key"])
        stores = parts.world.state.billing_keys.values()
        return next((of_store[wanted] for of_store in stores if wanted in of_store), None)

    async def window(request: Request) -> Response:
        key = key_of(request)
        if key is None or key.window is None:
            return pages.unknown()
        return pages.shown(window_page(parts.world, key, key.window))

    async def decision(request: Request) -> Response:
        key = key_of(request)
        if key is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such window"})
        try:
            result = decide(parts, key, msgspec.json.decode(await request.body(), type=Decision))
            result = pages.redirected(key.window, result)
        except (*UNREADABLE, NotOurs) as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})
        parts.nudge()
        return json_response(200, result)

    def window_of(request: Request) -> Window | None:
        key = key_of(request)
        return key.window if key is not None else None

    async def sign_in(request: Request) -> Response:
        return await signing_in.answer(request, window_of(request))

    async def left(request: Request) -> Response:
        key = key_of(request)
        assert key is not None, "it has a window"
        result = decide(parts, key, Decision("close"))
        parts.nudge()
        return json_response(200, result)

    return [
        opens("/billing-keys", open_),
        decides("/billing-keys/{key}/sign-in", sign_in),
        leaves("/billing-keys/{key}/left", window_of, left),
        Route("/billing-keys/{key}/window", window),
        decides("/billing-keys/{key}/decision", decision),
    ]
