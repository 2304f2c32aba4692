"""Which columns hold what the vault encrypted, under which keys, and bringing all of it under the first one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from jangbu.db import Database, Query, Tx
from jangbu.failpoints import failpoint
from jangbu.vault import Place, Vault, VaultProblem

BATCH = 200
PLAIN = "(not encrypted)"
"""What `held` calls the key of values that a release before the vault wrote."""


@dataclass(frozen=True, slots=True)
class Held:
    """How many values of a column are under a key."""

    key_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Token:
    """A row's value as it lies there."""

    id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A value that is not under the first key; `token` is None where it still lies there as it is."""

    id: UUID
    token: str | None
    plain: str | None


class Kept:
    """One column of tokens in a table whose key is `id`.

    `plain` is the column that a release before the vault wrote the same values to, and `empty` what it holds when there
    is none. `fingerprint` is the column to look values up by, and `of` says what of a value that is.
    """

    def __init__(
        self,
        table: str,
        column: str,
        *,
        plain: str = "",
        empty: str = "NULL",
        fingerprint: str = "",
        of: Callable[[str], str | None] | None = None,
    ) -> None:
        self.table, self.column, self._of = table, column, of
        self._purpose = f"{table}.{fingerprint}"
        plain_column = f"nullif({plain}, {empty})::text" if plain else "NULL::text"
        is_stale = f"({column} IS NOT NULL OR {plain_column} IS NOT NULL)"
        self.by_key = Query(
            Held,
            f"""
            SELECT coalesce(split_part({column}, '.', 2), '{PLAIN}') AS key_id, count(*) AS count FROM {table}
             WHERE {is_stale} GROUP BY 1 ORDER BY 1
            """,
        )
        self.plain_left = Query(int, f"SELECT count(*) FROM {table} WHERE {plain_column} IS NOT NULL")
        self.stale = Query(
            Stale,
            f"""
            SELECT id, {column} AS token, {plain_column} AS plain FROM {table}
             WHERE {is_stale} AND split_part({column}, '.', 2) IS DISTINCT FROM :first AND id > :after
             ORDER BY id LIMIT :most FOR UPDATE
            """,
        )
        setting = f", {fingerprint} = n.fingerprint" if fingerprint else ""
        self.replace = Query(
            type(None),
            f"""
            UPDATE {table} SET {column} = n.token{setting}
              FROM unnest(:ids::uuid[], :tokens::text[], :fingerprints::text[]) AS n(id, token, fingerprint)
             WHERE {table}.id = n.id
            """,
        )
        self.everything = Query(Token, f"SELECT id, {column} AS token FROM {table} WHERE {column} IS NOT NULL")
        self.empty_plain: Query[None] | None = None
        if plain:
            self.empty_plain = Query(
                type(None),
                f"UPDATE {table} SET {plain} = {empty} WHERE {plain_column} IS NOT NULL AND {column} IS NOT NULL",
            )

    def place(self, row: UUID) -> Place:
        """Where a row's value lies."""
        return Place(self.table, self.column, str(row))

    def encrypt(self, vault: Vault, text: str, row: UUID) -> str:
        """`text` as this row's token."""
        return vault.encrypt(text, self.place(row))

    def decrypt(self, vault: Vault, token: str, row: UUID) -> str:
        """What this row's token holds. Raises VaultProblem."""
        return vault.decrypt(token, self.place(row))

    def fingerprint(self, vault: Vault, text: str) -> str | None:
        """What this value is found by, where it has something to be found by."""
        wanted = None if self._of is None else self._of(text)
        return None if wanted is None else vault.fingerprint(wanted, self._purpose)

    def fingerprints(self, vault: Vault, wanted: str) -> list[str]:
        """What rows with this have in their column, whatever key they are under."""
        return vault.fingerprints(wanted, self._purpose)

    async def rotate_some(self, tx: Tx, vault: Vault, rotated: "Rotated", *, after: UUID) -> UUID | None:
        """Bring some values behind a row under the first key; the last row looked at, None when there is no more."""
        rows = await tx.all(self.stale, first=vault.first, most=BATCH, after=after)
        opened = []
        for row in rows:
            try:
                text = (row.plain or "") if row.token is None else self.decrypt(vault, row.token, row.id)
                opened.append((row.id, text))
            except VaultProblem as problem:
                rotated.problems.append(str(problem))
        await tx.run(
            self.replace,
            ids=[row for row, _ in opened],
            tokens=[self.encrypt(vault, text, row) for row, text in opened],
            fingerprints=[self.fingerprint(vault, text) for _, text in opened],
        )
        rotated.count += len(opened)
        return rows[-1].id if rows else None


@dataclass(slots=True)
class Rotated:
    """How many values were brought under the first key, how many plain ones emptied; what is wrong with the others."""

    count: int = 0
    emptied: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class State:
    """What lies in a column: how many values under each key, and how many lie there plain as well."""

    kept: Kept
    by_key: dict[str, int]
    plain: int

    def is_under(self, key_id: str) -> bool:
        """Whether everything in it is under that key, and nothing plain."""
        return set(self.by_key) <= {key_id} and not self.plain


async def states(tx: Tx, columns: tuple[Kept, ...]) -> list[State]:
    """What lies where, under which key."""
    return [
        State(kept, {held.key_id: held.count for held in await tx.all(kept.by_key)}, await tx.one(kept.plain_left))
        for kept in columns
    ]


async def rotate(columns: tuple[Kept, ...], *, vault: Vault, db: Database) -> Rotated:
    """Bring everything under the first key, a batch a transaction.

    Every value opens at every moment, so programs go on meanwhile; whoever is cut off runs it again. One that does not
    open stays as it is.
    """
    rotated = Rotated()
    for kept in columns:
        after: UUID | None = UUID(int=0)
        while after is not None:
            async with db.transaction() as tx:
                after = await kept.rotate_some(tx, vault, rotated, after=after)
                failpoint("keeping.rotate.before_commit")
    return rotated


async def empty_plain(tx: Tx, columns: tuple[Kept, ...]) -> int:
    """Empty the plain columns wherever the value is encrypted too; how many."""
    return sum([await tx.run(kept.empty_plain) for kept in columns if kept.empty_plain is not None])


async def check(tx: Tx, kept: Kept, vault: Vault) -> list[str]:
    """Open every value of a column; what is wrong with those that do not open."""
    problems = []
    async for row in tx.stream(kept.everything):
        try:
            kept.decrypt(vault, row.token, row.id)
        except VaultProblem as problem:
            problems.append(str(problem))
    return problems
