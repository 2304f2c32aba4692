"""One owner per transaction: all of it or nothing, and nothing remembered that was not committed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from jangbu import embedded
from jangbu.clock import instant
from jangbu.db import Database, DatabaseAway, Query, TextUnstorable
from jangbu.events import Event, announce, of_subject
from jangbu.failpoints import Crash
from jangbu.ids import Ids
from jangbu.ledger import store
from jangbu.ledger.rules import Account
from jangbu.runtime import Runtime
from jangbu.wiring import Addresses
from kit import House, fresh_database, until
from superuser import cut_off, opened, superuser


@pytest.fixture(scope="module")
async def where(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """One database for all of these: each looks at subjects of its own."""
    async with fresh_database(server) as addresses:
        yield addresses


AT = instant("2026-08-01T03:00:00Z")
BANK = Account("assets:bank")
ids = Ids(seed=1)

COUNT_ACCOUNTS = Query(int, "SELECT count(*) FROM ledger_accounts")
BREAK = Query(int, "SELECT 1 / :zero::int")
ONE = Query(int, "SELECT 1")
ECHO = Query(str, "SELECT :text::text")
ECHO_JSON = Query(dict, "SELECT :value::jsonb")
SLEEP = Query(type(None), "SELECT pg_sleep(:seconds::float8)")
IDLE_TIMEOUT = Query(str, "SHOW idle_in_transaction_session_timeout")
TRANSACTION_TIMEOUT = Query(str, "SHOW transaction_timeout")
LIMIT_IT = Query(type(None), "SELECT set_config('transaction_timeout', :limit, true)")
TAKE_LOCK = Query(type(None), "SELECT pg_advisory_xact_lock(46)")
TRY_LOCK = Query(bool, "SELECT pg_try_advisory_xact_lock(46)")
PID = Query(int, "SELECT pg_backend_pid()")


@dataclass(frozen=True, slots=True)
class Session:
    """What a connection says of itself."""

    isolation: str
    read_only: str
    timezone: str
    lock_timeout: str
    statement_timeout: str


SESSION = Query(
    Session,
    """
    SELECT current_setting('transaction_isolation') AS isolation,
           current_setting('transaction_read_only') AS read_only, current_setting('TimeZone') AS timezone,
           current_setting('lock_timeout') AS lock_timeout, current_setting('statement_timeout') AS statement_timeout
    """,
)


def an_event(subject: str) -> Event:
    return Event(ids.uuid(), "test.happened", subject, AT, {"a": [1, {"b": "가"}]})


async def events_of(db: Database, subject: str) -> int:
    async with db.transaction() as tx:
        return len(await of_subject(tx, subject))


class Stop(Exception):  # noqa: N818
    """Something of the caller's own."""


@pytest.mark.parametrize("raised", [Stop, Crash, KeyError, asyncio.CancelledError, TimeoutError, OSError])
async def test_whatever_is_raised_half_way_nothing_stays(where: Addresses, raised: type[BaseException]) -> None:
    async with opened(where.system) as db:

        async def half_way() -> None:
            async with db.transaction() as tx:
                await announce(tx, an_event("half:1"))
                raise raised("half-way")

        # A TimeoutError or OSError inside a transaction reads as the line to the database breaking.
        with pytest.raises((raised, DatabaseAway)):
            await half_way()
        assert await events_of(db, "half:1") == 0
        assert db.pool_state()["idle"] == db.pool_state()["size"]


async def test_a_statement_that_fails_takes_the_earlier_ones_with_it(where: Addresses) -> None:
    async with opened(where.system) as db:

        async def half_way() -> None:
            async with db.transaction() as tx:
                await announce(tx, an_event("half:1"))
                await tx.one(BREAK, zero=0)

        with pytest.raises(asyncpg.DivisionByZeroError):
            await half_way()
        assert await events_of(db, "half:1") == 0


async def test_a_caller_who_swallows_a_failed_statement_still_commits_nothing(where: Addresses) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with a silent rollback: nobody may take it for done."""
    async with opened(where.system) as db:

        async def swallow() -> None:
            async with db.transaction() as tx:
                await announce(tx, an_event("half:1"))
                tx.remember("fact", 1)
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await tx.one(BREAK, zero=0)

        with pytest.raises(AssertionError, match="cannot be committed"):
            await swallow()
        assert await events_of(db, "half:1") == 0
        async with db.transaction() as tx:
            assert tx.remembered("fact") is None


async def test_what_a_committed_transaction_learned_is_kept_and_json_comes_back_whole(where: Addresses) -> None:
    async with opened(where.system) as db:
        event = an_event("whole:1")
        async with db.transaction() as tx:
            await announce(tx, event)
            tx.remember("fact", 7)
            assert tx.remembered("fact") == 7
        async with db.transaction() as tx:
            assert tx.remembered("fact") == 7
            assert await of_subject(tx, "whole:1") == [event]


async def test_text_that_cannot_be_stored_is_refused_and_nothing_is_written(where: Addresses) -> None:
    async with opened(where.system) as db:
        with pytest.raises(TextUnstorable):
            await _announce_and_echo(db, "nobody\x00")
        async with db.transaction() as tx:
            assert await of_subject(tx, "whole:2") == []


async def _announce_and_echo(db: Database, text: str) -> None:
    async with db.transaction() as tx:
        await announce(tx, an_event("whole:2"))
        await tx.maybe(ECHO, text=text)


async def test_json_of_others_is_kept_whatever_is_in_it(where: Addresses) -> None:
    said = {"na\x00me": ["보리\x00차", "a \\u0000 as typed", {"deep": "\x00"}], "n": 1}
    kept = {"na\ufffdme": ["보리\ufffd차", "a \\u0000 as typed", {"deep": "\ufffd"}], "n": 1}
    async with opened(where.system) as db, db.transaction() as tx:
        assert await tx.one(ECHO_JSON, value=said) == kept


async def test_what_a_rolled_back_transaction_learned_is_forgotten(where: Addresses) -> None:
    """An account number of a rolled-back transaction names no account: posting to it would fail, or worse."""
    async with opened(where.system) as db:
        lost = 0

        async def half_way() -> None:
            nonlocal lost
            async with db.transaction() as tx:
                lost = await store.account_id(tx, BANK, "KRW")
                raise Stop

        with pytest.raises(Stop):
            await half_way()
        async with db.transaction() as tx:
            assert tx.remembered((BANK, "KRW")) is None
            assert await tx.one(COUNT_ACCOUNTS) == 0
            found = await store.account_id(tx, BANK, "KRW")
        assert found != lost
        async with db.transaction() as tx:
            assert await store.account_id(tx, BANK, "KRW") == found
            assert await tx.one(COUNT_ACCOUNTS) == 1


async def test_what_one_transaction_learned_another_does_not_know_before_the_commit(where: Addresses) -> None:
    async with opened(where.system) as db, db.transaction() as one:
        one.remember("fact", 1)
        async with db.transaction() as other:
            assert other.remembered("fact") is None


async def test_a_snapshot_sees_one_moment_and_cannot_write(where: Addresses) -> None:
    async with opened(where.system) as db:
        async with db.transaction(snapshot=True) as picture:
            assert (await picture.one(SESSION)).isolation == "repeatable read"
            before = await picture.all(ONE)
            assert before and await of_subject(picture, "seen:1") == []
            async with db.transaction() as tx:
                await announce(tx, an_event("seen:1"))
            assert await of_subject(picture, "seen:1") == []
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with db.transaction(snapshot=True) as picture:
                await announce(picture, an_event("seen:2"))
        assert await events_of(db, "seen:2") == 0


async def test_no_session_carries_state_from_one_transaction_to_the_next(where: Addresses) -> None:
    """A pooler hands every transaction another session, so nothing may depend on the one before (F95)."""
    async with opened(where.system, size_max=1) as db:
        async with db.transaction(snapshot=True) as tx:
            assert (await tx.one(SESSION)).read_only == "on"
        async with db.transaction() as tx:
            session = await tx.one(SESSION)
    assert session == Session("read committed", "off", "UTC", "5s", "30s")


async def test_a_connection_lost_half_way_is_the_database_away_and_the_pool_recovers(
    server: embedded.Embedded, where: Addresses
) -> None:
    async with opened(where.system) as db:

        async def half_way() -> None:
            async with db.transaction() as tx:
                await announce(tx, an_event("lost:1"))
                assert await cut_off(server, where) >= 1
                await tx.one(ONE)

        with pytest.raises(DatabaseAway):
            await half_way()
        assert await events_of(db, "lost:1") == 0
        assert await db.statement(ONE) == 1


async def test_connections_lost_while_idle_are_replaced_unseen_or_away_once(
    server: embedded.Embedded, where: Addresses
) -> None:
    async with opened(where.system) as db:
        await asyncio.gather(*(db.statement(ONE) for _ in range(4)))
        await cut_off(server, where)
        answers = await asyncio.gather(*(db.statement(ONE) for _ in range(8)), return_exceptions=True)
        assert all(answer == 1 or isinstance(answer, DatabaseAway) for answer in answers), answers
        assert await asyncio.gather(*(db.statement(ONE) for _ in range(8))) == [1] * 8


async def test_a_connection_lost_at_the_commit_is_the_database_away(
    server: embedded.Embedded, where: Addresses
) -> None:
    async with opened(where.system) as db:

        async def at_the_end() -> None:
            async with db.transaction() as tx:
                await announce(tx, an_event("lost:2"))
                tx.remember("fact", 1)
                await cut_off(server, where)

        with pytest.raises(DatabaseAway):
            await at_the_end()
        assert await events_of(db, "lost:2") == 0
        async with db.transaction() as tx:
            assert tx.remembered("fact") is None


async def test_an_exhausted_pool_says_so_fast_and_recovers(where: Addresses) -> None:
    async with opened(where.system, size_max=1, acquire_timeout_s=0.2) as db:
        async with db.transaction():
            began = asyncio.get_running_loop().time()
            with pytest.raises(DatabaseAway):
                await db.statement(ONE)
            assert asyncio.get_running_loop().time() - began < 2
        assert await db.statement(ONE) == 1
        assert db.pool_state() == {"size": 1, "idle": 1, "max": 1}


async def test_a_cancelled_request_gives_its_connection_back_clean(where: Addresses) -> None:
    async with opened(where.system, size_max=1) as db:

        async def slow() -> None:
            async with db.transaction() as tx:
                await announce(tx, an_event("cancelled:1"))
                started.set()
                await tx.run(SLEEP, seconds=30)

        for _ in range(5):
            started = asyncio.Event()
            task = asyncio.create_task(slow())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await events_of(db, "cancelled:1") == 0


async def test_a_program_that_hangs_within_a_transaction_keeps_its_locks_for_twenty_seconds_at_most(
    house: House,
) -> None:
    """F46: shorter than a job's lease, so whoever takes the job over does not wait for the one that hangs."""
    for run in (house.wired.system, house.wired.webhooks, house.wired.request):
        async with run.db.transaction() as tx:
            assert await tx.one(IDLE_TIMEOUT) == "20s", run.db.name
            assert await tx.one(TRANSACTION_TIMEOUT) == "30s", run.db.name


async def test_a_program_that_is_paused_between_preparing_and_executing_loses_its_locks(run: Runtime) -> None:
    """F46: to PostgreSQL that is a busy session, which the limit for idle ones never ends."""

    async def is_free() -> bool:
        async with run.db.transaction() as another:
            return await another.one(TRY_LOCK)

    async def stands_still() -> None:
        async with run.db.transaction() as tx:
            # The clock that runs already is not made shorter: it is stopped and started.
            for limit in ("0", "100ms"):
                await tx.run(LIMIT_IT, limit=limit)
            await tx.run(TAKE_LOCK)
            await tx._connection.prepare("SELECT 'and then it stood still'")
            await until(is_free, what="the lock of the paused one becoming free")

    with pytest.raises(DatabaseAway):
        await stands_still()


async def test_a_transaction_that_takes_too_long_in_a_statement_is_told_to_come_again(run: Runtime) -> None:
    async def too_slow() -> None:
        async with run.db.transaction() as tx:
            for limit in ("0", "100ms"):
                await tx.run(LIMIT_IT, limit=limit)
            await tx.run(SLEEP, seconds=20)

    with pytest.raises(DatabaseAway):
        await too_slow()


async def test_a_long_look_at_everything_is_not_thrown_out(run: Runtime) -> None:
    async with run.db.transaction(snapshot=True, long=True) as tx:
        assert await tx.one(TRANSACTION_TIMEOUT) == "0"
    async with run.db.transaction(snapshot=True) as tx:
        assert await tx.one(TRANSACTION_TIMEOUT) == "30s"


QUICKLY = Query(type(None), "SELECT set_config('lock_timeout', '100ms', true)")
BRIEFLY = Query(type(None), "SELECT set_config('statement_timeout', '100ms', true)")


async def test_a_lock_that_cannot_be_had_is_a_clean_503(server: embedded.Embedded, where: Addresses) -> None:
    """F92: nobody's fault and nothing half-done, so the caller hears "try again" and not "internal error"."""
    async with superuser(server, where) as holder, opened(where.system) as db:

        async def impatient() -> None:
            async with db.transaction() as tx:
                await tx.run(QUICKLY)
                await announce(tx, an_event("locked:1"))

        async with holder.transaction():
            await holder.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DatabaseAway):
                await impatient()
        assert await events_of(db, "locked:1") == 0


async def test_a_statement_that_takes_too_long_is_a_clean_503(where: Addresses) -> None:
    async with opened(where.system) as db:

        async def impatient() -> None:
            async with db.transaction() as tx:
                await tx.run(BRIEFLY)
                await tx.run(SLEEP, seconds=5)

        with pytest.raises(DatabaseAway):
            await impatient()
        assert await db.statement(ONE) == 1


ADVISORY = Query(type(None), "SELECT pg_advisory_xact_lock(:key)")


async def test_of_two_transactions_that_deadlock_one_is_a_clean_503(where: Addresses) -> None:
    async with opened(where.system) as db:
        ready = asyncio.Barrier(2)

        async def both(first: int, second: int) -> str:
            try:
                async with db.transaction() as tx:
                    await tx.run(ADVISORY, key=first)
                    await ready.wait()
                    await tx.run(ADVISORY, key=second)
            except DatabaseAway:
                return "away"
            return "done"

        assert sorted(await asyncio.gather(both(1, 2), both(2, 1))) == ["away", "done"]
