"""`jangbu`: every command. Progress on stderr, results on stdout; one plain sentence when something is set up wrong.

Imports are inside the commands, so that `jangbu --help` answers at once.
"""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from jangbu import __version__
from jangbu.errors import Refusal, SetupProblem

cli = typer.Typer(
    name="jangbu",
    help="장부 — the payment back office for merchants on PortOne. Every won accounted for, and provable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script. Exit codes: 0 done, 1 a check did not hold or a refusal, 2 wrong usage or set-up."""
    try:
        cli()
    except SetupProblem as problem:
        typer.secho(f"jangbu: {problem}", fg="red" if sys.stderr.isatty() else None, err=True)
        sys.exit(2)
    except Refusal as refusal:
        typer.secho(f"jangbu: {refusal.sentence('en')} [{refusal.code}]", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on the fast loop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jangbu {__version__}")
        raise typer.Exit


@cli.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    pass


@cli.command(rich_help_panel="Start here")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Throwaway database; stop after the table.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Do not slow down for people to watch.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same payers and the same table.")] = 1,
) -> None:
    """Start everything on a local PortOne, take 100 payments, and prove where every won went."""
    from rich.console import Console

    from jangbu import demo as demonstration
    from jangbu.logs import configure
    from jangbu.settings import load

    settings = load(JANGBU_LOG_LEVEL="error")
    configure(settings)
    options = demonstration.Options(once=once, fast=fast, seed=seed, home=settings.home)
    held = run(demonstration.demo(options, console=Console()))
    raise typer.Exit(0 if held else 1)


@cli.command(rich_help_panel="Programs")
def serve(
    port: Annotated[int | None, typer.Option(help="Port to listen on (JANGBU_PORT).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (JANGBU_HOST).")] = None,
    with_worker: Annotated[bool, typer.Option("--with-worker", help="Run jobs in this process too.")] = False,
) -> None:
    """Run the web program: API and console."""
    from jangbu import app
    from jangbu.logs import configure
    from jangbu.settings import load

    given = {"JANGBU_PORT": port, "JANGBU_HOST": host}
    settings = load(**{name: value for name, value in given.items() if value is not None})
    configure(settings)
    run(app.serve(settings, with_worker=with_worker))


@cli.command(rich_help_panel="Programs")
def worker() -> None:
    """Run jobs and schedules. Start as many as you like."""
    from jangbu import worker as program
    from jangbu.logs import configure
    from jangbu.settings import load

    settings = load()
    configure(settings)
    run(program.work(settings))


@cli.command(rich_help_panel="Programs")
def sandbox(
    port: Annotated[int | None, typer.Option(help="Port to listen on (JANGBU_SANDBOX_PORT).")] = None,
    seed: Annotated[int | None, typer.Option(help="Make its ids repeatable.")] = None,
    state: Annotated[Path | None, typer.Option(help="File that keeps its world between runs.")] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Where it sends webhooks.")] = None,
) -> None:
    """Run the local PortOne, on its own. Useful to any PortOne merchant, in any language."""
    from jangbu.app import listen
    from jangbu.sandbox.app import serve as serve_sandbox
    from jangbu.settings import load

    chosen = port if port is not None else load().sandbox_port
    listen("127.0.0.1", chosen).close()
    run(serve_sandbox(port=chosen, seed=seed, state_file=state, webhook_url=webhook_url))


@cli.command(rich_help_panel="Set up")
def migrate() -> None:
    """Bring the database up to this release. Safe to run again, and from several machines at once."""
    from jangbu import wiring
    from jangbu.migrate import migrate as bring_up
    from jangbu.settings import load

    async def work() -> None:
        async with wiring.addresses(load()) as where:
            if not where.owner:
                raise SetupProblem("Migrations need the owner's login: set JANGBU_DATABASE_URL_OWNER.")
            for migration in await bring_up(where.owner):
                typer.echo(f"applied {migration.name}")
        typer.echo("The database is up to date.")

    run(work())


if __name__ == "__main__":
    main()
