"""The names of those who act on payments: a join with what access wrote."""

from collections.abc import Iterable
from dataclasses import dataclass

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody, as an actor and as people call them."""

    actor: str
    name: str


NAMES = Query(
    Named,
    """
    SELECT 'user:' || id AS actor, name FROM users
     WHERE :actors::text[] IS NULL OR 'user:' || id = ANY (:actors::text[])
     UNION ALL
    SELECT 'key:' || id, name FROM api_keys
     WHERE :actors::text[] IS NULL OR 'key:' || id = ANY (:actors::text[])
    """,
)


async def names_of(tx: Tx, actors: Iterable[str] | None = None) -> dict[str, str]:
    """The name of each that is somebody we know; of everybody when nobody is named."""
    found = await tx.all(NAMES, actors=None if actors is None else sorted(set(actors)))
    return {one.actor: one.name for one in found}
