"""Cancellations (portone-facts §2.8): what PortOne checks, what the PG does with them, and what is announced.

No I/O; `now` is an argument of each step.
"""

from datetime import datetime
from typing import Literal

from jangbu.sandbox.problems import ApiError, NotOurs
from jangbu.sandbox.records import SUCCEEDED, Attempt, Cancellation, Payment, Trigger
from jangbu.sandbox.world import World

Outcome = Literal["SUCCEEDED", "REQUESTED", "FAILED"]


def cancel(
    world: World,
    payment: Payment,
    *,
    amount_minor: int | None,
    tax_free_minor: int | None,
    vat_minor: int | None,
    cancellable_minor: int | None,
    reason: str,
    now: datetime,
    outcome: Outcome = "SUCCEEDED",
    trigger: Trigger = "API",
    is_silent: bool = False,
) -> Cancellation:
    """Give back a part of a paid payment, or all that is left when no amount is named.

    Refuses as PortOne does. `outcome` is the PG's word: REQUESTED where it works asynchronously.
    """
    attempt = payment.succeeded
    if attempt is None:
        raise ApiError("PAYMENT_NOT_PAID", "The payment is not paid.")
    left = attempt.order.total_minor - taken(world, attempt)
    if attempt.status == "CANCELLED":
        raise ApiError("PAYMENT_ALREADY_CANCELLED", "The payment is already cancelled.")
    if cancellable_minor is not None and cancellable_minor != left:
        raise ApiError("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", "The cancellable amount is another one.")
    most = world.inferred.cancellations_max
    if most is not None and len(attempt.cancellations) >= most:
        raise ApiError("MAX_CANCEL_COUNT_REACHED", "The payment was cancelled too often.")
    amount = left if amount_minor is None else amount_minor
    if amount <= 0 or min(tax_free_minor or 0, vat_minor or 0) < 0:
        raise ApiError("INVALID_REQUEST", "An amount must be positive.")
    if amount > left:
        raise ApiError("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", "More than is left to cancel.")
    tax_free = _tax_free(world, attempt, amount_minor, amount, tax_free_minor)
    vat = _vat(world, attempt, amount, tax_free, vat_minor, is_last=amount == left)
    if tax_free + vat > amount:
        raise ApiError("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", "The parts are more than the amount.")
    made = Cancellation(
        id=str(world.ids.uuid()),
        status="REQUESTED",
        total_minor=amount,
        tax_free_minor=tax_free,
        vat_minor=vat,
        reason=reason,
        trigger=trigger,
        requested_at=now,
    )
    attempt.cancellations.append(made)
    attempt.updated_at = now
    if outcome == "SUCCEEDED":
        _succeed(world, attempt, made, now, is_silent=is_silent)
    elif outcome == "FAILED":
        made.status = "FAILED"
    else:
        world.announce(attempt, "Transaction.CancelPending", now, cancellation_id=made.id)
    return made


def end(world: World, payment: Payment, now: datetime, *, succeeds: bool) -> Cancellation:
    """The PG settles the cancellation that it took on: given back, or not."""
    attempt = payment.succeeded
    waiting = [each for each in attempt.cancellations if each.status == "REQUESTED"] if attempt else []
    if attempt is None or not waiting:
        raise NotOurs(f"payment {payment.id} has no cancellation that is not settled")
    if succeeds:
        _succeed(world, attempt, waiting[0], now, is_silent=False)
    else:
        waiting[0].status = "FAILED"
        attempt.updated_at = now
        # That a webhook goes out is known, of which type is not (portone-facts §14.6).
        if world.inferred.failed_cancel_announces:
            world.announce(attempt, world.inferred.failed_cancel_announces, now)
    return waiting[0]


def taken(world: World, attempt: Attempt) -> int:
    """What of the total cannot be cancelled any more; one that is under way counts too, unless switched off."""
    counted = {"SUCCEEDED", "REQUESTED"} if world.inferred.requested_cancellation_reserves else {"SUCCEEDED"}
    return sum(each.total_minor for each in attempt.cancellations if each.status in counted)


def _tax_free(world: World, attempt: Attempt, asked_amount: int | None, amount: int, asked: int | None) -> int:
    gone = [each for each in attempt.cancellations if each.status != "FAILED"]
    free_left = attempt.order.tax_free_minor - sum(each.tax_free_minor for each in gone)
    taxable_left = attempt.order.total_minor - taken(world, attempt) - free_left
    # Everything is taxable unless said otherwise; only where all that is left goes is there no other way [I].
    tax_free = asked if asked is not None else (free_left if asked_amount is None else 0)
    if tax_free > free_left:
        raise ApiError("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", "Too much tax-free.")
    if amount - tax_free > taxable_left:
        raise ApiError("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", "Too much taxable.")
    return tax_free


def _vat(world: World, attempt: Attempt, amount: int, tax_free: int, asked: int | None, *, is_last: bool) -> int:
    left = attempt.order.vat_minor - sum(each.vat_minor for each in attempt.cancellations if each.status != "FAILED")
    if asked is not None:
        return asked
    return left if is_last else max(0, min(left, world.vat_of(amount, tax_free)))


def _succeed(world: World, attempt: Attempt, made: Cancellation, now: datetime, *, is_silent: bool) -> None:
    made.status = "SUCCEEDED"
    made.cancelled_at = now
    made.pg_cancellation_id = f"pgc{world.ids.token(17)}"
    made.receipt_url = f"https://receipt.sandbox.invalid/{made.id}"
    given = sum(each.total_minor for each in attempt.cancellations if each.status == "SUCCEEDED")
    attempt.status = "CANCELLED" if given == attempt.order.total_minor else "PARTIAL_CANCELLED"
    assert attempt.status in SUCCEEDED
    attempt.updated_at = attempt.status_changed_at = now
    if not is_silent:
        type_ = "Transaction.Cancelled" if attempt.status == "CANCELLED" else "Transaction.PartialCancelled"
        world.announce(attempt, type_, now, cancellation_id=made.id)
