"""`jangbu payments import`: payments of another system, with their refunds, into the books."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.money import Money, written
from jangbu.terminal import Json, Opener, clean, document, execute, mark, note, say, working

if TYPE_CHECKING:
    from jangbu.payments.importing.service import Report


def add_to(payments: typer.Typer, opened: Opener, acting: Opener) -> None:
    """Put `import` among the `payments` commands."""

    @payments.command("import")
    def import_(
        file: Annotated[Path, typer.Argument(help="Payments whose money was taken: CSV in UTF-8.")],
        refunds: Annotated[Path | None, typer.Option(help="What was given back of them: CSV in UTF-8.")] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Name every problem by its line; do nothing.")] = False,
        commit: Annotated[bool, typer.Option("--commit", help="Write it, if there is no problem.")] = False,
        as_json: Json = False,
    ) -> None:
        """Bring payments over from another system (docs/howto/move-to-jangbu.md). Given again, it changes nothing."""
        if dry_run == commit:
            raise typer.BadParameter("Say --dry-run or --commit.")

        async def work() -> "Report":
            from jangbu.audit import operator
            from jangbu.payments.importing.service import bring_over, check

            if dry_run:
                async with opened() as run:
                    return await check(file, refunds, run=run)
            async with acting() as run:
                return await bring_over(file, refunds, actor=operator(), run=run)

        with working("Reading the file…" if dry_run else "Importing…"):
            report = execute(work())
        if as_json:
            document(_as_json(report, dry_run=dry_run))
        else:
            _show(report, dry_run=dry_run)
        raise typer.Exit(1 if report.problem_count else 0)


def _as_json(report: "Report", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "new": report.new.payments,
        "refunds": report.new.refunds,
        "known": report.known,
        "amount_minor": report.new.taken,
        "cancelled_minor": report.new.returned,
        "problem_count": report.problem_count,
        "problems": [
            {"file": one.file, "line": one.line, "column": one.column, "what": one.what} for one in report.problems
        ],
    }


def _show(report: "Report", *, dry_run: bool) -> None:
    for one in report.problems:
        say(f"{one.file}, line {one.line}, {one.column}: {clean(one.what)}")
    if report.problem_count > len(report.problems):
        say(f"… and {report.problem_count - len(report.problems):,} more")
    sums = ", ".join(
        f"{written(Money(taken, currency))} taken, {written(Money(report.new.returned[currency], currency))} given back"
        for currency, taken in sorted(report.new.taken.items())
    )
    done = "would be new" if dry_run else "are new"
    tail = f": {sums}" if sums else ""
    say(f"{mark('bad' if report.problem_count else 'good')} {report.new.payments:,} payments {done}{tail}")
    say(f"  {report.new.refunds:,} refunds; {report.known:,} payments were here already")
    if report.problem_count:
        note(f"{report.problem_count:,} problems: nothing is imported until there are none.")
