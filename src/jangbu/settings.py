"""What an operator sets: read once from the environment (and `.env`), frozen, and checked against each other.

Every name the source systems used works unchanged beside ours (requirements X1). Secrets have no defaults outside the
sandbox; values are trimmed, because a pasted secret with a trailing newline is a classic lost afternoon.
"""

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jangbu.errors import SetupProblem

Mode = Literal["sandbox", "test", "live"]
TaxProfile = Literal["taxable", "simplified", "exempt", "zero_rated"]

SANDBOX_STORE_ID = "store-00000000-0000-4000-8000-000000000000"
SANDBOX_API_SECRET = "sandbox-api-secret"  # noqa: S105 (published on purpose; refused outside the sandbox)
SANDBOX_WEBHOOK_SECRET = "whsec_amFuZ2J1LXNhbmRib3gtd2ViaG9vay1zZWNyZXQtMzI="  # noqa: S105 (likewise)
PORTONE_URL = "https://api.portone.io"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _named(*names: str, default: Any, description: str) -> Any:
    return Field(default=default, validation_alias=AliasChoices(*names), description=description)


class Settings(BaseSettings):
    """Everything an operator may set. `make docs` turns this class into docs/reference/settings.md."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore", str_strip_whitespace=True
    )

    mode: Mode = _named(
        "JANGBU_MODE",
        default="sandbox",
        description="`sandbox` (a local PortOne, no real money), `test` (PortOne's test channels) or `live`.",
    )
    home: Path = _named(
        "JANGBU_HOME",
        default=Path(".jangbu"),
        description="Folder of the embedded PostgreSQL and the sandbox's world. Not used with DATABASE_URL.",
    )
    database_url: SecretStr | None = _named(
        "DATABASE_URL",
        "JANGBU_DATABASE_URL",
        default=None,
        description="PostgreSQL 15 or newer, login `jangbu_system`. Unset: Jangbu starts its own.",
    )
    database_url_request: SecretStr | None = _named(
        "JANGBU_DATABASE_URL_REQUEST",
        default=None,
        description="The same database as login `jangbu_request`, for people's requests. Needed with DATABASE_URL.",
    )
    database_url_owner: SecretStr | None = _named(
        "JANGBU_DATABASE_URL_OWNER",
        default=None,
        description="The same database as its owner, for migrations only, by a direct address (no pooler).",
    )
    pool_min: int = _named("JANGBU_POOL_MIN", default=2, description="Connections kept open per pool (E16).")
    pool_max: int = _named("JANGBU_POOL_MAX", default=10, description="Connections at most per pool (E16).")

    portone_v2_api_secret: SecretStr | None = _named(
        "PORTONE_V2_API_SECRET", default=None, description="V2 API secret of the store."
    )
    portone_v1_api_key: SecretStr | None = _named(
        "PORTONE_V1_API_KEY", default=None, description="V1 REST API key (V1 is not used yet)."
    )
    portone_v1_api_secret: SecretStr | None = _named(
        "PORTONE_V1_API_SECRET", default=None, description="V1 REST API secret (V1 is not used yet)."
    )
    portone_api_secret: SecretStr | None = _named(
        "PORTONE_API_SECRET",
        default=None,
        description="A source's name: V1's secret when PORTONE_API_KEY is set, else V2's. The explicit names win.",
    )
    portone_api_key: SecretStr | None = _named(
        "PORTONE_API_KEY", default=None, description="A source's name for V1's key; makes PORTONE_API_SECRET V1's."
    )
    portone_store_id: str = _named(
        "PORTONE_STORE_ID",
        "NEXT_PUBLIC_PORTONE_STORE_ID",
        default=SANDBOX_STORE_ID,
        description="The store payments are made in.",
    )
    portone_webhook_secrets: SecretStr = _named(
        "PORTONE_WEBHOOK_SECRET",
        "JANGBU_PORTONE_WEBHOOK_SECRETS",
        default=SecretStr(SANDBOX_WEBHOOK_SECRET),
        description="Webhook secret from PortOne's console (`whsec_…`); two, separated by a comma, while rotating.",
    )
    portone_base_url: str = _named(
        "PORTONE_V2_BASE_URL",
        default="",
        description=f"V2 API. Unset: the sandbox in sandbox mode, else {PORTONE_URL}.",
    )
    portone_read_timeout_s: int = _named(
        "JANGBU_PORTONE_READ_TIMEOUT_S", default=60, description="PortOne asks for at least 60 s (portone-facts §1.5)."
    )
    mock_payments: bool = _named(
        "MOCK_PAYMENTS", default=False, description="A source's name for the sandbox; refused when NODE_ENV=production."
    )
    node_env: str = _named("NODE_ENV", default="", description="Only read to refuse MOCK_PAYMENTS in production.")

    tax_profile: TaxProfile = _named(
        "JANGBU_TAX_PROFILE", default="taxable", description="The store's VAT status; fixed on each payment when made."
    )
    payment_wait_h: int = _named(
        "JANGBU_PAYMENT_WAIT_H", default=24, description="Hours a payment may wait for its payer before it expires."
    )

    refund_limits: dict[str, dict[str, int]] = _named(
        "JANGBU_REFUND_LIMITS",
        default={"Manager": {"KRW": 1_000_000}},
        description=(
            "What a role (or `API key`) may refund without a second person, in minor units per currency, as JSON. "
            "A role that is not named has no limit; a named one has 0 in a currency that is not."
        ),
    )

    sweep_cron: str = _named(
        "JANGBU_SWEEP_CRON",
        default="* * * * *",
        description="How often payments that are due are asked about (cron, UTC; a sixth field is seconds).",
    )

    job_lease_s: int = _named(
        "JANGBU_JOB_LEASE_S",
        default=30,
        description="Seconds without a sign of life after which a worker's job is given to another worker.",
    )

    drain_s: int = _named(
        "JANGBU_DRAIN_S",
        default=15,
        description=(
            "Seconds that requests and jobs have to finish after SIGTERM. Jobs that are not done by then are given to "
            "another worker, requests are answered 503."
        ),
    )

    host: str = _named("JANGBU_HOST", default="127.0.0.1", description="Address the web program listens on.")
    port: int = _named("JANGBU_PORT", "PORT", default=8080, description="Port of the web program.")
    sandbox_port: int = _named("JANGBU_SANDBOX_PORT", default=8090, description="Port of the sandbox.")
    public_url: str = _named(
        "JANGBU_PUBLIC_URL", default="", description="Where people and PortOne reach us, e.g. https://pay.example.com."
    )
    allowed_origins: str = _named(
        "ALLOWED_ORIGINS",
        default="http://localhost:3000",
        description="Origins of shops that may call the API from a browser, separated by commas; exact match.",
    )
    egress_allow: str = _named(
        "JANGBU_EGRESS_ALLOW",
        default="",
        description="Private networks and host names that events may be sent to, separated by commas, e.g. "
        "`10.0.0.0/8,shop.internal`. Everything else off the public internet is refused.",
    )
    auth_secret: SecretStr | None = _named(
        "BETTER_AUTH_SECRET",
        default=None,
        description="Signs the session cookie. Unset: made once and kept in JANGBU_HOME (embedded database only).",
    )
    metrics_token: SecretStr | None = _named(
        "JANGBU_METRICS_TOKEN",
        default=None,
        description="Whoever reads `/metrics` sends `Authorization: Bearer …` with it. Unset: this machine only.",
    )
    worker_metrics_port: int | None = _named(
        "JANGBU_WORKER_METRICS_PORT",
        default=None,
        description="Port at `JANGBU_HOST` where `jangbu worker` shows its own `/metrics`. Unset: nowhere.",
    )
    log_format: Literal["auto", "json", "text"] = _named(
        "JANGBU_LOG_FORMAT", default="auto", description="`auto` is text on a terminal and JSON elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = _named(
        "JANGBU_LOG_LEVEL", default="info", description="How much to log."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _trim(cls, value: Any) -> Any:
        # str_strip_whitespace does not reach into SecretStr.
        return value.strip() if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _empty_means_unset(cls, values: Any) -> Any:
        # `.env` files and container manifests write NAME= for "not set"; for us an empty secret is not a secret.
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if not isinstance(value, str) or value.strip()}
        return values

    @model_validator(mode="after")
    def _modes_do_not_mix(self) -> "Settings":
        if self.mock_payments and (self.mode != "sandbox" or self.node_env == "production"):
            raise ValueError("MOCK_PAYMENTS is on where real money may move; remove it, or set JANGBU_MODE=sandbox")
        if self.mode == "sandbox":
            if self.portone_base_url and urlsplit(self.portone_base_url).hostname not in LOOPBACK:
                raise ValueError(
                    "JANGBU_MODE is sandbox but PORTONE_V2_BASE_URL is not on this machine; set it to test or live"
                )
            return self
        if urlsplit(self.portone_url).hostname in LOOPBACK:
            raise ValueError(f"JANGBU_MODE is {self.mode} but PORTONE_V2_BASE_URL points at a sandbox")
        for name, value, published in (
            ("PORTONE_V2_API_SECRET", self.v2_api_secret, SANDBOX_API_SECRET),
            ("PORTONE_WEBHOOK_SECRET", self.portone_webhook_secrets.get_secret_value(), SANDBOX_WEBHOOK_SECRET),
            ("PORTONE_STORE_ID", self.portone_store_id, SANDBOX_STORE_ID),
        ):
            if published in value or not value:
                raise ValueError(f"JANGBU_MODE is {self.mode} but {name} is not set (the sandbox's value is refused)")
        return self

    @property
    def v2_api_secret(self) -> str:
        """V2's secret as it applies (requirements X1): the explicit name, else the source's unless that is V1's."""
        if self.portone_v2_api_secret is not None:
            return self.portone_v2_api_secret.get_secret_value()
        if self.portone_api_secret is not None and self.portone_api_key is None:
            return self.portone_api_secret.get_secret_value()
        return SANDBOX_API_SECRET if self.mode == "sandbox" else ""

    @property
    def portone_url(self) -> str:
        """V2's address as it applies."""
        if self.portone_base_url:
            return self.portone_base_url
        return f"http://127.0.0.1:{self.sandbox_port}" if self.mode == "sandbox" else PORTONE_URL

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """One secret, or two while they are rotated."""
        given = self.portone_webhook_secrets.get_secret_value()
        return tuple(secret.strip() for secret in given.split(",") if secret.strip())

    @property
    def url(self) -> str:
        """Where we are reached, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def origins(self) -> tuple[str, ...]:
        """The allow-list for browsers."""
        return tuple(origin.strip() for origin in self.allowed_origins.split(",") if origin.strip())


def load(**given: Any) -> Settings:
    """Settings from the environment, with `given` (by field name's environment name) over them.

    Raises SetupProblem with one plain sentence per wrong setting.
    """
    try:
        return Settings(**given)
    except ValidationError as wrong:
        raise SetupProblem("\n".join(_in_words(problem) for problem in wrong.errors())) from None


def _in_words(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    name = ".".join(str(part) for part in problem["loc"])
    return f"Setting {name}: {message}." if name else f"{message}."
