"""Accounts and counters that a shopper pays into later: issue, deposit, lapse, close (portone-facts §2.9, §10.9)."""

from datetime import datetime, timedelta

from jangbu.clock import rfc3339
from jangbu.sandbox.core import cash_receipts, chores, declines
from jangbu.sandbox.core.faults import Faults
from jangbu.sandbox.core.problems import ApiError, BrowserRefusal, NotOurs, pg_refusal
from jangbu.sandbox.core.records import AccountWish, Attempt, AttemptStatus, Payment
from jangbu.sandbox.core.world import World

VALID_HOURS = 72
"""Where the merchant names no end; PGs differ [I: account_without_an_end]."""


def issue(world: World, attempt: Attempt, now: datetime, *, is_announced: bool = True) -> None:
    """READY → VIRTUAL_ACCOUNT_ISSUED."""
    wish = attempt.order.account or AccountWish()
    expires_at = _end_of(wish, now)
    world.choose(attempt, "virtual_account")
    assert attempt.method is not None, "it was just chosen"
    more = {
        "bank": wish.bank,
        "accountNumber": wish.account_number,
        "accountType": "FIXED" if wish.is_fixed else None,
        "remitteeName": wish.remittee_name or world.state.stores[attempt.store_id].name,
        "remitterName": attempt.order.customer.get("name"),
        "expiredAt": rfc3339(expires_at),
        "issuedAt": rfc3339(now),
    }
    attempt.method = {**attempt.method, **{name: value for name, value in more.items() if value is not None}}
    _wait(world, attempt, "VIRTUAL_ACCOUNT_ISSUED", expires_at, now, is_announced=is_announced)


def _end_of(wish: AccountWish, now: datetime) -> datetime:
    return wish.due_at or now + timedelta(hours=wish.valid_hours or VALID_HOURS)


def wait_at_counter(world: World, attempt: Attempt, now: datetime, *, is_announced: bool = True) -> None:
    """The shopper has numbers to pay with at a convenience store."""
    deadline = _end_of(attempt.order.account or AccountWish(), now)
    world.choose(attempt, "convenience_store")
    assert attempt.method is not None, "it was just chosen"
    attempt.method = {**attempt.method, "paymentDeadline": rfc3339(deadline)}
    _wait(world, attempt, world.inferred.convenience_store_waits_as, deadline, now, is_announced=is_announced)


def deposit(
    world: World,
    faults: Faults,
    payment: Payment,
    now: datetime,
    *,
    amount_minor: int | None = None,
    known_after: timedelta | None = timedelta(),
    is_announced: bool = True,
) -> bool:
    """As `pay_in`, into the payment's `account_of`. Refuses a payment that no account or counter was opened for."""
    attempt = account_of(payment)
    if attempt is None:
        raise NotOurs(f"nobody can pay into {payment.id}: it has no account or counter number")
    return pay_in(
        world, faults, attempt, now, amount_minor=amount_minor, known_after=known_after, is_announced=is_announced
    )


def pay_in(
    world: World,
    faults: Faults,
    attempt: Attempt,
    now: datetime,
    *,
    amount_minor: int | None = None,
    known_after: timedelta | None = timedelta(),
    is_announced: bool = True,
) -> bool:
    """The shopper pays into this account, or with this number at the counter, by default what is asked. Answers whether
    the bank took it.

    PortOne hears of it at once, later, or never (`known_after=None`): that needs the PG's notices (§4.3).
    """
    assert has_number(attempt), "there is somewhere to pay in"
    payment = world.payment(attempt.store_id, attempt.payment_id)
    assert payment is not None, "an attempt belongs to a payment"
    if amount_minor not in (None, attempt.order.total_minor) and world.inferred.wrong_deposit_is_refused:
        return False
    if not is_open(attempt) and (world.inferred.late_deposit_is_refused or not attempt.has_lapsed):
        return False
    # One account takes one deposit, and one payment one success.
    if attempt.is_deposit_hidden or payment.succeeded is not None:
        return False
    if known_after == timedelta():
        _learn(world, faults, attempt, now, is_announced=is_announced)
        return True
    attempt.is_deposit_hidden = True
    # The bank has the money: the account cannot lapse any more.
    chores.drop(world.state, attempt.transaction_id)
    if known_after is not None:
        due_at = now + known_after
        chores.plan(world.state, due_at, "learn_deposit", attempt.transaction_id, is_announced=is_announced)
    return True


def learn(world: World, faults: Faults, attempt: Attempt, now: datetime, *, is_announced: bool) -> None:
    """PortOne hears of a deposit that it did not know of."""
    assert attempt.is_deposit_hidden, "there is a deposit to hear of"
    _learn(world, faults, attempt, now, is_announced=is_announced)


def expire(world: World, attempt: Attempt, now: datetime) -> None:
    """Nobody paid in time. What becomes of the payment is a switch; an attempt that moved on is left alone."""
    if not is_open(attempt):
        return
    attempt.closed_at = now
    attempt.has_lapsed = True
    _end(world, attempt, world.inferred.expired_account_becomes, now)


def expire_now(world: World, payment: Payment, now: datetime) -> None:
    """As if its time were over. Refuses a payment that waits for no deposit."""
    attempt = next((each for each in reversed(payment.attempts) if has_number(each) and is_open(each)), None)
    if attempt is None or attempt.is_deposit_hidden:
        raise NotOurs(f"payment {payment.id} has no account or counter number that waits for money")
    chores.drop(world.state, attempt.transaction_id)
    expire(world, attempt, now)


def close(world: World, payment: Payment, now: datetime) -> datetime:
    """The merchant no longer wants a deposit. Refuses PAYMENT_NOT_WAITING_FOR_DEPOSIT."""
    attempt = payment.current
    if attempt is None:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    if attempt.status != "VIRTUAL_ACCOUNT_ISSUED" or not is_open(attempt):
        raise ApiError("PAYMENT_NOT_WAITING_FOR_DEPOSIT", "The payment does not wait for a deposit.")
    return close_attempt(world, attempt, now)


def close_attempt(world: World, attempt: Attempt, now: datetime) -> datetime:
    """As `close`, for one account among several of a payment: V1 names it by itself."""
    refuse_deposited(attempt)
    attempt.closed_at = now
    chores.drop(world.state, attempt.transaction_id)
    _end(world, attempt, world.inferred.closed_account_becomes, now)
    return now


def refuse_deposited(attempt: Attempt) -> None:
    """Refuses an account that the bank has taken money for already, which PortOne may not know."""
    if attempt.is_deposit_hidden:
        raise pg_refusal("ALREADY_DEPOSITED", "이미 입금된 가상계좌입니다.")


def put_off(world: World, attempt: Attempt, until: datetime, now: datetime) -> None:
    """Another end for an account that waits. Refuses one that is past as INVALID_REQUEST."""
    if until <= now or attempt.method is None:
        raise ApiError("INVALID_REQUEST", "The new end is past.")
    chores.drop(world.state, attempt.transaction_id)
    chores.plan(world.state, until, "expire_account", attempt.transaction_id)
    attempt.method = {**attempt.method, "expiredAt": rfc3339(until)}


def _wait(
    world: World, attempt: Attempt, status: AttemptStatus, until: datetime, now: datetime, *, is_announced: bool
) -> None:
    attempt.status = status
    attempt.updated_at = attempt.status_changed_at = now
    chores.plan(world.state, until, "expire_account", attempt.transaction_id)
    type_ = "Transaction.VirtualAccountIssued" if status == "VIRTUAL_ACCOUNT_ISSUED" else "Transaction.PayPending"
    if is_announced:
        world.announce(attempt, type_, now)


def _learn(world: World, faults: Faults, attempt: Attempt, now: datetime, *, is_announced: bool) -> None:
    chores.drop(world.state, attempt.transaction_id)
    attempt.is_deposit_hidden = False
    try:
        world.approve(
            attempt, "virtual_account", now, is_late=True, trigger="VIRTUAL_ACCOUNT_DEPOSIT", is_announced=is_announced
        )
    except BrowserRefusal:
        # Another attempt was paid in the meantime: PortOne has this one FAILED, and the bank has the money.
        attempt.updated_at = now
    cash_receipts.issue_with(world, faults, attempt, now)


def _end(world: World, attempt: Attempt, status: AttemptStatus, now: datetime) -> None:
    is_announced = world.inferred.end_of_account_is_announced
    attempt.updated_at = now
    if status == "FAILED":
        world.fail(attempt, declines.LAPSED.failure("PGProviderError"), now, is_announced=is_announced)
    elif status == "CANCELLED":
        attempt.status = "CANCELLED"
        attempt.status_changed_at = now
        if is_announced:
            world.announce(attempt, "Transaction.Cancelled", now)


def has_number(attempt: Attempt) -> bool:
    """Whether the shopper was given an account or a counter's number, whatever became of it."""
    # What a shopper picked before the PG refused has a bank and a number too, but was never given out.
    return attempt.method is not None and not attempt.method.keys().isdisjoint({"expiredAt", "paymentDeadline"})


def account_of(payment: Payment) -> Attempt | None:
    """Where the shopper would pay in: the latest account or counter number that is open, else the latest of all."""
    given = [each for each in reversed(payment.attempts) if has_number(each)]
    return next((each for each in given if is_open(each)), given[0] if given else None)


def is_open(attempt: Attempt) -> bool:
    """Whether it still waits for the money."""
    return attempt.status in ("VIRTUAL_ACCOUNT_ISSUED", "PAY_PENDING") and attempt.closed_at is None
