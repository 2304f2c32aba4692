"""From what the operator set to an open database: for the commands that look, or do one thing, and end."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jangbu.errors import SetupProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jangbu.runtime import Runtime
    from jangbu.settings import Settings

PORT_MAX = 65_535


def settings(**given: Any) -> "Settings":
    """The settings, with `given` options (by environment name; None is "not given") over them.

    Raises SetupProblem, in plain sentences, for whatever is wrong with them or with `.env`.
    """
    from jangbu.settings import load

    try:
        loaded = load(**{name: value for name, value in given.items() if value is not None})
    except (OSError, UnicodeDecodeError) as unreadable:
        raise SetupProblem(f"The file .env in this folder cannot be read: {unreadable}.") from unreadable
    for name, port in (("JANGBU_PORT", loaded.port), ("JANGBU_SANDBOX_PORT", loaded.sandbox_port)):
        if not 0 <= port <= PORT_MAX:
            raise SetupProblem(f"Setting {name}: a port is a number from 1 to {PORT_MAX}, not {port}.")
    for name, address in (
        ("DATABASE_URL", loaded.database_url),
        ("JANGBU_DATABASE_URL_REQUEST", loaded.database_url_request),
        ("JANGBU_DATABASE_URL_OWNER", loaded.database_url_owner),
    ):
        if address is not None and not is_unambiguous(address.get_secret_value()):
            raise SetupProblem(
                f"Setting {name} cannot be taken apart into user, password, host and port. A password with special "
                "characters (@ : / # ? %) must be percent-encoded, e.g. %40 for @."
            )
    return loaded


def is_unambiguous(address: str) -> bool:
    """Whether a database address means one thing only.

    A raw @, / or # in a password moves the host to somewhere inside the password, which an error would then quote.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    who, _, hosts = parts.netloc.rpartition("@")
    if "@" in who or "@" in parts.path or parts.fragment:
        return False
    # Several hosts may stand there, h1:5432,h2:5432; an IPv6 address stands in brackets.
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts.split(",")]
    return all(port == "" or port.isdecimal() for port in ports)


def quiet_settings() -> "Settings":
    """The settings of a command whose result is the point: it logs errors only, unless JANGBU_LOG_LEVEL says more."""
    from jangbu.logs import configure

    loaded = settings(JANGBU_LOG_LEVEL=None if "JANGBU_LOG_LEVEL" in os.environ else "error")
    configure(loaded)
    return loaded


@asynccontextmanager
async def opened() -> "AsyncIterator[Runtime]":
    """The database under `jangbu_system`, on sandbox mode's moved clock; closed again at the end."""
    async with opened_with(quiet_settings()) as run:
        yield run


@asynccontextmanager
async def opened_with(loaded: "Settings") -> "AsyncIterator[Runtime]":
    """The same under settings at hand. Raises SetupProblem when the database is not as this release needs it."""
    from jangbu import wiring
    from jangbu.clock import SystemClock
    from jangbu.db import Database
    from jangbu.ids import Ids
    from jangbu.queue import Waker
    from jangbu.runtime import Runtime, follow_sandbox_clock

    expect_database(loaded)
    with plain_sentences():
        async with wiring.addresses(loaded) as where:
            db = await Database(where.system, name="command", size_min=1, size_max=2).open()
            try:
                clock = SystemClock()
                run = Runtime(settings=loaded, db=db, clock=clock, ids=Ids(clock), waker=Waker(db))
                await follow_sandbox_clock(run)
                yield run
            finally:
                await db.close()


@asynccontextmanager
async def acting() -> "AsyncIterator[Runtime]":
    """The same for a command that does something out there: a copy of a database is refused (ADR 0016)."""
    from jangbu import installation

    async with opened() as run:
        await installation.enter(run.db, run.settings)
        yield run


def has_database(loaded: "Settings") -> bool:
    """Whether there is one to look at. A command that only looks must not begin empty books in the wrong folder."""
    from jangbu.embedded.home import Home

    return loaded.database_url is not None or Home.at(loaded.home).card_path.exists()


def expect_database(loaded: "Settings") -> None:
    """Raise SetupProblem where there is none to look at."""
    if not has_database(loaded):
        # As a whole path: mostly somebody stands in another folder than the one where it was made.
        where = Path(loaded.home).absolute()
        raise SetupProblem(
            f"There is no database in {where}. Go to the folder with your .env and .jangbu; "
            "or `jangbu init` makes one here, or set DATABASE_URL."
        )


@contextmanager
def plain_sentences() -> "Iterator[None]":
    """Turn what an unprepared database raises into a SetupProblem."""
    import asyncpg

    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as missing:
        raise SetupProblem(
            f"The database is not prepared for this release ({missing}). Run `jangbu migrate`, then try again."
        ) from missing
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SetupProblem(
            f"The database does not allow it: {refused}. `jangbu doctor` says which login lacks what."
        ) from refused
