"""What a page costs when there are many: list, search and one payment, at ten thousand and at a million payments."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from uuid import UUID

from bench.figures import Finding, Round, interleaved
from bench.many_payments import UNTIL, fill
from bench.place import ROUNDS, Place, writing
from jangbu.payments.lists.rules import Filter
from jangbu.payments.lists.rules import Place as Cursor
from jangbu.payments.lists.service.listing import listed
from jangbu.payments.story.service import tell
from jangbu.runtime import Runtime

FEW, MANY = 10_000, 1_000_000
"""With three webhooks for each. `python -m bench lists` fills both, which takes some minutes."""
AT_MOST = 1.5
EACH = 20
_END = datetime.fromisoformat(UNTIL)
_DAY = timedelta(days=1)

Work = Callable[[Runtime, int], Awaitable[object]]


async def _newest(run: Runtime, _: int) -> object:
    return await listed(Filter(), with_totals=True, run=run)


async def _deep(run: Runtime, count: int) -> object:
    middle = Cursor(_END - timedelta(seconds=15 * count), UUID(int=1))
    return await listed(Filter(), start=middle, run=run)


async def _of_a_day(run: Runtime, _: int) -> object:
    day = Filter(created_from=_END - 2 * _DAY, created_until=_END - _DAY)
    return await listed(day, with_totals=True, run=run)


async def _in_review(run: Runtime, _: int) -> object:
    return await listed(Filter(in_review=True), run=run)


async def _rare(run: Runtime, _: int) -> object:
    return await listed(Filter(method="CRYPTO"), run=run)


async def _by_order(run: Runtime, _: int) -> object:
    return await listed(Filter(search="order-77"), run=run)


async def _by_name(run: Runtime, _: int) -> object:
    return await listed(Filter(search="겨울"), run=run)


async def _story(run: Runtime, count: int) -> object:
    found = await listed(Filter(search=f"order-{count // 2}"), run=run)
    return await tell(str(found.page.payments[0].id), run=run)


PAGES: dict[str, Work] = {
    "newest, with sums": _newest,
    "deep": _deep,
    "one day, with sums": _of_a_day,
    "needs a look": _in_review,
    "what is not there": _rare,
    "by order id": _by_order,
    "by a common name": _by_name,
    "one payment": _story,
}


async def measure(place: Place) -> Finding:
    """Pages a second with many payments against pages a second with few; the notes name each page's ratio."""
    async with place.database("bench_lists_few") as few, place.database("bench_lists_many") as many:
        await fill(few.owner, FEW)
        await fill(many.owner, MANY)
        async with writing(few, place.home) as run_few, writing(many, place.home) as run_many:
            notes, slowest = [], []
            for name, work in PAGES.items():

                async def on_many(work: Work = work) -> float:
                    return await _rate(work, run_many, MANY)

                async def on_few(work: Work = work) -> float:
                    return await _rate(work, run_few, FEW)

                await on_many()
                await on_few()
                rounds = await interleaved(ROUNDS, on_many, on_few, neighbours=place.neighbours)
                times = [one.yardstick / one.ours for one in rounds]
                notes.append(
                    f"{name}: {1000 / median(one.ours for one in rounds):.1f} ms, {median(times):.2f} × of few"
                )
                if not slowest or median(times) > median(one.yardstick / one.ours for one in slowest):
                    slowest = rounds
    return _finding(slowest, notes)


async def _rate(work: Work, run: Runtime, count: int) -> float:
    began = perf_counter()
    for _ in range(EACH):
        await work(run, count)
    return EACH / (perf_counter() - began)


def _finding(rounds: list[Round], notes: list[str]) -> Finding:
    times = [one.yardstick / one.ours for one in rounds]
    return Finding(
        name="lists",
        unit="pages/s",
        ours=[one.ours for one in rounds],
        yardstick=[one.yardstick for one in rounds],
        yardstick_name=f"with {FEW:,}",
        target=f"≥ {1 / AT_MOST:.2f} ×",
        held=median(times) <= AT_MOST,
        notes=[f"{MANY:,} payments and {3 * MANY:,} webhooks; the page that suffers most stands above", *notes],
        others=[one.others for one in rounds if one.others is not None],
    )
