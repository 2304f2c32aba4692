"""`/metrics`: who may read it, that each figure is true, and that nothing names a metric that is not there."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from jangbu import app as web
from jangbu import audit, embedded
from jangbu.checks.service import run_checks
from jangbu.ledger.service import seal
from jangbu.metrics import Metrics, names, state
from jangbu.metrics import api as metrics_api
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.service.initialize import Order, initialize
from jangbu.portone import signature
from jangbu.queue import Job, enqueue
from jangbu.settings import Settings
from jangbu.wiring import Addresses, Wired
from kit import TESTER, House, until, with_settings
from superuser import tampering

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "jangbu.json").read_text(encoding="utf-8"))
ALERTS = (DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
EXPRESSIONS = [
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())),
    *re.findall(r"expr: (?:>-\n)?(.*?)\n        (?:for|labels):", ALERTS, re.DOTALL),
]
SERIES = {series: metric for metric in names.EVERY for series in metric.series}
TEA = Order(amount=11_000, currency="KRW", order_name="보리차")
Sample = dict[tuple[str, frozenset[tuple[str, str]]], float]


@asynccontextmanager
async def calling(wired: Wired, *, client: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=web.create(wired), client=(client, 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as caller:
        yield caller


def read(text: str) -> Sample:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith("jangbu_")
    }


def value(sample: Sample, name: str, **labels: str) -> float | None:
    return sample.get((name, frozenset(labels.items())))


async def scraped(wired: Wired) -> Sample:
    """What a new web process would say: nothing kept from before."""
    async with calling(wired) as caller:
        answer = await caller.get("/metrics")
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def used_in(expression: str) -> list[tuple[str, list[str]]]:
    """Every metric an expression names, with the labels it selects by."""
    return [
        (name, re.findall(r"(\w+)\s*[=!]~?", selector))
        for name, selector in re.findall(r"\b(jangbu_\w+)(?:\{([^}]*)\})?", expression)
    ]


def test_there_are_expressions_to_look_at() -> None:
    assert len(EXPRESSIONS) > 40
    assert ALERTS.count("- alert:") == len(re.findall(r"expr:", ALERTS)) == 16


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_dashboard_and_alerts_name_only_what_exists(expression: str) -> None:
    used = used_in(expression)
    assert used, expression
    grouped = {label for by in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for label in by.split(", ")}
    known = {"le", "instance", "job"}
    for name, labels in used:
        assert name in SERIES, f"{name} is not made by anybody"
        assert set(labels) <= set(SERIES[name].labels), f"{name} has no label {labels}"
        known |= set(SERIES[name].labels)
    assert grouped <= known, expression
    kinds = {SERIES[name].kind for name, _ in used}
    assert ("rate(" in expression) == bool(kinds & {"counter", "histogram"}), "counts, and only counts, by rate"


def test_state_is_never_added_up_over_processes() -> None:
    """Each web process says the same; a sum would tell twice the truth with two of them."""
    for expression in EXPRESSIONS:
        if not any(SERIES[name].source == "database" for name, _ in used_in(expression)):
            continue
        added_up = re.findall(r"\b(?:sum|avg)(?: by \([^)]*\))? ?\((.*)", expression)
        assert all(re.match(r"max by \([^)]*\) \(", inside) for inside in added_up), expression
        assert re.search(r"\b(?:max|min)\b", expression), expression


def test_alerts_know_the_checks(house: House) -> None:
    checks = {check.id for check in house.wired.checks}
    for pattern in re.findall(r'check[=!]~"([^"]*)"', ALERTS):
        for one in pattern.split("|"):
            assert any(re.fullmatch(one, check) for check in checks), one


def test_every_metric_is_on_the_dashboard_and_in_the_docs() -> None:
    page = (DEPLOY.parent / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    shown = {SERIES[name].name for expression in EXPRESSIONS for name, _ in used_in(expression)}
    for metric in names.EVERY:
        assert f"| `{metric.name}` | {metric.kind} |" in page
        assert metric.name in shown, f"{metric.name} is made, and nobody looks at it"


def test_no_label_collides_with_prometheus_own() -> None:
    assert not {label for metric in names.EVERY for label in metric.labels} & {"job", "instance", "le", "quantile"}


def test_the_dashboard_has_the_shape_grafana_reads() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows[0].startswith("Money safety")
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and place["h"] > 0
        assert panel["type"] == "row" or (panel["targets"] and panel["datasource"]["uid"] == "${datasource}")
    corners = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(corners)) == len(corners)


@pytest.mark.parametrize(
    ("client", "headers", "allowed"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("127.8.8.8", {}, True),
        ("10.0.0.9", {}, False),
        ("203.0.113.7", {"authorization": "Bearer "}, False),
        ("", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"forwarded": "for=203.0.113.7"}, False),
        ("127.0.0.1", {"x-real-ip": "203.0.113.7"}, False),
    ],
)
async def test_without_a_token_only_this_machine_may_read(
    house: House, client: str, headers: dict[str, str], allowed: bool
) -> None:
    async with calling(house.wired, client=client) as caller:
        answer = await caller.get("/metrics", headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    assert ("jangbu_build_info" in answer.text) is allowed
    if not allowed:
        assert answer.json()["error"]["code"] == "METRICS_CLOSED"


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (["Bearer s3cret-token"], True),
        ([], False),
        (["Bearer s3cret-toke"], False),
        (["Bearer s3cret-token2"], False),
        (["Bearer S3CRET-TOKEN"], False),
        (["s3cret-token"], False),
        (["Bearer s3cret-token", "Bearer s3cret-token"], False),
        (["Bearer s3cret-tokén"], False),
    ],
)
@pytest.mark.parametrize("client", ["127.0.0.1", "203.0.113.7"])
async def test_with_a_token_whoever_sends_it_may_read_and_nobody_else(
    house: House, client: str, given: list[str], allowed: bool
) -> None:
    wired = with_settings(house.wired, metrics_token=SecretStr("s3cret-token"))
    async with calling(wired, client=client) as caller:
        headers = [("authorization", one.encode("latin-1")) for one in given]
        answer = await caller.get("/metrics", headers=httpx.Headers(headers))
    assert answer.status_code == (200 if allowed else 403)


async def test_a_house_at_work_shows_every_metric_and_no_other(house: House) -> None:
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    async with house.run.db.transaction() as tx:
        await audit.record(tx, at=house.run.clock.now(), actor=TESTER, action="a.b", subject="x:1")
    await house.hear()
    house.wired.metrics.job("payments.sweep", "done", 0.1)
    await run_checks(house.wired.checks, run=house.run, full=False)
    async with calling(house.wired) as caller:
        await caller.post("/api/portone/webhook", content=b"{}")
        await caller.get("/health")
        found = read((await caller.get("/metrics")).text)
    made = {name for name, _ in found if not name.endswith("_created")}
    missing = SERIES.keys() - made
    # These have no series while there is nothing of the kind, and tests of their own below.
    assert missing <= {
        names.ATTEMPTS.name,
        names.PAYMENTS_REVIEW.name,
        names.SCHEDULE_OVERDUE.name,
    }, missing
    assert made <= SERIES.keys()
    for name, labels in found:
        if name in SERIES:
            assert {label for label, _ in labels} - {"le"} == set(SERIES[name].labels), name


async def test_state_is_what_postgresql_says(house: House, server: embedded.Embedded, where: Addresses) -> None:
    run, now = house.run, house.run.clock.now()
    payment = await initialize(TEA, actor=TESTER, run=run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await seal(db=run.db)
    before = await scraped(house.wired)
    assert value(before, "jangbu_state_up") == 1
    assert value(before, "jangbu_payments_day", status="READY") == 1
    assert value(before, "jangbu_webhooks_open", status="received") == 2, "it is ready, it is paid"
    assert value(before, "jangbu_queue_jobs", task="inbox.handle", state="waiting") == 2
    assert value(before, "jangbu_seal_unsealed", chain="ledger") == 0
    await house.work()
    async with tampering(server, where) as hand:
        await hand.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, status, execute_after) VALUES "
            "(0, 'payments.check', 'failed', now()), (0, 'from.an.older.release', 'failed', now()), "
            "(0, 'another.of.those', 'failed', now()), (0, 'payments.check', 'queued', now() - interval '90 s'), "
            "(0, 'payments.check', 'queued', now() + interval '1 h')"
        )
        await hand.execute(
            "INSERT INTO payment_attempts (id, payment_id, operation, request, state, started_at, finished_at) "
            "SELECT gen_random_uuid(), id, 'pre_register', '{}', 'unknown', $1, $1 FROM payments",
            now - timedelta(seconds=500),
        )
        await hand.execute("UPDATE payments SET review = 'other_amount', due_at = $1", now)
        await hand.execute("UPDATE webhook_logs SET status = 'failed', received_at = $1", now - timedelta(seconds=70))
        await hand.execute(
            "INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run) VALUES "
            "('17 18 * * *', 'checks.all', now() - interval '200 s'), ('1 1 1 1 1', 'old.one', now() - interval '1 y')"
        )
    await run_checks(house.wired.checks, run=run, full=True)
    found = await scraped(house.wired)
    assert value(found, "jangbu_payments_day", status="PAID") == 1
    assert value(found, "jangbu_payments_day", status="READY") is None
    assert value(found, "jangbu_queue_jobs", task="payments.check", state="held") == 1
    assert value(found, "jangbu_queue_jobs", task="payments.check", state="waiting") == 2
    assert value(found, "jangbu_queue_jobs", task="other", state="held") == 2
    assert 90 <= (value(found, "jangbu_queue_oldest_seconds") or 0) < 120
    assert value(found, "jangbu_attempts_open", operation="pre_register", state="unknown") == 1
    assert value(found, "jangbu_attempts_oldest_seconds") == 500
    assert value(found, "jangbu_webhooks_open", status="failed") == 2
    assert value(found, "jangbu_webhooks_oldest_seconds") == 70
    assert value(found, "jangbu_payments_review", reason="other_amount") == 1
    assert value(found, "jangbu_payments_due") == 1
    assert 200 <= (value(found, "jangbu_schedule_overdue_seconds", task="checks.all") or 0) < 230
    assert not [labels for name, labels in found if ("task", "old.one") in labels]
    assert value(found, "jangbu_invariant_rows", check="I26", scope="all") == 3
    assert value(found, "jangbu_invariant_rows", check="I01", scope="all") == 0
    assert value(found, "jangbu_invariant_failed", check="I01", scope="all") == 0
    assert value(found, "jangbu_invariant_age_seconds", check="I01", scope="all") == 0
    assert value(found, "jangbu_seal_unsealed", chain="ledger") == 1
    assert value(found, "jangbu_seal_lag_seconds", chain="ledger") == 0
    await house.portone.move(timedelta(seconds=33))
    lagging = await scraped(house.wired)
    assert value(lagging, "jangbu_seal_lag_seconds", chain="ledger") == 33
    head = value(lagging, "jangbu_seal_head", chain="audit")
    await seal(db=run.db)
    sealed = await scraped(house.wired)
    assert value(sealed, "jangbu_seal_head", chain="ledger") == 1
    assert (value(sealed, "jangbu_seal_head", chain="audit") or 0) > (head or 0)
    assert value(sealed, "jangbu_seal_lag_seconds", chain="ledger") == 0
    assert value(sealed, "jangbu_events_newest_seconds") == 33
    assert (value(sealed, "jangbu_events_head") or 0) > 0


async def test_state_is_kept_for_a_few_seconds_and_scrapes_at_once_read_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_times = 0
    fetched = state.State._fetched

    async def counting(self: state.State) -> Any:
        nonlocal read_times
        read_times += 1
        return await fetched(self)

    monkeypatch.setattr(state.State, "_fetched", counting)
    async with calling(house.wired) as caller:
        answers = await asyncio.gather(*(caller.get("/metrics") for _ in range(5)))
        assert all("jangbu_state_up 1.0" in answer.text for answer in answers)
        assert read_times == 1
        monkeypatch.setattr(state, "FRESH_S", 0.0)
        await caller.get("/metrics")
    assert read_times == 2


async def test_what_this_process_counted_is_shown_when_the_database_cannot_be_read(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    house.wired.metrics.job("payments.sweep", "done", 0.1)
    async with tampering(server, where) as hand:
        await hand.execute("ALTER TABLE webhook_logs RENAME TO hidden")
    found = await scraped(house.wired)
    assert value(found, "jangbu_state_up") == 0
    assert value(found, "jangbu_payments_due") is None, "no figure is better than an old or half a one"
    assert value(found, "jangbu_job_seconds_count", task="payments.sweep", outcome="done") == 1


async def test_a_scrape_does_not_wait_for_a_database_that_hangs(
    house: House, server: embedded.Embedded, where: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "PATIENCE_S", 0.3)
    async with tampering(server, where) as hand, hand.transaction():
        await hand.execute("LOCK TABLE webhook_logs")
        started = asyncio.get_running_loop().time()
        found = await scraped(house.wired)
        assert asyncio.get_running_loop().time() - started < 5
    assert value(found, "jangbu_state_up") == 0
    assert value(await scraped(house.wired), "jangbu_state_up") == 1, "and the connection it gave up is none the worse"


async def test_requests_are_counted_by_template_and_never_by_path(house: House) -> None:
    async with calling(house.wired) as caller:
        for path in ("/console/payments/one", "/console/payments/two", "/no/such/place", "/wp-login.php", "/health"):
            await caller.get(path)
        await caller.request("BREW", "/health")
        await caller.post("/api/portone/initialize", json={})
        found = read((await caller.get("/metrics")).text)
    counted = {dict(labels)["route"] for name, labels in found if name == "jangbu_http_requests_total"}
    assert counted == {"/console/payments/{payment_id}", "(none)", "/health", "/api/portone/initialize"}
    assert value(found, "jangbu_http_requests_total", route="(none)", method="GET", status="404") == 2
    assert value(found, "jangbu_http_requests_total", route="/health", method="GET", status="200") == 1
    assert value(found, "jangbu_http_requests_total", route="/health", method="other", status="405") == 1
    assert value(found, "jangbu_http_requests_total", route="/api/portone/initialize", method="POST", status="401") == 1
    assert value(found, "jangbu_http_request_seconds_count", route="/health", method="GET") == 1


async def test_webhooks_are_counted_by_what_portone_was_answered(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    body = b'{"type": "Transaction.Ready", "timestamp": "2026-08-01T00:00:00Z", "data": {"paymentId": "p"}}'
    secret = house.run.settings.webhook_secrets[0]
    signed = signature.sign(secret, "wh-1", house.run.clock.now(), body) | {"content-type": "application/json"}
    async with calling(house.wired) as caller:
        answers = [
            (await caller.post("/api/portone/webhook", headers=headers, content=body)).status_code
            for headers in (signed, signed, signed | {"webhook-signature": "v1,AAAA"})
        ]
        async with tampering(server, where) as hand:
            await hand.execute("ALTER TABLE webhook_logs RENAME TO hidden")
        again = signature.sign(secret, "wh-2", house.run.clock.now(), body) | {"content-type": "application/json"}
        answers.append((await caller.post("/api/portone/webhook", headers=again, content=body)).status_code)
        found = read((await caller.get("/metrics")).text)
    assert answers == [200, 200, 401, 500]
    for result in ("new", "duplicate", "refused", "failed"):
        assert value(found, "jangbu_webhook_accept_seconds_count", result=result) == 1, result


async def test_calls_to_portone_are_counted_by_what_came_of_them(house: House) -> None:
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.wired.portone.get_payment(payment.provider_order_id)
    await house.wired.portone.get_payment("nobody-knows-this-one")
    house.portone.fault("answer_lost", times=1)
    with pytest.raises(PortOneUnclear):
        await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    found = await scraped(house.wired)
    calls = {
        (dict(labels)["operation"], dict(labels)["outcome"]): count
        for (name, labels), count in found.items()
        if name == "jangbu_portone_call_seconds_count"
    }
    assert calls[("pre_register", "done")] == 1
    assert calls[("get_payment", "done")] == 1
    assert calls[("get_payment", "refused")] == 1
    assert [key for key in calls if key[1].startswith("unknown_")] == [("pre_register", "unknown_dropped")]


async def test_a_worker_counts_the_jobs_it_ran(house: House) -> None:
    ran = asyncio.Event()

    async def well() -> None:
        ran.set()

    async def badly() -> None:
        raise RuntimeError("as planned")

    wired = replace(house.wired, jobs=[Job("test.well", well), Job("test.badly", badly)], schedules=[], ticks=[])
    async with wired.system.db.transaction() as tx:
        await enqueue(tx, "test.well")
        await enqueue(tx, "test.badly")
    worker = wired.worker()
    working = asyncio.create_task(worker.run())

    async def both() -> bool:
        found = await scraped(wired)
        return (
            value(found, "jangbu_job_seconds_count", task="test.well", outcome="done") == 1
            and (value(found, "jangbu_job_seconds_count", task="test.badly", outcome="failed") or 0) >= 1
        )

    try:
        await until(both, what="both counts")
    finally:
        worker.stop()
        await working


async def test_the_workers_port_shows_its_process_and_leaves_its_signals_alone(settings: Settings) -> None:
    metrics = Metrics(mode="test")
    metrics.job("payments.sweep", "done", 0.1)
    listener = web.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}
    async with metrics_api.serving(metrics, settings, listener), httpx.AsyncClient() as caller:
        assert {sign: signal.getsignal(sign) for sign in handlers} == handlers
        answer = await caller.get(f"http://127.0.0.1:{port}/metrics")
        found = read(answer.text)
        refused = await caller.get(f"http://127.0.0.1:{port}/metrics", headers={"x-forwarded-for": "203.0.113.7"})
        nothing = await caller.get(f"http://127.0.0.1:{port}/health")
    assert (answer.status_code, refused.status_code, nothing.status_code) == (200, 403, 404)
    assert "JANGBU_METRICS_TOKEN" in refused.text
    assert value(found, "jangbu_job_seconds_count", task="payments.sweep", outcome="done") == 1
    assert value(found, "jangbu_state_up") is None, "what PostgreSQL knows is told by the web program"
    async with httpx.AsyncClient() as caller:
        with pytest.raises(httpx.ConnectError):
            await caller.get(f"http://127.0.0.1:{port}/metrics")


async def test_pools_show_what_is_in_use(house: House) -> None:
    async with house.run.db.transaction():
        found = await scraped(house.wired)
    assert (value(found, "jangbu_db_connections", pool="system", state="in_use") or 0) >= 1
    assert value(found, "jangbu_db_connections_max", pool="system") == 8
    assert value(found, "jangbu_db_connections", pool="request", state="in_use") == 0


def test_two_processes_in_one_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.job("payments.sweep", "done", 0.1)
    labels = {"task": "payments.sweep", "outcome": "done"}
    assert first.registry.get_sample_value("jangbu_job_seconds_count", labels) == 1
    assert second.registry.get_sample_value("jangbu_job_seconds_count", labels) is None
