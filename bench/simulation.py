"""How many deaths the simulator plays a second, and how soon after the last of them nothing is ambiguous any more."""

import resource
from time import perf_counter

from bench.figures import Finding
from bench.place import Place
from jangbu.simulator.stage import opened
from jangbu.simulator.swarm import STEPS, Report, swarm

NAME = "simulation"
ROUNDS = 3
PLAYS = 12
CI_CRASHES, CI_S = 10_000, 20 * 60
KNOWN_WITHIN_S = 3_600
"""An hour of the play's time: three waits of the longest step between two questions (design §4.1)."""


async def measure(place: Place) -> Finding:
    """Different crashes a second, each with a transaction or a call open; and the recovery in the play's own time."""
    rates: list[float] = []
    per_cpu_s: list[float] = []
    recovered_s: list[int] = []
    superuser = place.server.dsn("superuser", NAME)
    async with place.database(NAME) as where, opened(where, superuser) as stage:
        for number in range(ROUNDS):
            place.neighbours.shares.clear()
            began, used = perf_counter(), _used_s()
            with place.neighbours.watched():
                first = 1 + number * PLAYS
                report = await swarm(stage, seeds=range(first, first + PLAYS), steps=STEPS)
            assert report.failed is None, report.failed
            rates.append(len(report.places) / (perf_counter() - began))
            per_cpu_s.append(len(report.places) / (_used_s() - used))
            recovered_s += report.recovered_s
    p50, p99 = Report.quantile(recovered_s, 500), Report.quantile(recovered_s, 990)
    target_per_s = CI_CRASHES / CI_S
    return Finding(
        name=NAME,
        unit="/s",
        ours=rates,
        yardstick=[],
        yardstick_name="",
        target=f"≥ {target_per_s:.1f} /s, p99 ≤ {KNOWN_WITHIN_S:,} s",
        held=min(rates) >= target_per_s and p99 <= KNOWN_WITHIN_S,
        notes=[
            f"{max(per_cpu_s):,.0f} crashes for a second of Python's core; PostgreSQL needs about as much of another",
            f"no call was without an outcome {p50:,} s (median), {p99:,} s (p99) of the play's time after the troubles",
        ],
        others=list(place.neighbours.shares),
    )


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
