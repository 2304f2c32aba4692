"""Entries made by hand, for tests of the ledger that need no payment."""

from datetime import datetime, timedelta
from typing import Any

from jangbu.clock import instant
from jangbu.db import Database, Query
from jangbu.ledger import service
from jangbu.ledger.rules import Account, Entry, credit, debit
from jangbu.ledger.service import Expectation, Proof
from jangbu.money import Money

AT = instant("2026-08-01T03:00:00.123456Z")
RECEIVABLE = Account("assets:pg_receivable", store_id="store-1", channel_key="channel-1", pg="INICIS_V2")
SALES = Account("income:sales", store_id="store-1")
VAT = Account("liabilities:vat_payable", store_id="store-1")

EVERY_KEY = Query(str, "SELECT key FROM ledger_entries WHERE starts_with(key, 'hand:')")
ALL_KEYS_AS_THEY_ARE = Expectation("by hand", "hand:", EVERY_KEY)
"""Expects whatever there is, so that only *unaltered* speaks."""


def entry(
    number: int,
    amount: int = 11_000,
    *,
    currency: str = "KRW",
    kind: str = "test.sold",
    at: datetime | None = None,
    facts: dict[str, Any] | None = None,
    debited: Account = RECEIVABLE,
    credited: Account = SALES,
) -> Entry:
    """`amount` from `credited` to `debited`, a minute after the entry before it."""
    money = Money(amount, currency)
    return Entry(
        key=f"hand:{number}",
        kind=kind,
        happened_at=at or AT + timedelta(minutes=number),
        postings=(*debit(debited, money), *credit(credited, money)),
        facts={"number": number, "이름": "보리차"} if facts is None else facts,
    )


async def post(db: Database, *entries: Entry) -> list[bool]:
    """Each in a transaction of its own."""
    posted = []
    for one in entries:
        async with db.transaction() as tx:
            posted.append(await service.post(tx, one, recorded_at=AT))
    return posted


async def proof_of(db: Database) -> Proof:
    """What `books verify` says, with nothing to complain of but alteration."""
    return await service.verify(db=db, at=AT, expectations=[ALL_KEYS_AS_THEY_ARE])


async def sums(db: Database, at: datetime | None = None) -> dict[tuple[str, str], int]:
    """Balances by path and currency."""
    found: dict[tuple[str, str], int] = {}
    for line in await service.balances(db=db, at=at):
        found[line.path, line.currency] = found.get((line.path, line.currency), 0) + line.balance_minor
    return found
