"""An embedded PostgreSQL that a newcomer never notices: `embedded = await ensure(home)`, and there it is.

The first program starts it, further ones share it, and it stops when the last has gone. It survives `kill -9`
of the server, of its keeper and of any program: committed is committed, and the next connection finds it
running again.
"""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from jangbu.embedded.home import DATABASE, Card, Home, Role, last_lines, open_log
from jangbu.errors import SetupProblem

__all__ = ["Embedded", "Role", "create_database", "drop_database", "ensure", "remove", "stop"]

START_TIMEOUT_S = 120.0
LOOK_AGAIN_S = 0.02
LAUNCHES_MAX = 4
"""A keeper that dies without a word was killed; one that does so four times while we wait has a reason."""
LOOKS_IN_USE_MAX = 3
"""The keeper takes the lock for a moment to look at it; one look at that very moment proves nothing."""
WATCH_S = 1.0
WATCH_MAX_S = 30.0
LAUNCH_TIMEOUT_S = 60.0

log = logging.getLogger(__name__)


class Embedded:
    """A share in the running server: it stays up until `close`, or until this process is gone.

    A thread looks once a second whether the keeper lives and starts a new one if it was killed, so that this
    program's pools find the server again.
    """

    def __init__(self, home: Home, card: Card, lock: int) -> None:
        self._home = home
        self._card = card
        self._lock: int | None = lock
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="jangbu-embedded-watch", daemon=True)
        self._watcher.start()

    @property
    def home(self) -> Path:
        """The folder of everything."""
        return self._home.folder

    @property
    def port(self) -> int:
        """Where the server listens on 127.0.0.1. Read anew: a restart moves it if it was taken."""
        return self.card().port

    @property
    def version(self) -> str:
        """PostgreSQL's version, such as 18.6."""
        return self.card().version

    @property
    def bin_dir(self) -> Path:
        """Where psql, pg_dump and pgbench live."""
        return Path(self.card().bin_dir)

    def dsn(self, role: Role, database: str = DATABASE) -> str:
        """The connection address for one of our logins, password included."""
        return self.card().dsn(role, database)

    def close(self) -> None:
        """Give up the share; the server stops about two seconds after the last one. Idempotent."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        self._closing.set()
        self._watcher.join(LAUNCH_TIMEOUT_S)
        os.close(lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def card(self) -> Card:
        """What is known of the server now."""
        try:
            self._card = self._home.read_card() or self._card
        except SetupProblem:  # Damaged under our feet; what we know still holds until the next start.
            log.warning("server.json cannot be read any more; using what it said before")
        return self._card

    def _watch(self) -> None:
        pause_s = WATCH_S
        while not self._closing.wait(pause_s):
            try:
                lock = self._home.become_keeper()
                if lock is None:
                    pause_s = WATCH_S
                    continue
                log.warning("the keeper of the embedded PostgreSQL is gone; starting another")
                _launch_keeper(self._home, lock)
            except (OSError, SetupProblem, subprocess.SubprocessError) as why:
                log.warning("the embedded PostgreSQL could not be started again: %s", why)
            pause_s = min(pause_s * 2, WATCH_MAX_S)


async def ensure(home: Path, *, timeout_s: float = START_TIMEOUT_S) -> Embedded:
    """Return a share in the server of `home`, starting it from nothing if need be, once it answers.

    Any number of programs may call it at once; one server results. Raises SetupProblem with a sentence for
    people.
    """
    place = Home.at(home)
    place.prepare()
    deadline = asyncio.get_running_loop().time() + timeout_s
    lock = await _join(place, deadline)
    try:
        card = await _await_answer(place, deadline)
        return Embedded(place, card, lock)
    except BaseException:
        os.close(lock)
        raise


async def stop(home: Path, *, timeout_s: float = START_TIMEOUT_S) -> None:
    """Stop the server of `home` now instead of two seconds after its last program, and wait until it has.

    Returns at once when none runs. Raises SetupProblem when another program still uses it.
    """
    place = Home.at(home)
    if not place.was_used():
        return
    deadline = asyncio.get_running_loop().time() + timeout_s
    looks_in_use = 0
    while (lock := place.become_keeper()) is None:
        place.ask_to_hurry()
        looks_in_use = looks_in_use + 1 if place.is_in_use() else 0
        if looks_in_use == LOOKS_IN_USE_MAX:
            raise SetupProblem(f"Another program still uses the database in {home}. Stop that one first.")
        if asyncio.get_running_loop().time() > deadline:
            raise SetupProblem(
                f"The PostgreSQL in {home} did not stop within {timeout_s:.0f} s; see {place.keeper_log}."
            )
        await asyncio.sleep(LOOK_AGAIN_S)
    os.close(lock)


async def remove(home: Path) -> None:
    """Stop the server of `home` and delete the folder with all that is in it: for throwaway ones. Idempotent.

    A folder that was never a home is left alone. Raises SetupProblem when another program still uses it.
    """
    await stop(home)
    if Home.at(home).was_used():
        await asyncio.to_thread(shutil.rmtree, home)


async def create_database(embedded: Embedded, name: str, template: str | None = None) -> None:
    """Create a database of jangbu_owner that our three logins may enter, as a copy of `template` if given.

    Nobody may be connected to the template meanwhile; sessions that are just ending are waited for.
    """
    from jangbu.embedded import databases

    await databases.create(embedded.card(), name, template)


async def drop_database(embedded: Embedded, name: str) -> None:
    """Drop a database made with `create_database`, cutting off who is connected. Idempotent."""
    from jangbu.embedded import databases

    await databases.drop(embedded.card(), name)


async def _join(place: Home, deadline: float) -> int:
    """Hold the in-use lock. While we hold it no keeper leaves; one that is leaving already is waited for."""
    while (lock := place.join()) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise SetupProblem(f"The last PostgreSQL in {place.folder} does not end; see {place.keeper_log}.")
        await asyncio.sleep(LOOK_AGAIN_S)
        place.prepare()
    return lock


async def _await_answer(place: Home, deadline: float) -> Card:
    from jangbu.embedded import databases

    launches = 0
    while True:
        lock = place.become_keeper()
        if lock is not None:
            problem = place.take_problem()
            if launches and problem:
                os.close(lock)
                raise SetupProblem(problem)
            if launches == LAUNCHES_MAX:
                os.close(lock)
                raise SetupProblem(
                    f"The keeper of the embedded PostgreSQL ended {launches} times without a word. Was it "
                    "killed, or is memory short? "
                    f"The end of {place.keeper_log}:\n{last_lines(place.keeper_log)}"
                )
            launches += 1
            await asyncio.to_thread(_launch_keeper, place, lock)
        card = place.read_card()
        if card is not None and card.ready and await databases.answers(card):
            return card
        if asyncio.get_running_loop().time() > deadline:
            raise SetupProblem(
                f"The embedded PostgreSQL in {place.folder} did not answer in time. It may be repairing "
                "itself after a crash: wait and start "
                f"again. The end of {place.postgres_log}:\n{last_lines(place.postgres_log)}"
            )
        await asyncio.sleep(LOOK_AGAIN_S)


def _launch_keeper(place: Home, lock: int) -> None:
    """Start a keeper and hand it the lock. Closes our end of it: from then on only the keeper holds it."""
    try:
        with open_log(place.keeper_log) as words:
            # The first process forks and ends at once (keeper.main), so there is no child of ours to wait for
            # later.
            done = subprocess.run(  # noqa: S603 (our own argument list)
                [sys.executable, "-P", "-m", "jangbu.embedded.keeper", str(place.folder), str(lock)],
                pass_fds=(lock,),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                cwd="/",
                start_new_session=True,
                timeout=LAUNCH_TIMEOUT_S,
                check=False,
            )
    finally:
        os.close(lock)
    if done.returncode != 0:
        raise SetupProblem(
            f"The keeper of the embedded PostgreSQL could not be started. The end of "
            f"{place.keeper_log}:\n{last_lines(place.keeper_log)}"
        )
