"""All SQL of endpoints and their secrets."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.keeping import Kept
from jangbu.outbox.rules import Endpoint
from jangbu.vault import Vault

ENCRYPTED = Kept("webhook_endpoint_secrets", "secret_encrypted", plain="secret")

_ENDPOINT = """
    id, url, description, types, store_id, state, disabled_reason, disabled_at, failing_since, position, version,
    created_at
"""
INSERT_ENDPOINT = Query(
    type(None),
    """
    INSERT INTO webhook_endpoints (id, url, description, types, store_id, state, position, filter_since, created_at)
    VALUES (:id, :url, :description, :types::text[], :store_id, 'enabled', :position, :position, :created_at)
    """,
)
ENDPOINT = Query(Endpoint, f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE id = :id AND state <> 'removed'")
LOCK_ENDPOINT = Query(
    Endpoint, f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE id = :id AND state <> 'removed' FOR UPDATE"
)
ENDPOINTS = Query(
    Endpoint, f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE state <> 'removed' ORDER BY created_at, id"
)
# Not by counting what is seen: a key of one store sees that store's alone.
ENDPOINTS_THERE_ARE = Query(int, "SELECT webhook_endpoints_there_are()")
LOCK_NUMBER = Query(type(None), "SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints', 0))")
UPDATE_ENDPOINT = Query(
    type(None),
    """
    UPDATE webhook_endpoints
       SET url = :url, description = :description, types = :types::text[], version = version + 1,
           filter_since = CASE WHEN types = :types::text[] THEN filter_since ELSE position END
     WHERE id = :id
    """,
)
SWITCH = Query(
    type(None),
    """
    UPDATE webhook_endpoints
       SET state = :state, disabled_reason = :reason, disabled_at = :at, version = version + 1,
           failing_since = CASE WHEN :state <> 'enabled' THEN failing_since END
     WHERE id = :id
    """,
)
FAILING = Query(type(None), "UPDATE webhook_endpoints SET failing_since = :since WHERE id = :id")

ADD_SECRET = Query(
    type(None),
    """
    INSERT INTO webhook_endpoint_secrets (id, endpoint_id, secret, secret_encrypted, created_at)
    VALUES (:id, :endpoint_id, :plain, :encrypted, :created_at)
    """,
)
# A secret that was on its way out already keeps its earlier end.
EXPIRE_SECRETS = Query(
    type(None),
    """
    UPDATE webhook_endpoint_secrets SET expires_at = :at
     WHERE endpoint_id = :endpoint_id AND (expires_at IS NULL OR expires_at > :at)
    """,
)


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret as it lies there: `encrypted` is None for one that a release before the vault wrote."""

    id: UUID
    plain: str | None
    encrypted: str | None


SECRETS = Query(
    StoredSecret,
    """
    SELECT id, secret AS plain, secret_encrypted AS encrypted FROM webhook_endpoint_secrets
     WHERE endpoint_id = :endpoint_id AND (expires_at IS NULL OR expires_at > :now) ORDER BY created_at DESC, id DESC
    """,
)


async def insert_endpoint(tx: Tx, endpoint: Endpoint) -> None:
    """A new endpoint, enabled."""
    await tx.run(
        INSERT_ENDPOINT,
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        types=endpoint.types,
        store_id=endpoint.store_id,
        position=endpoint.position,
        created_at=endpoint.created_at,
    )


async def endpoints_there_are(tx: Tx) -> int:
    """How many endpoints the installation has, whosever they are."""
    return await tx.one(ENDPOINTS_THERE_ARE)


async def endpoint(tx: Tx, endpoint_id: UUID) -> Endpoint | None:
    """One endpoint that is not removed."""
    return await tx.maybe(ENDPOINT, id=endpoint_id)


async def lock_endpoint(tx: Tx, endpoint_id: UUID) -> Endpoint | None:
    """The same, held until the transaction ends."""
    return await tx.maybe(LOCK_ENDPOINT, id=endpoint_id)


async def endpoints(tx: Tx) -> list[Endpoint]:
    """All that are not removed, oldest first."""
    return await tx.all(ENDPOINTS)


async def lock_number(tx: Tx) -> None:
    """Let nobody else add an endpoint until the transaction ends."""
    await tx.run(LOCK_NUMBER)


async def update_endpoint(tx: Tx, endpoint_id: UUID, *, url: str, description: str, types: list[str]) -> None:
    """Change what it is; from its position on, where the types change."""
    await tx.run(UPDATE_ENDPOINT, id=endpoint_id, url=url, description=description, types=types)


async def switch(tx: Tx, endpoint_id: UUID, state: str, *, reason: str = "", at: datetime | None = None) -> None:
    """Enable, disable (with a reason and a time) or remove."""
    await tx.run(SWITCH, id=endpoint_id, state=state, reason=reason, at=at)


async def note_failing(tx: Tx, endpoint_id: UUID, since: datetime | None) -> None:
    """Remember since when it fails; None when it does not."""
    await tx.run(FAILING, id=endpoint_id, since=since)


async def add_secret(
    tx: Tx, *, secret_id: UUID, endpoint_id: UUID, secret: str, at: datetime, vault: Vault, keeps_plain: bool
) -> None:
    """A secret that signs from now on. `keeps_plain`: a program of the release before the vault may have to read it."""
    await tx.run(
        ADD_SECRET,
        id=secret_id,
        endpoint_id=endpoint_id,
        plain=secret if keeps_plain else None,
        encrypted=ENCRYPTED.encrypt(vault, secret, secret_id),
        created_at=at,
    )


async def expire_secrets(tx: Tx, endpoint_id: UUID, at: datetime) -> None:
    """Let those there are sign until `at`."""
    await tx.run(EXPIRE_SECRETS, endpoint_id=endpoint_id, at=at)


async def live_secrets(tx: Tx, endpoint_id: UUID, now: datetime, vault: Vault) -> list[str]:
    """Those that sign now, the newest first. Only the system role may read them. Raises VaultProblem."""
    return [
        (row.plain or "") if row.encrypted is None else ENCRYPTED.decrypt(vault, row.encrypted, row.id)
        for row in await tx.all(SECRETS, endpoint_id=endpoint_id, now=now)
    ]
