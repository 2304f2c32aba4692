"""The journal as a file: one line for each posting, in the order things happened."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from jangbu import audit, sheets
from jangbu.audit import Actor
from jangbu.ledger import store
from jangbu.ledger.account_names import korean
from jangbu.periods import RangeBackwards
from jangbu.runtime import Runtime
from jangbu.sheets import Column, Format, Table

JOURNAL = Table(
    "분개장",
    (
        Column("일자", "day"),
        Column("시각", "time"),
        Column("분개 키"),
        Column("줄"),
        Column("종류"),
        Column("계정"),
        Column("계정과목"),
        Column("통화", "currency"),
        Column("차변", "amount"),
        Column("대변", "amount"),
        Column("상점"),
        Column("채널 키"),
        Column("PG"),
        Column("파트너"),
        Column("기록 시각", "time"),
    ),
)


def journal_row(line: store.JournalLine) -> list[Any]:
    """A posting under the headings of `JOURNAL`."""
    return [
        line.happened_at, line.happened_at, line.key, str(line.line), line.kind, line.path, korean(line.path),
        line.currency, max(line.amount_minor, 0), max(-line.amount_minor, 0), line.store_id or None,
        line.channel_key or None, line.pg or None, line.partner_id or None, line.recorded_at,
    ]  # fmt: skip


async def export_journal(
    path: Path,
    *,
    since: datetime,
    until: datetime,
    prefix: str = "",
    account: str = "",
    kind: Format,
    actor: Actor,
    run: Runtime,
) -> int:
    """Write the postings of what happened in [since, until); how many. Who did it stands in the audit log.

    `account`: only entries that touch it, whole.

    Raises RangeBackwards.
    """
    if since > until:
        raise RangeBackwards(field="day")

    async def rows() -> AsyncIterator[list[Any]]:
        query, more = (store.OF_ACCOUNT, {"account": account}) if account else (store.JOURNAL, {})
        async for line in tx.stream(query, since=since, until=until, prefix=prefix, **more):
            yield journal_row(line)

    async with run.db.transaction(snapshot=True, long=True) as tx:
        count = await sheets.write(path, JOURNAL, rows(), kind=kind)
    async with run.db.transaction() as tx:
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=actor,
            action="journal.exported",
            subject="export:journal",
            rows=count,
            format=kind,
            asked={"since": since.isoformat(), "until": until.isoformat(), "prefix": prefix}
            | ({"account": account} if account else {}),
        )
    return count
