"""`jangbu simulate`: plays in which everything goes wrong, and what they came to."""

from traceback import format_exception
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.cli.programs import run
from jangbu.terminal import Column, Json, document, mark, note, say, table, working

if TYPE_CHECKING:
    from jangbu.simulator.play import Ending
    from jangbu.simulator.swarm import Report

# As swarm.STEPS, which is imported late like everything that a simulation needs.
STEPS = 500


def simulate(
    seed: Annotated[int, typer.Option(min=0, help="The first play's seed; the others count up from it.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="How long a play is.")] = STEPS,
    plays: Annotated[int, typer.Option(min=1, help="How many plays at most.")] = 20,
    crashes: Annotated[int, typer.Option(min=0, help="Stop after so many different crashes. 0: after the plays.")] = 0,
    trace: Annotated[bool, typer.Option("--trace", help="Tell every action, on stderr.")] = False,
    as_json: Json = False,
) -> None:
    """Run the real code on a throwaway PostgreSQL while programs die, lines break and PortOne errs; check every won.

    The same seed on the same revision is the same play. Exit code 1 if anything did not hold.
    """
    from jangbu.logs import configure
    from jangbu.simulator.swarm import play_settings

    configure(play_settings())
    report = run(_play(seed, steps, plays, crashes, trace=trace))
    if as_json:
        document(_as_json(report, steps))
    else:
        _show(report)
        if report.failed is not None:
            _show_failure(report.failed, steps)
    if report.failed is not None:
        raise typer.Exit(1)


async def _play(seed: int, steps: int, plays: int, crashes: int, *, trace: bool) -> "Report":
    from jangbu.simulator.stage import throwaway
    from jangbu.simulator.swarm import swarm

    with working("Playing…"):
        async with throwaway() as stage:
            return await swarm(
                stage,
                seeds=range(seed, seed + plays),
                steps=steps,
                trace=note if trace else None,
                is_enough=lambda report: 0 < crashes <= len(report.places),
            )


def _show(report: "Report") -> None:
    say(f"{report.plays} plays, {report.steps} steps, {report.payments} orders, {report.calls} calls to PortOne")
    say(f"{len(report.places)} different crashes with something open, {sum(report.idle.values())} with nothing open")
    rows = [(name, report.crashes[name], report.idle[name]) for name in sorted({*report.crashes, *report.idle})]
    table([Column("died at"), Column("transaction or call open", right=True), Column("nothing open", right=True)], rows)
    say()
    table([Column("sometimes"), Column("times", right=True)], sorted(report.sometimes.items()))
    say()
    if report.failed is None:
        say(f"{mark('good')} 0 double captures, 0 double refunds, 0 lost events, every ledger sums to 0")
        median, p99 = report.recovery_s(500), report.recovery_s(990)
        say(f"{mark('good')} once troubles ended, nothing was unknown after {median} s (median), {p99} s (p99)")


def _show_failure(failed: "Ending", steps: int) -> None:
    from jangbu.simulator.swarm import again, revision

    say()
    say(f"{mark('bad')} seed {failed.seed}, step {failed.steps}, revision {revision()}")
    for problem in failed.problems:
        say(f"  {problem}")
    note("\nThe last actions:")
    for line in failed.last_actions:
        note(line)
    if failed.surprise is not None:
        note("\n" + _traceback(failed.surprise))
    note(f"\nOnce more: {again(failed, steps)}")


def _traceback(surprise: Exception) -> str:
    return "".join(format_exception(surprise)).rstrip()


def _as_json(report: "Report", steps: int) -> dict[str, Any]:
    from jangbu.simulator.swarm import again, revision

    failed = report.failed
    return {
        "holds": failed is None,
        "revision": revision(),
        "plays": report.plays,
        "steps": report.steps,
        "crashes": len(report.places),
        "crashesByFailpoint": dict(sorted(report.crashes.items())),
        "idleCrashesByFailpoint": dict(sorted(report.idle.items())),
        "sometimes": dict(sorted(report.sometimes.items())),
        "recoveredS": {"p50": report.recovery_s(500), "p99": report.recovery_s(990)},
        "failed": None
        if failed is None
        else {
            "seed": failed.seed,
            "step": failed.steps,
            "problems": failed.problems,
            "traceback": None if failed.surprise is None else _traceback(failed.surprise),
            "lastActions": failed.last_actions,
            "again": again(failed, steps),
        },
    }
