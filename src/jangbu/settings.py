"""What an operator sets: read once from the environment (and `.env`), frozen, and checked against each other.

Every name the source systems used works unchanged beside ours (requirements X1). Secrets have no defaults outside the
sandbox; values are trimmed, because a pasted secret with a trailing newline is a classic lost afternoon.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from jangbu import mode_guard
from jangbu.emails import is_email
from jangbu.errors import SetupProblem
from jangbu.settings_checkout import BROWSER_SDK_URL, SANDBOX_CHANNELS, CheckoutSettings
from jangbu.settings_v1 import SANDBOX_V1_KEY, SANDBOX_V1_SECRET, V1_URL, V1Settings
from jangbu.vault import Vault, vault_of

Mode = mode_guard.Mode
TaxProfile = Literal["taxable", "simplified", "exempt", "zero_rated"]
SmtpTls = Literal["auto", "starttls", "tls", "none"]

SANDBOX_STORE_ID = "store-00000000-0000-4000-8000-000000000000"
SANDBOX_API_SECRET = "sandbox-api-secret"  # noqa: S105 (published on purpose; refused outside the sandbox)
SANDBOX_WEBHOOK_SECRET = "whsec_amFuZ2J1LXNhbmRib3gtd2ViaG9vay1zZWNyZXQtMzI="  # noqa: S105 (likewise)
SANDBOX_SECRETS_KEYS = "published:amFuZ2J1IHNhbmRib3gga2V5LCBwdWJsaXNoZWQgISE="
PORTONE_URL = "https://api.portone.io"
_PUBLISHED = mode_guard.Published(
    api_secret=SANDBOX_API_SECRET,
    webhook_secret=SANDBOX_WEBHOOK_SECRET,
    store_id=SANDBOX_STORE_ID,
    channel_keys=frozenset(SANDBOX_CHANNELS.values()),
    v1_key=SANDBOX_V1_KEY,
    v1_secret=SANDBOX_V1_SECRET,
)
_PUBLISHED_KEY = SANDBOX_SECRETS_KEYS.partition(":")[2]
LOOPBACK = mode_guard.LOOPBACK
SMTP_TLS_PORT = 465


def _named(*names: str, default: Any, description: str, ge: int | None = None) -> Any:
    return Field(default=default, validation_alias=AliasChoices(*names), description=description, ge=ge)


class Settings(CheckoutSettings, V1Settings):
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
    installation: str = _named(
        "JANGBU_INSTALLATION",
        default="",
        description="Id of the database these programs work on (`jangbu doctor` shows it). Needed in live mode with "
        "DATABASE_URL: a restored copy has another one, and nothing acts on it by mistake.",
    )
    pool_min: int = _named("JANGBU_POOL_MIN", default=2, description="Connections kept open per pool (E16).")
    pool_max: int = _named("JANGBU_POOL_MAX", default=10, description="Connections at most per pool (E16).")

    portone_v2_api_secret: SecretStr | None = _named(
        "PORTONE_V2_API_SECRET", default=None, description="V2 API secret of the store."
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
    contract_billing_key: SecretStr | None = _named(
        "JANGBU_CONTRACT_BILLING_KEY",
        default=None,
        description="A billing key of a test channel that `jangbu contract record --with-test-payments` may charge.",
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

    identity_channel_key: str = _named(
        "JANGBU_IDENTITY_CHANNEL_KEY", default="", description="Channel that identities are verified by, if not told."
    )
    identity_keep_days: int = _named(
        "JANGBU_IDENTITY_KEEP_DAYS", default=365, ge=1, description="Days that a verified person's data is kept here."
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
        default="* * * * * */10",
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
    notice_language: Literal["ko", "en"] = _named(
        "JANGBU_NOTICE_LANGUAGE", default="ko", description="Language of the alerts to whoever runs this: `ko` or `en`."
    )
    alert_email_enabled: bool = _named(
        "ALERT_EMAIL_ENABLED", default=True, description="`false` sends no alert by e-mail, whoever the recipients are."
    )
    alert_email_recipients: str = _named(
        "ALERT_EMAIL_RECIPIENTS",
        default="",
        description="Addresses that alerts are mailed to, separated by commas. Needs SMTP_HOST.",
    )
    alert_email_from: str = _named("ALERT_EMAIL_FROM", default="", description="Sender of alerts. Unset: EMAIL_FROM.")
    email_from: str = _named(
        "EMAIL_FROM", default="", description="Sender of mail. Unset: ALERT_EMAIL_FROM, else SMTP_USER."
    )
    email_from_name: str = _named("EMAIL_FROM_NAME", default="장부 Jangbu", description="Name beside the sender.")
    smtp_host: str = _named("SMTP_HOST", default="", description="Mail server. Unset: mail waits until there is one.")
    smtp_port: int = _named("SMTP_PORT", default=587, description="Port of the mail server.")
    smtp_user: str = _named("SMTP_USER", default="", description="Login at the mail server. Unset: none.")
    smtp_pass: SecretStr | None = _named("SMTP_PASS", default=None, description="Password at the mail server.")
    smtp_tls: SmtpTls = _named(
        "JANGBU_SMTP_TLS",
        default="auto",
        description="`starttls`, `tls` from the first byte, or `none` (only to this machine, or without a login). "
        f"`auto`: tls on port {SMTP_TLS_PORT}, else starttls; a server that offers no TLS is refused.",
    )
    slack_webhook_url: SecretStr | None = _named(
        "SLACK_WEBHOOK_URL", default=None, description="Slack incoming webhook that alerts are posted to. A secret."
    )

    host: str = _named("JANGBU_HOST", default="127.0.0.1", description="Address the web program listens on.")
    port: int = _named("JANGBU_PORT", "PORT", default=8080, description="Port of the web program.")
    sandbox_port: int = _named("JANGBU_SANDBOX_PORT", default=8090, description="Port of the sandbox.")
    public_url: str = _named(
        "JANGBU_PUBLIC_URL", default="", description="Where people and PortOne reach us, e.g. https://pay.example.com."
    )
    trusted_proxies: str = _named(
        "JANGBU_TRUSTED_PROXIES",
        default="",
        description="Addresses or networks of the proxies before us, separated by commas, e.g. `127.0.0.1,10.0.0.0/8`. "
        "Only what they say of a caller's address is believed.",
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
    secrets_keys: SecretStr | None = _named(
        "JANGBU_SECRETS_KEYS",
        default=None,
        description="Keys that encrypt secrets and personal data in the database, `id:base64` by `jangbu secrets "
        "new-key`; several, separated by commas, while rotating: the first encrypts. No backup holds them.",
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

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: str) -> str:
        for name in _listed(value):
            try:
                network = ip_network(name, strict=False)
            except ValueError:
                raise ValueError(
                    f"{name!r} is neither an address nor a network; write 10.0.0.5 or 10.0.0.0/8"
                ) from None
            if network.prefixlen == 0:
                raise ValueError(f"{name} is everybody, and then every caller could choose their own address")
        return value

    @field_validator("secrets_keys")
    @classmethod
    def _keys_are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        vault_of(_with_published("" if value is None else value.get_secret_value()))
        return value

    @model_validator(mode="after")
    def _modes_do_not_mix(self) -> "Settings":
        if wrong := mode_guard.problems(mode_guard.said_by(self), _PUBLISHED):
            raise ValueError(". ".join(wrong))
        return self

    @model_validator(mode="after")
    def _mail_can_be_sent(self) -> "Settings":
        for name, value in (
            *(("ALERT_EMAIL_RECIPIENTS", address) for address in self.alert_recipients),
            ("ALERT_EMAIL_FROM", self.alert_email_from),
            ("EMAIL_FROM", self.email_from),
        ):
            if value and not is_email(value):
                raise ValueError(f"{name} has {value!r}, which is not a plain address like kim@shop.example")
        if self.smtp_tls == "none" and self.smtp_user and self.smtp_host not in LOOPBACK:
            raise ValueError("JANGBU_SMTP_TLS is none but SMTP_USER is set: the password would travel in the open")
        if self.slack_webhook_url is not None:
            parts = urlsplit(self.slack_webhook_url.get_secret_value())
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
            if not is_safe or not parts.hostname:
                raise ValueError("SLACK_WEBHOOK_URL is not an https address")
        return self

    @property
    def alert_recipients(self) -> tuple[str, ...]:
        """Who alerts are mailed to, each once; nobody while it is switched off."""
        given = (address.strip() for address in self.alert_email_recipients.split(","))
        return tuple(dict.fromkeys(address for address in given if address)) if self.alert_email_enabled else ()

    @property
    def mail_from(self) -> str:
        """The sender of mail; "" when nothing says."""
        return self.email_from or self.alert_email_from or (self.smtp_user if is_email(self.smtp_user) else "")

    @property
    def v2_api_secret(self) -> str:
        """V2's secret as it applies (requirements X1): the explicit name, else the source's unless that is V1's."""
        if self.portone_v2_api_secret is not None:
            return self.portone_v2_api_secret.get_secret_value()
        if self.portone_api_secret is not None and self.portone_api_key is None:
            return self.portone_api_secret.get_secret_value()
        return SANDBOX_API_SECRET if self.mode == "sandbox" else ""

    @property
    def v1_credentials(self) -> tuple[str, str]:
        """V1's key and secret as they apply; empty where V1 is not used."""
        return self.own_v1_credentials or ((SANDBOX_V1_KEY, SANDBOX_V1_SECRET) if self.mode == "sandbox" else ("", ""))

    @property
    def portone_v1_url(self) -> str:
        """V1's address as it applies; one that a source set beside V2's secret alone does not."""
        if self.portone_v1_base_url and (self.own_v1_credentials or mode_guard.is_here(self.portone_v1_base_url)):
            return self.portone_v1_base_url
        return f"{self.portone_url}/v1" if self.mode == "sandbox" else V1_URL

    @property
    def portone_url(self) -> str:
        """V2's address as it applies."""
        if self.portone_base_url:
            return self.portone_base_url
        return f"http://127.0.0.1:{self.sandbox_port}" if self.mode == "sandbox" else PORTONE_URL

    @property
    def channels(self) -> dict[str, str]:
        """What hosted checkout offers, by the browser's payMethod, in the order to show it."""
        return self.checkout_channels or (SANDBOX_CHANNELS if self.mode == "sandbox" else {})

    @property
    def browser_sdk_url(self) -> str:
        """PortOne's script for browsers as it applies."""
        if self.browser_sdk:
            return self.browser_sdk
        return f"{self.portone_url}/v2/browser-sdk.js" if self.mode == "sandbox" else BROWSER_SDK_URL

    @property
    def frame_origins(self) -> tuple[str, ...]:
        """Whom the hosted page may show in frames and call, beside the script's own origin."""
        return () if self.mode == "sandbox" else _listed(self.browser_origins)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """One secret, or two while they are rotated."""
        return _listed(self.portone_webhook_secrets.get_secret_value())

    @property
    def vault(self) -> Vault:
        """What encrypts and opens secrets and personal data; short of live mode it opens the published key's too."""
        own = "" if self.secrets_keys is None else self.secrets_keys.get_secret_value()
        return vault_of(own if self.mode == "live" else _with_published(own))

    @property
    def has_published_key(self) -> bool:
        """Whether everybody who has read this file can open what is in the vault."""
        return self.secrets_keys is None or _PUBLISHED_KEY in self.secrets_keys.get_secret_value()

    @property
    def url(self) -> str:
        """Where we are reached, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def origins(self) -> tuple[str, ...]:
        """The allow-list for browsers."""
        return _listed(self.allowed_origins)

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that proxies may speak from."""
        return tuple(ip_network(name, strict=False) for name in _listed(self.trusted_proxies))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _with_published(keys: str) -> str:
    return keys if _PUBLISHED_KEY in keys else f"{keys},{SANDBOX_SECRETS_KEYS}"


def load(**given: Any) -> Settings:
    """Settings from the environment, with `given` (by environment name) over them. Raises SetupProblem."""
    try:
        return Settings(**given)
    except ValidationError as wrong:
        raise SetupProblem("\n".join(_in_words(problem) for problem in wrong.errors())) from None


def _in_words(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    name = ".".join(str(part) for part in problem["loc"])
    return f"Setting {name}: {message}." if name else f"{message}."
