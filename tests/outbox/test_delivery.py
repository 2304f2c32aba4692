"""Delivering: signed, retried on schedule, at least once whatever dies when, and nobody held up by the dead."""

import asyncio
from datetime import timedelta

import pytest

from jangbu import audit
from jangbu.db import Query
from jangbu.events import of_subject
from jangbu.failpoints import armed
from jangbu.notices import store as notices
from jangbu.outbox import delivery_store, feed_store, store
from jangbu.outbox.rules import DISABLED_AFTER, RETRY_AFTER, TRIES_MAX, Answer
from jangbu.outbox.service import delivery, endpoints, feed, replay
from jangbu.portone import verify
from jangbu.portone.signature import WebhookSignatureInvalid
from kit import TESTER, until

from .merchant import URL, Shop, dies

OTHER = "https://other.example/hooks"
FAILS = Answer("refused", 500, "no")
DELIVERIES_QUEUED = Query(int, f"SELECT count(*) FROM pgqueuer WHERE entrypoint = '{feed.DELIVER}'")


async def state_of(shop: Shop, endpoint_id: object, seq: int = 1) -> delivery_store.Delivery:
    async with shop.run.db.transaction() as tx:
        found = await delivery_store.delivery(tx, endpoint_id, seq)  # type: ignore[arg-type]
    assert found is not None
    return found


async def test_an_event_arrives_once_signed_and_whole(shop: Shop) -> None:
    made, secret = await endpoints.create(URL, types=[], actor=TESTER, run=shop.run, sender=shop.sender)
    event_id = await shop.announce(amount=11_000)
    await shop.send()
    (message,) = shop.receiver.got
    # The inbox's verifier is another reading of the same standard.
    assert verify(message.headers, message.body, secrets=[secret], now=shop.run.clock.now()).webhook_id == str(event_id)
    said = message.json
    assert said.pop("timestamp") == "2026-08-01T03:00:00.000Z"
    assert said == {
        "id": str(event_id),
        "seq": 1,
        "type": "payment.paid",
        "version": 1,
        "mode": "sandbox",
        "test": False,
        "storeId": shop.run.settings.portone_store_id,
        "subject": "payment:1",
        "data": {"amount": 11_000},
    }
    told = await replay.tell(made.id, 1, run=shop.run)
    assert told.body == message.body
    assert [(one.outcome, one.status, one.answer) for one in told.attempts] == [("delivered", 200, "ok")]
    await shop.pass_time(timedelta(days=30))
    assert len(shop.receiver.got) == 1


async def test_an_endpoint_hears_what_it_asked_for_and_only_from_then_on(shop: Shop) -> None:
    await shop.announce("payment.paid")
    await shop.advance()
    await shop.subscribe(types=["payment.paid"], store_id=shop.run.settings.portone_store_id)
    await shop.subscribe(OTHER, store_id="store-of-somebody-else")
    for type_ in ("payment.failed", "payment.paid"):
        await shop.announce(type_)
    await shop.send()
    assert shop.receiver.seqs() == [3]
    assert shop.receiver.seqs(OTHER) == []


async def test_tries_follow_the_standards_schedule_with_one_id_and_one_body(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    shop.receiver.always[URL] = FAILS
    await shop.announce()
    await shop.send()
    begun = shop.run.clock.now()
    tries, gaps = 1, []
    for _ in range(TRIES_MAX - 1):
        due = (await state_of(shop, endpoint.id)).due_at
        assert due is not None
        gaps.append(due - shop.run.clock.now())
        await shop.pass_time(due - shop.run.clock.now() - timedelta(seconds=1))
        assert len(shop.receiver.got) == tries, "too early"
        await shop.pass_time(timedelta(seconds=1))
        tries += 1
        assert len(shop.receiver.got) == tries
    # 20 % of jitter at most, and never earlier than the standard says.
    assert all(asked <= gap <= asked * 1.2 for asked, gap in zip(RETRY_AFTER, gaps, strict=True))
    assert len({gap / asked for asked, gap in zip(RETRY_AFTER, gaps, strict=True)}) > 1, "no jitter at all"
    assert timedelta(days=3) < shop.run.clock.now() - begun < timedelta(days=4)
    assert (await state_of(shop, endpoint.id)).state == "exhausted"
    await shop.pass_time(timedelta(days=30))
    assert len(shop.receiver.got) == TRIES_MAX
    assert len({message.id for message in shop.receiver.got}) == 1
    assert len({message.body for message in shop.receiver.got}) == 1
    assert len({message.headers["webhook-timestamp"] for message in shop.receiver.got}) == TRIES_MAX


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer("delivered", 200), "delivered"),
        (Answer("delivered", 204), "delivered"),
        (Answer("redirected", 302), "pending"),
        (Answer("refused", 404), "pending"),
        (Answer("timeout"), "pending"),
        (Answer("address_refused"), "pending"),
    ],
)
async def test_only_a_yes_is_a_yes(shop: Shop, answer: Answer, state: str) -> None:
    endpoint = await shop.subscribe()
    shop.receiver.answers[URL] = [answer]
    await shop.announce()
    await shop.send()
    found = await state_of(shop, endpoint.id)
    assert (found.state, found.tries, found.last_outcome, found.last_status) == (
        state,
        1,
        answer.outcome,
        answer.status,
    )


async def test_days_of_failures_switch_an_endpoint_off_and_on_again_it_goes_on_where_it_stopped(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    shop.receiver.always[URL] = FAILS
    began = shop.run.clock.now()
    await shop.announce()
    await shop.send()
    while (await endpoints.find(endpoint.id, run=shop.run)).state == "enabled":
        await shop.announce()
        await shop.pass_time(timedelta(hours=6))
        assert shop.run.clock.now() - began < DISABLED_AFTER + timedelta(days=1)
    off = await endpoints.find(endpoint.id, run=shop.run)
    assert (off.disabled_reason, off.failing_since) == ("failing", began)
    assert shop.run.clock.now() - began >= DISABLED_AFTER
    async with shop.run.db.transaction() as tx:
        (said,) = await of_subject(tx, endpoint.subject)
        assert "webhook_endpoint.disabled" in [line.action for line in await audit.of_subject(tx, endpoint.subject)]
        (called,) = await notices.alerts(tx, before=None, now=shop.run.clock.now(), most=9)
    assert (said.type, said.data["reason"]) == ("webhook_endpoint.disabled", "failing")
    assert (called.kind, called.subject) == ("endpoint_disabled", endpoint.subject)
    assert URL.startswith(called.facts["address"]) and called.facts["address"].count("/") == 2

    tried = len(shop.receiver.got)
    for _ in range(3):
        await shop.announce()
    await shop.pass_time(timedelta(days=2))
    assert len(shop.receiver.got) == tried, "nothing is sent to what is switched off"

    shop.receiver.always.clear()
    await endpoints.enable(endpoint.id, actor=TESTER, run=shop.run)
    await shop.send()
    everything = await shop.read(most=1000)
    assert sorted(shop.receiver.seqs()[tried:]) == everything, "each event once: the given up, the waiting and the new"
    assert (await endpoints.find(endpoint.id, run=shop.run)).failing_since is None


async def test_one_success_ends_the_count_of_days(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    for _ in range(10):
        shop.receiver.answers[URL] = [FAILS]
        await shop.announce()
        await shop.send()
        assert (await endpoints.find(endpoint.id, run=shop.run)).failing_since is not None
        await shop.pass_time(timedelta(days=1))
        assert (await endpoints.find(endpoint.id, run=shop.run)).failing_since is None
    assert (await endpoints.find(endpoint.id, run=shop.run)).state == "enabled"


async def test_a_success_ends_the_count_of_days_although_another_worker_began_it_meanwhile(shop: Shop) -> None:
    """Were it left, the next failure, days later, would switch the endpoint off at once."""
    endpoint = await shop.subscribe()

    async def while_another_fails() -> Answer:
        async with shop.run.db.transaction() as tx:
            await store.note_failing(tx, endpoint.id, shop.run.clock.now())
        return Answer("delivered", 200, "ok")

    shop.receiver.answers[URL] = [while_another_fails]
    await shop.announce()
    await shop.send()
    assert (await endpoints.find(endpoint.id, run=shop.run)).failing_since is None


async def test_410_switches_off_at_once_and_nothing_is_lost(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    shop.receiver.answers[URL] = [Answer("gone", 410)]
    await shop.announce()
    await shop.send()
    off = await endpoints.find(endpoint.id, run=shop.run)
    assert (off.state, off.disabled_reason) == ("disabled", "gone")
    await shop.pass_time(timedelta(days=10))
    assert shop.receiver.seqs() == [1]
    await endpoints.enable(endpoint.id, actor=TESTER, run=shop.run)
    await shop.send()
    # Event 2 is the one that told of the switching off.
    assert sorted(shop.receiver.seqs()) == [1, 1, 2]


FAILPOINTS = (
    "outbox.deliver.before_claim_commit",
    "outbox.deliver.claimed",
    "outbox.deliver.answered",
    "outbox.deliver.before_record_commit",
    "outbox.deliver.recorded",
)


@pytest.mark.parametrize("at_pass", [1, 2])
@pytest.mark.parametrize(
    ("name", "is_refused"),
    # A yes is recorded in one statement, which has no inside to die in.
    [*((name, True) for name in FAILPOINTS), *((name, False) for name in FAILPOINTS if "record_commit" not in name)],
)
async def test_dying_anywhere_delivers_at_least_once(shop: Shop, name: str, at_pass: int, is_refused: bool) -> None:
    endpoint = await shop.subscribe()
    if is_refused:
        shop.receiver.answers[URL] = [FAILS] * 3
    for _ in range(3):
        await shop.announce()
    await shop.advance()
    with armed(name, at_pass=at_pass):
        assert await dies(shop, endpoint), f"{name} was not passed {at_pass} times"
    await shop.send()
    await shop.pass_time(delivery.LEASE)
    await shop.pass_time(timedelta(minutes=10))
    assert set(shop.receiver.seqs()) == {1, 2, 3}
    for seq in (1, 2, 3):
        assert (await state_of(shop, endpoint.id, seq)).state == "delivered"
    async with shop.run.db.transaction() as tx:
        assert await feed_store.astray(tx, before=shop.run.clock.now()) == []


async def test_a_claimed_delivery_is_left_to_whoever_claimed_it_until_the_lease_is_over(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    released = asyncio.Event()

    async def slowly() -> Answer:
        await released.wait()
        return Answer("delivered", 200)

    shop.receiver.answers[URL] = [slowly]
    await shop.announce()
    await shop.advance()
    under_way = asyncio.create_task(delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender))
    await until(lambda: _arrived(shop, 1))
    assert await delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender) == 0
    await shop.house.portone.move(delivery.LEASE)
    assert await delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender) == 1
    released.set()
    assert await under_way == 1
    assert (await state_of(shop, endpoint.id)).state == "delivered"


async def _arrived(shop: Shop, count: int) -> bool:
    return len(shop.receiver.got) >= count


async def test_a_replay_during_a_try_is_not_forgotten_when_that_try_ends(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    released = asyncio.Event()

    async def slowly() -> Answer:
        await released.wait()
        return Answer("delivered", 200)

    shop.receiver.answers[URL] = [slowly]
    event_id = await shop.announce()
    await shop.advance()
    under_way = asyncio.create_task(delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender))
    await until(lambda: _arrived(shop, 1))
    assert await replay.replay(event_id, actor=TESTER, run=shop.run) == 1
    released.set()
    await under_way
    await shop.send()
    assert shop.receiver.seqs() == [1, 1]
    assert len((await replay.tell(endpoint.id, 1, run=shop.run)).attempts) == 2


async def test_two_secrets_sign_while_one_replaces_the_other(shop: Shop) -> None:
    made, old = await endpoints.create(URL, types=[], actor=TESTER, run=shop.run, sender=shop.sender)
    new = await endpoints.rotate(made.id, keep_h=24, actor=TESTER, run=shop.run)
    await shop.announce()
    await shop.send()
    await shop.house.portone.move(timedelta(hours=24))
    await shop.announce()
    await shop.send()
    both, alone = shop.receiver.got
    now = shop.run.clock.now()
    assert len(both.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert verify(both.headers, both.body, secrets=[secret], now=now - timedelta(hours=24))
    assert verify(alone.headers, alone.body, secrets=[new], now=now)
    with pytest.raises(WebhookSignatureInvalid):
        verify(alone.headers, alone.body, secrets=[old], now=now)


async def test_a_dead_endpoint_holds_up_neither_another_one_nor_other_jobs(shop: Shop) -> None:
    dead = await shop.subscribe()
    await shop.subscribe(OTHER)
    never = asyncio.Event()

    async def hangs() -> Answer:
        await never.wait()
        return Answer("timeout")

    shop.receiver.answers[URL] = [hangs] * 1000
    for _ in range(60):
        await shop.announce()
    worker = shop.house.wired.worker()
    working = asyncio.create_task(worker.run())
    try:
        await until(lambda: _all_at(shop, OTHER, 60))
        # Either job may be the first to get anywhere.
        await until(lambda: _all_at(shop, URL, delivery.LANES))
        await shop.announce()
        await until(lambda: _all_at(shop, OTHER, 61))
        assert len(shop.receiver.seqs(URL)) == delivery.LANES, "bounded at once per endpoint"
    finally:
        never.set()
        worker.stop()
        await working
    assert (await state_of(shop, dead.id)).tries == 1


async def _all_at(shop: Shop, url: str, count: int) -> bool:
    return len(set(shop.receiver.seqs(url))) == count


async def test_an_endpoint_has_one_job_however_often_somebody_looks(shop: Shop) -> None:
    for url in (URL, OTHER):
        await shop.subscribe(url)
    for _ in range(5):
        await shop.announce()
        await feed.advance(run=shop.run)
    async with shop.run.db.transaction() as tx:
        assert await tx.one(DELIVERIES_QUEUED) == 2


async def test_a_job_that_was_queued_before_the_switching_off_sends_nothing(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    await shop.announce()
    await shop.advance()
    await endpoints.disable(endpoint.id, actor=TESTER, run=shop.run)
    await shop.house.work()
    assert shop.receiver.got == []
    await endpoints.enable(endpoint.id, actor=TESTER, run=shop.run)
    await shop.send()
    assert shop.receiver.seqs() == [1]


async def test_a_slow_answer_holds_up_only_its_own_lane(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    released = asyncio.Event()

    async def slowly() -> Answer:
        await released.wait()
        return Answer("delivered", 200)

    shop.receiver.answers[URL] = [slowly]
    for _ in range(50):
        await shop.announce()
    await shop.advance()
    under_way = asyncio.create_task(delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender))
    await until(lambda: _arrived(shop, 50))
    released.set()
    assert await under_way == 50


async def test_when_the_database_goes_away_calls_under_way_still_get_their_record(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    for _ in range(4):
        await shop.announce()
    await shop.advance()

    released = asyncio.Event()

    async def slowly() -> Answer:
        await released.wait()
        return Answer("delivered", 200)

    async def stumbles() -> Answer:
        raise OSError("what our own side raises")

    shop.receiver.answers[URL] = [slowly, stumbles]
    under_way = asyncio.create_task(delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender))
    await until(lambda: _arrived(shop, 2))
    released.set()
    with pytest.raises(OSError, match="our own side"):
        await under_way
    assert (await state_of(shop, endpoint.id, shop.receiver.seqs()[0])).state == "delivered"
    await shop.pass_time(delivery.LEASE)
    assert {(await state_of(shop, endpoint.id, seq)).state for seq in (1, 2, 3, 4)} == {"delivered"}


async def test_a_change_reaches_what_is_sent_next_and_a_removal_ends_it(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    shop.receiver.answers[URL] = [FAILS]
    await shop.announce()
    await shop.send()
    changes = {"actor": TESTER, "run": shop.run, "sender": shop.sender}
    await endpoints.change(endpoint.id, url=OTHER, **changes)  # type: ignore[arg-type]
    await shop.pass_time(timedelta(seconds=10))
    assert shop.receiver.seqs(OTHER) == [1]
    shop.receiver.answers[OTHER] = [FAILS]
    await shop.announce()
    await shop.send()
    await endpoints.remove(endpoint.id, actor=TESTER, run=shop.run)
    await shop.announce()
    await shop.pass_time(timedelta(days=4))
    assert shop.receiver.seqs(OTHER) == [1, 2]
    assert (await state_of(shop, endpoint.id, 2)).state == "cancelled"


async def test_the_check_finds_what_is_owed_and_missing_and_what_is_late(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    await shop.announce()
    await feed.advance(run=shop.run)
    later = shop.run.clock.now() + timedelta(minutes=5)
    async with shop.run.db.transaction() as tx:
        late = await feed_store.astray(tx, before=later)
        assert await feed_store.astray(tx, before=shop.run.clock.now()) == []
    assert [line.key for line in late] == [f"delivery:{endpoint.id}:1"]
    await shop.send()
    async with shop.run.db.transaction() as tx:
        assert await feed_store.astray(tx, before=later) == []
