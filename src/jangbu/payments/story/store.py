"""The reads behind the payment pages, which join what other capabilities wrote about a payment (design §3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class SeenWebhook:
    """One delivery about a payment."""

    webhook_id: str
    webhook_type: str | None
    status: str
    error_message: str | None
    request_body: dict[str, Any] | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PostedLeg:
    """One posting of an entry about a payment, with the entry's place in the seal."""

    key: str
    kind: str
    currency: str
    recorded_at: datetime
    path: str
    amount_minor: int
    seq: int | None


WEBHOOKS_OF = Query(
    SeenWebhook,
    """
    SELECT webhook_id, webhook_type, status, error_message, request_body, received_at FROM webhook_logs
     WHERE provider_transaction_id = :portone_payment_id ORDER BY received_at, id LIMIT 200
    """,
)
LEGS_OF = Query(
    PostedLeg,
    """
    SELECT e.key, e.kind, e.currency, e.recorded_at, a.path, p.amount_minor, s.seq
      FROM ledger_entries e
      JOIN ledger_postings p ON p.entry_id = e.id
      JOIN ledger_accounts a ON a.id = p.account_id
      LEFT JOIN ledger_seal s ON s.entry_id = e.id
     WHERE e.key LIKE :prefix || '%' ORDER BY e.recorded_at, e.id, p.line
    """,
)


async def webhooks_of(tx: Tx, portone_payment_id: str) -> list[SeenWebhook]:
    """Every delivery that named the payment, duplicates included."""
    return await tx.all(WEBHOOKS_OF, portone_payment_id=portone_payment_id)


async def legs_of(tx: Tx, prefix: str) -> list[PostedLeg]:
    """Every posting of the entries whose keys start with `prefix`."""
    return await tx.all(LEGS_OF, prefix=prefix)
