"""Payments written straight into the table, in whatever state a list should show."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from jangbu.wiring import Addresses

NOON = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)
TAKEN = {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}


@dataclass(frozen=True)
class Row:
    """One payment."""

    id: UUID
    created_at: datetime
    status: str = "PAID"
    store_id: str = "store-1"
    order_name: str = "보리차"
    order_id: str | None = None
    provider_order_id: str = ""
    provider_transaction_id: str | None = None
    amount: int = 11_000
    currency: str = "KRW"
    review: str = ""
    paid_at: datetime | None = None
    channel_key: str | None = None
    method: dict[str, Any] | None = None
    portone: dict[str, Any] | None = field(default=None)


COLUMNS = (
    "id, created_at, status, store_id, order_name, order_id, provider_order_id, provider_transaction_id, amount, "
    "currency, review, paid_at, channel_key, method, portone, expires_at, tax_profile, cancelled_amount, "
    "cancellable_amount, vat_amount"
)


async def write(where: Addresses, rows: list[Row]) -> None:
    """Write them in one statement each, as the owner: no events, no entries."""
    connection = await asyncpg.connect(where.owner)
    try:
        await connection.set_type_codec("jsonb", encoder=_json, decoder=_same, schema="pg_catalog")
        marks = ", ".join(f"${number}" for number in range(1, COLUMNS.count(",") + 2))
        await connection.executemany(f"INSERT INTO payments ({COLUMNS}) VALUES ({marks})", [_values(r) for r in rows])
        await connection.executemany(
            """
            INSERT INTO payment_disputes (id, payment_id, reason, status, currency, opened_at, created_at)
            VALUES (gen_random_uuid(), $1, '', $2, 'KRW', now(), now())
            """,
            [(row.id, "OPEN" if in_dispute(row) else "WON") for row in rows if row.review],
        )
    finally:
        await connection.close()


def in_dispute(row: Row) -> bool:
    """Every other payment that somebody should look at is in dispute; the others were."""
    return row.review != "" and row.id.int % 2 == 0


def _values(row: Row) -> list[Any]:
    is_taken = row.status in TAKEN
    cancelled = row.amount if row.status == "CANCELLED" else 1000 if row.status == "PARTIAL_CANCELLED" else 0
    return [
        row.id, row.created_at, row.status, row.store_id, row.order_name, row.order_id,
        row.provider_order_id or row.id.hex, row.provider_transaction_id, row.amount, row.currency, row.review,
        (row.paid_at or row.created_at + timedelta(minutes=3)) if is_taken else None, row.channel_key, row.method,
        row.portone, row.created_at + timedelta(days=1), "taxable", cancelled,
        row.amount - cancelled if is_taken else 0, row.amount // 11 if is_taken else 0,
    ]  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value)


def _same(value: str) -> str:
    return value


def uuid(number: int) -> UUID:
    """A fixed id for each number."""
    return UUID(int=number + 1)


def several(count: int, *, seed: int = 0) -> list[Row]:
    """Random payments of every kind, several at the same instant."""
    chance = random.Random(seed)  # noqa: S311
    return [
        Row(
            id=UUID(int=chance.getrandbits(128)),
            created_at=NOON + timedelta(hours=chance.randrange(count // 2)),
            status=chance.choice(["PAID", "PAID", "PAID", "CANCELLED", "PARTIAL_CANCELLED", "FAILED", "READY"]),
            store_id=chance.choice(["store-1", "store-1", "store-2"]),
            order_name=chance.choice(["보리차", "보리차 2병", "모자", "100% 면 셔츠", "a_b", "axb"]),
            order_id=f"order-{number}" if number % 2 else None,
            provider_transaction_id=f"tx-{number}" if number % 3 else None,
            amount=chance.choice([2_000, 11_000, 50_000]),
            currency=chance.choice(["KRW", "KRW", "USD"]),
            review=chance.choice(["", "", "", "other_amount"]),
            channel_key=chance.choice([None, "channel-a", "channel-b"]),
            method=chance.choice([None, {"type": "PaymentMethodCard"}, {"type": "PaymentMethodTransfer"}]),
            portone={"pgTxId": f"pg-{number}", "card": {"number": "4111-1111-1111-1111"}} if number % 2 else None,
        )
        for number in range(count)
    ]
