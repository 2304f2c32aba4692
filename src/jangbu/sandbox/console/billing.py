"""Billing keys, each with what can happen to it, and their schedules."""

from dataclasses import dataclass
from datetime import timedelta

from jangbu.sandbox.console.frame import PAGES, Asked, Button, Listed, listed, money, payment_link, shown
from jangbu.sandbox.console.orders import key_orders_of, reasons
from jangbu.sandbox.console.payments import CURRENCIES, unused_id
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core import schedules
from jangbu.sandbox.core.billing_records import BillingKey, Schedule
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.world import World

SCHEDULES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: str
    status: str
    channel: str
    method: str
    at: str
    refuses: str
    window_url: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    payment_id: str
    payment_href: str
    key: str
    name: str
    amount: str
    status: str
    at: str
    revoke: Button | None


@dataclass(frozen=True, slots=True)
class KeysPage:
    """All that templates/keys.html uses beside the frame."""

    keys: Listed[KeyRow]
    schedules: tuple[ScheduleRow, ...]
    schedules_total: int
    chargeable: tuple[tuple[str, str], ...]
    """The keys that a schedule can be made with, each with what it pays with."""
    next_id: str
    tomorrow: str
    currencies = CURRENCIES


def keys_page(asked: Asked) -> KeysPage:
    world, words = asked.parts.world, asked.words
    keys = [key for of_store in world.state.billing_keys.values() for key in of_store.values()]
    planned = sorted(world.state.schedules.values(), key=lambda each: (each.time_to_pay, each.number), reverse=True)
    return KeysPage(
        listed(keys[::-1], lambda each: _key_row(world, each, words), asked, f"{PAGES}keys"),
        tuple(_schedule_row(world, each, words) for each in planned[:SCHEDULES_SHOWN]),
        len(planned),
        tuple((each.id, _paid_with(each) or each.id) for each in keys[::-1] if each.status == "ISSUED"),
        unused_id(world),
        f"{(asked.parts.clock.now() + timedelta(days=1)).astimezone(KST):%Y-%m-%dT%H:%M}",
    )


def _paid_with(key: BillingKey) -> str:
    """The card or account, as far as anybody is told."""
    method = key.method or {}
    inner = method.get("method") or method
    card = inner.get("card") or {}
    said = f"{card.get('name', '')} {card.get('number', '')}" if card else inner.get("accountNumber", "")
    return f"{method.get('provider', '')} {said}".strip()


def _key_row(world: World, key: BillingKey, words: Words) -> KeyRow:
    refuses = next((said for name, said in reasons(words) if name == key.refuses), "")
    is_open = key.status == "READY" and key.window is not None
    return KeyRow(
        id=key.id,
        status=key.status,
        channel=", ".join(world.state.channels[each].name for each in key.channel_keys),
        method=_paid_with(key),
        at=shown(key.requested_at),
        refuses=f"{refuses} ({key.refuses_times})" if refuses and key.refuses_times else refuses,
        window_url=f"/__browser__/billing-keys/{key.id}/window" if is_open else "",
        buttons=tuple(key_orders_of(key, words)),
    )


def _schedule_row(world: World, each: Schedule, words: Words) -> ScheduleRow:
    order = each.order
    is_begun = world.payment(each.store_id, each.payment_id) is not None
    return ScheduleRow(
        payment_id=each.payment_id,
        payment_href=payment_link(each.payment_id) if is_begun else "",
        key=each.billing_key,
        name=order.order_name,
        amount=money(order.total_minor, order.currency),
        status=schedules.status_of(world, each),
        at=shown(each.time_to_pay),
        revoke=Button(words["revoke"], "revoke", {"about": each.id}, is_danger=True)
        if schedules.status_of(world, each) == "SCHEDULED"
        else None,
    )
