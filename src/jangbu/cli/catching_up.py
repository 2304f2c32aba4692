"""`jangbu catch-up`: what happened at PortOne while we were away, or since the backup we came back from."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.cli.opening import acting
from jangbu.clock import seoul
from jangbu.terminal import Column, Json, clean, document, execute, mark, moment, note, say, table, working

if TYPE_CHECKING:
    from jangbu.payments.service.catch_up import CaughtUp
    from jangbu.portone import Payment

SKEW = timedelta(minutes=1)
"""PortOne's clock may be a little ahead of ours."""


def add_to(cli: typer.Typer) -> None:
    """Put it among the commands."""
    cli.command("catch-up", rich_help_panel="Set up")(catch_up)


def catch_up(
    since: Annotated[str, typer.Option(help="From a day in Seoul, or a time with offset: when the backup was made.")],
    until: Annotated[str, typer.Option(help="To the end of a day in Seoul, or a time with offset. Default: now.")] = "",
    as_json: Json = False,
) -> None:
    """Ask PortOne what changed meanwhile: read ours again, and list what we never heard of. Safe to run again."""
    begin, end = moment(since), moment(until, end=True) if until else None
    with working("Reading PortOne's list, and every payment of ours in it…"):
        found = execute(_caught_up(begin, end))
    if as_json:
        document(_as_json(found))
    else:
        _show(found)
    raise typer.Exit(0 if found.is_clean else 1)


async def _caught_up(since: datetime, until: datetime | None) -> "CaughtUp":
    from jangbu.audit import operator
    from jangbu.payments.service.catch_up import catch_up
    from jangbu.portone import from_settings

    async with acting() as run, from_settings(run.settings) as portone:
        end = until or run.clock.now() + SKEW
        return await catch_up(since, end, actor=operator(), run=run, portone=portone)


def _as_json(found: "CaughtUp") -> dict[str, Any]:
    return {
        "clean": found.is_clean,
        "seen": found.seen,
        "changed": [{"id": payment.id, "status": payment.status.value} for payment in found.changed],
        "unknown_to_us": [
            {
                "payment_id": stranger.id,
                "status": stranger.status,
                "amount_minor": stranger.amount.total,
                "currency": stranger.currency,
                "order_name": stranger.order_name,
                "requested_at": stranger.requested_at,
            }
            for stranger in found.strangers
        ],
        "unclear": list(found.unclear),
    }


def _show(found: "CaughtUp") -> None:
    say(f"{mark('good')} {found.seen:,} payments changed at PortOne; {len(found.changed):,} of ours are now as there")
    with_money = found.strangers_with_money
    if len(found.strangers) > len(with_money):
        empty = len(found.strangers) - len(with_money)
        say(f"{mark('none')} {empty:,} that Jangbu never heard of, of which nobody paid anything")
    if with_money:
        say(f"{mark('bad')} {len(with_money):,} that Jangbu never heard of, with money in them:")
        titles = ("paymentId", "status", "amount", "begun (Seoul)", "order")
        table([Column(title, right=title == "amount") for title in titles], [_row(stranger) for stranger in with_money])
        note("Hold them against the shop's own orders: deliver, or give the money back in PortOne's console.")
    for portone_id in found.unclear:
        say(f"{mark('look')} {clean(portone_id) or '(without an id)'}: PortOne's answer was not clear; run it again")


def _row(stranger: "Payment") -> tuple[str, ...]:
    from jangbu.money import EXPONENTS, Money, written

    total, currency = stranger.amount.total, stranger.currency
    amount = written(Money(total, currency)) if currency in EXPONENTS else f"{total} {currency} (minor units)"
    begun = seoul(stranger.requested_at) if stranger.requested_at else ""
    return stranger.id, stranger.status, amount, begun, stranger.order_name or ""
