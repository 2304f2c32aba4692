"""All SQL of the ledger's tables."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.db import Query, Tx
from jangbu.ledger.rules import Account, Entry, entry_digest
from jangbu.sealing import Chain, link

CHAIN = Chain("ledger_entries", "ledger_unsealed", "ledger_seal", written_at="recorded_at")

ACCOUNT_ID = Query(
    int,
    """
    SELECT id FROM ledger_accounts
     WHERE path = :path AND store_id = :store_id AND channel_key = :channel_key AND pg = :pg
       AND partner_id = :partner_id AND currency = :currency
    """,
)
ADD_ACCOUNT = Query(
    int,
    """
    INSERT INTO ledger_accounts (path, store_id, channel_key, pg, partner_id, currency)
    VALUES (:path, :store_id, :channel_key, :pg, :partner_id, :currency)
    ON CONFLICT DO NOTHING RETURNING id
    """,
)

POST = Query(
    int,
    """
    WITH entry AS (
        INSERT INTO ledger_entries (key, kind, currency, happened_at, recorded_at, facts, digest)
        VALUES (:key, :kind, :currency, :happened_at, :recorded_at, :facts, :digest)
        ON CONFLICT (key) DO NOTHING RETURNING id
    ), legs AS (
        INSERT INTO ledger_postings (entry_id, line, account_id, amount_minor)
        SELECT entry.id, leg.line, leg.account_id, leg.amount_minor
          FROM entry, unnest(:account_ids::bigint[], :amounts::bigint[])
               WITH ORDINALITY AS leg (account_id, amount_minor, line)
    ), queued AS (
        INSERT INTO ledger_unsealed (id) SELECT id FROM entry
    )
    SELECT id FROM entry
    """,
)


@dataclass(frozen=True, slots=True)
class Balance:
    """What one account holds: debits positive."""

    path: str
    store_id: str
    channel_key: str
    pg: str
    partner_id: str
    currency: str
    balance_minor: int


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One posting with its entry's facts."""

    entry_id: int
    key: str
    kind: str
    currency: str
    happened_at: datetime
    recorded_at: datetime
    facts: dict[str, Any]
    line: int
    path: str
    store_id: str
    channel_key: str
    pg: str
    partner_id: str
    amount_minor: int


_BALANCE_COLUMNS = """
    a.path, a.store_id, a.channel_key, a.pg, a.partner_id, a.currency, sum(b.balance_minor)::bigint AS balance_minor
"""
_BY_ACCOUNT = """
    GROUP BY a.path, a.store_id, a.channel_key, a.pg, a.partner_id, a.currency ORDER BY a.path, a.store_id, a.currency,
    a.pg, a.channel_key, a.partner_id
"""

NOW = """
    latest AS (SELECT coalesce(max(through_seq), 0) AS seq FROM ledger_snapshots),
    head AS (SELECT coalesce(max(seq), 0) AS seq FROM ledger_seal),
    b AS (
        SELECT account_id, balance_minor FROM ledger_snapshots WHERE through_seq = (SELECT seq FROM latest)
        UNION ALL
        -- Between two bounds, though the second goes without saying: of one alone the planner expects a third of all
        -- seals, and would read every posting there is to find the last few.
        SELECT p.account_id, p.amount_minor FROM ledger_seal s JOIN ledger_postings p USING (entry_id)
         WHERE s.seq > (SELECT seq FROM latest) AND s.seq <= (SELECT seq FROM head)
        UNION ALL
        SELECT p.account_id, p.amount_minor FROM ledger_unsealed u JOIN ledger_postings p ON p.entry_id = u.id
    )
"""
"""What every account holds, for the WITH of a statement: `b (account_id, balance_minor)` adds up to it."""
BALANCES = Query(
    Balance,
    f"WITH {NOW} SELECT {_BALANCE_COLUMNS} FROM b JOIN ledger_accounts a ON a.id = b.account_id {_BY_ACCOUNT}",
)
BALANCES_AT = Query(
    Balance,
    f"""
    WITH b AS (
        SELECT p.account_id, p.amount_minor AS balance_minor FROM ledger_entries e JOIN ledger_postings p
            ON p.entry_id = e.id WHERE e.happened_at <= :at
    )
    SELECT {_BALANCE_COLUMNS} FROM b JOIN ledger_accounts a ON a.id = b.account_id {_BY_ACCOUNT}
    """,
)
TAKE_SNAPSHOT = Query(
    type(None),
    """
    WITH latest AS (SELECT coalesce(max(through_seq), 0) AS seq FROM ledger_snapshots),
    head AS (SELECT coalesce(max(seq), 0) AS seq FROM ledger_seal),
    b AS (
        SELECT account_id, balance_minor FROM ledger_snapshots, latest WHERE through_seq = latest.seq
        UNION ALL
        SELECT p.account_id, p.amount_minor FROM latest, head, ledger_seal s
          JOIN ledger_postings p USING (entry_id) WHERE s.seq > latest.seq AND s.seq <= head.seq
    )
    INSERT INTO ledger_snapshots (through_seq, account_id, balance_minor)
    SELECT head.seq, b.account_id, sum(b.balance_minor) FROM b, head, latest
     WHERE head.seq >= latest.seq + :every GROUP BY head.seq, b.account_id
    """,
)

_JOURNAL = """
    SELECT e.id AS entry_id, e.key, e.kind, e.currency, e.happened_at, e.recorded_at, e.facts, p.line::int AS line,
           a.path, a.store_id, a.channel_key, a.pg, a.partner_id, p.amount_minor
      FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
"""
JOURNAL = Query(
    JournalLine,
    f"""
    {_JOURNAL} WHERE e.happened_at >= :since AND e.happened_at < :until AND starts_with(e.key, :prefix)
     ORDER BY e.happened_at, e.id, p.line
    """,
)
OF_ACCOUNT = Query(
    JournalLine,
    f"""
    {_JOURNAL} WHERE e.happened_at >= :since AND e.happened_at < :until AND starts_with(e.key, :prefix)
       AND EXISTS (SELECT FROM ledger_postings q JOIN ledger_accounts b ON b.id = q.account_id
                    WHERE q.entry_id = e.id AND b.path = :account)
     ORDER BY e.happened_at, e.id, p.line
    """,
)
"""Whole entries that touch an account, so that the file balances."""
OF_KEY = Query(JournalLine, f"{_JOURNAL} WHERE e.key = :key ORDER BY p.line")


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it lies in the tables, for proving it. `legs` are (path, store, channel, pg, partner, amount)."""

    id: int
    key: str
    kind: str
    currency: str
    happened_at: datetime
    recorded_at: datetime
    facts: dict[str, Any]
    digest: bytes
    legs: list[list[Any]]
    seq: int | None
    chained: bytes | None
    previous: bytes | None


def recomputed(entry: StoredEntry) -> bytes:
    """The digest of what the entry says now; it was sealed under the digest of what it said when it was posted."""
    return entry_digest(
        key=entry.key,
        kind=entry.kind,
        currency=entry.currency,
        happened_at=entry.happened_at,
        recorded_at=entry.recorded_at,
        facts=entry.facts,
        postings=[(leg[0], leg[1], leg[2], leg[3], leg[4], leg[5]) for leg in entry.legs],
    )


def is_as_posted(entry: StoredEntry) -> bool:
    """Whether an entry says what it said when it was posted, and what its link of the chain says."""
    digest = recomputed(entry)
    if entry.seq is None or entry.previous is None:
        return digest == entry.digest
    return digest == entry.digest and link(entry.previous, entry.seq, entry.id, digest) == entry.chained


STORED_COLUMNS = """
    e.id, e.key, e.kind, e.currency, e.happened_at, e.recorded_at, e.facts, e.digest,
    coalesce(jsonb_agg(jsonb_build_array(a.path, a.store_id, a.channel_key, a.pg, a.partner_id, p.amount_minor)
             ORDER BY p.line) FILTER (WHERE p.entry_id IS NOT NULL), '[]') AS legs,
    s.seq, s.digest AS chained, s.previous
"""
STORED_TABLES = """
    ledger_entries e
    LEFT JOIN ledger_postings p ON p.entry_id = e.id
    LEFT JOIN ledger_accounts a ON a.id = p.account_id
    LEFT JOIN ledger_seal s ON s.entry_id = e.id
"""
STORED = Query(
    StoredEntry,
    f"SELECT {STORED_COLUMNS} FROM {STORED_TABLES} GROUP BY e.id, s.seq ORDER BY s.seq NULLS LAST, e.id",
)
# What the chain does not cover: notes of what waits, snapshots, and the currency of an account.
BESIDE_THE_CHAIN = Query(
    str,
    f"""
    WITH {NOW},
    shown AS (SELECT account_id, sum(balance_minor) AS minor FROM b GROUP BY account_id),
    true_sum AS (
        SELECT p.account_id, sum(p.amount_minor) AS minor
          FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id GROUP BY p.account_id
    )
    SELECT e.key || CASE WHEN s.seq IS NULL THEN ': is neither sealed nor waits for it, so balances miss it'
                         ELSE ': is sealed and waits for it too, so balances count it twice' END
      FROM ledger_entries e
      LEFT JOIN ledger_seal s ON s.entry_id = e.id
      LEFT JOIN ledger_unsealed u ON u.id = e.id
     WHERE (s.seq IS NULL) = (u.id IS NULL)
    UNION ALL
    SELECT DISTINCT e.key || ': is in ' || e.currency || ' and posts to an account in ' || a.currency
      FROM ledger_entries e
      JOIN ledger_postings p ON p.entry_id = e.id
      JOIN ledger_accounts a ON a.id = p.account_id AND a.currency <> e.currency
    UNION ALL
    SELECT 'account ' || account_id || ': is shown as ' || coalesce(shown.minor, 0) || ', its postings make '
           || coalesce(true_sum.minor, 0)
      FROM shown FULL JOIN true_sum USING (account_id)
     WHERE coalesce(shown.minor, 0) <> coalesce(true_sum.minor, 0)
    """,
)
LINK = Query(bytes, "SELECT digest FROM ledger_seal WHERE seq = :seq")


async def account_id(tx: Tx, account: Account, currency: str) -> int:
    """The account's number, made when it is first needed."""
    known = (account, currency)
    if (found := tx.remembered(known)) is not None:
        return int(found)
    facts = {
        "path": account.path,
        "store_id": account.store_id,
        "channel_key": account.channel_key,
        "pg": account.pg,
        "partner_id": account.partner_id,
        "currency": currency,
    }
    number = await tx.maybe(ACCOUNT_ID, **facts)
    if number is None:
        number = await tx.maybe(ADD_ACCOUNT, **facts)
    if number is None:
        # Someone else made it between the two statements; ON CONFLICT waited for them, so now it can be read.
        number = await tx.one(ACCOUNT_ID, **facts)
    tx.remember(known, number)
    return number


async def insert(tx: Tx, entry: Entry, *, recorded_at: datetime) -> bool:
    """Write the entry in one statement; False when its key was posted before."""
    # Sorted, so that two transactions that both make new accounts take them in one order and cannot deadlock.
    ids = {
        account: await account_id(tx, account, entry.currency)
        for account in sorted({posting.account for posting in entry.postings})
    }
    written = await tx.maybe(
        POST,
        key=entry.key,
        kind=entry.kind,
        currency=entry.currency,
        happened_at=entry.happened_at,
        recorded_at=recorded_at,
        facts=entry.facts,
        digest=entry_digest(
            key=entry.key,
            kind=entry.kind,
            currency=entry.currency,
            happened_at=entry.happened_at,
            recorded_at=recorded_at,
            facts=entry.facts,
            postings=[posting.named() for posting in entry.postings],
        ),
        account_ids=[ids[posting.account] for posting in entry.postings],
        amounts=[posting.amount.amount_minor for posting in entry.postings],
    )
    return written is not None


async def balances(tx: Tx, at: datetime | None = None) -> list[Balance]:
    """Every account's balance, now or as of a past moment (by when things happened)."""
    return await tx.all(BALANCES) if at is None else await tx.all(BALANCES_AT, at=at)


async def journal(tx: Tx, *, since: datetime, until: datetime, prefix: str = "") -> list[JournalLine]:
    """Entries that happened in [since, until) whose key starts with `prefix`, line by line."""
    return await tx.all(JOURNAL, since=since, until=until, prefix=prefix)


async def of_key(tx: Tx, key: str) -> list[JournalLine]:
    """One entry, line by line; nothing when it was never posted."""
    return await tx.all(OF_KEY, key=key)


async def stored(tx: Tx) -> AsyncIterator[StoredEntry]:
    """Every entry with its seal, in seal order, unsealed ones last; a batch at a time."""
    async for entry in tx.stream(STORED):
        yield entry
