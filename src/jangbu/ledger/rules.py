"""What an entry is: balanced postings in one currency, named by the fact it records. No I/O.

Signs: a debit is positive, a credit negative, so a balanced entry sums to zero. Assets and expenses grow by debits;
liabilities, income and equity by credits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jangbu.clock import rfc3339
from jangbu.money import Money
from jangbu.sealing import digest_of

ACCOUNTS = {
    "assets": ("pg_receivable", "pg_in_transit", "bank", "input_vat", "partner_receivable", "disputed"),
    "liabilities": ("vat_payable", "partner_payable", "withholding_tax", "payouts_payable", "suspense"),
    "income": ("sales", "discounts"),
    "expenses": ("pg_fee", "partner_share", "payouts", "rounding", "write_off", "fx"),
    "equity": ("opening",),
}
"""The chart of accounts (design §4.5). An account outside it cannot be posted to."""

PATHS = frozenset(f"{kind}:{name}" for kind, names in ACCOUNTS.items() for name in names)
DEBIT_KINDS = frozenset({"assets", "expenses"})


Leg = tuple[str, str, str, str, str, int]
"""(path, store, channel, pg, partner, amount in minor units)"""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Where a posting sits: a path of the chart, and its dimensions. An empty one means "not told apart by this"."""

    path: str
    store_id: str = ""
    channel_key: str = ""
    pg: str = ""
    partner_id: str = ""

    def __post_init__(self) -> None:
        assert self.path in PATHS, f"{self.path} is not in the chart of accounts"


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: positive is a debit, negative a credit."""

    account: Account
    amount: Money

    def __post_init__(self) -> None:
        assert self.amount.amount_minor != 0, "a posting of nothing is noise"

    def named(self) -> "Leg":
        """The leg in words, as it goes into the digest."""
        account = self.account
        return (
            account.path,
            account.store_id,
            account.channel_key,
            account.pg,
            account.partner_id,
            self.amount.amount_minor,
        )


def debit(account: Account, amount: Money) -> tuple[Posting, ...]:
    """A debit leg; nothing when the amount is zero, so that callers need not ask."""
    assert amount.amount_minor >= 0, "debit takes the amount, not the sign"
    return (Posting(account, amount),) if amount.amount_minor else ()


def credit(account: Account, amount: Money) -> tuple[Posting, ...]:
    """A credit leg; nothing when the amount is zero."""
    assert amount.amount_minor >= 0, "credit takes the amount, not the sign"
    return (Posting(account, -amount),) if amount.amount_minor else ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced fact. `key` reads as what happened (`payment:<id>:captured`) and can be posted once."""

    key: str
    kind: str
    happened_at: datetime
    postings: tuple[Posting, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.postings) >= 2, f"{self.key}: an entry has at least two postings"
        assert len({posting.amount.currency for posting in self.postings}) == 1, f"{self.key}: one entry, one currency"
        assert sum(posting.amount.amount_minor for posting in self.postings) == 0, f"{self.key} does not balance"

    @property
    def currency(self) -> str:
        return self.postings[0].amount.currency


def entry_digest(
    *,
    key: str,
    kind: str,
    currency: str,
    happened_at: datetime,
    recorded_at: datetime,
    facts: dict[str, Any],
    postings: Sequence[Leg],
) -> bytes:
    """SHA-256 over everything an entry says, its legs in line order.

    Accounts go in by name and not by number, so that renaming or re-pointing an account shows too.
    """
    return digest_of(key, kind, currency, _exactly(happened_at), _exactly(recorded_at), facts, postings)


def _exactly(at: datetime) -> str:
    # PostgreSQL keeps microseconds; rfc3339 shows milliseconds. Both parts, so that no change can hide.
    return f"{rfc3339(at)}+{at.microsecond}"


def shown_balance(path: str, amount: Money) -> Money:
    """A balance as accountants read it: positive on the side where the account grows."""
    return amount if path.partition(":")[0] in DEBIT_KINDS else -amount
