"""Reading the journal for people: a page of entries, the latest first, each with its postings and its seal."""

from datetime import datetime

from jangbu.db import Query, Tx
from jangbu.ledger.store import STORED_COLUMNS, STORED_TABLES, StoredEntry

# LIKE, and not starts_with: with this pattern the index on keys can be used where the database sorts by bytes.
PAGE = Query(
    int,
    """
    SELECT e.id FROM ledger_entries e
     WHERE e.happened_at >= :since AND e.happened_at < :until AND (e.happened_at, e.id) < (:before_at, :before_id)
       AND e.happened_at <= :before_at AND e.key LIKE :pattern
       AND (:account = '' OR EXISTS (SELECT FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
                                      WHERE p.entry_id = e.id AND a.path = :account))
     ORDER BY e.happened_at DESC, e.id DESC LIMIT :most
    """,
)
STORED_OF = Query(
    StoredEntry,
    f"""
    SELECT {STORED_COLUMNS} FROM {STORED_TABLES}
     WHERE e.id = ANY(:ids::bigint[]) GROUP BY e.id, s.seq ORDER BY e.happened_at DESC, e.id DESC
    """,
)
ACCOUNTS = Query(str, "SELECT DISTINCT path FROM ledger_accounts ORDER BY path")


async def page(
    tx: Tx,
    *,
    since: datetime,
    until: datetime,
    prefix: str,
    account: str,
    before: tuple[datetime, int],
    most: int,
) -> list[StoredEntry]:
    """Entries that happened in [since, until), below a place in the list, the latest first.

    Of those whose key begins with `prefix` and that touch `account`; "" stands for any.
    """
    escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    ids = await tx.all(
        PAGE,
        since=since,
        until=until,
        pattern=f"{escaped}%",
        account=account,
        before_at=before[0],
        before_id=before[1],
        most=most,
    )
    return await tx.all(STORED_OF, ids=ids)


async def accounts(tx: Tx) -> list[str]:
    """Every account that anything was ever posted to, by its path."""
    return await tx.all(ACCOUNTS)
