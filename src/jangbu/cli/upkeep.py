"""Setting up and looking after: init, migrate, doctor, adopt."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.cli.opening import opened, plain_sentences, quiet_settings
from jangbu.terminal import Column, Json, clean, document, execute, mark, note, say, styled, table, working

if TYPE_CHECKING:
    from jangbu.checks.service import Result


def add_to(cli: typer.Typer) -> None:
    """Put them among the commands."""
    cli.command(rich_help_panel="Start here")(init)
    for command in (doctor, migrate, adopt):
        cli.command(rich_help_panel="Set up")(command)


def init(
    print_sql: Annotated[
        bool, typer.Option("--print-sql", help="For a PostgreSQL of your own: print the statements; run nothing.")
    ] = False,
    server: Annotated[str, typer.Option(help="With --print-sql: where that PostgreSQL is, host:port.")] = "HOST:5432",
    print_env_example: Annotated[
        bool, typer.Option("--print-env-example", help="Print every setting with its meaning; run nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make .env, the database, the first admin and a first API key. Safe to run again: what is there stays."""
    from jangbu import setup

    if print_env_example:
        typer.echo(setup.env_example(), nl=False)
        return
    if print_sql:
        statements = setup.managed_server(server)
        if as_json:
            document({"statements": statements.sql, "env": statements.env})
        else:
            typer.echo(statements.script(), nl=False)
        return
    with working("Preparing the database…"), plain_sentences():
        done = execute(setup.init(quiet_settings))
    if as_json:
        document(done.as_json())
        return
    for line in done.lines():
        say(line)


def migrate(as_json: Json = False) -> None:
    """Bring the database up to this release. Safe to run again, and from several machines at once."""
    from jangbu import setup

    with working("Migrating…"):
        applied = execute(setup.migrate(quiet_settings()))
    if as_json:
        document({"applied": applied})
        return
    for name in applied:
        say(f"applied {name}")
    say("The database is up to date.")


def doctor(
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also ask every invariant of everything there is, and record what was found."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the set-up and say what is wrong and what to do. Exit code 0 when all is well, 1 otherwise."""
    from jangbu import doctor as doctors
    from jangbu.db import DatabaseAway
    from jangbu.errors import SetupProblem

    with working("Looking at settings, database, PortOne, the public address and the work…"):
        findings = execute(doctors.examine(quiet_settings))
    well = all(finding.mark in {"good", "none"} for finding in findings)
    answer: dict[str, Any] = {"well": well, "checks": [finding.as_json() for finding in findings]}
    if not as_json:
        for finding in findings:
            say(f"{mark(finding.mark)} {styled(finding.name, 'white', bold=True)}: {clean(finding.sentence)}")
            if finding.todo:
                say(f"    → {clean(finding.todo)}")
    if deep:
        try:
            results = execute(doctors.examine_deeply(quiet_settings, progress=_progress))
        except (SetupProblem, DatabaseAway) as problem:
            # The findings above say the same with what to do; a program still gets its document.
            note(f"The invariants could not be asked: {problem}")
            results = []
        well = well and bool(results) and all(result.holds for result in results)
        answer |= {"well": well, "invariants": [_invariant_as_json(result) for result in results]}
        if not as_json:
            _show_invariants(results)
    if as_json:
        document(answer)
    elif not well:
        note("What is marked ✗ must be mended; what is marked ! wants a look.")
    raise typer.Exit(0 if well else 1)


def _progress(result: "Result") -> None:
    note(f"{result.check.id}  {result.check.en}  ({result.took_ms / 1000:.1f} s)")


def _invariant_as_json(result: "Result") -> dict[str, Any]:
    found = result.found
    return {
        "check": result.check.id,
        "holds_normally": {"ko": result.check.ko, "en": result.check.en},
        "verdict": "not_checked" if found is None else "ok" if result.holds else "wrong",
        "rows": None if found is None else found.count,
        "broken": [] if found is None else [{"key": row.key, "what": row.what} for row in found.rows],
        "problem": result.problem,
        "took_ms": result.took_ms,
    }


def _show_invariants(results: "list[Result]") -> None:
    say()
    rows: list[tuple[str, ...]] = []
    for result in results:
        count = "not asked" if result.found is None else f"{result.found.count:,}"
        rows.append((result.check.id, result.check.en, count))
    table([Column("check"), Column("what must hold"), Column("broken rows", right=True)], rows)
    for result in results:
        if result.found is None:
            say(f"{mark('bad')} {result.check.id} could not be asked: {clean(result.problem)}")
        for row in result.found.rows if result.found else ():
            say(f"{mark('bad')} {result.check.id}  {clean(row.key)}  {clean(row.what)}")


def adopt(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: everything that used the old one is stopped.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say that this database, loaded from a backup, is now the one that programs work for. It gets a new id."""
    from jangbu import installation
    from jangbu.audit import operator

    async def work() -> tuple[installation.Installation, str]:
        async with opened() as run:
            return await installation.adopt(run=run, actor=operator()), run.settings.mode

    if not yes:
        typer.confirm("Is everything that still works on the original stopped?", abort=True, err=True)
    adopted, mode = execute(work())
    if as_json:
        document({"installation": adopted.id, "mode": mode})
        return
    say(f"This database is now installation {adopted.id}, in {mode} mode.")
    say(f"JANGBU_INSTALLATION={adopted.id}")
    note("Put that line into the environment of every program that works on it; then start them.")
