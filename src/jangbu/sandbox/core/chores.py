"""What PGs do by themselves later: data in the world, so it outlives a restart, and done on the sandbox's clock."""

from collections.abc import Callable
from datetime import datetime

from jangbu.sandbox.core.records import Chore, ChoreKind
from jangbu.sandbox.core.state import State
from jangbu.sandbox.core.world import World


def plan(
    state: State,
    due_at: datetime,
    kind: ChoreKind,
    transaction_id: str,
    *,
    cancellation_id: str | None = None,
    is_success: bool = True,
    is_announced: bool = True,
) -> None:
    """Put it on the agenda."""
    state.chores_planned += 1
    number = state.chores_planned
    state.chores.append(Chore(due_at, number, kind, transaction_id, cancellation_id, is_success, is_announced))


def drop(state: State, transaction_id: str, cancellation_id: str | None = None) -> None:
    """Forget what was planned for this transaction, or for one cancellation of it."""
    state.chores = [
        chore
        for chore in state.chores
        if chore.transaction_id != transaction_id or chore.cancellation_id != cancellation_id
    ]


class Chores:
    """The clock's agenda of chores."""

    def __init__(self, world: World, act: Callable[[Chore, datetime], None]) -> None:
        self._world = world
        self._act = act

    def next_due(self) -> datetime | None:
        return min((chore.due_at for chore in self._world.state.chores), default=None)

    async def run_due(self, now: datetime) -> None:
        while due := [chore for chore in self._world.state.chores if chore.due_at <= now]:
            first = min(due, key=lambda chore: (chore.due_at, chore.number))
            self._world.state.chores.remove(first)
            self._act(first, now)
