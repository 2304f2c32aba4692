"""The only code that calls the merchant's systems: one POST, bounded in time and size, to a checked address."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from jangbu.errors import Refusal
from jangbu.outbox.egress import Policy, Resolve, check_now, system_resolve
from jangbu.outbox.refusals import EndpointAddressRefused
from jangbu.outbox.rules import Answer, outcome_of

TIMEOUT_S = 15
"""Standard Webhooks asks senders to wait 15 to 30 s."""
ANSWER_TIMEOUT_S = 1
"""How long we listen to a body once the status has said it all."""
ANSWER_BYTES_MAX = 4_096
CONNECTIONS_MAX = 100
CONNECTIONS_PER_HOST_MAX = 16
KEPT_ALIVE_S = 4
"""Node's servers close an idle connection after 5 s; a message sent at that moment would count as a failure."""
USER_AGENT = "Jangbu-Webhooks/1"


class Sender(Protocol):
    """Sends one message and says what came of it. Never raises for what the network or the other side does."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer: ...

    async def check(self, url: str) -> None:
        """Raises EndpointUrlMalformed, EndpointAddressRefused or EndpointHostUnknown for what is never sent to."""
        ...


class Observed:
    """A sender whose tries are heard of: the outcome in a word, and how many seconds it took."""

    def __init__(self, sender: Sender, observe: Callable[[str, float], None]) -> None:
        self._sender = sender
        self._observe = observe

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """As the sender does it."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = await self._sender.post(url, headers, body)
        self._observe(answer.outcome, loop.time() - started)
        return answer

    async def check(self, url: str) -> None:
        """As the sender does it."""
        await self._sender.check(url)


class _AddressRefused(OSError):  # noqa: N818 (ends one connection, nothing else)
    pass


class _CheckedResolver(AbstractResolver):
    """Hands aiohttp only addresses that the policy allows; it connects to one of these and asks nobody else."""

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 (AbstractResolver's)
    ) -> list[ResolveResult]:
        found = list(dict.fromkeys(await self._resolve(host, port)))
        try:
            self._policy.check_addresses(host, found)
        except EndpointAddressRefused as refusal:
            raise _AddressRefused(str(refusal)) from None
        return [_resolved(host, port, text) for text in found]

    async def close(self) -> None:
        """Nothing to give back."""


def _resolved(host: str, port: int, address: str) -> ResolveResult:
    is_six = ipaddress.ip_address(address.partition("%")[0]).version == 6
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if is_six else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )


class HttpSender(AbstractAsyncContextManager["HttpSender"]):
    """Over HTTP, on connections that are kept alive. Belongs to the event loop it was first used on."""

    def __init__(self, policy: Policy, *, resolve: Resolve = system_resolve, timeout_s: float = TIMEOUT_S) -> None:
        self._policy = policy
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def check(self, url: str) -> None:
        """See Sender."""
        await check_now(url, self._policy, self._resolve)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See Sender."""
        try:
            # aiohttp asks its resolver for names only, so a host that is an address is looked at here, each time: the
            # setting may have become narrower since the endpoint was made.
            self._policy.check_url(url)
        except Refusal as refusal:
            return Answer("address_refused", body=refusal.sentence("en"))
        try:
            return await self._post(url, headers, body)
        except TimeoutError:
            return Answer("timeout", body=f"no answer within {self._timeout_s:g} s")
        except aiohttp.ClientConnectorDNSError as unknown:
            if isinstance(unknown.__cause__, _AddressRefused) or isinstance(unknown.os_error, _AddressRefused):
                return Answer("address_refused", body=str(unknown.os_error))
            return Answer("unreachable", body="the name has no address")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as failed:
            return Answer("tls", body=f"TLS: {type(failed).__name__}")
        except aiohttp.ClientConnectorError as closed:
            return Answer("unreachable", body=f"no connection: {closed.strerror or type(closed).__name__}")
        except (aiohttp.ClientError, OSError, ValueError) as broken:
            return Answer("broken", body=f"the connection broke: {type(broken).__name__}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        async with asyncio.timeout(self._timeout_s):
            answer = await self._opened().post(
                URL(url, encoded=True),
                data=body,
                headers={**headers, "content-type": "application/json", "user-agent": USER_AGENT},
                allow_redirects=False,
            )
        async with answer:
            # The status decides. What comes after it is for the log, so it may neither be long nor slow nor break.
            text = await self._beginning(answer)
            return Answer(outcome_of(answer.status), answer.status, text)

    async def _beginning(self, answer: aiohttp.ClientResponse) -> str:
        read = bytearray()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while len(read) <= ANSWER_BYTES_MAX:
                    part = await answer.content.read(ANSWER_BYTES_MAX + 1 - len(read))
                    if not part:
                        break
                    read += part
        except (TimeoutError, aiohttp.ClientError, OSError):
            answer.close()
        if not answer.content.at_eof():
            # A kept-alive connection with the rest of an endless body on it is of no use to the next message.
            answer.close()
        return bytes(read[:ANSWER_BYTES_MAX]).decode("utf-8", "replace")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_CheckedResolver(self._policy, self._resolve),
                    use_dns_cache=False,
                    limit=CONNECTIONS_MAX,
                    limit_per_host=CONNECTIONS_PER_HOST_MAX,
                    keepalive_timeout=KEPT_ALIVE_S,
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                cookie_jar=aiohttp.DummyCookieJar(),
                # A body that is not ours to believe is not to be unpacked either.
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
