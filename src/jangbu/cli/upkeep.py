"""Setting up and looking after: init, migrate, doctor, adopt."""

from typing import Annotated

import typer

from jangbu.cli.opening import opened, plain_sentences, quiet_settings
from jangbu.terminal import Json, clean, document, execute, mark, note, say, styled, working


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


def doctor(as_json: Json = False) -> None:
    """Check the set-up and say what is wrong and what to do. Exit code 0 when all is well, 1 otherwise."""
    from jangbu import doctor as doctors

    with working("Looking at settings, database, PortOne, the public address and the work…"):
        findings = execute(doctors.examine(quiet_settings))
    well = all(finding.mark in {"good", "none"} for finding in findings)
    if as_json:
        document({"well": well, "checks": [finding.as_json() for finding in findings]})
    else:
        for finding in findings:
            say(f"{mark(finding.mark)} {styled(finding.name, 'white', bold=True)}: {clean(finding.sentence)}")
            if finding.todo:
                say(f"    → {clean(finding.todo)}")
        if not well:
            note("What is marked ✗ must be mended; what is marked ! wants a look.")
    raise typer.Exit(0 if well else 1)


def adopt(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: everything that used the old one is stopped.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say that this database, loaded from a backup, is now the one that programs work for. It gets a new id."""
    from jangbu import installation
    from jangbu.access.cli import operator

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
