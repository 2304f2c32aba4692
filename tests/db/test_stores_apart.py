"""Row-level security (requirements B9): the request role sees one store's rows, whatever a statement forgets (F110)."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI

from jangbu import embedded
from jangbu import migrate as migrations
from jangbu.access.guard import Caller, guard, install, refuse_undeclared
from jangbu.access.rules import Public, Scoped
from jangbu.access.service.keys import create_api_key
from jangbu.db import Database, Query
from jangbu.migrate import migrate
from jangbu.runtime import Runtime
from jangbu.sight import NO_STORE, Sighted, blind, see
from jangbu.wiring import Addresses
from kit import TESTER, House, fresh_database, until
from superuser import superuser

A, B = "store-a", "store-b'; DROP TABLE payments; --"
OPEN_TABLES = {
    "admin": "staff belong to no store",
    "admin_alerts": "the console's: shown to staff, who see every store",
    "api_keys": "read before it is known who calls; listed to staff only",
    "audit_log": "written by every request, read by the console and the proof only",
    "audit_seal": "digests of lines, nothing of what they say",
    "audit_unsealed": "ids of lines",
    "check_runs": "verdicts about the whole of the books: shown to staff, who see every store",
    "event_receipts": "ids of events that our own subscribers took",
    "installation": "one row about the database",
    "ledger_entries": "facts without a store: whose they are stands on the accounts they are posted to",
    "ledger_postings": "amounts: whose they are stands on the account",
    "ledger_seal": "digests of entries",
    "ledger_snapshots": "sums by account: whose they are stands on the account",
    "ledger_unsealed": "ids of entries",
    "notices": "the console's: shown to staff, who see every store",
    "outbox_waiting": "ids of events; the request role may only add to it",
    "payer_secrets": "read before it is known who calls; listed to staff only",
    "payment_channels": "the ways into the PGs: names and kinds, no money; shown to staff, who see every store",
    "payment_poll": "the request role has no right to it",
    "pgqueuer": "jobs of all stores; the request role adds its own",
    "pgqueuer_log": "the request role has no right to it",
    "pgqueuer_schedules": "the request role has no right to it",
    "pgqueuer_statistics": "the request role has no right to it",
    "request_limits": "counted before it is known who calls; it holds no store's data",
    "sandbox_clock": "one row about the clock",
    "schema_migrations": "what was migrated",
    "session": "read before it is known who calls",
    "staff_links": "staff belong to no store",
    "users": "people belong to no store",
}
"""Tables without a policy, and why that is right. A table of stores' rows does not belong here."""

FILL = """
    INSERT INTO payments (id, store_id, provider_order_id, order_name, amount, tax_free_amount, currency, tax_profile,
                          status, expires_at, created_at)
    VALUES ('{i}1111111-0000-4000-8000-000000000000', '{s}', 'order{i}', '차', 100, 0, 'KRW', 'taxable', 'READY', now(),
            now());
    INSERT INTO payment_attempts (id, payment_id, operation, request, state, started_at)
    VALUES (gen_random_uuid(), '{i}1111111-0000-4000-8000-000000000000', 'cancel', '{{}}', 'sent', now());
    INSERT INTO payment_cancellations
        (id, payment_id, origin, status, amount, currency, reason, requested_by, created_at)
    VALUES (gen_random_uuid(), '{i}1111111-0000-4000-8000-000000000000', 'ours', 'WAITING', 1, 'KRW', '', '', now());
    INSERT INTO identity_verifications (id, store_id, verification_id, channel_key, token_sha256, status, created_at)
    VALUES (gen_random_uuid(), '{s}', repeat('{i}', 32), 'c', sha256('{i}'), 'started', now());
    INSERT INTO events (id, type, subject, store_id, happened_at, data)
    VALUES ('{i}2222222-0000-4000-8000-000000000000', 'x.y', 'x:1', '{s}', now(), '{{}}');
    INSERT INTO outbox_feed (seq, event_id, type, subject, store_id, happened_at)
    VALUES ({i}, '{i}2222222-0000-4000-8000-000000000000', 'x.y', 'x:1', '{s}', now());
    INSERT INTO webhook_endpoints (id, url, store_id, state, created_at)
    VALUES ('{i}3333333-0000-4000-8000-000000000000', 'https://x', '{s}', 'enabled', now());
    INSERT INTO webhook_endpoint_secrets (id, endpoint_id, secret, created_at)
    VALUES (gen_random_uuid(), '{i}3333333-0000-4000-8000-000000000000', 'whsec_AAAA', now());
    INSERT INTO webhook_deliveries (endpoint_id, seq, state, due_at, created_at)
    VALUES ('{i}3333333-0000-4000-8000-000000000000', {i}, 'pending', now(), now());
    INSERT INTO webhook_delivery_attempts (endpoint_id, seq, started_at, took_ms, outcome)
    VALUES ('{i}3333333-0000-4000-8000-000000000000', {i}, now(), 1, 'timeout');
    INSERT INTO ledger_accounts (path, store_id, channel_key, pg, partner_id, currency)
    VALUES ('assets:bank', '{s}', '', '', '', 'KRW');
    INSERT INTO items (id, store_id, name_ko, name_en, price, currency, created_at)
    VALUES ('{i}4444444-0000-4000-8000-000000000000', '{s}', '차', 'tea', 100, 'KRW', now());
    INSERT INTO payment_sessions (id, session_id, store_id, order_id, order_name, amount, currency, state, expires_at,
                                  due_at, created_at)
    VALUES ('{i}5555555-0000-4000-8000-000000000000', 's{i}', '{s}', 'o', '차', 100, 'KRW', 'open', now(), now(),
            now());
    INSERT INTO payment_session_lines (session_key, item_id, position, name_ko, name_en, unit_price,
                                       tax_free_unit_price, quantity)
    VALUES ('{i}5555555-0000-4000-8000-000000000000', '{i}4444444-0000-4000-8000-000000000000', 1, '차', 'tea', 1, 0,
            1);
    INSERT INTO item_movements (id, item_id, kind, quantity, happened_at)
    VALUES (gen_random_uuid(), '{i}4444444-0000-4000-8000-000000000000', 'stocked', 1, now());
    INSERT INTO webhook_logs (webhook_id, body_sha256, received_at, request_body)
    VALUES ('w{i}', '', now(), jsonb_build_object('data', jsonb_build_object('storeId', '{s}')));
"""
FILL_LATER = """
    INSERT INTO webhook_tries (webhook_id, started_at, ended_at, outcome) VALUES ('w{i}', now(), now(), 'processed');
    INSERT INTO payment_questions (id, question_id, payment_id, portone_payment_id, asked, answer, took_ms, asked_at,
                                   answered_at)
    VALUES (gen_random_uuid(), 'q{i}', '{i}1111111-0000-4000-8000-000000000000', 'order{i}', '{{}}', 'yes', 1, now(),
            now());
    INSERT INTO payment_disputes (id, payment_id, reason, status, currency, opened_at, created_at)
    VALUES ('{i}6666666-0000-4000-8000-000000000000', '{i}1111111-0000-4000-8000-000000000000', 'x', 'OPEN', 'KRW',
            now(), now());
    INSERT INTO payment_receipts (id, payment_id, status, created_at)
    VALUES (gen_random_uuid(), '{i}1111111-0000-4000-8000-000000000000', 'ISSUED', now());
    INSERT INTO payment_dispute_moves (dispute_id, number, payment_id, kind, amount, moved_at)
    VALUES ('{i}6666666-0000-4000-8000-000000000000', 1, '{i}1111111-0000-4000-8000-000000000000', 'held', 1, now());
"""
"""Tables that are younger than the wall."""
STORE_OF = {
    "payments": "store_id",
    "payment_attempts": "(SELECT store_id FROM payments p WHERE p.id = payment_id)",
    "payment_cancellations": "(SELECT store_id FROM payments p WHERE p.id = payment_id)",
    "payment_questions": "(SELECT store_id FROM payments p WHERE p.id = payment_id)",
    "payment_disputes": "(SELECT store_id FROM payments p WHERE p.id = payment_id)",
    "payment_receipts": "(SELECT store_id FROM payments p WHERE p.id = payment_id)",
    "payment_dispute_moves": "(SELECT store_id FROM payments p WHERE p.id = payment_id)",
    "identity_verifications": "store_id",
    "events": "store_id",
    "outbox_feed": "store_id",
    "webhook_endpoints": "store_id",
    "webhook_endpoint_secrets": "(SELECT store_id FROM webhook_endpoints e WHERE e.id = endpoint_id)",
    "webhook_deliveries": "(SELECT store_id FROM webhook_endpoints e WHERE e.id = endpoint_id)",
    "webhook_delivery_attempts": "(SELECT store_id FROM webhook_endpoints e WHERE e.id = endpoint_id)",
    "ledger_accounts": "store_id",
    "items": "store_id",
    "payment_sessions": "store_id",
    "payment_session_lines": "(SELECT store_id FROM payment_sessions s WHERE s.id = session_key)",
    "item_movements": "(SELECT store_id FROM items i WHERE i.id = item_id)",
    "webhook_logs": "request_body->'data'->>'storeId'",
    "webhook_tries": (
        "(SELECT request_body->'data'->>'storeId' FROM webhook_logs w WHERE w.webhook_id = t.webhook_id)"
    ),
}
CHANGED = {
    "payments": "order_name = order_name",
    "payment_attempts": "state = state",
    "payment_cancellations": "reason = reason",
    "payment_disputes": "reason = reason",
    "payment_receipts": "url = url",
    "identity_verifications": "reason = reason",
    "items": "price = price",
    "payment_sessions": "order_name = order_name",
    "webhook_endpoints": "description = description",
    "webhook_endpoint_secrets": "expires_at = now()",
    "webhook_deliveries": "tries = tries",
}
"""What the request role may change at all."""


@pytest.fixture(scope="module")
async def where(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """Two stores with a row in every table that knows stores. Tests roll back what they change."""
    async with fresh_database(server) as addresses:
        owner = await asyncpg.connect(addresses.owner)
        for i, store in ((1, A), (2, B)):
            await owner.execute((FILL + FILL_LATER).format(i=i, s=store.replace("'", "''")))
        await owner.close()
        yield addresses


@pytest.fixture
async def people(where: Addresses) -> AsyncIterator[Database]:
    """The pool of people's requests."""
    db = await Database(where.request, name="test", sighted=True).open()
    yield db
    await db.close()


async def test_every_table_has_a_policy_or_a_reason_to_have_none(server: embedded.Embedded, where: Addresses) -> None:
    async with superuser(server, where) as connection:
        rows = await connection.fetch(
            """
            SELECT relname, relrowsecurity, array_agg(DISTINCT r.rolname ORDER BY r.rolname)
                       FILTER (WHERE r.rolname IS NOT NULL) AS roles
              FROM pg_class c
              LEFT JOIN pg_policy p ON p.polrelid = c.oid LEFT JOIN pg_roles r ON r.oid = ANY(p.polroles)
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') GROUP BY relname, relrowsecurity
            """
        )
    walled = {row["relname"] for row in rows if row["relrowsecurity"]}
    assert {row["relname"] for row in rows} - walled == set(OPEN_TABLES)
    assert walled == set(STORE_OF)
    for row in rows:
        if row["relrowsecurity"]:
            assert row["roles"] == ["jangbu_request", "jangbu_system"], row["relname"]


@pytest.mark.parametrize("table", STORE_OF)
async def test_a_statement_without_a_where_shows_and_touches_one_store_only(people: Database, table: str) -> None:
    async with people.pool.acquire() as connection:
        for store in (A, B):
            see(store)
            async with connection.transaction():
                # The policies look the store up; what this test looks it up by must not be what is tested.
                count = await connection.fetchval(f"SELECT count({'id' if 'secret' in table else '*'}) FROM {table}")
                shown = await connection.fetch(f"SELECT DISTINCT {STORE_OF[table]} FROM {table} AS t")
                assert (count, [row[0] for row in shown]) == (1, [store])
                if table in CHANGED:
                    assert await connection.execute(f"UPDATE {table} SET {CHANGED[table]}") == "UPDATE 1"
        see(None)
        async with connection.transaction():
            assert await connection.fetchval(f"SELECT count({'id' if 'secret' in table else '*'}) FROM {table}") == 2


@pytest.mark.parametrize("table", STORE_OF)
async def test_who_names_no_store_sees_nothing(people: Database, where: Addresses, table: str) -> None:
    count = f"SELECT count({'id' if 'secret' in table else '*'}) FROM {table}"
    async with people.pool.acquire() as connection:
        with blind():
            async with connection.transaction():
                assert await connection.fetchval(count) == 0
        assert await connection.fetchval(count) == 0, "nor does a statement by itself, in the same session"
        for odd in ("", "*", NO_STORE, "store-c", "\0"):
            see(odd)
            async with connection.transaction():
                assert await connection.fetchval(count) == 0
    bare = await asyncpg.connect(where.request)
    assert await bare.fetchval(count) == 0
    await bare.close()
    system = await asyncpg.connect(where.system)
    assert await system.fetchval(count) == 2, "workers and webhooks are for all stores"
    await system.close()


async def test_a_webhook_that_names_no_store_is_for_those_who_see_every_store(
    people: Database, where: Addresses
) -> None:
    owner = await asyncpg.connect(where.owner)
    await owner.execute(
        """INSERT INTO webhook_logs (webhook_id, body_sha256, received_at, request_body)
           VALUES ('nobodys', '', now(), '{"data": {}}'), ('old', '', now(), '{"payment_id": "p"}'),
                  ('odd', '', now(), '[]')"""
    )
    async with people.pool.acquire() as connection:
        for store, seen in ((A, 1), (B, 1), ("", 0), (None, 5)):
            see(store)
            async with connection.transaction():
                assert await connection.fetchval("SELECT count(*) FROM webhook_logs") == seen
        see(None)
    await owner.execute("DELETE FROM webhook_logs WHERE webhook_id IN ('nobodys', 'old', 'odd')")
    await owner.close()


INTO_B = {
    "payments moved": "UPDATE payments SET store_id = '{b}'",
    "endpoints moved": "UPDATE webhook_endpoints SET store_id = '{b}'",
    "an event": """
        INSERT INTO events (id, type, subject, store_id, happened_at, data)
        VALUES (gen_random_uuid(), 'x.y', 'x:1', '{b}', now(), '{{}}')
    """,
    "an endpoint": """
        INSERT INTO webhook_endpoints (id, url, store_id, state, created_at)
        VALUES (gen_random_uuid(), 'x', '{b}', 'enabled', now())
    """,
    "an endpoint for all": """
        INSERT INTO webhook_endpoints (id, url, store_id, state, created_at)
        VALUES (gen_random_uuid(), 'x', '', 'enabled', now())
    """,
}


@pytest.mark.parametrize("statement", INTO_B.values(), ids=INTO_B)
async def test_nothing_is_written_into_another_store(people: Database, statement: str) -> None:
    see(A)
    async with people.pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with connection.transaction():
                await connection.execute(statement.format(b=B.replace("'", "''")))


async def test_what_is_seen_ends_with_the_transaction(people: Database) -> None:
    see(None)
    async with people.pool.acquire() as connection:
        async with connection.transaction():
            assert await connection.fetchval("SELECT count(*) FROM payments") == 2
        assert await connection.fetchval("SELECT count(*) FROM payments") == 0
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            assert await connection.fetchval("SELECT count(*) FROM payments") == 2


ALL_PAYMENTS = Query(str, "SELECT store_id FROM payments ORDER BY store_id")


def careless(run: Runtime) -> FastAPI:
    """A program whose author forgot every WHERE."""
    app = FastAPI(openapi_url=None)
    router = APIRouter()

    async def everything() -> list[str]:
        async with run.db.transaction() as tx:
            return await tx.all(ALL_PAYMENTS)

    @router.get("/guarded")
    async def guarded(caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> list[str]:
        return await everything()

    @router.get("/open")
    async def open_(caller: Annotated[Caller, guard(Public("a test"))]) -> list[str]:
        return await everything()

    app.include_router(router)
    install(app, run)
    refuse_undeclared(app)
    return app


@asynccontextmanager
async def calling(house: House, store_id: str | None) -> AsyncIterator[httpx.AsyncClient]:
    see(None)
    _, key = await create_api_key("t", ["payments:read"], store_id, actor=TESTER, run=house.run)
    transport = httpx.ASGITransport(careless(house.wired.request))
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test", headers=headers) as client:
        yield client


async def test_a_request_that_forgets_its_where_sees_nothing_of_another_store(where: Addresses, house: House) -> None:
    for store, seen in ((A, [A]), (B, [B]), ("store-c", []), (None, [A, B])):
        async with calling(house, store) as client:
            assert (await client.get("/guarded")).json() == seen
            assert (await client.get("/open")).json() == [], "before anybody is known, nothing is seen"


async def test_beside_the_release_before_who_names_no_store_sees_all_of_them(
    server: embedded.Embedded, tmp_path: Path
) -> None:
    """That release never names one, and its requests must go on being answered while both run (reliability F96)."""
    files = Path(shutil.copytree(migrations.folder(), tmp_path / "migrations"))
    later = {path for path in files.glob("*.sql") if path.name >= "0020_stores_apart.sql"}
    kept = {path.name: path.read_text(encoding="utf-8") for path in later}
    for path in later:
        path.unlink()
    await embedded.create_database(server, "beside")
    where = Addresses(*(server.dsn(role, "beside") for role in ("owner", "system", "request")))
    await migrate(where.owner, directory=files)
    owner = await asyncpg.connect(where.owner)
    await owner.execute(
        """
        INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run, status)
        VALUES ('* * * * *', 'x', now(), 'queued')
        """
    )
    await owner.execute(FILL.format(i=1, s=A))
    before = await asyncpg.connect(where.request)
    for name, text in kept.items():
        (files / name).write_text(text, encoding="utf-8")
    await migrate(where.owner, directory=files)
    assert await before.fetchval("SELECT count(*) FROM payments") == 1
    now = await asyncpg.connect(where.request, connection_class=Sighted)
    see("store-c")
    async with now.transaction():
        assert await now.fetchval("SELECT count(*) FROM payments") == 0, "this release names its store"
    assert await now.fetchval("SELECT count(*) FROM payments") == 1
    see(None)
    for connection in (owner, before, now):
        await connection.close()
    await embedded.drop_database(server, "beside")


async def test_the_wall_goes_up_while_payments_are_locked_in_every_order(
    server: embedded.Embedded, tmp_path: Path
) -> None:
    """Whoever holds any of the tables and wants another is never the victim of a deadlock with the migration (F97)."""
    files = Path(shutil.copytree(migrations.folder(), tmp_path / "migrations"))
    later = {path.name: path.read_text(encoding="utf-8") for path in files.glob("*.sql") if path.name >= "0020"}
    for name in later:
        (files / name).unlink()
    await embedded.create_database(server, "busy")
    where = Addresses(*(server.dsn(role, "busy") for role in ("owner", "system", "request")))
    await migrate(where.owner, directory=files)
    for name, text in later.items():
        (files / name).write_text(text, encoding="utf-8")
    stop, done = asyncio.Event(), [0, 0, 0]

    async def busy(which: int, *tables: str) -> None:
        connection = await asyncpg.connect(where.system)
        while not stop.is_set():
            async with connection.transaction():
                for table in tables:
                    await connection.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
                    await asyncio.sleep(0.003)
            done[which] += 1
            await asyncio.sleep(0.03)
        await connection.close()

    traffic = [
        asyncio.create_task(busy(0, "payments", "ledger_accounts", "events")),
        asyncio.create_task(busy(1, "webhook_logs", "payments")),
        asyncio.create_task(busy(2, "events", "webhook_endpoints", "payments")),
    ]
    await asyncio.sleep(0.1)
    applied = await migrate(where.owner, directory=files)
    before = list(done)

    async def all_go_on() -> bool:
        return all(after > earlier for after, earlier in zip(done, before, strict=True))

    await until(all_go_on, what="everybody going on")
    stop.set()
    await asyncio.gather(*traffic)
    assert len(applied) == len(later)
    await embedded.drop_database(server, "busy")
