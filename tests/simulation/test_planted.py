"""The simulator's own test: each of these bugs, planted alone, must be found within a few plays."""

import os
from dataclasses import replace
from typing import Any

import pytest

from jangbu import events
from jangbu.audit import Actor
from jangbu.db import Query
from jangbu.errors import Unavailable
from jangbu.inbox import service as inbox
from jangbu.inbox import store as inbox_store
from jangbu.outbox import delivery_store, feed_store
from jangbu.outbox import store as outbox_store
from jangbu.payments import postings, rules, store
from jangbu.payments.cancellations import fold as cancellation_fold
from jangbu.payments.cancellations import rules as cancellation_rules
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.service import settle as settle_cancel
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service import initialize, poll, sync
from jangbu.portone import signature
from jangbu.portone.outcomes import Refused, Unknown
from jangbu.simulator import outside
from jangbu.simulator.stage import Stage
from jangbu.simulator.swarm import swarm

from .plants import PLANTED, planted

IN_CI = bool(os.environ.get("CI"))
PLAYS_MAX = 300 if IN_CI else 60
STEPS = 400

SLOW = {
    # Their circumstances meet once in some ten plays.
    "webhooks are answered before they are written down",
    "a refund that comes back is a new one",
    "a pg that says yes later is not heard",
    "the feed leaves out what committed late",
    "a refund whose answer was lost counts as failed",
    # Only some plays are about these payers.
    "a lost word about a parcel was a yes",
    "a receipt stays when its money goes back",
    "an account that is over is waited for",
    "an imp uid is good for every order",
    "money in dispute is held for each dispute",
    "what was cancelled stays sold",
}


@planted
def a_new_id_each_time_the_shop_asks(patch: pytest.MonkeyPatch) -> None:
    made = iter(range(10**9))
    true = initialize.ids.from_facts
    patch.setattr(initialize.ids, "from_facts", lambda *facts: true(*facts, str(next(made))))


@planted
def an_answer_that_did_not_come_is_taken_for_no(patch: pytest.MonkeyPatch) -> None:
    true = initialize.PortOne.pre_register

    async def pre_register(self: Any, *arguments: Any, **named: Any) -> Any:
        outcome = await true(self, *arguments, **named)
        return Refused("GAVE_UP", 400) if isinstance(outcome, Unknown) else outcome

    patch.setattr(initialize.PortOne, "pre_register", pre_register)


@planted
def an_answer_that_did_not_come_is_taken_for_yes(patch: pytest.MonkeyPatch) -> None:
    """The shop may show a window whose amount nobody fixed; it is told so, and nobody asks again."""
    true = rules.next_due
    patch.setattr(
        initialize,
        "next_due",
        lambda payment, now: None if payment.status is Status.REGISTERING else true(payment, now),
    )
    patch.setattr(rules, "next_due", lambda *_: None)


@planted
def webhooks_are_answered_before_they_are_written_down(patch: pytest.MonkeyPatch) -> None:
    true = outside.receive

    async def receive(*arguments: Any, **named: Any) -> bool:
        try:
            return await true(*arguments, **named)
        except Unavailable:
            return True

    patch.setattr(outside, "receive", receive)


@planted
def webhooks_are_processed_before_they_are_handled(patch: pytest.MonkeyPatch) -> None:
    async def handle(webhook_id: str, *, handler: Any, run: Any) -> None:
        async with run.db.transaction() as tx:
            delivery = await inbox_store.find(tx, webhook_id)
            if delivery is None or delivery.status == "processed":
                return
            await inbox_store.finish(tx, webhook_id, status="processed", at=run.clock.now())
        await handler(inbox.read_notification_of(delivery))

    async def finds_nothing(**_: Any) -> int:
        return 0

    patch.setattr(inbox, "handle", handle)
    # The nets below the webhooks are taken away: either of them would find what was lost here.
    patch.setattr(rules, "WAITING_CHECKS", (rules.timedelta(days=9),))
    patch.setattr(poll, "poll", finds_nothing)


@planted
def a_failed_webhook_counts_as_done(patch: pytest.MonkeyPatch) -> None:
    true = inbox.handle

    async def handle(webhook_id: str, *, handler: Any, run: Any) -> None:
        try:
            await true(webhook_id, handler=handler, run=run)
        except Unavailable:
            return

    patch.setattr(inbox, "handle", handle)


@planted
def signatures_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    true = inbox.verify

    def verify(headers: Any, body: bytes, *, secrets: Any, now: Any) -> Any:
        try:
            return true(headers, body, secrets=secrets, now=now)
        except signature.Refusal:
            return signature.Verified(headers["webhook-id"], now)

    patch.setattr(inbox, "verify", verify)


@planted
def payments_are_not_locked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "LOCK", Query(Payment, store.LOCK.source.replace("FOR UPDATE", "")))


@planted
def the_entry_has_a_transaction_of_its_own(patch: pytest.MonkeyPatch) -> None:
    true = sync.post

    async def post(tx: Any, entry: Any, *, recorded_at: Any) -> bool:
        await tx._connection.execute("COMMIT")
        await tx._connection.execute("BEGIN")
        return await true(tx, entry, recorded_at=recorded_at)

    patch.setattr(sync, "post", post)


@planted
def the_event_has_a_transaction_of_its_own(patch: pytest.MonkeyPatch) -> None:
    true = events.announce

    async def announce(tx: Any, event: Any) -> None:
        await tx._connection.execute("COMMIT")
        await tx._connection.execute("BEGIN")
        await true(tx, event)

    patch.setattr(events, "announce", announce)


@planted
def a_failed_payment_stays_failed(patch: pytest.MonkeyPatch) -> None:
    true = sync.decide

    def decide(payment: Any, seen: Any, *, live: bool, now: Any) -> Any:
        if payment.status is Status.FAILED:
            return rules.Decision(replace(payment, due_at=None), None)
        return true(payment, seen, live=live, now=now)

    patch.setattr(sync, "decide", decide)


def overlooked(patch: pytest.MonkeyPatch, mismatch: str) -> None:
    true = rules.mismatch_of

    def mismatch_of(payment: Any, seen: Any, *, live: bool) -> str:
        found = true(payment, seen, live=live)
        return "" if found == mismatch else found

    patch.setattr(rules, "mismatch_of", mismatch_of)


@planted
def amounts_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    overlooked(patch, "other_amount")


@planted
def live_money_is_taken_for_test_money(patch: pytest.MonkeyPatch) -> None:
    overlooked(patch, "live_channel")


@planted
def money_that_was_not_asked_for_is_not_booked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "BOOKED_MISMATCHES", frozenset())


def sold_instead_of_suspended(patch: pytest.MonkeyPatch, entry_of: str) -> None:
    true = getattr(postings, entry_of)

    def wrong(*facts: Any) -> Any:
        entry = true(*facts)
        legs = tuple(
            replace(leg, account=replace(leg.account, path="income:sales"))
            if leg.account.path == "liabilities:suspense"
            else leg
            for leg in entry.postings
        )
        return replace(entry, postings=legs)

    patch.setattr(postings, entry_of, wrong)


@planted
def suspense_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    sold_instead_of_suspended(patch, "mismatched")


@planted
def a_refund_whose_answer_was_lost_counts_as_failed(patch: pytest.MonkeyPatch) -> None:
    async def note(attempt_id: Any, _: Any, said: Any, *, run: Any) -> None:
        one = (await settle_cancel.told(attempt_id, run=run)).cancellation
        await settle_cancel._failed(one, said, actor=Actor("x"), run=run)

    patch.setattr(settle_cancel, "note", note)


@planted
def refunds_do_not_wait_for_each_other(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cancellation_rules, "OPEN", frozenset())


@planted
def a_refund_that_comes_back_is_a_new_one(patch: pytest.MonkeyPatch) -> None:
    async def by_request(tx: Any, request_key: str) -> None:
        return None

    patch.setattr(cancellation_store, "by_request", by_request)


@planted
def a_pg_that_says_yes_later_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    status = cancellation_rules.CancellationStatus
    moves = cancellation_fold.TRANSITIONS - {(status.REQUESTED, status.SUCCEEDED)}
    patch.setattr(cancellation_fold, "TRANSITIONS", moves)


@planted
def what_others_cancelled_is_not_ours_to_book(patch: pytest.MonkeyPatch) -> None:
    true = cancellation_fold._moved
    patch.setattr(
        cancellation_fold,
        "_moved",
        lambda before, *rest, **named: None if before is None else true(before, *rest, **named),
    )


@planted
def a_refund_is_known_by_its_sum_alone(patch: pytest.MonkeyPatch) -> None:
    """Somebody cancels the same sum in the console while ours never reached PortOne."""

    def known_as(one: Any, rows: Any, reasons: str) -> Any:
        return next((row for row in rows if row.portone_cancellation_id == one.id or row.amount == one.amount), None)

    patch.setattr(cancellation_fold, "_known_as", known_as)


@planted
def what_goes_back_is_always_taken_off_the_sales(patch: pytest.MonkeyPatch) -> None:
    sold_instead_of_suspended(patch, "cancelled")


@planted
def a_delivery_is_done_once_somebody_has_taken_it(patch: pytest.MonkeyPatch) -> None:
    done = "SET state = 'delivered', due_at = NULL, delivered_at = :until, turn"
    sql = delivery_store.CLAIM.source.replace("SET due_at = :until, turn", done)
    patch.setattr(delivery_store, "CLAIM", Query(delivery_store.Claim, sql))


@planted
def a_delivery_that_was_refused_is_done(patch: pytest.MonkeyPatch) -> None:
    true = delivery_store.record

    async def record(tx: Any, result: Any) -> bool:
        return await true(tx, replace(result, state="delivered", due_at=None))

    patch.setattr(delivery_store, "record", record)


@planted
def the_feed_leaves_out_what_committed_late(patch: pytest.MonkeyPatch) -> None:
    """The classic one: events are numbered in the order of their ids, and a slow one's lies below the head."""
    last = "SELECT event_id FROM outbox_feed ORDER BY event_id DESC LIMIT 1"
    late = f"DELETE FROM outbox_waiting WHERE event_id < ({last})"
    true = feed_store.sequence

    async def sequence(tx: Any, **named: Any) -> int:
        await tx._connection.execute(late)
        return await true(tx, **named)

    patch.setattr(feed_store, "sequence", sequence)


@planted
def an_endpoint_that_was_off_misses_what_happened(patch: pytest.MonkeyPatch) -> None:
    true = outbox_store.SWITCH.source
    sql = true.replace(
        "disabled_at = :at,", "disabled_at = :at, position = (SELECT coalesce(max(seq), 0) FROM outbox_feed),"
    )
    patch.setattr(outbox_store, "SWITCH", Query(type(None), sql))


@pytest.mark.parametrize("bug", [bug for bug in PLANTED if IN_CI or bug not in SLOW])
async def test_it_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    PLANTED[bug](monkeypatch)
    report = await swarm(stage, seeds=range(1, PLAYS_MAX + 1), steps=STEPS)
    assert report.failed is not None, f"{report.plays} plays and {len(report.places)} crashes found nothing"
    print(f"{bug}: play {report.plays}, step {report.failed.steps}: {report.failed.problems[0]}")
