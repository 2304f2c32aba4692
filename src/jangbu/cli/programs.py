"""The programs: demo, serve, worker, sandbox."""

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.cli.opening import PORT_MAX, plain_sentences, settings
from jangbu.errors import SetupProblem

if TYPE_CHECKING:
    from jangbu.sandbox.core.script_records import Step

Port = Annotated[int | None, typer.Option(min=1, max=PORT_MAX, help="Port to listen on (JANGBU_PORT).")]


def add_to(cli: typer.Typer) -> None:
    """Put the programs among the commands."""
    cli.command(rich_help_panel="Start here")(demo)
    for program in (serve, worker, sandbox):
        cli.command(rich_help_panel="Programs")(program)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a program on the fast loop where there is one."""
    with plain_sentences():
        try:
            import uvloop
        except ImportError:
            import asyncio

            return asyncio.run(work)
        return uvloop.run(work)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Throwaway database; stop after the table.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same payers and the same table.")] = 1,
) -> None:
    """Start everything on a local PortOne, take 100 payments, and prove where every won went."""
    from rich.console import Console

    from jangbu import demo as demonstration
    from jangbu.logs import configure

    loaded = settings(JANGBU_LOG_LEVEL="error")
    configure(loaded)
    options = demonstration.Options(once=once, seed=seed, home=loaded.home)
    held = run(demonstration.demo(options, console=Console()))
    raise typer.Exit(0 if held else 1)


def serve(
    port: Port = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (JANGBU_HOST).")] = None,
    with_worker: Annotated[bool, typer.Option("--with-worker", help="Run jobs in this process too.")] = False,
) -> None:
    """Run the web program: API and console."""
    from jangbu import app
    from jangbu.logs import configure

    loaded = settings(JANGBU_PORT=port, JANGBU_HOST=host)
    configure(loaded)
    run(app.serve(loaded, with_worker=with_worker))


def worker() -> None:
    """Run jobs and schedules. Start as many as you like."""
    from jangbu import worker as program
    from jangbu.logs import configure

    loaded = settings()
    configure(loaded)
    run(program.work(loaded))


def sandbox(
    port: Annotated[
        int | None, typer.Option(min=1, max=PORT_MAX, help="Port to listen on (JANGBU_SANDBOX_PORT).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Make its ids repeatable.")] = None,
    state: Annotated[Path | None, typer.Option(help="File that keeps its world between runs.")] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Where it sends webhooks.")] = None,
    script: Annotated[Path | None, typer.Option(help="YAML file of faults and orders, with their times.")] = None,
) -> None:
    """Run the local PortOne, on its own. Useful to any PortOne merchant, in any language."""
    import msgspec

    from jangbu.app import listen
    from jangbu.sandbox.app import serve as serve_sandbox
    from jangbu.sandbox.core.problems import NotOurs
    from jangbu.sandbox.script_file import BadScript

    steps = _steps_of(script) if script is not None else []
    chosen = port if port is not None else settings().sandbox_port
    listen("127.0.0.1", chosen, setting="--port").close()
    if state is not None and not os.access(state.absolute().parent, os.W_OK):
        raise SetupProblem(f"The sandbox's world cannot be kept in {state}: its folder is not there, or not yours.")
    try:
        run(
            serve_sandbox(
                port=chosen, seed=seed, state_file=state, webhook_url=webhook_url, steps=steps, on_start=_tell_where
            )
        )
    except BadScript as refusal:
        raise SetupProblem(f"The script {script} is refused:\n{refusal}") from None
    except NotOurs as refusal:
        raise SetupProblem(f"The sandbox cannot start: {refusal}.") from None
    except (OSError, msgspec.DecodeError) as unreadable:
        if state is None:
            raise
        raise SetupProblem(
            f"The sandbox's world in {state} cannot be read or written: {unreadable}. Move the file away to begin anew."
        ) from unreadable


def _tell_where(url: str) -> None:
    from jangbu.ready import say_ready
    from jangbu.terminal import note

    note(f"PortOne is at {url}, and its console at {url}/__sandbox__/")
    say_ready()


def _steps_of(script: Path) -> "list[Step]":
    from jangbu.sandbox.app import moments
    from jangbu.sandbox.script_file import BadScript, read

    try:
        return read(script.read_bytes(), moments())
    except OSError as unreadable:
        raise SetupProblem(f"The script {script} cannot be read: {unreadable.strerror}") from None
    except BadScript as refusal:
        raise SetupProblem(f"The script {script} is refused:\n{refusal}") from None
