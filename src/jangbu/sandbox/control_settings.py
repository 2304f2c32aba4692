"""What the sandbox is set to: what is refused of where webhooks go, switches of what PortOne leaves open, channels."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from jangbu import sandbox
from jangbu.sandbox.core.inferred import switched, values_of
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.pg_companies import PgProvider
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import WEBHOOK_SECRETS_MAX, Channel

KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""A channel's key travels in forms and addresses; PortOne's begin with `channel-key-`."""

NOT_APPROVED_MANUALLY = frozenset({"EXIMBAY", "EXIMBAY_V2", "PAYLETTER_GLOBAL", "KICC", "KICC_V2"})
"""No `confirm` with these PGs (portone-facts §2.5)."""


class AskedChannel(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A channel as somebody wants it; with the key of one that is there, that one as it is to be."""

    pg_provider: PgProvider
    key: str | None = None
    name: str | None = None
    pg_merchant_id: str | None = None
    type: Literal["TEST", "LIVE"] = "TEST"
    approves_manually: bool = False
    captures_later: bool = False


def refuse_unusable(*urls: object, secrets: Sequence[str] | None = None) -> None:
    """Refuses an address that no webhook can be sent to, and a secret that none can be signed with: told now, and not
    by webhooks that never come. An empty address, and what is not said, is none.
    """
    for url in urls:
        if isinstance(url, str) and url and not _is_address(url):
            raise NotOurs(f"{url!r} is no address for webhooks: write http://127.0.0.1:3000/hook")
    if secrets is None:
        return
    if not 1 <= len(secrets) <= WEBHOOK_SECRETS_MAX:
        raise NotOurs(f"a store has one to {WEBHOOK_SECRETS_MAX} webhook secrets, oldest first")
    if not all(_is_secret(each) for each in secrets):
        raise NotOurs("a webhook secret is whsec_ and base64 (portone-facts §4.2)")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in url
    except ValueError:
        return False


def _is_secret(secret: str) -> bool:
    try:
        return bool(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        return False


def set_switches(parts: Parts, said: Mapping[str, Any]) -> dict[str, Any]:
    """Set these switches; null sets one back to what it usually is. Refuses all of them when one is wrong."""
    world = parts.world
    switched(
        world.assumed, {name: getattr(world.assumed, name, None) if it is None else it for name, it in said.items()}
    )
    kept = {name: value for name, value in ({**world.state.switches, **said}).items() if value is not None}
    world.inferred = switched(world.assumed, kept)
    world.state.switches = kept
    return values_of(world.inferred)


def set_channel(parts: Parts, asked: AskedChannel) -> dict[str, Any]:
    """A channel more, or one changed: what a merchant does in PortOne's console."""
    world = parts.world
    if asked.key is not None and not KEY.fullmatch(asked.key):
        raise NotOurs("key: 1 to 100 letters, digits, - and _")
    if asked.approves_manually and asked.pg_provider in NOT_APPROVED_MANUALLY:
        raise NotOurs(f"approvesManually: PortOne has no manual approval with {asked.pg_provider} (portone-facts §2.5)")
    id_ = str(world.ids.uuid())
    key = asked.key or f"channel-key-{id_}"
    before = world.state.channels.get(key)
    if before is not None and (before.pg_provider, before.type) != (asked.pg_provider, asked.type):
        raise NotOurs(f"channel {key} is {before.pg_provider}, {before.type}, and stays so: payments may be of it")
    made = Channel(
        key=key,
        id=before.id if before is not None else f"channel-id-{id_}",
        name=asked.name or (before.name if before is not None else asked.pg_provider),
        store_id=before.store_id if before is not None else sandbox.STORE_ID,
        pg_provider=asked.pg_provider,
        pg_merchant_id=asked.pg_merchant_id or (before.pg_merchant_id if before is not None else "sandbox"),
        type=asked.type,
        approves_manually=asked.approves_manually,
        captures_later=asked.captures_later,
    )
    world.state.channels[key] = made
    return channel_of(made)


def channels_of(parts: Parts) -> list[dict[str, Any]]:
    """Every channel, in the order in which they were made."""
    return [channel_of(each) for each in parts.world.state.channels.values()]


def channel_of(channel: Channel) -> dict[str, Any]:
    return {
        "key": channel.key,
        "id": channel.id,
        "name": channel.name,
        "storeId": channel.store_id,
        "pgProvider": channel.pg_provider,
        "pgMerchantId": channel.pg_merchant_id,
        "type": channel.type,
        "approvesManually": channel.approves_manually,
        "capturesLater": channel.captures_later,
    }
