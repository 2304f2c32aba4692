"""Who did what, written in the transaction that did it, and sealed like the ledger."""

import getpass
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.checks.chains import of_chain
from jangbu.clock import rfc3339
from jangbu.db import Query, Tx
from jangbu.sealing import Chain, Walk, digest_of

CHAIN = Chain("audit_log", "audit_unsealed", "audit_seal", written_at="at")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `user:<id>`, `key:<id>`, `job:<name>`, `portone`, `cli:<login>`; and the request it came with."""

    name: str
    request_id: str = ""


def operator() -> Actor:
    """Whoever sits at the terminal, by their login there."""
    try:
        return Actor(f"cli:{getpass.getuser()}")
    except (KeyError, OSError):
        # In a container the user may be a bare number.
        return Actor(f"cli:{os.getuid()}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the audit log."""

    at: datetime
    actor: str
    action: str
    subject: str
    facts: dict[str, Any]


RECORD = Query(
    type(None),
    """
    WITH line AS (
        INSERT INTO audit_log (at, actor, action, subject, facts, request_id, digest)
        VALUES (:at, :actor, :action, :subject, :facts, :request_id, :digest) RETURNING id
    )
    INSERT INTO audit_unsealed (id) SELECT id FROM line
    """,
)

OF_SUBJECT = Query(Line, "SELECT at, actor, action, subject, facts FROM audit_log WHERE subject = :subject ORDER BY id")


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line as it lies in the table, with its seal."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: dict[str, Any]
    request_id: str
    digest: bytes
    seq: int | None
    chained: bytes | None
    previous: bytes | None


STORED = Query(
    StoredLine,
    """
    SELECT a.id, a.at, a.actor, a.action, a.subject, a.facts, a.request_id, a.digest, s.seq, s.digest AS chained,
           s.previous
      FROM audit_log a LEFT JOIN audit_seal s ON s.entry_id = a.id ORDER BY s.seq NULLS LAST, a.id
    """,
)

SEALED = Query(
    StoredLine,
    """
    SELECT a.id, a.at, a.actor, a.action, a.subject, a.facts, a.request_id, a.digest, s.seq, s.digest AS chained,
           s.previous
      FROM audit_seal s JOIN audit_log a ON a.id = s.entry_id
     WHERE s.seq > :after AND s.seq <= :upto ORDER BY s.seq
    """,
)


async def record(tx: Tx, *, at: datetime, actor: Actor, action: str, subject: str, **facts: Any) -> None:
    """Write one line. `subject` is `<kind>:<id>`; `facts` are JSON values and never hold secrets or card numbers."""
    await tx.run(
        RECORD,
        at=at,
        actor=actor.name,
        action=action,
        subject=subject,
        facts=facts,
        request_id=actor.request_id,
        digest=_digest(at, actor.name, action, subject, facts, actor.request_id),
    )


def _digest(at: datetime, actor: str, action: str, subject: str, facts: dict[str, Any], request_id: str) -> bytes:
    return digest_of(rfc3339(at), at.microsecond, actor, action, subject, facts, request_id)


def _recomputed(line: StoredLine) -> bytes:
    return _digest(line.at, line.actor, line.action, line.subject, line.facts, line.request_id)


INVARIANTS = of_chain(
    "audit", "감사 기록", CHAIN, page=SEALED, recompute=_recomputed, called=lambda line: f"line:{line.id}"
)


async def walk(tx: Tx) -> tuple[int, Walk]:
    """Recompute every line and follow the chain: how many lines, and what was found."""
    found, lines = Walk(), 0
    async for line in tx.stream(STORED):
        lines += 1
        digest = _recomputed(line)
        if digest != line.digest:
            found.problems.append(f"line {line.id}: what it says is not what was committed")
        if line.seq is not None:
            name = f"line {line.id}"
            found.follow(name, line.id, digest, seq=line.seq, chained=line.chained, previous=line.previous)
    found.finish(await tx.one(CHAIN.length))
    astray = await tx.all(CHAIN.astray)
    found.problems += [f"line {line_id}: is neither sealed nor waits for it, or is both" for line_id in astray]
    return lines, found


async def of_subject(tx: Tx, subject: str) -> list[Line]:
    """Everything done to one subject, in order."""
    return await tx.all(OF_SUBJECT, subject=subject)
