"""An API key's life."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from jangbu import audit
from jangbu.access import cli
from jangbu.access.refusals import KeyExpiryPast, KeyUnknown, NameMissing, ScopeUnknown, Unauthorized
from jangbu.access.service.keys import authenticate_key, create_api_key, list_api_keys, revoke_api_key
from jangbu.audit import Actor
from jangbu.clock import ManualClock
from jangbu.db import Query
from jangbu.runtime import Runtime

TESTER = Actor("test", "request-1")
SCOPES = ["payments:read", "payments:create"]
# Moves whenever the row is written: xmin is the transaction that wrote it.
WRITTEN = Query(str, "SELECT xmin::text FROM api_keys WHERE id = :id")
STORED = Query(str, "SELECT to_jsonb(k)::text FROM api_keys k")
LOGGED = Query(str, "SELECT to_jsonb(l)::text FROM audit_log l")
GIVE_SCOPES = Query(type(None), "UPDATE api_keys SET scopes = :scopes")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 8, 1, 3, 0, tzinfo=UTC))


@pytest.fixture
def at(request_run: Runtime, clock: ManualClock) -> Runtime:
    return replace(request_run, clock=clock)


async def make(run: Runtime, **more: Any) -> tuple[UUID, str]:
    key, secret = await create_api_key("shop", SCOPES, actor=TESTER, run=run, **more)
    return key.id, secret


async def test_a_key_is_shown_once_and_opens_what_it_was_made_for(at: Runtime) -> None:
    key, secret = await create_api_key("  shop ", SCOPES, "store-1", actor=TESTER, run=at)
    assert re.fullmatch(r"jbk_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}", secret)
    assert secret.startswith(key.prefix + "_")
    caller = await authenticate_key(secret, run=at, request_id="request-2")
    assert caller.actor == Actor(f"key:{key.id}", "request-2")
    assert caller.key_id == key.id
    assert caller.user_id is None
    assert caller.role is None
    assert caller.scopes == {"payments:create", "payments:read"}
    assert (caller.store_id, caller.name) == ("store-1", "shop")


async def test_two_keys_are_never_alike_even_when_ids_follow_a_seed(at: Runtime) -> None:
    from jangbu.ids import Ids

    _, one = await make(replace(at, ids=Ids(at.clock, seed=7)))
    same_ids = Ids(at.clock, seed=7)
    same_ids.uuid()
    _, other = await make(replace(at, ids=same_ids))
    assert one[-43:] != other[-43:]


async def test_the_secret_is_nowhere_in_the_database(at: Runtime) -> None:
    _, secret = await make(at)
    async with at.db.transaction() as tx:
        everything = "".join([*await tx.all(STORED), *await tx.all(LOGGED)])
    assert secret[:12] in everything, "the prefix is"
    assert secret[-43:] not in everything
    assert secret[-43:].encode().hex() not in everything


async def test_making_and_revoking_are_written_down(at: Runtime, clock: ManualClock) -> None:
    expires_at = clock.now() + timedelta(days=30)
    key_id, _ = await make(at, store_id="store-1", expires_at=expires_at)
    clock.move(timedelta(minutes=1))
    await revoke_api_key(str(key_id), actor=TESTER, run=at)
    async with at.db.transaction() as tx:
        lines = await audit.of_subject(tx, f"key:{key_id}")
    assert [(line.action, line.actor) for line in lines] == [
        ("access.key_created", "test"),
        ("access.key_revoked", "test"),
    ]
    assert lines[0].facts["scopes"] == ["payments:create", "payments:read"]
    assert lines[0].facts["expires_at"] == expires_at.isoformat()


@pytest.mark.parametrize("wrong", ["", "jbk_", "nonsense", "jbk_abcdefgh_" + "x" * 43, "jbk_abc\x00efgh_" + "x" * 43])
async def test_a_key_we_never_made_is_refused(at: Runtime, wrong: str) -> None:
    await make(at)
    with pytest.raises(Unauthorized):
        await authenticate_key(wrong, run=at)


async def test_a_key_with_one_letter_changed_is_refused(at: Runtime) -> None:
    _, secret = await make(at)
    for place in (4, 13, len(secret) - 1):
        changed = secret[:place] + ("a" if secret[place] != "a" else "b") + secret[place + 1 :]
        with pytest.raises(Unauthorized):
            await authenticate_key(changed, run=at)


async def test_a_revoked_key_is_refused_at_once(at: Runtime) -> None:
    key_id, secret = await make(at)
    await authenticate_key(secret, run=at)
    before = await revoke_api_key(secret[:12], actor=TESTER, run=at)
    assert (before.id, before.revoked_at) == (key_id, None)
    with pytest.raises(Unauthorized):
        await authenticate_key(secret, run=at)


async def test_revoking_twice_changes_nothing(at: Runtime, clock: ManualClock) -> None:
    key_id, _ = await make(at)
    await revoke_api_key(str(key_id), actor=TESTER, run=at)
    first = (await list_api_keys(run=at))[0].revoked_at
    clock.move(timedelta(days=1))
    await revoke_api_key(str(key_id), actor=TESTER, run=at)
    assert (await list_api_keys(run=at))[0].revoked_at == first == clock.now() - timedelta(days=1)
    async with at.db.transaction() as tx:
        assert len(await audit.of_subject(tx, f"key:{key_id}")) == 2


@pytest.mark.parametrize("named", ["", "jbk_", "nobody", "00000000-0000-0000-0000-000000000000"])
async def test_a_key_nobody_has_cannot_be_revoked(at: Runtime, named: str) -> None:
    await make(at)
    with pytest.raises(KeyUnknown):
        await revoke_api_key(named, actor=TESTER, run=at)


async def test_a_key_works_until_the_moment_it_expires(at: Runtime, clock: ManualClock) -> None:
    _, secret = await make(at, expires_at=clock.now() + timedelta(hours=1))
    clock.move(timedelta(minutes=59, seconds=59))
    await authenticate_key(secret, run=at)
    clock.move(timedelta(seconds=1))
    with pytest.raises(Unauthorized):
        await authenticate_key(secret, run=at)


async def test_what_a_key_cannot_be_is_refused(at: Runtime, clock: ManualClock) -> None:
    with pytest.raises(KeyExpiryPast):
        await make(at, expires_at=clock.now())
    with pytest.raises(NameMissing):
        await create_api_key(" ", SCOPES, actor=TESTER, run=at)
    with pytest.raises(ScopeUnknown):
        await create_api_key("shop", ["keys:manage"], actor=TESTER, run=at)
    assert await list_api_keys(run=at) == []


async def test_a_scope_that_keys_may_not_have_opens_nothing_even_if_it_stands_in_the_row(at: Runtime) -> None:
    _, secret = await make(at)
    await at.db.statement(GIVE_SCOPES, scopes=["payments:read", "keys:manage", "gone:away"])
    assert (await authenticate_key(secret, run=at)).scopes == {"payments:read"}


async def test_a_busy_key_writes_its_last_use_once_a_minute(at: Runtime, clock: ManualClock) -> None:
    key_id, secret = await make(at)
    made = await at.db.statement(WRITTEN, id=key_id)
    await authenticate_key(secret, run=at)
    first = await at.db.statement(WRITTEN, id=key_id)
    assert first != made
    noted = clock.now()
    clock.move(timedelta(seconds=59))
    await asyncio.gather(*(authenticate_key(secret, run=at) for _ in range(20)))
    assert await at.db.statement(WRITTEN, id=key_id) == first
    assert (await list_api_keys(run=at))[0].last_used_at == noted
    clock.move(timedelta(seconds=1))
    await asyncio.gather(*(authenticate_key(secret, run=at) for _ in range(20)))
    assert (await list_api_keys(run=at))[0].last_used_at == clock.now()


async def test_noting_the_use_never_waits_for_a_lock(at: Runtime) -> None:
    key_id, secret = await make(at)
    async with at.db.transaction() as tx:
        await tx.all(Query(UUID, "SELECT id FROM api_keys FOR UPDATE"))
        # Would otherwise end in a lock timeout.
        caller = await asyncio.wait_for(authenticate_key(secret, run=at), timeout=3)
    assert caller.key_id == key_id


async def test_the_command_line_makes_lists_and_revokes(at: Runtime, run: Runtime) -> None:
    secret = await cli.create_key("demo", ["payments:create", "payments:verify", "payments:read"], run=run)
    assert (await authenticate_key(secret, run=at)).name == "demo"
    (listed,) = await cli.list_keys(run=at)
    assert secret.startswith(listed.prefix)
    assert not hasattr(listed, "key_sha256")
    await cli.revoke_key(listed.prefix, run=at)
    async with at.db.transaction() as tx:
        lines = await audit.of_subject(tx, f"key:{listed.id}")
    assert {line.actor for line in lines} == {cli.operator().name}
    assert lines[0].actor.startswith("cli:")
