"""Each check is silent about a sound house and names what a superuser broke in it (reliability §4)."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from checks.conftest import Watched
from jangbu import audit, events, queue
from jangbu.clock import rfc3339
from jangbu.wiring import invariants
from kit import TESTER

events.declare(events.Type("thing.happened", "일이 일어났다", "A thing happened.", {}, is_public=False))

CAPTURED = "(SELECT id FROM ledger_entries WHERE key LIKE 'payment:%:captured' ORDER BY id LIMIT 1)"
PAYMENT = "(SELECT id FROM payments WHERE paid_at IS NOT NULL ORDER BY created_at LIMIT 1)"

ITEM = (
    "INSERT INTO items (id, store_id, name_ko, name_en, price, currency, stock, reserved, created_at) "
    "VALUES (gen_random_uuid(), 'x', 'x', 'x', 1, 'KRW', 5, {reserved}, now())"
)
SESSION = (
    "INSERT INTO payment_sessions (id, session_id, store_id, order_id, order_name, amount, currency, state, "
    "late_refund, expires_at, paid_at, created_at) "
    "SELECT gen_random_uuid(), 'x', store_id, coalesce({order}, 'x'), 'x', 1, 'KRW', '{state}', '{late}', now(), "
    "now(), now() FROM payments LIMIT 1"
)


@dataclass(frozen=True)
class Fault:
    """One statement of damage, and the check that must name it, by the minute's run or only by the night's."""

    check: str
    how: str
    at_night: bool = False


# The house is new, so to the minute's first run everything is above the checkpoint; test_checkpoints.py is about below.
FAULTS = {
    "an entry that does not balance": Fault(
        "I01", f"UPDATE ledger_postings SET amount_minor = amount_minor + 1 WHERE entry_id = {CAPTURED} AND line = 1"
    ),
    "an entry with one posting": Fault("I02", f"DELETE FROM ledger_postings WHERE entry_id = {CAPTURED} AND line > 1"),
    "an entry without postings": Fault("I02", f"DELETE FROM ledger_postings WHERE entry_id = {CAPTURED}"),
    "a balance that was touched up": Fault(
        "I03",
        "UPDATE ledger_snapshots SET balance_minor = balance_minor + 1 WHERE (through_seq, account_id) = "
        "(SELECT through_seq, account_id FROM ledger_snapshots ORDER BY through_seq DESC, account_id LIMIT 1)",
    ),
    "two balances touched up so that they still agree": Fault(
        "I04",
        "UPDATE ledger_snapshots s SET balance_minor = balance_minor + CASE path WHEN 'income:sales' THEN 1 "
        "ELSE -1 END FROM ledger_accounts a WHERE a.id = s.account_id "
        "AND path IN ('income:sales', 'liabilities:vat_payable') "
        "AND through_seq = (SELECT max(through_seq) FROM ledger_snapshots)",
    ),
    "an account that lost its balance": Fault(
        "I04",
        "DELETE FROM ledger_snapshots WHERE account_id = (SELECT min(id) FROM ledger_accounts) "
        "AND through_seq = (SELECT max(through_seq) FROM ledger_snapshots)",
    ),
    "every snapshot shifted alike": Fault(
        "I04",
        "UPDATE ledger_snapshots s SET balance_minor = balance_minor + CASE path WHEN 'income:sales' THEN 1 "
        "ELSE -1 END FROM ledger_accounts a WHERE a.id = s.account_id "
        "AND path IN ('income:sales', 'liabilities:vat_payable')",
        at_night=True,
    ),
    "an account in another currency": Fault(
        "I05", "UPDATE ledger_accounts SET currency = 'USD' WHERE path LIKE 'inc%'"
    ),
    "an account that is gone": Fault("I05", "DELETE FROM ledger_accounts WHERE path LIKE 'liabilities:%'"),
    "postings of no entry": Fault(
        "I05",
        "INSERT INTO ledger_postings SELECT 4711, line, account_id, amount_minor FROM ledger_postings LIMIT 2",
        True,
    ),
    "a captured payment without its entry": Fault("I07", f"DELETE FROM ledger_entries WHERE id = {CAPTURED}"),
    "a payment of another amount than its entry": Fault(
        "I07", f"UPDATE payments SET amount = 999, cancellable_amount = 999, vat_amount = 90 WHERE id = {PAYMENT}"
    ),
    "a payment in another currency than its entry": Fault(
        "I07", f"UPDATE payments SET currency = 'USD' WHERE id = {PAYMENT}"
    ),
    "a payment of another store than its entry": Fault(
        "I07", f"UPDATE payments SET store_id = 'other' WHERE id = {PAYMENT}"
    ),
    "a capture entry without its payment": Fault("I08", f"DELETE FROM payments WHERE id = {PAYMENT}"),
    "a capture entry of a payment that was not captured": Fault(
        "I08", f"UPDATE payments SET status = 'READY', paid_at = NULL WHERE id = {PAYMENT}"
    ),
    "a capture entry of nothing we know": Fault(
        "I08", f"UPDATE ledger_entries SET key = 'payment:nonsense:captured' WHERE id = {CAPTURED}"
    ),
    "a webhook whose job was lost": Fault(
        "I14", "UPDATE webhook_logs SET status = 'received' WHERE id = (SELECT min(id::text)::uuid FROM webhook_logs)"
    ),
    "a sealed entry that says something else now": Fault(
        "I19-ledger", f"UPDATE ledger_entries SET facts = '{{}}' WHERE id = {CAPTURED}"
    ),
    "a sealed entry with another digest": Fault(
        "I19-ledger", f"UPDATE ledger_entries SET digest = sha256('x') WHERE id = {CAPTURED}"
    ),
    "a link that was made anew": Fault("I19-ledger", "UPDATE ledger_seal SET digest = sha256('x') WHERE seq = 1"),
    "a link that does not follow": Fault("I19-ledger", "UPDATE ledger_seal SET previous = sha256('x') WHERE seq = 2"),
    "a link taken out of the middle": Fault("I19-ledger", "DELETE FROM ledger_seal WHERE seq = 1"),
    "the last sealed entry taken away, its seal left": Fault(
        "I19-ledger",
        "DELETE FROM ledger_entries WHERE id = (SELECT entry_id FROM ledger_seal ORDER BY seq DESC LIMIT 1)",
    ),
    "an audit line that says something else now": Fault(
        "I19-audit", "UPDATE audit_log SET actor = 'nobody' WHERE id = (SELECT min(id) FROM audit_log)"
    ),
    "an audit line that is gone": Fault(
        "I19-audit", "DELETE FROM audit_log WHERE id = (SELECT min(id) FROM audit_log)"
    ),
    "more given back than was taken": Fault(
        "I09",
        "INSERT INTO payment_cancellations (id, payment_id, origin, status, amount, currency, reason, requested_by, "
        f"sent_at, created_at) SELECT gen_random_uuid(), id, 'ours', 'SENDING', amount + 1, currency, 'x', 'x', now(), "
        f"now() FROM payments WHERE id = {PAYMENT}",
    ),
    "money given back that no refund explains": Fault(
        "I10", f"UPDATE payments SET cancelled_amount = 1, cancellable_amount = amount - 1 WHERE id = {PAYMENT}"
    ),
    "a status that no refund explains": Fault("I10", f"UPDATE payments SET status = 'CANCELLED' WHERE id = {PAYMENT}"),
    "money in dispute that no dispute holds": Fault(
        "I34",
        f"INSERT INTO payment_disputes (id, payment_id, reason, status, currency, held_amount, opened_at, created_at) "
        f"VALUES (gen_random_uuid(), {PAYMENT}, 'x', 'OPEN', 'KRW', 1, now(), now())",
    ),
    "an event that got no place in the feed": Fault(
        "I33",
        "UPDATE events SET happened_at = happened_at - interval '1 hour' "
        "WHERE id = (SELECT event_id FROM outbox_waiting ORDER BY event_id LIMIT 1)",
        at_night=True,
    ),
    "no worker for a schedule": Fault(
        "I24", "UPDATE pgqueuer_schedules SET next_run = now() - interval '3 min' WHERE entrypoint = 'checks.all'"
    ),
    "a schedule nobody took up": Fault("I24", "DELETE FROM pgqueuer_schedules WHERE entrypoint = 'payments.sweep'"),
    "a job that gave up": Fault(
        "I26", "INSERT INTO pgqueuer (priority, entrypoint, status, attempts) VALUES (0, 'x', 'failed', 7)"
    ),
    "an entry nobody expects": Fault(
        "I30", f"UPDATE ledger_entries SET key = 'payment:from_nowhere' WHERE id = {CAPTURED}", at_night=True
    ),
    "an entry that is neither sealed nor waits": Fault(
        "I31-ledger",
        "INSERT INTO ledger_entries (key, kind, currency, happened_at, recorded_at, digest) "
        "VALUES ('forged', 'x', 'KRW', now(), now(), sha256('x'))",
        at_night=True,
    ),
    "stock that is promised to nobody": Fault("I40", ITEM.format(reserved=2)),
    "stock that came from nowhere": Fault("I41", ITEM.format(reserved=0), at_night=True),
    "a paid session that was never delivered": Fault(
        "I42",
        f"""
        WITH item AS ({ITEM.format(reserved=0)} RETURNING id),
        session AS (
            INSERT INTO payment_sessions (id, session_id, store_id, order_id, order_name, amount, currency, state,
                                          expires_at, paid_at, created_at)
            VALUES (gen_random_uuid(), 'x', 'x', 'x', 'x', 1, 'KRW', 'paid', now(), now(), now()) RETURNING id
        )
        INSERT INTO payment_session_lines (session_key, item_id, position, name_ko, name_en, unit_price,
                                           tax_free_unit_price, quantity)
        SELECT session.id, item.id, 0, 'x', 'x', 1, 0, 1 FROM session, item
        """,
        at_night=True,
    ),
    "goods that went out for another sum": Fault(
        "I43",
        SESSION.format(state="paid", late="", order=f"(SELECT order_id FROM payments WHERE id = {PAYMENT})"),
        at_night=True,
    ),
    "late money that nobody sends back": Fault(
        "I44", SESSION.format(state="expired", late="wanted", order="'x'"), at_night=True
    ),
    "an audit line that was slipped in": Fault(
        "I31-audit",
        "INSERT INTO audit_log (at, actor, action, subject, digest) VALUES (now(), 'x', 'x', 'x:1', sha256('x'))",
        at_night=True,
    ),
}


@pytest.mark.parametrize("full", [False, True], ids=["each minute", "each night"])
async def test_a_sound_house_has_no_broken_rows(watched: Watched, full: bool) -> None:
    asked = await watched.ask(full=full)
    assert {check_id for check_id, result in asked.items() if not result.holds} == set()
    assert len(asked) == len([check for check in watched.house.wired.checks if full or not check.nightly])
    assert watched.alarms == []


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
async def test_a_planted_fault_is_named(watched: Watched, fault: Fault) -> None:
    await watched.break_(fault.how)
    by_day, at_night = await watched.broken(), await watched.broken(full=True)
    assert fault.check in at_night, at_night
    assert (fault.check in by_day) is not fault.at_night, by_day
    assert all(key and what for rows in at_night.values() for key, what in rows)


async def test_every_check_has_a_fault_that_it_finds(watched: Watched) -> None:
    """Those that need more than one statement of damage have a test of their own below."""
    alone = {"I13", "I15", "I20-ledger", "I20-audit", "I27-ledger", "I27-audit", "I28"}
    assert {fault.check for fault in FAULTS.values()} | alone == {check.id for check in invariants(watched.house.run)}


async def test_an_outcome_nobody_asks_about_is_named_at_a_quarter_of_an_hour(watched: Watched) -> None:
    now = watched.house.run.clock.now()
    insert = """
        INSERT INTO payment_attempts (id, payment_id, operation, request, state, started_at, finished_at)
        SELECT gen_random_uuid(), id, 'pre_register', '{}', 'unknown', $1, $1 FROM payments LIMIT 1
    """
    await watched.break_(insert, now - timedelta(minutes=14))
    await watched.break_("UPDATE payments SET due_at = NULL")
    assert await watched.broken() == {}
    await watched.break_(
        "UPDATE payment_attempts SET started_at = $1 WHERE state = 'unknown'", now - timedelta(minutes=16)
    )
    assert next(what for _, what in (await watched.broken())["I13"]).endswith("and nobody asks")
    await watched.break_("UPDATE payments SET due_at = $1", now)
    assert await watched.broken() == {}, "the sweeper is going to ask"
    await watched.break_(
        "UPDATE payment_attempts SET started_at = $1 WHERE state = 'unknown'", now - timedelta(hours=7)
    )
    assert list(await watched.broken()) == ["I13"], "asked about for six hours, and still open"


async def test_a_webhook_that_waits_for_more_than_five_minutes_is_named(watched: Watched) -> None:
    now = watched.house.run.clock.now()
    await watched.break_(
        """
        WITH one AS (UPDATE webhook_logs SET status = 'failed', received_at = $1
                      WHERE id = (SELECT min(id::text)::uuid FROM webhook_logs) RETURNING webhook_id)
        INSERT INTO pgqueuer (priority, entrypoint, status, dedupe_key)
        SELECT 0, 'inbox.handle', 'queued', 'webhook:' || webhook_id FROM one
        """,
        now - timedelta(minutes=4),
    )
    assert await watched.broken() == {}, "its job will try again"
    await watched.break_("UPDATE webhook_logs SET received_at = $1 WHERE status = 'failed'", now - timedelta(minutes=6))
    assert list(await watched.broken()) == ["I14"]


async def test_b7_is_checked_even_where_postgresql_no_longer_does(watched: Watched) -> None:
    await watched.intruder.execute("ALTER TABLE payments DROP CONSTRAINT payments_cancelled_plus_cancellable")
    await watched.break_(f"UPDATE payments SET cancellable_amount = 1 WHERE id = {PAYMENT}")
    assert list(await watched.broken()) == ["I28"]


async def test_an_entry_that_waits_for_its_seal_for_more_than_a_minute_is_named(watched: Watched) -> None:
    house = watched.house
    async with house.run.db.transaction() as tx:
        await audit.record(tx, at=house.run.clock.now(), actor=TESTER, action="a.b", subject="x:1")
    await watched.break_("INSERT INTO ledger_unsealed (id) SELECT max(id) FROM ledger_entries")
    await watched.break_("DELETE FROM ledger_seal WHERE seq = (SELECT max(seq) FROM ledger_seal)")
    await watched.break_("DELETE FROM ledger_snapshots WHERE through_seq = (SELECT max(seq) + 1 FROM ledger_seal)")
    assert await watched.broken() == {}
    await house.portone.move(timedelta(seconds=61))
    assert {"I27-ledger", "I27-audit"} == set(await watched.broken())
    await watched.seal()
    assert await watched.broken() == {}


async def test_an_event_that_lost_its_subscribers_job_is_named(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(events._subscribers, "thing.happened", ["thing.hear"])
    run = watched.house.run

    async def announce() -> events.Event:
        event = events.Event(
            run.ids.uuid(), "thing.happened", "thing:1", run.clock.now(), {"at": rfc3339(run.clock.now())}
        )
        async with run.db.transaction() as tx:
            await events.announce(tx, event)
        return event

    heard, lost, waiting = await announce(), await announce(), await announce()
    async with run.db.transaction() as tx:
        assert await events.is_first_receipt(tx, heard.id, "thing.hear")
    assert await watched.broken() == {}, "two have their jobs"
    await watched.break_("DELETE FROM pgqueuer WHERE convert_from(payload, 'UTF8') LIKE '%' || $1 || '%'", str(lost.id))
    assert await watched.broken(full=True) == {
        "I15": [(f"event:{lost.id}", "thing.happened of thing:1 never reached thing.hear")]
    }
    async with run.db.transaction() as tx:
        assert await queue.open_count(tx) == 2, f"the jobs of {heard.id} and {waiting.id}"
