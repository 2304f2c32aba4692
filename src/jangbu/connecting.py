"""Reaching a PostgreSQL: wait until it is up, say plainly what is wrong with an address, prepare a connection."""

import asyncio
import re
import ssl
from typing import Any

import asyncpg
import msgspec

from jangbu.errors import SetupProblem

CONNECTION_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises when the server is away, restarting or full.

InternalClientError is what the next statement gets after the server said goodbye unasked (57P01 and its like), before
the line is seen to end. Two tasks on one connection, which would be a bug of ours, are an InterfaceError.
The two timeouts end the session too: what was begun is rolled back, and is right to try again.
"""


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """What every connection needs once: JSON goes in and comes out as Python values."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind,
            schema="pg_catalog",
            encoder=_as_json,
            decoder=msgspec.json.decode,
        )


def _as_json(value: Any) -> str:
    """`value` as jsonb can hold it. What others told us is kept whatever is in it, so a NUL becomes U+FFFD."""
    text = msgspec.json.encode(value).decode()
    return msgspec.json.encode(_without_nul(value)).decode() if "\\u0000" in text else text


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "\ufffd")
        case dict():
            return {_without_nul(key): _without_nul(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_nul(inner) for inner in value]
        case _:
            return value


STARTS_UP_S = 30
"""How long a program that starts waits for a PostgreSQL that says it is starting or recovering."""


async def _once_it_is_up(connect: Any) -> Any:
    """Await `connect()`, again and again while PostgreSQL answers that it is not ready yet (57P03).

    After a crash everything starts at once. A program that gave up here would be started again and again, until its
    service manager gives up too.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STARTS_UP_S
    while True:
        try:
            return await connect()
        except asyncpg.CannotConnectNowError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.25)


async def connected(dsn: str, connect: Any) -> Any:
    """Await `connect()`, turning the driver's ways of saying "your settings are wrong" into plain sentences."""
    where = where_it_points(dsn)
    if where == NOWHERE:
        raise SetupProblem(f"DATABASE_URL is not a PostgreSQL address: {HOW_IT_LOOKS}")
    try:
        return await _once_it_is_up(connect)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as refused:
        raise SetupProblem(
            f"The database at {where} refused the user name or password. Check DATABASE_URL "
            "(a password with special characters must be percent-encoded)."
        ) from refused
    except asyncpg.InvalidCatalogNameError as missing:
        raise SetupProblem(f"There is no such database at {where}. Create it, or correct DATABASE_URL.") from missing
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SetupProblem(
            f"This login may not connect to {where}. Its owner can allow it with GRANT CONNECT ON DATABASE …; "
            "`jangbu init --print-sql` prints all that is needed."
        ) from refused
    except asyncpg.ClientConfigurationError as wrong:
        raise SetupProblem(f"DATABASE_URL is not a PostgreSQL address: {wrong}.") from wrong
    except (ValueError, OverflowError) as wrong:
        # Their words quote the piece that could not be read, which may be a piece of the password.
        raise SetupProblem(f"DATABASE_URL is not a PostgreSQL address: {HOW_IT_LOOKS}") from wrong
    except ssl.SSLError as refused:
        raise SetupProblem(
            f"The database at {where} could not prove who it is (TLS): {refused.reason}. Give its CA with "
            "?sslrootcert=… in DATABASE_URL; turning verification off is not offered."
        ) from refused
    except CONNECTION_GONE as gone:
        raise SetupProblem(
            f"No database answers at {where} ({type(gone).__name__}). Is PostgreSQL running, and is the address in "
            "DATABASE_URL right? Without DATABASE_URL, Jangbu brings its own."
        ) from gone


NOWHERE = "(nowhere)"
HOW_IT_LOOKS = (
    "it looks like postgresql://user:password@host:5432/database, and special characters in the password "
    "(@ : / ? # [ ] %) must be percent-encoded."
)
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[\w.%-]+)(?::\d+)?"
_ADDRESS = re.compile(rf"postgres(?:ql)?://(?:[^@/?#\[\]]*@)?((?:{_HOST}(?:,{_HOST})*)?(?:/[^@/?#:]*)?)(?:\?[^@?#]*)?")


def where_it_points(dsn: str) -> str:
    """`host:port/database` of a DSN: what may be shown, never the password.

    `NOWHERE` when it cannot be read for certain: a password that was not percent-encoded makes a piece of itself look
    like the host.
    """
    address = _ADDRESS.fullmatch(dsn)
    return (address and address[1]) or NOWHERE
