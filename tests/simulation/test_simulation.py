"""The swarm: plays in which everything goes wrong, until enough programs have died (reliability G01-G04)."""

import os
import re
from pathlib import Path

import jangbu
from jangbu.simulator.stage import Stage
from jangbu.simulator.swarm import STEPS, Report, again, revision, swarm

IN_CI = bool(os.environ.get("CI"))
CRASHES = 10_000 if IN_CI else 1_000
CRASHES_PER_FAILPOINT = 50 if IN_CI else 5
PLAYS_MAX = 1_000 if IN_CI else 200
"""Where it gives up and says what is missing; it takes about a third of them."""

ELSEWHERE = (
    # Signing in and links for staff are not played: nothing of it is money, and tests/access has tests of it.
    "access.",
    # No part of a play yet: tests/backup, tests/identity and tests/notices kill them.
    "backup.",
    "identity.",
    "notices.",
    # An operator's work, done once in a while: tests/outbox and tests/payments break it off.
    "keeping.",
    "payments.import.",
    # Played, and reached too seldom to be counted: tests/checkout and tests/payments kill each of them.
    "checkout.approve.",
    "checkout.confirm.",
    "checkout.refund.",
    "payment.close.",
    "payment.confirm.",
    "payment.dispute.before_commit",
    "payment.dispute.looked",
    "payment.escrow.",
    "payment.receipt.",
    # Answered within real seconds, which a play has none of: tests/payments/test_confirm_question.py breaks it off.
    "payment.question.",
)
SOMETIMES = {
    "PortOne was away",
    "PortOne: answer_lost",
    "PortOne: not_sent",
    "PortOne: slow",
    "a PG decided later: yes",
    "a PG gave nothing back",
    "a PG took a cancellation on",
    "a failed attempt was approved late",
    "a forged webhook was refused",
    "a payment was cancelled elsewhere",
    "a refund was asked for again",
    "a refund was refused: CANCELLATION_IN_PROGRESS",
    "a refund was refused: CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT",
    "a refund was refused: PAYMENT_ALREADY_CANCELLED",
    "a refund was refused: PAYMENT_NOT_PAID",
    "a payer agreed, and nothing is taken yet",
    "a payer was refused: OUT_OF_STOCK",
    "a payer was refused: CHECKOUT_SESSION_OVER",
    "a payer was shown: expired",
    "a second success was refused by PortOne",
    "a second window was opened",
    "a session ended expired",
    "a session ended paid",
    "a session is paid, and no window opens",
    "a session was called off",
    "a web program died over a webhook",
    "a web program died over the shop's request",
    "a webhook came again",
    "a webhook fell into an outage",
    "a webhook found nobody at home",
    "a webhook was lost",
    "an endpoint was switched off",
    "an event came again",
    "an event was sent again by hand",
    "commit: connection lost",
    "commit: done, then the connection lost",
    "payer: approve",
    "payer: close",
    "payer: decline",
    "statement: connection lost",
    "statement: deadlock",
    "statement: done, then the connection lost",
    "tampered: AmountNotEqualToPredefined",
    "tampered: paid",
    "the merchant was away",
    "the merchant: broken",
    "the merchant: redirected",
    "the merchant: refused",
    "the merchant: refused_after",
    "the merchant: timeout",
    "the merchant: unreachable",
    "the queue lost its database",
    "the shop asked again",
    "the shop found nobody at home",
    "the shop was told DATABASE_UNAVAILABLE",
    "the shop was told PORTONE_OUTCOME_UNKNOWN",
    "the shop was told that a refund failed",
    "the shop was told that a refund is REQUESTED",
    "the shop was told that a refund is SENDING",
    "the shop was told that a refund is SUCCEEDED",
    "the shop was told that a refund is WAITING",
    "waited for another's lock",
}

# One in several plays: a short swarm may end before it.
RARELY = {
    "PortOne: bad_json",
    "PortOne: html_502",
    "PortOne: html_502_after",
    "PortOne: idempotency_outstanding",
    "PortOne: not_reached",
    "PortOne: status_429",
    "PortOne: status_500",
    "PortOne: status_500_after",
    "PortOne: status_502",
    "PortOne: status_502_after",
    "PortOne: too_slow",
    "PortOne: unknown_fields",
    "PortOne: unknown_method",
    "PortOne: unknown_status",
    "a PG decided later: no",
    "a deposit late: refused",
    "a deposit late: taken",
    "a deposit, of another sum, in time: refused",
    "a deposit, of another sum, in time: taken",
    "a deposit in time: taken",
    "a payer was shown: paid",
    "a payer was shown: refunded",
    "a payer was shown: refunding",
    "a refund was refused: REFUND_ACCOUNT_NEEDED",
    "a second deposit in time: refused",
    "a session ended abandoned done",
    "a session ended cancelled",
    "a session ended expired done",
    "a session was not called off: it is paid, or money may come",
    "a dispute was not decided: DISPUTE_NOT_TO_DECIDE",
    "a person decided a dispute: LOST",
    "a person decided a dispute: WON",
    "a receipt was refused: RECEIPT_IN_PROGRESS",
    "an account was closed before anybody paid",
    "an approval was refused: CONFIRM_IN_PROGRESS",
    "a refund needs a second person",
    "a refund was decided already",
    "an answer came after our patience",
    "an imp_uid of another payment was refused",
    "an imp_uid was paid",
    "an endpoint was switched on again: by_hand",
    "an endpoint was switched on again: gone",
    "cancelled, and no webhook came: the poller found it",
    "escrow: complete is done",
    "escrow: send is done",
    "tampered: PaymentAlreadyPaid",
    "the amount was refused in advance",
    "the merchant: gone",
    "the shop closed an account",
    "the PG: resolve-dispute",
    "the issuer took money back",
    "the shop was told that a receipt is CANCELLED",
    "the shop was told that a receipt is ISSUED",
    "the shop was told that what it approved is paid",
    "the shop was told that a refund is REJECTED",
}


async def test_whatever_dies_every_won_is_accounted_for(stage: Stage) -> None:
    report = await swarm(stage, seeds=range(1, PLAYS_MAX), steps=STEPS, is_enough=lambda report: not missing(report))
    assert report.failed is None, failure(report)
    assert missing(report) == [], f"after {report.plays} plays"


def missing(report: Report) -> list[str]:
    """What the swarm has not done yet of what it is there for."""
    wanted = SOMETIMES | RARELY if IN_CI else SOMETIMES
    passed = report.crashes + report.idle
    return [
        *([f"{len(report.places)} of {CRASHES} crashes"] if len(report.places) < CRASHES else []),
        *(f"{passed[one]} deaths at {one}" for one in sorted(failpoints()) if passed[one] < CRASHES_PER_FAILPOINT),
        *sorted(wanted - set(report.sometimes)),
    ]


def failpoints() -> set[str]:
    """Every failpoint there is in the code."""
    code = "".join(path.read_text(encoding="utf-8") for path in Path(jangbu.__file__).parent.rglob("*.py"))
    found = set(re.findall(r"^\s+failpoint\(\"([a-z_.]+)\"\)$", code, re.MULTILINE))
    return {one for one in found if not one.startswith(ELSEWHERE)}


def failure(report: Report) -> str:
    failed = report.failed
    assert failed is not None
    head = f"seed {failed.seed}, step {failed.steps}, revision {revision()}\n  {again(failed, STEPS)}"
    return "\n".join([head, *failed.problems, "", "The last actions:", *failed.last_actions])
