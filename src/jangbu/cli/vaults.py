"""`jangbu secrets …`: the keys that secrets and personal data in the database are encrypted with."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.errors import SetupProblem
from jangbu.terminal import Column, Json, Opener, clean, document, execute, mark, note, say, table, working

if TYPE_CHECKING:
    from jangbu.keeping import Rotated, State


def secrets(opened: Opener) -> typer.Typer:
    """The `secrets` commands."""
    group = typer.Typer(help="Keys that encrypt secrets and personal data in the database.", no_args_is_help=True)
    group.command("new-key")(new_key)
    _looking_after(group, opened)
    return group


def new_key(
    name: Annotated[str, typer.Argument(help="Small letters, digits, hyphens. Default: k and today's date.")] = "",
    as_json: Json = False,
) -> None:
    """Make a key for JANGBU_SECRETS_KEYS and show it. Nothing is kept: each call makes another."""
    from jangbu import vault
    from jangbu.clock import SEOUL, SystemClock

    name = name or f"k{SystemClock().now().astimezone(SEOUL):%Y%m%d}"
    try:
        made = vault.new_key(name)
    except vault.KeysMalformed as wrong:
        raise SetupProblem(f"{name!r} cannot be a key's name: {wrong}.") from None
    if as_json:
        document({"id": name, "key": made})
        return
    say(made)
    note("Put it in front of JANGBU_SECRETS_KEYS, the keys there are behind it, start all programs with that, and run")
    note("`jangbu secrets rotate`. Keep a copy apart from the backups: without it they cannot be read.")


def _looking_after(group: typer.Typer, opened: Opener) -> None:
    @group.command()
    def rotate(
        previous_release_gone: Annotated[
            bool,
            typer.Option(
                "--previous-release-gone",
                help="After the upgrade to the release that encrypts: no older program runs, so nothing stays plain.",
            ),
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Bring everything under the first key. Programs go on meanwhile; cut off, it is safe to run again."""

        async def work() -> "Rotated":
            from jangbu import installation, keeping
            from jangbu.audit import operator, record
            from jangbu.wiring import ENCRYPTED

            async with opened() as run:
                if previous_release_gone:
                    async with run.db.transaction() as tx:
                        await installation.stop_keeping_plain(tx)
                vault = run.settings.vault
                rotated = await keeping.rotate(ENCRYPTED, vault=vault, db=run.db)
                async with run.db.transaction() as tx:
                    if not await installation.keeps_plain(tx):
                        rotated.emptied = await keeping.empty_plain(tx, ENCRYPTED)
                    await record(
                        tx,
                        at=run.clock.now(),
                        actor=operator(),
                        action="secrets.rotated",
                        subject=f"key:{vault.first}",
                        values=rotated.count,
                        plain_emptied=rotated.emptied,
                        problems=len(rotated.problems),
                    )
                return rotated

        with working("Encrypting…"):
            rotated = execute(work())
        if as_json:
            document({"rotated": rotated.count, "plain_emptied": rotated.emptied, "problems": rotated.problems})
        else:
            say(f"{rotated.count} values were brought under the first key; {rotated.emptied} plain ones were emptied.")
            _show(rotated.problems)
        raise typer.Exit(1 if rotated.problems else 0)

    @group.command()
    def check(as_json: Json = False) -> None:
        """Open every value, and say which key is still needed for what. Shows no value. Exit code 1 if one is lost."""

        async def work() -> "tuple[list[State], list[str], str]":
            from jangbu import keeping
            from jangbu.wiring import ENCRYPTED

            async with opened() as run, run.db.transaction(snapshot=True, long=True) as tx:
                vault = run.settings.vault
                problems = [problem for kept in ENCRYPTED for problem in await keeping.check(tx, kept, vault)]
                return await keeping.states(tx, ENCRYPTED), problems, vault.first

        states, problems, first = execute(work())
        if as_json:
            columns = [_as_json(state) for state in states]
            document({"first_key": first, "columns": columns, "problems": problems})
        else:
            say(f"The key {first} encrypts.")
            rows: list[tuple[str, ...]] = [
                (f"{state.kept.table}.{state.kept.column}", key_id, f"{count:,}")
                for state in states
                for key_id, count in state.by_key.items()
            ]
            table([Column("column"), Column("key"), Column("values", right=True)], rows)
            for state in states:
                if state.plain:
                    note(f"{state.plain} values of {state.kept.table} also lie there plain: jangbu secrets rotate.")
            _show(problems)
        raise typer.Exit(1 if problems else 0)


def _show(problems: list[str]) -> None:
    for problem in problems:
        say(f"{mark('bad')} {clean(problem)}")


def _as_json(state: "State") -> dict[str, Any]:
    return {"table": state.kept.table, "column": state.kept.column, "by_key": state.by_key, "plain": state.plain}
