"""`jangbu endpoints …`: where events are sent."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from jangbu.clock import seoul
from jangbu.outbox.cli import MOST, Operator, delivery_as_json
from jangbu.outbox.rules import ROTATION_H_DEFAULT, ROTATION_H_MAX
from jangbu.terminal import Column, Json, Opener, clean, document, execute, listed, moment, note, say, table

if TYPE_CHECKING:
    from jangbu.outbox.delivery_store import Backlog, Delivery
    from jangbu.outbox.rules import Endpoint

Which = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id; `jangbu endpoints list` shows it.")]
OwnSecret = Annotated[
    str, typer.Option("--secret", envvar="JANGBU_ENDPOINT_SECRET", help="Your own, whsec_…. Default: a new one.")
]
KEPT = "Verify signatures with this secret. Nobody can show it again."


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"


def commands(opened: Opener, acting: Opener, operator: Operator) -> typer.Typer:
    """The `endpoints` commands."""
    group = typer.Typer(help="Where events are sent: your own systems.", no_args_is_help=True)
    _looking(group, opened)
    _making(group, opened, acting, operator)
    _switching(group, opened, operator)
    return group


def _looking(group: typer.Typer, opened: Opener) -> None:
    @group.command("list")
    def list_(as_json: Json = False) -> None:
        """All endpoints, and what waits at each."""

        async def work() -> "tuple[list[Endpoint], dict[UUID, Backlog]]":
            from jangbu.outbox.service import endpoints

            async with opened() as run:
                return await endpoints.every(run=run)

        found, backlog = execute(work())
        if as_json:
            document({"endpoints": [_as_json(one, backlog.get(one.id)) for one in found]})
        elif not found:
            say("No endpoints. `jangbu endpoints add URL` makes one.")
        else:
            titles = ("id", "url", "types", "state")
            table(
                [*(Column(title) for title in titles), Column("waiting", right=True), Column("given up", right=True)],
                [_row(one, backlog.get(one.id)) for one in found],
            )

    @group.command()
    def deliveries(
        endpoint: Which,
        state: Annotated[
            State | None, typer.Option(help="Only pending, delivered, exhausted or cancelled ones.")
        ] = None,
        most: Annotated[int, typer.Option(min=1, max=MOST, help="How many, latest first.")] = 50,
        as_json: Json = False,
    ) -> None:
        """What was sent to an endpoint, the latest first."""

        async def work() -> "list[Delivery]":
            from jangbu.outbox.service import endpoints, replay

            async with opened() as run:
                await endpoints.find(_id(endpoint), run=run)
                return await replay.deliveries(_id(endpoint), state=state or "", most=most, run=run)

        listed(
            "deliveries",
            execute(work()),
            {
                "seq": lambda one: one.seq,
                "type": lambda one: one.type,
                "state": lambda one: one.state,
                "tries": lambda one: one.tries,
                "last outcome": _last,
                "event": lambda one: one.event_id,
            },
            figures={"seq", "tries"},
            nothing="No deliveries." if state is None else f"No deliveries that are {state.value}.",
            whole=delivery_as_json,
            as_json=as_json,
        )


def _making(group: typer.Typer, opened: Opener, acting: Opener, operator: Operator) -> None:
    @group.command()
    def add(
        url: Annotated[str, typer.Argument(help="Where to, e.g. https://shop.example/hooks/jangbu.")],
        type_: Annotated[list[str] | None, typer.Option("--type", help="Only this type. Repeat for more.")] = None,
        description: Annotated[str, typer.Option(help="For people.")] = "",
        store: Annotated[str, typer.Option(help="Only this store of PortOne's.")] = "",
        secret: OwnSecret = "",
        as_json: Json = False,
    ) -> None:
        """Send events there from now on, and show the signing secret, this once."""

        async def work() -> "tuple[Endpoint, str]":
            from jangbu.outbox.egress import policy_of
            from jangbu.outbox.sender import HttpSender
            from jangbu.outbox.service import endpoints

            async with (
                acting() as run,
                HttpSender(policy_of(run.settings.egress_allow, mode=run.settings.mode)) as sender,
            ):
                return await endpoints.create(
                    url,
                    types=type_ or [],
                    description=description,
                    store_id=store,
                    secret=secret,
                    actor=operator(),
                    run=run,
                    sender=sender,
                )

        made, shown = execute(work())
        if as_json:
            document(_as_json(made) | {"secret": shown})
        else:
            say(f"{made.id}\n{shown}")
            note(KEPT)

    @group.command()
    def rotate(
        endpoint: Which,
        keep_h: Annotated[
            int, typer.Option("--keep-hours", min=0, max=ROTATION_H_MAX, help="The old one signs on so long.")
        ] = ROTATION_H_DEFAULT,
        secret: OwnSecret = "",
        as_json: Json = False,
    ) -> None:
        """Replace the signing secret; both sign for a while."""

        async def work() -> str:
            from jangbu.outbox.service import endpoints

            async with opened() as run:
                return await endpoints.rotate(_id(endpoint), keep_h=keep_h, secret=secret, actor=operator(), run=run)

        shown = execute(work())
        if as_json:
            document({"secret": shown, "keep_hours": keep_h})
        else:
            say(shown)
            note(KEPT)

    @group.command()
    def test(endpoint: Which, as_json: Json = False) -> None:
        """Send a test event to this endpoint alone. The worker does the sending."""

        async def work() -> UUID:
            from jangbu.outbox.service import endpoints

            async with opened() as run:
                return await endpoints.send_test(_id(endpoint), actor=operator(), run=run)

        event_id = execute(work())
        if as_json:
            document({"id": event_id})
        else:
            say(f"{event_id}")
            note(f"`jangbu events show {event_id}` says what became of it.")


def _switching(group: typer.Typer, opened: Opener, operator: Operator) -> None:
    def switching(name: str, explained: str, done: str) -> None:
        @group.command(name, help=explained)
        def switch(endpoint: Which) -> None:
            async def work() -> None:
                from jangbu.outbox.service import endpoints

                async with opened() as run:
                    await getattr(endpoints, name)(_id(endpoint), actor=operator(), run=run)

            execute(work())
            say(done)

    switching("enable", "Switch on again; it goes on where it stopped.", "Switched on.")
    switching("disable", "Send nothing until it is enabled again; nothing is forgotten.", "Switched off.")
    switching("remove", "Send nothing there any more, for good. The log stays.", "Removed.")

    @group.command()
    def replay(
        endpoint: Which,
        since: Annotated[str, typer.Option(help="A day in Seoul, or a time with its offset.")],
        until: Annotated[str, typer.Option(help="Likewise; a day is included whole.")],
        undelivered: Annotated[bool, typer.Option("--undelivered", help="Only what it has not received.")] = False,
        as_json: Json = False,
    ) -> None:
        """Send what happened in a stretch of time again. The worker does the sending."""
        first, last = moment(since), moment(until, end=True)

        async def work() -> int:
            from jangbu.outbox.service.replay import replay_span

            async with opened() as run:
                return await replay_span(
                    _id(endpoint), since=first, until=last, undelivered=undelivered, actor=operator(), run=run
                )

        sent = execute(work())
        if as_json:
            document({"events": sent})
        else:
            say(f"To be sent again: {sent} event{'' if sent == 1 else 's'}.")


def _row(one: "Endpoint", backlog: "Backlog | None") -> tuple[object, ...]:
    state = one.state if one.state == "enabled" else f"{one.state}: {one.disabled_reason}"
    if one.state == "enabled" and one.failing_since:
        state = f"failing since {seoul(one.failing_since)}"
    waiting, given_up = (backlog.pending, backlog.exhausted) if backlog else (0, 0)
    return (one.id, clean(one.shown_url), " ".join(one.types) or "all", state, waiting, given_up)


def _last(one: "Delivery") -> str:
    return one.last_outcome if one.last_status is None else f"{one.last_outcome} ({one.last_status})"


def _as_json(one: "Endpoint", backlog: "Backlog | None" = None) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "description": one.description,
        "types": one.types,
        "store_id": one.store_id or None,
        "state": one.state,
        "disabled_reason": one.disabled_reason,
        "failing_since": one.failing_since,
        "pending": backlog.pending if backlog else 0,
        "exhausted": backlog.exhausted if backlog else 0,
        "created_at": one.created_at,
    }


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an id.", param_hint="ENDPOINT") from None
