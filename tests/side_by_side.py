"""How a test run uses every core: one process each, whole files to each process, and some tests alone.

Only where pytest is given `-n`, as `make test` does; a plain `pytest tests/…` stays in one process and one order.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE = ("tests/kill/", "tests/upgrade/", "tests/test_queue_kills.py")
"""Nothing else may run meanwhile: they start a handful of programs themselves and hold them to a time.

Those that start programs too, but wait for what these do until it is done, may share the machine.
"""

LONGEST_FIRST = (
    "tests/simulation/test_simulation.py",
    "tests/simulation/test_planted.py",
    "tests/journeys/test_console_for_everybody.py",
    "tests/payments/test_cancel_crashes.py",
    "tests/payments/test_crashes.py",
    "tests/contract/test_fuzz.py",
    "tests/journeys/",
    "tests/cli/",
)
"""Files of a minute and more, so that no process is left with one when the other has nothing more to do."""

EACH_BY_ITSELF = ("tests/simulation/test_planted.py",)
"""Files whose tests take long and share nothing, which would wait for each other in one process."""


class Sharing(LoadScopeScheduling):
    """Hands out whole files: what a module's tests share is made once. What must be alone stays together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(ALONE):
            return "alone"
        return nodeid if file in EACH_BY_ITSELF else file


def place(nodeid: str) -> int:
    """Where in the run a test stands; those with equal places keep their order."""
    if nodeid.startswith(ALONE):
        return len(LONGEST_FIRST) + 1
    return next((number for number, one in enumerate(LONGEST_FIRST) if nodeid.startswith(one)), len(LONGEST_FIRST))


class Overseer:
    """The process that hands out the tests and runs none."""

    def __init__(self, config: pytest.Config) -> None:
        # The order is ours: the number of tests in a file says nothing about how long it takes.
        config.option.loadscopereorder = False
        self._room = Path(tempfile.mkdtemp(prefix="jangbu-turns-"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Sharing:
        return Sharing(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["turns"] = str(self._room)

    def pytest_unconfigure(self) -> None:
        for left in self._room.iterdir():
            left.unlink()
        self._room.rmdir()


class Tester:
    """One of the processes that run tests. Those that must be alone wait until the others stand still."""

    def __init__(self, room: Path) -> None:
        # Locks of files end with the process that holds them, however it ends.
        self._door, self._room = (os.open(room / name, os.O_RDWR | os.O_CREAT, 0o600) for name in ("door", "room"))
        self._is_alone = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: place(item.nodeid))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        alone = item.nodeid.startswith(ALONE)
        if not self._is_alone:
            self._enter(fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            # Between two tests that must be alone nobody else gets a turn: they would only wait for each other.
            self._is_alone = alone and nextitem is not None and nextitem.nodeid.startswith(ALONE)
            if not self._is_alone:
                fcntl.flock(self._room, fcntl.LOCK_UN)

    def _enter(self, how: int) -> None:
        # Whoever wants to be alone waits in the door, past which nobody comes meanwhile; else it would wait for ever.
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._room, how)
        fcntl.flock(self._door, fcntl.LOCK_UN)


def part_of(config: pytest.Config) -> Overseer | Tester | None:
    """What this process does in a run of several; None in a run of one."""
    if hasattr(config, "workerinput"):
        return Tester(Path(config.workerinput["turns"]))
    return Overseer(config) if getattr(config.option, "numprocesses", None) else None
