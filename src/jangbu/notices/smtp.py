"""One message by e-mail: a connection of its own, TLS before the password, a verdict from what the server said."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr

import aiosmtplib

from jangbu.mode_guard import LOOPBACK
from jangbu.notices.messages import Message
from jangbu.notices.outcomes import NotTaken, Outcome, Taken
from jangbu.notices.rules import plain
from jangbu.settings import Settings
from jangbu.settings.mail import SMTP_TLS_PORT

COMMAND_S = 30
WHOLE_TRY_S = 90
WHY_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message needs beside its words."""

    sender: str
    to: str
    message_id: str
    at: datetime
    language: str


def packed(message: Message, envelope: Envelope, *, sender_name: str) -> MIMEMultipart:
    """The message as it travels. The same on every try, to the byte but for the MIME boundary."""
    # The older half of the email package on purpose: the newer one loses spaces where it folds a long Korean subject.
    mail = MIMEMultipart("alternative")
    mail["From"] = formataddr((plain(sender_name), envelope.sender), "utf-8")
    mail["To"] = envelope.to
    mail["Subject"] = Header(message.subject, "utf-8", header_name="Subject").encode()
    mail["Date"] = format_datetime(envelope.at)
    mail["Message-ID"] = envelope.message_id
    mail["Content-Language"] = envelope.language
    # RFC 3834: no holiday answers to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    # As UTF-8 these become base64, which leaves no line that a relay could wrap or take for the end of the message.
    mail.attach(MIMEText(message.text, "plain", "utf-8"))
    mail.attach(MIMEText(message.html, "html", "utf-8"))
    return mail


async def deliver(mail: MIMEMultipart, envelope: Envelope, settings: Settings) -> Outcome:
    """Hand a message to the mail server. Never raises for what a mail server may do."""
    try:
        async with asyncio.timeout(WHOLE_TRY_S):
            return await _deliver(mail, envelope, settings)
    except aiosmtplib.SMTPAuthenticationError as refused:
        return NotTaken("login_refused", _said(refused, settings))
    except aiosmtplib.SMTPSenderRefused as refused:
        return NotTaken("sender_refused", _said(refused, settings))
    except aiosmtplib.SMTPRecipientsRefused as refused:
        only = refused.recipients[0]
        return NotTaken("recipient_refused", _said(only, settings), is_final=_is_final(only))
    except aiosmtplib.SMTPDataError as refused:
        return NotTaken("message_refused", _said(refused, settings), is_final=_is_final(refused))
    except aiosmtplib.SMTPResponseException as refused:
        return NotTaken("server_refused", _said(refused, settings))
    except TimeoutError:
        return NotTaken("timeout")
    except (aiosmtplib.SMTPException, OSError) as problem:
        for cause in (problem, problem.__cause__):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return NotTaken("certificate", cause.verify_message)
        if type(problem) in {aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported}:
            # No TLS, or no way to log in: the library's own words, which quote nobody.
            return NotTaken("not_offered", plain(str(problem), WHY_CHARACTERS_MAX))
        return NotTaken("unreachable", type(problem).__name__)


async def _deliver(mail: MIMEMultipart, envelope: Envelope, settings: Settings) -> Outcome:
    tls = settings.smtp_tls
    if tls == "auto":
        tls = "tls" if settings.smtp_port == SMTP_TLS_PORT else "starttls"
        if settings.smtp_host in LOOPBACK and not settings.smtp_user:
            # A relay on this machine has no certificate for this name, and there is no wire to listen on.
            tls = "none"
    server = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        timeout=COMMAND_S,
        use_tls=tls == "tls",
        # True and not "if offered": whoever stands on the wire could strip the offer and read the password.
        start_tls=tls == "starttls",
        username=settings.smtp_user or None,
        password=settings.smtp_pass.get_secret_value() if settings.smtp_user and settings.smtp_pass else None,
    )
    try:
        await server.connect()
        await server.send_message(mail, sender=envelope.sender, recipients=[envelope.to])
    finally:
        # The message is taken or not by now; how the parting goes changes nothing.
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await asyncio.wait_for(server.quit(), timeout=2)
        server.close()
    return Taken()


def _is_final(refused: aiosmtplib.SMTPResponseException) -> bool:
    # 5xx is for good (RFC 5321 §4.2.1), but 530 to 538 are about us and our login, which can be mended.
    return 500 <= refused.code < 600 and not 530 <= refused.code <= 538


def _said(refused: aiosmtplib.SMTPResponseException, settings: Settings) -> str:
    secret = settings.smtp_pass.get_secret_value() if settings.smtp_pass else ""
    # Some servers quote what they were sent. Before it is cut: no part of the password may stay.
    said = refused.message.replace(secret, "(hidden)") if secret else refused.message
    return f"{refused.code} {plain(said, WHY_CHARACTERS_MAX)}"
