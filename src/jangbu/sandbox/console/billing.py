"""Billing keys, each with what can happen to it, and their schedules."""

from dataclasses import dataclass

from jangbu.sandbox.console.frame import PAGES, Asked, Button, Listed, listed, money, payment_link, shown
from jangbu.sandbox.console.orders import key_orders_of, reasons
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core import schedules
from jangbu.sandbox.core.billing_records import BillingKey, Schedule
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


@dataclass(frozen=True, slots=True)
class KeysPage:
    """All that templates/keys.html uses beside the frame."""

    keys: Listed[KeyRow]
    schedules: tuple[ScheduleRow, ...]
    schedules_total: int


def keys_page(asked: Asked) -> KeysPage:
    world, words = asked.parts.world, asked.words
    keys = [key for of_store in world.state.billing_keys.values() for key in of_store.values()]
    part = listed(keys[::-1], asked, f"{PAGES}keys")
    rows = tuple(_key_row(world, each, words) for each in part.rows)
    planned = sorted(world.state.schedules.values(), key=lambda each: (each.time_to_pay, each.number), reverse=True)
    return KeysPage(
        Listed(rows, part.total, part.first, part.newer, part.older),
        tuple(_schedule_row(world, each) for each in planned[:SCHEDULES_SHOWN]),
        len(planned),
    )


def _key_row(world: World, key: BillingKey, words: Words) -> KeyRow:
    method = key.method or {}
    card = method.get("card") or {}
    refuses = next((said for name, said in reasons(words) if name == key.refuses), "")
    is_open = key.status == "READY" and key.window is not None
    return KeyRow(
        id=key.id,
        status=key.status,
        channel=", ".join(world.state.channels[each].name for each in key.channel_keys),
        method=f"{card.get('name', '')} {card.get('number', '')}".strip() or str(method.get("provider", "")),
        at=shown(key.requested_at),
        refuses=f"{refuses} ({key.refuses_times})" if refuses and key.refuses_times else refuses,
        window_url=f"/__browser__/billing-keys/{key.id}/window" if is_open else "",
        buttons=tuple(key_orders_of(key, words)),
    )


def _schedule_row(world: World, each: Schedule) -> ScheduleRow:
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
    )
