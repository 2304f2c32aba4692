"""Sees off what a killed keeper left running, so that never two servers touch one database.

On Linux a server leaves by itself when its keeper dies (server.py), which takes a moment; elsewhere it stays.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from jangbu.embedded.account import Account
from jangbu.embedded.home import Home
from jangbu.errors import SetupProblem

PATIENCE_S = 30
"""How long a server may take to write out its memory before it is told to leave without."""
ABORT_PATIENCE_S = 10
LOOK_AGAIN_S = 0.02


def see_off(home: Home, account: Account) -> None:
    """Return once no server process works in this home. The caller holds the keeper's lock: none can start.

    Raises SetupProblem when one would not go, which is for a person to look at.
    """
    for ask, patience_s in (
        (signal.SIGINT, PATIENCE_S),
        (signal.SIGQUIT, ABORT_PATIENCE_S),
        (signal.SIGKILL, ABORT_PATIENCE_S),
    ):
        if _all_gone(home, account, ask, patience_s):
            break
    else:
        raise SetupProblem(
            f"A PostgreSQL that is working in {home.pgdata} does not end (process {_listed(home, account)}). "
            "Restart the machine, or end that process, and start Jangbu again."
        )
    # Without this a number that was given to another process since (after a reboot, say) would keep the
    # server out: PostgreSQL only sees that the process named in its file is alive, not that it is no server.
    (home.pgdata / "postmaster.pid").unlink(missing_ok=True)


def postmaster_of(pgdata: Path) -> tuple[int, str] | None:
    """The server's process id and its own word on its state ('starting', 'ready', …), from postmaster.pid."""
    try:
        lines = (pgdata / "postmaster.pid").read_text(errors="replace").splitlines()
        return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
    except (OSError, ValueError, IndexError):
        return None


def _all_gone(home: Home, account: Account, ask: signal.Signals, patience_s: float) -> bool:
    """Send `ask` once to each server process as it is found, and wait. True when none is left."""
    asked: set[int] = set()
    deadline = time.monotonic() + patience_s
    while processes := working_in(home, account):
        if time.monotonic() > deadline:
            return False
        postmaster = postmaster_of(home.pgdata)
        leader = {postmaster[0]} & processes if postmaster else set()
        # Its children leave when it does; asking them directly would look like a crash to it.
        for process in (leader or processes) - asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, ask)
            asked.add(process)
        time.sleep(LOOK_AGAIN_S)
    return True


def _listed(home: Home, account: Account) -> str:
    return ", ".join(str(process) for process in sorted(working_in(home, account)))


def working_in(home: Home, account: Account) -> set[int]:
    """The server processes of this home."""
    finder: Callable[[Home, Account], set[int]] = _by_proc if sys.platform == "linux" else _by_pid_file
    return finder(home, account)


def _by_proc(home: Home, account: Account) -> set[int]:
    """Every PostgreSQL process whose working folder is this database. A number in a file proves less."""
    folders = set()
    for folder in (home.pgdata, home.unfinished_pgdata):
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue
        folders.add((found.st_dev, found.st_ino))
    if not folders:
        return set()
    working = set()
    with account.acting():
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                if Path(entry.path, "comm").read_text().strip() != "postgres":
                    continue
                works_in = Path(entry.path, "cwd").stat()
            except OSError:  # Gone meanwhile, or another user's.
                continue
            if (works_in.st_dev, works_in.st_ino) in folders:
                working.add(int(entry.name))
    return working


def _by_pid_file(home: Home, account: Account) -> set[int]:
    """Without /proc: the process that postmaster.pid names, if it is a PostgreSQL."""
    del account
    postmaster = postmaster_of(home.pgdata)
    if postmaster is None:
        return set()
    asked = subprocess.run(  # noqa: S603 (our own argument list)
        ["/bin/ps", "-p", str(postmaster[0]), "-o", "comm="], capture_output=True, text=True, check=False
    )
    return {postmaster[0]} if Path(asked.stdout.strip()).name == "postgres" else set()
