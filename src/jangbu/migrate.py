"""Migrations: numbered plain SQL, forward only, one transaction each, safe to run from several instances at once.

A file is `NNNN_what_it_does.sql`. Its SHA-256 is kept; a file that changed after it ran, and a database newer than this
code, are refused rather than guessed at. Each runs under a lock timeout, so that it gives up instead of queueing every
request behind itself (reliability F97).
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from jangbu.connecting import CONNECTION_GONE, connected
from jangbu.errors import SetupProblem

LOCK_KEY = 0x6A616E67  # "jang": the advisory lock all migrating instances queue on.
LOCK_TIMEOUT = "2s"
"""Whoever comes after a migration that waits for a lock waits behind it: nobody pays meanwhile (F97, G25)."""
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str
    sha256: str


def folder() -> Path:
    """Where the files are: inside the installed package, or in the checkout."""
    packaged = Path(__file__).parent / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "migrations"


def read_all(directory: Path | None = None) -> list[Migration]:
    """Every migration in order. Numbers must start at 1 and leave no gap."""
    found = []
    for path in sorted((directory or folder()).glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        assert match is not None, f"{path.name} is not named NNNN_what_it_does.sql"
        sql = path.read_text(encoding="utf-8")
        found.append(Migration(int(match[1]), path.stem, sql, hashlib.sha256(sql.encode()).hexdigest()))
    assert [migration.number for migration in found] == list(range(1, len(found) + 1)), "a migration number is missing"
    return found


async def migrate(owner_dsn: str, *, directory: Path | None = None) -> list[Migration]:
    """Bring the database up to this code; what was applied now. Run it again and nothing happens.

    Raises SetupProblem when the database is newer than the code, a file was changed after it ran, a lock could not be
    had in time, the login may not, or the database went away: then run it again. Several instances may call this at
    once: they take turns.
    """
    known = read_all(directory)
    connection = await connected(owner_dsn, lambda: asyncpg.connect(owner_dsn, timeout=10))
    try:
        # A session lock is right here and only here: this connection is ours alone and ends with the work.
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        with _in_plain_words("Looking at what was migrated before"):
            await connection.execute(CREATE_TABLE)
            applied = await connection.fetch("SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
        _refuse_strangers(known, applied)
        new = known[len(applied) :]
        for migration in new:
            await _apply(connection, migration)
        return new
    finally:
        await connection.close()


async def version(connection: asyncpg.Connection) -> int:
    """The number of the last migration that ran; 0 for an empty database."""
    exists = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    return await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migrations") if exists else 0


def _refuse_strangers(known: list[Migration], applied: list[asyncpg.Record]) -> None:
    if len(applied) > len(known):
        raise SetupProblem(
            f"The database is newer than this program: it has migration {applied[-1]['number']} "
            f"({applied[-1]['name']}), this program knows up to {len(known)}. Install the newer release; going back "
            "needs a backup from before the upgrade."
        )
    for row, migration in zip(applied, known, strict=False):
        if row["sha256"] != migration.sha256:
            raise SetupProblem(
                f"Migration {migration.name} was changed after it ran here. A migration that ran is history: restore "
                "the file as it was and put the change into a new one."
            )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    with _in_plain_words(f"Migration {migration.name}"):
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.sha256,
            )


@contextmanager
def _in_plain_words(what: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as busy:
        raise SetupProblem(
            f"{what} waited {LOCK_TIMEOUT} for a table that is in use, and gave up so that nobody "
            "else has to wait. Nothing was changed. Run it again at a quieter moment."
        ) from busy
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SetupProblem(
            f"{what} is not allowed to do its work: {refused}. Migrations need the owner's login "
            "(JANGBU_DATABASE_URL_OWNER); `jangbu init --print-sql` shows how the roles are made."
        ) from refused
    except CONNECTION_GONE as gone:
        # It may have gone during the COMMIT, so all that can be said is that there is no half.
        raise SetupProblem(
            f"{what} lost the database half-way ({type(gone).__name__}). It is there whole or not at all. Run it again."
        ) from gone
