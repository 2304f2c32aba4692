"""The webhook log for people: found by what people know, shown as far as they may see, handled again safely (B15)."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from at_console import ORIGIN, at_the_console
from jangbu import audit, queue
from jangbu.access.rules import Role
from jangbu.access.service.keys import create_api_key
from jangbu.app import create
from jangbu.db import Query
from jangbu.inbox import log, service
from jangbu.inbox.log import Wanted
from jangbu.inbox.refusals import WebhookUnknown
from jangbu.inbox.rules import MASK, masked, shown_body
from jangbu.inbox.service import Handled
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.portone import Notification
from jangbu.settings.portone import SANDBOX_STORE_ID
from kit import TESTER, House, jobs_named

from .hooks import PortOneSends, a_body

HOME = "/console/webhooks"
TEA = Order(amount=11_000, currency="KRW", order_name="보리차")
FAIL_A_JOB = Query(UUID, "UPDATE pgqueuer SET status = 'failed' WHERE dedupe_key = :key RETURNING gen_random_uuid()")


@asynccontextmanager
async def calling(house: House, *scopes: str, store: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    _, key = await create_api_key("tests", scopes, store, actor=TESTER, run=house.wired.request)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create(house.wired), raise_app_exceptions=False),
        base_url=ORIGIN,
        headers={"authorization": f"Bearer {key}"},
    ) as client:
        yield client


async def ids(house: House, **wanted: Any) -> list[str]:
    found = await log.page_of_log(Wanted(**wanted), most=100, run=house.wired.request)
    return [row.webhook_id for row in found]


async def the_one(house: House, webhook_id: str = "wh-1") -> log.Told:
    return await log.tell(await log.id_of(webhook_id, run=house.run), run=house.wired.request)


class Moody:
    """A handler that fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.failures, self.calls = failures, 0

    async def __call__(self, notification: Notification) -> Handled | None:
        self.calls += 1
        if self.calls <= self.failures:
            raise PortOneUnclear(why="timeout")
        return Handled(None, "PAID")


async def fails(house: House, sends: PortOneSends, webhook_id: str = "wh-1", **body: Any) -> None:
    """A webhook that could not be handled and that the queue has given up."""
    await sends(a_body(**body), webhook_id=webhook_id)
    with pytest.raises(PortOneUnclear):
        await service.handle(webhook_id, handler=Moody(9), run=house.run)
    assert await house.run.db.statement(FAIL_A_JOB, key=f"webhook:{webhook_id}")


async def held(house: House) -> list[str]:
    async with house.run.db.transaction() as tx:
        return [job.entrypoint for job in await queue.held(tx)]


async def test_a_webhook_is_found_by_state_type_payment_and_day(house: House, sends: PortOneSends) -> None:
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await sends(a_body("Transaction.Paid", payment.provider_order_id), webhook_id="wh-ours")
    await sends(a_body("Transaction.Ready", "theirs"), webhook_id="wh-theirs")
    await house.work()
    start = house.run.clock.now()
    await house.move(timedelta(days=2))
    await sends(a_body("Transaction.Paid", "later"), webhook_id="wh-later")
    assert (await ids(house))[0] == "wh-later"
    assert await ids(house, status="received") == ["wh-later"]
    assert "wh-theirs" in await ids(house, status="skipped")
    assert set(await ids(house, type="Transaction.Ready")) & {"wh-ours", "wh-theirs"} == {"wh-theirs"}
    for name in (str(payment.id), payment.provider_order_id):
        assert "wh-ours" in await ids(house, payment=name)
        assert "wh-theirs" not in await ids(house, payment=name)
    assert await ids(house, payment="wh-theirs") == ["wh-theirs"]
    assert await ids(house, payment="wh-their") == []
    assert await ids(house, payment="wh-their_") == []
    assert "wh-later" not in await ids(house, until=start + timedelta(seconds=1))
    assert await ids(house, since=start + timedelta(days=1)) == ["wh-later"]


async def test_pages_neither_skip_nor_repeat_what_came_at_one_moment(house: House, sends: PortOneSends) -> None:
    for number in range(7):
        await sends(a_body(), webhook_id=f"wh-{number}")
    seen: list[str] = []
    before = None
    for turn in range(4):
        page = await log.page_of_log(Wanted(before=before), most=2, run=house.wired.request)
        seen += [row.webhook_id for row in page]
        before = (page[-1].received_at, page[-1].id)
        await sends(a_body(), webhook_id=f"new-{turn}")
    assert sorted(seen) == [f"wh-{number}" for number in range(7)]


async def test_how_it_came_and_every_try_is_kept(house: House, sends: PortOneSends) -> None:
    await sends(a_body(), change=lambda headers: headers | {"user-agent": "PortOne-Webhook"})
    moody = Moody(2)
    for _ in range(2):
        with pytest.raises(PortOneUnclear):
            await service.handle("wh-1", handler=moody, run=house.run)
    await service.handle("wh-1", handler=moody, run=house.run)
    told = await the_one(house)
    assert [one.outcome for one in told.tries] == ["processed", "failed", "failed"]
    assert all(one.error_message for one in told.tries[1:])
    came = told.webhook.came_with
    assert came is not None
    assert came["webhook-timestamp"] == str(int(house.run.clock.now().timestamp()))
    assert (came["user-agent"], came["content-type"], came["secret"]) == ("PortOne-Webhook", "application/json", 1)
    assert "webhook-signature" not in came


async def test_a_first_success_is_a_try_too(house: House, sends: PortOneSends) -> None:
    await sends(a_body())
    await service.handle("wh-1", handler=Moody(0), run=house.run)
    assert [one.outcome for one in (await the_one(house)).tries] == ["processed"]


async def test_handling_again_asks_portone_what_is_true_now(house: House, sends: PortOneSends) -> None:
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await sends(a_body("Transaction.Ready", payment.provider_order_id))
    await house.work()
    assert (await the_one(house)).webhook.status == "processed"
    await house.portone.pay(payment.provider_order_id)
    await house.portone.move(timedelta(seconds=1))
    row_id = await log.id_of("wh-1", run=house.run)
    assert await log.handle_again(row_id, actor=TESTER, run=house.wired.request)
    assert not await log.handle_again(row_id, actor=TESTER, run=house.wired.request)
    await house.work()
    assert (await find(str(payment.id), run=house.run)).status == "PAID"
    told = await the_one(house)
    assert [(one.outcome, one.asked_by) for one in told.tries] == [("processed", "test"), ("processed", "")]
    async with house.run.db.transaction() as tx:
        lines = await audit.of_subject(tx, "webhook:wh-1")
    assert [(line.action, line.actor, line.facts) for line in lines] == [
        ("webhook.handled_again", "test", {"was": "processed"})
    ]


async def test_what_was_handled_stays_so_when_handling_it_again_fails(house: House, sends: PortOneSends) -> None:
    await sends(a_body())
    await service.handle("wh-1", handler=Moody(0), run=house.run)
    with pytest.raises(PortOneUnclear):
        await service.handle("wh-1", handler=Moody(1), run=house.run, asked_by="test")
    told = await the_one(house)
    assert told.webhook.status == "processed"
    assert [one.outcome for one in told.tries] == ["failed", "processed"]


async def test_what_the_queue_gave_up_is_handled_at_last_and_nobodys_work_any_more(
    house: House, sends: PortOneSends
) -> None:
    await fails(house, sends, "wh-1")
    await fails(house, sends, "wh-2")
    await sends(a_body(), webhook_id="wh-waits")
    assert await held(house) == ["inbox.handle", "inbox.handle"]
    assert await log.failed_count(run=house.wired.request) == 2
    assert await log.handle_failed_again(actor=TESTER, run=house.wired.request) == 2
    assert await log.handle_failed_again(actor=TESTER, run=house.wired.request) == 0
    await house.work()
    assert await held(house) == []
    assert await log.failed_count(run=house.wired.request) == 0
    assert {(await the_one(house, name)).webhook.status for name in ("wh-1", "wh-2")} == {"skipped"}
    async with house.run.db.transaction() as tx:
        (line,) = await audit.of_subject(tx, "webhook:failed")
    assert line.facts == {"webhooks": 2}


async def test_it_does_not_wait_for_the_queues_own_next_try(house: House, sends: PortOneSends) -> None:
    """The webhook's own job may sleep for ten minutes; who asks is served at once, and the job then finds it done."""
    await sends(a_body())
    with pytest.raises(PortOneUnclear):
        await service.handle("wh-1", handler=Moody(1), run=house.run)
    assert await log.handle_failed_again(actor=TESTER, run=house.wired.request) == 1
    assert [job.name for job in await sends.jobs()] == ["inbox.handle", "inbox.handle_again"]


async def test_a_bulk_replay_takes_the_oldest_up_to_its_limit(
    house: House, sends: PortOneSends, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await fails(house, sends, f"wh-{number}")
        await house.portone.move(timedelta(seconds=1))
    monkeypatch.setattr(log, "FAILED_AT_ONCE", 2)
    assert await log.handle_failed_again(actor=TESTER, run=house.wired.request) == 2
    assert [job.arguments["webhook_id"] for job in await sends.jobs()] == ["wh-0", "wh-1"]


PERSONAL = {
    "type": "Transaction.Paid",
    "timestamp": "2026-08-01T03:00:00Z",
    "data": {"storeId": "store-1", "paymentId": "p-1", "billingKey": "billing-key-0123456789"},
    "customer": {"name": "김철수", "phones": ["010-1234-5678"], "age": 40, "type": {"paymentId": "x", "name": "김"}},
}


def test_only_known_ids_are_shown_to_whoever_may_not_see_bodies() -> None:
    assert masked(PERSONAL) == {
        "type": "Transaction.Paid",
        "timestamp": "2026-08-01T03:00:00Z",
        "data": {"storeId": "store-1", "paymentId": "p-1", "billingKey": MASK},
        "customer": {"name": MASK, "phones": [MASK], "age": MASK, "type": {"paymentId": "x", "name": MASK}},
    }
    whole = shown_body(PERSONAL, frozenset({"webhooks:bodies"}))
    assert whole["customer"] == PERSONAL["customer"]
    assert whole["data"]["billingKey"] == "billing-…"


async def test_the_api_lists_shows_and_handles_again(house: House, sends: PortOneSends) -> None:
    await fails(house, sends, "wh-1", name="김철수")
    await sends(a_body(), webhook_id="wh-2")
    async with calling(house, "webhooks:read", "webhooks:replay") as api:
        first = (await api.get("/api/webhooks?limit=1")).json()["data"]
        assert [one["webhookId"] for one in first["webhooks"]] == ["wh-2"]
        second = (await api.get("/api/webhooks", params={"limit": 1, "before": first["next"]})).json()["data"]
        assert [one["webhookId"] for one in second["webhooks"]] == ["wh-1"]
        assert second["next"] is None
        here = f"/api/webhooks/{second['webhooks'][0]['id']}"
        shown = await api.get(here)
        assert shown.json()["data"]["requestBody"]["data"]["name"] == MASK
        assert "김철수" not in shown.text
        assert [one["outcome"] for one in shown.json()["data"]["tries"]] == ["failed"]
        assert (await api.post(f"{here}/handle")).json()["data"] == {"queued": True}
        assert (await api.post(f"{here}/handle")).json()["data"] == {"queued": False}
        assert (await api.post("/api/webhooks/handle-failed")).json()["data"] == {"queued": 0}
    async with calling(house, "webhooks:read", "webhooks:bodies") as api:
        assert (await api.get(here)).json()["data"]["requestBody"]["data"]["name"] == "김철수"
        assert (await api.post(f"{here}/handle")).status_code == 403
        assert (await api.post("/api/webhooks/handle-failed")).status_code == 403
    async with calling(house, "payments:read") as api:
        assert (await api.get("/api/webhooks")).status_code == 403
        assert (await api.get(here)).status_code == 403


@pytest.mark.parametrize("query", ["status=lost", "before=x", "since=2026-08-01", "limit=0", "limit=201", "until=x"])
async def test_a_question_that_makes_no_sense_is_refused(house: House, query: str) -> None:
    async with calling(house, "webhooks:read") as api:
        answer = await api.get(f"/api/webhooks?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "INVALID_REQUEST")


async def test_a_key_of_one_store_knows_no_other_stores_webhooks(house: House, sends: PortOneSends) -> None:
    """F110: the same answer as for what never was."""
    await fails(house, sends, "wh-mine", storeId=SANDBOX_STORE_ID)
    await fails(house, sends, "wh-other", storeId="store-other")
    await fails(house, sends, "wh-nobodys", storeId=None)
    other = await log.id_of("wh-other", run=house.run)
    async with calling(house, "webhooks:read", "webhooks:replay", store=SANDBOX_STORE_ID) as api:
        listed = (await api.get("/api/webhooks")).json()["data"]["webhooks"]
        assert [one["webhookId"] for one in listed] == ["wh-mine"]
        for method, path in (("GET", ""), ("POST", "/handle")):
            theirs = await api.request(method, f"/api/webhooks/{other}{path}")
            nobodys = await api.request(method, f"/api/webhooks/{UUID(int=1)}{path}")
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.json()["error"]["message"] == nobodys.json()["error"]["message"]
        assert (await api.post("/api/webhooks/handle-failed")).json()["data"] == {"queued": 1}
    assert [job.arguments["webhook_id"] for job in await sends.jobs()] == ["wh-mine"]


async def test_the_console_finds_shows_and_handles_again(house: House, sends: PortOneSends) -> None:
    async with at_the_console(house) as console:
        assert "받은 웹훅이 없습니다" in (await console.get(HOME)).text
        await fails(house, sends, "wh-1", name="<script>alert(1)</script>", billingKey="billing-key-0123456789")
        listed = (await console.get(HOME)).text
        assert "실패한 웹훅이 1건 있습니다" in listed
        (here,) = set(re.findall(rf"{HOME}/[0-9a-f-]{{36}}", listed))
        shown = (await console.get(here)).text
        assert "&lt;script&gt;alert(1)" in shown and "<script>alert" not in shown
        assert "billing-…" in shown and "billing-key" not in shown
        assert "확인됨 (비밀키 1)" in shown
        assert "조건에 맞는 웹훅이 없습니다" in (await console.get(f"{HOME}?status=processed")).text
        assert "조건에 맞는 웹훅이 없습니다" in (await console.get(f"{HOME}?last=2020-01-01")).text
        for query in ("?status=failed", "?payment=p-1", "?payment=wh-1", "?type=Transaction.Paid", "?first=2020-01-01"):
            assert here in (await console.get(HOME + query)).text, query
        again = await console.post(f"{here}/handle")
        assert (again.status_code, again.headers["location"]) == (303, f"{here}?queued=1")
        assert (await console.post(f"{here}/handle")).headers["location"] == f"{here}?queued=0"
        assert "1건을 다시 처리합니다" in (await console.get(f"{here}?queued=1")).text
        assert (await console.post(f"{HOME}/handle-failed")).headers["location"] == f"{HOME}?status=failed&queued=0"
        await house.work()
        assert "user:" in (await console.get(here)).text
        assert "실패한 웹훅이" not in (await console.get(HOME)).text


async def test_support_sees_masks_and_no_buttons(house: House, sends: PortOneSends) -> None:
    await fails(house, sends, "wh-1", name="김철수")
    here = f"{HOME}/{await log.id_of('wh-1', run=house.run)}"
    async with at_the_console(house, Role.SUPPORT) as console:
        for path in (HOME, here):
            shown = (await console.get(path)).text
            assert "김철수" not in shown
            assert 'method="post"' not in shown.partition("<main")[2]
        assert MASK in shown
        for path in (f"{here}/handle", f"{HOME}/handle-failed"):
            assert (await console.post(path)).status_code == 403
    assert await sends.jobs() == []


@pytest.mark.parametrize(
    "query", ["?before=x", "?status=lost", "?first=x&last=9999-12-31", "?queued=-1", "?payment=%00", "?last=0001-01-01"]
)
async def test_an_address_somebody_typed_breaks_no_page(house: House, query: str) -> None:
    async with at_the_console(house) as console:
        assert (await console.get(HOME + query)).status_code == 200
        assert (await console.get(f"{HOME}/{UUID(int=1)}")).status_code == 404


async def test_another_site_replays_nothing(house: House, sends: PortOneSends) -> None:
    await fails(house, sends)
    async with at_the_console(house) as console:
        answer = await console.post(f"{HOME}/handle-failed", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert await sends.jobs() == []


async def test_an_unknown_webhook_is_refused(house: House) -> None:
    with pytest.raises(WebhookUnknown):
        await log.handle_again(UUID(int=1), actor=TESTER, run=house.wired.request)
    with pytest.raises(WebhookUnknown):
        await log.id_of("nobody", run=house.run)


async def test_the_job_of_handling_again_is_known_to_every_worker(house: House) -> None:
    assert jobs_named(house.wired, service.HANDLE_AGAIN)
