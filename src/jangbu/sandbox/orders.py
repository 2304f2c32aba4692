"""Orders for one payment, by a test or a person: what happens to it outside PortOne's API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import accounts, approvals, cancels, records
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import LONGEST_S, ApiError, NotOurs
from jangbu.sandbox.core.records import Attempt, CancelTrigger, Payment
from jangbu.sandbox.v2.wire import cancellation_json


class ConsoleCancel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A cancel that no API call asked for. `knownAfterS` null: PortOne never hears of it (portone-facts §10.13)."""

    amount: int | None = None
    tax_free_amount: int | None = None
    reason: str = "PG 관리자 취소"
    trigger: CancelTrigger = "CONSOLE"
    webhook: bool = True
    known_after_s: float | None = 0


class Chargeback(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The card issuer takes the money back."""

    amount: int | None = None
    tax_free_amount: int | None = None
    reason: str = "카드사 이의제기"


class SettleCancel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An asynchronous PG's word about a cancel that waits: the oldest, unless one is named."""

    cancellation_id: str | None = None
    fails: bool = False


class Deposit(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Money into the virtual account, or at the convenience store; by default what was asked for."""

    amount: int | None = None
    webhook: bool = True
    known_after_s: float | None = 0


class Expire(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Nobody pays in: the virtual account, or the counter's number, lapses before its time."""


class SettlePayment(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An asynchronous PG's word about a payment that waits; with a `reason` it is no."""

    reason: str | None = None


class Dispute(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The shopper complains to the PG."""

    reason: str = "상품을 받지 못했습니다."


class ResolveDispute(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The oldest open dispute is over; what it costs the merchant, if anything, is a `chargeback` beside it."""


class Escrow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What becomes of the parcel, or what the shopper says of it."""

    status: Literal["DELIVERED", "CONFIRMED", "REJECTED", "REJECT_CONFIRMED", "CANCELLED"]
    automatically: bool = True


def console_cancel(parts: Parts, payment: Payment, asked: ConsoleCancel) -> dict[str, Any]:
    wish = cancels.Asked(asked.reason, asked.amount, asked.tax_free_amount, trigger=asked.trigger)
    known_after = _after(asked.known_after_s)
    cancellation = cancels.cancel_elsewhere(
        parts.world, payment, wish, parts.clock.now(), known_after=known_after, is_announced=asked.webhook
    )
    return cancellation_json(cancellation)


def chargeback(parts: Parts, payment: Payment, asked: Chargeback) -> dict[str, Any]:
    wish = cancels.Asked(asked.reason, asked.amount, asked.tax_free_amount, trigger="CHARGEBACK")
    return cancellation_json(cancels.cancel_elsewhere(parts.world, payment, wish, parts.clock.now()))


def settle_cancel(parts: Parts, payment: Payment, asked: SettleCancel) -> dict[str, Any]:
    for attempt in payment.attempts:
        for cancellation in attempt.cancellations:
            is_named = asked.cancellation_id == cancellation.id
            if is_named or (asked.cancellation_id is None and cancellation.status == "REQUESTED"):
                now = parts.clock.now()
                cancels.settle(parts.world, attempt, cancellation, now, is_success=not asked.fails)
                return cancellation_json(cancellation)
    raise NotOurs(f"payment {payment.id} has no such cancellation that waits")


def deposit(parts: Parts, payment: Payment, asked: Deposit) -> dict[str, Any]:
    known_after = _after(asked.known_after_s)
    is_taken = accounts.deposit(
        parts.world,
        parts.faults,
        payment,
        parts.clock.now(),
        amount_minor=asked.amount,
        known_after=known_after,
        is_announced=asked.webhook,
    )
    return {"isTaken": is_taken}


def expire(parts: Parts, payment: Payment, _: Expire) -> dict[str, Any]:
    accounts.expire_now(parts.world, payment, parts.clock.now())
    return {"status": payment.current.status if payment.current else None}


def settle_payment(parts: Parts, payment: Payment, asked: SettlePayment) -> dict[str, Any]:
    attempt = payment.current
    if attempt is None:
        raise NotOurs(f"payment {payment.id} was never begun")
    now = parts.clock.now()
    approvals.finish(parts.world, parts.faults, attempt, now, is_success=asked.reason is None, reason=asked.reason)
    return {"status": attempt.status}


def dispute(parts: Parts, payment: Payment, asked: Dispute) -> dict[str, Any]:
    attempt = _paid(payment)
    now = parts.clock.now()
    complaint = records.Dispute(asked.reason, now, f"pgd{parts.world.ids.token(17)}")
    attempt.disputes = [*attempt.disputes, complaint]
    return _tell_of_dispute(parts, attempt, "Transaction.DisputeCreated", "DISPUTE_CREATED")


def resolve_dispute(parts: Parts, payment: Payment, _: ResolveDispute) -> dict[str, Any]:
    attempt = _paid(payment)
    found = next((each for each in attempt.disputes if each.resolved_at is None), None)
    if found is None:
        raise NotOurs(f"payment {payment.id} has no open dispute")
    found.resolved_at = parts.clock.now()
    return _tell_of_dispute(parts, attempt, "Transaction.DisputeResolved", "DISPUTE_RESOLVED")


def _tell_of_dispute(parts: Parts, attempt: Attempt, type_: str, trigger: str) -> dict[str, Any]:
    attempt.updated_at = parts.clock.now()
    parts.world.announce(attempt, type_, attempt.updated_at, trigger=trigger)
    return {"open": sum(1 for each in attempt.disputes if each.resolved_at is None)}


def _after(seconds: float | None) -> timedelta | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= LONGEST_S:
        raise NotOurs("knownAfterS is not negative, nor more than a century")
    return timedelta(seconds=seconds)


def _paid(payment: Payment) -> Attempt:
    if payment.succeeded is None:
        raise NotOurs(f"payment {payment.id} was never paid")
    return payment.succeeded


def set_escrow(parts: Parts, payment: Payment, asked: Escrow) -> dict[str, Any]:
    attempt = payment.current
    if attempt is None or attempt.escrow is None or attempt.escrow["status"] == "BEFORE_REGISTERED":
        raise NotOurs(f"payment {payment.id} has no parcel under way")
    shown = {name: value for name, value in attempt.escrow.items() if name != "isAutomaticallyConfirmed"}
    attempt.escrow = {**shown, "status": asked.status}
    if asked.status == "CONFIRMED":
        attempt.escrow["isAutomaticallyConfirmed"] = asked.automatically
    attempt.updated_at = parts.clock.now()
    return attempt.escrow


ORDERS: dict[str, tuple[type[Any], Callable[[Parts, Payment, Any], dict[str, Any]]]] = {
    "console-cancel": (ConsoleCancel, console_cancel),
    "chargeback": (Chargeback, chargeback),
    "settle-cancel": (SettleCancel, settle_cancel),
    "deposit": (Deposit, deposit),
    "expire": (Expire, expire),
    "settle-payment": (SettlePayment, settle_payment),
    "dispute": (Dispute, dispute),
    "resolve-dispute": (ResolveDispute, resolve_dispute),
    "escrow": (Escrow, set_escrow),
}


def carry_out(parts: Parts, payment_id: str, name: str, raw: bytes) -> dict[str, Any]:
    """Do the named order with the fields in `raw`. Refuses an unknown order, with the known ones."""
    if name not in ORDERS:
        raise NotOurs(f"no order {name!r}; known: {', '.join(ORDERS)}")
    payment = next((payment for payment in parts.world.payments() if payment.id == payment_id), None)
    if payment is None:
        raise ApiError("PAYMENT_NOT_FOUND", f"no payment {payment_id}")
    shape, act = ORDERS[name]
    return act(parts, payment, msgspec.json.decode(raw or b"{}", type=shape))
