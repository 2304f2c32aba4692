"""Orders for a billing key, by a test or a person: what happens to it outside PortOne's API (portone-facts §3.1)."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import billing_keys, declines, issuing, schedules
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Offer


class Refuse(msgspec.Struct, forbid_unknown_fields=True):
    """The PG declines this key's charges: `times` of them, all without it; no reason: it stops declining."""

    reason: str | None = None
    times: int | None = None


class WalletDelete(msgspec.Struct, forbid_unknown_fields=True):
    """The wallet's owner removes the key; `webhook` off: PortOne says nothing."""

    webhook: bool = True


class WalletUpdate(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The wallet's owner has a new card in it, or a bank account: the key stays, what it pays with changes."""

    pays_with: Literal["card", "account"] = "card"


def keys_of(parts: Parts) -> list[dict[str, Any]]:
    """Every key, also those that a window never finished."""
    keys = [key for of_store in parts.world.state.billing_keys.values() for key in of_store.values()]
    return [
        {
            "billingKey": key.id,
            "status": key.status,
            "channelKeys": key.channel_keys,
            "refuses": key.refuses,
            "requestedAt": rfc3339(key.requested_at),
            "schedules": [
                {"id": each, "status": schedules.status_of(parts.world, parts.world.state.schedules[each])}
                for each in key.schedule_ids
            ],
        }
        for key in keys
    ]


def carry_out(parts: Parts, key_id: str, name: str, raw: bytes) -> dict[str, Any]:
    """`refuse`, `wallet-delete` or `wallet-update`. Refuses an unknown key or order."""
    stores = parts.world.state.billing_keys.values()
    key = next((of_store[key_id] for of_store in stores if key_id in of_store), None)
    if key is None:
        raise NotOurs(f"no billing key {key_id}")
    if name not in KEY_ORDERS:
        raise NotOurs(f"no order {name!r}; known: {', '.join(KEY_ORDERS)}")
    shape, act = KEY_ORDERS[name]
    act(parts, key, msgspec.json.decode(raw or b"{}", type=shape))
    return {"billingKey": key.id, "status": key.status, "refuses": key.refuses}


def _wallet_delete(parts: Parts, key: BillingKey, asked: WalletDelete) -> None:
    billing_keys.end(parts.world, key, parts.clock.now(), is_announced=asked.webhook)


def _wallet_update(parts: Parts, key: BillingKey, asked: WalletUpdate) -> None:
    new = billing_keys.card_method(f"910001000000{parts.world.ids.chance().randrange(10_000):04d}")
    method = key.method or {}
    if asked.pays_with == "account":
        new = issuing.account(parts.world, None, Offer())
    is_wallet = method.get("type") == "BillingKeyPaymentMethodEasyPay"
    if asked.pays_with == "account" and not is_wallet:
        raise NotOurs(f"billing key {key.id} is no wallet: only a wallet pays with an account")
    key.method = issuing.in_wallet(method["provider"], new) if is_wallet else new
    billing_keys.announce(parts.world, key, "BillingKey.Updated", parts.clock.now())


def _refuse(_: Parts, key: BillingKey, asked: Refuse) -> None:
    if asked.times is not None and asked.times < 1:
        raise NotOurs("times must be at least 1")
    key.refuses = declines.reason_named(asked.reason).name if asked.reason is not None else None
    key.refuses_times = asked.times


KEY_ORDERS: dict[str, tuple[type[Any], Callable[[Parts, BillingKey, Any], None]]] = {
    "refuse": (Refuse, _refuse),
    "wallet-delete": (WalletDelete, _wallet_delete),
    "wallet-update": (WalletUpdate, _wallet_update),
}
