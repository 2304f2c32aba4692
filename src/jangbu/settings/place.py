"""What an operator sets of an installation itself: its mode, its home and its database."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from jangbu.mode_guard import Mode
from jangbu.settings.fields import named


class PlaceSettings(BaseSettings):
    """Where an installation stands, and whether its money is real."""

    mode: Mode = named(
        "JANGBU_MODE",
        default="sandbox",
        description="`sandbox` (a local PortOne, no real money), `test` (PortOne's test channels) or `live`.",
    )
    home: Path = named(
        "JANGBU_HOME",
        default=Path(".jangbu"),
        description="Folder of the embedded PostgreSQL and the sandbox's world. Not used with DATABASE_URL.",
    )
    database_url: SecretStr | None = named(
        "DATABASE_URL",
        "JANGBU_DATABASE_URL",
        default=None,
        description="PostgreSQL 15 or newer, login `jangbu_system`. Unset: Jangbu starts its own.",
    )
    database_url_request: SecretStr | None = named(
        "JANGBU_DATABASE_URL_REQUEST",
        default=None,
        description="The same database as login `jangbu_request`, for people's requests. Needed with DATABASE_URL.",
    )
    database_url_owner: SecretStr | None = named(
        "JANGBU_DATABASE_URL_OWNER",
        default=None,
        description="The same database as its owner, for migrations only, by a direct address (no pooler).",
    )
    installation: str = named(
        "JANGBU_INSTALLATION",
        default="",
        description="Id of the database these programs work on (`jangbu doctor` shows it). Needed in live mode with "
        "DATABASE_URL: a restored copy has another one, and nothing acts on it by mistake.",
    )
    pool_min: int = named("JANGBU_POOL_MIN", default=2, description="Connections kept open per pool (E16).")
    pool_max: int = named("JANGBU_POOL_MAX", default=10, description="Connections at most per pool (E16).")
