"""How much of the machine others used meanwhile: a ratio taken beside a busy neighbour is not the code's.

It matters here because the two sides of a ratio need the machine differently: the webhook's yardstick keeps one core
busy, the webhook itself two. Linux only; elsewhere nothing is said.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
# Of /proc/<pid>/stat, counted after the name in brackets: the parent, and what it and its waited-for children used.
_PARENT, _USED = 1, slice(11, 15)


@dataclass
class Neighbours:
    """Watches measurements. `roots` are the processes whose families are ours."""

    roots: frozenset[int] = frozenset()
    shares: list[float] = field(default_factory=list)
    """The share of all cores that others (and the kernel for itself) used, a number from 0 to 1 per measurement."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note what others use while this runs."""
        if not (PROC / "stat").exists():
            yield
            return
        busy, spent, ours = (*_machine(), self._ours())
        yield
        busy_after, spent_after, ours_after = (*_machine(), self._ours())
        elapsed = spent_after - spent
        if elapsed > 0:
            self.shares.append(max(0.0, (busy_after - busy - (ours_after - ours)) / elapsed))

    def _ours(self) -> int:
        parents: dict[int, int] = {}
        used: dict[int, int] = {}
        for entry in PROC.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # It ended while we looked; its parent has what it used.
            parents[int(entry.name)] = int(fields[_PARENT])
            used[int(entry.name)] = sum(map(int, fields[_USED]))
        return sum(ticks for pid, ticks in used.items() if self._is_ours(pid, parents))

    def _is_ours(self, pid: int, parents: dict[int, int]) -> bool:
        while pid > 1:
            if pid in self.roots:
                return True
            pid = parents.get(pid, 0)
        return False


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where there is no /proc to ask."""
    try:
        return int((PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[_PARENT])
    except OSError:
        return 0


def family(*pids: int) -> frozenset[int]:
    """This process and the given ones, as roots."""
    return frozenset({os.getpid(), *pids} - {0})


def _machine() -> tuple[int, int]:
    """Ticks that all cores were busy, and ticks in all. Stolen time counts as busy: it was not ours."""
    ticks = [int(word) for word in (PROC / "stat").read_text("ascii").partition("\n")[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)
