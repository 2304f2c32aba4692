"""`jangbu`: every command. Progress on stderr, results on stdout; one plain sentence when something is set up wrong.

Imports are inside the commands, so that `jangbu --help` answers at once.
"""

import contextlib
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jangbu import __version__
from jangbu.checkout import cli as checkout_cli
from jangbu.cli import asking, backups, catching_up, contract, people, programs, upkeep, vaults
from jangbu.cli.opening import acting, opened
from jangbu.cli.simulate import simulate
from jangbu.errors import Refusal, SetupProblem
from jangbu.inbox import cli as inbox_cli
from jangbu.ledger import cli as ledger_cli
from jangbu.notices import cli as notices_cli
from jangbu.outbox import cli as outbox_cli
from jangbu.outbox import endpoint_cli
from jangbu.payments import cli as payments_cli
from jangbu.payments.channels import cli as channel_cli

if TYPE_CHECKING:
    from jangbu.audit import Actor
    from jangbu.ledger.service import Expectation

cli = typer.Typer(
    name="jangbu",
    help="장부 — the payment back office for merchants on PortOne. Every won accounted for, and provable.",
    epilog="Settings come from the environment and .env; `jangbu doctor` checks them. Every command has --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script. Exit codes: 0 done, 1 a check did not hold or a refusal, 2 wrong usage or set-up."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot draw ✓ or ₩ gets a question mark, not a traceback.
            stream.reconfigure(errors="replace")
    try:
        cli(prog_name="jangbu")
    except SetupProblem as problem:
        typer.secho(f"jangbu: {problem}", fg="red" if sys.stderr.isatty() else None, err=True)
        sys.exit(2)
    except Refusal as refusal:
        typer.secho(f"jangbu: {refusal.sentence('en')} [{refusal.code}]", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Python would complain once more when it flushes.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.exit(1)


def _expectations() -> "Sequence[Expectation]":
    from jangbu.wiring import EXPECTATIONS

    return EXPECTATIONS


def _operator() -> "Actor":
    from jangbu.audit import operator

    return operator()


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


programs.add_to(cli)
upkeep.add_to(cli)
backups.add_to(cli)
asking.add_to(cli)
catching_up.add_to(cli)
cli.command(rich_help_panel="Programs")(simulate)
cli.add_typer(contract.commands, name="contract", rich_help_panel="Programs")
DAILY = "Daily work"
cli.add_typer(payments_cli.commands(opened, acting), name="payments", rich_help_panel=DAILY)
cli.add_typer(channel_cli.commands(opened, _operator), name="channels", rich_help_panel=DAILY)
cli.add_typer(checkout_cli.commands(opened, _operator), name="items", rich_help_panel=DAILY)
cli.add_typer(inbox_cli.commands(opened), name="webhooks", rich_help_panel=DAILY)
cli.add_typer(outbox_cli.commands(opened, _operator), name="events", rich_help_panel=DAILY)
cli.add_typer(endpoint_cli.commands(opened, acting, _operator), name="endpoints", rich_help_panel=DAILY)
cli.add_typer(notices_cli.commands(opened), name="notices", rich_help_panel=DAILY)
cli.add_typer(ledger_cli.commands(opened, _expectations), name="books", rich_help_panel=DAILY)
PEOPLE = "People and keys"
cli.add_typer(people.keys(opened), name="keys", rich_help_panel=PEOPLE)
cli.add_typer(vaults.secrets(opened), name="secrets", rich_help_panel=PEOPLE)
cli.add_typer(people.admin(opened), name="admin", rich_help_panel=PEOPLE)
