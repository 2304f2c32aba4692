"""Files with payments and refunds: one picture of the database, written to a file before anybody is sent a byte.

So a reader on a slow line holds no transaction open, and a file is never half of what was asked.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from jangbu import audit, sheets
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.payments.lists import columns as exports
from jangbu.payments.lists import export_store
from jangbu.payments.lists.rules import ABOVE_ALL, BELOW_ALL, Filter
from jangbu.payments.people_store import names_of
from jangbu.periods import RangeBackwards
from jangbu.runtime import Runtime
from jangbu.sheets import Format


async def export_payments(wanted: Filter, path: Path, *, kind: Format, actor: Actor, run: Runtime) -> int:
    """Write every payment that is asked for, the oldest first; how many. Who did it stands in the audit log."""

    async def rows(tx: Tx) -> AsyncIterator[list[Any]]:
        async for payment in export_store.payments(tx, wanted):
            yield exports.payment_row(payment)

    async with run.db.transaction(snapshot=True, long=True) as tx:
        count = await sheets.write(path, exports.PAYMENTS, rows(tx), kind=kind)
    await _recorded("payments", count, kind, wanted.told(), actor=actor, run=run)
    return count


async def export_refunds(
    path: Path,
    *,
    store_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    kind: Format,
    actor: Actor,
    run: Runtime,
) -> int:
    """The same with refunds, by when the money went back. Raises RangeBackwards."""
    if since is not None and until is not None and since > until:
        raise RangeBackwards(field="day")

    async def rows(tx: Tx) -> AsyncIterator[list[Any]]:
        names = await names_of(tx)
        found = export_store.refunds(tx, store_id=store_id, since=since or BELOW_ALL.at, until=until or ABOVE_ALL.at)
        async for refund in found:
            yield exports.refund_row(refund, names)

    async with run.db.transaction(snapshot=True, long=True) as tx:
        count = await sheets.write(path, exports.REFUNDS, rows(tx), kind=kind)
    narrowed = Filter(store_id=store_id, created_from=since, created_until=until).told()
    await _recorded("refunds", count, kind, narrowed, actor=actor, run=run)
    return count


async def _recorded(
    what: str,
    count: int,
    kind: Format,
    narrowed: dict[str, Any],
    *,
    actor: Actor,
    run: Runtime,
) -> None:
    # Before the file is handed over: nobody has it whom the log does not name.
    async with run.db.transaction() as tx:
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=actor,
            action=f"{what}.exported",
            subject=f"export:{what}",
            rows=count,
            format=kind,
            asked=narrowed,
        )
