"""Loading a backup into an empty database, and proving that the copy is what was backed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from jangbu import migrate
from jangbu.backup import manifest as manifests
from jangbu.backup import tools
from jangbu.backup.check import check
from jangbu.backup.manifest import DUMP, Manifest, Seal
from jangbu.checks import store as checks_store
from jangbu.clock import Clock
from jangbu.connecting import connected
from jangbu.db import Database
from jangbu.errors import SetupProblem
from jangbu.ledger.service import Expectation, Proof, verify

LOGINS = ("jangbu_owner", "jangbu_system", "jangbu_request")
STRANGERS = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL
SELECT p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'
 ORDER BY 1 LIMIT 3
"""
ROLES_THERE = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1::text[])"


@dataclass(frozen=True, slots=True)
class Restored:
    """What the copy turned out to be. `proof` is None when its schema is older than this release."""

    manifest: Manifest
    differences: tuple[str, ...]
    proof: Proof | None
    to_migrate: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the copy."""
        return not self.differences and (self.proof is None or self.proof.holds)


async def restore(
    folder: Path, *, into: str, clock: Clock, expectations: Sequence[Expectation], jobs: int = 1
) -> Restored:
    """Load the backup in `folder` into the empty database at `into`, an owner's login, and prove it.

    One job loads all or nothing, in one transaction; several are faster and leave a piece behind when they fail. Raises
    SetupProblem when the backup is not whole, the database is not empty, or PostgreSQL refuses.
    """
    checked = await check(folder)
    if not checked.is_whole:
        raise SetupProblem("The backup is not whole, so nothing was loaded:\n" + "\n".join(checked.problems))
    manifest = checked.manifest
    known = migrate.read_all()
    if manifest.schema > len(known):
        raise SetupProblem(
            f"The backup was made by Jangbu {manifest.jangbu} and has migration {manifest.schema}; this release knows "
            f"up to {len(known)}. Install the release that made it, or a newer one."
        )
    programs = tools.find(manifest.tools_major)
    await _refuse_unfit(into, manifest)
    how = [f"--jobs={jobs}"] if jobs > 1 else ["--single-transaction"]
    await tools.run(programs.program("pg_restore"), "--exit-on-error", *how, str(folder / DUMP), dsn=into)
    connection = await asyncpg.connect(into, timeout=10)
    try:
        # A dump carries no statistics, and a planner that knows nothing makes the first hour a slow one.
        await connection.execute("ANALYZE")
        differences = await _differences(connection, manifest)
        if await connection.fetchval("SELECT to_regclass('check_runs')"):
            await connection.execute(checks_store.BEGIN_ANEW.sql)
    finally:
        await connection.close()
    to_migrate = tuple(migration.name for migration in known[manifest.schema :])
    proof = None if to_migrate else await _proof(into, manifest, clock, expectations)
    return Restored(manifest, tuple(differences), proof, to_migrate)


async def _refuse_unfit(into: str, manifest: Manifest) -> None:
    connection = await connected(into, lambda: asyncpg.connect(into, timeout=10))
    try:
        strangers = [row[0] for row in await connection.fetch(STRANGERS)]
        if strangers:
            raise SetupProblem(
                f"The database is not empty: it has {', '.join(strangers)} and perhaps more. A backup is only ever "
                "loaded into an empty one: make a new database, or drop and create this one if nobody needs it."
            )
        there = {row[0] for row in await connection.fetch(ROLES_THERE, list(LOGINS))}
        if missing := [login for login in LOGINS if login not in there]:
            raise SetupProblem(
                f"The server does not know the logins {', '.join(missing)}, which the backup gives rights to. "
                "`jangbu init --print-sql` prints the statements that make them."
            )
        major = connection.get_server_version().major
        if major < manifest.server_major:
            raise SetupProblem(
                f"The backup is PostgreSQL {manifest.server_major}'s and this server is {major}: an older one cannot "
                f"take it. Use PostgreSQL {manifest.server_major} or newer."
            )
    finally:
        await connection.close()


async def _differences(connection: asyncpg.Connection, manifest: Manifest) -> list[str]:
    """What of the copy is not as the manifest says."""
    found = await manifests.counts(connection)
    differences = [
        f"{table}: {found.get(table, 0):,} rows, and {count:,} were backed up"
        for table, count in manifest.counts.items()
        if found.get(table) != count
    ]
    ends = await manifests.seals(connection)
    kept: dict[str, Seal] = {"ledger": manifest.ledger, "audit": manifest.audit}
    return differences + [
        f"the {name}'s seal ends at {ends[name].seq} ({ends[name].digest[:16]}…), and the manifest says {seal.seq} "
        f"({seal.digest[:16]}…)"
        for name, seal in kept.items()
        if ends[name] != seal
    ]


async def _proof(into: str, manifest: Manifest, clock: Clock, expectations: Sequence[Expectation]) -> Proof:
    db = await Database(into, name="restore", size_max=1).open()
    try:
        return await verify(db=db, at=clock.now(), expectations=expectations, kept=manifest.ledger.head)
    finally:
        await db.close()
