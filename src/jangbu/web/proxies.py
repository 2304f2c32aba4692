"""Who really calls when proxies stand before us: the one place that reads X-Forwarded-For and X-Forwarded-Proto.

Everybody can write those headers, so they are believed only as far as they were written by a proxy that the operator
named. Behind this layer the caller's address is simply `request.client`, for the audit log, lock-outs and limits alike.
"""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxied:
    """Replaces the peer's address and scheme by the caller's, as the trusted proxies saw them. Outermost of all."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope.get("client"):
            peer = address_of(scope["client"][0])
            if peer is not None:
                headers = Headers(scope=scope)
                client = seen_from(peer, headers.getlist("x-forwarded-for"), self._trusted)
                # No port: that of the proxy's connection says nothing about the caller's.
                scope = {**scope, "client": (str(client), scope["client"][1] if client == peer else 0)}
                if is_in(peer, self._trusted):
                    scope["scheme"] = _scheme(scope, headers.getlist("x-forwarded-proto"))
        await self._app(scope, receive, send)


def seen_from(peer: Address, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address:
    """The right-most address that no trusted proxy has: the last one that somebody believable saw.

    Each proxy adds on the right whom it saw, so we walk leftwards for as long as the writer is trusted; what stands
    further left was written by the caller. What cannot be read ends the walk at whoever wrote it.
    """
    client = peer
    for entry in reversed(",".join(forwarded).split(",") if forwarded else []):
        if not is_in(client, trusted):
            break
        further = address_of(entry)
        if further is None:
            break
        client = further
    return client


def address_of(text: str) -> Address | None:
    """An address as proxies write it: with or without a port, IPv6 with or without brackets; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and not port[1:].isdecimal()):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not port.isdecimal():
            return None
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket that listens on both families shows an IPv4 caller so: it is the same caller.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    return any(address in network for network in networks)


def _scheme(scope: Scope, forwarded: Sequence[str]) -> str:
    given = [each.strip().lower() for each in forwarded]
    return given[0] if len(given) == 1 and given[0] in {"http", "https"} else str(scope["scheme"])
