"""The merchant's channels: which there are, and saying what they are."""

from collections.abc import Collection

from jangbu import audit
from jangbu.audit import Actor
from jangbu.clock import seoul_day
from jangbu.db import Tx
from jangbu.payments.channels import store as channel_store
from jangbu.payments.channels.rules import Channel, Description, Standing, checked, standing
from jangbu.runtime import Runtime


async def every_channel(*, run: Runtime) -> list[tuple[Channel, Standing]]:
    """Each with what a person should know of it first."""
    async with run.db.transaction() as tx:
        found = await channel_store.every(tx)
    today, live = seoul_day(run.clock.now()), run.settings.mode == "live"
    return [(one, standing(one, live=live, today=today)) for one in found]


async def pgs_of(tx: Tx, keys: Collection[str]) -> dict[str, str]:
    """Which PG is behind each of these channels: known from its payments, or from what the merchant says of it."""
    return await channel_store.pgs(tx, keys)


async def describe(said: Description, *, actor: Actor, run: Runtime) -> None:
    """Write down what the merchant says of a channel, and who said it. Raises ChannelUnfit."""
    fit, now = checked(said), run.clock.now()
    async with run.db.transaction() as tx:
        await channel_store.describe(tx, fit, at=now, by=actor.name)
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="channel.described",
            subject=f"channel:{fit.key}",
            name=fit.name,
            pg=fit.pg_provider,
            live=fit.is_live,
            methods=list(fit.methods),
            contract_from=None if fit.contract_from is None else fit.contract_from.isoformat(),
            contract_until=None if fit.contract_until is None else fit.contract_until.isoformat(),
            settlement_note=fit.settlement_note,
        )
