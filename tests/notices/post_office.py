"""A mail server and a Slack that are really there, and do what a test asks of them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SECRET_PATH = "/services/T000/B000/very-secret-token"


@dataclass
class Mailbox:
    """What arrived. `rcpt` and `data` are answered instead of "250 OK"; `held` holds the first answer back."""

    port: int = 0
    arrived: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    asked: int = 0
    rcpt: str = ""
    data: str = ""
    drop_after_data: bool = False
    held: asyncio.Event | None = None
    logins: list[tuple[str, str]] = field(default_factory=list)
    takes_login: bool = True

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data:
            return self.data
        content = cast("bytes", envelope.original_content)
        self.arrived.append(cast("EmailMessage", BytesParser(policy=default).parsebytes(content)))
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        if self.drop_after_data:
            server.transport.abort()
        return "250 taken"

    def authenticate(self, _: Any, __: Any, ___: Any, ____: str, data: LoginPassword) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.takes_login, handled=False)

    @property
    def ids(self) -> list[str]:
        return [mail["Message-ID"] for mail in self.arrived]


class _Quiet(SMTP):
    """aiosmtpd without the warnings it logs about how a test sets it up."""


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """A mail server on this machine, with STARTTLS when it has a certificate."""
    mailbox = Mailbox()

    def session() -> SMTP:
        return _Quiet(
            mailbox,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=tls,
            authenticator=mailbox.authenticate,
            auth_require_tls=tls is not None,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        if mailbox.held is not None:
            mailbox.held.set()
        await server.wait_closed()


@dataclass
class Slack:
    """What was posted; `answer` says what comes back."""

    url: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[], web.Response] = lambda: web.Response(text="ok")

    async def handle(self, request: web.Request) -> web.Response:
        self.posted.append(await request.json())
        return self.answer()


@asynccontextmanager
async def slack() -> AsyncIterator[Slack]:
    """A Slack on this machine."""
    one = Slack()
    app = web.Application()
    app.router.add_post(SECRET_PATH, one.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = cast("asyncio.Server", site._server)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{SECRET_PATH}"
    try:
        yield one
    finally:
        await runner.cleanup()
