"""`python -m bench [names…] [--seconds N]`: measure, print a table, keep JSON in bench-output/."""

import argparse
import asyncio
import sys

import uvloop

from bench import checkout, demo, feed, figures, ledger, lists, outbox, paid, recovery, sandbox, simulation, webhook
from bench.place import ROUNDS, opened

BENCHMARKS = {
    "webhook": webhook.measure,
    "paid": paid.measure,
    "ledger": ledger.measure,
    "outbox": outbox.measure,
    "feed": feed.measure,
    "lists": lists.measure,
    "simulation": simulation.measure,
    "recovery": recovery.measure,
    "demo": demo.measure,
    "checkout": checkout.hosted,
    "checkout-element": checkout.element,
    "sandbox-reads": sandbox.reads,
    "sandbox-webhooks": sandbox.webhooks,
    "sandbox-memory": sandbox.memory,
    "sandbox-year": sandbox.year,
}
ALONE = {"simulation", "recovery", "demo", "sandbox-memory", "sandbox-year"}
"""Those without a yardstick beside them."""


async def main() -> None:
    """Run what was asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--seconds", type=float, default=3, help="length of one measurement (default 3)")
    parser.add_argument("--profile", action="store_true", help="add a profiled round, to bench-output/<name>.txt")
    asked = parser.parse_args()
    findings = []
    async with opened(seconds=asked.seconds, profile=asked.profile) as place:
        on = figures.machine(place.server.version)
        for name in asked.names or BENCHMARKS:
            print(f"{name}…" if name in ALONE else f"{name}: {ROUNDS} rounds of two measurements…", file=sys.stderr)
            findings.append(await BENCHMARKS[name](place))
    print(figures.table(findings, on))
    figures.write(findings, on)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
