"""What the inbox takes, what it refuses, and that it takes each thing once (F20, F23-F27, F31; requirements B5, B6)."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from jangbu import embedded, queue
from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.inbox import store
from jangbu.inbox.service import WebhookIdReused, receive
from jangbu.inbox.store import DUPLICATES_KEPT_MAX
from jangbu.portone import (
    WebhookBodyUnreadable,
    WebhookSignatureInvalid,
    signature,
)
from jangbu.runtime import Runtime
from jangbu.wiring import Addresses
from kit import until
from superuser import superuser

from .hooks import PortOneSends, a_body

SET_STATUS = Query(type(None), "UPDATE webhook_logs SET status = :status WHERE webhook_id = :webhook_id")
HELD_ROW = """
    INSERT INTO webhook_logs (id, webhook_id, webhook_type, request_body, body_sha256, received_at)
    VALUES (gen_random_uuid(), 'wh-1', 'Transaction.Paid', '{}', sha256('x'), now())
"""
WAIT_FOR_US = "SELECT count(*) FROM pg_locks WHERE transactionid = pg_current_xact_id()::xid AND NOT granted"
JOB_GONE = Query(type(None), "DELETE FROM pgqueuer")


async def test_a_new_webhook_is_written_down_whole_with_one_job(sends: PortOneSends, run: Runtime) -> None:
    body = a_body(orderName="보리차 <b>")
    assert await sends(body) is True
    (row,) = await sends.log()
    assert (row.webhook_id, row.webhook_type, row.status) == ("wh-1", "Transaction.Paid", "received")
    assert row.provider_transaction_id == "p-1"
    assert row.request_body is not None and row.request_body["data"]["orderName"] == "보리차 <b>"
    assert row.body_sha256 == hashlib.sha256(body).digest()
    assert row.received_at == run.clock.now()
    assert (row.payment_id, row.response_status, row.processed_at, row.error_message) == (None, None, None, None)
    (job,) = await sends.jobs()
    assert (job.name, job.arguments) == ("inbox.handle", {"webhook_id": "wh-1"})


async def test_fifty_deliveries_at_once_are_one_webhook_and_one_job(sends: PortOneSends) -> None:
    body = a_body()
    answers = await asyncio.gather(*(sends(body) for _ in range(50)))
    assert sorted(answers) == [False] * 49 + [True]
    original, *repeats = await sends.log()
    assert (original.webhook_id, original.status) == ("wh-1", "received")
    assert 1 <= len(repeats) <= DUPLICATES_KEPT_MAX == 20
    for repeat in repeats:
        assert repeat.webhook_id.startswith("wh-1_duplicate_")
        assert (repeat.status, repeat.response_status) == ("skipped", 200)
        assert repeat.response_body == {"message": "Duplicate webhook", "originalWebhookId": "wh-1"}
        assert (repeat.request_body, repeat.body_sha256) == (original.request_body, original.body_sha256)
        assert repeat.processed_at is not None
    assert [job.arguments for job in await sends.jobs()] == [{"webhook_id": "wh-1"}]


async def test_fifty_deliveries_that_meet_at_the_row_all_answer_and_one_is_new(
    sends: PortOneSends, server: embedded.Embedded, where: Addresses
) -> None:
    """F20: every connection has looked, and found nothing, before anybody's row is there."""
    body = a_body()
    async with superuser(server, where) as other:
        uncommitted = other.transaction()
        await uncommitted.start()
        await other.execute(HELD_ROW)
        deliveries = [asyncio.create_task(sends(body)) for _ in range(50)]

        async def all_met() -> bool:
            return bool(await other.fetchval(WAIT_FOR_US) == sends.run.db.pool.get_max_size())

        await until(all_met, what="a delivery waiting on every connection")
        await uncommitted.rollback()
        answers = await asyncio.gather(*deliveries)
    assert sorted(answers) == [False] * 49 + [True]
    assert [row.webhook_id for row in await sends.log() if "duplicate" not in row.webhook_id] == ["wh-1"]
    assert [job.arguments for job in await sends.jobs()] == [{"webhook_id": "wh-1"}]


async def test_dying_right_after_the_commit_leaves_the_row_with_its_one_job(sends: PortOneSends) -> None:
    """F28: PortOne heard nothing, but whoever starts next handles it; the repeat adds no second job."""
    with armed("inbox.receive.committed"), pytest.raises(Crash):
        await sends(a_body())
    assert [(row.webhook_id, row.status) for row in await sends.log()] == [("wh-1", "received")]
    assert [(job.name, job.arguments) for job in await sends.jobs()] == [("inbox.handle", {"webhook_id": "wh-1"})]
    assert await sends(a_body()) is False
    assert len(await sends.jobs()) == 1


async def test_a_patient_replayer_cannot_fill_the_table(sends: PortOneSends) -> None:
    for _ in range(DUPLICATES_KEPT_MAX + 5):
        await sends(a_body())
    assert len(await sends.log()) == 1 + DUPLICATES_KEPT_MAX
    assert len(await sends.jobs()) == 1


@pytest.mark.parametrize("webhook_id", ["wh_1", "wh%", "wh-1_duplicate_", "a" * 255, "wh\\_1", "'; DROP TABLE x; --"])
async def test_an_id_is_only_itself_whatever_signs_it_holds(sends: PortOneSends, webhook_id: str) -> None:
    """The repeats of one are counted by its id: `wh_1` must not count those of `whx1`."""
    webhook_id = webhook_id.replace(" ", "~")
    other = webhook_id.replace("_", "x").replace("%", "xyz")[:250] + "x"
    for _ in range(3):
        await sends(a_body(), webhook_id=other)
    for _ in range(DUPLICATES_KEPT_MAX + 2):
        await sends(a_body(), webhook_id=webhook_id)
    repeats = [row for row in await sends.log() if "originalWebhookId" in (row.response_body or {})]
    of_ours = [row for row in repeats if (row.response_body or {})["originalWebhookId"] == webhook_id]
    assert len(of_ours) == DUPLICATES_KEPT_MAX and len(repeats) == DUPLICATES_KEPT_MAX + 2


@pytest.mark.parametrize(("status", "again"), [("received", 1), ("failed", 1), ("processed", 0), ("skipped", 0)])
async def test_a_repeat_queues_the_job_again_unless_the_first_was_handled(
    sends: PortOneSends, run: Runtime, status: str, again: int
) -> None:
    await sends(a_body())
    async with run.db.transaction() as tx:
        await tx.run(JOB_GONE)
        await tx.run(SET_STATUS, status=status, webhook_id="wh-1")
    assert await sends(a_body()) is False
    assert len(await sends.jobs()) == again
    assert (await sends.log())[0].status == status


async def test_the_same_id_with_another_body_is_refused_and_not_written_down_as_a_repeat(sends: PortOneSends) -> None:
    """F25. Somebody has the secret, or a bug made the id: neither is a delivery of what we answered 200 to."""
    await sends(a_body(payment_id="p-1"))
    with pytest.raises(WebhookIdReused):
        await sends(a_body(payment_id="p-2"))
    (row,) = await sends.log()
    assert row.provider_transaction_id == "p-1"
    assert len(await sends.jobs()) == 1


async def test_other_ids_with_the_same_body_are_other_webhooks(sends: PortOneSends) -> None:
    assert [await sends(a_body(), webhook_id=f"wh-{number}") for number in range(3)] == [True] * 3
    assert len(await sends.log()) == len(await sends.jobs()) == 3


OLD_VERSION = (
    (b'{"payment_id": "p-1", "tx_id": "tx-1", "status": "Paid"}', "application/json"),
    (b"payment_id=p-1&tx_id=tx-1&status=Paid", "application/x-www-form-urlencoded"),
    (b"payment_id=p-1&tx_id=tx-1&status=Paid", "application/x-www-form-urlencoded; charset=utf-8"),
    (b'{"payment_id": "p-1", "tx_id": "tx-1", "status": "Paid"}', "application/x-www-form-urlencoded"),
)


async def test_the_version_of_2024_01_01_is_understood_as_json_and_as_a_form(sends: PortOneSends) -> None:
    for number, (body, content_type) in enumerate(OLD_VERSION):
        assert await sends(body, webhook_id=f"wh-{number}", content_type=content_type)
    rows = await sends.log()
    assert len(rows) == len(OLD_VERSION)
    for row in rows:
        assert (row.webhook_type, row.provider_transaction_id) == ("Transaction.Paid", "p-1")
        assert row.request_body == {"payment_id": "p-1", "tx_id": "tx-1", "status": "Paid"}


UNHEARD_OF = (
    (a_body("Transaction.TeleportedAway"), "Transaction.TeleportedAway"),
    (b'{"type": "X.Y", "surprise": [1.5, {"a": null}], "data": {"paymentId": "p-1", "new": true}}', "X.Y"),
    (b'{"type": "BillingKey.Issued", "timestamp": "x", "data": {"billingKey": "bk"}}', "BillingKey.Issued"),
    (b'{"type": "' + b"T" * 500 + b'", "data": {"paymentId": "' + b"p" * 5000 + b'"}}', "T" * 100),
    (b'{"test": true}', "Unknown"),
    (b'{"type": "A.B", "data": {"paymentId": "a\\u0000b"}}', "A.B"),
    (b'{"type": 1, "data": []}', "Unknown"),
)


async def test_what_we_do_not_know_is_taken_and_kept(sends: PortOneSends) -> None:
    """portone-facts §4.1: new types and fields come without notice; answer success."""
    for number, (body, _) in enumerate(UNHEARD_OF):
        assert await sends(body, webhook_id=f"wh-{number}"), body
    rows = await sends.log()
    assert [(row.webhook_type, row.status) for row in rows] == [(type_, "received") for _, type_ in UNHEARD_OF]


@pytest.mark.parametrize("depth", [1_000, 30_000])
async def test_a_signed_body_as_deep_as_a_well_is_no_crash(sends: PortOneSends, depth: int) -> None:
    body = b'{"type":"A.B","data":' + b"[" * depth + b"]" * depth + b"}"
    try:
        assert await sends(body)
    except WebhookBodyUnreadable:
        assert await sends.log() == []


@pytest.mark.parametrize("age", [timedelta(seconds=300), timedelta(seconds=-300)])
async def test_five_minutes_either_way_are_still_in_time(sends: PortOneSends, run: Runtime, age: timedelta) -> None:
    assert await sends(a_body(), at=run.clock.now() - age)


async def test_two_secrets_while_one_is_replaced_and_only_the_new_one_after(sends: PortOneSends, run: Runtime) -> None:
    """F27. The old secret must stop working the moment it is taken out of the settings."""
    old = run.settings.webhook_secrets[0]
    new = "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0LTMyYnl0ZXM="
    body, now = a_body(), run.clock.now()

    def under(secrets: str) -> Runtime:
        return replace(run, settings=run.settings.model_copy(update={"portone_webhook_secrets": SecretStr(secrets)}))

    async def taken(secrets: str, signer: str, webhook_id: str) -> bool:
        return await receive(signature.sign(signer, webhook_id, now, body), body, run=under(secrets))

    assert await taken(old, old, "a")
    assert await taken(f"{old},{new}", old, "b") and await taken(f"{old},{new}", new, "c")
    assert await taken(new, new, "d")
    with pytest.raises(WebhookSignatureInvalid):
        await taken(new, old, "e")
    assert len(await sends.log()) == 4


async def test_a_repeat_finds_the_job_of_the_first_still_queued(sends: PortOneSends, run: Runtime) -> None:
    """The repeat's job and the first one's share a key, so a webhook is never handled by two workers at once."""
    await sends(a_body())
    await sends(a_body())
    async with run.db.transaction() as tx:
        assert await queue.open_count(tx) == 1
        assert await store.open_count(tx) == 1
