"""The feed: every committed event once, in an order that a reader by number can trust (F70)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from jangbu import embedded, events
from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.outbox import feed_store
from jangbu.outbox.refusals import EventTypeUnknown, EventUnknown, FeedCursorAhead
from jangbu.outbox.service import endpoints, feed
from jangbu.wiring import Addresses
from kit import TESTER
from superuser import superuser

from .merchant import Shop, an_event

WAITING = Query(int, "SELECT count(*) FROM outbox_waiting")


async def waiting(shop: Shop) -> int:
    return await shop.run.db.statement(WAITING) or 0


async def test_a_slow_transaction_is_numbered_after_what_readers_have_seen(shop: Shop) -> None:
    slow, quick = shop.run.ids.uuid(), shop.run.ids.uuid()
    async with shop.run.db.transaction() as held:
        # The slow one is first in every respect but the commit: its transaction, its note and its event are older.
        await events.announce(held, an_event(shop.run, slow))
        async with shop.run.db.transaction() as tx:
            await events.announce(tx, an_event(shop.run, quick))
        await shop.advance()
        page = await feed.read(after=0, most=10, run=shop.run)
        assert [(event.seq, event.id) for event in page.events] == [(1, quick)]
        await shop.advance()
        assert await shop.read(after=page.next) == []
    await shop.advance()
    after = await feed.read(after=page.next, most=10, run=shop.run)
    assert [(event.seq, event.id) for event in after.events] == [(2, slow)]
    assert await waiting(shop) == 0


async def test_events_of_one_payment_keep_the_order_they_happened_in(shop: Shop) -> None:
    """Also when the second one's transaction is the older: it had begun, then waited for the row."""
    row = Query(int, "SELECT offset_s::int FROM sandbox_clock FOR UPDATE")
    first, second = shop.run.ids.uuid(), shop.run.ids.uuid()
    async with shop.run.db.transaction() as older:
        # A note of its own gives this transaction its number before the other begins.
        await events.announce(older, an_event(shop.run, shop.run.ids.uuid(), subject="payment:other"))
        async with shop.run.db.transaction() as younger:
            await younger.one(row)
            await events.announce(younger, an_event(shop.run, first, "payment.paid"))
        await older.one(row)
        await events.announce(older, an_event(shop.run, second, "payment.cancelled"))
    await shop.advance()
    told = [event.id for event in (await feed.read(after=0, most=10, run=shop.run)).events]
    assert [each for each in told if each in (first, second)] == [first, second]


async def test_what_waits_together_is_numbered_in_the_order_it_was_written(shop: Shop) -> None:
    """F70: one batch numbers three transactions of one payment, minutes apart, and one whose clock was behind."""
    written = []
    for type_ in ("payment.paid", "payment.partially_cancelled", "payment.cancelled"):
        written.append(await shop.announce(type_))
        await shop.house.portone.move(timedelta(minutes=1))
    late = replace(an_event(shop.run, shop.run.ids.uuid()), happened_at=shop.run.clock.now() - timedelta(days=1))
    async with shop.run.db.transaction() as tx:
        await events.announce(tx, late)
    await feed.advance(run=shop.run)
    page = await feed.read(after=0, most=10, run=shop.run)
    assert [(event.seq, event.id) for event in page.events] == list(enumerate([*written, late.id], start=1))
    assert [event.happened_at for event in page.events[:3]] == sorted(event.happened_at for event in page.events[:3])


async def test_many_sequencers_at_once_number_every_event_once_and_without_gaps(shop: Shop) -> None:
    async def announce_some() -> None:
        for _ in range(20):
            await shop.announce()

    async def sequence_until_done() -> None:
        for _ in range(30):
            await feed.advance(run=shop.run)

    await asyncio.gather(*(announce_some() for _ in range(4)), *(sequence_until_done() for _ in range(4)))
    await shop.advance()
    assert await shop.read() == list(range(1, 81))


@pytest.mark.parametrize(
    "name",
    ["outbox.advance.sequenced", "outbox.advance.owed", "outbox.advance.before_commit", "outbox.advance.committed"],
)
async def test_a_sequencer_that_dies_loses_and_doubles_nothing(shop: Shop, name: str) -> None:
    await shop.subscribe()
    for _ in range(3):
        await shop.announce()
    with armed(name), pytest.raises(Crash):
        await feed.advance(run=shop.run)
    await shop.announce()
    await shop.send()
    assert await shop.read() == [1, 2, 3, 4]
    assert sorted(shop.receiver.seqs()) == [1, 2, 3, 4]


async def test_what_is_ours_alone_is_not_shown(shop: Shop) -> None:
    await shop.subscribe()
    await shop.announce("payment.changed")
    await shop.announce("thing.kept", subject="thing:1")
    await shop.announce("payment.paid")
    await shop.send()
    assert [event.type for event in (await feed.read(after=0, most=10, run=shop.run)).events] == ["payment.paid"]
    assert shop.receiver.seqs() == [1]
    assert await waiting(shop) == 0


async def test_a_type_that_this_release_does_not_know_waits_for_one_that_does(
    shop: Shop, server: embedded.Embedded, where: Addresses
) -> None:
    """While two releases run, an old worker must not throw away what only the new one understands."""
    insert = """
        INSERT INTO events (id, type, subject, happened_at, data)
        VALUES (gen_random_uuid(), $1, 'x:1', now() - interval '1 day', '{}')
    """
    async with superuser(server, where) as connection:
        await connection.execute(insert, "future.happened")
        # The previous release wrote no version, and its events count as well.
        await connection.execute(insert, "payment.paid")
    await shop.advance()
    assert await shop.read() == [1]
    assert await waiting(shop) == 1
    async with shop.run.db.transaction() as tx:
        found = await feed_store.astray(tx, before=shop.run.clock.now() + timedelta(days=3650))
    assert [line.what for line in found] == ["has no place in the feed"]


async def test_the_feed_can_be_read_by_type_and_by_store(shop: Shop) -> None:
    for type_ in ("payment.paid", "payment.failed", "payment.paid"):
        await shop.announce(type_)
    event = replace(an_event(shop.run, shop.run.ids.uuid()), store_id="store-2")
    async with shop.run.db.transaction() as tx:
        await events.announce(tx, event)
    await shop.advance()
    assert await shop.read(type_="payment.paid") == [1, 3, 4]
    assert await shop.read(store_id="store-2") == [4]
    assert await shop.read(store_id="store-2", type_="payment.failed") == []
    with pytest.raises(EventTypeUnknown):
        await shop.read(type_="payment.changed")


async def test_a_reader_reaches_the_end_however_rare_what_it_looks_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WINDOW", 4)
    for number in range(10):
        await shop.announce("payment.failed" if number == 8 else "payment.paid")
    await shop.advance()
    after, found, pages = 0, [], 0
    while True:
        page = await feed.read(after=after, most=2, type_="payment.failed", run=shop.run)
        found += [event.seq for event in page.events]
        pages += 1
        assert page.next > after or not page.has_more, "a reader must get on"
        after = page.next
        if not page.has_more:
            break
    assert (found, after, pages) == ([9], 10, 3)


async def test_paging_meets_every_event_once(shop: Shop) -> None:
    for _ in range(7):
        await shop.announce()
    await shop.advance()
    after, found = 0, []
    while (page := await feed.read(after=after, most=3, run=shop.run)).events:
        found += [event.seq for event in page.events]
        after = page.next
    assert found == [1, 2, 3, 4, 5, 6, 7]
    back, start = [], None
    while True:
        page = await feed.latest(before=start, most=3, run=shop.run)
        back += [event.seq for event in page.events]
        if not page.has_more:
            break
        start = page.next
    assert back == [7, 6, 5, 4, 3, 2, 1]


async def test_a_position_from_before_a_restore_is_refused_and_not_read_on_from(shop: Shop) -> None:
    await shop.announce()
    await shop.advance()
    assert await shop.read(after=1) == []
    with pytest.raises(FeedCursorAhead):
        await shop.read(after=2)


async def test_an_unknown_event_is_refused(shop: Shop) -> None:
    event_id = await shop.announce()
    with pytest.raises(EventUnknown):
        await feed.find(event_id, run=shop.run)
    await shop.advance()
    event, deliveries = await feed.find(event_id, run=shop.run)
    assert (event.seq, deliveries) == (1, [])
    with pytest.raises(EventUnknown):
        await feed.find(event_id, store_id="store-of-somebody-else", run=shop.run)
    with pytest.raises(EventUnknown):
        await feed.find(UUID(int=1), run=shop.run)


async def test_a_number_is_never_taken_back(server: embedded.Embedded, shop: Shop, where: Addresses) -> None:
    await shop.announce()
    await shop.advance()
    async with superuser(server, where) as connection:
        for statement in ("UPDATE outbox_feed SET seq = 9", "DELETE FROM outbox_feed"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement)


async def test_more_than_a_batch_reaches_every_endpoint_in_several(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH", 3)
    endpoint = await shop.subscribe()
    for _ in range(10):
        await shop.announce()
    await shop.send()
    assert sorted(shop.receiver.seqs()) == list(range(1, 11))
    # Switched off, it falls behind by more than a batch.
    await endpoints.disable(endpoint.id, actor=TESTER, run=shop.run)
    for _ in range(10):
        await shop.announce()
    await shop.send()
    await endpoints.enable(endpoint.id, actor=TESTER, run=shop.run)
    await shop.send()
    assert sorted(shop.receiver.seqs()) == list(range(1, 21))
