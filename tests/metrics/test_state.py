"""`/metrics`: that what PostgreSQL knows is told, and told truly."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import structlog

from jangbu import audit, embedded
from jangbu.checks.service import run_checks
from jangbu.ledger.service import seal
from jangbu.metrics import names, state, store
from jangbu.outbox.rules import RETRY_AFTER, Answer
from jangbu.outbox.service import endpoints, replay
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.service.initialize import initialize
from jangbu.wiring import Addresses
from kit import TESTER, House
from outbox.merchant import URL, Shop
from superuser import tampering

from .scrape import SERIES, TEA, calling, read, scraped, value


async def test_a_house_at_work_shows_every_metric_and_no_other(house: House) -> None:
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    async with house.run.db.transaction() as tx:
        await audit.record(tx, at=house.run.clock.now(), actor=TESTER, action="a.b", subject="x:1")
    await house.hear()
    house.wired.metrics.job("payments.sweep", "done", 0.1)
    await run_checks(house.wired.checks, run=house.run, full=False)
    async with calling(house.wired) as caller:
        await caller.post("/api/portone/webhook", content=b"{}")
        await caller.post("/api/portone/confirm-question", content=b"{}")
        await caller.get("/health")
        found = read((await caller.get("/metrics")).text)
    made = {name for name, _ in found if not name.endswith("_created")}
    missing = SERIES.keys() - made
    # These have no series before there is one of the kind, and tests of their own below.
    assert missing == {
        names.PAYMENTS_REVIEW.name,
        names.SCHEDULE_OVERDUE.name,
        names.EVENTS_AGE.name,
        *names.DELIVERY_SECONDS.series,
    }
    assert made <= SERIES.keys()
    for name, labels in found:
        if name in SERIES:
            assert {label for label, _ in labels} - {"le"} == set(SERIES[name].labels), name


async def test_state_is_what_postgresql_says(house: House, server: embedded.Embedded, where: Addresses) -> None:
    run, now = house.run, house.run.clock.now()
    payment = await initialize(TEA, actor=TESTER, run=run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await seal(db=run.db)
    before = await scraped(house.wired)
    assert value(before, "jangbu_state_up") == 1
    assert value(before, "jangbu_payments_day", status="READY") == 1
    assert value(before, "jangbu_webhooks_open", status="received") == 2, "it is ready, it is paid"
    assert value(before, "jangbu_queue_jobs", task="inbox.handle", state="waiting") == 2
    assert value(before, "jangbu_seal_unsealed", chain="ledger") == 0
    await house.work()
    async with tampering(server, where) as hand:
        await hand.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, status, execute_after) VALUES "
            "(0, 'payments.check', 'failed', now()), (0, 'from.an.older.release', 'failed', now()), "
            "(0, 'another.of.those', 'failed', now()), (0, 'payments.check', 'queued', now() - interval '90 s'), "
            "(0, 'payments.check', 'queued', now() + interval '1 h')"
        )
        await hand.execute(
            "INSERT INTO payment_attempts (id, payment_id, operation, request, state, started_at, finished_at) "
            "SELECT gen_random_uuid(), id, operation, '{}', state, began, CASE state WHEN 'unknown' THEN began END "
            "FROM payments, (VALUES ('pre_register', 'unknown', $1::timestamptz), ('pre_register', 'sent', $2), "
            "('cancel', 'unknown', $2), ('cancel', 'sent', $1)) given (operation, state, began)",
            now - timedelta(seconds=500),
            now - timedelta(seconds=100),
        )
        await hand.execute("UPDATE payments SET review = 'other_amount', due_at = $1", now)
        await hand.execute("UPDATE webhook_logs SET status = 'failed', received_at = $1", now - timedelta(seconds=70))
        await hand.execute(
            "INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run) VALUES "
            "('17 18 * * *', 'checks.all', now() - interval '200 s'), "
            "('1 1 1 1 1', 'old.one', now() - interval '1 y'), ('2 2 2 2 2', 'checks.all', now() - interval '1 y')"
        )
    await run_checks(house.wired.checks, run=run, full=True)
    found = await scraped(house.wired)
    assert value(found, "jangbu_payments_day", status="PAID") == 1
    assert value(found, "jangbu_payments_day", status="READY") is None
    assert value(found, "jangbu_queue_jobs", task="payments.check", state="held") == 1
    assert value(found, "jangbu_queue_jobs", task="payments.check", state="waiting") == 2
    assert value(found, "jangbu_queue_jobs", task="other", state="held") == 2
    assert 90 <= (value(found, "jangbu_queue_oldest_seconds") or 0) < 120
    assert value(found, "jangbu_attempts_open", operation="pre_register", state="unknown") == 1
    assert value(found, "jangbu_attempts_oldest_seconds", operation="pre_register") == 500
    assert value(found, "jangbu_attempts_oldest_seconds", operation="cancel") == 500
    assert value(found, "jangbu_webhooks_open", status="failed") == 2
    assert value(found, "jangbu_webhooks_oldest_seconds") == 70
    assert value(found, "jangbu_payments_review", reason="other_amount") == 1
    assert value(found, "jangbu_sweep_due", kind="payment") == 1
    assert 200 <= (value(found, "jangbu_schedule_overdue_seconds", task="checks.all") or 0) < 230
    assert not [labels for name, labels in found if ("task", "old.one") in labels]
    assert value(found, "jangbu_invariant_rows", check="I26", scope="all") == 3
    assert value(found, "jangbu_invariant_rows", check="I01", scope="all") == 0
    assert value(found, "jangbu_invariant_failed", check="I01", scope="all") == 0
    age = value(found, "jangbu_invariant_age_seconds", check="I01", scope="all")
    assert age is not None and 0 <= age < 120
    assert value(found, "jangbu_seal_unsealed", chain="ledger") == 1
    assert value(found, "jangbu_seal_lag_seconds", chain="ledger") == 0
    await house.portone.move(timedelta(seconds=33))
    async with run.db.transaction() as tx:
        await audit.record(tx, at=run.clock.now(), actor=TESTER, action="a.b", subject="x:1")
    lagging = await scraped(house.wired)
    assert value(lagging, "jangbu_seal_lag_seconds", chain="ledger") == 33
    assert value(lagging, "jangbu_seal_lag_seconds", chain="audit") == 33, "of the oldest, not of the newest"
    head = value(lagging, "jangbu_seal_head", chain="audit")
    await seal(db=run.db)
    sealed = await scraped(house.wired)
    assert value(sealed, "jangbu_seal_head", chain="ledger") == 1
    assert (value(sealed, "jangbu_seal_head", chain="audit") or 0) > (head or 0)
    assert value(sealed, "jangbu_seal_lag_seconds", chain="ledger") == 0


async def test_refunds_and_unknown_outcomes_show_with_their_age(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    run, portone = house.run, house.wired.portone
    quiet = await scraped(house.wired)
    for status in ("WAITING", "SENDING", "REQUESTED"):
        assert value(quiet, "jangbu_refunds_open", status=status) == 0
        assert value(quiet, "jangbu_refunds_oldest_seconds", status=status) == 0
    payments = [await initialize(TEA, actor=TESTER, run=run, portone=portone) for _ in range(3)]
    for payment in payments:
        await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    house.portone.fault("answer_lost", times=1)
    await cancel(str(payments[0].id), Ask(), who=Authority(TESTER), run=run, portone=portone)
    await house.portone.move(timedelta(seconds=50))
    small = Authority(TESTER, limits={"KRW": 100})
    await cancel(str(payments[1].id), Ask(), who=small, run=run, portone=portone)
    await house.portone.move(timedelta(seconds=30))
    await cancel(str(payments[2].id), Ask(), who=small, run=run, portone=portone)
    await house.portone.move(timedelta(seconds=10))
    found = await scraped(house.wired)
    assert value(found, "jangbu_refunds_open", status="SENDING") == 1
    assert value(found, "jangbu_refunds_oldest_seconds", status="SENDING") == 90
    assert value(found, "jangbu_refunds_open", status="WAITING") == 2
    assert value(found, "jangbu_refunds_oldest_seconds", status="WAITING") == 40
    assert value(found, "jangbu_refunds_open", status="REQUESTED") == 0
    assert value(found, "jangbu_attempts_open", operation="cancel", state="unknown") == 1
    assert value(found, "jangbu_attempts_oldest_seconds", operation="cancel") == 90
    assert value(found, "jangbu_sweep_due", kind="refund") == 1
    await house.move(timedelta(minutes=1))
    after = await scraped(house.wired)
    assert value(after, "jangbu_refunds_open", status="SENDING") == 0
    assert value(after, "jangbu_refunds_oldest_seconds", status="SENDING") == 0
    assert value(after, "jangbu_attempts_open", operation="cancel", state="unknown") == 0
    assert value(after, "jangbu_sweep_due", kind="refund") == 0


async def test_a_good_day_is_counted_as_far_as_it_may_be_and_yesterday_not_at_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def order() -> None:
        await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)

    await order()
    await house.portone.move(timedelta(hours=12))
    for _ in range(3):
        await order()
    assert value(await scraped(house.wired), "jangbu_payments_day", status="READY") == 4
    with monkeypatch.context() as patch:
        patch.setattr(store, "PAYMENTS_MAX", 2)
        assert value(await scraped(house.wired), "jangbu_payments_day", status="READY") == 2
    await house.portone.move(timedelta(hours=13))
    assert value(await scraped(house.wired), "jangbu_payments_day", status="READY") == 3


async def test_events_show_until_they_have_arrived(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    wired = shop.house.wired
    quiet = await scraped(wired)
    assert value(quiet, "jangbu_events_head") == 0
    assert value(quiet, "jangbu_events_newest_seconds") is None
    for kind in ("waiting", "paused", "exhausted"):
        assert value(quiet, "jangbu_deliveries_open", state=kind) == 0
    one = await shop.subscribe()
    await shop.announce()
    await shop.announce()
    await shop.house.portone.move(timedelta(seconds=20))
    unnumbered = await scraped(wired)
    assert value(unnumbered, "jangbu_events_unnumbered") == 2
    assert value(unnumbered, "jangbu_events_unnumbered_oldest_seconds") == 20
    shop.receiver.always[URL] = Answer("refused", 500)
    await shop.send()
    tried = await scraped(wired)
    assert value(tried, "jangbu_events_head") == 2
    assert value(tried, "jangbu_events_newest_seconds") == 20
    assert value(tried, "jangbu_events_unnumbered") == 0
    assert value(tried, "jangbu_events_unnumbered_oldest_seconds") == 0
    assert value(tried, "jangbu_deliveries_open", state="waiting") == 2
    assert value(tried, "jangbu_deliveries_overdue_seconds") == 0, "the next try is in the future"
    assert value(tried, "jangbu_delivery_seconds_count", outcome="refused") == 2
    await shop.house.portone.move(timedelta(seconds=66))
    late = await scraped(wired)
    assert 60 <= (value(late, "jangbu_deliveries_overdue_seconds") or 0) <= 66 - 5
    assert value(late, "jangbu_endpoints_failing_seconds") == 66
    assert value(late, "jangbu_endpoints", state="enabled", reason="") == 1
    with monkeypatch.context() as patch:
        patch.setattr(store, "COUNTED_MAX", 1)
        capped = await scraped(wired)
        assert value(capped, "jangbu_deliveries_open", state="waiting") == 1
        assert value(capped, "jangbu_deliveries_overdue_seconds") == value(late, "jangbu_deliveries_overdue_seconds")
    await endpoints.disable(one.id, actor=TESTER, run=shop.run)
    paused = await scraped(wired)
    assert value(paused, "jangbu_deliveries_open", state="waiting") == 0
    assert value(paused, "jangbu_deliveries_open", state="paused") == 2
    assert value(paused, "jangbu_deliveries_overdue_seconds") == 0, "nobody means to try"
    assert value(paused, "jangbu_endpoints_failing_seconds") == 0
    assert value(paused, "jangbu_endpoints", state="enabled", reason="") == 0
    assert value(paused, "jangbu_endpoints", state="disabled", reason="by_hand") == 1
    assert value(paused, "jangbu_endpoints", state="disabled", reason="failing") == 0
    await endpoints.remove(one.id, actor=TESTER, run=shop.run)
    removed = await scraped(wired)
    assert value(removed, "jangbu_endpoints", state="disabled", reason="by_hand") == 0
    assert not [labels for _, labels in removed if ("state", "removed") in labels]
    assert value(removed, "jangbu_deliveries_open", state="paused") == 0


async def test_what_was_given_up_shows_until_it_is_replayed(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    shop.receiver.always[URL] = Answer("refused", 500)
    event_id = await shop.announce()
    await shop.send()
    for wait in RETRY_AFTER:
        await shop.pass_time(wait * 5 // 4)
    found = await scraped(shop.house.wired)
    assert value(found, "jangbu_deliveries_open", state="exhausted") == 1
    assert value(found, "jangbu_deliveries_open", state="waiting") == 0
    del shop.receiver.always[URL]
    await replay.replay(event_id, endpoint.id, actor=TESTER, run=shop.run)
    await shop.send()
    after = await scraped(shop.house.wired)
    assert value(after, "jangbu_deliveries_open", state="exhausted") == 0
    assert value(after, "jangbu_endpoints_failing_seconds") == 0


async def test_a_check_that_no_release_asks_any_more_is_no_alarm(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    async with tampering(server, where) as hand:
        await hand.execute(
            "INSERT INTO check_runs (check_id, scope, rows_found, ran_at) "
            "VALUES ('I99', 'new', 0, now() - interval '1 y')"
        )
    await run_checks(house.wired.checks, run=house.run, full=False)
    found = await scraped(house.wired)
    assert value(found, "jangbu_invariant_rows", check="I01", scope="new") == 0
    assert not [labels for _, labels in found if ("check", "I99") in labels]


async def test_state_is_kept_for_a_few_seconds_and_scrapes_at_once_read_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_times = 0
    fetched = state.State._fetched

    async def counting(self: state.State) -> Any:
        nonlocal read_times
        read_times += 1
        return await fetched(self)

    monkeypatch.setattr(state.State, "_fetched", counting)
    async with calling(house.wired) as caller:
        answers = await asyncio.gather(*(caller.get("/metrics") for _ in range(5)))
        assert all("jangbu_state_up 1.0" in answer.text for answer in answers)
        assert read_times == 1
        monkeypatch.setattr(state, "FRESH_S", 0.0)
        await caller.get("/metrics")
    assert read_times == 2


async def test_what_this_process_counted_is_shown_when_the_database_cannot_be_read(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    house.wired.metrics.job("payments.sweep", "done", 0.1)
    async with tampering(server, where) as hand:
        await hand.execute("ALTER TABLE webhook_logs RENAME TO hidden")
    found = await scraped(house.wired)
    assert value(found, "jangbu_state_up") == 0
    assert value(found, "jangbu_sweep_due", kind="payment") is None, "no figure is better than an old or half a one"
    assert value(found, "jangbu_job_seconds_count", task="payments.sweep", outcome="done") == 1


async def test_a_scrape_does_not_wait_for_a_database_that_hangs(
    house: House, server: embedded.Embedded, where: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tampering(server, where) as hand, hand.transaction():
        await hand.execute("LOCK TABLE webhook_logs")
        with monkeypatch.context() as hasty, structlog.testing.capture_logs() as logged:
            hasty.setattr(state, "PATIENCE_S", 0.3)
            found = await scraped(house.wired)
    # Our own patience ended it, and not PostgreSQL's, which would have said QueryCanceledError three seconds later.
    assert [line["problem"] for line in logged if "problem" in line] == ["TimeoutError()"]
    assert value(found, "jangbu_state_up") == 0
    assert value(await scraped(house.wired), "jangbu_state_up") == 1, "and the connection it gave up is none the worse"
