"""A PostgreSQL for tests alone: in memory where there is room, and careless of a power cut.

Most tests have a database of their own, a thousand files that live for a second. Making them takes 50 ms in memory, and
on a disk up to a second. Tests that kill a server, or are about its folder, have one of their own on the disk.
"""

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

import asyncpg

from jangbu import embedded
from jangbu.errors import SetupProblem

MEMORY = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a name that nobody else has)
ROOM_BYTES = 3 * 2**30
"""Ten times what one server was ever seen to take: somebody else may want memory too."""
PREFIX = "jangbu-tests-"
LEFT_BEHIND_S = 60
"""A home that is used is locked; one that is only just being made is not yet."""

FOR_A_MOMENT = ("fsync = off", "full_page_writes = off", "max_wal_size = '256MB'")
"""A crash of a process loses nothing by these, only one of the machine; and then the tests are gone too."""


async def home_in_memory() -> Path | None:
    """A new folder in memory for a server; None where the machine has none or too little."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return None
    await _clear_away()
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY))


async def make_light(server: embedded.Embedded) -> None:
    """Spare the server the work that only a power cut would reward."""
    superuser = await asyncpg.connect(server.dsn("superuser", "postgres"))
    for setting in FOR_A_MOMENT:
        await superuser.execute(f"ALTER SYSTEM SET {setting}")
    await superuser.execute("SELECT pg_reload_conf()")
    await superuser.close()


async def _clear_away() -> None:
    """Remove the homes of runs that were killed: nothing else ever empties that folder."""
    for left in MEMORY.glob(f"{PREFIX}*"):
        with contextlib.suppress(SetupProblem, OSError):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
                await embedded.remove(left)
