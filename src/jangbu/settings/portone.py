"""What an operator sets of PortOne: the store, its secrets, and where its current API (V2) is."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from jangbu.settings.fields import listed, named

PORTONE_URL = "https://api.portone.io"
SANDBOX_STORE_ID = "store-00000000-0000-4000-8000-000000000000"
SANDBOX_API_SECRET = "sandbox-api-secret"  # noqa: S105 (published on purpose; refused outside the sandbox)
SANDBOX_WEBHOOK_SECRET = "whsec_amFuZ2J1LXNhbmRib3gtd2ViaG9vay1zZWNyZXQtMzI="  # noqa: S105 (likewise)


class PortOneSettings(BaseSettings):
    """The settings of the store at PortOne."""

    portone_v2_api_secret: SecretStr | None = named(
        "PORTONE_V2_API_SECRET", default=None, description="V2 API secret of the store."
    )
    portone_store_id: str = named(
        "PORTONE_STORE_ID",
        "NEXT_PUBLIC_PORTONE_STORE_ID",
        default=SANDBOX_STORE_ID,
        description="The store payments are made in.",
    )
    portone_webhook_secrets: SecretStr = named(
        "PORTONE_WEBHOOK_SECRET",
        "JANGBU_PORTONE_WEBHOOK_SECRETS",
        default=SecretStr(SANDBOX_WEBHOOK_SECRET),
        description="Webhook secret from PortOne's console (`whsec_…`); two, separated by a comma, while rotating.",
    )
    portone_base_url: str = named(
        "PORTONE_V2_BASE_URL",
        default="",
        description=f"V2 API. Unset: the sandbox in sandbox mode, else {PORTONE_URL}.",
    )
    portone_read_timeout_s: int = named(
        "JANGBU_PORTONE_READ_TIMEOUT_S", default=60, description="PortOne asks for at least 60 s (portone-facts §1.5)."
    )
    contract_billing_key: SecretStr | None = named(
        "JANGBU_CONTRACT_BILLING_KEY",
        default=None,
        description="A billing key of a test channel that `jangbu contract record --with-test-payments` may charge.",
    )
    mock_payments: bool = named(
        "MOCK_PAYMENTS", default=False, description="A source's name for the sandbox; refused when NODE_ENV=production."
    )
    node_env: str = named("NODE_ENV", default="", description="Only read to refuse MOCK_PAYMENTS in production.")

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """One secret, or two while they are rotated."""
        return listed(self.portone_webhook_secrets.get_secret_value())
