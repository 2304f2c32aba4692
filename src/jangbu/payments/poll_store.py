"""The SQL of finding what no webhook said: how far PortOne's list was read, and what in it is news to us."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jangbu.db import Query, Tx

READ_UNTIL = Query(datetime, "SELECT read_until FROM payment_poll")
HAS_V1 = Query(bool, "SELECT EXISTS (SELECT FROM payments WHERE api = 'v1')")
# Two programs may read the list at once; whoever read further is right, and nobody moves it back.
MOVE_ON = Query(
    type(None),
    """
    INSERT INTO payment_poll (read_until) VALUES (:read_until)
    ON CONFLICT (id) DO UPDATE SET read_until = greatest(payment_poll.read_until, excluded.read_until)
    """,
)
# Rows are locked in the order of their ids: nobody who does the same at this moment can wait for us in a circle.
ASK_ABOUT = Query(
    UUID,
    """
    WITH news AS (
        SELECT p.id FROM payments p
          JOIN unnest(:portone_ids::text[], :changed_at::timestamptz[]) AS told (portone_id, changed_at)
            ON told.portone_id = p.provider_order_id
         WHERE (p.portone_changed_at IS NULL OR told.changed_at IS NULL OR told.changed_at > p.portone_changed_at)
           AND (p.due_at IS NULL OR p.due_at > :now)
         ORDER BY p.id FOR UPDATE OF p
    )
    UPDATE payments SET due_at = :now FROM news WHERE payments.id = news.id RETURNING payments.id
    """,
)


async def read_until(tx: Tx) -> datetime | None:
    """How far the list was read; None before the first time."""
    return await tx.maybe(READ_UNTIL)


async def has_v1(tx: Tx) -> bool:
    """Whether any payment was made with V1."""
    return await tx.one(HAS_V1)


async def move_on(tx: Tx, until: datetime) -> None:
    """It has been read until then."""
    await tx.run(MOVE_ON, read_until=until)


async def ask_about(tx: Tx, told: Sequence[tuple[str, datetime | None]], *, now: datetime) -> int:
    """Make those of ours due that PortOne changed after we last looked; how many. None: when is not known."""
    found = await tx.all(
        ASK_ABOUT,
        portone_ids=[portone_id for portone_id, _ in told],
        changed_at=[changed_at for _, changed_at in told],
        now=now,
    )
    return len(found)
