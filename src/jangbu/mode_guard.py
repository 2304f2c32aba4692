"""The mode guard (requirements B11): what may not stand together with a mode, as one table.

`sandbox` plays, `test` uses PortOne's test channels, `live` moves real money. Practice that is left on in production,
or production that runs on published secrets, is refused before anything starts: all that is wrong at once, in words.
Settings are judged by what they say. Whether a channel is a test one, only PortOne knows: each payment is judged by it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["sandbox", "test", "live"]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

_SAMPLE = re.compile(
    r"(?:whsec_)?(?:change[-_ ]?(?:me|it|this).*|your[-_ ].*|my[-_ ](?:secret|key|password).*|x{3,}|\*{3,}|\.{3,}|…"
    r"|<.*>|secret|password|passw0rd|default|todo|test|(?:sample|example|placeholder|dummy)(?:[-_ ].*)?"
    r"|better-auth-secret-\d+)",
    re.IGNORECASE,
)
"""What examples and templates put where a secret belongs. The last is the one Better Auth falls back to."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the settings say, as far as the mode is concerned. `secrets` are every secret by its setting's name."""

    mode: Mode
    portone_url: str
    public_url: str
    browser_sdk_url: str
    portone_store_id: str
    mock_payments: bool
    is_production: bool
    secrets: Mapping[str, str]
    channel_keys: Sequence[str]
    has_published_vault_key: bool
    v1_url: str = ""
    """V1's address; empty where V1 is not used."""
    is_asked: bool = False
    """Whether PortOne asks us before each approval of hosted checkout."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the sandbox publishes, so that nothing real may ever run on it."""

    api_secret: str
    webhook_secret: str
    store_id: str
    channel_keys: frozenset[str]
    v1_key: str = ""
    v1_secret: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is refused: in which modes, when, and in which words ({mode} is filled in)."""

    name: str
    modes: frozenset[Mode]
    broken: Callable[[Said, Published], bool]
    words: str


_SANDBOX: frozenset[Mode] = frozenset({"sandbox"})
_REAL: frozenset[Mode] = frozenset({"test", "live"})
_LIVE: frozenset[Mode] = frozenset({"live"})
_ANY: frozenset[Mode] = _SANDBOX | _REAL


def _unset(secret: str, published: str) -> bool:
    return not secret or published in secret


RULES: tuple[Rule, ...] = (
    Rule(
        "mock payments",
        _ANY,
        lambda said, _: said.mock_payments and (said.mode != "sandbox" or said.is_production),
        "MOCK_PAYMENTS is on where real money may move; remove it, or set JANGBU_MODE=sandbox",
    ),
    Rule(
        "the sandbox speaks to PortOne",
        _SANDBOX,
        lambda said, _: not is_here(said.portone_url),
        "JANGBU_MODE is sandbox but PORTONE_V2_BASE_URL is not on this machine; set it to test or live",
    ),
    Rule(
        "the sandbox's address",
        _REAL,
        lambda said, _: is_here(said.portone_url),
        "JANGBU_MODE is {mode} but PORTONE_V2_BASE_URL points at a sandbox",
    ),
    Rule(
        "PortOne in the open",
        _REAL,
        lambda said, _: not is_here(said.portone_url) and urlsplit(said.portone_url).scheme != "https",
        "JANGBU_MODE is {mode} but PORTONE_V2_BASE_URL is not an https address: the API secret would be seen",
    ),
    Rule(
        "the sandbox's script",
        _REAL,
        lambda said, _: is_here(said.browser_sdk_url),
        "JANGBU_MODE is {mode} but PORTONE_BROWSER_SDK_URL points at a sandbox",
    ),
    Rule(
        "the sandbox's API secret",
        _REAL,
        lambda said, its: _unset(said.secrets.get("PORTONE_V2_API_SECRET", ""), its.api_secret),
        "JANGBU_MODE is {mode} but PORTONE_V2_API_SECRET is not set (the sandbox's value is refused)",
    ),
    Rule(
        "the sandbox's webhook secret",
        _REAL,
        lambda said, its: _unset(said.secrets.get("PORTONE_WEBHOOK_SECRET", ""), its.webhook_secret),
        "JANGBU_MODE is {mode} but PORTONE_WEBHOOK_SECRET is not set (the sandbox's value is refused)",
    ),
    Rule(
        "the sandbox's store",
        _REAL,
        lambda said, its: _unset(said.portone_store_id, its.store_id),
        "JANGBU_MODE is {mode} but PORTONE_STORE_ID is not set (the sandbox's value is refused)",
    ),
    Rule(
        "the sandbox's channels",
        _REAL,
        lambda said, its: not its.channel_keys.isdisjoint(said.channel_keys),
        "JANGBU_MODE is {mode} but a channel key is the sandbox's; take your own from PortOne's console",
    ),
    Rule(
        "asked where nobody answers",
        _REAL,
        lambda said, _: said.is_asked and (not said.public_url or is_here(said.public_url)),
        "JANGBU_CHECKOUT_CONFIRM is on but JANGBU_PUBLIC_URL is no address that PortOne can reach: nobody could pay",
    ),
    Rule(
        "the sandbox speaks to V1",
        _SANDBOX,
        lambda said, _: bool(said.v1_url) and not is_here(said.v1_url),
        "JANGBU_MODE is sandbox but PORTONE_V1_BASE_URL is not on this machine; set it to test or live",
    ),
    Rule(
        "V1 in the sandbox",
        _REAL,
        lambda said, _: bool(said.v1_url) and is_here(said.v1_url),
        "JANGBU_MODE is {mode} but PORTONE_V1_BASE_URL points at a sandbox",
    ),
    Rule(
        "V1 in the open",
        _REAL,
        lambda said, _: bool(said.v1_url) and not is_here(said.v1_url) and urlsplit(said.v1_url).scheme != "https",
        "JANGBU_MODE is {mode} but PORTONE_V1_BASE_URL is not an https address: the API secret would be seen",
    ),
    Rule(
        "the sandbox's V1 key",
        _REAL,
        lambda said, its: (
            bool(said.v1_url)
            and (
                said.secrets.get("PORTONE_V1_API_KEY") == its.v1_key
                or said.secrets.get("PORTONE_V1_API_SECRET", "") in {"", its.v1_secret}
            )
        ),
        "JANGBU_MODE is {mode} and PORTONE_V1_API_KEY is set, PORTONE_V1_API_SECRET is not (the sandbox's are refused)",
    ),
    Rule(
        "the published key of the vault",
        _LIVE,
        lambda said, _: said.has_published_vault_key,
        "JANGBU_MODE is live but JANGBU_SECRETS_KEYS is not set (the sandbox's key is refused): make one with "
        "`jangbu secrets new-key` and keep a copy of it apart from the backups",
    ),
    Rule(
        "the public address in the open",
        _LIVE,
        lambda said, _: bool(said.public_url) and urlsplit(said.public_url).scheme != "https",
        "JANGBU_MODE is live but JANGBU_PUBLIC_URL is not an https address: passwords and payers' data would travel in "
        "the open",
    ),
)

NO_PUBLIC_URL = (
    "JANGBU_MODE is live but JANGBU_PUBLIC_URL is not set: PortOne and the links in mails would lead to this machine "
    "alone. Set it to the https address that people reach you by"
)


def problems(said: Said, published: Published) -> list[str]:
    """All that may not stand together with the mode, one sentence each; none when it may start."""
    found = [
        rule.words.format(mode=said.mode) for rule in RULES if said.mode in rule.modes and rule.broken(said, published)
    ]
    return found + _samples(said)


def not_ready(said: Said) -> list[str]:
    """What keeps the programs that serve from starting, beyond what is wrong with the settings themselves."""
    if said.mode == "live" and not said.public_url:
        return [NO_PUBLIC_URL]
    return []


def is_here(url: str) -> bool:
    """Whether an address is one of this machine's own, where only a sandbox can be."""
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK or host.startswith("127.") or host == "0.0.0.0"  # noqa: S104 (recognised, not bound)


def is_sample(secret: str) -> bool:
    """Whether this is what an example has in a secret's place."""
    return _SAMPLE.fullmatch(secret) is not None


def _samples(said: Said) -> list[str]:
    if said.mode == "sandbox":
        return []
    return [
        f"JANGBU_MODE is {said.mode} but {name} is a sample and not a secret; put the real one there"
        for name, value in said.secrets.items()
        if any(is_sample(each.strip()) for each in value.split(","))
    ]
