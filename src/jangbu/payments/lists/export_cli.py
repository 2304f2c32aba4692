"""`jangbu payments export`: payments or refunds as a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from jangbu.terminal import Json, Opener, document, execute, file_kind, say, working


def add_to(payments: typer.Typer, opened: Opener) -> None:
    """Put `export` among the `payments` commands."""

    @payments.command()
    def export(
        to: Annotated[Path, typer.Argument(help="The file to write; it ends in .csv or .xlsx.", dir_okay=False)],
        what: Annotated[Literal["payments", "refunds"], typer.Option(help="Payments, or refunds.")] = "payments",
        since: Annotated[str, typer.Option(help="From a day in Seoul, or a time with offset.")] = "",
        until: Annotated[str, typer.Option(help="To the end of a day in Seoul, or up to a time with offset.")] = "",
        paid: Annotated[bool, typer.Option("--paid", help="Go by the day of payment, not of the request.")] = False,
        status: Annotated[list[str] | None, typer.Option(help="Only this status; may be repeated.")] = None,
        store: Annotated[str, typer.Option(help="Only this store.")] = "",
        as_json: Json = False,
    ) -> None:
        """Write payments or refunds to a file. Korean headings and days; amounts beside their currency.

        An Excel file has a second sheet with the sums by currency. What you took out stands in the audit log.
        """
        kind = file_kind(to)

        async def work() -> int:
            from jangbu.audit import operator
            from jangbu.payments.lists.rules import Filter
            from jangbu.payments.lists.service.exporting import export_payments, export_refunds
            from jangbu.payments.rules import Status
            from jangbu.periods import moment

            begin, end = moment(since, "--since"), moment(until, "--until", is_end=True)
            for word in status or ():
                if word not in Status.__members__:
                    raise typer.BadParameter(f"{word!r} is no status. There are: {', '.join(Status)}.")
            async with opened() as run:
                if what == "refunds":
                    return await export_refunds(
                        to, store_id=store, since=begin, until=end, kind=kind, actor=operator(), run=run
                    )
                wanted = Filter(
                    store_id=store,
                    statuses=tuple(status or ()),
                    created_from=None if paid else begin,
                    created_until=None if paid else end,
                    paid_from=begin if paid else None,
                    paid_until=end if paid else None,
                )
                return await export_payments(wanted, to, kind=kind, actor=operator(), run=run)

        with working(f"Writing {what}…"):
            count = execute(work())
        if as_json:
            document({"file": str(to), "what": what, "rows": count})
        else:
            say(f"{count:,} {what} in {to}")
