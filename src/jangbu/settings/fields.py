"""How a setting is written down, and values that are lists."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from pydantic import AliasChoices, Field


def named(
    *names: str,
    default: Any,
    description: str,
    ge: int | None = None,
    le: int | None = None,
    pattern: str | None = None,
) -> Any:
    """A setting by its names in the environment: ours first, then those that the source systems use."""
    return Field(
        default=default, validation_alias=AliasChoices(*names), description=description, ge=ge, le=le, pattern=pattern
    )


def listed(text: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The addresses and networks between the commas. Raises ValueError with words for the operator."""
    return tuple(_network(name) for name in listed(text))


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        raise ValueError(f"{name!r} is neither an address nor a network; write 10.0.0.5 or 10.0.0.0/8") from None
