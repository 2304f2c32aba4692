"""`jangbu books export`: the journal as a file."""

from pathlib import Path
from typing import Annotated

import typer

from jangbu.terminal import Json, Opener, document, execute, file_kind, moment, say, working


def add_to(books: typer.Typer, opened: Opener) -> None:
    """Put `export` among the `books` commands."""

    @books.command()
    def export(
        to: Annotated[Path, typer.Argument(help="The file to write; it ends in .csv or .xlsx.", dir_okay=False)],
        since: Annotated[str, typer.Option(help="From a day in Seoul, or a time with offset.")],
        until: Annotated[str, typer.Option(help="To the end of a day in Seoul, or up to a time with offset.")],
        prefix: Annotated[str, typer.Option(help="Only entries whose key starts so.")] = "",
        as_json: Json = False,
    ) -> None:
        """Write the journal to a file, a line for each posting. Who took it out stands in the audit log."""
        begin, end, kind = moment(since), moment(until, end=True), file_kind(to)

        async def work() -> int:
            from jangbu.audit import operator
            from jangbu.ledger.exporting import export_journal

            async with opened() as run:
                return await export_journal(
                    to, since=begin, until=end, prefix=prefix, kind=kind, actor=operator(), run=run
                )

        with working("Writing the journal…"):
            count = execute(work())
        if as_json:
            document({"file": str(to), "rows": count})
        else:
            say(f"{count:,} postings in {to}")
