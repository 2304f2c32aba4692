"""The SQL of channels."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from jangbu.db import Query, Tx, names_of, values_of
from jangbu.payments.channels.rules import Channel, Description

_DESCRIPTION = names_of(Description)
EVERY = Query(
    Channel, f"SELECT {', '.join(names_of(Channel))} FROM payment_channels ORDER BY described_at IS NULL, name, key"
)


@dataclass(frozen=True, slots=True)
class Behind:
    """Which PG is behind a channel."""

    key: str
    pg: str


# What PortOne said of its payments counts more than what a person wrote down.
BEHIND = Query(
    Behind,
    "SELECT key, coalesce(seen_pg, pg_provider) AS pg FROM payment_channels "
    "WHERE key = ANY(:keys) AND coalesce(seen_pg, pg_provider) IS NOT NULL",
)
# Every capture comes by here: a channel that was seen before is neither written nor locked.
SEEN = Query(
    type(None),
    """
    WITH first_seen AS (
        UPDATE payment_channels SET seen_at = :at, seen_pg = :pg, seen_live = :live
         WHERE key = :key AND seen_at IS NULL
    )
    INSERT INTO payment_channels (key, seen_at, seen_pg, seen_live) SELECT :key::text, :at, :pg, :live
     WHERE NOT EXISTS (SELECT FROM payment_channels WHERE key = :key)
    ON CONFLICT (key) DO NOTHING
    """,
)
DESCRIBE = Query(
    type(None),
    f"""
    INSERT INTO payment_channels ({", ".join(_DESCRIPTION)}, described_at, described_by)
    VALUES ({", ".join(f":{name}" for name in _DESCRIPTION)}, :described_at, :described_by)
    ON CONFLICT (key) DO UPDATE SET described_at = excluded.described_at, described_by = excluded.described_by,
           {", ".join(f"{name} = excluded.{name}" for name in _DESCRIPTION if name != "key")}
    """,
)


async def every(tx: Tx) -> list[Channel]:
    """All of them: those with a description first, by name."""
    return await tx.all(EVERY)


async def pgs(tx: Tx, keys: Collection[str]) -> dict[str, str]:
    """Which PG is behind each of these channels, where it is known."""
    return {one.key: one.pg for one in await tx.all(BEHIND, keys=list(keys))}


async def seen(tx: Tx, key: str, *, pg: str | None, live: bool, at: datetime) -> None:
    """Money came through this channel. Only the first time is written down."""
    await tx.run(SEEN, key=key, pg=pg, live=live, at=at)


async def describe(tx: Tx, said: Description, *, at: datetime, by: str) -> None:
    """What the merchant says of it, instead of what it said before."""
    values = values_of(said, _DESCRIPTION) | {"methods": list(said.methods)}
    await tx.run(DESCRIBE, **values, described_at=at, described_by=by)
