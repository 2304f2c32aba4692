"""`jangbu books …`: the proof, the balances and the journal, in a terminal."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.clock import SEOUL, seoul
from jangbu.ledger import export_cli, opening_cli
from jangbu.money import Money, written
from jangbu.terminal import (
    Column,
    Json,
    Opener,
    ago,
    clean,
    document,
    execute,
    mark,
    moment,
    note,
    say,
    table,
    through,
    working,
)

if TYPE_CHECKING:
    from jangbu.ledger.service import Expectation, Proof
    from jangbu.ledger.store import Balance, JournalLine

DIMENSIONS = ("store_id", "channel_key", "pg", "partner_id")
TITLES = {"store_id": "store", "channel_key": "channel", "pg": "PG", "partner_id": "partner"}
_END_OF_TIME = timedelta(days=366)
"""How far ahead "until now" looks: an entry that PortOne dates a second ahead of us is not left out."""


def commands(opened: Opener, expectations: "Callable[[], Sequence[Expectation]]") -> typer.Typer:
    """The `books` commands. `expectations` says, when asked, which entries each capability expects."""
    books = typer.Typer(
        help="The ledger: is it unaltered and complete, what do the accounts hold, what was posted.",
        no_args_is_help=True,
    )

    @books.command()
    def verify(as_json: Json = False) -> None:
        """Prove the books: unaltered and complete. Reads everything, changes nothing. Exit code 1 if either fails."""

        async def work() -> "Proof":
            from jangbu.ledger import service

            async with opened() as run:
                return await service.verify(db=run.db, at=run.clock.now(), expectations=expectations())

        with working("Recomputing every digest and the whole chain…"):
            proof = execute(work())
        if as_json:
            document(proof_as_json(proof))
        else:
            _show_proof(proof)
        raise typer.Exit(0 if proof.holds else 1)

    @books.command()
    def balances(
        at: Annotated[
            str, typer.Option(help="As of a past moment: a day in Seoul (its end), or a time with offset.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """What every account holds, on the side where it grows; debits and credits must sum to the same."""
        as_of = through(at) if at else None

        async def work() -> "list[Balance]":
            from jangbu.ledger import service

            async with opened() as run:
                return await service.balances(db=run.db, at=as_of)

        with working("Adding up…"):
            lines = execute(work())
        totals = _totals(lines)
        if as_json:
            document({"at": as_of, "accounts": [_balance_as_json(line) for line in lines], "totals": totals})
        else:
            _show_balances(lines, totals, as_of)
        raise typer.Exit(0 if all(total["balanced"] for total in totals) else 1)

    @books.command()
    def journal(
        since: Annotated[
            str, typer.Option(help="From a day in Seoul, or a time with offset. Default: this month.")
        ] = "",
        until: Annotated[str, typer.Option(help="To the end of a day in Seoul, or up to a time with offset.")] = "",
        prefix: Annotated[str, typer.Option(help="Only entries whose key starts so, e.g. payment:0198….")] = "",
        as_json: Json = False,
    ) -> None:
        """Entries in the order they happened, posting by posting."""

        async def work() -> "list[JournalLine]":
            from jangbu.ledger import service

            async with opened() as run:
                now = run.clock.now()
                begin = moment(since) if since else _month_of(now)
                end = moment(until, end=True) if until else now + _END_OF_TIME
                return await service.journal(db=run.db, since=begin, until=end, prefix=prefix)

        if since:
            moment(since)
        if until:
            moment(until, end=True)
        with working("Reading the journal…"):
            lines = execute(work())
        if as_json:
            document(_journal_as_json(lines))
            return
        _show_journal(lines)
        if not since:
            note("Entries of this month; --since shows earlier ones.")

    export_cli.add_to(books, opened)
    opening_cli.add_to(books, opened)
    return books


def proof_as_json(proof: "Proof") -> dict[str, Any]:
    """Both verdicts."""
    unaltered, complete = proof.unaltered, proof.complete
    return {
        "holds": proof.holds,
        "at": proof.at,
        "unaltered": {
            "holds": unaltered.holds,
            "entries": unaltered.entries,
            "sealed": unaltered.sealed,
            "broken": unaltered.broken,
            "problems": list(unaltered.problems),
            "head": {"seq": unaltered.head.seq, "digest": unaltered.head.digest.hex()},
            "audit_head": {"seq": unaltered.audit_head.seq, "digest": unaltered.audit_head.digest.hex()},
            "unsealed": {"entries": unaltered.tail.rows, "oldest": unaltered.tail.oldest},
        },
        "complete": {
            "holds": complete.holds,
            "expected": complete.expected,
            "missing": list(complete.missing),
            "unexpected": list(complete.unexpected),
        },
    }


def _show_proof(proof: "Proof") -> None:
    unaltered, complete = proof.unaltered, proof.complete
    broken = "" if unaltered.holds else f", {unaltered.broken} problems"
    say(f"{mark('good' if unaltered.holds else 'bad')} unaltered  {unaltered.entries:,} entries{broken}")
    for problem in unaltered.problems:
        say(f"    {clean(problem)}")
    said = "all there, none besides" if complete.holds else "they and the ledger differ"
    say(f"{mark('good' if complete.holds else 'bad')} complete   {complete.expected:,} entries expected, {said}")
    for key in complete.missing:
        say(f"    missing     {clean(key)}")
    for key in complete.unexpected:
        say(f"    unexpected  {clean(key)}")
    say()
    say(f"head       #{unaltered.head.seq}  {unaltered.head.digest.hex()}")
    say(f"audit log  #{unaltered.audit_head.seq}  {unaltered.audit_head.digest.hex()}")
    tail = unaltered.tail
    oldest = tail.oldest
    age = "" if oldest is None else f", the oldest for {ago((proof.at - oldest).total_seconds())}"
    say(f"unsealed   {tail.rows:,}{age}")
    say(f"as of      {seoul(proof.at)} (Seoul)")
    note("Keep the head somewhere else: who could rewrite the whole chain could not rewrite your copy of it.")


def _balance_as_json(line: "Balance") -> dict[str, Any]:
    from jangbu.ledger.rules import DEBIT_KINDS, shown_balance

    shown = shown_balance(line.path, Money(line.balance_minor, line.currency))
    return {
        "account": line.path,
        **{name: getattr(line, name) for name in DIMENSIONS},
        "currency": line.currency,
        "balance_minor": shown.amount_minor,
        "grows_by": "debit" if line.path.partition(":")[0] in DEBIT_KINDS else "credit",
    }


def _totals(lines: "Sequence[Balance]") -> list[dict[str, Any]]:
    totals = []
    for currency in sorted({line.currency for line in lines}):
        held = [line.balance_minor for line in lines if line.currency == currency]
        debit = sum(minor for minor in held if minor > 0)
        credit = -sum(minor for minor in held if minor < 0)
        totals.append({"currency": currency, "debit_minor": debit, "credit_minor": credit, "balanced": debit == credit})
    return totals


def _show_balances(lines: "Sequence[Balance]", totals: Sequence[dict[str, Any]], as_of: datetime | None) -> None:
    from jangbu.ledger.rules import shown_balance

    if not lines:
        say("Nothing was posted yet.")
        return
    told_apart = [name for name in DIMENSIONS if any(getattr(line, name) for line in lines)]
    table(
        [Column("account"), *(Column(TITLES[name]) for name in told_apart), Column("balance", right=True)],
        [
            (
                line.path,
                *(getattr(line, name) for name in told_apart),
                written(shown_balance(line.path, Money(line.balance_minor, line.currency))),
            )
            for line in lines
        ],
    )
    say()
    for total in totals:
        debit, credit = (written(Money(total[side], total["currency"])) for side in ("debit_minor", "credit_minor"))
        sign = "=" if total["balanced"] else "≠"
        say(f"{mark('good' if total['balanced'] else 'bad')} total debit {debit} {sign} total credit {credit}")
    if as_of is not None:
        say(f"as of {seoul(as_of)} (Seoul), by when things happened")


def _month_of(now: datetime) -> datetime:
    return now.astimezone(SEOUL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _by_entry(lines: "Sequence[JournalLine]") -> "list[list[JournalLine]]":
    entries: list[list[JournalLine]] = []
    for line in lines:
        if not entries or entries[-1][0].entry_id != line.entry_id:
            entries.append([])
        entries[-1].append(line)
    return entries


def _journal_as_json(lines: "Sequence[JournalLine]") -> dict[str, Any]:
    return {
        "entries": [
            {
                "key": entry[0].key,
                "kind": entry[0].kind,
                "currency": entry[0].currency,
                "happened_at": entry[0].happened_at,
                "recorded_at": entry[0].recorded_at,
                "facts": entry[0].facts,
                "postings": [
                    {
                        "account": line.path,
                        **{name: getattr(line, name) for name in DIMENSIONS},
                        "debit_minor": max(line.amount_minor, 0),
                        "credit_minor": max(-line.amount_minor, 0),
                    }
                    for line in entry
                ],
            }
            for entry in _by_entry(lines)
        ]
    }


def _show_journal(lines: "Sequence[JournalLine]") -> None:
    if not lines:
        say("No entries.")
        return
    rows = []
    for entry in _by_entry(lines):
        for number, line in enumerate(entry):
            amount = written(Money(abs(line.amount_minor), line.currency))
            rows.append(
                (
                    seoul(line.happened_at) if number == 0 else "",
                    line.key if number == 0 else "",
                    line.path,
                    amount if line.amount_minor > 0 else "",
                    amount if line.amount_minor < 0 else "",
                )
            )
    columns = [Column("happened (Seoul)"), Column("entry"), Column("account")]
    table([*columns, Column("debit", right=True), Column("credit", right=True)], rows)
