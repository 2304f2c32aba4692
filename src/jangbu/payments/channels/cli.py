"""`jangbu channels …`: the ways into the PGs, from a terminal."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.terminal import Column, Json, Opener, clean, document, execute, say, table

if TYPE_CHECKING:
    from jangbu.audit import Actor
    from jangbu.payments.channels.rules import Channel, Standing

_SAID = {
    "described": "in use",
    "unused": "no payment yet",
    "seen_only": "seen, not described",
    "differs": "not as described",
    "other_mode": "not of this mode",
    "ended": "contract over",
}


def commands(opened: Opener, operator: "Callable[[], Actor]") -> typer.Typer:
    """The `channels` commands."""
    channels = typer.Typer(help="The channels payments come through, and what is known of them.", no_args_is_help=True)

    @channels.command("list")
    def list_channels(as_json: Json = False) -> None:
        """Every channel that was described, or that a payment came through."""

        async def work() -> "list[tuple[Channel, Standing]]":
            from jangbu.payments.channels.service import every_channel

            async with opened() as run:
                return await every_channel(run=run)

        found = execute(work())
        if as_json:
            document([_as_json(one, standing) for one, standing in found])
            return
        titles = ("key", "name", "PG", "type", "state")
        rows = [
            (one.key, clean(one.name or ""), one.pg_provider or one.seen_pg or "", _type(one), _SAID[standing])
            for one, standing in found
        ]
        table([Column(title) for title in titles], rows)

    @channels.command()
    def describe(
        key: Annotated[str, typer.Argument(help="The channel key, from the PortOne console.")],
        name: Annotated[str, typer.Option(help="What you call it.")],
        pg: Annotated[str, typer.Option(help="PortOne's word for the PG: TOSSPAYMENTS.")],
        live: Annotated[bool, typer.Option("--live/--test", help="Whether it moves real money.")] = False,
        method: Annotated[list[str] | None, typer.Option(help="CARD, VIRTUAL_ACCOUNT, …; repeat it for more.")] = None,
        contract_from: Annotated[str, typer.Option(help="A day: 2026-01-01.")] = "",
        contract_until: Annotated[str, typer.Option(help="A day: 2026-12-31.")] = "",
        note: Annotated[str, typer.Option(help="How and when this PG settles.")] = "",
    ) -> None:
        """Say what a channel is; for one that is described already, instead of what was said before."""

        async def work() -> None:
            from jangbu.payments.channels.rules import Description, day
            from jangbu.payments.channels.service import describe as write_down

            said = Description(
                key=key,
                name=name,
                pg_provider=pg,
                is_live=live,
                methods=tuple(method or ()),
                contract_from=day(contract_from, "contractFrom"),
                contract_until=day(contract_until, "contractUntil"),
                settlement_note=note,
            )
            async with opened() as run:
                await write_down(said, actor=operator(), run=run)

        execute(work())
        say(f"{clean(key)} is described.")

    return channels


def _type(one: "Channel") -> str:
    is_live = one.seen_live if one.is_live is None else one.is_live
    return "" if is_live is None else "live" if is_live else "test"


def _as_json(one: "Channel", standing: "Standing") -> dict[str, Any]:
    return {
        "key": one.key,
        "state": standing,
        "name": one.name,
        "pg": one.pg_provider,
        "live": one.is_live,
        "methods": one.methods,
        "contract_from": None if one.contract_from is None else one.contract_from.isoformat(),
        "contract_until": None if one.contract_until is None else one.contract_until.isoformat(),
        "settlement_note": one.settlement_note,
        "seen_at": one.seen_at,
        "seen_pg": one.seen_pg,
        "seen_live": one.seen_live,
    }
