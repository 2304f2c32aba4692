"""`jangbu books open`: the balances another system ended with."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jangbu.money import written
from jangbu.terminal import Json, Opener, clean, document, execute, mark, say, working

if TYPE_CHECKING:
    from jangbu.ledger.opening import Opening


def add_to(books: typer.Typer, opened: Opener) -> None:
    """Put `open` among the `books` commands."""

    @books.command("open")
    def open_(
        file: Annotated[Path, typer.Argument(help="What each account holds: CSV in UTF-8.")],
        on: Annotated[str, typer.Option(help="The first day in Seoul that is Jangbu's, e.g. 2026-08-01.")],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be posted; do nothing.")] = False,
        commit: Annotated[bool, typer.Option("--commit", help="Post it, if there is no problem.")] = False,
        as_json: Json = False,
    ) -> None:
        """Bring the accounts to what they held when a day began (docs/howto/move-to-jangbu.md); once, however often."""
        if dry_run == commit:
            raise typer.BadParameter("Say --dry-run or --commit.")
        try:
            day = date.fromisoformat(on)
        except ValueError:
            raise typer.BadParameter(f"{on!r} is not a day.") from None

        async def work() -> "Opening":
            from jangbu.audit import operator
            from jangbu.ledger.opening import look, open_books

            async with opened() as run:
                if dry_run:
                    return await look(file, day, run=run)
                return await open_books(file, day, actor=operator(), run=run)

        with working("Reading the file…" if dry_run else "Opening the books…"):
            opening = execute(work())
        if as_json:
            document(
                {
                    "dry_run": dry_run,
                    "known": opening.is_known,
                    "entries": [entry.key for entry in opening.entries],
                    "problems": [{"line": one.line, "what": one.what} for one in opening.problems],
                }
            )
        else:
            _show(opening)
        raise typer.Exit(1 if opening.problems else 0)


def _show(opening: "Opening") -> None:
    for problem in opening.problems:
        say(f"line {problem.line}: {clean(problem.what)}" if problem.line else clean(problem.what))
    for entry in opening.entries:
        say(f"{mark('bad' if opening.problems else 'good')} {entry.key}")
        for leg in entry.postings:
            side = "debit " if leg.amount.amount_minor > 0 else "credit"
            amount = written(leg.amount if leg.amount.amount_minor > 0 else -leg.amount)
            account = leg.account
            dimensions = " ".join(filter(None, (account.store_id, account.channel_key, account.pg, account.partner_id)))
            say(f"    {account.path:<32} {side} {amount:>16}  {clean(dimensions)}")
    if opening.is_known:
        say("It was posted before; nothing was changed.")
