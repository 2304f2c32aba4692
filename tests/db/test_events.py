"""Announcing: one event and one job per subscriber, with the transaction or not at all (F70)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from jangbu import events, queue
from jangbu.clock import instant
from jangbu.db import Database
from jangbu.events import Event, Type, announce, declare, is_first_receipt, of_subject, subscribe
from jangbu.ids import Ids
from jangbu.wiring import Addresses
from superuser import opened

AT = instant("2026-08-01T03:00:00Z")
ids = Ids(seed=2)


@pytest.fixture
async def db(where: Addresses) -> AsyncIterator[Database]:
    async with opened(where.system) as database:
        yield database


@pytest.fixture
def subscribed() -> Iterator[None]:
    """Two subscribers, one of them named twice; forgotten again afterwards."""
    for job in ("one.hears", "two.hears", "one.hears"):
        subscribe("test.happened", job)
    yield
    events._subscribers.pop("test.happened")


def an_event() -> Event:
    return Event(ids.uuid(), "test.happened", "test:1", AT, {"이름": "보리차", "n": 1}, "store-1")


async def jobs_waiting(db: Database) -> int:
    async with db.transaction() as tx:
        return await queue.open_count(tx)


@pytest.mark.usefixtures("subscribed")
async def test_an_event_and_a_job_for_each_subscriber_come_with_the_transaction(db: Database) -> None:
    event = an_event()
    async with db.transaction() as tx:
        await announce(tx, event)
    async with db.transaction() as tx:
        assert await of_subject(tx, "test:1") == [event]
    assert await jobs_waiting(db) == 2


@pytest.mark.usefixtures("subscribed")
async def test_a_rolled_back_transaction_announced_nothing(db: Database) -> None:
    async def half_way() -> None:
        async with db.transaction() as tx:
            await announce(tx, an_event())
            raise KeyError

    with pytest.raises(KeyError):
        await half_way()
    async with db.transaction() as tx:
        assert await of_subject(tx, "test:1") == []
    assert await jobs_waiting(db) == 0


async def test_of_many_who_take_one_receipt_at_once_one_is_first(db: Database) -> None:
    event = an_event()
    async with db.transaction() as tx:
        await announce(tx, event)

    async def take(subscriber: str) -> bool:
        async with db.transaction() as tx:
            return await is_first_receipt(tx, event.id, subscriber)

    assert sorted(await asyncio.gather(*(take("one") for _ in range(10)))) == [False] * 9 + [True]
    assert await take("two") is True


async def test_a_receipt_of_work_that_failed_can_be_taken_again(db: Database) -> None:
    event = an_event()
    async with db.transaction() as tx:
        await announce(tx, event)

    async def fails() -> None:
        async with db.transaction() as tx:
            assert await is_first_receipt(tx, event.id, "one")
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            await fails()


async def test_an_event_that_nobody_declared_is_not_announced(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(AssertionError, match="not declared"):
            await announce(tx, replace(an_event(), type="test.forgotten"))


async def test_an_event_keeps_the_version_its_type_had(db: Database) -> None:
    declare(Type("test.changed", "시험", "A test.", {}, version=3, is_public=False))
    async with db.transaction() as tx:
        await announce(tx, replace(an_event(), type="test.changed"))
    async with db.transaction() as tx:
        assert [event.version for event in await of_subject(tx, "test:1")] == [3]


def test_two_declarations_of_one_type_must_agree() -> None:
    with pytest.raises(AssertionError, match="declared twice"):
        declare(Type("test.happened", "시험", "Another test.", {}))
