"""How bytes reach PortOne: one method, behind which a test can put a PortOne of its own."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace, TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from jangbu.errors import SetupProblem

RESPONSE_BYTES_MAX = 2 * 1024 * 1024


class Transport(Protocol):
    """Sends one request and brings back its answer, whatever the answer is."""

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body. `target` is a path with an optional query, already percent-encoded.

        Raises ConnectionRefusedError only when the request provably never left. Anything else that is raised
        means that it may have arrived; TimeoutError says that the answer did not come in time.
        """
        ...


class NotSent(ConnectionRefusedError):  # noqa: N818 (an outcome, told by raising)
    """No connection was made: name not found, port closed, TLS handshake failed, or no line free."""


class AnswerLost(ConnectionError):  # noqa: N818
    """The request went out, and no complete answer came back."""


class AnswerTooLate(AnswerLost, TimeoutError):  # noqa: N818
    """The request went out, and the time for its answer is over."""


class AiohttpTransport(AbstractAsyncContextManager["AiohttpTransport"]):
    """PortOne over HTTP, on connections that are kept alive. Belongs to the event loop it was first used on.

    PortOne asks for a `read_timeout_s` of 60 or more, because a PG's approval can take tens of seconds
    (portone-facts §1.5); the two timeouts together bound a whole call, so an answer that trickles ends too. A
    caller that finds all `limit` connections busy for `connect_timeout_s` gets NotSent.
    """

    def __init__(
        self,
        base_url: str = "https://api.portone.io",
        *,
        read_timeout_s: float = 60,
        connect_timeout_s: float = 10,
        limit: int = 100,
        response_bytes_max: int = RESPONSE_BYTES_MAX,
    ) -> None:
        assert read_timeout_s > 0, "an answer needs time"
        assert connect_timeout_s > 0, "a connection needs time"
        self._base_url = _checked_base_url(base_url)
        self._timeout = aiohttp.ClientTimeout(
            total=connect_timeout_s + read_timeout_s, connect=connect_timeout_s, sock_read=read_timeout_s
        )
        self._limit = limit
        self._response_bytes_max = response_bytes_max
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"AiohttpTransport({self._base_url!r})"

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """See Transport. Raises NotSent, AnswerLost or AnswerTooLate."""
        assert target.startswith("/"), "a target is a path from the root"
        if self._closed:
            raise NotSent("this transport is closed")
        wire = SimpleNamespace(method=method, written=False)
        # The exceptions of aiohttp carry the request, and with it the API secret; ours carry a sentence
        # (hence "from None").
        try:
            async with self._opened().request(
                method,
                URL(self._base_url + target, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                trace_request_ctx=wire,
            ) as response:
                return response.status, dict(response.headers), await self._whole(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            if isinstance(failure, AnswerLost):
                raise
            kind = type(failure).__name__
            if not wire.written:
                raise NotSent(f"no connection to PortOne ({kind})") from None
            if isinstance(failure, TimeoutError):
                raise AnswerTooLate("PortOne did not answer in time") from None
            raise AnswerLost(f"the connection to PortOne broke ({kind})") from None

    async def close(self) -> None:
        """Close every connection. Sending after this raises NotSent. Safe to call twice."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_about_to_write)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limit),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
            )
        return self._session

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        received = bytearray()
        async for part in response.content.iter_chunked(65_536):
            received += part
            if len(received) > self._response_bytes_max:
                raise AnswerLost(f"PortOne's answer is longer than {self._response_bytes_max} bytes")
        return bytes(received)


async def _about_to_write(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    """Runs just before a request's first byte is written: from here on it may have been sent."""
    wire = context.trace_request_ctx
    # aiohttp silently sends a PUT or DELETE once more when a kept-alive connection turns out to be dead. Only
    # a read may be repeated behind our back: whether a change is repeated is for the caller to decide.
    if wire.written and wire.method != "GET":
        raise AnswerLost("the connection to PortOne broke")
    wire.written = True


def _checked_base_url(base_url: str) -> str:
    parts = urlsplit(base_url)
    sound = parts.scheme in {"http", "https"} and parts.hostname and not (parts.query or parts.fragment)
    if not sound or parts.username is not None:
        raise SetupProblem(
            "The address of PortOne must look like https://api.portone.io (or http://127.0.0.1:8090 for the "
            "sandbox), without a user, a query or a fragment."
        )
    return base_url.rstrip("/")
