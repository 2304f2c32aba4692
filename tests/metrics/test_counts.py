"""`/metrics`: who may read it, and what a process counts."""

import asyncio
import signal
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import Response

from jangbu import app as web
from jangbu import embedded
from jangbu.db import Database
from jangbu.errors import Unavailable
from jangbu.inbox import api as inbox_api
from jangbu.metrics import Metrics
from jangbu.metrics import api as metrics_api
from jangbu.outbox.rules import Answer
from jangbu.outbox.sender import Observed
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.service.initialize import initialize
from jangbu.portone import signature
from jangbu.queue import Job, enqueue
from jangbu.settings import Settings
from jangbu.wiring import Addresses
from kit import TESTER, House, until, with_settings
from outbox.merchant import Receiver
from superuser import tampering

from .scrape import TEA, calling, read, scraped, value


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


async def test_a_webhook_that_found_no_database_is_not_counted_as_refused(house: House) -> None:
    body = b'{"type": "Transaction.Ready", "timestamp": "2026-08-01T00:00:00Z", "data": {"paymentId": "p"}}'
    signed = signature.sign(house.run.settings.webhook_secrets[0], "wh-1", house.run.clock.now(), body)
    nowhere = await Database("postgresql://nobody@127.0.0.1:1/none", name="t", size_min=0, size_max=1).open()
    heard: list[str] = []
    try:
        gone = replace(house.run, db=nowhere)
        (first, *_) = inbox_api.routes(gone, lambda result, _: heard.append(result))
        application = Starlette(routes=[first], exception_handlers={Unavailable: lambda *_: Response(status_code=503)})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1") as caller:
            answer = await caller.post(first.path, headers=signed, content=body)
    finally:
        await nowhere.close()
    assert (answer.status_code, heard) == (503, ["failed"])


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
    begun = asyncio.Event()

    async def well() -> None:
        return None

    async def badly() -> None:
        raise RuntimeError("as planned")

    async def too_long() -> None:
        begun.set()
        await asyncio.Event().wait()

    jobs = [Job("test.well", well), Job("test.badly", badly), Job("test.too_long", too_long)]
    wired = with_settings(replace(house.wired, jobs=jobs, schedules=[], ticks=[]), drain_s=0.1)
    async with wired.system.db.transaction() as tx:
        for job in jobs:
            await enqueue(tx, job.name)
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
        await begun.wait()
    finally:
        worker.stop()
        await working
    found = await scraped(wired)
    assert value(found, "jangbu_job_seconds_count", task="test.too_long", outcome="broken_off") == 1
    assert value(found, "jangbu_job_seconds_count", task="test.too_long", outcome="failed") is None


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


async def test_tries_to_deliver_are_counted_by_what_came_of_them(house: House) -> None:
    receiver = Receiver()
    receiver.answers["https://shop.example/hooks"] = [Answer("refused", 500), Answer("timeout")]
    sender = Observed(receiver, house.wired.metrics.delivery)
    for _ in range(4):
        await sender.post("https://shop.example/hooks", {}, b"")
    found = await scraped(house.wired)
    tries = {
        outcome: value(found, "jangbu_delivery_seconds_count", outcome=outcome)
        for outcome in ("delivered", "refused", "timeout")
    }
    assert tries == {"delivered": 2, "refused": 1, "timeout": 1}
    assert isinstance(house.wired.sender, Observed), "and the house's own sender is heard of"


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
