"""PostgreSQL: statements known by name, one owner per transaction, rows as frozen dataclasses.

Every statement is a `Query` made at import, so that a test can prepare all of them against the migrated schema
(tests/test_queries.py). Sessions never carry state (`SET LOCAL` and transaction locks only), because the pool skips the
reset that would clean them and because transaction poolers would lose it (design §9, tech §3).
"""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, TypeVar, cast

import asyncpg

from jangbu.connecting import CONNECTION_GONE, connected, prepare_connection
from jangbu.errors import Refusal, Unavailable
from jangbu.sight import Sighted

R = TypeVar("R")

_PARAMETER = re.compile(r"(?<![:\w']):([a-z][a-z0-9_]*)\b")

TOO_BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
"""What PostgreSQL raises when somebody else was first: rolled back, and right to try again (reliability F92)."""


class DatabaseAway(Unavailable):
    """The database did not answer. What was committed is safe; nothing of this request was half-done."""

    code = "DATABASE_UNAVAILABLE"
    ko = "데이터베이스에 연결할 수 없습니다. 잠시 후 다시 시도해 주세요."
    en = "The database cannot be reached right now. Please try again shortly."


class TextUnstorable(Refusal):
    """Some text holds a NUL, which PostgreSQL cannot keep. Nothing was written."""

    code = "TEXT_UNSTORABLE"
    http_status = 422
    ko = "저장할 수 없는 문자(NUL)가 들어 있습니다. 지우고 다시 시도해 주세요."
    en = "The text holds a NUL character, which cannot be stored. Remove it and try again."


class Query(Generic[R]):
    """One SQL statement with `:named` parameters, and the type its rows become.

    `row` is a frozen dataclass whose fields are the selected columns, a scalar type for a single column, or None for a
    statement that returns nothing.
    """

    every: "list[Query[Any]]" = []  # noqa: RUF012 (one list for the whole program, on purpose)

    def __init__(self, row: type[R], sql: str) -> None:
        self.row = row
        self.names: list[str] = []
        self.source = sql
        self.sql = _PARAMETER.sub(self._number, sql)
        self.is_record = dataclasses.is_dataclass(row)
        Query.every.append(self)

    def _number(self, match: re.Match[str]) -> str:
        name = match[1]
        if name not in self.names:
            self.names.append(name)
        return f"${self.names.index(name) + 1}"

    def arguments(self, given: dict[str, Any]) -> list[Any]:
        """`given` in the order of the statement's numbers."""
        assert given.keys() == set(self.names), f"{sorted(given)} given, {self.names} wanted by: {self.source}"
        return [given[name] for name in self.names]

    def read(self, record: asyncpg.Record) -> R:
        """One row as `row`."""
        if self.is_record:
            return self.row(**record)
        return cast("R", record[0])


def names_of(row: type) -> tuple[str, ...]:
    """The columns of a table whose rows are this dataclass, field by field."""
    return tuple(each.name for each in dataclasses.fields(row))


def values_of(row: Any, names: Sequence[str]) -> dict[str, Any]:
    """Some of a row's columns, as arguments of a statement."""
    return {name: getattr(row, name) for name in names}


def assigned(names: Sequence[str]) -> str:
    """`a = :a, b = :b`: what follows SET."""
    return ", ".join(f"{name} = :{name}" for name in names)


class Tx:
    """A running transaction. Whoever receives it joins it; only `Database.transaction` begins and ends one."""

    def __init__(self, connection: asyncpg.Connection, known: dict[Any, Any]) -> None:
        self._connection = connection
        self._known = known
        self._learned: dict[Any, Any] = {}
        self.is_broken = False
        """A statement failed, so PostgreSQL will roll back whatever the caller makes of it."""

    def remembered(self, fact: Any) -> Any:
        """What `remember` kept, or None."""
        return self._learned.get(fact, self._known.get(fact))

    def remember(self, fact: Any, value: Any) -> None:
        """Keep something that never changes once it is committed; forgotten again if this transaction is not."""
        self._learned[fact] = value

    def keep_learned(self) -> None:
        """Called by the owner of the transaction, after it committed."""
        self._known.update(self._learned)

    async def maybe(self, query: Query[R], **arguments: Any) -> R | None:
        """The one row, or None."""
        with self._noting_failure():
            record = await self._connection.fetchrow(query.sql, *query.arguments(arguments))
        return None if record is None else query.read(record)

    async def one(self, query: Query[R], **arguments: Any) -> R:
        """The one row there must be."""
        row = await self.maybe(query, **arguments)
        assert row is not None, f"no row from: {query.source}"
        return row

    async def all(self, query: Query[R], **arguments: Any) -> list[R]:
        """Every row."""
        with self._noting_failure():
            records = await self._connection.fetch(query.sql, *query.arguments(arguments))
        return [query.read(record) for record in records]

    async def run(self, query: Query[Any], **arguments: Any) -> int:
        """Run a statement for its effect; the number of rows it touched."""
        with self._noting_failure():
            tag = await self._connection.execute(query.sql, *query.arguments(arguments))
        count = str(tag).rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def stream(self, query: Query[R], **arguments: Any) -> AsyncIterator[R]:
        """Rows a batch at a time, for what may not fit in memory."""
        with self._noting_failure():
            async for record in self._connection.cursor(query.sql, *query.arguments(arguments), prefetch=500):
                yield query.read(record)

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as unstorable:
            self.is_broken = True
            raise TextUnstorable from unstorable
        except asyncpg.PostgresError:
            self.is_broken = True
            raise


class Database:
    """A pool of connections under one role. `size_min` of them stay open, however full the server gets later."""

    def __init__(
        self,
        dsn: str,
        *,
        name: str,
        size_min: int = 1,
        size_max: int = 10,
        acquire_timeout_s: float = 10,
        sighted: bool = False,
    ) -> None:
        """`sighted`: for people's requests, whose transactions see what their caller may (jangbu.sight)."""
        self._connection_class = Sighted if sighted else asyncpg.Connection
        self._dsn = dsn
        self.name = name
        self._size = (size_min, max(size_min, size_max))
        self._acquire_timeout_s = acquire_timeout_s
        self._pool: asyncpg.Pool | None = None
        self._known: dict[Any, Any] = {}

    async def open(self) -> "Database":
        """Connect. Raises SetupProblem, in one plain sentence, when the settings are wrong or nothing answers."""
        self._pool = await connected(
            self._dsn,
            lambda: asyncpg.create_pool(
                self._dsn,
                min_size=self._size[0],
                max_size=self._size[1],
                connection_class=self._connection_class,
                init=_prepare_for_pool,
                reset=_leave_as_it_is,
                command_timeout=60,
                timeout=10,
                server_settings={
                    "application_name": f"jangbu {self.name}",
                    "statement_timeout": "30s",
                    "lock_timeout": "5s",
                    # We call nobody from within a transaction, so who is idle in one is a program that hangs or was
                    # paused; what it holds is free before its jobs' lease is over (reliability F46).
                    "idle_in_transaction_session_timeout": "20s",
                    "timezone": "UTC",
                },
            ),
        )
        return self

    async def close(self) -> None:
        """Give back every connection; waits for running transactions, but not for ever."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), timeout=20)
            except TimeoutError:
                self._pool.terminate()
            self._pool = None

    @property
    def pool(self) -> asyncpg.Pool:
        """The pool itself, for the queue's driver and for health figures."""
        assert self._pool is not None, "the database was not opened"
        return self._pool

    def pool_state(self) -> dict[str, int]:
        """How many connections there are, are idle, and may be (E15)."""
        pool = self.pool
        return {"size": pool.get_size(), "idle": pool.get_idle_size(), "max": pool.get_max_size()}

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False, long: bool = False) -> AsyncIterator[Tx]:
        """Begin, and commit unless something is raised. `snapshot`: one read-only picture for several statements.

        `long`: one that reads whole tables and may take minutes. Any other is thrown out after half a minute.
        """
        async with self._connection() as connection:
            options: dict[str, Any] = {"isolation": "repeatable_read", "readonly": True} if snapshot else {}
            tx = Tx(connection, self._known)
            async with connection.transaction(**options):
                if long and _knows_transaction_timeout(connection):
                    await connection.execute("SET LOCAL transaction_timeout = 0")
                yield tx
                # PostgreSQL answers the COMMIT of a failed transaction with a rollback and no error at all. Whoever
                # swallowed the failure would take for done what never happened.
                assert not tx.is_broken, "a statement of this transaction failed; it cannot be committed"
            tx.keep_learned()

    async def statement(self, query: Query[R], **arguments: Any) -> R | None:
        """One statement that is its own transaction: the hot paths, written as a single CTE."""
        async with self._connection() as connection:
            return await Tx(connection, self._known).maybe(query, **arguments)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            connection = await self.pool.acquire(timeout=self._acquire_timeout_s)
        except CONNECTION_GONE as gone:
            raise DatabaseAway from gone
        try:
            yield connection
        except TOO_BUSY as busy:
            raise DatabaseAway from busy
        except CONNECTION_GONE as gone:
            # A connection lost during COMMIT leaves the outcome open (reliability F90). The caller is told to try
            # again, and every write of ours is keyed so that trying again is safe.
            if isinstance(gone, asyncpg.InterfaceError) and not _is_lost(connection):
                raise
            raise DatabaseAway from gone
        finally:
            if not _is_lost(connection) and connection.is_in_transaction():
                connection.terminate()
            await self.pool.release(connection)


def _is_lost(connection: asyncpg.Connection) -> bool:
    # The pool takes a connection back the moment it closes; from then on even asking it is an InterfaceError.
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


TRANSACTION_MOST = "30s"
"""How long a transaction may be open, `long` ones apart: no longer than a job's lease."""


def _knows_transaction_timeout(connection: asyncpg.Connection) -> bool:
    return bool(connection.get_server_version().major >= 17)


async def _prepare_for_pool(connection: asyncpg.Connection) -> None:
    await prepare_connection(connection)
    if _knows_transaction_timeout(connection):
        # The driver prepares a statement and executes it in two steps, and a program that is paused between the two is
        # not "idle in transaction" to PostgreSQL: it would keep its locks for as long as it is paused. Before
        # PostgreSQL 17 nothing ends that but an operator.
        await connection.execute(f"SET transaction_timeout = '{TRANSACTION_MOST}'")


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """No reset query on release: it costs a round trip, and we keep no session state to clean."""
