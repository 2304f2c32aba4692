"""API keys: made, shown once, recognised, revoked.

Only the SHA-256 of a key is kept. A key has 256 random bits, so a slow hash would guard nothing more.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from jangbu import audit
from jangbu.access import store
from jangbu.access.caller import Caller
from jangbu.access.refusals import KeyExpiryPast, KeyUnknown, MoreThanYouHave, Unauthorized
from jangbu.access.rules import KEY_SCOPES, Role, checked_name, checked_scopes, givable_to_keys, key_prefix
from jangbu.access.store import ApiKey
from jangbu.audit import Actor
from jangbu.ids import secret_token
from jangbu.runtime import Runtime

USE_NOTED_EVERY = timedelta(minutes=1)
"""A busy key is not to write a row on each request."""

log = structlog.get_logger()


async def create_api_key(
    name: str,
    scopes: Iterable[str],
    store_id: str | None = None,
    expires_at: datetime | None = None,
    *,
    actor: Actor,
    by: Role | None = None,
    run: Runtime,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown now and never again. `by` is the role of who makes it; None is the
    operator at a terminal.

    Raises NameMissing, ScopeUnknown, MoreThanYouHave, KeyExpiryPast.
    """
    wanted = checked_scopes(scopes)
    if not givable_to_keys(by).issuperset(wanted):
        raise MoreThanYouHave
    now = run.clock.now()
    if expires_at is not None and expires_at <= now:
        raise KeyExpiryPast
    prefix = f"jbk_{run.ids.token(8)}"
    secret = f"{prefix}_{secret_token(32)}"
    assert key_prefix(secret) == prefix, "we would not recognise this key"
    key = ApiKey(
        id=run.ids.uuid(),
        name=checked_name(name),
        prefix=prefix,
        scopes=wanted,
        store_id=store_id,
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
        created_at=now,
    )
    async with run.db.transaction() as tx:
        await store.insert_key(tx, key, key_sha256=_digest(secret))
        await audit.record(
            tx,
            at=now,
            actor=actor,
            action="access.key_created",
            subject=f"key:{key.id}",
            name=key.name,
            prefix=key.prefix,
            scopes=key.scopes,
            store_id=store_id,
            expires_at=None if expires_at is None else expires_at.isoformat(),
        )
    return key, secret


async def authenticate_key(secret: str, *, run: Runtime, request_id: str = "") -> Caller:
    """The caller behind an API key. Raises Unauthorized for a wrong, revoked or expired one alike."""
    if key_prefix(secret) is None:
        raise _refused("malformed")
    digest = _digest(secret)
    key = await run.db.statement(store.PRESENTED_KEY, key_sha256=digest)
    # The index has compared the digests; comparing them again in constant time costs nothing, and holds should this
    # ever be looked up by something a caller can guess (reliability F133).
    if key is None or not hmac.compare_digest(key.key_sha256, digest):
        raise _refused("unknown")
    now = run.clock.now()
    if key.revoked_at is not None:
        raise _refused("revoked", key_id=str(key.id))
    if key.expires_at is not None and key.expires_at <= now:
        raise _refused("expired", key_id=str(key.id))
    if key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY:
        await run.db.statement(store.NOTE_KEY_USE, id=key.id, now=now, before=now - USE_NOTED_EVERY)
    return Caller(
        Actor(f"key:{key.id}", request_id),
        key_id=key.id,
        # A scope that this release does not know, or no longer gives to keys, opens nothing.
        scopes=KEY_SCOPES.intersection(key.scopes),
        store_id=key.store_id,
        name=key.name,
    )


async def list_api_keys(*, run: Runtime) -> list[ApiKey]:
    """Every key, revoked ones too, oldest first."""
    async with run.db.transaction() as tx:
        return await store.keys(tx)


async def revoke_api_key(named: str, *, actor: Actor, run: Runtime) -> ApiKey:
    """Refuse a key from now on. `named` is its id or its shown prefix. Revoking it again changes nothing.

    Raises KeyUnknown.
    """
    now = run.clock.now()
    async with run.db.transaction() as tx:
        found = await store.lock_keys_named(tx, named)
        # Two keys with one prefix are one in 10^14; then only the id will do.
        if len(found) != 1:
            raise KeyUnknown
        key = found[0]
        if key.revoked_at is None:
            await store.revoke_key(tx, key.id, now)
            await audit.record(
                tx, at=now, actor=actor, action="access.key_revoked", subject=f"key:{key.id}", prefix=key.prefix
            )
    return key


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _refused(why: str, **facts: str) -> Unauthorized:
    log.info("access.key_refused", why=why, **facts)
    return Unauthorized()
