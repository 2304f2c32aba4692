"""The console's first page: what waits for a person, counted with a bound, and nothing where nothing does."""

from uuid import UUID

import httpx
import pytest

from at_console import ORIGIN, at_the_console
from jangbu.access.rules import Role
from jangbu.app import create
from jangbu.db import Query
from jangbu.insight import store
from jangbu.notices.rules import SAMPLES
from jangbu.notices.service.alerts import acknowledge
from jangbu.notices.service.telling import alert
from jangbu.payments.service.initialize import Order, initialize
from jangbu.runtime import Runtime
from kit import TESTER, House

HOME = "/console/home"
REVIEW = Query(UUID, "UPDATE payments SET review = 'amount' WHERE id = :id RETURNING id")
FAIL = Query(
    UUID,
    """
    INSERT INTO webhook_logs (id, webhook_id, body_sha256, status, received_at)
    SELECT gen_random_uuid(), 'wh-' || n, '', 'failed', now() FROM generate_series(1, :many) n RETURNING id
    """,
)
PARK = Query(
    int,
    """
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    VALUES (0, 'payments.sweep', '{}', 'failed'), (0, 'inbox.handle', '{}', 'failed') RETURNING id::int
    """,
)
BREAK = Query(
    str,
    """
    INSERT INTO check_runs (check_id, scope, rows_found, ran_at, broken_since) VALUES ('I02', 'all', 3, now(), now())
    RETURNING check_id
    """,
)
ALERT_IDS = Query(UUID, "SELECT id FROM admin_alerts")


async def waiting(run: Runtime) -> store.Waiting:
    async with run.db.transaction() as tx:
        return await store.waiting(tx)


async def test_a_quiet_morning_says_so(house: House) -> None:
    async with at_the_console(house) as console:
        led = await console.get("/console")
        assert (led.status_code, led.headers["location"]) == (303, HOME)
        page = (await console.get(HOME)).text
    assert "기다리는 일이 없습니다" in page
    assert page.count("badge good") == 7


async def test_everything_that_waits_is_counted_and_leads_where_it_is_seen_to(house: House) -> None:
    run = house.run
    payment = await initialize(
        Order(amount=11_000, currency="KRW", order_name="보리차 <b>"),
        actor=TESTER,
        run=run,
        portone=house.wired.portone,
    )
    await run.db.statement(REVIEW, id=payment.id)
    await run.db.statement(FAIL, many=2)
    await run.db.statement(PARK)
    await run.db.statement(BREAK)
    async with run.db.transaction() as tx:
        for kind, facts in SAMPLES.items():
            await alert(tx, facts, key=kind, subject="test:1", run=run)
    found = await waiting(house.wired.request)
    critical = sum(facts.severity == "critical" for facts in SAMPLES.values())
    assert found == store.Waiting(
        alerts=len(SAMPLES), critical_alerts=critical, reviews=1, refunds=0, webhooks=2, jobs=1, deliveries=0, checks=1
    )
    async with at_the_console(house) as console:
        page = (await console.get(HOME)).text
    assert f"/console/payments/{payment.id}" in page
    assert "보리차 &lt;b&gt;" in page and "I02: 3건" in page
    for href in ("/console/alerts", "/console/payments?review=1", "/console/webhooks?status=failed"):
        assert f'href="{href}"' in page
    assert page.index("깨진 점검") < page.index("확인하지 않은 경보") < page.index("처리하지 못한 웹훅")
    assert page.count("badge good") == 2
    async with run.db.transaction() as tx:
        alerts = await tx.all(ALERT_IDS)
    for one in alerts:
        await acknowledge(one, actor=TESTER, run=run)
    assert (await waiting(run)).alerts == 0


async def test_counting_stops_at_its_bound(house: House) -> None:
    await house.run.db.statement(FAIL, many=store.COUNTED_MAX + 50)
    assert (await waiting(house.run)).webhooks == store.COUNTED_MAX
    async with at_the_console(house, Role.SUPPORT) as console:
        assert f"{store.COUNTED_MAX}+" in (await console.get(HOME)).text


async def test_only_staff_come_in(house: House) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create(house.wired)), base_url=ORIGIN) as nobody:
        assert (await nobody.get(HOME)).status_code == 401


@pytest.mark.parametrize("kind", ["waiting", "reviews", "broken"])
async def test_no_read_of_this_page_scans_the_large_tables(house: House, kind: str) -> None:
    """Payments, webhooks and deliveries grow for ever: what waits among them is found by an index of what waits."""
    query = {"waiting": store.WAITING, "reviews": store.REVIEWS, "broken": store.BROKEN}[kind]
    async with house.run.db.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        lines = await connection.fetch("EXPLAIN " + query.sql.replace("$1", "5"))
    plan = "\n".join(line[0] for line in lines)
    for table in ("payments", "webhook_logs", "webhook_deliveries", "payment_cancellations", "admin_alerts"):
        assert f"Seq Scan on {table}" not in plan, plan
