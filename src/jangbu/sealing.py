"""Seals: each row's own digest, chained in commit order, so that an altered, removed or inserted row shows.

Rows commit with their digest and a note in an "unsealed" table, so no writer waits for another. One sealer at a time
takes the rows that no running transaction can still precede and appends them to the chain (design §4.5). Only someone
who can rewrite the whole chain and every copy of its head could hide a change: keep a head elsewhere.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from jangbu.db import Query, Tx

GENESIS = bytes(32)
BATCH = 2_000
_canonical = msgspec.json.Encoder(order="sorted", decimal_format="string")


def digest_of(*facts: Any) -> bytes:
    """SHA-256 over the facts in one canonical JSON form."""
    return hashlib.sha256(_canonical.encode(facts)).digest()


def link(previous: bytes, seq: int, row_id: int, digest: bytes) -> bytes:
    """The chain's digest at `seq`."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + row_id.to_bytes(8, "big") + digest).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """The last link: keep it outside the database, and a rewritten chain shows."""

    seq: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that may be sealed now."""

    id: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Tail:
    """What is committed and not sealed yet: normally a second's worth."""

    rows: int
    oldest: datetime | None


class Chain:
    """The seal of one append-only table (`rows`, with columns id and digest; `written_at` names its time)."""

    def __init__(self, rows: str, unsealed: str, seal: str, *, written_at: str) -> None:
        self.rows, self.unsealed, self.seal_table, self.written_at = rows, unsealed, seal, written_at
        self.lock = Query(bool, f"SELECT pg_try_advisory_xact_lock(hashtextextended('{seal}', 0))")
        self.head = Query(Head, f"SELECT seq, digest FROM {seal} ORDER BY seq DESC LIMIT 1")
        # A row whose xid is in this server's future came with a restored dump: nothing can precede it any more.
        self.waiting = Query(
            Waiting,
            f"""
            SELECT r.id, r.digest FROM {unsealed} u JOIN {rows} r ON r.id = u.id
             WHERE u.xid < pg_snapshot_xmin(pg_current_snapshot())
                OR u.xid > pg_snapshot_xmax(pg_current_snapshot())
             ORDER BY u.xid, u.id LIMIT :most
            """,
        )
        self.append = Query(
            type(None),
            f"""
            WITH gone AS (DELETE FROM {unsealed} WHERE id = ANY(:ids::bigint[]))
            INSERT INTO {seal} (seq, entry_id, digest, previous)
            SELECT * FROM unnest(:seqs::bigint[], :ids::bigint[], :digests::bytea[], :previouses::bytea[])
            """,
        )
        # Every row is either sealed or noted as waiting, never both and never neither.
        self.astray = Query(
            int,
            f"""
            SELECT r.id FROM {rows} r LEFT JOIN {seal} s ON s.entry_id = r.id LEFT JOIN {unsealed} u ON u.id = r.id
             WHERE (s.seq IS NULL) = (u.id IS NULL) ORDER BY r.id
            """,
        )
        self.link = Query(bytes, f"SELECT digest FROM {seal} WHERE seq = :seq")
        self.length = Query(int, f"SELECT count(*) FROM {seal}")
        self.tail = Query(
            Tail,
            f"""
            SELECT count(*) AS rows, min(r.{written_at}) AS oldest
              FROM {rows} r LEFT JOIN {seal} s ON s.entry_id = r.id WHERE s.seq IS NULL
            """,
        )

        # The same by what waits and not by what exists: for whoever looks every few seconds.
        self.waits = Query(
            Tail,
            f"SELECT count(*) AS rows, min(r.{written_at}) AS oldest FROM {unsealed} u JOIN {rows} r ON r.id = u.id",
        )

    async def seal(self, tx: Tx) -> int:
        """Chain what can be chained now, `BATCH` rows at most; how many. Does nothing while another sealer is at it."""
        if not await tx.one(self.lock):
            return 0
        waiting = await tx.all(self.waiting, most=BATCH)
        if not waiting:
            return 0
        head = await tx.maybe(self.head) or Head(0, GENESIS)
        seqs, digests, previouses = [], [], []
        previous = head.digest
        for seq, row in enumerate(waiting, start=head.seq + 1):
            seqs.append(seq)
            previouses.append(previous)
            previous = link(previous, seq, row.id, row.digest)
            digests.append(previous)
        await tx.run(self.append, seqs=seqs, ids=[row.id for row in waiting], digests=digests, previouses=previouses)
        return len(waiting)


class Walk:
    """Follows a chain row by row, in seal order, from `head` on, and notes whatever does not fit. Pure."""

    def __init__(self, head: Head = Head(0, GENESIS)) -> None:
        self.head = head
        self.rows = 0
        self.problems: list[str] = []

    def follow(
        self, name: str, row_id: int, digest: bytes, *, seq: int, chained: bytes | None, previous: bytes | None
    ) -> None:
        """The next sealed row. `digest` is recomputed from what the row says now, never the stored one."""
        self.rows += 1
        if seq != self.head.seq + 1:
            self.problems.append(f"the seal jumps from {self.head.seq} to {seq}")
        elif previous != self.head.digest:
            self.problems.append(f"seal {seq} does not follow from the one before it")
        if chained != link(previous or GENESIS, seq, row_id, digest):
            self.problems.append(f"seal {seq} does not fit {name}")
        self.head = Head(seq, chained or GENESIS)

    def finish(self, seal_rows: int) -> None:
        """`seal_rows` is how many seals there are: more than we met means that sealed rows are gone."""
        if seal_rows != self.rows:
            self.problems.append(f"{seal_rows - self.rows} sealed rows are gone")
