"""Endpoints: made, changed, given new secrets, tested, switched on and off, removed."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from jangbu import audit, events, ids, installation
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.outbox import delivery_store, feed_store, store
from jangbu.outbox.announcements import TEST
from jangbu.outbox.delivery_store import Backlog
from jangbu.outbox.refusals import EndpointChangedMeanwhile, EndpointNotEnabled, EndpointUnknown, TooManyEndpoints
from jangbu.outbox.rules import ENDPOINTS_MAX, ROTATION_H_DEFAULT, SECRET_BYTES_MADE, Endpoint, key_of, secret_of
from jangbu.outbox.sender import Sender
from jangbu.outbox.service.delivery import LEASE
from jangbu.outbox.service.feed import checked_types
from jangbu.runtime import Runtime


async def create(
    url: str,
    *,
    types: list[str],
    description: str = "",
    store_id: str = "",
    secret: str = "",
    actor: Actor,
    run: Runtime,
    sender: Sender,
) -> tuple[Endpoint, str]:
    """A new endpoint, told of what happens from now on; and its secret, which is shown now and never again.

    Raises EndpointUrlMalformed, EndpointAddressRefused, EndpointHostUnknown, EventTypeUnknown,
    EndpointSecretMalformed, TooManyEndpoints.
    """
    wanted = checked_types(types)
    secret = checked_secret(secret)
    await sender.check(url)
    now = run.clock.now()
    async with run.db.transaction() as tx:
        await store.lock_number(tx)
        if await store.endpoints_there_are(tx) >= ENDPOINTS_MAX:
            raise TooManyEndpoints(most=ENDPOINTS_MAX)
        made = Endpoint(
            id=run.ids.uuid(),
            url=url,
            description=description,
            types=wanted,
            store_id=store_id,
            state="enabled",
            disabled_reason="",
            disabled_at=None,
            failing_since=None,
            position=await feed_store.head(tx),
            version=1,
            created_at=now,
        )
        await store.insert_endpoint(tx, made)
        await _add_secret(tx, made, secret, run=run)
        await _note(tx, "created", made, actor=actor, run=run, url=made.shown_url, types=wanted, store_id=store_id)
    return made, secret


def checked_secret(secret: str) -> str:
    """A given secret, or a new one where none is given. Raises EndpointSecretMalformed."""
    if secret:
        key_of(secret)
        return secret
    return secret_of(ids.secret_bytes(SECRET_BYTES_MADE))


async def every(*, store_id: str = "", run: Runtime) -> tuple[list[Endpoint], dict[UUID, Backlog]]:
    """All endpoints, or a store's, and what waits at each."""
    async with run.db.transaction(snapshot=True) as tx:
        found = [one for one in await store.endpoints(tx) if store_id in ("", one.store_id)]
        return found, await delivery_store.backlog(tx)


async def find(endpoint_id: UUID, *, store_id: str = "", run: Runtime) -> Endpoint:
    """One endpoint. Raises EndpointUnknown."""
    async with run.db.transaction() as tx:
        return _mine(await store.endpoint(tx, endpoint_id), store_id)


async def change(
    endpoint_id: UUID,
    *,
    url: str | None = None,
    description: str | None = None,
    types: list[str] | None = None,
    version: int | None = None,
    store_id: str = "",
    actor: Actor,
    run: Runtime,
    sender: Sender,
) -> Endpoint:
    """Change what is given, for whatever is sent from now on. `version` is what the caller saw, if it matters to them.

    Raises EndpointUnknown, EndpointChangedMeanwhile and what `create` raises for a URL or a type.
    """
    wanted = None if types is None else checked_types(types)
    if url is not None:
        await sender.check(url)
    async with run.db.transaction() as tx:
        before = _mine(await store.lock_endpoint(tx, endpoint_id), store_id)
        if version not in (None, before.version):
            raise EndpointChangedMeanwhile
        after = replace(
            before,
            url=before.url if url is None else url,
            description=before.description if description is None else description,
            types=before.types if wanted is None else wanted,
        )
        if after == before:
            return before
        await store.update_endpoint(tx, after.id, url=after.url, description=after.description, types=after.types)
        await _note(tx, "changed", after, actor=actor, run=run, url=after.shown_url, types=after.types)
    return replace(after, version=before.version + 1)


async def rotate(
    endpoint_id: UUID,
    *,
    keep_h: int = ROTATION_H_DEFAULT,
    secret: str = "",
    store_id: str = "",
    actor: Actor,
    run: Runtime,
) -> str:
    """A new secret, which signs beside the old ones for `keep_h` hours and then alone. Shown now and never again.

    Raises EndpointUnknown, EndpointSecretMalformed.
    """
    secret = checked_secret(secret)
    now = run.clock.now()
    async with run.db.transaction() as tx:
        endpoint = _mine(await store.lock_endpoint(tx, endpoint_id), store_id)
        await store.expire_secrets(tx, endpoint.id, now + timedelta(hours=keep_h))
        await _add_secret(tx, endpoint, secret, run=run)
        await _note(tx, "secret_rotated", endpoint, actor=actor, run=run, keep_h=keep_h)
    return secret


async def send_test(endpoint_id: UUID, *, store_id: str = "", actor: Actor, run: Runtime) -> UUID:
    """Send a test event to this endpoint alone, by the way every event takes; its id.

    Raises EndpointUnknown, EndpointNotEnabled.
    """
    event_id = run.ids.uuid()
    async with run.db.transaction() as tx:
        endpoint = _mine(await store.lock_endpoint(tx, endpoint_id), store_id)
        if endpoint.state != "enabled":
            raise EndpointNotEnabled
        data = {"endpointId": str(endpoint.id)}
        at = run.clock.now()
        await events.announce(tx, events.Event(event_id, TEST, endpoint.subject, at, data, store_id=endpoint.store_id))
        await _note(tx, "tested", endpoint, actor=actor, run=run)
    return event_id


async def enable(endpoint_id: UUID, *, store_id: str = "", actor: Actor, run: Runtime) -> Endpoint:
    """Switch on again; it goes on where it stopped: what failed while it was failing, and all that happened since.

    Enabling what is enabled changes nothing. Raises EndpointUnknown.
    """
    now = run.clock.now()
    async with run.db.transaction() as tx:
        endpoint = _mine(await store.lock_endpoint(tx, endpoint_id), store_id)
        if endpoint.state == "enabled":
            return endpoint
        await store.switch(tx, endpoint.id, "enabled")
        since = endpoint.failing_since or endpoint.disabled_at
        assert since is not None, "what is disabled is disabled since some time"
        # Several lanes fail at once, and the first to say so need not be the one that began first.
        await delivery_store.resume(tx, endpoint.id, since=since - LEASE, now=now)
        await _note(tx, "enabled", endpoint, actor=actor, run=run)
    return await find(endpoint_id, run=run)


async def disable(endpoint_id: UUID, *, store_id: str = "", actor: Actor, run: Runtime) -> Endpoint:
    """Send nothing until it is enabled again; nothing is forgotten. Raises EndpointUnknown."""
    async with run.db.transaction() as tx:
        endpoint = _mine(await store.lock_endpoint(tx, endpoint_id), store_id)
        if endpoint.state == "disabled":
            return endpoint
        await store.switch(tx, endpoint.id, "disabled", reason="by_hand", at=run.clock.now())
        await _note(tx, "disabled", endpoint, actor=actor, run=run, reason="by_hand")
    return await find(endpoint_id, run=run)


async def remove(endpoint_id: UUID, *, store_id: str = "", actor: Actor, run: Runtime) -> None:
    """Send nothing any more, for good; the log of what was sent stays. Raises EndpointUnknown."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        endpoint = _mine(await store.lock_endpoint(tx, endpoint_id), store_id)
        await store.switch(tx, endpoint.id, "removed")
        await delivery_store.cancel_pending(tx, endpoint.id)
        await store.expire_secrets(tx, endpoint.id, now)
        await _note(tx, "removed", endpoint, actor=actor, run=run)


async def _add_secret(tx: Tx, endpoint: Endpoint, secret: str, *, run: Runtime) -> None:
    await store.add_secret(
        tx,
        secret_id=run.ids.uuid(),
        endpoint_id=endpoint.id,
        secret=secret,
        at=run.clock.now(),
        vault=run.settings.vault,
        keeps_plain=await installation.keeps_plain_secrets(tx),
    )


def _mine(endpoint: Endpoint | None, store_id: str) -> Endpoint:
    """Raises EndpointUnknown for what is not there, or not this store's."""
    if endpoint is None or store_id not in ("", endpoint.store_id):
        raise EndpointUnknown
    return endpoint


async def _note(tx: Tx, what: str, endpoint: Endpoint, *, actor: Actor, run: Runtime, **facts: object) -> None:
    action = f"webhook_endpoint.{what}"
    await audit.record(tx, at=run.clock.now(), actor=actor, action=action, subject=endpoint.subject, **facts)
