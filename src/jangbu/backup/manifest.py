"""What stands beside a dump: what it is of, the heads of the seals, the row counts, and a digest of every file."""

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from jangbu import audit
from jangbu.errors import SetupProblem
from jangbu.ledger import store as ledger_store
from jangbu.sealing import GENESIS, Chain, Head

FORMAT = 1
NAME = "manifest.json"
DUMP = "dump"

CHAINS: dict[str, Chain] = {"ledger": ledger_store.CHAIN, "audit": audit.CHAIN}
TABLES = """
SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1
"""


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The end of one chain, and how many rows were committed and not chained yet."""

    seq: int
    digest: str
    unsealed: int

    @property
    def head(self) -> Head:
        """As `books verify` takes it."""
        return Head(self.seq, bytes.fromhex(self.digest))


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the dump."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `manifest.json`. `schema` is the number of the last migration, `counts` are rows by table."""

    format: int
    made_at: datetime
    jangbu: str
    mode: str
    installation: str
    schema: int
    postgresql: str
    pg_dump: str
    ledger: Seal
    audit: Seal
    counts: dict[str, int]
    files: dict[str, File]

    @property
    def server_major(self) -> int:
        """The release of the server that was dumped."""
        return int(self.postgresql.partition(".")[0])

    @property
    def tools_major(self) -> int:
        """The release of the pg_dump that wrote the dump: no older pg_restore reads it."""
        return int(self.pg_dump.partition(".")[0])


async def seals(connection: asyncpg.Connection) -> dict[str, Seal]:
    """The ends of the chains as this connection's transaction sees them."""
    found = {}
    for name, chain in CHAINS.items():
        row = await connection.fetchrow(chain.head.sql)
        head = Head(0, GENESIS) if row is None else chain.head.read(row)
        tail = chain.tail.read(await connection.fetchrow(chain.tail.sql))
        found[name] = Seal(head.seq, head.digest.hex(), tail.rows)
    return found


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """Rows by table, likewise."""
    tables = [row["relname"] for row in await connection.fetch(TABLES)]
    return {table: await connection.fetchval(f'SELECT count(*) FROM "{table}"') for table in tables}


def files(dump: Path) -> dict[str, File]:
    """Every file below `dump` with its digest."""
    found = {}
    for path in sorted(path for path in dump.rglob("*") if not path.is_dir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        found[path.relative_to(dump).as_posix()] = File(path.stat().st_size, digest.hexdigest())
    return found


def write(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` and see it onto the disk."""
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`. Raises SetupProblem when there is none that can be read."""
    try:
        text = (folder / NAME).read_bytes()
    except OSError as missing:
        raise SetupProblem(
            f"{folder} is not a backup: its {NAME} cannot be read ({missing.strerror}). A backup that was cut off has "
            "the ending .unfinished and no manifest."
        ) from missing
    try:
        said: Any = msgspec.json.decode(text)
        if isinstance(said, dict) and said.get("format") != FORMAT:
            raise SetupProblem(
                f"{folder / NAME} has the format {said.get('format')!r}, and this release reads {FORMAT}. "
                "Restore it with the release that made it, or a newer one."
            )
        return msgspec.convert(said, Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as damaged:
        raise SetupProblem(f"{folder / NAME} is damaged: {damaged}. Take another backup.") from damaged
