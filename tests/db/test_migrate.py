"""Migrations: from nothing, again, together, cut short, and refused when history does not match."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from jangbu import embedded
from jangbu import migrate as migrations
from jangbu.errors import SetupProblem
from jangbu.migrate import migrate, read_all, version
from jangbu.wiring import Addresses
from kit import until
from superuser import superuser

HELD_KEY = 77
NEXT = len(read_all()) + 1
NO_NOTES = """
    CREATE FUNCTION no_notes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'no notes today';
    END $$;
    CREATE TRIGGER no_notes BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION no_notes()
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may add to."""
    return Path(shutil.copytree(migrations.folder(), tmp_path / "migrations"))


@pytest.fixture
async def owner(empty: Addresses) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty.owner)
    yield connection
    await connection.close()


def add(files: Path, sql: str, name: str = "more") -> None:
    (files / f"{NEXT:04d}_{name}.sql").write_text(sql, encoding="utf-8")


async def tables(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def test_from_nothing_and_again(empty: Addresses, owner: asyncpg.Connection) -> None:
    assert await version(owner) == 0
    applied = await migrate(empty.owner)
    assert [migration.number for migration in applied] == list(range(1, NEXT))
    assert await version(owner) == NEXT - 1
    before = await owner.fetch("SELECT * FROM schema_migrations ORDER BY number")
    assert await migrate(empty.owner) == []
    assert await owner.fetch("SELECT * FROM schema_migrations ORDER BY number") == before
    assert {"payments", "ledger_entries", "webhook_logs", "pgqueuer"} <= await tables(owner)


async def test_the_owner_who_migrates_is_no_superuser(empty: Addresses, owner: asyncpg.Connection) -> None:
    await migrate(empty.owner)
    rights = await owner.fetchrow(
        """
        SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS mighty
          FROM pg_roles WHERE rolname = current_user
        """
    )
    assert tuple(rights) == ("jangbu_owner", False)


async def test_five_at_once_take_turns(empty: Addresses, owner: asyncpg.Connection) -> None:
    applied = await asyncio.gather(*(migrate(empty.owner) for _ in range(5)))
    assert sorted(len(one) for one in applied) == [0, 0, 0, 0, NEXT - 1]
    assert await owner.fetchval("SELECT count(*) FROM schema_migrations") == NEXT - 1


async def test_only_what_is_new_runs(empty: Addresses, owner: asyncpg.Connection, files: Path) -> None:
    await migrate(empty.owner)
    add(files, "CREATE TABLE more (id int)")
    assert [migration.name for migration in await migrate(empty.owner, directory=files)] == [f"{NEXT:04d}_more"]
    assert "more" in await tables(owner)


async def test_a_failing_migration_leaves_nothing_and_keeps_those_before_it(
    empty: Addresses, owner: asyncpg.Connection, files: Path
) -> None:
    add(files, "CREATE TABLE half (id int); INSERT INTO half VALUES (1); SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty.owner, directory=files)
    assert await version(owner) == NEXT - 1
    assert "half" not in await tables(owner)
    add(files, "CREATE TABLE half (id int)")
    assert len(await migrate(empty.owner, directory=files)) == 1


async def test_one_killed_half_way_runs_again(
    server: embedded.Embedded,
    empty: Addresses,
    owner: asyncpg.Connection,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its middle is a lock, which it would give up by itself before a slow machine gets to kill it.
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "0")
    add(files, f"CREATE TABLE half (id int); SELECT pg_advisory_xact_lock({HELD_KEY}); CREATE TABLE other (id int)")
    await owner.execute(f"SELECT pg_advisory_lock({HELD_KEY})")
    running = asyncio.create_task(migrate(empty.owner, directory=files))
    async with superuser(server, empty) as admin:

        async def waits() -> bool:
            return bool(await admin.fetchval(f"SELECT count(*) FROM pg_locks WHERE objid = {HELD_KEY} AND NOT granted"))

        await until(waits, what="the migration reaching its middle")
        await admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = {HELD_KEY} AND NOT granted")
    with pytest.raises(SetupProblem, match=r"half-way.*Run it again"):
        await running
    await owner.execute(f"SELECT pg_advisory_unlock({HELD_KEY})")
    assert await version(owner) == NEXT - 1
    assert not {"half", "other"} & await tables(owner)
    assert [migration.number for migration in await migrate(empty.owner, directory=files)] == [NEXT]
    assert {"half", "other"} <= await tables(owner)


async def test_one_that_could_not_be_noted_did_not_happen_and_runs_again(
    empty: Addresses, owner: asyncpg.Connection, files: Path
) -> None:
    """F97: done but not noted, it would be done a second time; noted but not done, never."""
    await migrate(empty.owner)
    add(files, "CREATE TABLE half (id int)")
    await owner.execute(NO_NOTES)
    with pytest.raises(asyncpg.RaiseError, match="no notes today"):
        await migrate(empty.owner, directory=files)
    assert "half" not in await tables(owner)
    assert await version(owner) == NEXT - 1
    await owner.execute("DROP TRIGGER no_notes ON schema_migrations")
    assert [migration.number for migration in await migrate(empty.owner, directory=files)] == [NEXT]
    assert "half" in await tables(owner)


async def test_a_lock_that_cannot_be_had_is_given_up_and_nobody_waits_behind_it(
    server: embedded.Embedded, empty: Addresses, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F97: an ALTER that waits for a long report makes every request wait behind itself."""
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "200ms")
    await migrate(empty.owner)
    add(files, "ALTER TABLE payments ADD COLUMN more int")
    async with superuser(server, empty) as reader:
        async with reader.transaction():
            await reader.execute("SELECT count(*) FROM payments")
            # Bounded here as well: one that waits for ever must fail this test and not hang it.
            with pytest.raises(SetupProblem, match=r"gave up.*Nothing was changed"):
                async with asyncio.timeout(3):
                    await migrate(empty.owner, directory=files)
        columns = await reader.fetch("SELECT FROM information_schema.columns WHERE column_name = 'more'")
    assert columns == []
    assert len(await migrate(empty.owner, directory=files)) == 1


async def test_a_file_that_changed_after_it_ran_is_refused(empty: Addresses, files: Path) -> None:
    await migrate(empty.owner, directory=files)
    first = next(files.glob("0001_*.sql"))
    first.write_text(first.read_text(encoding="utf-8") + "\n-- a harmless comment\n", encoding="utf-8")
    with pytest.raises(SetupProblem, match=r"0001_\w+ was changed after it ran"):
        await migrate(empty.owner, directory=files)


async def test_a_newer_database_is_refused_by_older_code(empty: Addresses, files: Path) -> None:
    add(files, "CREATE TABLE more (id int)")
    await migrate(empty.owner, directory=files)
    with pytest.raises(SetupProblem, match=rf"newer than this program.*{NEXT:04d}_more.*up to {NEXT - 1}"):
        await migrate(empty.owner)


async def test_a_login_that_may_not_migrate_is_told_which_one_may(empty: Addresses) -> None:
    for login in (empty.system, empty.request):
        with pytest.raises(SetupProblem, match="JANGBU_DATABASE_URL_OWNER"):
            await migrate(login)


async def test_on_a_server_without_our_logins_it_says_how_they_are_made(
    server: embedded.Embedded, empty: Addresses, files: Path
) -> None:
    """What a managed server says before `jangbu init`: the migration itself may not make roles."""
    first = next(files.glob("0001_*.sql"))
    first.write_text(
        first.read_text(encoding="utf-8").replace("'jangbu_system', 'jangbu_request'", "'nobody_a', 'nobody_b'"),
        encoding="utf-8",
    )
    with pytest.raises(SetupProblem, match="init --print-sql"):
        await migrate(empty.owner, directory=files)
    assert await migrate(empty.owner)


@pytest.mark.parametrize("name", ["9999_gap.sql", "seven.sql", "0001_twice.sql", "00007_five_digits.sql"])
def test_a_file_out_of_order_stops_everything(files: Path, name: str) -> None:
    (files / name).write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(AssertionError):
        read_all(files)
