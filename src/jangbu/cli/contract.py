"""`jangbu contract`: record how a real PortOne answers, and ask a sandbox the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from jangbu.cli.opening import settings
from jangbu.cli.programs import run
from jangbu.errors import SetupProblem
from jangbu.terminal import Json, document, mark, note, say, working

if TYPE_CHECKING:
    from jangbu.sandbox.contract.comparing import Difference
    from jangbu.sandbox.contract.recording import Recording
    from jangbu.settings import Settings

commands = typer.Typer(
    help="Record how a real PortOne answers, without its data, and ask a sandbox the same.", no_args_is_help=True
)


@commands.command()
def record(
    out: Annotated[Path, typer.Option(help="File to write: requests with blanks, and answers without values.")],
    base_url: Annotated[
        str | None, typer.Option(help="Whom to ask. Without it: PortOne, or in sandbox mode the sandbox.")
    ] = None,
    with_test_payments: Annotated[
        bool,
        typer.Option(
            "--with-test-payments",
            help="Also charge JANGBU_CONTRACT_BILLING_KEY 1,100 won on its test channel, and give it back.",
        ),
    ] = False,
    live_store: Annotated[
        bool, typer.Option("--live-store", help="Read the store of live mode. Its data is not kept.")
    ] = False,
    live_channel: Annotated[
        bool, typer.Option("--live-channel", help="Charge a billing key of a live channel: real money.")
    ] = False,
) -> None:
    """Ask PortOne a list of harmless questions and keep how it answers: statuses, errors, fields and their types.

    Only reading, unless told otherwise. The secret is PORTONE_V2_API_SECRET; nothing of the store's data is written.
    """
    import msgspec

    from jangbu.clock import SystemClock
    from jangbu.ids import Ids
    from jangbu.sandbox.contract.asking import Target
    from jangbu.sandbox.contract.asking import record as ask_all

    loaded = settings()
    url = base_url or loaded.portone_url
    key = loaded.contract_billing_key
    target = Target(url, loaded.v2_api_secret, key.get_secret_value() if key is not None else None)
    _refuse_what_was_not_meant(loaded, target.is_here, live_store=live_store)
    if loaded.mode == "live" and with_test_payments and not live_channel:
        raise SetupProblem("JANGBU_MODE is live: --with-test-payments would write there. Say --live-channel if it may.")
    if with_test_payments and target.billing_key is None:
        note("JANGBU_CONTRACT_BILLING_KEY is not set: nothing is charged, and what needs a charge is left out.")
    with working("Asking…"):
        recording = run(
            ask_all(
                target,
                SystemClock(),
                Ids(),
                with_test_payments=with_test_payments,
                on_live_channel=live_channel,
            )
        )
    try:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n")
    except OSError as problem:
        raise SetupProblem(f"{out} cannot be written: {problem.strerror}.") from None
    asked = sum(each.answer is not None for each in recording.exchanges)
    say(f"{mark('good')} {asked} answers of {urlsplit(url).netloc}, without their values, are in {out}.")
    for each in recording.exchanges:
        if each.skipped:
            note(f"left out: {each.step.name} ({each.skipped})")


def _refuse_what_was_not_meant(loaded: "Settings", is_here: bool, *, live_store: bool) -> None:
    if loaded.mode == "live" and not live_store:
        raise SetupProblem(
            "JANGBU_MODE is live. Record a test store, or say --live-store: it is read, its data not kept."
        )
    if loaded.mode == "sandbox" and not is_here:
        raise SetupProblem(
            "JANGBU_MODE is sandbox, whose secret opens nothing elsewhere. Set it to test, and PORTONE_V2_API_SECRET."
        )
    if loaded.mode != "sandbox" and is_here:
        raise SetupProblem(f"JANGBU_MODE is {loaded.mode}: PortOne's secret is not given to a program on this machine.")


@commands.command()
def replay(
    file: Annotated[Path, typer.Argument(help="What `jangbu contract record` wrote.")],
    against: Annotated[str, typer.Option(help="Address of a sandbox on this machine.")],
    as_json: Json = False,
) -> None:
    """Ask a sandbox what was asked then, and tell where it answers otherwise. Exit code 1 if it does anywhere.

    Compared are the status, the type of an error, and the fields with their types; never values.
    """
    from jangbu.clock import SystemClock
    from jangbu.ids import Ids
    from jangbu.sandbox.contract.asking import replay as ask_all
    from jangbu.sandbox.contract.comparing import compare

    recording = _read(file)
    with working("Asking…"):
        asked = run(ask_all(recording, against, SystemClock(), Ids()))
    found = compare(recording, asked)
    if as_json:
        document(
            {
                "asked": len(asked),
                "differences": [{"step": one.step, "request": one.request, "lines": one.lines} for one in found],
            }
        )
    else:
        _show(recording, len(asked), found)
    if found:
        raise typer.Exit(1)


def _read(file: Path) -> "Recording":
    import msgspec

    from jangbu.sandbox.contract.recording import Recording

    try:
        recording = msgspec.json.decode(file.read_bytes(), type=Recording)
    except OSError as problem:
        raise SetupProblem(f"{file} cannot be read: {problem.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise SetupProblem(f"{file} is no recording of this release: {problem}.") from None
    if recording.format != 1:
        raise SetupProblem(f"{file} was written by another release (format {recording.format}).")
    return recording


def _show(recording: "Recording", asked: int, found: "list[Difference]") -> None:
    for one in found:
        say(f"{mark('bad')} {one.step}: {one.request}")
        for line in one.lines:
            say(f"    {line}")
    told = f"{asked - len(found)} of {asked} answers are as {recording.host} gave them on {recording.recorded_at[:10]}."
    say(f"{mark('bad' if found else 'good')} {told}")
