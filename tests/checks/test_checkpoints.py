"""What the minute's run promises: damage above the checkpoint at once, below it by night; and what is written down."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from checks.conftest import Watched
from jangbu import events
from jangbu.checks import Check, Found, Span, service, store
from jangbu.checks.service import run_checks
from jangbu.db import Query, Tx
from jangbu.ledger.checks import GROWTH as LEDGER_GROWTH
from jangbu.payments.checks import GROWTH as PAYMENTS_GROWTH
from jangbu.wiring import Addresses
from kit import jobs_named
from superuser import opened

STATEMENT_TIMEOUT = Query(str, "SHOW statement_timeout")
LOCK_TIMEOUT = Query(str, "SHOW lock_timeout")
SHRUNK = "UPDATE payments SET amount = 999, cancellable_amount = 999, vat_amount = 90"

events.declare(events.Type("thing.happened", "일이 일어났다", "A thing happened.", {}, is_public=False))

UNBALANCE = "UPDATE ledger_postings SET amount_minor = amount_minor + 1 WHERE line = 1 AND entry_id = $1"


async def state(watched: Watched, check_id: str, scope: str = "new") -> store.State:
    async with watched.house.run.db.transaction() as tx:
        return next(one for one in await store.states(tx) if (one.check_id, one.scope) == (check_id, scope))


async def checkpoint(watched: Watched, check_id: str) -> int:
    async with watched.house.run.db.transaction() as tx:
        last = await store.last(tx, check_id, "new")
    assert last is not None
    return last.checkpoint


async def entry_id(watched: Watched, seq: int) -> int:
    found: int = await watched.intruder.fetchval("SELECT entry_id FROM ledger_seal WHERE seq = $1", seq)
    return found


async def test_damage_above_the_checkpoint_is_found_by_the_minute_and_stays_found(watched: Watched) -> None:
    assert await watched.broken() == {}
    await watched.paid(33_000)
    await watched.break_(UNBALANCE, await entry_id(watched, 3))
    for _ in range(3):
        assert {"I01", "I19-ledger"} <= set(await watched.broken())
    assert await checkpoint(watched, "I01") == 2, "what is broken is not left behind"
    await watched.break_(UNBALANCE.replace("+ 1", "- 1"), await entry_id(watched, 3))
    assert await watched.broken() == {}
    assert await checkpoint(watched, "I01") == 3


async def test_damage_below_the_checkpoint_is_found_by_night(watched: Watched) -> None:
    await watched.intruder.execute("UPDATE payments SET updated_at = now() - interval '1 day'")
    assert await watched.broken() == {}
    await watched.break_(UNBALANCE, await entry_id(watched, 1))
    assert await watched.broken() == {}
    assert {"I01", "I03", "I04", "I07", "I19-ledger"} <= set(await watched.broken(full=True))


async def test_a_changed_payment_is_looked_at_again_however_old_it_is(watched: Watched) -> None:
    """Growth of payments is by change, so an old row that is touched counts as new: unless triggers were asleep."""
    await watched.intruder.execute("UPDATE payments SET updated_at = now() - interval '1 day'")
    assert await watched.broken() == {}
    one = "(SELECT id FROM payments ORDER BY created_at LIMIT 1)"
    await watched.break_(f"{SHRUNK} WHERE id = {one}")
    assert await watched.broken() == {}, "the trigger slept, so nothing says that it changed"
    assert list(await watched.broken(full=True)) == ["I07"]
    await watched.intruder.execute("SET session_replication_role = origin")
    await watched.break_(f"UPDATE payments SET order_name = 'x' WHERE id = {one}")
    assert list(await watched.broken()) == ["I07"]


async def test_a_payment_that_committed_late_is_not_passed_over(watched: Watched) -> None:
    """Its `updated_at` is when its transaction began: below the checkpoint of a run that could not see it."""
    await watched.intruder.execute("SET session_replication_role = origin")
    slow = watched.intruder.transaction()
    await slow.start()
    await watched.break_(f"{SHRUNK} WHERE amount = 11000")
    assert await watched.broken() == {}
    await slow.commit()
    assert list(await watched.broken()) == ["I07"]


async def test_an_event_that_commits_late_is_not_passed_over(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events._subscribers, "thing.happened", ["thing.hear"])
    run = watched.house.run

    async def announce(tx: Tx) -> events.Event:
        event = events.Event(run.ids.uuid(), "thing.happened", "thing:1", run.clock.now(), {})
        await events.announce(tx, event)
        return event

    async with run.db.transaction() as tx:
        heard = await announce(tx)
        await events.is_first_receipt(tx, heard.id, "thing.hear")
    async with run.db.transaction() as slow:
        lost = await announce(slow)
        async with run.db.transaction() as quick:
            await events.is_first_receipt(quick, (await announce(quick)).id, "thing.hear")
        assert await watched.broken() == {}
    await watched.break_("DELETE FROM pgqueuer WHERE convert_from(payload, 'UTF8') LIKE '%' || $1 || '%'", str(lost.id))
    assert await watched.broken() == {
        "I15": [(f"event:{lost.id}", "thing.happened of thing:1 never reached thing.hear")]
    }


@pytest.mark.parametrize("chain", ["ledger", "audit"])
async def test_a_chain_whose_end_was_cut_off_is_named_within_a_minute(watched: Watched, chain: str) -> None:
    """The chain that is left is sound in itself; only what was remembered of it tells."""
    assert await watched.broken() == {}
    await watched.break_(f"DELETE FROM {chain}_seal WHERE seq = (SELECT max(seq) FROM {chain}_seal)")
    assert f"I20-{chain}" in await watched.broken()
    assert f"I20-{chain}" in await watched.broken(), "and still the minute after"
    await watched.paid()
    assert f"I20-{chain}" in await watched.broken(), "also when the chain has grown over the cut"


async def test_the_night_holds_the_chain_against_the_night_before(watched: Watched) -> None:
    assert await watched.broken(full=True) == {}
    await watched.break_("UPDATE ledger_seal SET digest = sha256('x') WHERE seq = 2")
    found = await watched.broken(full=True)
    assert "I20-ledger" in found and "I19-ledger" in found


async def test_a_first_run_over_much_history_goes_in_steps(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STEP", 1)
    await watched.paid()
    await watched.ask(only="I01")
    assert await checkpoint(watched, "I01") == 1
    await watched.break_(UNBALANCE, await entry_id(watched, 3))
    assert (await watched.ask(only="I01"))["I01"].holds, "not reached yet"
    assert not (await watched.ask(only="I01"))["I01"].holds


async def test_growth_never_runs_backwards(watched: Watched) -> None:
    for growth in (LEDGER_GROWTH, PAYMENTS_GROWTH, events.GROWTH):
        async with watched.house.run.db.transaction() as tx:
            assert await tx.one(growth.upto, after=2**52, step=1) == 2**52, growth.name


async def test_payments_grow_by_at_most_a_step(watched: Watched) -> None:
    await watched.paid()
    async with watched.house.run.db.transaction() as tx:
        reached = await tx.one(PAYMENTS_GROWTH.upto, after=0, step=1)
        further = await tx.one(PAYMENTS_GROWTH.upto, after=reached, step=1)
    times = await watched.intruder.fetch(
        "SELECT (extract(epoch FROM updated_at) * 1000000)::bigint AS us FROM payments ORDER BY updated_at"
    )
    assert reached == times[1]["us"]
    assert further > times[2]["us"], "fewer than a step are left: up to now"


async def test_the_alarm_hears_what_is_news_and_only_that(watched: Watched) -> None:
    held = "INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'failed')"
    await watched.break_(held)
    for _ in range(3):
        await watched.ask(only="I26")
    assert watched.alarms == [("I26", 1)]
    await watched.break_(held)
    await watched.ask(only="I26")
    assert watched.alarms == [("I26", 1), ("I26", 2)]
    await watched.break_("DELETE FROM pgqueuer WHERE status = 'failed'")
    await watched.ask(only="I26")
    await watched.break_(held)
    await watched.ask(only="I26")
    assert watched.alarms == [("I26", 1), ("I26", 2), ("I26", 1)]


async def test_an_alarm_that_cannot_be_raised_is_raised_again(watched: Watched) -> None:
    """Run and alarm commit together: an alarm that failed must not leave a row that says it is no news any more."""
    await watched.break_("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'failed')")

    async def deaf(tx: Tx, check: Check, found: Found) -> None:
        raise RuntimeError("the alarm is broken")

    checks = [check for check in watched.house.wired.checks if check.id == "I26"]
    with pytest.raises(RuntimeError):
        await run_checks(checks, run=watched.house.run, full=False, on_broken=deaf)
    await watched.ask(only="I26")
    assert watched.alarms == [("I26", 1)]


async def test_since_when_it_is_broken_is_kept_and_cleared(watched: Watched) -> None:
    await watched.ask(only="I26")
    assert (await state(watched, "I26")).broken_since is None
    await watched.break_("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'failed')")
    await watched.ask(only="I26")
    since = (await state(watched, "I26")).broken_since
    assert since is not None
    await watched.ask(only="I26")
    again = await state(watched, "I26")
    assert (again.broken_since, again.rows_found) == (since, 1)
    assert again.ran_at is not None and again.ran_at > since
    await watched.break_("DELETE FROM pgqueuer WHERE status = 'failed'")
    await watched.ask(only="I26")
    assert (await state(watched, "I26")).broken_since is None


async def test_only_so_many_rows_are_named_and_all_are_counted(watched: Watched) -> None:
    await watched.break_(
        "INSERT INTO pgqueuer (priority, entrypoint, status) SELECT 0, 'x', 'failed' FROM generate_series(1, 250)"
    )
    found = (await watched.ask(only="I26"))["I26"].found
    assert found is not None and (found.count, len(found.rows)) == (250, 100)


async def test_a_check_that_cannot_be_asked_is_no_check_that_holds(watched: Watched) -> None:
    """It is written down as failed, what it found before stays, and the others are asked all the same."""
    await watched.break_("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x', 'failed')")
    await watched.ask()
    await watched.intruder.execute("ALTER TABLE webhook_logs RENAME COLUMN received_at TO came_at")
    await watched.intruder.execute("ALTER TABLE pgqueuer RENAME COLUMN attempts TO tries")
    asked = await watched.ask()
    assert {check_id for check_id, result in asked.items() if result.found is None} == {"I14", "I26"}
    assert not asked["I14"].holds and "received_at" in asked["I14"].problem
    assert asked["I01"].holds
    written = await state(watched, "I26")
    assert (written.rows_found, "attempts" in written.problem) == (1, True)
    await watched.intruder.execute("ALTER TABLE pgqueuer RENAME COLUMN tries TO attempts")
    await watched.ask()
    assert (await state(watched, "I26")).problem == ""


async def test_a_check_that_takes_too_long_is_stopped(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = Query(str, "SELECT pg_sleep(20)::text")

    async def look(tx: Tx, span: Span) -> Found:
        await tx.one(sleep)
        return Found()

    monkeypatch.setattr(service, "PATIENCE_NEW_MS", 100)
    started = asyncio.get_running_loop().time()
    results = await run_checks([Check("I99", "", "", look)], run=watched.house.run, full=False)
    assert asyncio.get_running_loop().time() - started < 10
    assert results[0].found is None


@pytest.mark.parametrize("full", [False, True], ids=["by the minute", "by night"])
async def test_a_checks_patience_ends_with_it_and_the_next_user_of_its_connection_has_its_own(
    watched: Watched, where: Addresses, full: bool
) -> None:
    """F95: a pool resets nothing, so what a check set for its session would be everybody's from then on."""

    async def look(tx: Tx, span: Span) -> Found:
        assert await tx.one(LOCK_TIMEOUT) == "1s", "the check looks under settings of its own"
        return Found()

    async with opened(where.system, size_max=1) as db:
        [result] = await run_checks([Check("I99", "", "", look)], run=replace(watched.house.run, db=db), full=full)
        assert result.found is not None, result.problem
        assert db.pool_state()["size"] == 1
        assert (await db.statement(STATEMENT_TIMEOUT), await db.statement(LOCK_TIMEOUT)) == ("30s", "5s")


async def test_a_check_reads_and_never_writes(watched: Watched) -> None:
    write = Query(type(None), "UPDATE payments SET review = 'x'")

    async def look(tx: Tx, span: Span) -> Found:
        await tx.run(write)
        return Found()

    results = await run_checks([Check("I99", "", "", look)], run=watched.house.run, full=False)
    assert "read-only" in results[0].problem


async def test_both_jobs_ask_and_write_down(watched: Watched) -> None:
    wired = watched.house.wired
    await jobs_named(wired, "checks.new")()
    await jobs_named(wired, "checks.all")()
    async with wired.system.db.transaction() as tx:
        states = await store.states(tx)
    for scope, asked in (("all", wired.checks), ("new", [check for check in wired.checks if not check.nightly])):
        assert {one.check_id for one in states if one.scope == scope} == {check.id for check in asked}
    assert all(one.rows_found == 0 and not one.problem for one in states)


def test_ids_are_told_apart_and_both_languages_speak(watched: Watched) -> None:
    checks = watched.house.wired.checks
    assert len({check.id for check in checks}) == len(checks)
    assert all(check.ko and check.en and check.ko != check.en for check in checks)


async def test_a_state_that_contradicts_itself_is_refused(watched: Watched) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="check_runs_broken_since"):
        await watched.intruder.execute(
            "INSERT INTO check_runs (check_id, scope, rows_found, ran_at) VALUES ('I01', 'new', 1, now())"
        )
