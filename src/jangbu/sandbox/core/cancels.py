"""Cancelling: by the API, in a PG's own console, by chargeback; at once or later (portone-facts §2.8, §10)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from jangbu.sandbox.core import cash_receipts, chores, pg_rules
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.problems import ApiError, NotOurs, pg_refusal
from jangbu.sandbox.core.records import Attempt, Cancellation, CancelTrigger, Payment
from jangbu.sandbox.core.world import World

OPERATION = "cancel_payment"
"""What a fault of the PG's verdict is ordered for, whichever API asked."""

ASYNCHRONOUS_PGS = frozenset({"PAYPAL_V2", "TRIPLE_A", "KICC", "KICC_V2"})
"""They answer REQUESTED (portone-facts §2.8); KICC by its old module's name and by the current one (§2.2)."""

SETTLES_AFTER = timedelta(minutes=10)
"""How long such a PG takes, unless an order says otherwise [I: pending_is_decided_after]."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish to cancel. None is "not said": all that remains, all of it taxable, VAT computed."""

    reason: str
    amount_minor: int | None = None
    tax_free_minor: int | None = None
    vat_minor: int | None = None
    current_cancellable_minor: int | None = None
    trigger: CancelTrigger = "API"
    skip_webhook: bool = False
    refund_account: dict[str, Any] | None = None
    retains_discount: bool = False


@dataclass(frozen=True, slots=True)
class Amounts:
    """How a sum divides, in minor units."""

    total: int
    tax_free: int
    vat: int

    @property
    def taxable(self) -> int:
        """VAT included."""
        return self.total - self.tax_free


@dataclass(frozen=True, slots=True)
class _Verdict:
    says: Literal["DONE", "WAITS", "FAILED", "REFUSED"]
    after: timedelta = SETTLES_AFTER
    then_succeeds: bool = True


def cancel(world: World, faults: Faults, payment: Payment, asked: Asked, now: datetime) -> Cancellation:
    """Cancel all or part. Answers SUCCEEDED, REQUESTED, or FAILED: a 200 does not mean refunded (§2.8).

    Refuses as PortOne does: what it checks itself first, in one order [I: order_of_refusals], then as the PG does.
    """
    attempt = _paid(payment)
    amounts = amounts_of(world, attempt, asked)
    refund_minor = _refund_of(world, attempt, amounts, retains_discount=asked.retains_discount)
    counted = [each for each in attempt.cancellations if each.status != "FAILED"]
    if len(counted) >= world.inferred.cancels_max:
        raise ApiError("MAX_CANCEL_COUNT_REACHED", "The payment was cancelled too often.")
    _refuse_without_refund_account(world, attempt, asked)
    verdict = _verdict(world, faults, attempt, amounts, now)
    cancellation = _new(world, asked, amounts, refund_minor, now)
    if verdict.says == "REFUSED":
        if world.inferred.refused_cancel_is_recorded:
            cancellation.status = "FAILED"
            attempt.cancellations = [*attempt.cancellations, cancellation]
            attempt.updated_at = now
        message = "취소할 수 없는 거래입니다."
        raise pg_refusal("CANCEL_REFUSED", message)
    attempt.cancellations = [*attempt.cancellations, cancellation]
    attempt.updated_at = now
    match verdict.says:
        case "DONE":
            _succeed(world, attempt, cancellation, now, is_announced=not asked.skip_webhook)
        case "FAILED":
            _fail(world, attempt, cancellation, now)
        case "WAITS":
            _show_refund(attempt, "PENDING")
            _show_status(world, attempt, now)
            chores.plan(
                world.state,
                now + verdict.after,
                "settle_cancel",
                attempt.transaction_id,
                cancellation_id=cancellation.id,
                is_success=verdict.then_succeeds,
            )
            # It is not the success that `skipWebhook` silences (portone-facts §2.3).
            if not (asked.skip_webhook and world.inferred.skip_webhook_silences_cancel_pending):
                world.announce(attempt, "Transaction.CancelPending", now, cancellation_id=cancellation.id)
    return cancellation


def settle(world: World, attempt: Attempt, cancellation: Cancellation, now: datetime, *, is_success: bool) -> None:
    """REQUESTED → SUCCEEDED or FAILED, and its webhook, which no `skipWebhook` silences (portone-facts §2.3): V1's
    cancel by API has none unless it was asked for, whenever it succeeds (§4.5).

    Refuses one that is not waiting.
    """
    if cancellation.status != "REQUESTED":
        raise NotOurs(f"cancellation {cancellation.id} is {cancellation.status}, it does not wait")
    chores.drop(world.state, attempt.transaction_id, cancellation.id)
    # Without the hold of `pending_cancel_holds_amount` others may have taken what this one wanted.
    if is_success and cancellation.total_minor <= attempt.order.total_minor - cancelled_at_pg(attempt):
        is_silent = attempt.order.version == "V1" and cancellation.skips_webhook
        _succeed(world, attempt, cancellation, now, is_announced=not is_silent, trigger="ASYNC_CANCEL_APPROVED")
        return
    _fail(world, attempt, cancellation, now)
    attempt.updated_at = now
    type_ = world.inferred.failed_async_cancel_webhook
    if type_ != "none":
        names_it = type_ == "Transaction.CancelPending"
        world.announce(
            attempt,
            type_,
            now,
            cancellation_id=cancellation.id if names_it else None,
            trigger="ASYNC_CANCEL_FAILED",
        )


def stop(world: World, payment: Payment, cancellation_id: str, now: datetime) -> datetime:
    """REQUESTED → FAILED at the merchant's wish, which only Triple-A allows (portone-facts §2.8)."""
    if not payment.attempts:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    known = [(attempt, each) for attempt in payment.attempts for each in attempt.cancellations]
    found = next(((attempt, each) for attempt, each in known if each.id == cancellation_id), None)
    if found is None:
        raise ApiError("PAYMENT_CANCELLATION_NOT_FOUND", "The cancellation is not found.")
    attempt, cancellation = found
    if cancellation.status != "REQUESTED":
        raise ApiError("PAYMENT_CANCELLATION_NOT_PENDING", "The cancellation does not wait.")
    if world.channel_of(attempt).pg_provider != "TRIPLE_A":
        raise pg_refusal("STOP_NOT_SUPPORTED", "취소 요청을 중단할 수 없는 PG입니다.")
    chores.drop(world.state, attempt.transaction_id, cancellation.id)
    _fail(world, attempt, cancellation, now)
    attempt.updated_at = now
    return now


def cancel_elsewhere(
    world: World,
    payment: Payment,
    asked: Asked,
    now: datetime,
    *,
    known_after: timedelta | None = timedelta(),
    is_announced: bool = True,
) -> Cancellation:
    """The money goes back without the merchant's API call. PortOne hears of it at once, after a while, or
    never (`known_after=None`): §10.13. Refuses what the amounts do not allow.
    """
    attempt = _paid(payment)
    amounts = amounts_of(world, attempt, asked)
    if amounts.total > attempt.order.total_minor - cancelled_at_pg(attempt):
        raise ApiError("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", "The PG has given that back already.")
    # Whoever cancels elsewhere knows nothing of the option: it stays what it was.
    retains = any(each.retains_discount for each in attempt.cancellations if each.status != "FAILED")
    asked = replace(asked, retains_discount=retains)
    refund_minor = _refund_of(world, attempt, amounts, retains_discount=retains)
    cancellation = _new(world, asked, amounts, refund_minor, now)
    attempt.hidden_cancellations = [*attempt.hidden_cancellations, cancellation]
    if known_after == timedelta():
        learn(world, attempt, cancellation, now, is_announced=is_announced)
    elif known_after is not None:
        chores.plan(
            world.state,
            now + known_after,
            "learn_cancel",
            attempt.transaction_id,
            cancellation_id=cancellation.id,
            is_announced=is_announced,
        )
    return cancellation


def learn(world: World, attempt: Attempt, cancellation: Cancellation, now: datetime, *, is_announced: bool) -> None:
    """PortOne hears of a cancellation made elsewhere."""
    attempt.hidden_cancellations = [each for each in attempt.hidden_cancellations if each is not cancellation]
    attempt.cancellations = [*attempt.cancellations, cancellation]
    _succeed(world, attempt, cancellation, now, at=cancellation.requested_at, is_announced=is_announced)


def remaining_of(world: World, attempt: Attempt) -> Amounts:
    """What a further cancel may take: the order less what is cancelled, and less what waits (a switch)."""
    holds = {"SUCCEEDED", "REQUESTED"} if world.inferred.pending_cancel_holds_amount else {"SUCCEEDED"}
    held = [each for each in attempt.cancellations if each.status in holds]
    order = attempt.order
    return Amounts(
        order.total_minor - sum(each.total_minor for each in held),
        order.tax_free_minor - sum(each.tax_free_minor for each in held),
        order.vat_minor - sum(each.vat_minor for each in held),
    )


def cancelled_at_pg(attempt: Attempt) -> int:
    """What the PG has given back, whether PortOne knows or not."""
    known = sum(each.total_minor for each in attempt.cancellations if each.status == "SUCCEEDED")
    return known + sum(each.total_minor for each in attempt.hidden_cancellations)


def amounts_of(world: World, attempt: Attempt, asked: Asked) -> Amounts:
    """How the asked sum divides, or the refusal that its arithmetic earns (portone-facts §2.8, §10.12)."""
    if any(each is not None and each < 0 for each in (asked.tax_free_minor, asked.vat_minor)):
        raise ApiError("INVALID_REQUEST", "taxFreeAmount and vatAmount must not be negative.")
    if asked.amount_minor is not None and asked.amount_minor <= 0:
        raise ApiError("INVALID_REQUEST", "amount must be above zero.")
    remaining = remaining_of(world, attempt)
    if asked.current_cancellable_minor not in (None, remaining.total):
        raise ApiError("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", "The cancellable amount is another one.")
    total = asked.amount_minor if asked.amount_minor is not None else remaining.total
    # Nothing remains while cancellations under way hold it all.
    if total > remaining.total or total == 0:
        raise ApiError("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", "More than can be cancelled.")
    takes_all = asked.amount_minor is None and world.inferred.full_cancel_takes_tax_free
    tax_free = asked.tax_free_minor
    if tax_free is None:
        tax_free = remaining.tax_free if takes_all else 0
    if tax_free + (asked.vat_minor or 0) > total:
        raise ApiError("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", "The parts are more than the whole.")
    if tax_free > remaining.tax_free:
        raise ApiError("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", "More than is left tax-free.")
    if total - tax_free > remaining.taxable:
        raise ApiError("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", "More than is left taxable.")
    return Amounts(total, tax_free, _vat(world, asked, total - tax_free, remaining))


def _vat(world: World, asked: Asked, taxable: int, remaining: Amounts) -> int:
    if asked.vat_minor is not None:
        if asked.vat_minor > remaining.vat and world.inferred.cancel_vat_beyond_rest_is_refused:
            raise ApiError("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", "More VAT than is left.")
        return asked.vat_minor
    computed = world.vat_of(taxable, 0)
    if not world.inferred.cancel_vat_evens_out:
        return computed
    # Rounded each time, elevenths of the parts do not add up to an eleventh of the whole.
    return remaining.vat if taxable == remaining.taxable else min(computed, remaining.vat)


def _refund_of(world: World, attempt: Attempt, amounts: Amounts, *, retains_discount: bool) -> int:
    """What the shopper gets back. A promotion's discount is released by the first cancel that does not retain it,
    and by the last in any case (portone-facts §2.8, §10.11) [I: promotion_release].
    """
    discount = attempt.order.discount_minor
    before = [each for each in attempt.cancellations if each.status != "FAILED"]
    if discount == 0:
        return amounts.total
    if any(each.retains_discount != retains_discount for each in before):
        raise ApiError("PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED", "It was another option before.")
    is_released = any(each.refund_minor < each.total_minor for each in before)
    is_last = amounts.total == remaining_of(world, attempt).total
    if is_released or (retains_discount and not is_last):
        return amounts.total
    if amounts.total < discount:
        raise ApiError("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", "Less than nothing would go back.")
    return amounts.total - discount


def _paid(payment: Payment) -> Attempt:
    attempt = payment.current
    if attempt is None:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    if attempt.status == "CANCELLED":
        raise ApiError("PAYMENT_ALREADY_CANCELLED", "The payment is cancelled already.")
    if not attempt.has_paid:
        raise ApiError("PAYMENT_NOT_PAID", "The payment is not paid.")
    return attempt


def _refuse_without_refund_account(world: World, attempt: Attempt, asked: Asked) -> None:
    """A deposit has no card to go back to (portone-facts §10.9); which error it is, is a switch
    [I: missing_refund_account_is].
    """
    is_deposit = attempt.method is not None and attempt.method["type"] == "PaymentMethodVirtualAccount"
    account = asked.refund_account
    needs_phone = world.channel_of(attempt).pg_provider == "SMARTRO_V2"
    if not is_deposit or (account is not None and (account.get("holderPhoneNumber") or not needs_phone)):
        return
    if world.inferred.missing_refund_account_is == "INVALID_REQUEST":
        raise ApiError("INVALID_REQUEST", "refundAccount is required to cancel this payment.")
    message = "환불 계좌 정보가 필요합니다."
    raise pg_refusal("REFUND_ACCOUNT_REQUIRED", message)


def _verdict(world: World, faults: Faults, attempt: Attempt, amounts: Amounts, now: datetime) -> _Verdict:
    if amounts.total > attempt.order.total_minor - cancelled_at_pg(attempt):
        message = "이미 취소된 거래입니다."
        raise pg_refusal("ALREADY_CANCELLED", message)
    pg_provider = world.channel_of(attempt).pg_provider
    if (refusal := pg_rules.refusal(pg_provider, attempt, amounts.total, now)) is not None:
        raise pg_refusal(*refusal)

    def ordered(name: str) -> Any:
        return faults.take(Kind.PG, OPERATION, attempt.payment_id, name)

    if ordered("cancel_refused") is not None:
        return _Verdict("REFUSED")
    waits, fails = ordered("cancel_waits"), ordered("cancel_fails")
    if waits is not None or pg_provider in ASYNCHRONOUS_PGS:
        seconds = next((fault.seconds for fault in (waits, fails) if fault is not None and fault.seconds), None)
        after = SETTLES_AFTER if seconds is None else timedelta(seconds=seconds)
        return _Verdict("WAITS", after, then_succeeds=fails is None)
    return _Verdict("DONE" if fails is None else "FAILED")


def _new(world: World, asked: Asked, amounts: Amounts, refund_minor: int, now: datetime) -> Cancellation:
    return Cancellation(
        id=str(world.ids.uuid()),
        status="REQUESTED",
        total_minor=amounts.total,
        tax_free_minor=amounts.tax_free,
        vat_minor=amounts.vat,
        reason=asked.reason,
        trigger=asked.trigger,
        requested_at=now,
        retains_discount=asked.retains_discount,
        refund_minor=refund_minor,
        skips_webhook=asked.skip_webhook,
    )


def _fail(world: World, attempt: Attempt, cancellation: Cancellation, now: datetime) -> None:
    cancellation.status = "FAILED"
    _show_status(world, attempt, now)
    is_part = cancellation.total_minor < remaining_of(world, attempt).total
    _show_refund(attempt, "PARTIAL_REFUND_FAILED" if is_part else "FAILED")


def _show_status(world: World, attempt: Attempt, now: datetime) -> None:
    """What the payment is by its cancellations; whether those that wait count is a switch
    [I: requested_cancel_leaves_status].
    """
    counted = {"SUCCEEDED"} if world.inferred.requested_cancel_leaves_status else {"SUCCEEDED", "REQUESTED"}
    gone = sum(each.total_minor for each in attempt.cancellations if each.status in counted)
    before = attempt.status
    # Without the hold of `pending_cancel_holds_amount` those that wait may ask for more than there is.
    is_all = gone >= attempt.order.total_minor
    attempt.status = "CANCELLED" if is_all else "PARTIAL_CANCELLED" if gone else "PAID"
    if attempt.status != before:
        attempt.status_changed_at = now


def _show_refund(attempt: Attempt, status: str) -> None:
    """Only a virtual account tells how its refund fares (portone-facts §2.2)."""
    if attempt.method is not None and attempt.method["type"] == "PaymentMethodVirtualAccount":
        attempt.method = {**attempt.method, "refundStatus": status}


def _succeed(
    world: World,
    attempt: Attempt,
    cancellation: Cancellation,
    now: datetime,
    *,
    at: datetime | None = None,
    is_announced: bool = True,
    trigger: str | None = None,
) -> None:
    """The money is back with the customer, since `at`; PortOne knows since `now`."""
    cancellation.status = "SUCCEEDED"
    cancellation.cancelled_at = at or now
    cancellation.pg_cancellation_id = f"pgc{world.ids.token(17)}"
    cancellation.receipt_url = f"https://receipt.sandbox.invalid/{cancellation.id}"
    known = sum(each.total_minor for each in attempt.cancellations if each.status == "SUCCEEDED")
    assert known <= attempt.order.total_minor, "no more goes back than came in"
    is_all = known == attempt.order.total_minor
    _show_refund(attempt, "COMPLETED")
    _show_status(world, attempt, now)
    attempt.updated_at = now
    if is_all:
        cash_receipts.cancel_with(world, attempt, now)
    if world.inferred.each_cancel_moves_status_changed_at:
        attempt.status_changed_at = now
    became: Literal["CANCELLED", "PARTIAL_CANCELLED"] = "CANCELLED" if is_all else "PARTIAL_CANCELLED"
    world.note(attempt, became, -cancellation.refund_minor, now, cancellation_id=cancellation.id)
    if is_announced:
        type_ = "Transaction.Cancelled" if is_all else "Transaction.PartialCancelled"
        world.announce(attempt, type_, now, cancellation_id=cancellation.id, trigger=trigger)
