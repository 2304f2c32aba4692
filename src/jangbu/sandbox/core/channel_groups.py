"""One channel of a group, by chance: PortOne's "smart routing" (portone-facts §7.1)."""

from jangbu.sandbox.core.naming_rules import refuse_what_the_pg_refuses, refuse_without_customer
from jangbu.sandbox.core.problems import BrowserRefusal
from jangbu.sandbox.core.records import Order
from jangbu.sandbox.core.world import World


def pick(world: World, store_id: str, group_id: str, payment_id: str, order: Order) -> str:
    """The key of one that takes this order, each as likely as the next [I: channel_group_draw].

    Refuses, as a BrowserRefusal, a group that is none and one of which no channel takes the order.
    """
    group = world.state.channel_groups.get(group_id)
    if group is None or group.store_id != store_id:
        raise BrowserRefusal("ChannelNotFound", f"channel group {group_id} is not found")
    takers = []
    for key in group.channel_keys:
        try:
            refuse_what_the_pg_refuses(world.inferred, world.state.channels[key], payment_id, order)
            refuse_without_customer(world.state.channels[key], order)
        except BrowserRefusal:
            continue
        takers.append(key)
    if not takers:
        raise BrowserRefusal("AllChannelsNotSatisfied", f"no channel of {group.name} takes this order")
    return takers[world.ids.chance().randrange(len(takers))]
