"""The table at the end: PortOne's own count and sum beside ours and beside the ledger's, line by line."""

from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from jangbu.ledger.service import Proof
from jangbu.money import Money, written
from jangbu.payments.store import CountAndSum

_GIVEN_BACK = {"PARTIAL_CANCELLED", "CANCELLED"}
_TAKEN = {"PAID", *_GIVEN_BACK}
# PortOne has not heard of a window that nobody opened; ours is READY then. The words are otherwise PortOne's.
_STATES = ("PAID", "FAILED", "READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "PARTIAL_CANCELLED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Booked:
    """(count, sum in minor units) of what the ledger says was taken and given back."""

    taken: tuple[int, int]
    given_back: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One state, or one way money went: (count, sum in minor units) by PortOne, by our payments, and by the ledger
    where it has a say."""

    name: str
    portone: tuple[int, int]
    ours: tuple[int, int]
    ledger: tuple[int, int] | None = None

    @property
    def equal(self) -> bool:
        return self.portone == self.ours and self.ledger in (None, self.portone)


def compare(state: dict[str, Any], ours: list[CountAndSum], booked: Booked, currency: str = "KRW") -> list[Line]:
    """The lines of the table: the states, then the money. `state` is what the sandbox says at /__sandbox__/state."""
    theirs = state["payments"].get(currency, {})
    mine = {line.status: line for line in ours if line.currency == currency}
    lines = []
    for name in (*_STATES, *sorted(set(mine) - set(_STATES))):
        there = theirs.get(name, {"count": 0, "total": 0})
        portone, here = (there["count"], there["total"]), mine.get(name)
        if here is not None or portone != (0, 0):
            lines.append(Line(name, portone, (here.count, here.total_minor) if here else (0, 0)))
    taken, returned = _TAKEN & mine.keys(), _GIVEN_BACK & mine.keys()
    return [
        *lines,
        Line(
            "taken",
            _over(theirs, _TAKEN, "total"),
            (sum(mine[name].count for name in taken), sum(mine[name].total_minor for name in taken)),
            booked.taken,
        ),
        Line(
            "given back",
            _over(theirs, _GIVEN_BACK, "cancelled"),
            (sum(mine[name].count for name in returned), sum(mine[name].cancelled_minor for name in returned)),
            booked.given_back,
        ),
    ]


def _over(theirs: dict[str, dict[str, int]], states: set[str], figure: str) -> tuple[int, int]:
    rows = [row for name, row in theirs.items() if name in states]
    return sum(row["count"] for row in rows), sum(row[figure] for row in rows)


def show(console: Console, lines: list[Line], proof: Proof, seconds: int, *, currency: str = "KRW") -> bool:
    """Draw the table and both verdicts; whether everything held."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("state", no_wrap=True)
    for source in ("PortOne says", "Jangbu says", "the ledger says"):
        table.add_column(source, justify="right", no_wrap=True)
    table.add_column("=", justify="center")
    for line in lines:
        if line.name == "taken":
            table.add_section()
        cells = (_cell(line.portone, currency), _cell(line.ours, currency), _cell(line.ledger, currency))
        table.add_row(line.name, *cells, "[green]✓[/]" if line.equal else "[red bold]✗[/]")
    console.print(table)
    unaltered, complete = proof.unaltered, proof.complete
    mark = {True: "[green]✓[/]", False: "[red bold]✗[/]"}
    console.print(
        f"{mark[unaltered.holds]} books unaltered: {unaltered.entries} entries, {unaltered.sealed} sealed, "
        f"head {unaltered.head.digest.hex()[:16]}"
    )
    for problem in unaltered.problems:
        console.print(f"    [red]{problem}[/]")
    console.print(f"{mark[complete.holds]} books complete: {complete.expected} entries expected, all there")
    for key in (*complete.missing, *complete.unexpected):
        console.print(f"    [red]{key}[/]")
    held = all(line.equal for line in lines) and bool(lines) and proof.holds
    verdict = "[green bold]Every won accounted for.[/]" if held else "[red bold]The figures differ. See above.[/]"
    console.print(f"{verdict} [dim]({seconds} s)[/]", highlight=False)
    return held


def _cell(pair: tuple[int, int] | None, currency: str) -> str:
    return "—" if pair is None else f"{pair[0]:,}  {written(Money(pair[1], currency)):>11}"
