"""Which channel a V1 call means: by its key, by its older name, or the store's own (portone-facts §6.5, §7.2)."""

from jangbu.sandbox.core import identity
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Channel, Store
from jangbu.sandbox.core.world import World


def channel_key_of(
    world: World, store: Store, channel_key: str | None, pg: str | None, *, verifies: bool = False
) -> str:
    """The key comes before `pg`, which is a PG's name, alone or with `.` and the merchant's id there.

    Refuses CHANNEL_NOT_FOUND.
    """
    provider, _, merchant = (pg or "").partition(".")

    def is_meant(channel: Channel) -> bool:
        if channel_key is not None:
            return channel.key == channel_key
        if pg is not None:
            return channel.pg_provider.lower() == provider and merchant in ("", channel.pg_merchant_id)
        if verifies:
            return channel.pg_provider in identity.PGS
        return store.v1 is not None and channel.key == store.v1.default_channel_key

    for channel in world.state.channels.values():
        if channel.store_id == store.id and is_meant(channel):
            return channel.key
    raise ApiError("CHANNEL_NOT_FOUND", "The channel is not found.")
