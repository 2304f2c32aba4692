"""Callers behind proxies: whose word about an address counts, rule by rule."""

from ipaddress import ip_address, ip_network

import pytest

from jangbu.errors import SetupProblem
from jangbu.settings import load
from jangbu.web.proxies import address_of, seen_from

TRUSTED = tuple(ip_network(name) for name in ("10.0.0.0/8", "127.0.0.1/32", "2001:db8:aaaa::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["6.6.6.6"], "203.0.113.7"),
        ("10.0.0.9", [], "10.0.0.9"),
        ("10.0.0.9", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.9", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.9", ["6.6.6.6,203.0.113.7 ,10.0.0.2"], "203.0.113.7"),
        ("10.0.0.9", ["6.6.6.6", "203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        ("10.0.0.9", ["10.1.1.1, 10.0.0.2"], "10.1.1.1"),
        ("10.0.0.9", ["203.0.113.7, unknown"], "10.0.0.9"),
        ("10.0.0.9", ["unknown, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.9", [""], "10.0.0.9"),
        ("10.0.0.9", [","], "10.0.0.9"),
        ("10.0.0.9", ["203.0.113.7:51234"], "203.0.113.7"),
        ("10.0.0.9", ["[2001:DB8::0:1]:443"], "2001:db8::1"),
        ("10.0.0.9", ["2001:DB8::0:1"], "2001:db8::1"),
        ("2001:db8:aaaa::5", ["2001:db8::1, 10.0.0.3"], "2001:db8::1"),
        ("10.0.0.9", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("::ffff:10.0.0.9", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.9", ["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7"),
    ],
)
def test_the_right_most_address_that_no_trusted_proxy_has_is_the_callers(
    peer: str, forwarded: list[str], client: str
) -> None:
    from_peer = address_of(peer)
    assert from_peer is not None
    assert seen_from(from_peer, forwarded, TRUSTED) == ip_address(client)


@pytest.mark.parametrize(
    "text",
    ["", " ", "unknown", "_hidden", "203.0.113", "203.0.113.7:", "203.0.113.7:x", "[2001:db8::1", "[2001:db8::1]x",
     "fe80::1%eth0", "203.0.113.7%0", "203.0.113.7\x00", "\u0661.1.1.1", "0x7f000001", "2130706433", "1.2.3.4/32"],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None


@pytest.mark.parametrize("value", ["10.0.0.300", "proxy.internal", "0.0.0.0/0", "::/0", "10.0.0.5, everything"])
def test_a_proxy_setting_that_means_nothing_or_everybody_is_refused(value: str) -> None:
    with pytest.raises(SetupProblem, match="JANGBU_TRUSTED_PROXIES"):
        load(_env_file=None, JANGBU_TRUSTED_PROXIES=value)


def test_addresses_and_networks_are_both_understood() -> None:
    settings = load(_env_file=None, JANGBU_TRUSTED_PROXIES=" 127.0.0.1, 10.1.2.3/8,2001:db8::/32 ,")
    assert settings.proxies == tuple(ip_network(name) for name in ("127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"))
    assert load(_env_file=None).proxies == ()
