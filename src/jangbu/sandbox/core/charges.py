"""Charging a billing key: at once, at its scheduled time, or with its issue (portone-facts §3.2); and how whatever a
server pays without a window begins.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.sandbox.core import approvals, billing_keys, declines, methods, promotions
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.naming_rules import refuse_what_the_pg_refuses
from jangbu.sandbox.core.problems import ApiError, BrowserRefusal, pg_refusal
from jangbu.sandbox.core.records import Attempt, Channel, Failure, Order, Store
from jangbu.sandbox.core.world import World

ORIGIN = {"platformType": "API", "ipAddress": "127.0.0.1"}
"""One for all that a server asks for: nobody changes it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A charge as somebody asked for it."""

    payment_id: str
    billing_key: str
    """Empty for what is paid with no key of the store's."""
    order: Order
    channel_key: str | None = None
    installment_months: int = 0
    merchant_pays_interest: bool = False
    uses_card_points: bool = False
    schedule_id: str | None = None
    ip_address: str | None = None
    """The shopper's, where a server passes it on (V1's `browser_ip`); else the server's own."""
    is_announced: bool = True
    """Off: the success of this very call is not announced (portone-facts §2.3)."""


def charge(world: World, faults: Faults, store: Store, wish: Wish, now: datetime) -> Attempt:
    """Charge the key. Answers the attempt; one that the PG declined is FAILED, not refused.

    Refuses what PortOne checks itself, in this order [I: order_of_refusals], and then there is no attempt.
    """
    is_scheduled = wish.schedule_id is not None
    # A wallet's owner may delete the key of a schedule that waits (portone-facts §3.1).
    key = (billing_keys.find if is_scheduled else billing_keys.usable)(world, store, wish.billing_key)
    return charge_with(world, faults, store, key, wish, now)


def charge_with(world: World, faults: Faults, store: Store, key: BillingKey, wish: Wish, now: datetime) -> Attempt:
    """As `charge`, with a key at hand: one that V1 makes of a card for this one payment is not among the store's."""
    attempt = begin(world, store, _channel(world, key, wish.channel_key), wish, key.method, now)
    decide(world, faults, key, attempt, wish, now)
    return attempt


def begin(
    world: World, store: Store, channel: Channel, wish: Wish, paid_with: dict[str, Any] | None, now: datetime
) -> Attempt:
    """An attempt that a server asks for; the PG has not said yes. Refuses, in this order, a payment that cannot be paid
    any more, what this PG takes from nobody, and a promotion that is not for what is paid with.
    """
    refuse_unpayable(world, store, wish.payment_id, schedule_id=wish.schedule_id)
    try:
        refuse_what_the_pg_refuses(world.inferred, channel, wish.payment_id, wish.order)
    except BrowserRefusal as refusal:
        raise pg_refusal(refusal.pg_code or "", refusal.message) from None
    promotions.apply(world, store, wish.order, paid_with, now)
    return _enter(world, store, channel, wish, now)


def fail(world: World, store: Store, wish: Wish, refusal: ApiError, now: datetime) -> Attempt:
    """A charge that was refused with nobody there to hear it: an attempt that FAILED tells of it instead."""
    key, body = world.state.billing_keys[store.id][wish.billing_key], refusal.body
    named = wish.channel_key if wish.channel_key in key.channel_keys else None
    attempt = _enter(world, store, _channel(world, key, named), wish, now)
    failure = Failure(body["type"], body["message"], "", "")
    if body["type"] == "PG_PROVIDER":
        failure = Failure("PGProviderError", body["pgMessage"], body["pgCode"], body["pgMessage"])
    world.fail(attempt, failure, now, is_announced=world.inferred.declined_charge_is_announced)
    return attempt


def _enter(world: World, store: Store, channel: Channel, wish: Wish, now: datetime) -> Attempt:
    attempt = Attempt(
        transaction_id=world.new_transaction_id(wish.order),
        payment_id=wish.payment_id,
        store_id=store.id,
        channel_key=channel.key,
        order=wish.order,
        origin=ORIGIN if wish.ip_address is None else {**ORIGIN, "ipAddress": wish.ip_address},
        requested_at=now,
        updated_at=now,
        status_changed_at=now,
        billing_key=wish.billing_key or None,
        schedule_id=wish.schedule_id,
    )
    world.enter(attempt)
    return attempt


def probe(faults: Faults, key: BillingKey) -> None:
    """Whether this key could be charged: a sum that is taken and given back at once. Refuses as the PG does."""
    refusal = billing_keys.refusal_of(key)
    if refusal is None:
        fault = faults.take(Kind.PG, approvals.OPERATION, None, "pay_refused")
        refusal = declines.reason_named(fault.reason or "insufficient_funds") if fault is not None else None
    if refusal is not None:
        raise pg_refusal(refusal.pg_code, refusal.ko)


def refuse_unpayable(world: World, store: Store, payment_id: str, *, schedule_id: str | None = None) -> None:
    """At most one success per paymentId, and no charge of what a schedule waits for (portone-facts §2.1, §12)."""
    payment = world.payment(store.id, payment_id)
    if payment is not None and payment.succeeded is not None:
        raise ApiError("ALREADY_PAID", "The payment is already paid.")
    if payment is not None and len(payment.attempts) >= world.inferred.transactions_max:
        raise ApiError("MAX_TRANSACTION_COUNT_REACHED", "The payment was tried too often.")
    waits = world.state.scheduled_payments.get(store.id, {}).get(payment_id)
    if waits not in (None, schedule_id) and world.inferred.charge_of_schedules_payment_is_refused:
        raise ApiError("PAYMENT_SCHEDULE_ALREADY_EXISTS", "A schedule waits for this payment.")


def decide(world: World, faults: Faults, key: BillingKey, attempt: Attempt, wish: Wish, now: datetime) -> None:
    """The PG's word. It has nothing to say about a key that is gone: a schedule's payment fails."""
    is_told = world.inferred.declined_charge_is_announced
    if key.status == "DELETED":
        world.fail(attempt, declines.KEY_DELETED.failure("BILLING_KEY_ALREADY_DELETED"), now, is_announced=is_told)
        return
    attempt.method = payment_method(world, key, wish)
    approvals.approve(
        world,
        faults,
        attempt,
        "paypal" if attempt.method.get("provider") == "PAYPAL" else "card",
        now,
        is_announced=wish.is_announced,
        refusal=billing_keys.refusal_of(key),
        is_refusal_announced=is_told,
    )


def payment_method(world: World, key: BillingKey, wish: Wish) -> dict[str, Any]:
    """The payment's `method` for what the key stands for (portone-facts §2.2, §3.1)."""
    method = key.method or {}
    wallet = method.get("method") or {}
    if wallet.get("type") == "BillingKeyPaymentMethodTransfer":
        account = {"type": "PaymentMethodTransfer", "bank": wallet["bank"], "accountNumber": wallet["accountNumber"]}
        return {"type": "PaymentMethodEasyPay", "provider": method["provider"], "easyPayMethod": account}
    card = {
        "type": "PaymentMethodCard",
        "approvalNumber": f"{world.ids.chance().randrange(100_000_000):08d}",
        "installment": {"month": wish.installment_months},
    }
    card = methods.on_terms(
        card, interest_free=False, by_merchant=wish.merchant_pays_interest, with_points=wish.uses_card_points
    )
    match method.get("type"):
        case "BillingKeyPaymentMethodEasyPay":
            return {
                "type": "PaymentMethodEasyPay",
                "provider": method["provider"],
                "easyPayMethod": card | {"card": wallet["card"]},
            }
        case "BillingKeyPaymentMethodMobile":
            return {"type": "PaymentMethodMobile", "phoneNumber": method["phoneNumber"]}
        case "BillingKeyPaymentMethodPaypal":
            # PayPal tells nothing of the account (portone-facts §3.4).
            return {"type": "PaymentMethodEasyPay", "provider": "PAYPAL"}
        case _:
            return card | {"card": method["card"]}


def _channel(world: World, key: BillingKey, channel_key: str | None) -> Channel:
    """The named channel when the key was issued on it, else the key's first."""
    if channel_key is not None and channel_key not in key.channel_keys:
        raise ApiError("CHANNEL_NOT_FOUND", "The billing key was not issued on this channel.")
    return world.state.channels[channel_key or key.channel_keys[0]]


def declined(attempt: Attempt) -> ApiError:
    """The PG's no as an answer."""
    failure = attempt.failure
    assert failure is not None, "a declined attempt knows why"
    return ApiError("PG_PROVIDER", failure.reason, pgCode=failure.pg_code, pgMessage=failure.pg_message)
