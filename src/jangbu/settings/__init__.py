"""What an operator sets: read once from the environment (and `.env`), frozen, and checked against each other.

Every name the source systems used works unchanged beside ours (requirements X1). Secrets have no defaults outside the
sandbox; values are trimmed, because a pasted secret with a trailing newline is a classic lost afternoon.
Each file beside this one is a part, by what it is about; what takes more than one part to say stands here.
"""

from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from jangbu import mode_guard
from jangbu.errors import SetupProblem
from jangbu.settings.checkout import BROWSER_SDK_URL, SANDBOX_CHANNELS, V1_SDK_URL, CheckoutSettings
from jangbu.settings.fields import listed
from jangbu.settings.mail import MailSettings
from jangbu.settings.payments import PaymentSettings
from jangbu.settings.place import PlaceSettings
from jangbu.settings.portone import (
    PORTONE_URL,
    SANDBOX_API_SECRET,
    SANDBOX_STORE_ID,
    SANDBOX_WEBHOOK_SECRET,
    PortOneSettings,
)
from jangbu.settings.programs import ProgramSettings
from jangbu.settings.v1 import SANDBOX_V1_KEY, SANDBOX_V1_SECRET, V1_URL, V1Settings

_PUBLISHED = mode_guard.Published(
    api_secret=SANDBOX_API_SECRET,
    webhook_secret=SANDBOX_WEBHOOK_SECRET,
    store_id=SANDBOX_STORE_ID,
    channel_keys=frozenset(SANDBOX_CHANNELS.values()),
    v1_key=SANDBOX_V1_KEY,
    v1_secret=SANDBOX_V1_SECRET,
)


class Settings(
    ProgramSettings, MailSettings, PaymentSettings, PortOneSettings, PlaceSettings, CheckoutSettings, V1Settings
):
    """Everything an operator may set. `make docs` turns this class into docs/reference/settings.md, its last base
    first.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore", str_strip_whitespace=True
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
    def _modes_do_not_mix(self) -> Self:
        if wrong := mode_guard.problems(self.said, _PUBLISHED):
            raise ValueError(". ".join(wrong))
        if self.checkout_v1_code and not self.v1_credentials[0]:
            raise ValueError("JANGBU_CHECKOUT_V1_CODE is set, but PORTONE_V1_API_KEY and PORTONE_V1_API_SECRET are not")
        return self

    @property
    def said(self) -> mode_guard.Said:
        """What the mode guard judges of this."""
        v1_key, v1_secret = self.v1_credentials
        secrets = {
            "PORTONE_V2_API_SECRET": self.v2_api_secret,
            "PORTONE_V1_API_KEY": v1_key,
            "PORTONE_V1_API_SECRET": v1_secret,
            "PORTONE_WEBHOOK_SECRET": _told(self.portone_webhook_secrets),
            "BETTER_AUTH_SECRET": _told(self.auth_secret),
            "JANGBU_METRICS_TOKEN": _told(self.metrics_token),
            "SMTP_PASS": _told(self.smtp_pass),
            "DATABASE_URL": _password_in(self.database_url),
            "JANGBU_DATABASE_URL_REQUEST": _password_in(self.database_url_request),
            "JANGBU_DATABASE_URL_OWNER": _password_in(self.database_url_owner),
        }
        return mode_guard.Said(
            mode=self.mode,
            portone_url=self.portone_url,
            public_url=self.public_url,
            browser_sdk_url=self.browser_sdk_url,
            portone_store_id=self.portone_store_id,
            mock_payments=self.mock_payments,
            is_production=self.node_env == "production",
            secrets={name: value for name, value in secrets.items() if value},
            channel_keys=(*self.channels.values(), self.identity_channel_key),
            has_published_vault_key=self.has_published_key,
            v1_url=self.portone_v1_url if v1_key else "",
            is_asked=self.checkout_confirm,
        )

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
    def portone_url(self) -> str:
        """V2's address as it applies."""
        if self.portone_base_url:
            return self.portone_base_url
        return f"http://127.0.0.1:{self.sandbox_port}" if self.mode == "sandbox" else PORTONE_URL

    @property
    def portone_v1_url(self) -> str:
        """V1's address as it applies; one that a source set beside V2's secret alone does not."""
        if self.portone_v1_base_url and (self.own_v1_credentials or mode_guard.is_here(self.portone_v1_base_url)):
            return self.portone_v1_base_url
        return f"{self.portone_url}/v1" if self.mode == "sandbox" else V1_URL

    @property
    def channels(self) -> dict[str, str]:
        """What hosted checkout offers, by the browser's payMethod, in the order to show it."""
        return self.checkout_channels or (SANDBOX_CHANNELS if self.mode == "sandbox" else {})

    @property
    def checkout_api(self) -> str:
        """Which of PortOne's APIs checkout pays by."""
        return "v1" if self.checkout_v1_code else "v2"

    @property
    def asks_receipt(self) -> bool:
        """Whether checkout asks for cash receipts: those of V1 are the PG's own."""
        return self.checkout_cash_receipt and self.checkout_api == "v2"

    @property
    def browser_sdk_url(self) -> str:
        """PortOne's script for browsers as it applies."""
        is_v1 = self.checkout_api == "v1"
        path, address = ("v1/iamport.js", V1_SDK_URL) if is_v1 else ("v2/browser-sdk.js", BROWSER_SDK_URL)
        return self.browser_sdk or (f"{self.portone_url}/{path}" if self.mode == "sandbox" else address)

    @property
    def frame_origins(self) -> tuple[str, ...]:
        """Whom the hosted page may show in frames and call, beside the script's own origin."""
        return () if self.mode == "sandbox" else listed(self.browser_origins)


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


def _told(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _password_in(address: SecretStr | None) -> str:
    try:
        return unquote(urlsplit(_told(address)).password or "")
    except ValueError:
        # An address that cannot be taken apart is refused in words of its own.
        return ""
