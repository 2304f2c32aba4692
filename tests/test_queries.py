"""Every statement there is, against the migrated schema: it parses, its names fit, its rows fit, its role may run it.

A `Query` exists from the moment its module is imported, so a typo in SQL that no other test happens to run is found
here and not at night.
"""

import dataclasses
import importlib
import re
import types
import typing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import jangbu
from jangbu.db import Query
from jangbu.wiring import Addresses, invariants

SRC = Path(jangbu.__file__).parent


def ours() -> list[Query[Any]]:
    """Every statement of the program, in order; those of the tests stand in `Query.every` too, and are left out."""
    before = set(map(id, Query.every))
    found: dict[int, None] = {}
    for path in sorted(SRC.rglob("*.py")):
        if not re.search(r"\b(?:Query|Chain)\(", path.read_text(encoding="utf-8")):
            continue
        try:
            module = importlib.import_module(".".join(("jangbu", *path.relative_to(SRC).with_suffix("").parts)))
        except ModuleNotFoundError as missing:
            # Doors lean on `access`; where that is not there yet, neither are they.
            if missing.name != "jangbu.access":
                raise
            continue
        for value in vars(module).values():
            holders = [value] if isinstance(value, Query) else getattr(value, "__dict__", {}).values()
            found |= {id(one): None for one in holders if isinstance(one, Query)}
    for check in invariants(typing.cast("Any", None)):
        stated = [getattr(check.look, "query", None), check.growth and check.growth.upto]
        found |= {id(one): None for one in stated if one is not None}
    imported_now = {id(query) for query in Query.every} - before
    return [query for query in Query.every if id(query) in found or id(query) in imported_now]


EVERY = {f"{number:03d} {' '.join(query.source.split())[:60]}": query for number, query in enumerate(ours())}

# What asyncpg makes of each PostgreSQL type. `numeric` is a Decimal: a sum() of bigints is one unless it is cast back.
PYTHON_OF: dict[str, set[Any]] = {
    "bool": {bool},
    "int2": {int},
    "int4": {int},
    "int8": {int},
    "text": {str},
    "varchar": {str},
    "uuid": {UUID},
    "timestamptz": {datetime},
    "date": {date},
    "numeric": {Decimal},
    "bytea": {bytes},
    "json": {dict, list, Any},
    "jsonb": {dict, list, Any},
    "text[]": {list},
    "int8[]": {list},
}

# The request role serves people: it may neither speak for PortOne nor touch the seals, the queue's inside or the clock.
ONLY_THE_SYSTEM_WRITES = {
    "webhook_logs",
    "webhook_tries",
    "payment_questions",
    "ledger_seal",
    "ledger_snapshots",
    "audit_seal",
    "event_receipts",
    "outbox_waiting",
    "outbox_feed",
    "webhook_delivery_attempts",
    "sandbox_clock",
    "pgqueuer",
    "pgqueuer_log",
    "pgqueuer_schedules",
    "pgqueuer_statistics",
    "check_runs",
    "payment_poll",
    "installation",
}


@pytest.fixture
async def system(where: Addresses) -> typing.AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(where.system)
    yield connection
    await connection.close()


@pytest.fixture
async def request_role(where: Addresses) -> typing.AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(where.request)
    yield connection
    await connection.close()


def accepted(annotation: Any) -> tuple[set[Any], bool]:
    """The classes a field takes, without None, and whether it takes None."""
    options = typing.get_args(annotation) if typing.get_origin(annotation) in {typing.Union, types.UnionType} else ()
    classes = {cls for one in (options or (annotation,)) for cls in classes_of(one)}
    return classes - {type(None)}, type(None) in classes


def classes_of(one: Any) -> set[Any]:
    """A Literal is of its words' class: like a StrEnum, it names the texts that a CHECK lets into the column."""
    if typing.get_origin(one) is typing.Literal:
        return {type(word) for word in typing.get_args(one)}
    return {typing.get_origin(one) or one}


def fits(annotation: Any, pg_type: str) -> bool:
    """Whether what asyncpg makes of `pg_type` is what the field says it is."""
    made = PYTHON_OF[pg_type]
    wanted, _ = accepted(annotation)
    # A StrEnum field is text that its row class turns into the enum.
    return any(one in made or (isinstance(one, type) and issubclass(one, str) and str in made) for one in wanted)


def test_there_are_statements_to_look_at() -> None:
    assert len(EVERY) > 40


async def test_every_statement_fits_the_schema_and_its_row(system: asyncpg.Connection) -> None:
    wrong = []
    for name, query in EVERY.items():
        try:
            prepared = await system.prepare(query.sql)
        except asyncpg.PostgresError as problem:
            wrong.append(f"{name}: {problem}")
            continue
        if len(prepared.get_parameters()) != len(query.names):
            wrong.append(f"{name}: {query.names} named, {len(prepared.get_parameters())} used")
        wrong += [f"{name}: {problem}" for problem in misfits(query, prepared.get_attributes())]
    assert not wrong, "\n".join(wrong)


def misfits(query: Query[Any], columns: Any) -> list[str]:
    """Where the selected columns and the row class disagree."""
    if query.row is type(None):
        # A statement for its effect may return something (SELECT pg_notify(…)); nobody reads it.
        return []
    if not query.is_record:
        if len(columns) != 1:
            return [f"{len(columns)} columns for one value"]
        return [] if fits(query.row, columns[0].type.name) else [f"{columns[0].type.name} for {query.row.__name__}"]
    fields = {field.name: field for field in dataclasses.fields(query.row)}
    selected = {column.name: column.type.name for column in columns}
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if not needed <= selected.keys() <= fields.keys():
        return [f"columns and fields differ: {sorted(selected.keys() ^ fields.keys())}"]
    hints = typing.get_type_hints(query.row)
    return [
        f"{name}: {pg_type} is not {hints[name]}"
        for name, pg_type in selected.items()
        if not fits(hints[name], pg_type)
    ]


async def test_every_parameter_is_spelt_once_and_bound(system: asyncpg.Connection) -> None:
    """No `:name` may be left in what is sent: our own reading of the statement must have found all of them."""
    left = {
        name: found
        for name, query in EVERY.items()
        if (found := re.findall(r"(?<![:\w]):[a-z_]\w*", re.sub(r"'[^']*'", "''", query.sql)))
    }
    assert not left


async def explained(connection: asyncpg.Connection, query: Query[Any]) -> None:
    """Plan it without running it, which checks the role's rights on every table it names."""
    await connection.execute(f"EXPLAIN (GENERIC_PLAN) {query.sql}")


async def test_the_system_role_may_run_every_statement(system: asyncpg.Connection) -> None:
    refused = []
    for name, query in EVERY.items():
        try:
            await explained(system, query)
        except asyncpg.InsufficientPrivilegeError as problem:
            refused.append(f"{name}: {problem}")
    assert not refused, "\n".join(refused)


async def test_the_request_role_is_refused_only_what_belongs_to_the_system(request_role: asyncpg.Connection) -> None:
    surprises, refused = [], 0
    for name, query in EVERY.items():
        try:
            await explained(request_role, query)
        except asyncpg.InsufficientPrivilegeError as problem:
            refused += 1
            # The doctor also reads when schedules run next; it works under the system role, as the workers do. Signing
            # secrets and the notes of what has no place in the feed are read by the workers alone.
            only_the_systems = any(
                table in str(problem)
                for table in (
                    "_unsealed",
                    "pgqueuer_schedules",
                    "check_runs",
                    "payment_poll",
                    "webhook_endpoint_secrets",
                    "outbox_waiting",
                    "request_limits",
                )
            )
            if not written_by(query) & ONLY_THE_SYSTEM_WRITES and not only_the_systems:
                surprises.append(f"{name}: {problem}")
    assert not surprises, "\n".join(surprises)
    assert refused >= 5, "nothing was refused: this test looks at nothing"


def written_by(query: Query[Any]) -> set[str]:
    """The tables a statement writes, or locks as a writer does."""
    pattern = r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM"
    return set(re.findall(pattern + (r"|FROM" if "FOR UPDATE" in query.sql else "") + r")\s+([a-z_]+)", query.sql))
