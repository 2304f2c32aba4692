"""What an operator sets for PortOne's older API (V1): a part of `Settings`."""

from ipaddress import IPv4Network, IPv6Network

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from jangbu.settings.fields import named, networks

V1_URL = "https://api.iamport.kr"
SANDBOX_V1_KEY = "0000000000000000"
SANDBOX_V1_SECRET = "sandbox-v1-secret"  # noqa: S105 (published on purpose; refused outside the sandbox)


class V1Settings(BaseSettings):
    """The settings of V1 alone."""

    portone_v1_api_key: SecretStr | None = named(
        "PORTONE_V1_API_KEY",
        default=None,
        description="V1's REST API key. Set it where payments are made with V1 (docs/howto/payments-of-v1.md).",
    )
    portone_v1_api_secret: SecretStr | None = named(
        "PORTONE_V1_API_SECRET", default=None, description="V1's REST API secret."
    )
    portone_api_secret: SecretStr | None = named(
        "PORTONE_API_SECRET",
        default=None,
        description="A source's name: V1's secret when PORTONE_API_KEY is set, else V2's. The explicit names win.",
    )
    portone_api_key: SecretStr | None = named(
        "PORTONE_API_KEY",
        default=None,
        description="A source's name for V1's key; makes PORTONE_API_SECRET V1's.",
    )
    portone_v1_base_url: str = named(
        "PORTONE_V1_BASE_URL",
        "PORTONE_BASE_URL",
        default="",
        description=f"V1 API. Unset: the sandbox's in sandbox mode, else {V1_URL}.",
    )
    v1_webhook_sources: str = named(
        "JANGBU_V1_WEBHOOK_SOURCES",
        default="",
        description="Addresses or networks that V1's webhooks may come from, separated by commas, e.g. "
        "`52.78.100.19,52.78.48.223,52.78.5.241`, which PortOne names. Unset: anywhere, since nothing in them is "
        "believed.",
    )
    v1_refund_banks: dict[str, str] = named(
        "JANGBU_V1_REFUND_BANKS",
        default={},
        description="Your PG's codes of banks that deposits go back to, by PortOne's words, as JSON, e.g. "
        '`{"KOOKMIN": "BK04"}`. V1 hands them to the PG as they are. A bank that is not here: the clearing house\'s.',
    )

    @field_validator("v1_webhook_sources")
    @classmethod
    def _sources_are_networks(cls, value: str) -> str:
        networks(value)
        return value

    @property
    def own_v1_credentials(self) -> tuple[str, str] | None:
        """The key and secret that the operator gave, by either name (requirements X1)."""
        key = self.portone_v1_api_key or self.portone_api_key
        if key is None:
            return None
        secret = self.portone_v1_api_secret or (self.portone_api_secret if self.portone_api_key is not None else None)
        return key.get_secret_value(), "" if secret is None else secret.get_secret_value()

    @property
    def v1_sources(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that V1's webhooks may come from; none means anywhere."""
        return networks(self.v1_webhook_sources)
