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
from jangbu.sandbox.core.opening import MOBILE, unreadable
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, ApiError, BrowserRefusal
from jangbu.sandbox.core.records import AccountWish, Attempt, Failure, Order, Store, Window
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.v1 import offers
from jangbu.sandbox.v1.channels import channel_key_of
from jangbu.sandbox.v1.fields import BuyerName, MerchantUid, OrderName, minor_of
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.window import pages
from jangbu.sandbox.window.callers import opens


class Product(msgspec.Struct):
    """V1 asks for none of it; a payment's product must have all but the code (portone-facts §2.2)."""

    id: str = ""
    name: str = ""
    code: str | None = None
    unit_price: Decimal = msgspec.field(default=Decimal(0), name="unitPrice")
    quantity: int = 1


class RequestPay(msgspec.Struct):
    """What is read of the parameters, and `imp`, which `IMP.init` was given."""

    imp: str
    pay_method: str
    merchant_uid: MerchantUid
    name: OrderName
    amount: Decimal
    channel_key: str | None = msgspec.field(default=None, name="channelKey")
    pg: str | None = None
    currency: str | None = None
    buyer_name: BuyerName | None = None
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
    products: list[Product] | None = None
    vbank_due: str | None = None
    display: offers.Display | None = None
    card: offers.Card | None = None
    pays_interest: bool = msgspec.field(default=False, name="useFreeInterestFromMall")
    tier: str | None = None
    """The sub-store that `IMP.agency` named."""
    in_page: bool = False
    """`IMP.loadUI` drew the button: its window leaves the page where it is."""


def open_attempt(
    parts: Parts, asked: RequestPay, *, ip_address: str, user_agent: str, is_mobile: bool, opener_origin: str | None
) -> Attempt:
    """Begin an attempt, READY. Refuses as a BrowserRefusal."""
    world = parts.world
    store = store_of(world, asked.imp, asked.tier)
    if asked.pay_method not in offers.PAY_METHODS:
        raise unreadable(f"pay_method: {', '.join(offers.PAY_METHODS)}")
    way = offers.PAY_METHODS[asked.pay_method]
    is_redirected = is_mobile and not asked.in_page
    if is_redirected and not asked.m_redirect_url:
        raise unreadable("m_redirect_url is required on a phone")
    window = Window(
        pay_method=way.pay_method,
        display="REDIRECTION" if is_redirected else "IFRAME",
        opener_origin=opener_origin,
        redirect_url=asked.m_redirect_url if is_redirected else None,
        language="en" if (asked.language or "").startswith("en") else "ko",
        offer=offers.offer_of(way, asked.display, asked.card, pays_interest=asked.pays_interest),
    )
    origin = {"platformType": "MOBILE" if is_mobile else "PC", "ipAddress": ip_address}
    if user_agent:
        origin["userAgent"] = user_agent
    channel_key = channel_named(world, store, asked.channel_key, asked.pg)
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
    # PayPal takes no won, so there dollars are meant.
    currency = asked.currency or ("USD" if asked.pay_method == "paypal" else "KRW")
    try:
        total = minor_of(asked.amount, currency)
        tax_free = minor_of(asked.tax_free, currency)
        vat = minor_of(asked.vat_amount, currency) if asked.vat_amount is not None else None
        products = [_product(each, currency) for each in asked.products or ()]
    except V1Refusal as refusal:
        raise unreadable(refusal.message) from None
    if total == 0 or tax_free + (vat or 0) > total:
        raise unreadable("amount must be above zero, and its parts must fit into it")
    return Order(
        order_name=asked.name,
        total_minor=total,
        tax_free_minor=tax_free,
        vat_minor=vat if vat is not None else world.vat_of(total, tax_free),
        currency=currency,
        products=products or None,
        customer=customer_of(asked),
        custom_data=text_of(asked.custom_data),
        notice_urls=urls_of(asked.notice_url),
        account=AccountWish(due_at=offers.due_of(world.inferred, asked.vbank_due) if asked.vbank_due else None),
        is_escrow=asked.escrow,
        confirm_url=asked.confirm_url,
        version="V1",
        issues_key=asked.customer_uid,
        tier=asked.tier,
    )


def _product(given: Product, currency: str) -> dict[str, Any]:
    shown = {
        "id": given.id or given.code or given.name,
        "name": given.name,
        "code": given.code,
        "amount": minor_of(given.unit_price, currency),
        "quantity": given.quantity,
    }
    return {name: value for name, value in shown.items() if value is not None}


def channel_named(
    world: World, store: Store, channel_key: str | None, pg: str | None, *, verifies: bool = False
) -> str:
    """As the server's calls find a channel. Refuses as a BrowserRefusal."""
    try:
        return channel_key_of(world, store, channel_key, pg, verifies=verifies)
    except ApiError:
        raise BrowserRefusal("ChannelNotFound", f"channel {channel_key or pg} is not found") from None


def store_of(world: World, user_code: str, tier: str | None = None) -> Store:
    """The store that `IMP.init` named, or `IMP.agency` with a tier of it. Refuses as a BrowserRefusal."""
    for store in world.state.stores.values():
        if store.v1 is not None and store.v1.user_code == user_code:
            if tier is not None and tier not in store.v1.tiers:
                raise BrowserRefusal("StoreNotFound", f"store {user_code} has no tier {tier}")
            return store
    raise BrowserRefusal("StoreNotFound", f"no store has the code {user_code}")


def refused(refusal: BrowserRefusal) -> Response:
    """What V1's script tells the callback: it throws nothing, whatever V2's does."""
    told = {"error_code": refusal.code, "error_msg": refusal.message}
    return json_response(400 if refusal.code == "RequestParseFailed" else 200, told)


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
            return refused(refusal)
        parts.nudge()
        assert attempt.window is not None, "open_attempt has opened one"
        told = pages.opened(attempt.window, attempt.transaction_id, f"/transactions/{attempt.transaction_id}")
        return json_response(200, {"imp_uid": attempt.transaction_id} | told)

    return [opens("/v1/payments", open_)]
