"""The shopper's side of V1: `IMP.request_pay` as a JSON call, over V2's windows (portone-facts §7.2)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from jangbu.sandbox.core import billing_keys, issuing
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.params import MOBILE
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, BrowserRefusal
from jangbu.sandbox.core.records import AccountWish, Attempt, Failure, Order, Store, V1Settings, Window
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.v1.fields import minor_of
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.window.callers import opens

PAY_METHODS = {
    "card": "CARD",
    "trans": "TRANSFER",
    "vbank": "VIRTUAL_ACCOUNT",
    "phone": "MOBILE",
    "kakaopay": "EASY_PAY",
    "naverpay": "EASY_PAY",
    "tosspay": "EASY_PAY",
    "paypal": "PAYPAL",
    "cultureland": "GIFT_CERTIFICATE",
    "cvs": "CONVENIENCE_STORE",
}


class RequestPay(msgspec.Struct):
    """The parameters the sandbox reads, and `imp`, which `IMP.init` was given; others are ignored."""

    imp: str
    pay_method: str
    merchant_uid: str
    name: str
    amount: Decimal
    channel_key: str | None = msgspec.field(default=None, name="channelKey")
    currency: str = "KRW"
    buyer_name: str | None = None
    buyer_tel: str | None = None
    buyer_email: str | None = None
    buyer_addr: str | None = None
    buyer_postcode: str | None = None
    m_redirect_url: str | None = None
    notice_url: list[str] | str | None = None
    confirm_url: str | None = None
    customer_uid: str | None = None
    tax_free: Decimal = Decimal(0)
    vat_amount: Decimal | None = None
    escrow: bool = False
    custom_data: Any = None
    language: str | None = None
    tier: str | None = None
    """The sub-store that `IMP.agency` named."""
    in_page: bool = False
    """`IMP.loadUI` drew the button: its window leaves the page where it is."""


def open_attempt(
    parts: Parts, asked: RequestPay, *, ip_address: str, user_agent: str, is_mobile: bool, opener_origin: str | None
) -> Attempt:
    """Begin an attempt, READY. Refuses as a BrowserRefusal."""
    world = parts.world
    store, settings = store_of(world, asked.imp, asked.tier)
    if asked.pay_method not in PAY_METHODS:
        raise BrowserRefusal("RequestParseFailed", f"pay_method: {', '.join(PAY_METHODS)}")
    is_redirected = is_mobile and not asked.in_page
    if is_redirected and not asked.m_redirect_url:
        raise BrowserRefusal("RequestParseFailed", "m_redirect_url is required on a phone")
    window = Window(
        pay_method=PAY_METHODS[asked.pay_method],
        display="REDIRECTION" if is_redirected else "IFRAME",
        opener_origin=opener_origin,
        redirect_url=asked.m_redirect_url if is_redirected else None,
        language="en" if (asked.language or "").startswith("en") else "ko",
    )
    origin = {"platformType": "MOBILE" if is_mobile else "PC", "ipAddress": ip_address}
    if user_agent:
        origin["userAgent"] = user_agent
    channel_key = asked.channel_key or settings.default_channel_key
    return world.open_window(
        store.id, channel_key, asked.merchant_uid, _order_of(world, asked), window, origin, parts.clock.now()
    )


def result_of(attempt: Attempt, failure: Failure | None) -> dict[str, Any]:
    """What the callback gets: it failed if and only if there is an `error_code` (portone-facts §7.2)."""
    return answer(attempt.transaction_id, attempt.payment_id, failure)


def answer(imp_uid: str, merchant_uid: str | None, failure: Failure | None) -> dict[str, Any]:
    """The four fields, and for older pages two that prove nothing."""
    told: dict[str, Any] = {"imp_uid": imp_uid, "merchant_uid": merchant_uid}
    if failure is not None:
        told |= {"error_code": failure.code, "error_msg": failure.reason}
    # Older pages read these two; they prove nothing (§7.2).
    return told | {"success": failure is None, "imp_success": failure is None}


def register_key(world: World, attempt: Attempt) -> None:
    """What was paid with in a window with a `customer_uid` is registered under it, and replaces what was (§6.5)."""
    key_id = attempt.order.issues_key
    if key_id is None or attempt.paid_at is None or attempt.billing_key is not None:
        return
    kept = _kept_of(attempt.method or {})
    if kept is None:
        return  # Only a card, or an account in a wallet, can be charged again.
    key = BillingKey(
        id=key_id,
        store_id=attempt.store_id,
        channel_keys=[attempt.channel_key],
        requested_at=attempt.requested_at,
        customer=attempt.order.customer,
        method=kept,
        platform="PC",
        version="V1",
    )
    replace(world, key)
    billing_keys.succeed(world, key, attempt.paid_at, is_announced=False)
    attempt.billing_key = key_id


def _kept_of(method: dict[str, Any]) -> dict[str, Any] | None:
    """The payment's `method` as a key's, where there is something to charge again."""
    inner = method.get("easyPayMethod") or method
    if "card" in inner:
        return {"type": "BillingKeyPaymentMethodCard", "card": inner["card"]}
    if inner.get("type") != "PaymentMethodTransfer" or "provider" not in method:
        return None
    account = {name: inner[name] for name in ("bank", "accountNumber")}
    return issuing.in_wallet(method["provider"], {"type": "BillingKeyPaymentMethodTransfer", **account})


def replace(world: World, key: BillingKey) -> None:
    """Enter the key; one of the same `customer_uid` is forgotten, its schedules are not."""
    old = world.state.billing_keys.get(key.store_id, {}).get(key.id)
    if old is not None:
        key.schedule_ids = old.schedule_ids
    billing_keys.enter(world, key)


def customer_of(buyer: Any) -> dict[str, Any]:
    """V1's flat `buyer_*` as the customer that V2 shows."""
    address = {"type": "ONE_LINE", "oneLine": buyer.buyer_addr} if buyer.buyer_addr else None
    shown = {
        "name": buyer.buyer_name,
        "email": buyer.buyer_email,
        "phoneNumber": buyer.buyer_tel,
        "address": address,
        "zipcode": buyer.buyer_postcode,
    }
    return {name: value for name, value in shown.items() if value}


def text_of(custom_data: Any) -> str | None:
    """`custom_data` is told as a string (portone-facts §6.3)."""
    if custom_data is None or isinstance(custom_data, str):
        return custom_data
    return msgspec.json.encode(custom_data).decode()


def urls_of(notice_url: list[str] | str | None) -> Sequence[str]:
    """`notice_url` is one or several."""
    return [notice_url] if isinstance(notice_url, str) else notice_url or ()


def _order_of(world: World, asked: RequestPay) -> Order:
    try:
        total = minor_of(asked.amount, asked.currency)
        tax_free = minor_of(asked.tax_free, asked.currency)
        vat = minor_of(asked.vat_amount, asked.currency) if asked.vat_amount is not None else None
    except V1Refusal as refusal:
        raise BrowserRefusal("RequestParseFailed", refusal.message) from None
    if total == 0 or tax_free + (vat or 0) > total:
        raise BrowserRefusal("RequestParseFailed", "amount must be above zero, and its parts must fit into it")
    return Order(
        order_name=asked.name,
        total_minor=total,
        tax_free_minor=tax_free,
        vat_minor=vat if vat is not None else world.vat_of(total, tax_free),
        currency=asked.currency,
        customer=customer_of(asked),
        custom_data=text_of(asked.custom_data),
        notice_urls=urls_of(asked.notice_url),
        account=AccountWish(),
        is_escrow=asked.escrow,
        confirm_url=asked.confirm_url,
        version="V1",
        issues_key=asked.customer_uid,
    )


def store_of(world: World, user_code: str, tier: str | None = None) -> tuple[Store, V1Settings]:
    """The store that `IMP.init` named, or `IMP.agency` with a tier of it. Refuses as a BrowserRefusal."""
    for store in world.state.stores.values():
        if store.v1 is not None and store.v1.user_code == user_code:
            if tier is not None and tier not in store.v1.tiers:
                raise BrowserRefusal("StoreNotFound", f"store {user_code} has no tier {tier}")
            return store, store.v1
    raise BrowserRefusal("StoreNotFound", f"no store has the code {user_code}")


def routes(parts: Parts) -> list[BaseRoute]:
    """The JSON API under `/__browser__/v1`; what the shopper does then is at `/__browser__/transactions`."""

    async def open_(request: Request) -> Response:
        agent = request.headers.get("user-agent", "")
        try:
            asked = msgspec.json.decode(await request.body(), type=RequestPay, strict=False)
            attempt = open_attempt(
                parts,
                asked,
                ip_address=request.client.host if request.client else "127.0.0.1",
                user_agent=agent,
                is_mobile=bool(MOBILE.search(agent)),
                opener_origin=request.headers.get("origin"),
            )
        except UNREADABLE as problem:
            return json_response(400, {"error_code": "RequestParseFailed", "error_msg": str(problem)})
        except BrowserRefusal as refusal:
            told = {"error_code": refusal.code, "error_msg": refusal.message}
            return json_response(400 if refusal.code == "RequestParseFailed" else 200, told)
        parts.nudge()
        window_url = f"/__browser__/window/{attempt.transaction_id}"
        assert attempt.window is not None, "open_attempt has opened one"
        told = {"imp_uid": attempt.transaction_id, "windowId": attempt.transaction_id}
        return json_response(200, told | {"windowUrl": window_url, "display": attempt.window.display})

    return [opens("/v1/payments", open_)]
