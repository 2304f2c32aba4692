"""Where we may send to: the guard against being made to call inside our own network (reliability F125).

A URL is checked when it is given and again at every connection, by then with the addresses its name resolves to: the
connection goes to an address that was checked, so a name that changes its mind in between gains nothing.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from jangbu.errors import SetupProblem
from jangbu.outbox.refusals import EndpointAddressRefused, EndpointHostUnknown, EndpointUrlMalformed
from jangbu.outbox.rules import URL_CHARACTERS_MAX

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

RESOLVE_TIMEOUT_S = 5
PORTS = {80, 443}
"""The privileged ports we send to; the others belong to mail, SSH and their like, which must not hear us."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: then no resolver takes the name for a number (127.1, 0x7f.1, 2130706433).
_NAME = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_VISIBLE = re.compile(r"[!-~]+")

_NOWHERE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # IPv6 addresses that lead to an IPv4 one (mapped, NAT64, Teredo, 6to4) are refused whole: nobody's
        # endpoint needs them, and each is a way around the list above.
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""What the IANA registries of special-purpose addresses keep off the public internet, cloud metadata among them."""
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class Resolve(Protocol):
    """Finds a name's addresses. Raises OSError when there are none."""

    async def __call__(self, host: str, port: int) -> Sequence[str]: ...


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be sent to, taken apart. `address` is set where the host is one."""

    url: str
    host: str
    port: int
    address: Address | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows beyond the public internet."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    http: bool = False
    """Whether plain http is allowed: in the sandbox, where there is nothing to overhear."""

    def check_url(self, url: str) -> Target:
        """`url` taken apart. Raises EndpointUrlMalformed; EndpointAddressRefused when its host is a refused address."""
        if not _VISIBLE.fullmatch(url) or len(url) > URL_CHARACTERS_MAX or "\\" in url:
            raise EndpointUrlMalformed(why="spaces, letters outside ASCII, a backslash, or too long")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise EndpointUrlMalformed(why="it cannot be taken apart") from None
        if parts.scheme not in ({"https", "http"} if self.http else {"https"}):
            raise EndpointUrlMalformed(why="it must begin with https://")
        if "@" in parts.netloc:
            raise EndpointUrlMalformed(why="a user or password in it")
        if "#" in url:
            raise EndpointUrlMalformed(why="a fragment (#) in it")
        host = (parts.hostname or "").lower()
        address = _literal(host, in_brackets="[" in parts.netloc)
        if address is None and (not _NAME.fullmatch(host) or len(host) > 253):
            raise EndpointUrlMalformed(why="its host is neither a name nor an address in its usual form")
        port = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
        if port not in PORTS and port < 1024:
            raise EndpointUrlMalformed(why=f"port {port} belongs to another service")
        if address is not None:
            self.check_addresses(host, [str(address)])
        return Target(url, host, port, address)

    def check_addresses(self, host: str, found: Iterable[str]) -> None:
        """Raises EndpointAddressRefused unless every one of a host's addresses may be connected to.

        Every one: a name with one good and one bad address is not half trustworthy.
        """
        for text in found:
            address = ipaddress.ip_address(text.partition("%")[0])
            if not self._may_be_reached(host, address):
                raise EndpointAddressRefused(host=host, address=str(address))

    def _may_be_reached(self, host: str, address: Address) -> bool:
        if any(address in network for network in self.networks):
            return True
        if host in self.hosts:
            # The operator vouches for the name, not for whatever it may be turned into: never the metadata service.
            return not (address.is_multicast or address.is_unspecified or address.is_link_local)
        return address.is_global and not any(address in network for network in _NOWHERE)


def _literal(host: str, *, in_brackets: bool) -> Address | None:
    """The address that `host` spells in its one usual form, or None for a name."""
    try:
        if in_brackets:
            return ipaddress.IPv6Address(host) if "%" not in host else None
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None


def policy_of(allowed: str, *, mode: str) -> Policy:
    """The policy that JANGBU_EGRESS_ALLOW and the mode make. Raises SetupProblem for what is neither name nor network.

    In sandbox mode this machine itself may be sent to, which is where a developer's receiver listens.
    """
    hosts: set[str] = set()
    networks: list[Network] = list(_LOOPBACK) if mode == "sandbox" else []
    for entry in (part.strip().lower() for part in allowed.split(",")):
        if not entry:
            continue
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            if not _NAME.fullmatch(entry):
                raise SetupProblem(
                    f"JANGBU_EGRESS_ALLOW: {entry!r} is neither a network (10.0.0.0/8) nor a host name (shop.internal)."
                ) from None
            hosts.add(entry)
    return Policy(frozenset(hosts), tuple(networks), http=mode == "sandbox")


async def check_now(url: str, policy: Policy, resolve: Resolve = system_resolve) -> Target:
    """Check a URL and what its name resolves to at this moment.

    Raises EndpointUrlMalformed, EndpointAddressRefused, EndpointHostUnknown.
    """
    target = policy.check_url(url)
    if target.address is None:
        try:
            found = await asyncio.wait_for(resolve(target.host, target.port), RESOLVE_TIMEOUT_S)
        except (OSError, TimeoutError, UnicodeError):
            raise EndpointHostUnknown(host=target.host) from None
        if not found:
            raise EndpointHostUnknown(host=target.host)
        policy.check_addresses(target.host, found)
    return target
