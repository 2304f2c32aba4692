"""The PG's word on an approval: yes, no, later, or an account to pay into (portone-facts §2.2, §13.3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jangbu.sandbox.core import accounts, cash_receipts, chores, declines, payers, promotions
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.problems import ApiError, NotOurs, pg_refusal
from jangbu.sandbox.core.records import Attempt, Failure, Payment
from jangbu.sandbox.core.world import World

OPERATION = "approve_payment"
"""What a fault of the PG's word is ordered for, whichever way the attempt began."""

DECIDED_AFTER = timedelta(minutes=10)
"""How long an approval that waits takes, unless an order says otherwise [I: pending_is_decided_after]."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """What the server says it confirms; None is "not said"."""

    token: str
    transaction_id: str | None = None
    currency: str | None = None
    total_minor: int | None = None
    tax_free_minor: int | None = None
    is_test: bool | None = None


def agree(world: World, faults: Faults, attempt: Attempt, method: str, now: datetime, *, waits: bool = False) -> None:
    """The shopper agrees to pay with `method`: the PG decides, or a token is given that the server confirms with.

    Refuses a second success of the payment as PaymentAlreadyPaid. What was decided before stands.
    """
    if attempt.status != "READY" or attempt.payment_token is not None:
        return
    if attempt.order.promotion_id is not None and (failure := _discount(world, attempt, method, now)) is not None:
        world.fail(attempt, failure, now)
        return
    if not world.channel_of(attempt).approves_manually:
        approve(world, faults, attempt, method, now, waits=waits)
        return
    world.refuse_second_success(attempt, now)
    attempt.chosen = method
    attempt.payment_token = f"pt_{world.ids.token(40)}"
    attempt.token_expires_at = now + timedelta(seconds=world.inferred.payment_token_life_s)
    attempt.updated_at = now


def _discount(world: World, attempt: Attempt, method: str, now: datetime) -> Failure | None:
    """A window's promotion is taken off once it is known what is paid with; the failure when it does not hold
    [I: promotion_not_in_progress].
    """
    world.choose(attempt, method)
    try:
        promotions.apply(world, world.state.stores[attempt.store_id], attempt.order, attempt.method, now)
    except ApiError as refusal:
        return Failure("PGProviderError", refusal.body["message"], refusal.body["type"], refusal.body["message"])
    return None


def confirm(
    world: World, faults: Faults, payment: Payment, asked: Confirm, now: datetime, *, is_announced: bool
) -> Attempt:
    """The server approves what the shopper agreed to (portone-facts §2.5). A token is good once."""
    if not payment.attempts:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    if payment.succeeded is not None:
        raise ApiError("ALREADY_PAID", "The payment is already paid.")
    attempt = next((each for each in payment.attempts if each.payment_token == asked.token), None)
    expires_at = attempt.token_expires_at if attempt else None
    if attempt is None or expires_at is None or attempt.status != "READY" or now >= expires_at:
        raise ApiError("INVALID_PAYMENT_TOKEN", "The payment token is wrong, used or expired.")
    order = attempt.order
    compared: list[tuple[Any, Any]] = [
        (asked.transaction_id, attempt.transaction_id),
        (asked.currency, order.currency),
        (asked.total_minor, order.total_minor),
        (asked.tax_free_minor, order.tax_free_minor),
        (asked.is_test, world.channel_of(attempt).type == "TEST"),
    ]
    if any(said is not None and said != real for said, real in compared):
        raise ApiError("INFORMATION_MISMATCH", "What is confirmed is not what the shopper agreed to.")
    assert attempt.chosen is not None, "a token comes with a method"
    approve(world, faults, attempt, attempt.chosen, now, is_announced=is_announced)
    if attempt.failure is not None:
        raise pg_refusal(attempt.failure.pg_code, attempt.failure.pg_message)
    return attempt


def approve(
    world: World,
    faults: Faults,
    attempt: Attempt,
    method: str,
    now: datetime,
    *,
    is_announced: bool = True,
    refusal: declines.Decline | None = None,
    is_refusal_announced: bool = True,
    waits: bool = False,
) -> None:
    """The PG's word: READY → PAID, PAY_PENDING, VIRTUAL_ACCOUNT_ISSUED or FAILED.

    `is_announced` is about the success of this very call (portone-facts §2.3); `refusal` is what the PG says to this
    card whatever else was ordered, and `waits` puts its word off. Refuses a second success of the payment as
    PaymentAlreadyPaid. What was decided before stands.
    """
    if attempt.status != "READY":
        return
    world.refuse_second_success(attempt, now)
    if refusal is None and method == "paypal":
        refusal = payers.refusal_of(attempt.window)
    waiting = faults.take(Kind.PG, OPERATION, attempt.payment_id, "pay_waits")
    refused = None if refusal is not None else faults.take(Kind.PG, OPERATION, attempt.payment_id, "pay_refused")
    if refused is not None:
        refusal = declines.reason_named(refused.reason or "insufficient_funds")
    if waits or waiting is not None or (method == "paypal" and world.inferred.paypal_waits):
        seconds = next((fault.seconds for fault in (waiting, refused) if fault is not None and fault.seconds), None)
        after = DECIDED_AFTER if seconds is None else timedelta(seconds=seconds)
        _wait(world, attempt, method, now, after, then_succeeds=refusal is None)
    elif refusal is not None:
        world.decline(attempt, refusal, now, is_announced=is_refusal_announced)
    elif method == "virtual_account":
        accounts.issue(world, attempt, now, is_announced=is_announced)
    elif method == "convenience_store":
        accounts.wait_at_counter(world, attempt, now, is_announced=is_announced)
    else:
        world.approve(attempt, method, now, is_announced=is_announced)
        cash_receipts.issue_with(world, faults, attempt, now)


def finish(
    world: World, faults: Faults, attempt: Attempt, now: datetime, *, is_success: bool, reason: str | None = None
) -> None:
    """PAY_PENDING → PAID or FAILED, by the PG's later word. Refuses what does not wait."""
    if attempt.status != "PAY_PENDING":
        raise NotOurs(f"transaction {attempt.transaction_id} is {attempt.status}, it does not wait for the PG")
    chores.drop(world.state, attempt.transaction_id)
    payment = world.payment(attempt.store_id, attempt.payment_id)
    assert payment is not None, "an attempt belongs to a payment"
    if payment.succeeded is not None:
        # Another attempt was quicker, and at most one succeeds (portone-facts §2.1).
        world.fail(attempt, declines.ALREADY_PAID.failure("PaymentAlreadyPaid"), now, trigger="ASYNC_PAY_FAILED")
    elif is_success:
        world.approve(attempt, "card", now, trigger="ASYNC_PAY_APPROVED")
        cash_receipts.issue_with(world, faults, attempt, now)
    else:
        why = declines.reason_named(reason or "insufficient_funds")
        world.fail(attempt, why.failure("PGProviderError"), now, trigger="ASYNC_PAY_FAILED")


def _wait(world: World, attempt: Attempt, method: str, now: datetime, after: timedelta, *, then_succeeds: bool) -> None:
    world.choose(attempt, method)
    attempt.status = "PAY_PENDING"
    attempt.updated_at = attempt.status_changed_at = now
    chores.plan(world.state, now + after, "finish_payment", attempt.transaction_id, is_success=then_succeeds)
    world.announce(attempt, "Transaction.PayPending", now)
