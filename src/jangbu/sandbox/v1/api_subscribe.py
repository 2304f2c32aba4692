"""V1: cards to charge again, and charging them (portone-facts §6.5)."""

from typing import Any

import msgspec

from jangbu.sandbox.core import billing_keys, charges
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.v1 import payments
from jangbu.sandbox.v1.gate import Call, Operations
from jangbu.sandbox.v1.keys import (
    TO_PG_OF_A_CHARGE,
    CardInput,
    ChargeInput,
    check_uid,
    customer_json,
    issued,
    key_of,
    usable,
    wish_of,
)
from jangbu.sandbox.v1.problems import V1Refusal, v1_refusal_of
from jangbu.sandbox.v1.window import replace
from jangbu.sandbox.v1.wire import payment_json

operations = Operations()


class _Register(CardInput):
    customer_name: str | None = None
    customer_tel: str | None = None
    customer_email: str | None = None
    customer_addr: str | None = None
    customer_postcode: str | None = None


class _Uids(msgspec.Struct):
    customer_uid: list[str] | str


class _Extra(msgspec.Struct):
    requester: str | None = None


class _Forget(msgspec.Struct):
    reason: str | None = None
    extra: _Extra | None = None


class _Again(ChargeInput, kw_only=True):
    customer_uid: str
    channel_key: str | None = None


class _Onetime(ChargeInput, kw_only=True):
    card_number: str
    expiry: str
    birth: str | None = None
    pwd_2digit: str | None = None
    customer_uid: str | None = None
    channel_key: str | None = None
    pg: str | None = None
    cvc: str | None = None
    channel_group_id: str | None = msgspec.field(default=None, name="channelGroupId")
    secure_3d_charge_id: str | None = None
    secure_3d_token: str | None = None


class _Page(msgspec.Struct):
    page: int | None = None
    limit: int | None = None
    include_sandbox: bool = False


@operations.add("POST", "/subscribe/customers/{customer_uid}", to_pg="`cvc` (Paymentwall)")
async def v1_register_customer(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: of the card nothing is kept but its mask."""
    asked = call.asked(_Register)
    customer = {
        "name": asked.customer_name,
        "phoneNumber": asked.customer_tel,
        "email": asked.customer_email,
        "zipcode": asked.customer_postcode,
        "address": {"type": "ONE_LINE", "oneLine": asked.customer_addr} if asked.customer_addr else None,
    }
    key = issued(call, call.path("customer_uid"), asked, customer)
    return customer_json(call, key)


@operations.add("GET", "/subscribe/customers/{customer_uid}", 404)
async def v1_get_customer(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    return customer_json(call, usable(call, call.path("customer_uid")))


@operations.add("GET", "/subscribe/customers", 404)
async def v1_get_customers(call: Call) -> list[dict[str, Any]]:
    """portone-facts §6.5: 207 when only a part was found."""
    uids = call.asked(_Uids).customer_uid
    asked = [uids] if isinstance(uids, str) else uids
    found = []
    for uid in asked:
        try:
            found.append(customer_json(call, usable(call, uid)))
        except ApiError:
            continue
    if not found:
        raise ApiError("BILLING_KEY_NOT_FOUND", "None of them is found.")
    call.status = 200 if len(found) == len(asked) else 207
    return found


@operations.add("DELETE", "/subscribe/customers/{customer_uid}", 404)
async def v1_delete_customer(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    asked = call.asked(_Forget)
    key = usable(call, call.path("customer_uid"))
    requester = asked.extra.requester if asked.extra is not None else None
    billing_keys.delete(
        call.world, call.faults, key, call.now, reason=asked.reason, requester=requester, is_announced=False
    )
    return customer_json(call, key)


@operations.add("GET", "/subscribe/customers/{customer_uid}/payments", 404)
async def v1_get_customer_payments(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    asked = call.asked(_Page)
    key = billing_keys.find(call.world, call.store, call.path("customer_uid"))
    rows = [
        attempt
        for attempt in call.world.attempts()
        if attempt.billing_key == key.id and payments.is_visible(call, attempt, with_tests=asked.include_sandbox)
    ]
    return payments.page_of(call, payments.sorted_by(rows, None), asked.page, asked.limit)


@operations.add("POST", "/subscribe/payments/again", to_pg=TO_PG_OF_A_CHARGE)
async def v1_pay_again(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    asked = call.asked(_Again)
    key = call.world.state.billing_keys.get(call.store.id, {}).get(asked.customer_uid)
    if key is None or key.status != "ISSUED":
        raise V1Refusal(200, "등록되지 않은 구매자입니다.")
    return _paid_or_declined(call, key, asked, asked.channel_key)


@operations.add(
    "POST",
    "/subscribe/payments/onetime",
    to_pg="`product_type`, `bypass`, `cvc`, `secure_3d_charge_id`, `secure_3d_token`",
)
async def v1_pay_onetime(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: a card that is keyed in; with a customer_uid it is registered when it could be charged."""
    asked = call.asked(_Onetime)
    channel_key = _routed(call, asked.channel_group_id) or asked.channel_key
    card = CardInput(channel_key, asked.pg, asked.card_number, asked.expiry, asked.birth, asked.pwd_2digit)
    if asked.customer_uid is not None:
        check_uid(asked.customer_uid)
    # It is the store's only once the charge has succeeded.
    key = key_of(call, "", card, {})
    response = _paid_or_declined(call, key, asked, None)
    attempt = call.world.attempt(response["imp_uid"])
    assert attempt is not None, "it was just made"
    if asked.customer_uid is not None and attempt.paid_at is not None:
        key.id = attempt.billing_key = asked.customer_uid
        replace(call.world, key)
        billing_keys.succeed(call.world, key, call.now, is_announced=False)
        return payment_json(call.world, attempt)
    return response


def _routed(call: Call, group_id: str | None) -> str | None:
    """One channel of the group by chance, all as likely [I: channel_group_draw]."""
    if group_id is None:
        return None
    channels = billing_keys.channels_for(call.world, call.store, None, group_id)
    return call.world.ids.chance().choice(channels).key


def _paid_or_declined(call: Call, key: BillingKey, asked: ChargeInput, channel_key: str | None) -> dict[str, Any]:
    wish = wish_of(call, key, asked, channel_key)
    attempt = charges.charge_with(call.world, call.faults, call.store, key, wish, call.now)
    if attempt.failure is not None and call.world.inferred.v1_declined_charge_is == "code":
        raise v1_refusal_of(charges.declined(attempt))
    return payment_json(call.world, attempt)
