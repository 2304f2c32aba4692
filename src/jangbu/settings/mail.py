"""What an operator sets of mail and alerts."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings

from jangbu.emails import is_email
from jangbu.mode_guard import LOOPBACK
from jangbu.settings.fields import listed, named

SmtpTls = Literal["auto", "starttls", "tls", "none"]
SMTP_TLS_PORT = 465


class MailSettings(BaseSettings):
    """The settings of mail, and of whoever is told when something needs a person."""

    notice_language: Literal["ko", "en"] = named(
        "JANGBU_NOTICE_LANGUAGE", default="ko", description="Language of the alerts to whoever runs this: `ko` or `en`."
    )
    alert_email_enabled: bool = named(
        "ALERT_EMAIL_ENABLED", default=True, description="`false` sends no alert by e-mail, whoever the recipients are."
    )
    alert_email_recipients: str = named(
        "ALERT_EMAIL_RECIPIENTS",
        default="",
        description="Addresses that alerts are mailed to, separated by commas. Needs SMTP_HOST.",
    )
    alert_email_from: str = named("ALERT_EMAIL_FROM", default="", description="Sender of alerts. Unset: EMAIL_FROM.")
    email_from: str = named(
        "EMAIL_FROM", default="", description="Sender of mail. Unset: ALERT_EMAIL_FROM, else SMTP_USER."
    )
    email_from_name: str = named("EMAIL_FROM_NAME", default="장부 Jangbu", description="Name beside the sender.")
    smtp_host: str = named("SMTP_HOST", default="", description="Mail server. Unset: mail waits until there is one.")
    smtp_port: int = named("SMTP_PORT", default=587, description="Port of the mail server.")
    smtp_user: str = named("SMTP_USER", default="", description="Login at the mail server. Unset: none.")
    smtp_pass: SecretStr | None = named("SMTP_PASS", default=None, description="Password at the mail server.")
    smtp_tls: SmtpTls = named(
        "JANGBU_SMTP_TLS",
        default="auto",
        description="`starttls`, `tls` from the first byte, or `none` (only to this machine, or without a login). "
        f"`auto`: tls on port {SMTP_TLS_PORT}, else starttls; a server that offers no TLS is refused.",
    )
    slack_webhook_url: SecretStr | None = named(
        "SLACK_WEBHOOK_URL", default=None, description="Slack incoming webhook that alerts are posted to. A secret."
    )

    @model_validator(mode="after")
    def _mail_can_be_sent(self) -> Self:
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
        return tuple(dict.fromkeys(listed(self.alert_email_recipients))) if self.alert_email_enabled else ()

    @property
    def mail_from(self) -> str:
        """The sender of mail; "" when nothing says."""
        return self.email_from or self.alert_email_from or (self.smtp_user if is_email(self.smtp_user) else "")
