"""Pairs of measurements, the table people read and the JSON that programs keep."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.neighbours import Neighbours

OUTPUT = Path(__file__).parents[1] / "bench-output"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one benchmark found: `ours[i]` and `yardstick[i]` come from the same round. No yardstick: just a figure."""

    name: str
    unit: str
    ours: list[float]
    yardstick: list[float]
    yardstick_name: str
    target: str
    held: bool | None
    """Whether the target was met; None when nothing was measured."""
    notes: list[str] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    """The share of the machine that other programs used, round by round: what to look at before believing a ratio."""

    @property
    def ratios(self) -> list[float]:
        """Ours over the yardstick, round by round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.yardstick, strict=True)] if self.yardstick else []


@dataclass(frozen=True, slots=True)
class Round:
    """Both figures of one round, and the larger share of the machine that others used during either."""

    ours: float
    yardstick: float
    others: float | None


def compared(
    name: str,
    rounds: Sequence[Round],
    *,
    yardstick_name: str,
    at_least: float,
    notes: Sequence[str] = (),
) -> Finding:
    """A finding from rounds in operations a second."""
    ratios = [one.ours / one.yardstick for one in rounds]
    return Finding(
        name=name,
        unit="/s",
        ours=[one.ours for one in rounds],
        yardstick=[one.yardstick for one in rounds],
        yardstick_name=yardstick_name,
        target=f"≥ {at_least:.2f} ×",
        held=statistics.median(ratios) >= at_least,
        notes=[*notes, *_about_neighbours(rounds)],
        others=[one.others for one in rounds if one.others is not None],
    )


def _about_neighbours(rounds: Sequence[Round]) -> list[str]:
    shares = [one.others for one in rounds if one.others is not None]
    if not shares:
        return []
    quietest = min(rounds, key=lambda one: 1 if one.others is None else one.others)
    shares_told = f"{statistics.median(shares):.0%} of the machine ({min(shares):.0%}–{max(shares):.0%})"
    ratio = quietest.ours / quietest.yardstick
    return [f"others used {shares_told}; in the quietest round the ratio was {ratio:.2f}"]


async def interleaved(
    rounds: int,
    ours: Callable[[], Awaitable[float]],
    yardstick: Callable[[], Awaitable[float]],
    *,
    neighbours: Neighbours,
) -> list[Round]:
    """Measure both in every round, taking turns at going first, so that drift of the machine hits both alike."""
    found = []
    for number in range(rounds):
        neighbours.shares.clear()
        figures: dict[str, float] = {}
        sides = [("ours", ours), ("yardstick", yardstick)]
        for side, measure in sides if number % 2 == 0 else reversed(sides):
            with neighbours.watched():
                figures[side] = await measure()
        found.append(Round(figures["ours"], figures["yardstick"], max(neighbours.shares, default=None)))
    return found


def machine(postgres_version: str) -> dict[str, str]:
    """What the figures were measured on: without it they mean nothing."""
    return {
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": postgres_version,
        "revision": _revision(),
        "load_at_start": f"{os.getloadavg()[0]:.1f}",
    }


def _revision() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def table(findings: Sequence[Finding], on: dict[str, str]) -> str:
    """The findings for people, a line each, the notes and the machine under them."""
    rows = [("name", "ours", "yardstick", "ratio: median (min–max)", "target", ""), *(_row(one) for one in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{one.name}: {note}" for one in findings for note in one.notes]
    return "\n".join([*lines, "", *notes, ", ".join(f"{name} {value}" for name, value in on.items()) + ", fsync on"])


def _row(one: Finding) -> tuple[str, ...]:
    if not one.ours:
        return (one.name, "—", "—", "—", one.target, "not measured")
    verdict = "" if one.held is None else ("met" if one.held else "MISSED")
    ours = f"{statistics.median(one.ours):,.0f} {one.unit}"
    if not one.ratios:
        return (one.name, ours, "—", "—", one.target, verdict)
    ratios = one.ratios
    return (
        one.name,
        ours,
        f"{statistics.median(one.yardstick):,.0f} {one.unit} ({one.yardstick_name})",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        one.target,
        verdict,
    )


def write(findings: Sequence[Finding], on: dict[str, str]) -> Path:
    """Keep the findings as JSON; where."""
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / "bench.json"
    told = [{**asdict(one), "ratios": one.ratios} for one in findings]
    path.write_text(json.dumps({"machine": on, "findings": told}, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path
