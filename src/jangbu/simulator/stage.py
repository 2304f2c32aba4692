"""The database of the plays: a real one, whose `now()` is the play's clock, emptied between two plays."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from jangbu import embedded
from jangbu.connecting import prepare_connection
from jangbu.db import Database, Tx
from jangbu.migrate import migrate
from jangbu.simulator.wire import Shelf
from jangbu.wiring import Addresses

DATABASE = "simulator"
HELD_MAX = 1_000

# The queue's leases and backoff are database time (design §4.7). An unqualified now() finds this one first, so that
# they follow the play's clock, and a play repeats. What is queued now may run now: hence the microsecond.
PREPARE = """
CREATE SCHEMA sim;
CREATE TABLE sim.clock (at timestamptz NOT NULL);
INSERT INTO sim.clock VALUES ('2026-01-01T00:00:00Z');
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM sim.clock';
ALTER TABLE pgqueuer ALTER COLUMN execute_after SET DEFAULT sim.now() - interval '1 microsecond',
                     ALTER COLUMN heartbeat SET DEFAULT sim.now(), ALTER COLUMN created SET DEFAULT sim.now();
GRANT USAGE ON SCHEMA sim TO PUBLIC;
GRANT SELECT ON sim.clock TO PUBLIC;
DO $$
DECLARE
    name text;
    has_rows boolean;
BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = sim, pg_catalog, public', current_database());
    -- Only our programs die here, never PostgreSQL: a commit need not wait for the disk.
    EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
    -- Statistics and guesses at parameters would change plans, and with them the order of rows, between two plays.
    EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE public.%I SET (autovacuum_enabled = false)', name);
    END LOOP;
    -- What the migrations put there is put back after each play.
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO has_rows;
        IF has_rows THEN
            EXECUTE format('CREATE TABLE sim.%I AS SELECT * FROM public.%I', 'kept_' || name, name);
        END IF;
    END LOOP;
END $$;
"""
# TRUNCATE and not DELETE: rows that lie elsewhere come back in another order, and a play would not repeat. Only of what
# was written to, because each table costs a new file for itself and every index.
EMPTY = """
DO $$
DECLARE
    name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    SELECT string_agg(format('public.%I', relname), ', ') INTO name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
       AND pg_relation_size(oid) > 0;
    IF name IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || name || ' RESTART IDENTITY CASCADE';
    END IF;
    PERFORM setval(format('public.%I', sequencename), 1, false) FROM pg_sequences WHERE schemaname = 'public';
    FOR name IN SELECT substr(tablename, 6) FROM pg_tables
                 WHERE schemaname = 'sim' AND starts_with(tablename, 'kept_') LOOP
        EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE SELECT * FROM sim.%I', name, 'kept_' || name);
    END LOOP;
END $$
"""


class Stage:
    """Connections for everybody, and a superuser's for looking behind the scenes."""

    def __init__(self, where: Addresses, director: asyncpg.Connection, checker: Database) -> None:
        self.shelves = (Shelf(where.system), Shelf(where.request))
        self.checker = checker
        # One round trip a look: each statement is a transaction of its own.
        self.glance = Tx(director, {})
        self._director = director
        self._shown: datetime | None = None

    async def empty(self) -> None:
        """Forget everything: as freshly migrated."""
        await self._director.execute(EMPTY)
        self._shown = None

    async def show(self, now: datetime) -> None:
        """Let the database's clock show what the play's clock shows."""
        if now != self._shown:
            await self._director.execute("UPDATE sim.clock SET at = $1", now)
            self._shown = now

    async def is_waiting(self, backend: int) -> bool:
        """Whether this backend waits for somebody else's lock."""
        return bool(await self._director.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", backend))

    async def call_off(self, backend: int) -> None:
        """End its wait: its statement fails."""
        await self._director.execute("SELECT pg_cancel_backend($1)", backend)

    async def requeue_held(self) -> int:
        """What an operator does with jobs that gave up, once the cause is gone; how many there were."""
        queue = Queries(AsyncpgDriver(self._director))
        held = await queue.list_failed_jobs(limit=HELD_MAX, order="ASC")
        for job in held:
            try:
                await queue.requeue_jobs([job.id])
            except asyncpg.UniqueViolationError:
                # One that was queued anew meanwhile under the same key has taken its place.
                await queue.mark_job_as_cancelled([job.id])
        return len(held)

    @property
    def in_use(self) -> int:
        return sum(shelf.in_use for shelf in self.shelves)


@asynccontextmanager
async def opened(where: Addresses, superuser: str) -> AsyncIterator[Stage]:
    """Make a stage of a freshly migrated database that nobody else uses. `superuser` is a DSN of the same database."""
    first = await asyncpg.connect(superuser)
    try:
        await first.execute(PREPARE)
    finally:
        await first.close()
    director = await asyncpg.connect(superuser)
    await prepare_connection(director)
    checker = await Database(where.system, name="simulator", size_min=1, size_max=1).open()
    stage = Stage(where, director, checker)
    try:
        yield stage
    finally:
        for shelf in stage.shelves:
            await shelf.close()
        await checker.close()
        await director.close()


@asynccontextmanager
async def throwaway() -> AsyncIterator[Stage]:
    """A stage on an embedded PostgreSQL of its own, gone afterwards. Never the operator's database."""
    home = Path(tempfile.mkdtemp(prefix="jangbu-simulate-"))
    server = await embedded.ensure(home)
    try:
        await embedded.create_database(server, DATABASE)
        await migrate(server.dsn("owner", DATABASE))
        where = Addresses(*(server.dsn(role, DATABASE) for role in ("owner", "system", "request")))
        async with opened(where, server.dsn("superuser", DATABASE)) as stage:
            yield stage
    finally:
        server.close()
        await embedded.remove(home)
