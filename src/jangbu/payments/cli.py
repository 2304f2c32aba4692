"""`jangbu payments …`: the commands of every room."""

import typer

from jangbu.payments.after import cli as after_cli
from jangbu.payments.cancellations import cli as cancel_cli
from jangbu.payments.importing import cli as import_cli
from jangbu.payments.lists import export_cli
from jangbu.payments.story import cli as story_cli
from jangbu.terminal import Opener


def commands(opened: Opener, acting: Opener) -> typer.Typer:
    """The `payments` commands. `acting` opens a database for those that move money."""
    payments = typer.Typer(help="One payment at a time: what happened, and why.", no_args_is_help=True)
    story_cli.add_to(payments, opened)
    cancel_cli.add_to(payments, opened, acting)
    export_cli.add_to(payments, opened)
    import_cli.add_to(payments, opened, acting)
    after_cli.add_to(payments, acting)
    return payments
