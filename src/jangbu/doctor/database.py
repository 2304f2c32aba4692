"""The database: reachable under each login, new enough, with roles that cannot cheat, and migrated."""

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from jangbu import installation, migrate
from jangbu.clock import SystemClock
from jangbu.connecting import CONNECTION_GONE, connected, where_it_points
from jangbu.doctor.findings import Finding, bad, good, look, unchecked
from jangbu.errors import SetupProblem
from jangbu.settings import Settings
from jangbu.wiring import Addresses

VERSION_MIN = 150_000
SKEW_WARNED = timedelta(seconds=2)
SETTING_OF = {
    "system": "DATABASE_URL",
    "request": "JANGBU_DATABASE_URL_REQUEST",
    "owner": "JANGBU_DATABASE_URL_OWNER",
}
APPEND_ONLY = (
    "ledger_accounts",
    "ledger_entries",
    "ledger_postings",
    "ledger_seal",
    "audit_log",
    "audit_seal",
    "events",
)
NEEDED = {
    "system": {
        "INSERT": ("ledger_entries", "ledger_seal", "audit_log", "events", "payments", "webhook_logs", "pgqueuer"),
        "UPDATE": ("payments", "webhook_logs", "pgqueuer", "session"),
        "SELECT": ("schema_migrations", "sandbox_clock", "users", "admin", "api_keys"),
    },
    "request": {
        "INSERT": ("ledger_entries", "audit_log", "events", "payments", "pgqueuer", "session"),
        "UPDATE": ("payments", "session"),
        "SELECT": ("schema_migrations", "webhook_logs", "ledger_seal", "users", "admin", "api_keys"),
    },
}
"""What each login cannot work without, by privilege. The session table is what signs people in."""

ABOUT = """
SELECT current_user::text AS login, r.rolsuper AS superuser, r.rolbypassrls AS bypassrls,
       current_setting('server_version_num')::int AS version_num, current_setting('server_version') AS version,
       current_database()::text AS database, pg_postmaster_start_time() AS started,
       pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only
  FROM pg_roles r WHERE r.rolname = current_user
"""
OWNED = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v') AND pg_has_role(c.relowner, 'MEMBER') ORDER BY 1
"""
RIGHTS = """
SELECT has_table_privilege(to_regclass($1)::oid, $2)
"""


@dataclass(slots=True)
class Login:
    """One of the three, connected; `about` is what the server says of it."""

    role: str
    connection: asyncpg.Connection
    about: Any
    skew: timedelta
    owned: list[str] = field(default_factory=list)


async def findings(settings: Settings, where: Addresses) -> tuple[list[Finding], bool]:
    """What there is to say of the database, and whether commands can work with it."""
    found: list[Finding] = []
    async with AsyncExitStack() as stack:
        logins: dict[str, Login] = {}
        for role in ("system", "request", "owner"):
            dsn = getattr(where, role)
            if not dsn:
                found.append(
                    unchecked(
                        f"database as {role}", "No login is set.", f"Migrations will need it: {SETTING_OF[role]}."
                    )
                )
                continue
            login = await _connect(stack, role, dsn, found, embedded=settings.database_url is None)
            if login is not None:
                logins[role] = login
        if "system" not in logins or "request" not in logins:
            return found, False
        system = logins["system"]
        found += [_version(system), _one_database(logins), *_roles(logins), await _migrations(system)]
        is_migrated = found[-1].mark == "good"
        if is_migrated:
            found += [await _rights(logins), await _installation(system, settings)]
        found.append(skew(system.skew))
    return found, is_migrated


async def _connect(stack: AsyncExitStack, role: str, dsn: str, found: list[Finding], *, embedded: bool) -> Login | None:
    name = f"database as {role}"
    try:
        connection = await connected(dsn, lambda: asyncpg.connect(dsn, timeout=10))
    except SetupProblem as problem:
        todo = "" if embedded else f"The address is the one in {SETTING_OF[role]}."
        found.append(Finding(name, "bad", str(problem), todo))
        return None
    except (asyncpg.PostgresError, ValueError) as problem:
        found.append(bad(name, f"The database refuses: {problem}.", f"Check {SETTING_OF[role]}."))
        return None
    stack.push_async_callback(_closed, connection)
    about = await connection.fetchrow(ABOUT)
    clock = SystemClock()
    before = clock.now()
    there = await connection.fetchval("SELECT clock_timestamp()")
    after = clock.now()
    owned = [row["relname"] for row in await connection.fetch(OWNED)]
    server = "embedded PostgreSQL" if embedded else where_it_points(dsn)
    found.append(good(name, f"{server}, login {about['login']}."))
    return Login(role, connection, about, there - (before + (after - before) / 2), owned)


async def _closed(connection: asyncpg.Connection) -> None:
    with suppress(*CONNECTION_GONE, asyncpg.PostgresError):
        await connection.close(timeout=5)


def _version(login: Login) -> Finding:
    version = login.about["version"]
    if login.about["version_num"] < VERSION_MIN:
        return bad("PostgreSQL", f"Version {version}.", "Jangbu needs PostgreSQL 15 or newer: upgrade the server.")
    if login.about["read_only"]:
        return bad(
            "PostgreSQL",
            "This server only reads: a replica, or set to read-only.",
            "Point DATABASE_URL at the primary.",
        )
    return good("PostgreSQL", f"Version {version}.")


def _one_database(logins: dict[str, Login]) -> Finding:
    name = "one database"
    places = {(login.about["database"], login.about["started"]) for login in logins.values()}
    if len(places) > 1:
        return bad(
            name,
            "The logins lead to different databases: "
            + ", ".join(f"{login.role} to {login.about['database']}" for login in logins.values()),
            "All three addresses must differ in user and password only.",
        )
    return good(name, f"All logins lead to the same one, {logins['system'].about['database']}.")


def _roles(logins: dict[str, Login]) -> list[Finding]:
    """An application login that could switch the protections off is refused, however convenient."""
    found = []
    if logins["system"].about["login"] == logins["request"].about["login"]:
        found.append(
            bad(
                "roles",
                f"Both DATABASE_URL and JANGBU_DATABASE_URL_REQUEST use {logins['system'].about['login']}.",
                "People's requests need a login of their own, jangbu_request, which the row-level rules are for.",
            )
        )
    for login in logins.values():
        may_too_much = []
        if login.about["superuser"]:
            may_too_much.append("is a superuser")
        elif login.about["bypassrls"]:
            may_too_much.append("bypasses row-level security (BYPASSRLS)")
        if login.owned and login.role != "owner" and not login.about["superuser"]:
            may_too_much.append(f"owns tables, or belongs to the role that does ({login.owned[0]}, …)")
        if may_too_much:
            found.append(
                bad(
                    "roles",
                    f"The login {login.about['login']} ({SETTING_OF[login.role]}) {' and '.join(may_too_much)}: "
                    "it could alter the books.",
                    "Use the roles that `jangbu init --print-sql` makes.",
                )
            )
    return found or [good("roles", "No login is a superuser, bypasses row-level security or owns what it should not.")]


async def _migrations(login: Login) -> Finding:
    name = "migrations"
    known = migrate.read_all()
    if await migrate.version(login.connection) == 0:
        return bad(name, "The database is empty.", "Run jangbu migrate (or jangbu init).")
    applied = await login.connection.fetch("SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
    if len(applied) > len(known):
        return bad(
            name,
            f"The database is newer than this program: it has {applied[-1]['name']}.",
            "Install the newer release on this machine.",
        )
    for row, migration in zip(applied, known, strict=False):
        if row["sha256"] != migration.sha256:
            return bad(
                name,
                f"{migration.name} was changed after it ran here.",
                "Restore the file as it was; put the change into a new migration.",
            )
    missing = known[len(applied) :]
    if missing:
        return bad(name, f"{len(missing)} to apply, from {missing[0].name} on.", "Run jangbu migrate.")
    return good(name, f"All {len(known)} are applied.")


async def _rights(logins: dict[str, Login]) -> Finding:
    lacking, too_much = [], []
    for role, needed in NEEDED.items():
        connection, login = logins[role].connection, logins[role].about["login"]
        for privilege, tables in needed.items():
            lacking += [
                f"{login} may not {privilege} {table}"
                for table in tables
                if not await connection.fetchval(RIGHTS, table, privilege)
            ]
        too_much += [
            f"{login} may {privilege} {table}"
            for table in APPEND_ONLY
            for privilege in ("UPDATE", "DELETE", "TRUNCATE")
            if await connection.fetchval(RIGHTS, table, privilege)
        ]
    if too_much:
        return bad(
            "rights",
            f"What is append-only could be altered: {', '.join(too_much[:3])}{', …' if len(too_much) > 3 else ''}.",
            "REVOKE those rights; the migrations never grant them.",
        )
    if lacking:
        return bad(
            "rights",
            f"{', '.join(lacking[:3])}{', …' if len(lacking) > 3 else ''}.",
            "The logins must be jangbu_system and jangbu_request, which the migrations grant to.",
        )
    return good(
        "rights", "Each login may do its work, sessions included; neither may alter the ledger or the audit log."
    )


async def _installation(login: Login, settings: Settings) -> Finding:
    name = "installation"
    row = await login.connection.fetchrow(installation.READ.sql)
    if row is None:
        return bad(name, "The table `installation` is empty.", "Run jangbu adopt if this is the shop's own database.")
    found = installation.READ.read(row)
    if problem := installation.why_not(found, settings):
        return bad(name, problem, "Until then no program acts on this database.")
    return good(name, f"{found.id}: programs may act on it.")


def skew(ahead: timedelta) -> Finding:
    """What it means that the database's clock is this far ahead of the machine's."""
    behind = "ahead of" if ahead > timedelta() else "behind"
    seconds = f"{abs(ahead).total_seconds():.1f} s"
    if abs(ahead) > SKEW_WARNED:
        return look(
            "clock",
            f"The database's clock is {seconds} {behind} this machine's.",
            "Set both by NTP: webhooks are refused at five minutes, and reports by day go wrong before that.",
        )
    return good("clock", f"The database's clock and this machine's agree ({seconds} apart).")
