"""Signing secrets lie in the database encrypted, and change keys and releases while events go out (F116-F118, F96)."""

import base64
from uuid import UUID

import asyncpg
import pytest

from jangbu import installation, keeping
from jangbu.failpoints import Crash, armed
from jangbu.keeping import PLAIN, Rotated, State
from jangbu.outbox import store
from jangbu.outbox.service import delivery, endpoints
from jangbu.portone import verify
from jangbu.runtime import Runtime
from jangbu.settings import load
from jangbu.settings.programs import SANDBOX_SECRETS_KEYS
from jangbu.vault import VaultProblem
from jangbu.wiring import ENCRYPTED, Addresses, Wired
from kit import TESTER, with_settings

from .merchant import URL, Shop

NEW = "new:" + base64.b64encode(b"\x07" * 32).decode()


def with_keys(shop: Shop, keys: str) -> Wired:
    settings = load(_env_file=None, JANGBU_SECRETS_KEYS=keys)
    return with_settings(shop.house.wired, secrets_keys=settings.secrets_keys)


async def state_of(run: Runtime) -> State:
    async with run.db.transaction() as tx:
        (state, *_) = await keeping.states(tx, (store.ENCRYPTED,))
    return state


async def rotated(run: Runtime) -> Rotated:
    return await keeping.rotate(ENCRYPTED, vault=run.settings.vault, db=run.db)


async def made(shop: Shop, run: Runtime | None = None) -> tuple[UUID, str]:
    endpoint, secret = await endpoints.create(URL, types=[], actor=TESTER, run=run or shop.run, sender=shop.sender)
    return endpoint.id, secret


async def everything(where: Addresses) -> str:
    """All text of all tables, as a thief with a dump has it."""
    connection = await asyncpg.connect(where.owner)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await connection.fetch(f'SELECT t::text FROM "{table[0]}" t') for table in tables]
        return "\n".join(str(row[0]) for some in rows for row in some)
    finally:
        await connection.close()


async def test_who_has_the_database_has_no_secret(shop: Shop, where: Addresses) -> None:
    endpoint_id, secret = await made(shop)
    again = await endpoints.rotate(endpoint_id, actor=TESTER, run=shop.house.wired.request)
    dump = await everything(where)
    assert str(endpoint_id) in dump, "the thief reads what there is"
    for one in (secret, again):
        assert one.removeprefix("whsec_").rstrip("=") not in dump
    await shop.announce()
    await shop.send()
    (message,) = shop.receiver.got
    verify(message.headers, message.body, secrets=[secret], now=shop.run.clock.now())
    verify(message.headers, message.body, secrets=[again], now=shop.run.clock.now())


async def test_a_secret_carried_to_another_endpoint_signs_nothing(shop: Shop, where: Addresses) -> None:
    """Who can write to the database cannot make an endpoint of theirs sign with what they know of another's."""
    await made(shop)
    other, _ = await endpoints.create(
        "https://other.example/x", types=[], actor=TESTER, run=shop.run, sender=shop.sender
    )
    owner = await asyncpg.connect(where.owner)
    await owner.execute(
        """
        UPDATE webhook_endpoint_secrets a SET secret_encrypted = b.secret_encrypted
          FROM webhook_endpoint_secrets b WHERE a.endpoint_id = $1 AND b.endpoint_id <> $1
        """,
        other.id,
    )
    await owner.close()
    await shop.announce()
    await shop.advance()
    with pytest.raises(VaultProblem, match="made for another place"):
        await delivery.deliver(other.id, run=shop.run, sender=shop.sender)
    assert shop.receiver.got == []


async def test_events_are_signed_before_during_and_after_a_change_of_keys(shop: Shop) -> None:
    endpoint_id, secret = await made(shop)
    both = with_keys(shop, f"{NEW},{SANDBOX_SECRETS_KEYS}")
    for run in (shop.run, both.system):
        await shop.announce()
        await shop.advance()
        await delivery.deliver(endpoint_id, run=run, sender=shop.sender)
    assert (await rotated(both.system)).count == 1
    assert (await state_of(both.system)).by_key == {"new": 1}
    assert (await rotated(both.system)).count == 0, "a second run finds nothing to do"
    await shop.announce()
    await shop.advance()
    await delivery.deliver(endpoint_id, run=both.system, sender=shop.sender)
    assert len(shop.receiver.got) == 3
    for message in shop.receiver.got:
        verify(message.headers, message.body, secrets=[secret], now=shop.run.clock.now())


async def test_a_rotation_that_dies_is_run_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BATCH", 2)
    for _ in range(5):
        await made(shop)
    run = with_keys(shop, NEW).system
    with armed("keeping.rotate.before_commit", at_pass=2), pytest.raises(Crash):
        await rotated(run)
    half = await state_of(run)
    assert half.by_key == {"new": 2, "published": 3}, "one batch is done and the next is not"
    assert (await rotated(run)).count == 3
    assert (await state_of(run)).is_under("new")


async def test_a_value_that_does_not_open_is_named_and_the_others_go_on(shop: Shop, where: Addresses) -> None:
    first, _ = await made(shop)
    await made(shop)
    owner = await asyncpg.connect(where.owner)
    lost = "v1.lost." + "A" * 60
    await owner.execute("UPDATE webhook_endpoint_secrets SET secret_encrypted = $2 WHERE endpoint_id = $1", first, lost)
    await owner.close()
    run = with_keys(shop, NEW).system
    done = await rotated(run)
    assert done.count == 1
    assert ["'lost', which JANGBU_SECRETS_KEYS does not have" in problem for problem in done.problems] == [True]
    assert (await state_of(run)).by_key == {"lost": 1, "new": 1}
    async with run.db.transaction() as tx:
        assert await keeping.check(tx, store.ENCRYPTED, run.settings.vault) == done.problems


async def test_the_release_before_reads_and_writes_what_it_knows_until_it_is_gone(shop: Shop, where: Addresses) -> None:
    """It selects and inserts the column `secret`: what it needs is there, and what it writes signs here."""
    owner = await asyncpg.connect(where.owner)
    await owner.execute("UPDATE installation SET keeps_plain_secrets = true")
    endpoint_id, secret = await made(shop, shop.house.wired.request)
    assert await owner.fetchval("SELECT secret FROM webhook_endpoint_secrets") == secret
    theirs = "whsec_" + base64.b64encode(b"\x05" * 32).decode()
    system = await asyncpg.connect(where.system)
    await system.execute(
        "INSERT INTO webhook_endpoint_secrets (id, endpoint_id, secret, created_at) VALUES ($1, $2, $3, now())",
        shop.run.ids.uuid(), endpoint_id, theirs,
    )  # fmt: skip
    await system.close()
    assert (await state_of(shop.run)).by_key == {PLAIN: 1, "published": 1}
    assert (await rotated(shop.run)).count == 1
    assert await owner.fetchval("SELECT count(secret) FROM webhook_endpoint_secrets") == 2, "it may still be there"
    async with shop.run.db.transaction() as tx:
        await installation.stop_keeping_plain(tx)
        assert await keeping.empty_plain(tx, ENCRYPTED) == 2
    assert await owner.fetchval("SELECT count(secret) FROM webhook_endpoint_secrets") == 0
    _, later = await made(shop)
    assert await owner.fetchval("SELECT count(secret) FROM webhook_endpoint_secrets") == 0
    await owner.close()
    assert (await state_of(shop.run)).is_under("published")
    async with shop.run.db.transaction() as tx:
        live = await store.live_secrets(tx, endpoint_id, shop.run.clock.now(), shop.run.settings.vault)
    assert sorted(live) == sorted([secret, theirs])
    assert later not in live


async def test_a_database_that_no_worker_has_seen_keeps_nothing_plain(run: Runtime) -> None:
    async with run.db.transaction() as tx:
        assert not await installation.keeps_plain_secrets(tx)
