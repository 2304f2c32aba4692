"""`jangbu backup` and `jangbu restore`."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.cli.opening import plain_sentences, quiet_settings
from jangbu.clock import seoul
from jangbu.errors import SetupProblem
from jangbu.terminal import Json, clean, document, execute, mark, note, say, working

if TYPE_CHECKING:
    from jangbu.backup import Checked, Manifest, Restored
    from jangbu.installation import Installation
    from jangbu.settings import Settings

JOBS_MAX = 64


def add_to(cli: typer.Typer) -> None:
    """Put them among the commands."""
    for command in (backup, restore):
        cli.command(rich_help_panel="Set up")(command)


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the backup; with --check, one that is there.")],
    check: Annotated[bool, typer.Option("--check", help="Only see whether the backup is whole; make none.")] = False,
    as_json: Json = False,
) -> None:
    """Back the whole database up, with the heads of the seals beside it; or check a backup."""
    if check:
        _check(folder, as_json=as_json)
        return
    with working("Dumping the database…"), plain_sentences():
        made = execute(_made(folder.absolute(), quiet_settings()))
    if as_json:
        document({"folder": str(folder), "manifest": _plain(made)})
        return
    _show(folder, made)
    note("Copy it to another place, and keep the ledger's head somewhere else again.")


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    into: Annotated[
        str,
        typer.Option(help="Address of an empty database, as its owner. Default: the one the settings name. Give the "
                     "password by PGPASSWORD or PGPASSFILE rather than in it."),
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, max=JOBS_MAX, help="Tables loaded at once. 1: all or nothing.")] = 1,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="It is now the one: everything that used the original is stopped.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Load a backup into an empty database and prove it. Nothing acts on it until `jangbu adopt`, or --adopt."""
    with working("Checking the backup, loading it, proving the books…"), plain_sentences():
        restored, adopted = execute(_restored(folder, into, jobs, quiet_settings(), adopt=adopt))
    if as_json:
        document(_restored_as_json(restored, adopted))
    else:
        _show_restored(restored, adopted)
    raise typer.Exit(0 if restored.holds else 1)


def _check(folder: Path, *, as_json: bool) -> None:
    from jangbu import backup as backups

    with working("Reading every byte of it…"):
        checked: Checked = execute(backups.check(folder))
    if as_json:
        document({"whole": checked.is_whole, "problems": list(checked.problems), "manifest": _plain(checked.manifest)})
    else:
        _show(folder, checked.manifest, title="whole" if checked.is_whole else "not whole", good=checked.is_whole)
        for problem in checked.problems:
            say(f"    {clean(problem)}")
    raise typer.Exit(0 if checked.is_whole else 1)


async def _made(folder: Path, settings: "Settings") -> "Manifest":
    from jangbu import backup as backups
    from jangbu import wiring
    from jangbu.cli.opening import has_database
    from jangbu.clock import SystemClock

    if not has_database(settings):
        raise SetupProblem(f"There is no database in {settings.home}: nothing to back up.")
    async with wiring.addresses(settings) as where:
        return await backups.make(folder, owner_dsn=where.owner, settings=settings, clock=SystemClock())


async def _restored(
    folder: Path, into: str, jobs: int, settings: "Settings", *, adopt: bool
) -> "tuple[Restored, Installation | None]":
    from jangbu import backup as backups
    from jangbu import wiring
    from jangbu.backup import manifest
    from jangbu.clock import SystemClock

    # Before an embedded server is made for it: a typing mistake is to leave nothing behind.
    manifest.read(folder)
    async with AsyncExitStack() as stack:
        target = into or (await stack.enter_async_context(wiring.addresses(settings))).owner
        if not target:
            raise SetupProblem("Restoring needs the owner's login: set JANGBU_DATABASE_URL_OWNER, or give --into.")
        restored = await backups.restore(
            folder, into=target, clock=SystemClock(), expectations=wiring.EXPECTATIONS, jobs=jobs
        )
        proven = restored.holds and restored.proof is not None
        return restored, await _adopted(target, settings) if adopt and proven else None


async def _adopted(dsn: str, settings: "Settings") -> "Installation":
    from jangbu import installation
    from jangbu.audit import operator
    from jangbu.clock import SystemClock
    from jangbu.db import Database
    from jangbu.ids import Ids
    from jangbu.queue import Waker
    from jangbu.runtime import Runtime

    db = await Database(dsn, name="restore", size_max=1).open()
    try:
        clock = SystemClock()
        run = Runtime(settings=settings, db=db, clock=clock, ids=Ids(clock), waker=Waker(db))
        return await installation.adopt(run=run, actor=operator())
    finally:
        await db.close()


def _plain(manifest: "Manifest") -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return plain


def _show(folder: Path, manifest: "Manifest", *, title: str = "made", good: bool = True) -> None:
    size = sum(file.size for file in manifest.files.values())
    say(f"{mark('good' if good else 'bad')} {title}  {folder}  ({len(manifest.files)} files, {size:,} bytes)")
    say(f"as of       {seoul(manifest.made_at)} (Seoul), {manifest.mode} mode, schema {manifest.schema}")
    for name, seal in (("ledger", manifest.ledger), ("audit log", manifest.audit)):
        say(f"{name:<10}  head #{seal.seq}  {seal.digest}  ({seal.unsealed} not sealed yet)")
    say(f"rows        {sum(manifest.counts.values()):,} in {len(manifest.counts)} tables")


def _restored_as_json(restored: "Restored", adopted: "Installation | None") -> dict[str, Any]:
    from jangbu.ledger.cli import proof_as_json

    return {
        "holds": restored.holds,
        "differences": list(restored.differences),
        "proof": None if restored.proof is None else proof_as_json(restored.proof),
        "to_migrate": list(restored.to_migrate),
        "installation": None if adopted is None else adopted.id,
        "manifest": _plain(restored.manifest),
    }


def _show_restored(restored: "Restored", adopted: "Installation | None") -> None:
    manifest, proof = restored.manifest, restored.proof
    say(f"loaded      as of {seoul(manifest.made_at)} (Seoul); what happened since is not in it")
    for difference in restored.differences:
        say(f"{mark('bad')} {clean(difference)}")
    if not restored.differences:
        rows = sum(manifest.counts.values())
        say(f"{mark('good')} as backed up  {rows:,} rows in {len(manifest.counts)} tables, and both seals' ends")
    if proof is None:
        say(f"{mark('none')} not proven yet: {len(restored.to_migrate)} migrations are to be applied first")
    else:
        _show_proof(proof)
    if not restored.holds:
        note("Do not work with this copy. Keep it for whoever finds out why, and try an earlier backup.")
    elif adopted is not None:
        say(f"adopted     JANGBU_INSTALLATION={adopted.id}")
        note("Put that line into the environment of every program that works on it, then run `jangbu doctor`.")
    elif proof is None:
        note("Next: jangbu migrate, then jangbu books verify, then jangbu adopt.")
    else:
        note("Nothing acts on this copy. If it is now the one, stop what used the original and run `jangbu adopt`.")


def _show_proof(proof: Any) -> None:
    for name, verdict in (("unaltered", proof.unaltered), ("complete", proof.complete)):
        say(f"{mark('good' if verdict.holds else 'bad')} {name}")
    for problem in proof.unaltered.problems:
        say(f"    {clean(problem)}")
    for word, keys in (("missing", proof.complete.missing), ("unexpected", proof.complete.unexpected)):
        for key in keys:
            say(f"    {word}  {clean(key)}")
