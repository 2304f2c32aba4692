"""Ids sort by when they were made, also those of one millisecond, and repeat with their seed."""

from datetime import timedelta

from jangbu.clock import ManualClock, instant
from jangbu.ids import Ids

AT = instant("2026-08-01T03:00:00Z")


def test_ids_of_one_millisecond_sort_in_the_order_they_were_made() -> None:
    ids = Ids(ManualClock(AT), seed=1)
    made = [ids.uuid() for _ in range(3_000)]
    assert made == sorted(made) and len(set(made)) == len(made)
    assert {one.version for one in made} == {7}


def test_more_ids_than_one_millisecond_can_count_are_still_different() -> None:
    ids = Ids(ManualClock(AT), seed=1)
    assert len({ids.uuid() for _ in range(20_000)}) == 20_000


def test_a_later_time_gives_a_later_id_and_the_same_seed_the_same_ids() -> None:
    first = Ids(ManualClock(AT), seed=1).uuid()
    assert first == Ids(ManualClock(AT), seed=1).uuid() != Ids(ManualClock(AT), seed=2).uuid()
    assert first < Ids(ManualClock(AT + timedelta(milliseconds=1)), seed=1).uuid()
