"""The sandbox's clock: what falls due on the way of a move happens in order, at its own time."""

from datetime import UTC, datetime, timedelta

from jangbu.sandbox.core.clock import SandboxClock

START = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)


class Diary:
    """An agenda that writes down when it was called; work may add work."""

    def __init__(self, clock: SandboxClock, *dues: datetime) -> None:
        self.dues = sorted(dues)
        self.done: list[tuple[datetime, datetime]] = []
        self.follow_up: timedelta | None = None
        self._clock = clock
        clock.agendas.append(self)

    def next_due(self) -> datetime | None:
        return min(self.dues, default=None)

    async def run_due(self, now: datetime) -> None:
        for due in [due for due in self.dues if due <= now]:
            self.dues.remove(due)
            self.done.append((due, self._clock.now()))
            if self.follow_up is not None:
                self.dues.append(due + self.follow_up)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


async def test_work_is_done_at_its_own_time_and_in_order() -> None:
    clock = SandboxClock(frozen_at=START)
    first = Diary(clock, START + minutes(30), START + minutes(10))
    second = Diary(clock, START + minutes(20), START + minutes(61))
    assert await clock.move(minutes(60)) == START + minutes(60)
    assert first.done == [(START + minutes(m), START + minutes(m)) for m in (10, 30)]
    assert second.done == [(START + minutes(20), START + minutes(20))]


async def test_work_that_adds_work_within_the_move_is_followed() -> None:
    clock = SandboxClock(frozen_at=START)
    diary = Diary(clock, START + minutes(1))
    diary.follow_up = minutes(10)
    await clock.move(minutes(35))
    assert [due for due, _ in diary.done] == [START + minutes(m) for m in (1, 11, 21, 31)]


async def test_a_frozen_clock_stands_and_a_running_one_goes_on_from_there() -> None:
    clock = SandboxClock(frozen_at=START)
    assert clock.now() == clock.now() == START
    clock.run()
    assert START <= clock.now() < START + minutes(1)
    await clock.move(timedelta(days=3))
    assert clock.now() >= START + timedelta(days=3)
    clock.freeze()
    assert clock.now() == clock.now()


async def test_a_restored_clock_is_as_far_ahead_as_the_saved_one() -> None:
    clock = SandboxClock()
    await clock.move(timedelta(days=40))
    restored = SandboxClock()
    restored.restore(clock.state())
    assert abs(restored.now() - clock.now()) < minutes(1)

    clock.freeze()
    restored.restore(clock.state())
    assert restored.now() == clock.now()


async def test_a_move_within_a_move_never_turns_time_back() -> None:
    clock = SandboxClock(frozen_at=START)

    class Leap(Diary):
        async def run_due(self, now: datetime) -> None:
            await super().run_due(now)
            await clock.move(minutes(90))

    Leap(clock, START + minutes(1))
    assert await clock.move(minutes(2)) == START + minutes(91)
