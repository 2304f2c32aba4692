"""First steps: `.env`, the database, the first admin, a first API key; and the SQL for a PostgreSQL of one's own."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr

from jangbu.errors import SetupProblem
from jangbu.ids import secret_token
from jangbu.mode_guard import LOOPBACK
from jangbu.settings import Settings
from jangbu.vault import new_key

ENV = Path(".env")
ADMIN_EMAIL = "admin@jangbu.local"
FIRST_KEY = "first"
FIRST_SECRETS_KEY = "k1"
FIRST_SCOPES = ("payments:create", "payments:verify", "payments:read")
LOGINS = {
    "DATABASE_URL": "jangbu_system",
    "JANGBU_DATABASE_URL_REQUEST": "jangbu_request",
    "JANGBU_DATABASE_URL_OWNER": "jangbu_owner",
}
"""Each setting with the login it names (design §5)."""

SOURCE_NAMES = (
    "PORTONE_API_SECRET",
    "PORTONE_STORE_ID",
    "PORTONE_WEBHOOK_SECRET",
    "PORTONE_API_KEY",
    "PORTONE_USER_CODE",
    "PORTONE_BASE_URL",
    "ALERT_EMAIL_ENABLED",
    "ALERT_EMAIL_RECIPIENTS",
    "ALERT_EMAIL_FROM",
    "SLACK_WEBHOOK_URL",
    "MOCK_PAYMENTS",
    "NEXT_PUBLIC_PORTONE_STORE_ID",
    "NEXT_PUBLIC_PORTONE_USER_CODE",
    "NEXT_PUBLIC_PORTONE_PG",
    "NEXT_PUBLIC_PORTONE_PAYPAL_CHANNEL",
    "NEXT_PUBLIC_PORTONE_CARD_CHANNEL",
    "NEXT_PUBLIC_API_URL",
    "NEXT_PUBLIC_PAYMENT_SUCCESS_URL",
    "NEXT_PUBLIC_PAYMENT_FAIL_URL",
    "DATABASE_URL",
    "SUBSCRIPTION_SERVICE_URL",
    "ALLOWED_ORIGINS",
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_USER",
    "SMTP_PASS",
    "EMAIL_FROM",
    "EMAIL_FROM_NAME",
    "BUSINESS_LAUNCH_DATE",
    "PAYOUT_THRESHOLD",
    "ENCRYPTION_KEY",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_URL",
    "ENABLE_CRON_JOBS",
    "NODE_ENV",
    "PORTONE_V1_API_KEY",
    "PORTONE_V1_API_SECRET",
    "PORTONE_V2_API_SECRET",
    "PORTONE_V2_BASE_URL",
)
"""Every name the source systems use (requirements X1)."""


def names_of_settings() -> dict[str, tuple[str, ...]]:
    """Every setting's names, by its field: the first is ours to recommend, the others are read as well."""
    names = {}
    for field_name, info in Settings.model_fields.items():
        choices = info.validation_alias
        assert isinstance(choices, AliasChoices), f"{field_name} is not named like a setting"
        names[field_name] = tuple(str(choice) for choice in choices.choices)
    return names


def env_example() -> str:
    """`.env.example`: every name there is, commented out at its default, so that a copy of it changes nothing."""
    lines = [
        "# Every setting of Jangbu, at its default. Copy to .env and take the # away where you want another value.",
        "# Made by `jangbu init --print-env-example` from src/jangbu/settings: change it there.",
    ]
    known: set[str] = set()
    for field_name, names in names_of_settings().items():
        info = Settings.model_fields[field_name]
        known.update(names)
        lines += ["", f"# {info.description}", f"#{names[0]}={_shown(info.default)}"]
        for other in names[1:]:
            lines += [f"# Read as {names[0]} when that is not set.", f"#{other}="]
    for name in SOURCE_NAMES:
        if name not in known:
            lines += ["", "# A source system's name; not used yet.", f"#{name}="]
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    # Defaults of secrets are the sandbox's own; written into a file they would only be carried into production.
    if default is None or isinstance(default, SecretStr):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


@dataclass(frozen=True, slots=True)
class Statements:
    """What the owner of a PostgreSQL runs once, and the three lines for `.env`. Holds passwords."""

    sql: list[str]
    env: dict[str, str]

    def script(self) -> str:
        """All of it as one file for psql; the lines for `.env` stand in comments."""
        lines = [
            "-- Run this once, as a role that may create roles and databases: psql -f this-file",
            "-- The passwords were made just now and are shown here only. Then put these three lines into .env:",
            *(f"--   {name}={value}" for name, value in self.env.items()),
            "-- (CA.pem: the certificate authority your provider publishes) and run: jangbu init, then jangbu doctor.",
            "",
            *(f"{statement};" for statement in self.sql),
        ]
        return "\n".join(lines) + "\n"


def managed_server(server: str, *, database: str = "jangbu") -> Statements:
    """Fresh passwords, the three roles and the database, for a server at `host:port`. Runs nothing."""
    passwords = {login: secret_token(24) for login in LOGINS.values()}
    roles = [
        f"CREATE ROLE {login} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION "
        f"PASSWORD '{passwords[login]}'"
        for login in ("jangbu_owner", "jangbu_system", "jangbu_request")
    ]
    sql = [
        *roles,
        # A managed server's administrator is no superuser and may give a database only to a role it is in.
        "GRANT jangbu_owner TO CURRENT_USER",
        f"CREATE DATABASE {database} OWNER jangbu_owner TEMPLATE template0 ENCODING 'UTF8'",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO jangbu_owner, jangbu_system, jangbu_request",
        "REVOKE jangbu_owner FROM CURRENT_USER",
    ]
    # Over a network the database must prove who it is; within this machine there is nothing to prove.
    local = server.rpartition(":")[0] in LOOPBACK
    tls = "sslmode=disable" if local else "sslmode=verify-full&sslrootcert=CA.pem"
    env = {name: f"postgresql://{login}:{passwords[login]}@{server}/{database}?{tls}" for name, login in LOGINS.items()}
    return Statements(sql, env)


@dataclass(frozen=True, slots=True)
class Done:
    """What `init` did. Secrets are set only when they were made just now."""

    env_path: Path
    env_written: bool
    env_missing: dict[str, str]
    applied: list[str]
    admin_password: str | None
    api_key: str | None
    url: str
    mode: str
    next_steps: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        said = [f".env       {'written' if self.env_written else 'was there and stays as it is'}"]
        if self.env_missing:
            said.append("           you may want to add:")
            said += [f"             {name}={value}" for name, value in self.env_missing.items()]
        said.append(f"database   {f'{len(self.applied)} migrations applied' if self.applied else 'up to date'}")
        if self.admin_password is None:
            said.append("admin      there is one already")
        else:
            said.append(f"admin      {ADMIN_EMAIL} / {self.admin_password}")
            said.append(f"           signs in at {self.url}/console/sign-in; shown only now")
        if self.api_key is None:
            said.append("API key    there is one already; `jangbu keys create` makes more")
        else:
            said.append(f"API key    {self.api_key}")
            said.append(f"           for the shop's backend ({', '.join(FIRST_SCOPES)}); shown only now")
        return [*said, "", *(f"next: {step}" for step in self.next_steps)]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "env": {"path": str(self.env_path), "written": self.env_written, "missing": self.env_missing},
            "applied": self.applied,
            "admin": {"email": ADMIN_EMAIL, "password": self.admin_password},
            "api_key": {"name": FIRST_KEY, "scopes": list(FIRST_SCOPES), "secret": self.api_key},
            "url": self.url,
        }


async def init(load_settings: Callable[[], Settings]) -> Done:
    """Make whatever of the first set-up is missing; nothing that is there is changed. Safe to run again.

    `load_settings` is called after `.env` was written. Raises SetupProblem.
    """
    wanted = _first_env()
    written = write_env(ENV, wanted)
    missing = {} if written else {name: value for name, value in wanted.items() if name not in names_in(ENV)}
    settings = load_settings()
    applied = await migrate(settings)
    password, key = await _first_people(settings)
    steps = ["jangbu demo (everything at once), or jangbu sandbox, jangbu serve --with-worker", "jangbu doctor"]
    if settings.mode != "sandbox":
        steps = ["jangbu doctor, then jangbu serve and jangbu worker"]
    return Done(ENV, written, missing, applied, password, key, settings.url, settings.mode, steps)


def _first_env() -> dict[str, str]:
    return {
        "JANGBU_MODE": "sandbox",
        "BETTER_AUTH_SECRET": secret_token(),
        "JANGBU_SECRETS_KEYS": new_key(FIRST_SECRETS_KEY),
    }


def write_env(path: Path, wanted: dict[str, str]) -> bool:
    """Write a new `.env` that only its owner can read; False, and nothing is touched, when there is one."""
    lines = [
        "# Made by `jangbu init`. .env.example lists every setting; `jangbu doctor` checks them.",
        *(f"{name}={value}" for name, value in wanted.items()),
    ]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as why:
        raise SetupProblem(f".env cannot be written here ({why.strerror}). Run this in a folder of yours.") from why
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return True


def names_in(path: Path) -> set[str]:
    """The names that an env file or the environment sets, in capitals; an empty value sets nothing."""
    from dotenv import dotenv_values

    given = [*dotenv_values(path).items(), *os.environ.items()]
    return {name.upper() for name, value in given if value and value.strip()}


async def migrate(settings: Settings) -> list[str]:
    """Bring the database up to this release; the names of what was applied. Raises SetupProblem."""
    from jangbu import wiring
    from jangbu.migrate import migrate as bring_up

    async with wiring.addresses(settings) as where:
        if not where.owner:
            raise SetupProblem("Migrations need the owner's login: set JANGBU_DATABASE_URL_OWNER.")
        return [migration.name for migration in await bring_up(where.owner)]


async def _first_people(settings: Settings) -> tuple[str | None, str | None]:
    from jangbu.access import cli as access
    from jangbu.cli.opening import opened_with

    async with opened_with(settings) as run:
        password = await access.first_admin(ADMIN_EMAIL, "관리자", run=run)
        key = (
            None if await access.list_keys(run=run) else await access.create_key(FIRST_KEY, list(FIRST_SCOPES), run=run)
        )
    return password, key
