"""The ways out of the house: whether one is configured, and one message through it.

Built once per program. Few messages leave at a time, because mail servers count connections and Slack takes one
message a second (docs.slack.dev, rate limits).
"""

import asyncio
from contextlib import AbstractAsyncContextManager

from jangbu.notices import slack, smtp
from jangbu.notices.messages import Message
from jangbu.notices.outcomes import Outcome
from jangbu.notices.rules import Channel
from jangbu.notices.store import Notice
from jangbu.settings import Settings

SLACK_RECIPIENT = "alerts"
"""Slack's webhook knows its channel; in our rows it goes by this name."""
AT_ONCE = {Channel.EMAIL: 4, Channel.SLACK: 1}


def is_configured(channel: Channel, settings: Settings) -> bool:
    """Whether messages can leave by this channel."""
    if channel is Channel.EMAIL:
        return bool(settings.smtp_host and settings.mail_from)
    return settings.slack_webhook_url is not None


def alert_recipients(settings: Settings) -> list[tuple[Channel, str]]:
    """Who is told of an alert. A recipient without a mail server counts: their messages wait for one."""
    told = [(Channel.EMAIL, address) for address in settings.alert_recipients]
    return told + ([(Channel.SLACK, SLACK_RECIPIENT)] if is_configured(Channel.SLACK, settings) else [])


class Channels:
    """Sends messages."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rooms = {channel: asyncio.Semaphore(most) for channel, most in AT_ONCE.items()}

    def room(self, channel: Channel) -> AbstractAsyncContextManager[None]:
        """Wait for a turn; taken before a try is counted, so that waiting is not mistaken for trying."""
        return self._rooms[channel]

    async def send(self, notice: Notice, message: Message) -> Outcome:
        """Send one message. Never raises for what the other side may do; only to a channel that is configured."""
        settings = self._settings
        if notice.channel == Channel.SLACK:
            assert settings.slack_webhook_url is not None, "no Slack is configured"
            return await slack.deliver(message.slack, settings.slack_webhook_url.get_secret_value())
        is_alert = notice.alert_id is not None
        sender = (settings.alert_email_from if is_alert else "") or settings.mail_from
        envelope = smtp.Envelope(sender, notice.recipient, notice.message_id, notice.created_at, notice.language)
        mail = smtp.packed(message, envelope, sender_name=settings.email_from_name)
        return await smtp.deliver(mail, envelope, settings)
