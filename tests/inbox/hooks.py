"""Webhooks signed as PortOne signs them, and a look at the log they leave."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from jangbu.db import Query
from jangbu.inbox import service
from jangbu.inbox.store import Delivery
from jangbu.portone import signature
from jangbu.runtime import Runtime

COLUMNS = """
    SELECT id, webhook_id, webhook_type, payment_id, provider_transaction_id, request_body, body_sha256,
           response_status, response_body, status, error_message, received_at, processed_at FROM webhook_logs
"""
LOG = Query(Delivery, f"{COLUMNS} ORDER BY webhook_id")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One job that waits."""

    name: str
    dedupe_key: str | None
    arguments: dict[str, Any]


JOBS = Query(
    Waiting,
    """
    SELECT entrypoint AS name, dedupe_key, convert_from(payload, 'UTF8')::jsonb AS arguments FROM pgqueuer
     WHERE status IN ('queued', 'picked') ORDER BY id
    """,
)


@dataclass(frozen=True)
class PortOneSends:
    """Sends to the inbox as PortOne would, or nearly."""

    run: Runtime

    async def __call__(
        self,
        body: bytes,
        *,
        webhook_id: str = "wh-1",
        at: datetime | None = None,
        content_type: str = "application/json",
        change: Callable[[dict[str, str]], dict[str, str]] = dict,
        changed_body: bytes | None = None,
    ) -> bool:
        """Deliver `body`; `change` and `changed_body` spoil it after it was signed."""
        secret = self.run.settings.webhook_secrets[0]
        headers = signature.sign(secret, webhook_id, at or self.run.clock.now(), body)
        headers = change({**headers, "content-type": content_type})
        return await service.receive(headers, body if changed_body is None else changed_body, run=self.run)

    async def log(self) -> list[Delivery]:
        """Every row of the log."""
        async with self.run.db.transaction() as tx:
            return await tx.all(LOG)

    async def jobs(self) -> list[Waiting]:
        """Every job that waits."""
        async with self.run.db.transaction() as tx:
            return await tx.all(JOBS)


def a_body(type_: str = "Transaction.Paid", payment_id: str = "p-1", **data: Any) -> bytes:
    """A webhook of the current version (portone-facts §4.1)."""
    return msgspec.json.encode(
        {
            "type": type_,
            "timestamp": "2026-08-01T03:00:00.000Z",
            "data": {"storeId": "store-1", "paymentId": payment_id, "transactionId": "tx-1", **data},
        }
    )
