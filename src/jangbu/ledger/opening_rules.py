"""Opening balances: what each account holds when Jangbu takes over, as somebody states it. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jangbu.errors import Refusal
from jangbu.ledger.rules import PATHS, Account, Entry, Posting
from jangbu.money import AMOUNT_MINOR_MAX, EXPONENTS, Money

COLUMNS = ("account", "currency", "debit", "credit")
OPTIONAL = ("storeId", "channelKey", "pg", "partner")
REST = "equity:opening"
"""Where the difference goes: what the business is worth before Jangbu knew of it."""


class OpeningRefused(Refusal):
    """A file with problems opens nothing; each is named by its line."""

    code = "OPENING_REFUSED"
    http_status = 422
    ko = "기초 잔액 파일에 문제가 {count}건 있어 아무것도 기록하지 않았습니다."
    en = "The file of opening balances has {count} problems, so nothing was posted. --dry-run names them by line."


class OpenedOtherwise(Refusal):
    """The books were opened on that day before, with other figures. An entry is never changed."""

    code = "BOOKS_OPENED_OTHERWISE"
    http_status = 409
    ko = "그날의 기초 잔액이 이미 다른 금액으로 기록되어 있습니다({key})."
    en = "The books were opened on that day already, with other figures ({key})."


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line; line 0 is the file as a whole."""

    line: int
    what: str


Key = tuple[Account, str]
"""An account with its dimensions, and a currency."""


def stated(rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[dict[Key, int], list[Problem]]:
    """What the file says each account holds, debits positive; and every problem."""
    found: dict[Key, int] = {}
    problems: list[Problem] = []
    for line, row in rows:
        path, currency = row["account"].strip(), row["currency"].strip()
        sides = [row[name].strip() or "0" for name in ("debit", "credit")]
        if path not in PATHS or path == REST:
            problems.append(Problem(line, f"{path[:60]!r} is no account that can be stated"))
        elif currency not in EXPONENTS:
            problems.append(Problem(line, f"{currency[:10]!r} is no currency of ours"))
        elif not all(side.isascii() and side.isdigit() and int(side[:17]) <= AMOUNT_MINOR_MAX for side in sides):
            problems.append(Problem(line, "debit and credit are whole numbers of minor units, or empty"))
        elif all(int(side) for side in sides):
            problems.append(Problem(line, "an account stands on one side"))
        else:
            dimensions = [(row.get(name) or "").strip() for name in OPTIONAL]
            key = (Account(path, *dimensions), currency)
            if key in found:
                problems.append(Problem(line, "this account stands in the file twice"))
            found[key] = int(sides[0]) - int(sides[1])
    return found, problems


def _on_its_side(minor: int, currency: str) -> str:
    # As the file would have to say it: a column and a figure, no sign.
    return f"{Money(abs(minor), currency)} in {'debit' if minor > 0 else 'credit'}"


def unstated(held: Mapping[Key, int], said: Mapping[Key, int]) -> list[Problem]:
    """Accounts that hold something already and that the file leaves out: whoever means nothing says 0."""
    return [
        Problem(
            0,
            f"{_named(key)} holds {_on_its_side(held[key], key[1])} at that time and is not in the file; "
            "say 0 to clear it",
        )
        for key in sorted(held)
        if held[key] and key not in said and key[0].path != REST
    ]


def entries(held: Mapping[Key, int], said: Mapping[Key, int], *, day: str, at: datetime) -> list[Entry]:
    """What brings every stated account to its figure, one entry for each currency; the rest goes to equity."""
    made = []
    for currency in sorted({key[1] for key in said}):
        legs = [
            Posting(key[0], Money(said[key] - held.get(key, 0), currency))
            for key in sorted(said)
            if key[1] == currency and said[key] != held.get(key, 0)
        ]
        rest = -sum(leg.amount.amount_minor for leg in legs)
        if rest:
            legs.append(Posting(Account(REST), Money(rest, currency)))
        if legs:
            made.append(Entry(f"opening:{day}:{currency}", "books.opened", at, tuple(legs), {"day": day}))
    return made


def _named(key: Key) -> str:
    account = key[0]
    parts = [account.path, account.store_id, account.channel_key, account.pg, account.partner_id]
    return " / ".join(part for part in parts if part)
