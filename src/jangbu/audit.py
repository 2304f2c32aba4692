"""Who did what, written in the transaction that did it, and sealed like the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.clock import rfc3339
from jangbu.db import Query, Tx
from jangbu.sealing import Chain, digest_of

CHAIN = Chain("audit_log", "audit_unsealed", "audit_seal", written_at="at")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `user:<id>`, `key:<id>`, `job:<name>`, `portone`, `cli:<login>`; and the request it came with."""

    name: str
    request_id: str = ""


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
        digest=digest_of(rfc3339(at), actor.name, action, subject, facts, actor.request_id),
    )


async def of_subject(tx: Tx, subject: str) -> list[Line]:
    """Everything done to one subject, in order."""
    return await tx.all(OF_SUBJECT, subject=subject)
