"""Opening the books at a day: what the accounts hold when Jangbu takes over from another system."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from jangbu import audit
from jangbu.audit import Actor
from jangbu.clock import SEOUL
from jangbu.db import Query, Tx
from jangbu.errors import SetupProblem
from jangbu.ledger import store
from jangbu.ledger.opening_rules import (
    COLUMNS,
    OPTIONAL,
    Key,
    OpenedOtherwise,
    OpeningRefused,
    Problem,
    entries,
    stated,
    unstated,
)
from jangbu.ledger.rules import Account, Entry
from jangbu.ledger.service import post
from jangbu.runtime import Runtime

SUBJECT = "books:opening"
# The audit log is sealed by itself, so it is a witness of its own to which openings there must be.
EXPECTED_KEYS = Query(str, "SELECT facts ->> 'key' FROM audit_log WHERE subject = 'books:opening'")


@dataclass(frozen=True, slots=True)
class Opening:
    """What was posted, or would be; `is_known` when it was posted before."""

    entries: list[Entry]
    problems: list[Problem]
    is_known: bool = False


async def look(path: Path, day: date, *, run: Runtime) -> Opening:
    """What a file would open the books with, and every problem. Changes nothing. Raises SetupProblem."""
    said, problems = stated(_rows(path))
    async with run.db.transaction(snapshot=True, long=True) as tx:
        return await _looked_at(tx, said, problems, day, run.clock.now())


async def open_books(path: Path, day: date, *, actor: Actor, run: Runtime) -> Opening:
    """Post what the accounts held when `day` began in Korea, in one transaction; once, however often it is asked.

    Raises OpeningRefused, OpenedOtherwise.
    """
    said, problems = stated(_rows(path))
    now = run.clock.now()
    async with run.db.transaction(long=True) as tx:
        opening = await _looked_at(tx, said, problems, day, now)
        if opening.problems:
            raise OpeningRefused(count=len(opening.problems))
        is_new = False
        for entry in opening.entries:
            if await _is_posted(tx, entry):
                continue
            is_new |= await post(tx, entry, recorded_at=now)
            await audit.record(tx, at=now, actor=actor, action="books.opened", subject=SUBJECT, key=entry.key)
        return Opening(opening.entries, [], is_known=not is_new)


async def _looked_at(tx: Tx, said: dict[Key, int], problems: list[Problem], day: date, now: datetime) -> Opening:
    at = datetime.combine(day, time(), SEOUL)
    # Up to the moment before: an opening that was posted already is not counted in.
    held = {_key(one): one.balance_minor for one in await store.balances(tx, at - timedelta(microseconds=1))}
    problems = [*problems, *unstated(held, said)]
    if at > now:
        problems.append(Problem(0, f"{day} has not begun yet"))
    return Opening(entries(held, said, day=day.isoformat(), at=at), problems)


async def _is_posted(tx: Tx, entry: Entry) -> bool:
    known = await store.of_key(tx, entry.key)
    if not known:
        return False
    legs = [(one.path, one.store_id, one.channel_key, one.pg, one.partner_id, one.amount_minor) for one in known]
    if legs != [posting.named() for posting in entry.postings]:
        raise OpenedOtherwise(key=entry.key)
    return True


def _key(one: store.Balance) -> Key:
    return Account(one.path, one.store_id, one.channel_key, one.pg, one.partner_id), one.currency


def _rows(path: Path) -> list[tuple[int, Mapping[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = set(reader.fieldnames or ())
            if not set(COLUMNS) <= names <= {*COLUMNS, *OPTIONAL}:
                raise SetupProblem(
                    f"{path} needs the columns {', '.join(COLUMNS)}; there may be {', '.join(OPTIONAL)}."
                )
            rows: list[tuple[int, Mapping[str, str]]] = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as unreadable:
        raise SetupProblem(f"{path} is no CSV table in UTF-8: {unreadable}.") from unreadable
    if any(None in row or None in row.values() for _, row in rows):
        raise SetupProblem(f"{path} has a line with more or fewer cells than its heading.")
    return rows
