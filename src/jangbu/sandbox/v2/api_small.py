"""PortOne's small V2 operations: banks, promotions, hosted checkout, what single PGs have (portone-facts §8)."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import checkout, promotions
from jangbu.sandbox.core.bank_names import BANK_NAMES
from jangbu.sandbox.core.countries import Country
from jangbu.sandbox.core.currencies import refuse_unknown
from jangbu.sandbox.core.problems import ApiError, pg_refusal
from jangbu.sandbox.core.records import Channel
from jangbu.sandbox.core.small_records import PaymentSession
from jangbu.sandbox.gate import Call, Operations

operations = Operations()
TTL = timedelta(hours=1)
"""Where the merchant names none [I: session_without_an_end]."""
KCP_PROMOTION = {"promotionId": "KCP0000001", "cardCompany": "SHINHAN_CARD"}
KCP_MINIMUM, KCP_DISCOUNT = 50_000, 3_000
"""The one promotion that KCP has here [I: answers_of_pgs]."""


class _Product(msgspec.Struct, rename="camel", omit_defaults=True):
    name: str
    unit_price: int
    quantity: int
    id: str | None = None
    code: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    url: str | None = None
    n_pay_category_type: str | None = None
    n_pay_category_id: str | None = None
    n_pay_uid: str | None = None


class _Agreement(msgspec.Struct, omit_defaults=True):
    name: str
    url: str


class _Colors(msgspec.Struct, rename="camel", omit_defaults=True):
    primary: str | None = None
    primary_hover: str | None = None
    primary_light: str | None = None


class _Session(msgspec.Struct, rename="camel", omit_defaults=True):
    store_id: str
    payment_id: str
    profile_key: str
    country: Country
    currency: str
    total_amount: int
    order_name: str
    payment_method: str | None = None
    redirect_url: str | None = None
    products: list[_Product] | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    store_name: str | None = None
    agreements: list[_Agreement] | None = None
    order_image_url: str | None = None
    custom_data: str | None = None
    colors: _Colors | None = None
    ttl_seconds: int | None = None


class _Delivery(msgspec.Struct, rename="camel"):
    transaction_id: str
    delivery_type: Literal["DIGITAL", "PHYSICAL"]
    delivery_status: Literal["ORDER_PLACED", "ORDER_SHIPPED", "DELIVERED"]
    estimated_delivery_datetime: datetime
    estimated_update_datetime: datetime
    refundable: bool
    details: str
    shipping_address_email: str
    reason: str | None = None
    carrier_tracking_id: str | None = None
    carrier_type: str | None = None
    shipping_address_country: Country | None = None
    shipping_address_city: str | None = None
    shipping_address_zip: str | None = None
    shipping_address_state: str | None = None
    shipping_address_street: str | None = None
    shipping_address_phone: str | None = None
    shipping_address_firstname: str | None = None
    shipping_address_lastname: str | None = None
    attachments: list[str] | None = None


@operations.add("GET", "/banks", is_open=True)
async def get_banks(call: Call) -> dict[str, Any]:  # noqa: ARG001 (a bank is a bank, whoever asks)
    """portone-facts §8."""
    return {"items": [{"bank": bank, "name": {"ko": name}} for bank, name in BANK_NAMES.items()]}


@operations.add("GET", "/promotions/{promotionId}")
async def get_promotion(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    promotion = promotions.find(call.world, call.store(None), call.path("promotionId"))
    return promotions.promotion_json(call.world, promotion, call.now)


@operations.add("GET", "/payment-gateways/card-promotion")
async def get_pg_card_promotions(call: Call) -> dict[str, Any]:
    """portone-facts §8: the PG's own promotions, which KCP has."""
    channel = _channel(call, _needed(call, "channelKey"))
    amount, company = _amount(call), call.query("cardCompany")
    if channel.pg_provider != "KCP_V2":
        raise pg_refusal("NOT_SUPPORTED", "프로모션 조회를 지원하지 않는 PG입니다.")
    if amount < KCP_MINIMUM or company not in (None, KCP_PROMOTION["cardCompany"]):
        return {"promotions": []}
    more = {"discountAmount": KCP_DISCOUNT, "minimumPaymentAmount": KCP_MINIMUM}
    return {"promotions": [{**KCP_PROMOTION, **more}]}


@operations.add("GET", "/kakaopay/payment/order")
async def get_kakaopay_payment_order(call: Call) -> dict[str, Any]:
    """portone-facts §8: KakaoPay's own answer, as a status and a text [I: answers_of_pgs]."""
    channel_key, pg_tx_id = _needed(call, "channelKey"), _needed(call, "pgTxId")
    store = call.store(None)
    for attempt in call.world.attempts():
        if (attempt.pg_tx_id, attempt.channel_key, attempt.store_id) == (pg_tx_id, channel_key, store.id):
            told = {
                "tid": pg_tx_id,
                "status": "SUCCESS_PAYMENT" if attempt.status == "PAID" else "CANCEL_PAYMENT",
                "partner_order_id": attempt.payment_id,
                "amount": {"total": attempt.order.total_minor},
            }
            return {"statusCode": 200, "body": msgspec.json.encode(told).decode()}
    return {"statusCode": 400, "body": '{"error_code":-721,"error_message":"invalid tid"}'}


@operations.add("POST", "/paymentwall/delivery/confirm", to_pg="all of it")
async def confirm_paymentwall_delivery(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    asked = call.body(_Delivery)
    attempt = call.world.attempt(asked.transaction_id)
    if attempt is None or attempt.store_id != call.store(None).id:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    return {}


@operations.add("GET", "/checkout-profiles/evaluate", is_open=True)
async def evaluate_checkout_profile(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    profile = call.world.state.checkout_profiles.get(_needed(call, "profileKey"))
    country, currency = _needed(call, "country"), _currency(_needed(call, "currency"))
    amount = _amount(call)
    if profile is None:
        raise ApiError("PROFILE_SETTINGS_NOT_FOUND", "The profile is not found.")
    rules = checkout.rules_of(profile, country, currency, amount)
    return {"methods": [{"paymentMethod": rule.payment_method, "channelKey": rule.channel_key} for rule in rules]}


@operations.add("POST", "/payment-sessions")
async def create_payment_session(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    asked = call.body(_Session)
    store = call.store(asked.store_id)
    ttl_s = asked.ttl_seconds if asked.ttl_seconds is not None else int(TTL.total_seconds())
    profile = call.world.state.checkout_profiles.get(asked.profile_key)
    if profile is None or profile.store_id != store.id:
        raise ApiError("INVALID_REQUEST", "profileKey: there is no such profile.")
    _currency(asked.currency)
    if asked.payment_method is not None and asked.payment_method not in checkout.METHODS:
        raise ApiError("INVALID_REQUEST", f"paymentMethod: one of {', '.join(checkout.METHODS)}.")
    if asked.total_amount <= 0 or ttl_s <= 0 or not asked.payment_id or not asked.order_name:
        raise ApiError("INVALID_REQUEST", "totalAmount and ttlSeconds must be above zero, and no name empty.")
    if ttl_s > call.world.inferred.session_ttl_max_s:
        raise ApiError("MAX_TTL_EXCEEDED", "ttlSeconds is too long.")
    fields = msgspec.to_builtins(asked)
    fields.pop("ttlSeconds", None)
    session = PaymentSession(
        id=f"session-{call.world.ids.uuid()}",
        store_id=store.id,
        asked=fields,
        created_at=call.now,
        expires_at=call.now + timedelta(seconds=ttl_s),
    )
    call.world.state.payment_sessions[session.id] = session
    url = f"{call.home}/__browser__/checkout/{session.id}"
    return {"sessionId": session.id, "url": url, "expiresAt": rfc3339(session.expires_at)}


@operations.add("GET", "/payment-sessions/{sessionId}", is_open=True)
async def get_payment_session(call: Call) -> dict[str, Any]:
    """portone-facts §8. One that was closed is expired as well [I: closed_session]."""
    session = call.world.state.payment_sessions.get(call.path("sessionId"))
    if session is None:
        raise ApiError("SESSION_NOT_FOUND", "The session is not found.")
    if checkout.is_over(session, call.now):
        raise ApiError("SESSION_EXPIRED", "The session is expired.")
    times = {"createdAt": rfc3339(session.created_at), "expiresAt": rfc3339(session.expires_at)}
    return {"id": session.id, **session.asked, **times}


@operations.add("POST", "/payment-sessions/{sessionId}/close")
async def close_payment_session(call: Call) -> dict[str, Any]:
    """portone-facts §8. Closing again changes nothing [I: closed_session]."""
    session = call.world.state.payment_sessions.get(call.path("sessionId"))
    if session is None or session.store_id != call.store(None).id:
        raise ApiError("SESSION_NOT_FOUND", "The session is not found.")
    session.closed_at = session.closed_at or call.now
    return {"closedAt": rfc3339(session.closed_at)}


def _channel(call: Call, channel_key: str) -> Channel:
    channel = call.world.state.channels.get(channel_key)
    if channel is None or channel.store_id != call.store(None).id:
        raise ApiError("CHANNEL_NOT_FOUND", "The channel is not found.")
    return channel


def _needed(call: Call, name: str) -> str:
    value = call.query(name)
    if not value:
        raise ApiError("INVALID_REQUEST", f"{name} is required.")
    return value


def _amount(call: Call) -> int:
    value = _needed(call, "amount")
    if not value.isdecimal():
        raise ApiError("INVALID_REQUEST", "amount must be a whole number.")
    return int(value)


def _currency(currency: str) -> str:
    refuse_unknown(currency)
    return currency
