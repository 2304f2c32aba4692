"""The SQL of finding what no webhook said: how far PortOne's list was read, and what in it is news to us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Read:
    """How far PortOne's list was read, and its feed of events, which may be away while the list is there."""

    list_until: datetime
    events_until: datetime | None


READ_UNTIL = Query(Read, "SELECT read_until AS list_until, events_until FROM payment_poll")
HAS_V1 = Query(bool, "SELECT EXISTS (SELECT FROM payments WHERE api = 'v1')")
# Two programs may read the list at once; whoever read further is right, and nobody moves it back.
MOVE_ON = Query(
    type(None),
    """
    INSERT INTO payment_poll (read_until, events_until) VALUES (:list_until, :events_until)
    ON CONFLICT (id) DO UPDATE SET read_until = greatest(payment_poll.read_until, excluded.read_until),
           events_until = greatest(payment_poll.events_until, excluded.events_until)
    """,
)


class Told(NamedTuple):
    """What a list says of a payment, as far as it says it. `changed_at` None: it may have changed at any time."""

    portone_id: str
    changed_at: datetime | None = None
    status: str | None = None
    cancelled: int | None = None


# Rows are locked in the order of their ids: nobody who does the same at this moment can wait for us in a circle.
ASK_ABOUT = Query(
    UUID,
    """
    WITH news AS (
        SELECT p.id FROM payments p
          JOIN unnest(:portone_ids::text[], :changed_at::timestamptz[], :statuses::text[], :cancelled::bigint[])
            AS told (portone_id, changed_at, status, cancelled) ON told.portone_id = p.provider_order_id
         WHERE (p.portone_changed_at IS NULL OR told.changed_at IS NULL OR told.changed_at > p.portone_changed_at
                -- Two changes may have one time, V1's are whole seconds; whether we saw both, what we saw tells.
                OR told.changed_at = p.portone_changed_at AND (told.status, told.cancelled::text)
                   <> (p.portone ->> 'status', p.portone #>> '{amount,cancelled}'))
           AND (p.due_at IS NULL OR p.due_at > :now)
         ORDER BY p.id FOR UPDATE OF p
    )
    UPDATE payments SET due_at = :now FROM news WHERE payments.id = news.id RETURNING payments.id
    """,
)


async def read_until(tx: Tx) -> Read | None:
    """How far list and feed were read; None before the first time."""
    return await tx.maybe(READ_UNTIL)


async def has_v1(tx: Tx) -> bool:
    """Whether any payment was made with V1."""
    return await tx.one(HAS_V1)


async def move_on(tx: Tx, list_until: datetime, events_until: datetime | None) -> None:
    """They have been read until then; None: the feed has not."""
    await tx.run(MOVE_ON, list_until=list_until, events_until=events_until)


async def ask_about(tx: Tx, told: Sequence[Told], *, now: datetime) -> int:
    """Make those of ours due that PortOne changed after we last looked; how many."""
    found = await tx.all(
        ASK_ABOUT,
        portone_ids=[one.portone_id for one in told],
        changed_at=[one.changed_at for one in told],
        statuses=[one.status for one in told],
        cancelled=[one.cancelled for one in told],
        now=now,
    )
    return len(found)
