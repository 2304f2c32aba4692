"""SQL of the secrets that payers' tokens are signed with."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.keeping import Kept

ENCRYPTED = Kept("payer_secrets", "secret_encrypted")


@dataclass(frozen=True, slots=True)
class PayerSecret:
    """One secret of a store, without what it is."""

    id: UUID
    kid: str
    store_id: str
    made_by: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signing:
    """The secret that a token's kid names, as it lies there."""

    id: UUID
    store_id: str
    secret_encrypted: str


_COLUMNS = "id, kid, store_id, made_by, created_at, ended_at"
# Read before it is known who calls.
SIGNING = Query(
    Signing, "SELECT id, store_id, secret_encrypted FROM payer_secrets WHERE kid = :kid AND ended_at IS NULL"
)
SECRETS = Query(PayerSecret, f"SELECT {_COLUMNS} FROM payer_secrets ORDER BY ended_at IS NOT NULL, created_at DESC, id")
LOCK_STORE = Query(type(None), "SELECT pg_advisory_xact_lock(hashtextextended('payer_secrets:' || :store_id, 0))")
RUNNING = Query(int, "SELECT count(*)::int FROM payer_secrets WHERE store_id = :store_id AND ended_at IS NULL")
INSERT = Query(
    type(None),
    """
    INSERT INTO payer_secrets (id, kid, store_id, secret_encrypted, made_by, created_at)
    VALUES (:id, :kid, :store_id, :secret_encrypted, :made_by, :created_at)
    """,
)
END = Query(
    PayerSecret,
    f"UPDATE payer_secrets SET ended_at = :at WHERE id = :id AND ended_at IS NULL RETURNING {_COLUMNS}",
)
ONE = Query(PayerSecret, f"SELECT {_COLUMNS} FROM payer_secrets WHERE id::text = :named OR kid = :named")


async def secrets(tx: Tx) -> list[PayerSecret]:
    """Every secret there ever was, those in use first."""
    return await tx.all(SECRETS)


async def running(tx: Tx, store_id: str) -> int:
    """How many secrets of a store are in use; nobody else makes one until this transaction ends."""
    await tx.run(LOCK_STORE, store_id=store_id)
    return await tx.one(RUNNING, store_id=store_id)


async def insert(tx: Tx, secret: PayerSecret, *, encrypted: str) -> None:
    """Write a new secret down."""
    await tx.run(
        INSERT,
        id=secret.id,
        kid=secret.kid,
        store_id=secret.store_id,
        secret_encrypted=encrypted,
        made_by=secret.made_by,
        created_at=secret.created_at,
    )


async def named(tx: Tx, name: str) -> PayerSecret | None:
    """The secret of this id or kid."""
    return await tx.maybe(ONE, named=name)


async def end(tx: Tx, secret_id: UUID, at: datetime) -> PayerSecret | None:
    """End a secret; None when it had ended."""
    return await tx.maybe(END, id=secret_id, at=at)
