"""What must always hold, asked of the database while it works (reliability §4).

A check is a question whose right answer is "no rows". Each capability states its own as `INVARIANTS`; wiring collects
them; a job asks each minute and each night, `jangbu doctor --deep` asks when told to.

The minute's run costs what changed, not what exists. A check over history that only grows names its `Growth`: the run
looks above the checkpoint where the last one ended, and never at more than a step of it, so that a first run over
millions of rows advances in steps instead of timing out. A check over what waits (held jobs, open webhooks) looks at
all of it through a partial index: in a healthy house that is nothing. The night's run looks at everything from the
start. What that means for finding a fault: damage above the checkpoint is found within a minute, damage below it
(somebody altered an old row) within a day.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.db import Query, Tx

SHOWN_MAX = 100
"""How many broken rows a run names; it counts them all."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One row that should not be: the thing's key (`payment:<id>`, `webhook:<id>`, …), and what is wrong with it."""

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one check found: the first `SHOWN_MAX` rows by key, and how many there are in all."""

    count: int = 0
    rows: tuple[Broken, ...] = ()

    @classmethod
    def of(cls, rows: list[Broken]) -> "Found":
        """All of `rows`, shown as far as they may be."""
        return cls(len(rows), tuple(sorted(rows, key=lambda row: row.key)[:SHOWN_MAX]))


@dataclass(frozen=True, slots=True)
class Span:
    """What one run looks at: the growth in (after, upto], and where the clock stands.

    A full run looks at everything, inside and outside of what grows. `kept` is what `Check.keep` said after the last
    run of this kind that found nothing; None at first.
    """

    now: datetime
    after: int = 0
    upto: int = 0
    full: bool = False
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """How something that only grows is measured: `upto` answers where a run that begins at `:after` may end.

    Its answer is at most about `:step` rows further, and never less than `:after`. Numbers must be given in commit
    order, or the check has to look back a little: a row that commits late below the checkpoint would never be seen.
    """

    name: str
    upto: Query[int]


Look = Callable[[Tx, Span], Awaitable[Found]]
Keep = Callable[[Tx, Span], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `id` is reliability §4's, or a number above I25; the sentences say what holds, not what broke.

    With neither `growth` nor `nightly` every run looks at everything. `keep` says, after a run that found nothing, what
    the next run of the same kind is to be held against.
    """

    id: str
    ko: str
    en: str
    look: Look
    growth: Growth | None = None
    nightly: bool = False
    keep: Keep | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A broken row as PostgreSQL returns it."""

    key: str
    what: str
    found: int


class Sql:
    """A look that is one SELECT of (key, what), both text.

    Of the span it may name `:after`, `:upto`, `:full` and `:now`; `given` fills other parameters, when the check runs.
    """

    def __init__(self, select: str, given: Callable[[], Mapping[str, Any]] = dict) -> None:
        self.query = Query(
            Counted,
            f"""
            SELECT key, what, count(*) OVER () AS found FROM ({select}) broken (key, what)
             ORDER BY key LIMIT {SHOWN_MAX}
            """,
        )
        self._given = given

    async def __call__(self, tx: Tx, span: Span) -> Found:
        facts = {"after": span.after, "upto": span.upto, "full": span.full, "now": span.now, **self._given()}
        rows = await tx.all(self.query, **{name: facts[name] for name in self.query.names})
        return Found(rows[0].found if rows else 0, tuple(Broken(row.key, row.what) for row in rows))
