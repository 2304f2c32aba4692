"""The one way to make the program die at a chosen line: `failpoint("payment.intent.committed")`.

Unarmed (always, in production) a failpoint is one dictionary look-up. Armed, it raises `Crash` in process, or ends the
process as `kill -9` would. `Crash` is a BaseException, so no `except Exception` can swallow it.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENVIRONMENT_VARIABLE = "JANGBU_FAILPOINT"
"""`name` or `name:3`: kill this process at its third pass of `name`; `name:3:STOP` pauses it until SIGCONT.
Read once, in sandbox mode only."""


class Crash(BaseException):
    """The process "died" here. Whoever catches it must drop every connection, as a dead process would."""


_armed: dict[str, Callable[[str], None]] = {}
_anywhere: list[Callable[[str], None]] = []
passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """A line at which a crash must be survivable."""
    if _anywhere:
        for act in _anywhere:
            act(name)
    if _armed and (act_here := _armed.get(name)) is not None:
        passed[name] += 1
        act_here(name)


@contextmanager
def armed(name: str, *, at_pass: int = 1) -> Iterator[None]:
    """Crash in process when `name` is passed for the `at_pass`-th time within this block."""
    left = at_pass

    def act(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash(name)

    _armed[name] = act
    try:
        yield
    finally:
        del _armed[name]


@contextmanager
def watched(act: Callable[[str], None]) -> Iterator[None]:
    """Call `act` with the name of every failpoint passed within this block; it may raise Crash."""
    _anywhere.append(act)
    try:
        yield
    finally:
        _anywhere.remove(act)


def arm_from_environment() -> None:
    """Arm the failpoint that JANGBU_FAILPOINT names, if any, to end or pause this process for real."""
    wanted = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if not wanted:
        return
    name, count, sign = (*wanted.split(":"), "", "")[:3]
    left = int(count or 1)
    by = signal.Signals[f"SIG{sign or 'KILL'}"]

    def act(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), by)

    _armed[name] = act
