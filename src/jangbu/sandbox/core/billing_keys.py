"""Billing keys: issued by the API or in a window, confirmed, deleted by the merchant or by the wallet's owner
(portone-facts §3.1).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import declines, pg_rules
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.bodies import channel_json
from jangbu.sandbox.core.choices import issued_by
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.inputs import Credential
from jangbu.sandbox.core.problems import ApiError, NotOurs
from jangbu.sandbox.core.records import Channel, Failure, Store
from jangbu.sandbox.core.wallets import OF_PG
from jangbu.sandbox.core.world import World

ISSUE, DELETE = "issue_billing_key", "delete_billing_key"
"""What a fault of the PG's word is ordered for, whichever way the key was asked for."""


def channels_for(world: World, store: Store, channel_key: str | None, group_id: str | None) -> list[Channel]:
    """The channel, or all of the group. Refuses INVALID_REQUEST without either, else CHANNEL_NOT_FOUND."""
    if channel_key is None and group_id is None:
        raise ApiError("INVALID_REQUEST", "channelKey or channelGroupId is required.")
    state = world.state
    if channel_key is not None:
        keys = [channel_key]
    else:
        group = state.channel_groups.get(group_id or "")
        keys = group.channel_keys if group is not None and group.store_id == store.id else []
    found = [state.channels[key] for key in keys if key in state.channels]
    if not found or any(channel.store_id != store.id for channel in found):
        raise ApiError("CHANNEL_NOT_FOUND", "The channel is not found.")
    return found


def find(world: World, store: Store, key_id: str) -> BillingKey:
    """A key that was issued, deleted ones included. Refuses BILLING_KEY_NOT_FOUND."""
    key = world.state.billing_keys.get(store.id, {}).get(key_id)
    if key is None or key.issued_at is None:
        raise ApiError("BILLING_KEY_NOT_FOUND", "The billing key is not found.")
    return key


def usable(world: World, store: Store, key_id: str) -> BillingKey:
    """A key that can be charged. Refuses BILLING_KEY_NOT_FOUND, BILLING_KEY_ALREADY_DELETED."""
    key = find(world, store, key_id)
    if key.status == "DELETED":
        raise ApiError("BILLING_KEY_ALREADY_DELETED", "The billing key is deleted already.")
    return key


def enter(world: World, key: BillingKey) -> BillingKey:
    """Add a key to the world."""
    world.state.billing_keys.setdefault(key.store_id, {})[key.id] = key
    return key


def issue(
    world: World, faults: Faults, key: BillingKey, credential: Credential, now: datetime, *, is_announced: bool
) -> list[dict[str, Any]]:
    """Issue `key` for a keyed-in card on each of its channels; answers what failed on some of them.

    Refuses what the PG refuses: PG_PROVIDER of the one channel, CHANNEL_SPECIFIC of all channels of a group.
    """
    channels = [world.state.channels[each] for each in key.channel_keys]
    failures = [
        failure for channel in channels if (failure := _failure(faults, key, channel, credential, now)) is not None
    ]
    if len(failures) == len(channels):
        if key.channel_group_id is not None:
            message = "No channel issued the billing key."
            raise ApiError("CHANNEL_SPECIFIC", message, failures=failures, succeededChannels=[])
        raise _of_pg(failures[0])
    failed = {failure["channel"]["key"] for failure in failures}
    key.channel_keys = [channel.key for channel in channels if channel.key not in failed]
    if key.channel_group_id is not None:
        key.responses = [_response(channel, failures, now) for channel in channels]
    key.method = card_method(credential.number)
    enter(world, key)
    succeed(world, key, now, is_announced=is_announced)
    return failures


def accept_card(world: World, faults: Faults, key: BillingKey, credential: Credential, now: datetime) -> None:
    """V1 keys a card in. Refuses what the PG refuses, of several all; the key is entered nowhere yet."""
    channels = [world.state.channels[each] for each in key.channel_keys]
    failures = {channel.key: _failure(faults, key, channel, credential, now) for channel in channels}
    first = failures[channels[0].key]
    key.channel_keys = [each for each, failure in failures.items() if failure is None]
    if not key.channel_keys:
        assert first is not None, "all failed, so the first did"
        raise _of_pg(first)
    key.method = card_method(credential.number)


def card_method(number: str) -> dict[str, Any]:
    """`BillingKeyPaymentMethodCard`: the mask, and never an expiry (portone-facts §3.1)."""
    return {
        "type": "BillingKeyPaymentMethodCard",
        "card": {
            "publisher": "SHINHAN_CARD",
            "issuer": "SHINHAN_CARD",
            "brand": "LOCAL",
            "type": "CREDIT",
            "ownerType": "PERSONAL",
            "bin": number[:6],
            "name": "신한카드",
            **issued_by(number),
            "number": f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}",
        },
    }


def succeed(world: World, key: BillingKey, now: datetime, *, is_announced: bool) -> None:
    """→ ISSUED."""
    key.status, key.issued_at = "ISSUED", now
    if is_announced:
        announce(world, key, "BillingKey.Issued", now)


def fail(world: World, key: BillingKey, failure: Failure, now: datetime) -> None:
    """→ FAILED; of keys that were never issued only."""
    key.status, key.failure = "FAILED", failure
    announce(world, key, "BillingKey.Failed", now)


def delete(
    world: World,
    faults: Faults,
    key: BillingKey,
    now: datetime,
    *,
    reason: str | None,
    requester: str | None,
    is_announced: bool,
) -> None:
    """The merchant gives the key up. Refuses while schedules wait, and what the PG refuses (portone-facts §3.1)."""
    if key.status == "DELETED":
        raise ApiError("BILLING_KEY_ALREADY_DELETED", "The billing key is deleted already.")
    if waiting(world, key):
        raise ApiError("PAYMENT_SCHEDULE_ALREADY_EXISTS", "Revoke the schedules of the billing key first.")
    channels = [world.state.channels[each] for each in key.channel_keys]
    if any(channel.pg_provider == "NAVERPAY" for channel in channels) and not (reason and requester):
        raise ApiError("INVALID_REQUEST", "NaverPay needs reason and requester.")
    failures = [
        _pg_failure(channel, "DELETE_REFUSED", "빌링키를 삭제할 수 없습니다.")
        for channel in channels
        if faults.take(Kind.PG, DELETE, key.id, "key_refused") is not None
    ]
    if failures:
        if key.channel_group_id is None:
            raise _of_pg(failures[0])
        failed = {failure["channel"]["key"] for failure in failures}
        gone = [channel_json(channel) for channel in channels if channel.key not in failed]
        raise ApiError("CHANNEL_SPECIFIC", "Not all channels.", failures=failures, succeededChannels=gone)
    end(world, key, now, is_announced=is_announced)


def end(world: World, key: BillingKey, now: datetime, *, is_announced: bool = True) -> None:
    """ISSUED → DELETED, whoever did it. Schedules that wait stay, and fail at their time."""
    if key.status != "ISSUED":
        raise NotOurs(f"billing key {key.id} is {key.status}")
    key.status, key.deleted_at = "DELETED", now
    if is_announced:
        announce(world, key, "BillingKey.Deleted", now)


def waiting(world: World, key: BillingKey) -> list[str]:
    """The schedules of this key that have not begun."""
    rows = (world.state.schedules[each] for each in key.schedule_ids)
    return [row.id for row in rows if row.starts_at is not None and row.started_at is None]


def refusal_of(key: BillingKey) -> declines.Decline | None:
    """What the PG says to the next charge of this key, counted down; None when it does not mind."""
    if key.refuses is None:
        return None
    reason = declines.reason_named(key.refuses)
    if key.refuses_times is not None:
        key.refuses_times -= 1
        if key.refuses_times == 0:
            key.refuses = key.refuses_times = None
    return reason


def announce(world: World, key: BillingKey, type_: str, now: datetime) -> None:
    """One webhook. The old version has no body for billing keys, so it says nothing (portone-facts §4.1)."""
    environment = world.state.channels[key.channel_keys[0]].type
    if key.version == "V1":
        return  # Its webhooks tell of payments only (portone-facts §4.5).
    if world.state.stores[key.store_id].webhooks[environment].version == "2024-01-01":
        return
    data = {"storeId": key.store_id, "billingKey": key.id}
    body = msgspec.json.encode({"type": type_, "timestamp": rfc3339(now), "data": data}).decode()
    world.send(
        body,
        "application/json",
        urls=key.notice_urls,
        environment=environment,
        type_=type_,
        now=now,
        store_id=key.store_id,
        billing_key=key.id,
    )


def _failure(
    faults: Faults, key: BillingKey, channel: Channel, credential: Credential, now: datetime
) -> dict[str, Any] | None:
    """Why this channel issues no key for this card."""
    if faults.take(Kind.PG, ISSUE, key.id, "key_refused") is not None:
        return _pg_failure(channel, "ISSUE_REFUSED", "등록할 수 없는 카드입니다.")
    if channel.pg_provider in OF_PG:
        return {
            "type": "INVALID_REQUEST",
            "message": "This channel takes no keyed-in cards.",
            "channel": channel_json(channel),
        }
    refusal = pg_rules.of_keyed_in(credential, now)
    return None if refusal is None else _pg_failure(channel, refusal.pg_code, refusal.ko)


def _pg_failure(channel: Channel, pg_code: str, pg_message: str) -> dict[str, Any]:
    return {
        "type": "PG_PROVIDER",
        "message": "The PG refused.",
        "channel": channel_json(channel),
        "pgCode": pg_code,
        "pgMessage": pg_message,
    }


def _of_pg(failure: dict[str, Any]) -> ApiError:
    """The one channel's failure as an error of its own."""
    more = {name: failure[name] for name in ("pgCode", "pgMessage") if name in failure}
    return ApiError(failure["type"], failure["message"], **more)


def _response(channel: Channel, failures: Iterable[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """`PgBillingKeyIssueResponse`."""
    failure = next((each for each in failures if each["channel"]["key"] == channel.key), None)
    if failure is None:
        return {"type": "ISSUED", "channel": channel_json(channel)}
    told = {name: failure[name] for name in ("message", "pgCode", "pgMessage") if name in failure}
    return {"type": "FAILED", "channel": channel_json(channel), "failure": {**told, "failedAt": rfc3339(now)}}
