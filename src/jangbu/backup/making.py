"""Making a backup: one snapshot, dumped by pg_dump and counted by us, named only when it is whole."""

import asyncio
import shutil
from pathlib import Path

import asyncpg

import jangbu
from jangbu import migrate
from jangbu.backup import manifest as manifests
from jangbu.backup import tools
from jangbu.backup.manifest import DUMP, Manifest
from jangbu.clock import Clock
from jangbu.connecting import connected
from jangbu.embedded.home import sync_folder
from jangbu.errors import SetupProblem
from jangbu.failpoints import failpoint
from jangbu.settings import Settings

LOCK_WAIT = "30s"


async def make(folder: Path, *, owner_dsn: str, settings: Settings, clock: Clock) -> Manifest:
    """Back the whole database up into `folder`, which must not exist yet. Nothing is locked that payments need.

    Raises SetupProblem; then there is no `folder`.
    """
    if not owner_dsn:
        raise SetupProblem("A backup reads everything, so it needs the owner's login: set JANGBU_DATABASE_URL_OWNER.")
    connection = await connected(owner_dsn, lambda: asyncpg.connect(owner_dsn, timeout=10))
    try:
        major = int(connection.get_server_version().major)
        programs = tools.find(major)
        unfinished = _begin(folder)
        try:
            made = await _dump(connection, unfinished, owner_dsn, programs, settings, clock)
            failpoint("backup.before_rename")
            unfinished.rename(folder)
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    finally:
        await connection.close()
    return made


def _begin(folder: Path) -> Path:
    if folder.exists():
        raise SetupProblem(f"{folder} is there already, and a backup never replaces another one. Name a new folder.")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Whoever can read it can read every payment.
        unfinished.mkdir(mode=0o700)
    except FileExistsError:
        raise SetupProblem(
            f"{unfinished} is there: another backup is writing it, or one was cut off. If none runs, remove it."
        ) from None
    except OSError as why:
        raise SetupProblem(f"{folder} cannot be made ({why.strerror}). Name a folder you may write to.") from why
    return unfinished


async def _dump(
    connection: asyncpg.Connection,
    unfinished: Path,
    owner_dsn: str,
    programs: tools.Tools,
    settings: Settings,
    clock: Clock,
) -> Manifest:
    made_at = clock.now()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # The dump and our own reading see the same instant, and it may take as long as it takes.
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await connection.execute("SET LOCAL statement_timeout = 0")
        schema = await migrate.version(connection)
        if schema == 0:
            raise SetupProblem("The database is empty: there is nothing to back up. Is DATABASE_URL the right one?")
        snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
        await tools.run(
            programs.program("pg_dump"),
            "--format=directory",
            f"--file={unfinished / DUMP}",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={LOCK_WAIT}",
            dsn=owner_dsn,
        )
        ends = await manifests.seals(connection)
        rows = await manifests.counts(connection)
        row = await connection.fetchrow("SELECT id, mode FROM installation") if "installation" in rows else None
        server = await connection.fetchval("SELECT current_setting('server_version')")
    made = Manifest(
        format=manifests.FORMAT,
        made_at=made_at,
        jangbu=jangbu.__version__,
        mode=row["mode"] if row else settings.mode,
        installation=str(row["id"]) if row else "",
        schema=schema,
        postgresql=server.partition(" ")[0],
        pg_dump=programs.version,
        ledger=ends["ledger"],
        audit=ends["audit"],
        counts=rows,
        files=await asyncio.to_thread(manifests.files, unfinished / DUMP),
    )
    manifests.write(unfinished, made)
    return made
