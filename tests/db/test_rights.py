"""Who may do what to which table: the roles by privilege, and everybody by trigger where history lies."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from jangbu import embedded
from jangbu.wiring import Addresses
from kit import fresh_database
from superuser import superuser

APPEND_ONLY = (
    "ledger_accounts",
    "ledger_entries",
    "ledger_postings",
    "ledger_seal",
    "audit_log",
    "audit_seal",
    "events",
    "outbox_feed",
    "item_movements",
    "payment_dispute_moves",
)
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

# S, I, U, D: what each role may do to each table. Nobody may TRUNCATE, REFERENCES or TRIGGER anything.
SYSTEM = {
    "admin": "SIU",
    "admin_alerts": "SI",
    "api_keys": "SIU",
    "audit_log": "SI",
    "audit_seal": "SI",
    "audit_unsealed": "SID",
    "check_runs": "SIU",
    "event_receipts": "SI",
    "events": "SI",
    "identity_verifications": "SIU",
    "installation": "SU",
    "item_movements": "SI",
    "items": "SIU",
    "ledger_accounts": "SI",
    "ledger_entries": "SI",
    "ledger_postings": "SI",
    "ledger_seal": "SI",
    "ledger_snapshots": "SI",
    "ledger_unsealed": "SID",
    "outbox_feed": "SI",
    "outbox_waiting": "SID",
    "notices": "SI",
    "payment_attempts": "SIU",
    "payment_cancellations": "SIU",
    "payment_dispute_moves": "SI",
    "payment_disputes": "SIU",
    "payment_receipts": "SIU",
    "payment_session_lines": "SI",
    "payment_sessions": "SIU",
    "payment_channels": "SIU",
    "payment_poll": "SIU",
    "payment_questions": "SIU",
    "request_limits": "SIUD",
    "payments": "SIU",
    "pgqueuer": "SIUD",
    "pgqueuer_log": "SIUD",
    "pgqueuer_schedules": "SIUD",
    "pgqueuer_statistics": "SIUD",
    "sandbox_clock": "S",
    "schema_migrations": "S",
    "session": "SIUD",
    "staff_links": "SIU",
    "payer_secrets": "SIU",
    "users": "SIU",
    "webhook_deliveries": "SIU",
    "webhook_delivery_attempts": "SI",
    "webhook_endpoint_secrets": "SI",
    "webhook_endpoints": "SIU",
    "webhook_logs": "SIU",
    "webhook_tries": "SI",
}
REQUEST = SYSTEM | {
    "audit_seal": "S",
    "audit_unsealed": "SI",
    "check_runs": "S",
    "event_receipts": "S",
    "installation": "S",
    "ledger_seal": "S",
    "ledger_snapshots": "S",
    "ledger_unsealed": "SI",
    "outbox_feed": "S",
    "outbox_waiting": "I",
    "payment_poll": "",
    "payment_questions": "S",
    "request_limits": "SIU",
    "pgqueuer": "SI",
    "pgqueuer_log": "",
    "pgqueuer_schedules": "",
    "pgqueuer_statistics": "",
    "webhook_delivery_attempts": "S",
    "webhook_endpoint_secrets": "I",
    "webhook_logs": "S",
    "webhook_tries": "S",
}
ROLES = {"jangbu_system": SYSTEM, "jangbu_request": REQUEST}


@pytest.fixture(scope="module")
async def where(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """One database for all of these: nothing here may change anything."""
    async with fresh_database(server) as addresses:
        yield addresses


@pytest.fixture
async def admin(server: embedded.Embedded, where: Addresses) -> AsyncIterator[asyncpg.Connection]:
    async with superuser(server, where) as connection:
        yield connection


async def test_each_role_has_exactly_the_rights_written_here(admin: asyncpg.Connection) -> None:
    """A new table or a new grant must be written into the matrix above: rights are decided, never left over."""
    rows = await admin.fetch(
        """
        SELECT tablename, rolname, string_agg(verb, ',') FILTER (
                   WHERE has_table_privilege(rolname, format('public.%I', tablename), verb)) AS verbs
          FROM pg_tables, unnest($1::text[]) AS rolname, unnest($2::text[]) AS verb
         WHERE schemaname = 'public' GROUP BY tablename, rolname
        """,
        list(ROLES),
        list(VERBS),
    )
    found: dict[str, dict[str, str]] = {role: {} for role in ROLES}
    for row in rows:
        verbs = (row["verbs"] or "").split(",")
        letters = "".join(verb[0] for verb in VERBS[:4] if verb in verbs)
        found[row["rolname"]][row["tablename"]] = letters + "!" * len(set(verbs) & set(VERBS[4:]))
    assert found["jangbu_system"] == SYSTEM
    assert found["jangbu_request"] == REQUEST


async def test_no_role_can_make_objects_that_would_stand_before_ours(admin: asyncpg.Connection) -> None:
    """A temporary table or a function of one's own name would be found before the real one, by our triggers too."""
    for role in ROLES:
        assert not await admin.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)
        for right in ("TEMP", "CREATE"):
            assert not await admin.fetchval("SELECT has_database_privilege($1, current_database(), $2)", role, right)
        rights = await admin.fetchrow(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS mighty FROM pg_roles "
            "WHERE rolname = $1",
            role,
        )
        assert rights["mighty"] is False
        assert not await admin.fetchval("SELECT pg_has_role($1, 'jangbu_owner', 'MEMBER')", role)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("role", ["system", "request"])
async def test_the_roles_cannot_rewrite_history(where: Addresses, role: str, table: str) -> None:
    connection = await asyncpg.connect(getattr(where, role))
    try:
        for statement in (f"UPDATE {table} SET xmin = xmin", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "ALTER TABLE ledger_entries DISABLE TRIGGER append_only",
        "DROP TRIGGER ledger_entry_balances ON ledger_entries",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "UPDATE sandbox_clock SET only_row = true",
        "INSERT INTO schema_migrations VALUES (999, 'x', 'x')",
    ],
)
@pytest.mark.parametrize("role", ["system", "request"])
async def test_the_roles_cannot_put_the_guards_to_sleep(where: Addresses, role: str, statement: str) -> None:
    connection = await asyncpg.connect(getattr(where, role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("statement", ["UPDATE webhook_logs SET status = 'skipped'", "DELETE FROM webhook_logs"])
async def test_a_persons_request_cannot_touch_what_portone_told_us(where: Addresses, statement: str) -> None:
    connection = await asyncpg.connect(where.request)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO webhook_logs (webhook_id, body_sha256, received_at) VALUES ('a', '', now())"
            )
    finally:
        await connection.close()


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("who", ["owner", "superuser"])
async def test_the_trigger_refuses_even_those_with_every_right(
    server: embedded.Embedded, where: Addresses, who: str, table: str
) -> None:
    async with superuser(server, where) as connection:
        if who == "owner":
            await connection.execute("SET ROLE jangbu_owner")
        column = await connection.fetchval(
            """
            SELECT column_name FROM information_schema.columns
             WHERE table_name = $1 AND is_identity = 'NO' ORDER BY ordinal_position LIMIT 1
            """,
            table,
        )
        for verb, statement in (
            ("UPDATE", f"UPDATE {table} SET {column} = {column}"),
            ("UPDATE", f"UPDATE {table} SET {column} = {column} WHERE false"),
            ("DELETE", f"DELETE FROM {table}"),
            # What refers to it would be emptied too: it is this table's own trigger that has to say no, first.
            ("TRUNCATE", f"TRUNCATE {table} CASCADE"),
        ):
            with pytest.raises(asyncpg.RestrictViolationError, match=f"^{table} is append-only: {verb} refused"):
                await connection.execute(statement)
