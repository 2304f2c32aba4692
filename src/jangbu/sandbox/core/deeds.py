"""Chores done: which step of the world each one is."""

from datetime import datetime

from jangbu.sandbox.core import accounts, approvals, cancels
from jangbu.sandbox.core.faults import Faults
from jangbu.sandbox.core.records import Chore
from jangbu.sandbox.core.world import World


def do(world: World, faults: Faults, chore: Chore, now: datetime) -> None:
    """Take the step that was planned."""
    attempt = world.attempt(chore.transaction_id)
    assert attempt is not None, "chores and attempts are one state"
    match chore.kind:
        case "settle_cancel":
            waiting = next(each for each in attempt.cancellations if each.id == chore.cancellation_id)
            cancels.settle(world, attempt, waiting, now, is_success=chore.is_success)
        case "learn_cancel":
            hidden = next(each for each in attempt.hidden_cancellations if each.id == chore.cancellation_id)
            cancels.learn(world, attempt, hidden, now, is_announced=chore.is_announced)
        case "finish_payment" if attempt.status == "PAY_PENDING":
            approvals.finish(world, faults, attempt, now, is_success=chore.is_success)
        case "expire_account":
            accounts.expire(world, attempt, now)
        case "learn_deposit":
            accounts.learn(world, faults, attempt, now, is_announced=chore.is_announced)
