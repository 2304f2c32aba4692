"""What an operator sets of the programs: where they listen, whom they believe, what they keep secret, how they log."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import SecretStr, field_validator

from jangbu.limits import Limit, read_limit
from jangbu.settings.fields import listed, named, networks
from jangbu.settings.place import PlaceSettings
from jangbu.vault import Vault, vault_of

SANDBOX_SECRETS_KEYS = "published:amFuZ2J1IHNhbmRib3gga2V5LCBwdWJsaXNoZWQgISE="
_PUBLISHED_KEY = SANDBOX_SECRETS_KEYS.partition(":")[2]


class ProgramSettings(PlaceSettings):
    """The settings of the web program and the workers."""

    host: str = named("JANGBU_HOST", default="127.0.0.1", description="Address the web program listens on.")
    port: int = named("JANGBU_PORT", "PORT", default=8080, description="Port of the web program.")
    sandbox_port: int = named("JANGBU_SANDBOX_PORT", default=8090, description="Port of the sandbox.")
    public_url: str = named(
        "JANGBU_PUBLIC_URL", default="", description="Where people and PortOne reach us, e.g. https://pay.example.com."
    )
    trusted_proxies: str = named(
        "JANGBU_TRUSTED_PROXIES",
        default="",
        description="Addresses or networks of the proxies before us, separated by commas, e.g. `127.0.0.1,10.0.0.0/8`. "
        "Only what they say of a caller's address is believed.",
    )
    allowed_origins: str = named(
        "ALLOWED_ORIGINS",
        default="http://localhost:3000",
        description="Origins of shops that may call the API from a browser, separated by commas; exact match.",
    )
    egress_allow: str = named(
        "JANGBU_EGRESS_ALLOW",
        default="",
        description="Private networks and host names that events may be sent to, separated by commas, e.g. "
        "`10.0.0.0/8,shop.internal`. Everything else off the public internet is refused.",
    )
    auth_secret: SecretStr | None = named(
        "BETTER_AUTH_SECRET",
        default=None,
        description="Signs the session cookie. Unset: made once and kept in JANGBU_HOME (embedded database only).",
    )
    secrets_keys: SecretStr | None = named(
        "JANGBU_SECRETS_KEYS",
        default=None,
        description="Keys that encrypt secrets and personal data in the database, `id:base64` by `jangbu secrets "
        "new-key`; several, separated by commas, while rotating: the first encrypts. No backup holds them.",
    )
    metrics_token: SecretStr | None = named(
        "JANGBU_METRICS_TOKEN",
        default=None,
        description="Whoever reads `/metrics` sends `Authorization: Bearer …` with it. Unset: this machine only.",
    )
    worker_metrics_port: int | None = named(
        "JANGBU_WORKER_METRICS_PORT",
        default=None,
        description="Port at `JANGBU_HOST` where `jangbu worker` shows its own `/metrics`. Unset: nowhere.",
    )
    log_format: Literal["auto", "json", "text"] = named(
        "JANGBU_LOG_FORMAT", default="auto", description="`auto` is text on a terminal and JSON elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = named(
        "JANGBU_LOG_LEVEL", default="info", description="How much to log."
    )

    limit_callers: str = named(
        "JANGBU_LIMIT_CALLERS",
        default="3000/1m",
        description="Requests that an API key, a person or a payer may make to each route of the API: so many after a "
        "pause, then evenly. Also of one address to pages of checkout. `off`: any number.",
    )
    limit_strangers: str = named(
        "JANGBU_LIMIT_STRANGERS",
        default="100/15m",
        description="Requests to `/api/` from one address without a credential, or with a wrong one (E10). `off`: any "
        "number.",
    )

    @field_validator("limit_callers", "limit_strangers")
    @classmethod
    def _limits_are_limits(cls, value: str) -> str:
        read_limit(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: str) -> str:
        for network in networks(value):
            if network.prefixlen == 0:
                raise ValueError(f"{network} is everybody, and then every caller could choose their own address")
        return value

    @field_validator("secrets_keys")
    @classmethod
    def _keys_are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        vault_of(_with_published("" if value is None else value.get_secret_value()))
        return value

    @property
    def url(self) -> str:
        """Where we are reached, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def origins(self) -> tuple[str, ...]:
        """The allow-list for browsers."""
        return listed(self.allowed_origins)

    @property
    def caller_limit(self) -> Limit | None:
        """How much whoever is known may ask; None: any number."""
        return read_limit(self.limit_callers)

    @property
    def stranger_limit(self) -> Limit | None:
        """How much may be asked without being known; None: any number."""
        return read_limit(self.limit_strangers)

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that proxies may speak from."""
        return networks(self.trusted_proxies)

    @property
    def vault(self) -> Vault:
        """What encrypts and opens secrets and personal data; short of live mode it opens the published key's too."""
        own = "" if self.secrets_keys is None else self.secrets_keys.get_secret_value()
        return vault_of(own if self.mode == "live" else _with_published(own))

    @property
    def has_published_key(self) -> bool:
        """Whether everybody who has read this file can open what is in the vault."""
        return self.secrets_keys is None or _PUBLISHED_KEY in self.secrets_keys.get_secret_value()


def _with_published(keys: str) -> str:
    return keys if _PUBLISHED_KEY in keys else f"{keys},{SANDBOX_SECRETS_KEYS}"
